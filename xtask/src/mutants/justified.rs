//! Survivors that may live: `xtask/justified.toml` says why.

use super::sites::Mutant;
use crate::source;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::fs;

/// A mutation that no model can notice, or need not.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    file: String,
    /// The line that is broken, without the space before it.
    code: String,
    /// How; if not said, in any way.
    mutation: Option<String>,
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
        let mutation = self.mutation.as_ref();
        self.file == mutant.file
            && self.code == mutant.code
            && mutation.is_none_or(|mutation| *mutation == mutant.what)
    }

    /// Whether it is about one mutation, and not about all of a line.
    pub fn is_exact(&self) -> bool {
        self.mutation.is_some()
    }

    pub fn shown(&self) -> String {
        let mutation = self.mutation.as_deref().unwrap_or("any mutation");
        format!("{}: `{}`: {mutation}", self.file, self.code)
    }
}
