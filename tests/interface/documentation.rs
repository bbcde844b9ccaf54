//! What the README and the pages of the documentation say of this repository is so.
#![cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]

use anteroom::{Condvar, Mutex, RwLock, Semaphore, ipc};
use common::processes::{Child, Name, turn};
use std::path::Path;

const README: &str = include_str!("../../README.md");
const ARCHITECTURE: &str = include_str!("../../ARCHITECTURE.md");
const CONTRIBUTING: &str = include_str!("../../CONTRIBUTING.md");
const MIGRATION: &str = include_str!("../../MIGRATION.md");
const SECURITY: &str = include_str!("../../SECURITY.md");
const VERIFICATION: &str = include_str!("../../VERIFICATION.md");
const FOUND: &str = include_str!("../FOUND.md");
const RESULTS: &str = include_str!("../../benches/RESULTS.md");
const FRONT: &str = include_str!("../../src/lib.rs");
const LIFECYCLE: &str = include_str!("../../src/lifecycle.md");
const LIMITS: &str = include_str!("../../src/limits.md");

/// The addresses to which a text links, other pages of the same text excepted.
fn links(text: &str) -> Vec<&str> {
    let after = |mark: &str, end: char| {
        let rest = text.split(mark).skip(1);
        rest.filter_map(|it| it.split(end).next())
            .collect::<Vec<_>>()
    };
    let inline = after("](", ')');
    let defined = after("]: ", '\n');
    let mut links: Vec<&str> = inline.into_iter().chain(defined).collect();
    links.retain(|link| !link.starts_with("http") && !link.starts_with('#'));
    links
}

#[test]
fn links_lead_to_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = [
        (README, root.to_path_buf(), 20),
        (ARCHITECTURE, root.to_path_buf(), 40),
        (CONTRIBUTING, root.to_path_buf(), 5),
        (MIGRATION, root.to_path_buf(), 2),
        (SECURITY, root.to_path_buf(), 5),
        (VERIFICATION, root.to_path_buf(), 1),
        (FOUND, root.join("tests"), 4),
        (RESULTS, root.join("benches"), 3),
        (LIFECYCLE, root.join("src"), 1),
        (LIMITS, root.join("src"), 10),
    ];
    for (text, folder, at_least) in pages {
        let links = links(text);
        assert!(links.len() >= at_least, "the links are gone: {links:?}");
        for link in links {
            let (file, _) = link.split_once('#').unwrap_or((link, ""));
            assert!(folder.join(file).exists(), "{link}");
        }
    }
}

/// The second column of a table's row, which begins with this primitive.
fn bytes<'a>(page: &'a str, primitive: &str) -> &'a str {
    let lines = page
        .lines()
        .map(|line| line.trim_start_matches("//!").trim());
    let names = [format!("| `{primitive}` |"), format!("| [`{primitive}`] |")];
    let row = lines
        .clone()
        .find_map(|line| names.iter().find_map(|name| line.strip_prefix(&**name)));
    let row = row.unwrap_or_else(|| panic!("no row of {primitive}"));
    row.split('|').next().expect("a cell").trim()
}

#[test]
fn sizes_in_the_tables_are_those_of_the_types() {
    let sizes = [
        ("Mutex", size_of::<Mutex<()>>(), " + data"),
        ("RwLock", size_of::<RwLock<()>>(), " + data"),
        ("Condvar", size_of::<Condvar>(), ""),
        ("Semaphore", size_of::<Semaphore>(), ""),
        ("ipc::Mutex", size_of::<ipc::Mutex<()>>(), " + data"),
        ("ipc::RwLock", size_of::<ipc::RwLock<()>>(), " + data"),
        ("ipc::Condvar", size_of::<ipc::Condvar>(), ""),
        ("ipc::Semaphore", size_of::<ipc::Semaphore>(), ""),
    ];
    for (primitive, size, rest) in sizes {
        for page in [README, FRONT] {
            let text = bytes(page, primitive).replace(',', "");
            assert_eq!(text, format!("{size}{rest}"), "{primitive}");
        }
    }
}

/// How many descriptors a child of its own opens to make this.
fn descriptors<T>(make: impl FnOnce() -> T, expected: usize) {
    let child = Child::fork(|| {
        let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
        let before = open();
        let made = make();
        assert_eq!(open() - before, expected);
        drop(made);
    });
    child.succeed();
}

#[test]
fn ends_take_as_many_descriptors_as_the_limits_say() {
    if common::emulator().is_some() {
        return common::skip("no robust list under an emulator");
    }
    let _turn = turn();
    assert!(LIMITS.contains("| 3 (an end of a FIFO 2) |"));
    descriptors(|| ipc::pipe(1).unwrap(), 2 * 3);
    let name = Name::new("ends");
    ipc::Fifo::create(&name, 1).unwrap();
    let both = || {
        std::thread::scope(|s| {
            let reader = s.spawn(|| ipc::Fifo::open_reader(&name).unwrap());
            let writer = ipc::Fifo::open_writer(&name).unwrap();
            (reader.join().unwrap(), writer)
        })
    };
    descriptors(both, 2 * 2);
    ipc::Fifo::unlink(&name).unwrap();
}
