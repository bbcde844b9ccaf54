//! Which models have been tried on which mutants, kept from run to run as long as the code is the same: a run that is
//! broken off, or restricted, is no lost time.

use super::workshop::{End, folder};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write;

/// A line of the file.
#[derive(Serialize, Deserialize)]
struct Line {
    /// Of the code.
    fingerprint: String,
    mutant: usize,
    model: String,
    failed: bool,
}

pub struct Journal {
    fingerprint: String,
    file: File,
    failed: HashMap<(usize, String), bool>,
}

impl Journal {
    pub fn open(fingerprint: &str) -> Result<Self> {
        let path = folder().join("journal.jsonl");
        let text = fs::read_to_string(&path).unwrap_or_default();
        // The last line may have been broken off.
        let lines = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Line>(line).ok());
        let lines = lines.filter(|line| line.fingerprint == fingerprint);
        Ok(Journal {
            fingerprint: fingerprint.into(),
            failed: lines
                .map(|line| ((line.mutant, line.model), line.failed))
                .collect(),
            file: File::options().create(true).append(true).open(path)?,
        })
    }

    /// How it ended, if that was seen.
    pub fn end(&self, mutant: usize, model: &str) -> Option<End> {
        let failed = *self.failed.get(&(mutant, model.into()))?;
        Some(if failed { End::Failed } else { End::Passed })
    }

    /// What is not known is not kept.
    pub fn note(&mut self, mutant: usize, model: &str, end: End) -> Result<()> {
        if end == End::Unknown {
            return Ok(());
        }
        let failed = end == End::Failed;
        let (fingerprint, model) = (self.fingerprint.clone(), model.to_string());
        let line = serde_json::to_string(&Line {
            fingerprint,
            mutant,
            model,
            failed,
        })?;
        Ok(writeln!(self.file, "{line}")?)
    }
}
