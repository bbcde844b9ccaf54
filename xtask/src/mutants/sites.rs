//! Finds what can be broken in a file, and writes the file so that each site asks whether it is to
//! be.
//!
//! Nothing is ever taken out of the text: a mutant of an expression `E` becomes
//! `(if crate::mutant::active(17) { MUTATED } else { E })`, and several of one expression nest.
//! What is a site, and why, is said by [`super::operators`].

use super::names::Names;
use super::operators::Finder;
use anyhow::{Context, Result};
use serde::Serialize;
use std::ops::Range;
use syn::visit::Visit;

/// One change to one place.
#[derive(Clone, Debug, Serialize)]
pub struct Mutant {
    pub file: String,
    pub line: usize,
    pub column: usize,
    /// That line's text.
    pub code: String,
    /// The text of the line before that.
    pub before: String,
    /// The change.
    pub what: String,
}

impl Mutant {
    pub fn place(&self) -> String {
        format!("{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A file that can be any of its mutants.
pub struct Schema {
    pub text: String,
    pub mutants: Vec<Mutant>,
}

/// Finds the mutants of a file, which are numbered from `first` on.
pub fn find(file: &str, text: &str, names: &Names, first: usize) -> Result<Schema> {
    let mut finder = Finder::new(
        names,
        Site {
            file,
            text,
            first,
            ..Site::default()
        },
    );
    finder.visit_file(&syn::parse_file(text).with_context(|| file.to_string())?);
    Ok(finder.site.finish())
}

/// Writes a file so that each of these expressions may have another value. Of nested ones the
/// outermost comes first.
pub fn plant<'a>(
    file: &str,
    text: &str,
    changes: impl IntoIterator<Item = (Range<usize>, &'a str, &'a str)>,
    first: usize,
) -> Schema {
    let mut site = Site {
        file,
        text,
        first,
        ..Site::default()
    };
    for (at, what, instead) in changes {
        site.instead(at, what.into(), instead);
    }
    site.finish()
}

/// Collects mutants, and what is to be inserted for them.
#[derive(Default)]
pub struct Site<'a> {
    file: &'a str,
    text: &'a str,
    first: usize,
    mutants: Vec<Mutant>,
    /// Positions in the text, and what to insert there.
    before: Vec<(usize, String)>,
    after: Vec<(usize, String)>,
}

impl Site<'_> {
    /// The expression there may have another value.
    pub fn instead(&mut self, at: Range<usize>, what: String, mutated: &str) {
        self.insert(at, what, mutated, "");
    }

    /// The expression there, whose value is unused, may be left out.
    pub fn left_out(&mut self, at: Range<usize>) {
        let what = format!("leave out `{}`", self.shown(at.clone()));
        self.insert(at, what, "", ";");
    }

    pub fn text(&self, at: Range<usize>) -> &str {
        &self.text[at]
    }

    /// The text there, in one short line.
    pub fn shown(&self, at: Range<usize>) -> String {
        const MOST: usize = 60;
        let line = self.text[at]
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .replace(" .", ".");
        match line.char_indices().nth(MOST) {
            Some((end, _)) => format!("{} …", &line[..end]),
            None => line,
        }
    }

    fn insert(&mut self, at: Range<usize>, mut what: String, mutated: &str, end: &str) {
        let id = self.first + self.mutants.len();
        let start = format!("(if crate::mutant::active({id}) {{ {mutated} }} else {{ ");
        let above = &self.text[..at.start];
        let line = above.matches('\n').count() + 1;
        let column = above.chars().rev().take_while(|c| *c != '\n').count() + 1;
        let text = |line| self.text.lines().nth(line).unwrap_or_default().trim();
        let code = text(line - 1);
        let before = if line > 1 { text(line - 2) } else { "" };
        let same = |other: &&Mutant| other.line == line && other.what.starts_with(&what);
        let earlier = self.mutants.iter().filter(same).count();
        if earlier > 0 {
            what += &format!(" (number {} here)", earlier + 1);
        }
        self.mutants.push(Mutant {
            file: self.file.into(),
            line,
            column,
            code: code.into(),
            before: before.into(),
            what,
        });
        self.before.push((at.start, start));
        self.after.push((at.end, format!("{end} }})")));
    }

