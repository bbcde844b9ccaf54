//! `CONFORMANCE.md` and `ADVERSARIES.md` name tests, and each of them exists.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// The `module::name` of every test: of a function that comes after `#[test]`, and where a macro
/// names it `$name`, of every line that begins with a name and a colon, as such macros are called.
fn tests_of(module: &str, text: &str) -> Vec<String> {
    let functions = text.split("#[test]").skip(1).map(|after| {
        let (_, function) = after.split_once("fn ").expect("a function after #[test]");
        let end = function.find('(').expect("a function has parameters");
        &function[..end]
    });
    let (by_macros, mut names): (Vec<_>, Vec<_>) = functions.partition(|name| *name == "$name");
    if !by_macros.is_empty() {
        let lines = text.lines().map(str::trim);
        names.extend(lines.filter_map(|line| match line.strip_suffix(':') {
            Some(name) => Some(name),
            None => Some(line.split_once(": ")?.0),
        }));
    }
    names
        .iter()
        .map(|name| format!("{module}::{name}"))
        .collect()
}

/// The Rust files of a folder, and of those in it.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap();
    let paths = paths.map(|entry| entry.unwrap().path());
    let files = paths.flat_map(|path| match path.is_dir() {
        true => files_in(&path),
        false => vec![path],
    });
    let is_rust = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    files.filter(is_rust).collect()
}

/// All tests by their binary and their module: `mutex::data_is_dropped_once` is in `mutex/main.rs`,
/// and `mutex::fairness::bump_lets_a_sleeper_in` in `mutex/fairness.rs`.
fn all_tests() -> HashSet<String> {
    let mut all = HashSet::new();
    for path in files_in(&tests()) {
        let module = path.strip_prefix(tests()).unwrap().with_extension("");
        let mut module: Vec<_> = module.iter().map(|part| part.to_string_lossy()).collect();
        module.pop_if(|file| file == "main");
        all.extend(tests_of(
            &module.join("::"),
            &fs::read_to_string(&path).unwrap(),
        ));
    }
    all
}

/// What stands in backquotes and has `::` in it.
fn named_in(table: &str) -> Vec<&str> {
    let quoted = table.split('`').skip(1).step_by(2);
    quoted.filter(|quoted| quoted.contains("::")).collect()
}

/// Checks that a table of tests names so many at least, and that each exists.
fn check(table: &str, at_least: usize) {
    let table = fs::read_to_string(tests().join(table)).unwrap();
    let mut all = all_tests();
    // The tests of events have their names from a list.
    let events = fs::read_to_string(tests().join("lifecycle/main.rs")).unwrap();
    let names = events.split('"').skip(1).step_by(2);
    all.extend(names.map(|name| format!("lifecycle::{name}")));
    let named = named_in(&table);
    assert!(named.len() > at_least, "the table is gone");
    let missing: Vec<_> = named.iter().filter(|name| !all.contains(**name)).collect();
    assert!(missing.is_empty(), "there are no tests {missing:#?}");
}

#[test]
fn every_test_that_the_table_names_exists() {
    check("CONFORMANCE.md", 50);
}

#[test]
fn every_test_that_the_list_of_adversaries_names_exists() {
    check("ADVERSARIES.md", 90);
}

#[test]
fn every_conformance_test_is_in_the_table() {
    let table = fs::read_to_string(tests().join("CONFORMANCE.md")).unwrap();
    let named: HashSet<_> = named_in(&table).into_iter().collect();
    for test in all_tests() {
        if test.contains("::conformance::") {
            assert!(named.contains(&*test), "{test} is in no table");
        }
    }
}

#[test]
fn what_is_looked_for_would_be_found() {
    let text =
        "#[test]\n#[cfg(x)]\nfn one() {}\nfn no_test() {}\n    #[test]\n    fn two() { f(1) }";
    assert_eq!(tests_of("file", text), ["file::one", "file::two"]);
    let text = "#[test]\nfn $name() {}\ncalled! {\n    three: 3;\n    four:\n 4;\n}";
    assert_eq!(tests_of("file", text), ["file::three", "file::four"]);
    assert_eq!(
        named_in("| a `b` | `c::d`, `e`; `f::g` |"),
        ["c::d", "f::g"]
    );
}
