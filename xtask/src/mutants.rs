//! `cargo xtask mutants`: breaks the crate in one place at a time, to see whether a model notices.
//!
//! A model that cannot fail proves nothing. So every ordering, fence and step of the protocols is
//! broken once, and the models that reach the place are searched, until one fails: it *kills* the
//! mutant. A mutant that *survives* is either no different from the original as far as the protocol
//! goes (then `xtask/justified.toml` says why), or a model is missing.
//!
//! To compile each mutant would take hours. So the crate is copied to `target/mutants/crate`, where
//! every site asks at run time which mutant is active ("mutant schemata": R. Untch, A. J. Offutt
//! and M. J. Harrold, 1993), and compiled once. A first run without a mutant finds out which models
//! reach which site.

pub mod baseline;
mod fingerprints;
mod journal;
mod justified;
mod names;
mod operators;
mod report;
pub mod sites;
mod syntax;
pub mod workshop;

use anyhow::Result;
use baseline::{Baseline, Record};
use clap::Args;
use journal::Journal;
use justified::Entry;
use regex::Regex;
use report::{Judged, Verdict};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use workshop::{End, Workshop};

#[derive(Args)]
pub struct Options {
    /// Only mutants whose `file:line:column` or description matches this
    #[arg(long, value_name = "REGEX")]
    only: Option<Regex>,
    /// Only shows the mutants, and what in `xtask/justified.toml` matches none
    #[arg(long)]
    list: bool,
    /// Models to search at once
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=2))]
    jobs: u8,
    /// How long a model may take; if not given, half a minute and ten times what it takes unbroken
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// How long the models of one mutant may take together, from when on no other is begun
    #[arg(long, value_name = "SECONDS")]
    budget: Option<u64>,
    /// Only models that take at most so long while nothing is broken
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    quick: u64,
    /// Only models whose name matches this
    #[arg(long, value_name = "REGEX")]
    models: Option<Regex>,
    /// Also tries the mutants that `xtask/justified.toml` lists: they take longest, since nothing
    /// kills them
    #[arg(long)]
    justified: bool,
}

/// Returns whether every mutant is killed, or justified.
pub fn run(options: &Options) -> Result<bool> {
    let is_chosen = |mutant: &sites::Mutant| {
        let only = options.only.as_ref();
        only.is_none_or(|only| only.is_match(&mutant.place()) || only.is_match(&mutant.what))
    };
    let entries = justified::read()?;
    if options.list {
        let (all, _) = Workshop::sources()?;
        let chosen = all.iter().filter(|mutant| is_chosen(mutant));
        chosen.for_each(|mutant| println!("{}  {}", mutant.place(), mutant.what));
        return Ok(report::are_right(&entries, &all, &[]));
    }
    let jobs = usize::from(options.jobs);
    let workshop = Workshop::open()?;
    let mut models = workshop.models()?;
    let wanted = options.models.as_ref();
    models.retain(|model| wanted.is_none_or(|wanted| wanted.is_match(model)));
    let baseline = Baseline::of(&workshop, &models, Duration::from_secs(options.quick), jobs)?;

    let all = workshop.mutants.iter().enumerate();
    let chosen: Vec<_> = all.filter(|(_, mutant)| is_chosen(mutant)).collect();
    let count = chosen.len();
    let trial = Trial {
        workshop: &workshop,
        baseline: &baseline,
        timeout: options.timeout.map(Duration::from_secs),
        budget: options.budget.map(Duration::from_secs),
        justified: &entries,
        spare_justified: !options.justified,
        journal: Mutex::new(Journal::open()?),
        kills: Mutex::default(),
    };
    let mut judged = Vec::new();
    share(
        chosen,
        jobs,
        |(id, mutant)| {
            let start = Instant::now();
            let verdict = trial.judge(id, mutant)?;
            let mutant = mutant.clone();
            let took = start.elapsed();
            Ok((
                id,
                Judged {
                    mutant,
                    verdict,
                    took,
                },
            ))
        },
        |(id, result)| {
            judged.push((id, result));
            let (_, result) = &judged[judged.len() - 1];
            eprintln!("[{}/{count}] {}", judged.len(), result.line());
            Ok(())
        },
    )?;
    judged.sort_by_key(|(id, _)| *id);
    let judged: Vec<_> = judged.into_iter().map(|(_, judged)| judged).collect();
    report::finish(&judged, &workshop.mutants, &entries)
}

