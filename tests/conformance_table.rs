//! `CONFORMANCE.md` names tests, and each of them is there.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// The `file::name` of every test: of a function that comes after `#[test]`, and where a macro names it `$name`, of
/// every line that begins with a name and a colon, as such macros are called.
fn tests_of(file: &str, text: &str) -> Vec<String> {
    let functions = text.split("#[test]").skip(1).map(|after| {
        let (_, function) = after.split_once("fn ").expect("a function after #[test]");
        let end = function.find('(').expect("a function has parameters");
        &function[..end]
    });
    let (by_macros, mut names): (Vec<_>, Vec<_>) = functions.partition(|name| *name == "$name");
    if !by_macros.is_empty() {
        let lines = text.lines().filter_map(|line| line.trim().split_once(": "));
        names.extend(lines.map(|(name, _)| name));
    }
    names.iter().map(|name| format!("{file}::{name}")).collect()
}

fn all_tests() -> HashSet<String> {
    let mut all = HashSet::new();
    for entry in fs::read_dir(tests()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let file = path.file_stem().unwrap().to_string_lossy();
            all.extend(tests_of(&file, &fs::read_to_string(&path).unwrap()));
        }
    }
    all
}

/// What stands in backquotes and has `::` in it.
fn named_in(table: &str) -> Vec<&str> {
    let quoted = table.split('`').skip(1).step_by(2);
    quoted.filter(|quoted| quoted.contains("::")).collect()
}

#[test]
fn every_test_that_the_table_names_exists() {
    let table = fs::read_to_string(tests().join("CONFORMANCE.md")).unwrap();
    let all = all_tests();
    let named = named_in(&table);
    assert!(named.len() > 50, "the table is gone");
    let missing: Vec<_> = named.iter().filter(|name| !all.contains(**name)).collect();
    assert!(missing.is_empty(), "there are no tests {missing:#?}");
}

#[test]
fn every_conformance_test_is_in_the_table() {
    let table = fs::read_to_string(tests().join("CONFORMANCE.md")).unwrap();
    let named: HashSet<_> = named_in(&table).into_iter().collect();
    for test in all_tests() {
        let is_conformance = ["conformance_locks::", "conformance_waiting::"];
        if is_conformance.iter().any(|file| test.starts_with(file)) {
            assert!(named.contains(&*test), "{test} is in no table");
        }
    }
}

#[test]
fn what_is_looked_for_would_be_found() {
    let text =
        "#[test]\n#[cfg(x)]\nfn one() {}\nfn no_test() {}\n    #[test]\n    fn two() { f(1) }";
    assert_eq!(tests_of("file", text), ["file::one", "file::two"]);
    let text = "#[test]\nfn $name() {}\ncalled! {\n    three: 3;\n}";
    assert_eq!(tests_of("file", text), ["file::three"]);
    assert_eq!(
        named_in("| a `b` | `c::d`, `e`; `f::g` |"),
        ["c::d", "f::g"]
    );
}
