//! What the models do while nothing is broken: how long each takes, and which sites it reaches.

use super::workshop::{Workshop, folder};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

#[derive(Serialize, Deserialize, Clone)]
pub struct Record {
    /// Of the code and the model.
    pub fingerprint: String,
    pub took: Duration,
    /// Not if it was given no more time.
    pub ended: bool,
    pub reached: BTreeSet<usize>,
}

/// Kept from run to run, as long as the code and the model are the same.
#[derive(Serialize, Deserialize, Default)]
pub struct Baseline {
    pub models: BTreeMap<String, Record>,
}

impl Baseline {
    /// Of these models, as far as they take no longer than `quick`. Those that are not known yet
    /// are searched now.
    pub fn of(
        workshop: &Workshop,
        wanted: &[String],
        quick: Duration,
        jobs: usize,
    ) -> Result<Self> {
        let path = folder().join("baseline.json");
        let known = fs::read_to_string(&path)
            .ok()
            .and_then(|text| serde_json::from_str(&text).ok());
        let mut baseline: Baseline = known.unwrap_or_default();
        let mut missing = Vec::new();
        for model in wanted {
            let now = workshop.fingerprints.of_model(model)?;
            let is_known = |record: &Record| {
                record.fingerprint == now && (record.ended || record.took >= quick)
            };
            if !baseline.models.get(model).is_some_and(is_known) {
                missing.push(model.clone());
            }
        }
        let (count, mut done) = (missing.len(), 0);
        super::share(
            missing,
            jobs,
            |model| {
                let record = workshop.record(&model, quick)?;
                Ok((model, record))
            },
            |(model, record)| {
                done += 1;
                let most = if record.ended { "" } else { "more than " };
                let took = record.took.as_secs_f64();
                eprintln!("[{done}/{count}] {model} takes {most}{took:.1} s");
                baseline.models.insert(model, record);
                // Written each time, so that a run that is broken off is not lost.
                Ok(fs::write(&path, serde_json::to_string(&baseline)?)?)
            },
        )?;
        baseline
            .models
            .retain(|model, record| wanted.contains(model) && record.ended && record.took <= quick);
        Ok(baseline)
    }
}