/// Tries models on mutants.
struct Trial<'a> {
    workshop: &'a Workshop,
    baseline: &'a Baseline,
    timeout: Option<Duration>,
    budget: Option<Duration>,
    justified: &'a [Entry],
    spare_justified: bool,
    journal: Mutex<Journal>,
    /// Which models have killed which mutants.
    kills: Mutex<Vec<(usize, String)>>,
}

impl Trial<'_> {
    fn judge(&self, id: usize, mutant: &sites::Mutant) -> Result<Verdict> {
        let entry = self.justified.iter().find(|entry| entry.is_about(mutant));
        let justified = entry.map(|entry| Verdict::Justified {
            why: entry.why.clone(),
        });
        if self.spare_justified
            && let Some(justified) = justified
        {
            return Ok(justified);
        }
        let models = self.reaching(id, mutant);
        let mut verdict = match models.is_empty() {
            true => Verdict::Unreached,
            false => Verdict::Survived,
        };
        let start = Instant::now();
        for (model, record) in models {
            let by = model.clone();
            if self.budget.is_some_and(|budget| start.elapsed() > budget) {
                verdict = Verdict::Unknown { by };
                break;
            }
            match self.end((id, mutant), model, record)? {
                End::Passed => {}
                End::Failed => {
                    self.kills.lock().unwrap().push((id, by.clone()));
                    return Ok(Verdict::Killed { by });
                }
                End::Unknown => verdict = Verdict::Unknown { by },
            }
        }
        Ok(justified.unwrap_or(verdict))
    }

    /// The models that come to a mutant's place. First those that have killed it before, and then
    /// the quickest, but sooner those that have killed its neighbours.
    fn reaching(&self, id: usize, mutant: &sites::Mutant) -> Vec<(&String, &Record)> {
        /// Mutants that lie so close belong together.
        const NEAR: usize = 40;
        let models = self.baseline.models.iter();
        let mut models: Vec<_> = models.filter(|(_, it)| it.reached.contains(&id)).collect();
        let journal = self.journal.lock().unwrap();
        let kills = self.kills.lock().unwrap();
        models.sort_by_cached_key(|(model, record)| {
            let near = |killed: usize| NEAR.saturating_sub(killed.abs_diff(id));
            let weights = kills.iter().filter(|(_, by)| by == *model);
            let weight: usize = weights.map(|(killed, _)| near(*killed)).sum();
            let limit = self.limit(record);
            let price = record.took.min(limit) + Duration::from_millis(50);
            (
                !journal.has_killed(mutant, model),
                price / (1 + weight as u32),
            )
        });
        models
    }

    fn limit(&self, record: &Record) -> Duration {
        let patience = Duration::from_secs(30) + 10 * record.took;
        self.timeout.unwrap_or(patience)
    }

    /// How a model of a mutant ends.
    fn end(&self, mutant: (usize, &sites::Mutant), model: &str, record: &Record) -> Result<End> {
        let (limit, print) = (self.limit(record), &record.fingerprint);
        if let Some(end) = self.journal.lock().unwrap().end(mutant.0, print, limit) {
            return Ok(end);
        }
        let end = self.workshop.try_mutant(mutant.0, model, limit)?;
        let mut journal = self.journal.lock().unwrap();
        journal.note(mutant, (model, print), end, limit)?;
        Ok(end)
    }
}

/// Does all the work on some threads, and takes the results on this one, as they come.
fn share<W: Send, R: Send>(
    work: Vec<W>,
    threads: usize,
    each: impl Fn(W) -> Result<R> + Sync,
    mut take: impl FnMut(R) -> Result<()>,
) -> Result<()> {
    let work = Mutex::new(work.into_iter());
    let (sender, results) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let sender = sender.clone();
            let (work, each) = (&work, &each);
            scope.spawn(move || {
                loop {
                    let next = work.lock().unwrap().next();
                    let Some(it) = next else { return };
                    if sender.send(each(it)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        results.into_iter().try_for_each(|result| take(result?))
    })
}
