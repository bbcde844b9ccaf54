//! `cargo xtask mutants`: breaks the crate in one place at a time, to see whether a model notices.
//!
//! A model that cannot fail proves nothing. So every ordering, fence and step of the protocols is broken once, and the
//! models that reach the place are searched, until one fails: it *kills* the mutant. A mutant that *survives* is either
//! no different from the original as far as the protocol goes (then `xtask/justified.toml` says why), or a model is
//! missing.
//!
//! To compile each mutant would take hours. So the crate is copied to `target/mutants/crate`, where every site asks at
//! run time which mutant is active ("mutant schemata": R. Untch, A. J. Offutt and M. J. Harrold, 1993), and compiled
//! once. A first run without a mutant finds out which models reach which site.

mod baseline;
mod justified;
mod names;
mod operators;
mod report;
mod sites;
mod syntax;
mod workshop;

use anyhow::Result;
use baseline::Baseline;
use clap::Args;
use regex::Regex;
use report::{Judged, Verdict};
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use workshop::{End, Workshop};

#[derive(Args)]
pub struct Options {
    /// Only mutants whose `file:line:column` or description matches this
    #[arg(long, value_name = "REGEX")]
    only: Option<Regex>,
    /// Shows the mutants, and does nothing else
    #[arg(long)]
    list: bool,
    /// Models to search at once
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=2))]
    jobs: u8,
    /// How long a model may take; if not given, half a minute and ten times what it takes unbroken
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// Only models whose name matches this
    #[arg(long, value_name = "REGEX")]
    models: Option<Regex>,
}

/// Returns whether every mutant is killed, or justified.
pub fn run(options: &Options) -> Result<bool> {
    let is_chosen = |mutant: &sites::Mutant| {
        let only = options.only.as_ref();
        only.is_none_or(|only| only.is_match(&mutant.place()) || only.is_match(&mutant.what))
    };
    if options.list {
        let (mutants, _) = Workshop::sources()?;
        mutants
            .iter()
            .filter(|mutant| is_chosen(mutant))
            .for_each(report::list);
        return Ok(true);
    }
    let jobs = usize::from(options.jobs);
    let workshop = Workshop::open()?;
    let mut models = workshop.models()?;
    models.retain(|model| {
        options
            .models
            .as_ref()
            .is_none_or(|wanted| wanted.is_match(model))
    });
    let baseline = Baseline::of(&workshop, &models, jobs)?;

    let chosen = workshop
        .mutants
        .iter()
        .enumerate()
        .filter(|(_, mutant)| is_chosen(mutant));
    let chosen: Vec<_> = chosen.collect();
    let count = chosen.len();
    let trial = Trial {
        workshop: &workshop,
        baseline: &baseline,
        options,
        kills: Mutex::default(),
    };
    let mut judged = Vec::new();
    share(
        chosen,
        jobs,
        |number, (id, mutant)| {
            let start = Instant::now();
            let verdict = trial.judge(id, &mutant.file)?;
            let judged = Judged {
                mutant: mutant.clone(),
                verdict,
                took: start.elapsed(),
            };
            eprintln!("[{number}/{count}] {}", judged.line());
            Ok((id, judged))
        },
        |result| {
            judged.push(result);
            Ok(())
        },
    )?;
    judged.sort_by_key(|(id, _)| *id);
    let judged: Vec<_> = judged.into_iter().map(|(_, judged)| judged).collect();
    report::finish(&judged, &workshop.mutants)
}

struct Trial<'a> {
    workshop: &'a Workshop,
    baseline: &'a Baseline,
    options: &'a Options,
    /// How many mutants of a file a model has killed.
    kills: Mutex<HashMap<(String, String), u32>>,
}

impl Trial<'_> {
    fn judge(&self, id: usize, file: &str) -> Result<Verdict> {
        let mut models: Vec<_> = self.baseline.models.iter().collect();
        models.retain(|(_, record)| record.reached.contains(&id));
        if models.is_empty() {
            return Ok(Verdict::Unreached);
        }
        // The quickest first, and sooner those that have killed others here.
        models.sort_by_cached_key(|(model, record)| {
            let key = (file.to_string(), model.to_string());
            let kills = self.kills.lock().unwrap().get(&key).copied().unwrap_or(0);
            record.took / (1 + kills)
        });
        let mut unknown = None;
        for (model, record) in models {
            let patience = || Duration::from_secs(30) + 10 * record.took;
            let limit = self
                .options
                .timeout
                .map_or_else(patience, Duration::from_secs);
            match self.workshop.try_mutant(id, model, limit)? {
                End::Passed => {}
                End::Failed => {
                    let key = (file.to_string(), model.clone());
                    *self.kills.lock().unwrap().entry(key).or_default() += 1;
                    return Ok(Verdict::Killed { by: model.clone() });
                }
                End::Unknown => unknown = Some(Verdict::Unknown { by: model.clone() }),
            }
        }
        Ok(unknown.unwrap_or(Verdict::Survived))
    }
}

/// Does all the work on some threads, and takes the results, as they come, on this one. `work` is told how many have
/// been begun.
fn share<W: Send, R: Send>(
    work: Vec<W>,
    threads: usize,
    each: impl Fn(usize, W) -> Result<R> + Sync,
    mut take: impl FnMut(R) -> Result<()>,
) -> Result<()> {
    let work = Mutex::new(work.into_iter().zip(1..));
    let (sender, results) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let sender = sender.clone();
            let (work, each) = (&work, &each);
            scope.spawn(move || {
                loop {
                    let next = work.lock().unwrap().next();
                    let Some((it, number)) = next else { return };
                    if sender.send(each(number, it)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        results.into_iter().try_for_each(|result| take(result?))
    })
}
