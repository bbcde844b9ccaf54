//! `cargo xtask check-comments`: unsafe code says why it is sound, an atomic operation why its
//! ordering is enough.
//!
//! - Before an `unsafe` block or impl stands `// SAFETY:`; the documentation of an `unsafe fn` has
//!   a `# Safety`, unless a trait's does.
//! - Before an operation that is given an `Ordering` stands `// ORDERING:`. One that says "here and
//!   below" is for all that follow in its function.
//!
//! *Before* means directly above the statement, match arm or item, or inside it and above the
//! place. Clippy looks for the first of these too, but not into macros, and not for private
//! functions. So this looks at tokens, and at the lines between them.

use crate::source;
use anyhow::{Context, Result};
use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};

const ORDERINGS: &[&str] = &["Relaxed", "Acquire", "Release", "AcqRel", "SeqCst"];

/// Prints what is missing. Returns whether nothing is.
pub fn check() -> Result<bool> {
    let mut fine = true;
    for (file, text) in source::files()? {
        for (line, missing) in missing(&text).with_context(|| file.clone())? {
            println!("{file}:{line}: {missing}");
            fine = false;
        }
    }
    Ok(fine)
}

/// Lines, and what is missing there.
fn missing(text: &str) -> Result<Vec<(usize, &'static str)>> {
    let tokens: TokenStream = text.parse().map_err(|error| anyhow::anyhow!("{error}"))?;
    let mut checker = Checker {
        lines: text.lines().collect(),
        missing: Vec::new(),
    };
    checker.tokens(tokens, Around::default(), true);
    checker.missing.dedup();
    Ok(checker.missing)
}

/// Where some tokens stand. Lines are counted from one.
#[derive(Clone, Copy, Default)]
struct Around {
    function: usize,
    statement: usize,
    imports: bool,
    implements_trait: bool,
}

struct Checker<'a> {
    lines: Vec<&'a str>,
    missing: Vec<(usize, &'static str)>,
}

fn is_punct(token: Option<&TokenTree>, wanted: &[char]) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if wanted.contains(&punct.as_char()))
}

fn is_ident(token: Option<&TokenTree>, wanted: &str) -> bool {
    matches!(token, Some(TokenTree::Ident(ident)) if ident == wanted)
}

fn is_group(token: Option<&TokenTree>, delimiter: Delimiter) -> bool {
    matches!(token, Some(TokenTree::Group(group)) if group.delimiter() == delimiter)
}

fn first_line(token: &TokenTree) -> usize {
    token.span().start().line
}

/// Whether the token begins a statement, an arm or an item, if it stands in braces.
fn begins(before: Option<&TokenTree>, token: &TokenTree) -> bool {
    let after_block = || {
        is_group(before, Delimiter::Brace)
            && before.is_some_and(|before| before.span().end().line < first_line(token))
            && !is_punct(Some(token), &['.', '?', '&', '|'])
    };
    before.is_none() || is_punct(before, &[';', ',']) || after_block()
}

