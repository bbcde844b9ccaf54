//! A crate's own tests, with the original and with the changed copy.

use super::crates::Subject;
use super::{cargo, folder};
use anyhow::{Context, Result, ensure};
use regex::Regex;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use wait_timeout::ChildExt;

pub const HEADING: &str = "\
| crate | how | tests | pass with both | fail with both | ignored | only with the original \
| only with ours |
|---|---|---|---|---|---|---|---|";

/// A program of tests that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(900);
/// How often a test runs again by itself that has ended in two ways.
const AGAIN: usize = 5;

/// How a test has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    Passed,
    Failed,
    Ignored,
    /// Its program was gone before that, or did not end.
    Missing,
}

/// A program of tests.
struct Program {
    /// Its target.
    name: String,
    path: PathBuf,
}

/// The ends of all tests, by the names of their program and their own.
type Ends = BTreeMap<(String, String), End>;

/// A test that has ended in two ways, and how often it passed alone with the original and ours.
struct Difference {
    test: (String, String),
    ends: [End; 2],
    passed: [usize; 2],
}

/// One crate's tests.
pub struct Comparison<'a> {
    subject: &'a Subject,
    ends: [Ends; 2],
    differences: Vec<Difference>,
    /// Targets that the original does not build.
    unbuilt: Vec<String>,
}

/// Runs the tests of both copies.
pub fn compare(subject: &Subject) -> Result<Comparison<'_>> {
    println!("{}", subject.title());
    let [original, changed] = [subject.original_copy()?, subject.changed_copy()?];
    let (originals, unbuilt) = build(subject, &original)?;
    let (ours, unbuilt_ours) = build(subject, &changed)?;
    ensure!(
        unbuilt == unbuilt_ours,
        "{}: the original does not build {unbuilt:?}, ours {unbuilt_ours:?}",
        subject.title()
    );
    let ends = [
        run_all(subject, &originals, &original)?,
        run_all(subject, &ours, &changed)?,
    ];
    let mut differences = Vec::new();
    for test in ends.iter().flat_map(Ends::keys).collect::<BTreeSet<_>>() {
        let of_both = [0, 1].map(|copy: usize| ends[copy].get(test).copied());
        let of_both = of_both.map(|end| end.unwrap_or(End::Missing));
        if of_both[0] != of_both[1] {
            let passed = [
                times_passed(&originals, &original, test)?,
                times_passed(&ours, &changed, test)?,
            ];
            differences.push(Difference {
                test: test.clone(),
                ends: of_both,
                passed,
            });
        }
    }
    Ok(Comparison {
        subject,
        ends,
        differences,
        unbuilt,
    })
}

impl Comparison<'_> {
    /// Whether each test that has ended otherwise passes by itself at least half as often as with
    /// the original: many have a time limit, which a busy machine exceeds now and then.
    pub fn is_same(&self) -> bool {
        let as_often = |Difference { passed, .. }: &Difference| 2 * passed[1] >= passed[0];
        self.differences.iter().all(as_often)
    }

    /// What is not as with the original, a line for each.
    pub fn details(&self) -> String {
        let mut lines = Vec::new();
        if !self.unbuilt.is_empty() {
            let unbuilt = self.unbuilt.join(", ");
            lines.push(format!(
                "  do not build, with the original either: {unbuilt}"
            ));
        }
        lines.extend(
            self.subject
                .skip
                .iter()
                .map(|skip| format!("  not run: {} ({})", skip.test, skip.why)),
        );
        lines.extend(self.differences.iter().map(|difference| {
            let Difference {
                test: (program, test),
                ends,
                passed,
            } = difference;
            format!(
                "  {program} {test}: with the original {:?}, with ours {:?}; by itself it passed \
                 {} and {} of {AGAIN} times",
                ends[0], ends[1], passed[0], passed[1]
            )
        }));
        lines.join("\n")
    }

    /// Its line of the table.
    pub fn line(&self) -> String {
        let both = |end| {
            let is_so = |(test, of_original): &(&(String, String), &End)| {
                **of_original == end && self.ends[1].get(test) == Some(&end)
            };
            self.ends[0].iter().filter(is_so).count()
        };
        let only = |copy: usize| {
            let passed = |difference: &&Difference| difference.ends[copy] == End::Passed;
            self.differences.iter().filter(passed).count()
        };
        let Subject { name, version, .. } = self.subject;
        format!(
            "| {name} {version} | {} | {} | {} | {} | {} | {} | {} |",
            self.subject.way(),
            self.ends[0].len(),
            both(End::Passed),
            both(End::Failed) + both(End::Missing),
            both(End::Ignored),
            only(0),
            only(1)
        )
    }
}

/// The line of a crate whose tests could not be compared.
pub fn line_of_error(subject: &Subject) -> String {
    let Subject { name, version, .. } = subject;
    let way = subject.way();
    format!("| {name} {version} | {way} | not compared | | | | | |")
}

