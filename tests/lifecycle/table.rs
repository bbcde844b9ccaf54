//! `src/lifecycle.md` has a cell for each primitive at each event, none of them is empty, and the
//! tests that they name are the ones of this program.

use std::collections::HashSet;

const PAGE: &str = include_str!("../../src/lifecycle.md");

/// What is in the first column of the two tables of each event.
const IN_PROCESS: &[&str] = &["Mutex", "RwLock", "Condvar", "Semaphore"];
const BETWEEN: &[&str] = &[
    "Mutex",
    "RwLock",
    "Condvar",
    "Semaphore",
    "MessageQueue",
    "pipe",
    "Fifo",
    "Shared",
    "SharedMemory",
];

/// With what a cell of the second column begins.
const WORKS: &str = "**works**";
const REFUSED: &str = "**refused**";
const NOT_SUPPORTED: &str = "**not supported**";

/// The events: the title of each, and the rows of its tables, the heads being rows too.
fn events(page: &str) -> Vec<(&str, Vec<Vec<&str>>)> {
    let sections = page.split("\n## ").skip(1);
    sections
        .map(|section| {
            let (title, text) = section.split_once('\n').expect("a title");
            let rows = text.lines().filter(|line| line.starts_with('|'));
            (title, rows.map(cells).collect())
        })
        .collect()
}

fn cells(row: &str) -> Vec<&str> {
    let row = row.trim().trim_start_matches('|');
    let row = row.strip_suffix('|').expect("a row ends with a bar");
    row.split('|').map(str::trim).collect()
}

/// The rows of each of an event's tables, without the heads.
fn tables<'a>(rows: &[Vec<&'a str>]) -> Vec<Vec<Vec<&'a str>>> {
    let mut tables = Vec::new();
    for row in rows {
        match row[0] {
            "primitive" => tables.push(Vec::new()),
            rule if rule.starts_with("---") => {}
            _ => tables.last_mut().expect("a head").push(row.clone()),
        }
    }
    tables
}

/// What stands in backquotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The tests that the text names.
fn named(text: &str) -> impl Iterator<Item = &str> {
    let is_test = |name: &&str| {
        name.split_once("::").is_some_and(|(event, subject)| {
            let is_name = |it: &str| it.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            is_name(event) && is_name(subject)
        })
    };
    quoted(text).filter(is_test)
}

/// What is wrong with a cell of the second column, if anything.
fn fault(cell: &str) -> Option<&'static str> {
    let tests = named(cell).count();
    if cell.starts_with(WORKS) && tests == 0 {
        return Some("it works, but no test shows it");
    }
    if cell.starts_with(REFUSED) && (tests == 0 || cell.len() < 40) {
        return Some("it is refused, but the error or the test is not named");
    }
    if cell.starts_with(NOT_SUPPORTED) && (tests == 0 || cell.len() < 60) {
        return Some("it is not supported, but not why, or no test shows what happens");
    }
    let begins = [WORKS, REFUSED, NOT_SUPPORTED]
        .iter()
        .any(|it| cell.starts_with(it));
    (!begins).then_some("it does not say whether it works")
}

pub(crate) fn has_no_empty_cell() {
    let events = events(PAGE);
    assert!(events.len() > 20, "the table is gone");
    for (title, rows) in events {
        for rows in tables(&rows) {
            for row in rows {
                assert!(row.iter().all(|cell| !cell.is_empty()), "{title}: {row:?}");
                assert_eq!(fault(row[1]), None, "{title}: {row:?}");
            }
        }
    }
}

pub(crate) fn has_each_primitive_at_each_event() {
    for (title, rows) in events(PAGE) {
        let tables = tables(&rows);
        let primitives = tables.iter().map(|rows| {
            let first = rows.iter().flat_map(|row| quoted(row[0]));
            first.collect::<Vec<_>>()
        });
        let primitives: Vec<_> = primitives.collect();
        assert_eq!(primitives, [IN_PROCESS, BETWEEN], "{title}");
        for (rows, columns) in tables.iter().zip([5, 3]) {
            assert!(rows.iter().all(|row| row.len() == columns), "{title}");
        }
    }
}

pub(crate) fn names_the_tests_there_are() {
    let tests = crate::tests();
    let tests = tests.iter().map(|(name, _)| &**name);
    let no_test = |name: &&str| name.starts_with("table::") || name.starts_with("peers::");
    let tests: HashSet<_> = tests.filter(|name| !no_test(name)).collect();
    let named: HashSet<_> = named(PAGE).collect();
    let missing: Vec<_> = named.difference(&tests).collect();
    assert!(missing.is_empty(), "there are no tests {missing:#?}");
    let unnamed: Vec<_> = tests.difference(&named).collect();
    assert!(unnamed.is_empty(), "the table does not name {unnamed:#?}");
}