impl Checker<'_> {
    /// What stands in the file, in braces, or in other brackets.
    fn tokens(&mut self, tokens: TokenStream, outside: Around, in_braces: bool) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let mut around = outside;
        let (mut is_impl, mut is_fn) = (false, false);
        for (i, token) in tokens.iter().enumerate() {
            let before = i.checked_sub(1).and_then(|i| tokens.get(i));
            let next = tokens.get(i + 1);
            if in_braces && begins(before, token) {
                // A comma may also stand in the middle of an item, in a `where` clause.
                if !is_punct(before, &[',']) {
                    around = outside;
                    (is_impl, is_fn) = (false, false);
                }
                around.statement = first_line(token);
            }
            match token {
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                    let function = if is_fn {
                        around.statement
                    } else {
                        around.function
                    };
                    self.tokens(group.stream(), Around { function, ..around }, true);
                    around.implements_trait = outside.implements_trait;
                }
                TokenTree::Group(group) => self.tokens(group.stream(), around, false),
                TokenTree::Ident(ident) if ident == "unsafe" => {
                    self.unsafe_code(ident, next, tokens.get(i + 2), around);
                }
                TokenTree::Ident(ident) if ORDERINGS.iter().any(|name| ident == name) => {
                    self.ordering(ident, around);
                }
                TokenTree::Ident(ident) if ident == "use" => around.imports = true,
                TokenTree::Ident(ident) if ident == "impl" => is_impl = true,
                TokenTree::Ident(ident) if ident == "fn" => is_fn = true,
                TokenTree::Ident(ident) if ident == "for" && is_impl && !is_punct(next, &['<']) => {
                    around.implements_trait = true;
                }
                _ => {}
            }
        }
    }

    fn unsafe_code(
        &mut self,
        ident: &Ident,
        next: Option<&TokenTree>,
        after: Option<&TokenTree>,
        around: Around,
    ) {
        let line = ident.span().start().line;
        let is_fn = is_ident(next, "fn") && !is_group(after, Delimiter::Parenthesis);
        let (wanted, problem) = if is_group(next, Delimiter::Brace) || is_ident(next, "impl") {
            ("SAFETY:", "unsafe code without `// SAFETY:`")
        } else if is_ident(next, "trait") || is_fn && !around.implements_trait {
            (
                "# Safety",
                "unsafe, but its documentation has no `# Safety`",
            )
        } else {
            return;
        };
        if !self.says(wanted, around.statement, line) {
            self.missing.push((line, problem));
        }
    }

    fn ordering(&mut self, ident: &Ident, around: Around) {
        let line = ident.span().start().line;
        let below = || {
            self.between(around.function, line)
                .any(|line| line.contains("ORDERING:") && line.contains("here and below"))
        };
        if !around.imports && !self.says("ORDERING:", around.statement, line) && !below() {
            self.missing
                .push((line, "an ordering without `// ORDERING:`"));
        }
    }

    fn between(&self, first: usize, last: usize) -> impl Iterator<Item = &str> {
        self.lines[first.saturating_sub(1)..last]
            .iter()
            .map(|line| line.trim())
    }

    /// Whether a comment between these lines, or directly above them, says this.
    fn says(&self, tag: &str, first: usize, last: usize) -> bool {
        let is_comment = |line: &&str| line.trim_start().starts_with("//");
        let above = self.lines[..first.saturating_sub(1)].iter().rev().copied();
        let mut block =
            above.take_while(|line| is_comment(line) || line.trim_start().starts_with("#["));
        block.any(|line| is_comment(&line) && line.contains(tag))
            || self
                .between(first, last)
                .any(|line| is_comment(&line) && line.contains(tag))
    }
}

#[cfg(test)]
mod tests {
    use super::missing;

    fn lines(text: &str) -> Vec<usize> {
        missing(text)
            .unwrap()
            .into_iter()
            .map(|(line, _)| line)
            .collect()
    }

    #[test]
    fn comments_are_found_where_they_may_stand() {
        let text = "
            /// # Safety
            /// None.
            #[inline]
            unsafe fn f() {
                // ORDERING: why,
                // in two lines.
                match a
                    .load(Acquire)
                {
                    // SAFETY: why.
                    0 => unsafe { g() },
                    _ => {}
                }
                let next = |state| {
                    // ORDERING: Relaxed, here and below.
                    b.load(Relaxed)
                };
                b.store(1, Relaxed);
            }
            // SAFETY: why.
            unsafe impl Send for T {}
            impl Unlock for T {
                unsafe fn unlock(&self) {}
            }
            type F = unsafe fn();
            impl<L, T> Unlock for Guard<L, T>
            where
                L: Lock,
                T: for<'v> View<'v>,
            {
                unsafe fn unlock(&self) {}
            }
            pub(crate) use atomic::Ordering::{Acquire, Relaxed};
        ";
        assert_eq!(lines(text), [0; 0]);
    }

    #[test]
    fn missing_comments_are_told() {
        let text = "
            /// Documented.
            unsafe fn f() {
                // SAFETY: of the first only.
                unsafe { g() };
                unsafe { g() };
                // Not why.
                a.load(Acquire);
                // ORDERING: of the first only.
                let x = a.load(Acquire);
                if a.load(Acquire) == x {}
            }
            unsafe impl Send for T {}
            lock!(|raw| unsafe { raw.lock() });
        ";
        assert_eq!(lines(text), [3, 6, 8, 11, 13, 14]);
    }
}