/// Builds the tests. Returns their programs, and the targets that do not build.
fn build(subject: &Subject, package: &Path) -> Result<(Vec<Program>, Vec<String>)> {
    let mut build = cargo(package, "build");
    build.args([
        "--tests",
        "--keep-going",
        "--message-format",
        "json",
        "--quiet",
    ]);
    build.args(["--features", &subject.features.join(",")]);
    // No debugger looks at these, and they are many. Some deny what a newer compiler warns of.
    build
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("CARGO_INCREMENTAL", "0")
        .env("RUSTFLAGS", "--cap-lints warn");
    let text = build.stderr(Stdio::null()).output()?.stdout;
    let text = String::from_utf8(text)?;
    let (mut programs, mut unbuilt) = (Vec::new(), BTreeSet::new());
    let manifest = package.join("Cargo.toml");
    for message in text.lines().map(serde_json::from_str::<Message>) {
        let Message {
            manifest_path,
            target,
            executable,
            message,
        } = message?;
        let Some(target) = target.filter(|_| manifest_path.as_ref() == Some(&manifest)) else {
            continue;
        };
        if let Some(path) = executable {
            let name = target.name;
            programs.push(Program { name, path });
        } else if message.is_some_and(|message| message.level == "error") {
            unbuilt.insert(target.name);
        }
    }
    ensure!(
        !programs.is_empty(),
        "{}: no tests are built",
        package.display()
    );
    programs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok((programs, unbuilt.into_iter().collect()))
}

/// What cargo says of a target.
#[derive(Deserialize)]
struct Message {
    manifest_path: Option<PathBuf>,
    target: Option<Target>,
    executable: Option<PathBuf>,
    message: Option<Diagnostic>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

#[derive(Deserialize)]
struct Diagnostic {
    level: String,
}

fn run_all(subject: &Subject, programs: &[Program], package: &Path) -> Result<Ends> {
    let skipped = subject.skip.iter().flat_map(|skip| ["--skip", &skip.test]);
    let skipped: Vec<_> = skipped.collect();
    let mut ends = Ends::new();
    for program in programs {
        let name = &program.name;
        let (text, succeeded) = run(program, package, &skipped)?;
        let tests = parse(&text);
        if tests.is_empty() && !text.contains("running 0 tests") {
            // Its tests are not those of rustc.
            let end = if succeeded { End::Passed } else { End::Failed };
            ends.insert((name.clone(), "all".into()), end);
        }
        ends.extend(
            tests
                .into_iter()
                .map(|(test, end)| ((name.clone(), test), end)),
        );
    }
    Ok(ends)
}

/// How often a test passes, alone in its program.
fn times_passed(programs: &[Program], package: &Path, test: &(String, String)) -> Result<usize> {
    let mut programs = programs.iter();
    let Some(program) = programs.find(|program| program.name == test.0) else {
        return Ok(0);
    };
    let mut passed = 0;
    for _ in 0..AGAIN {
        let (text, succeeded) = run(program, package, &["--exact", &test.1])?;
        let ends = parse(&text);
        let end = ends.get(&test.1);
        passed += usize::from(end == Some(&End::Passed) || test.1 == "all" && succeeded);
    }
    Ok(passed)
}

/// Runs a program, and returns what it printed, and whether it was content.
fn run(program: &Program, package: &Path, arguments: &[&str]) -> Result<(String, bool)> {
    let path = folder().join("tests.log");
    let log = File::create(&path)?;
    let mut child = Command::new(&program.path)
        .args(arguments)
        .current_dir(package)
        .env("CARGO_MANIFEST_DIR", package)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| program.path.display().to_string())?;
    let status = child.wait_timeout(PATIENCE)?;
    if status.is_none() {
        child.kill()?;
        child.wait()?;
    }
    let text = String::from_utf8_lossy(&fs::read(path)?).into_owned();
    Ok((text, status.is_some_and(|status| status.success())))
}

/// How each test has ended, by what rustc's harness prints. A test whose name stands there without
/// an end is missing.
fn parse(text: &str) -> BTreeMap<String, End> {
    let line = Regex::new(r"(?m)^test (\S+)(?: - should panic)? \.\.\. ?(ok|FAILED|ignored|)")
        .expect("a fine expression");
    let of_line = |line: regex::Captures| {
        let end = match &line[2] {
            "ok" => End::Passed,
            "FAILED" => End::Failed,
            "ignored" => End::Ignored,
            _ => End::Missing,
        };
        (line[1].to_string(), end)
    };
    line.captures_iter(text).map(of_line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_is_read_from_what_the_harness_prints() {
        let text = "running 5 tests\n\
                    test one ... ok\n\
                    test two::of_it - should panic ... FAILED\n\
                    test three ... ignored, takes long\n\
                    test four ... thread 'four' prints something\n\
                    test result: FAILED. 1 passed\n";
        let ends = [
            ("four", End::Missing),
            ("one", End::Passed),
            ("three", End::Ignored),
            ("two::of_it", End::Failed),
        ];
        let ends = ends.map(|(test, end)| (test.to_string(), end));
        assert_eq!(parse(text), BTreeMap::from(ends));
    }
}