/// The names of the tests of a column of another library, for a primitive.
fn peers(column: &str, between: bool, primitive: &str) -> Vec<String> {
    let rwlock = |library: &str| ["written", "read"].map(|it| format!("{library}_rwlock_{it}"));
    let names = match (column, between, primitive) {
        ("std" | "parking_lot", false, "RwLock") => rwlock(column).to_vec(),
        ("std" | "parking_lot", false, "Mutex") => vec![format!("{column}_mutex")],
        ("std" | "parking_lot", false, "Condvar") => vec![format!("{column}_condvar")],
        ("glibc", false, "RwLock") => rwlock("glibc").to_vec(),
        ("glibc", false, "Mutex") => vec!["glibc_mutex".into()],
        ("glibc", false, "Condvar") => vec!["glibc_condvar".into()],
        ("glibc", false, "Semaphore") => vec!["glibc_semaphore".into()],
        (_, true, "RwLock") => rwlock("glibc_shared").to_vec(),
        (_, true, "Mutex") => vec!["glibc_robust_mutex".into()],
        (_, true, "Condvar") => vec!["glibc_shared_condvar".into()],
        (_, true, "Semaphore") => vec!["glibc_shared_semaphore".into()],
        (_, true, "MessageQueue") => vec!["kernel_queue".into()],
        (_, true, "pipe") => vec!["kernel_pipe".into()],
        (_, true, "Fifo") => vec!["kernel_fifo".into()],
        (_, true, "Shared") => vec!["kernel_memory".into()],
        _ => Vec::new(),
    };
    assert!(
        !names.is_empty() || column != "glibc",
        "{column}: {primitive}"
    );
    names
}

/// With what a cell begins that says nothing of its own.
const REFERS: &[&str] = &["has none", "has no guards", "as its mutex", "as between"];

/// Whether a cell of another library needs no test or has one, or is taken from a source.
fn is_evident(cell: &str, is_tested: bool) -> bool {
    is_tested || cell.contains('†') || REFERS.iter().any(|it| cell.starts_with(it))
}

/// What stands in a cell of another library was seen in a test, or has a dagger.
pub(crate) fn peers_were_seen_or_cited() {
    let (_, tests) = crate::ours_and_peers();
    let tests: HashSet<_> = tests.into_iter().map(|(name, _)| name).collect();
    let mut wanting = Vec::new();
    let mut checked = 0;
    for (title, rows) in events(PAGE) {
        let mut ours = rows.iter().flat_map(|row| named(row[1]));
        let (event, _) = ours.next().and_then(|it| it.split_once("::")).expect(title);
        for (between, rows) in tables(&rows).into_iter().enumerate() {
            let columns: &[_] = [&["std", "parking_lot", "glibc"][..], &["glibc"]][between];
            for row in rows {
                let primitive = quoted(row[0]).next().expect("a primitive");
                for (column, cell) in columns.iter().zip(&row[2..]) {
                    let names = peers(column, between == 1, primitive);
                    let is_test = |name| tests.contains(&format!("peers::{event}::{name}"));
                    let is_tested = !names.is_empty() && names.iter().all(is_test);
                    checked += 1;
                    if !is_evident(cell, is_tested) {
                        wanting.push(format!("{event}, {primitive}, {column}: {cell}"));
                    }
                }
            }
        }
    }
    assert!(checked > 400, "{checked} cells");
    assert!(wanting.is_empty(), "neither seen nor cited: {wanting:#?}");
}

/// The checks above fail where they should.
pub(crate) fn faults_are_found() {
    assert_eq!(fault("**works**: `event::mutex`"), None);
    assert_eq!(
        fault("**not supported**: waiters are found by their address. `event::mutex`"),
        None
    );
    for bad in [
        "",
        "works: `event::mutex`",
        "**works**",
        "**works**: `Event`",
        "**not supported**: `event::mutex_of_a_long_name`",
        "**not supported**: waiters are found by their address, and by nothing else",
    ] {
        assert!(fault(bad).is_some(), "{bad}");
    }
    assert!(fault("**refused**: `event::mutex`").is_some());
    assert!(is_evident("works †", false) && is_evident("works", true));
    assert!(is_evident("as its mutex", false) && !is_evident("works", false));
    let page = "# page\n\n## event\n| primitive | here |\n|---|---|\n| `Mutex` |  |\n";
    let [(title, rows)] = &events(page)[..] else {
        panic!("one event")
    };
    assert_eq!(
        (*title, &tables(rows)),
        ("event", &vec![vec![vec!["`Mutex`", ""]]])
    );
    let names: Vec<_> = named("`a::b`, `Mutex`, `std::sync::Mutex`, `x_y::z_a`").collect();
    assert_eq!(names, ["a::b", "x_y::z_a"]);
}