    /// The sites were found outermost first: of several that begin together, the first opens first;
    /// of several that end together, the last closes first, and all that end close before others
    /// open.
    fn finish(self) -> Schema {
        let mut insertions = Vec::new();
        insertions.extend(self.after.into_iter().rev().map(|(at, text)| (at, 0, text)));
        insertions.extend(self.before.into_iter().map(|(at, text)| (at, 1, text)));
        insertions.sort_by_key(|(at, opens, _)| (*at, *opens));
        let (mut text, mut done) = (String::new(), 0);
        for (at, _, insertion) in insertions {
            text += &self.text[done..at];
            text += &insertion;
            done = at;
        }
        text += &self.text[done..];
        Schema {
            text,
            mutants: self.mutants,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Names, find};

    /// What the mutants of a function's body are.
    fn mutants(body: &str) -> Vec<String> {
        let schema = find(
            "f.rs",
            &format!("fn f() {{ {body} }}"),
            &Names::default(),
            0,
        )
        .unwrap();
        syn::parse_file(&schema.text).expect("what is written can be compiled");
        schema
            .mutants
            .into_iter()
            .map(|mutant| mutant.what)
            .collect()
    }

    #[test]
    fn each_ordering_is_weakened_by_itself() {
        let body = "let _ = x.fetch_update(AcqRel, Acquire, next).is_ok();";
        let expected = ["AcqRel → Acquire", "AcqRel → Release", "Acquire → Relaxed"];
        assert_eq!(mutants(body)[1..], expected);
        let expected = ["Acquire → Relaxed", "Acquire → Relaxed (number 2 here)"];
        assert_eq!(
            mutants("let _ = x.fetch_update(Acquire, Acquire, next);")[1..],
            expected
        );
    }

    #[test]
    fn sites_may_nest() {
        let expected = [
            "`a & PARKED == 0 && b` → `true`",
            "`a & PARKED == 0 && b` → `false`",
            "`a & PARKED == 0` → `true`",
            "`b` → `true`",
            "leave out `x.fetch_and(!(PARKED | LOCKED))`",
            "`PARKED` → `0`",
            "`LOCKED` → `0`",
        ];
        assert_eq!(
            mutants("if a & PARKED == 0 && b { x.fetch_and(!(PARKED | LOCKED)); }"),
            expected
        );
    }

    #[test]
    fn what_models_do_not_compile_is_left_alone() {
        assert_eq!(
            mutants("#[cfg(not(loom))] x.store(1, Release); #[cfg(loom)] if y() {}"),
            [""; 0]
        );
    }

    #[test]
    fn condition_beside_a_pattern_is_broken_once() {
        let expected = ["`a()` → `false`", "`b == 1` → `true`", "`a()` → `true`"];
        let body = "if let Some(x) = y && a() && b == 1 { wake() }";
        assert_eq!(mutants(body), expected);
    }

    #[test]
    fn function_for_constants_is_left_alone() {
        assert_eq!(mutants("} const fn g(a: u8) -> u8 { a + 1"), [""; 0]);
        assert_eq!(mutants("let end = Instant::now() + nap;"), [""; 0]);
    }

    #[test]
    fn length_of_an_array_is_left_alone() {
        assert_eq!(mutants("let words = [0; BATCH + 1];"), [""; 0]);
    }

    #[test]
    fn a_mutant_tells_its_place() {
        let schema = find("f.rs", "fn f() {\n    wake();\n}", &Names::default(), 0).unwrap();
        let mutant = &schema.mutants[0];
        assert_eq!(
            (mutant.place().as_str(), mutant.code.as_str()),
            ("f.rs:2:5", "wake();")
        );
    }
}
