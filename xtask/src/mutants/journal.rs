//! Which models have been tried on which mutants, kept from run to run as long as the code is the
//! same: a run that is broken off, or restricted, is no lost time. And where the code has changed,
//! what killed a mutant before is likely to kill it again.

use super::sites::Mutant;
use super::workshop::{End, folder};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::Write;
use std::time::Duration;

/// A line of the file.
#[derive(Serialize, Deserialize)]
struct Line {
    /// Of the code and the model.
    fingerprint: String,
    mutant: usize,
    /// The mutant's, which stays when others come before it.
    name: String,
    model: String,
    end: End,
    /// How long the model was given.
    limit: Duration,
}

pub struct Journal {
    file: File,
    /// By mutant, and the fingerprint of the model.
    ends: HashMap<(usize, String), (End, Duration)>,
    /// By the mutant's name, in whatever state of the code.
    killers: HashSet<(String, String)>,
}

fn name(mutant: &Mutant) -> String {
    format!("{}: {}: {}", mutant.file, mutant.code, mutant.what)
}

impl Journal {
    pub fn open() -> Result<Self> {
        let path = folder().join("journal.jsonl");
        let mut journal = Journal {
            file: File::options().create(true).append(true).open(&path)?,
            ends: HashMap::new(),
            killers: HashSet::new(),
        };
        // The last line may have been broken off.
        let text = fs::read_to_string(path)?;
        let lines = text.lines().flat_map(serde_json::from_str::<Line>);
        lines.for_each(|line| journal.learn(line));
        Ok(journal)
    }

    fn learn(&mut self, line: Line) {
        if line.end == End::Failed {
            self.killers.insert((line.name, line.model));
        }
        let key = (line.mutant, line.fingerprint);
        let known = self.ends.get(&key);
        if known.is_none_or(|(end, limit)| *end == End::Unknown && *limit <= line.limit) {
            self.ends.insert(key, (line.end, line.limit));
        }
    }

    /// How the model with this fingerprint ended, if that was seen, or if it had as much time in
    /// vain.
    pub fn end(&self, id: usize, fingerprint: &str, limit: Duration) -> Option<End> {
        let (end, had) = self.ends.get(&(id, fingerprint.into()))?;
        (*end != End::Unknown || *had >= limit).then_some(*end)
    }

    /// Whether the model has ever killed such a mutant.
    pub fn has_killed(&self, mutant: &Mutant, model: &str) -> bool {
        self.killers.contains(&(name(mutant), model.into()))
    }

    pub fn note(
        &mut self,
        (id, mutant): (usize, &Mutant),
        (model, fingerprint): (&str, &str),
        end: End,
        limit: Duration,
    ) -> Result<()> {
        let line = Line {
            fingerprint: fingerprint.into(),
            mutant: id,
            name: name(mutant),
            model: model.into(),
            end,
            limit,
        };
        writeln!(self.file, "{}", serde_json::to_string(&line)?)?;
        self.learn(line);
        Ok(())
    }
}
