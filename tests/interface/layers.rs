//! The layers of the crate, read from its own sources: which files may name loom, atomics and the
//! parking lot.

use std::fs;
use std::path::{Path, PathBuf};

/// A source file: its path under `src/`, and its code without comments and texts.
struct Source {
    path: String,
    code: String,
}

fn sources() -> Vec<Source> {
    fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, paths);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                paths.push(path);
            }
        }
    }
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    collect(&src, &mut paths);
    let source = |path: &PathBuf| Source {
        path: path
            .strip_prefix(&src)
            .unwrap()
            .to_string_lossy()
            .replace('\\', "/"),
        code: code_of(&fs::read_to_string(path).unwrap()),
    };
    paths.iter().map(source).collect()
}

/// The text without `//` comments and without what stands in quotation marks. It knows no other
/// comments, no raw strings, none over several lines, and no quotation mark as a character.
fn code_of(text: &str) -> String {
    let mut code = String::new();
    for line in text.lines() {
        let mut in_string = false;
        let mut characters = line.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '\\' if in_string => drop(characters.next()),
                '"' => in_string = !in_string,
                '/' if !in_string && characters.peek() == Some(&'/') => break,
                _ if in_string => {}
                _ => code.push(character),
            }
        }
        code.push('\n');
    }
    code
}

/// The words of the code, each with what comes after it.
fn words(code: &str) -> impl Iterator<Item = (&str, &str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(is_word)
        .filter(move |&(start, _)| !code[..start].ends_with(is_word))
        .map(move |(start, _)| {
            let rest = &code[start..];
            rest.split_at(rest.find(|c| !is_word(c)).unwrap_or(rest.len()))
        })
}

/// Whether the code uses the crate: as the start of a path, or to give it another name.
/// (`cfg(loom)` is no use.)
fn uses_crate(code: &str, name: &str) -> bool {
    words(code).any(|(word, after)| {
        let after = after.trim_start();
        word == name
            && ["::", "as ", ";"]
                .iter()
                .any(|next| after.starts_with(next))
    })
}

/// Whether the code has the word.
fn has_word(code: &str, wanted: &str) -> bool {
    words(code).any(|(word, _)| word == wanted)
}

/// Checks that only files for which `allowed` says so do what `found` looks for, and that one of
/// them does.
fn check_only(found: impl Fn(&str) -> bool, allowed: impl Fn(&str) -> bool) {
    let mut paths: Vec<_> = sources()
        .into_iter()
        .filter(|source| found(&source.code))
        .map(|source| source.path)
        .collect();
    assert!(!paths.is_empty(), "it was not found anywhere");
    paths.retain(|path| !allowed(path));
    assert!(paths.is_empty(), "it was found in {paths:?}");
}

fn is_switch(path: &str) -> bool {
    path.starts_with("sys/")
}

#[test]
fn only_the_switch_names_loom() {
    check_only(|code| uses_crate(code, "loom"), is_switch);
}

#[test]
fn only_the_switch_names_atomics() {
    check_only(|code| has_word(code, "atomic"), is_switch);
}

#[test]
fn only_parking_names_the_parking_lot() {
    check_only(
        |code| has_word(code, "parking_lot_core"),
        |path| path == "parking/elsewhere.rs",
    );
}

#[test]
fn only_what_asks_the_kernel_names_its_interface() {
    const ASK: &[&str] = &[
        "ipc/types/fifo.rs",
        "ipc/types/fifo/files.rs",
        "ipc/types/fifo/presence.rs",
        "sys/copy.rs",
        "sys/fence.rs",
        "sys/fork.rs",
        "sys/real/ipc/bells.rs",
        "sys/real/ipc/block.rs",
        "sys/real/ipc/error.rs",
        "sys/real/ipc/kernel.rs",
        "sys/real/ipc/list.rs",
        "sys/real/ipc/mapped.rs",
        "sys/real/ipc/me.rs",
        "sys/real/ipc/process.rs",
        "sys/real/ipc/region.rs",
        "sys/real/mod.rs",
        "sys/system.rs",
    ];
    check_only(
        |code| uses_crate(code, "rustix") || uses_crate(code, "libc"),
        |path| ASK.contains(&path),
    );
}

/// A longer file has more than one subject.
#[test]
fn each_file_has_fewer_than_400_lines() {
    for Source { path, code } in sources() {
        let lines = code.lines().count();
        assert!(lines < 400, "{path} has {lines} lines");
    }
}

/// Beside `sys`, which chooses what a build is made of, few lines ask what build this is.
#[test]
fn few_lines_beside_sys_are_conditional() {
    let is_conditional =
        |line: &str| words(line).any(|(word, _)| ["cfg", "cfg_attr", "cfg_select"].contains(&word));
    let lines: usize = sources()
        .iter()
        .filter(|source| !is_switch(&source.path))
        .map(|source| {
            source
                .code
                .lines()
                .filter(|line| is_conditional(line))
                .count()
        })
        .sum();
    assert!((1..=30).contains(&lines), "{lines} lines");
}

/// Whether the line, which has the word `SeqCst`, is a fence.
fn is_fence(line: &str) -> bool {
    words(line)
        .any(|(word, after)| ["fence", "compiler_fence"].contains(&word) && after.starts_with('('))
}

