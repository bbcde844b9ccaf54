//! Survivors that may live: `xtask/justified.toml` says why.

use super::sites::Mutant;
use crate::source;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::fs;

/// Mutations of a line that no model can notice, or need not.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub file: String,
    /// The line, without the space before it.
    pub code: String,
    /// The line before that, where several are alike.
    pub after: Option<String>,
    /// As the tool calls them.
    pub mutations: Vec<String>,
    /// The argument.
    pub why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entries {
    justified: Vec<Entry>,
}

pub fn read() -> Result<Vec<Entry>> {
    let path = source::root().join("xtask/justified.toml");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    Ok(toml::from_str::<Entries>(&text)?.justified)
}

impl Entry {
    pub fn is_about(&self, mutant: &Mutant) -> bool {
        self.mutations
            .iter()
            .any(|mutation| self.names(mutation, mutant))
    }

    pub fn names(&self, mutation: &str, mutant: &Mutant) -> bool {
        let is_there = self
            .after
            .as_ref()
            .is_none_or(|after| *after == mutant.before);
        self.file == mutant.file && self.code == mutant.code && is_there && mutation == mutant.what
    }
}
