//! What the models do while nothing is broken: how long each takes, and which sites it reaches.

use super::workshop::{Workshop, folder};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

#[derive(Serialize, Deserialize, Clone)]
pub struct Record {
    pub took: Duration,
    pub reached: BTreeSet<usize>,
}

/// Kept from run to run, as long as the sources are the same.
#[derive(Serialize, Deserialize, Default)]
pub struct Baseline {
    fingerprint: String,
    pub models: BTreeMap<String, Record>,
}

impl Baseline {
    /// Of these models; those that are not known yet are searched now.
    pub fn of(workshop: &Workshop, wanted: &[String], jobs: usize) -> Result<Self> {
        let path = folder().join("baseline.json");
        let known = fs::read_to_string(&path)
            .ok()
            .and_then(|text| serde_json::from_str(&text).ok());
        let mut baseline: Baseline = known.unwrap_or_default();
        if baseline.fingerprint != workshop.fingerprint {
            baseline = Baseline {
                fingerprint: workshop.fingerprint.clone(),
                ..Baseline::default()
            };
        }
        let missing = wanted
            .iter()
            .filter(|model| !baseline.models.contains_key(*model));
        let missing: Vec<_> = missing.cloned().collect();
        let (count, mut done) = (missing.len(), 0);
        super::share(
            missing,
            jobs,
            |model| {
                let (took, reached) = workshop.record(&model)?;
                Ok((model, Record { took, reached }))
            },
            |(model, record)| {
                done += 1;
                eprintln!(
                    "[{done}/{count}] {model} takes {:.1} s",
                    record.took.as_secs_f64()
                );
                baseline.models.insert(model, record);
                // Written each time, so that a run that is broken off is not lost.
                Ok(fs::write(&path, serde_json::to_string(&baseline)?)?)
            },
        )?;
        baseline.models.retain(|model, _| wanted.contains(model));
        Ok(baseline)
    }
}