#[test]
fn sequential_consistency_is_for_fences_only() {
    let is_fence_file = |path: &str| is_switch(path) || path == "sys/fence.rs";
    check_only(|code| has_word(code, "SeqCst"), is_fence_file);
    // Two functions of `fence.rs` stand for an access and a fence together.
    for source in sources()
        .iter()
        .filter(|source| source.path != "sys/fence.rs")
    {
        for line in source.code.lines() {
            if has_word(line, "SeqCst") {
                assert!(is_fence(line), "{}: {line}", source.path);
            }
        }
    }
}

/// Which modules of the crate each module may use: those below it. Of `sys`, this is said of each
/// part that knows what is above: the faces choose a parking lot, and what the types stand on;
/// `fork` empties the tables; `model` stands in for some of the rest. `ARCHITECTURE.md` draws this.
const LAYERS: &[(&str, &[&str])] = &[
    ("sys", &[]),
    ("sys/mod", &["algorithms"]),
    ("sys/real/mod", &["parking"]),
    ("sys/real/ipc", &["policy"]),
    ("sys/signatures", &["raw"]),
    ("sys/spec", &["raw"]),
    ("sys/fork", &["parking", "policy", "rwlock", "waiters"]),
    (
        "sys/model",
        &["parking", "policy", "rwlock", "tokens", "waiters"],
    ),
    ("tokens", &[]),
    ("raw", &["tokens"]),
    ("policy", &["sys", "tokens"]),
    ("parking", &["policy", "sys", "tokens"]),
    ("waiters", &["parking", "policy", "sys", "tokens"]),
    ("mutex", &["parking", "policy", "sys", "tokens", "waiters"]),
    ("rwlock", &["parking", "policy", "sys", "tokens", "waiters"]),
    ("semaphore", &["parking", "policy", "raw", "sys", "tokens"]),
    (
        "condvar",
        &[
            "mutex", "parking", "policy", "raw", "rwlock", "sys", "tokens", "waiters",
        ],
    ),
    ("types", &["raw", "sys"]),
    // Between processes no thread parks.
    ("ipc", &["policy", "sys", "types"]),
    ("lock_apis", &["types"]),
    ("poison", &["sys", "types"]),
    ("serialize", &["poison", "types"]),
    ("lifecycle", &["ipc"]),
    ("limits", &["ipc"]),
];

/// The modules that follow `crate::`, also in braces. A name with a capital is one of `types`.
fn used_modules(code: &str) -> Vec<&str> {
    let first = |rest| match words(rest).next() {
        Some((name, _)) if name.starts_with(char::is_uppercase) => "types",
        Some((name, _)) => name,
        None => panic!("nothing follows `crate::`"),
    };
    let is_own =
        |before: &str| !before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$');
    let mut modules = Vec::new();
    for (start, found) in code.match_indices("crate::") {
        let rest = &code[start + found.len()..];
        let Some(list) = rest.strip_prefix('{') else {
            modules.extend(is_own(&code[..start]).then(|| first(rest)));
            continue;
        };
        let (mut depth, mut begins) = (0, true);
        for (at, character) in list.char_indices() {
            match character {
                '}' if depth == 0 => break,
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => begins = true,
                c if begins && !c.is_whitespace() => {
                    modules.push(first(&list[at..]));
                    begins = false;
                }
                _ => {}
            }
        }
    }
    modules
}

#[test]
fn each_module_uses_only_those_below_it() {
    let mut found = 0;
    for Source { path, code } in sources() {
        let module = path.split(['/', '.']).next().expect("a name");
        if module == "lib" || path.ends_with("tests.rs") {
            continue;
        }
        let is_of = |&&(name, _): &&(&str, _)| {
            path.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(['/', '.']))
        };
        let layer = LAYERS
            .iter()
            .filter(is_of)
            .max_by_key(|(name, _)| name.len());
        let (_, below) = layer.unwrap_or_else(|| panic!("{path} is in no layer"));
        for used in used_modules(&code) {
            found += 1;
            assert!(
                used == module || below.contains(&used),
                "{path} uses {used}"
            );
        }
    }
    assert!(found > 100, "nothing was found");
}

#[test]
fn what_is_looked_for_would_be_found() {
    let code = "use crate::{a, b::{c, d}, e}; crate::f::g(); $crate::h; my_crate::i; crate::J";
    assert_eq!(used_modules(code), ["a", "b", "e", "f", "types"]);
    assert!(uses_crate("use loom::sync::Arc;", "loom"));
    assert!(uses_crate("use ::loom as model;", "loom"));
    assert!(uses_crate("extern crate loom;", "loom"));
    assert!(!uses_crate(
        "#[cfg(all(not(loom), loom))] cfg!(loom)",
        "loom"
    ));
    assert!(!uses_crate("heirloom::x; loom_rs::y", "loom"));
    assert!(has_word("use std::{fmt, sync::{Arc, atomic}};", "atomic"));
    assert!(!has_word("atomic_wait::f(anatomic, atomics)", "atomic"));
    assert!(is_fence("std::sync::atomic::fence(SeqCst)"));
    assert!(!is_fence("self.state.load(SeqCst)"));
    let code = code_of("a // loom::x\n\"atomic:: \\\" //\" b // \"\n'/' / 2");
    assert_eq!(code, "a \n b \n'/' / 2\n");
    let found: Vec<_> = words("one(two_3)").collect();
    assert_eq!(found, [("one", "(two_3)"), ("two_3", ")")]);
}
