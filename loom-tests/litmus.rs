//! The specifications that users' models run on do what the algorithms do: small programs run over
//! both, and the sets of what may come of each are compared.
//!
//! Every outcome of the algorithms must be one of the specification's: else a user's model would
//! miss it. What the specification allows beyond that is a false alarm in a user's model, so it is
//! written down at the program, with the reason. An algorithm's search has a bound on preemptions,
//! so it may miss an outcome; the specification's has none.

use crate::model::{Searched, explore};
use libtest_mimic::Failed;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::{Arc, Mutex};

mod over_algorithms;
mod over_specifications;

/// How the algorithms are run: with all that is left to choice of which an outcome may depend.
const CHOICES: &[&[&str]] = &[&[], &["impatient"]];
/// Where readers are biased, too.
const CHOICES_OF_RWLOCK: &[&[&str]] = &[&[], &["impatient"], &["own_line"], &["asymmetric"]];

/// A program, twice.
pub(crate) struct Litmus {
    algorithm: &'static over_algorithms::programs::Program,
    specification: &'static over_specifications::programs::Program,
}

pub(crate) fn all() -> impl Iterator<Item = Litmus> {
    over_algorithms::programs::all()
        .zip(over_specifications::programs::all())
        .map(|(algorithm, specification)| Litmus {
            algorithm,
            specification,
        })
}

impl Litmus {
    /// `litmus::FILE::PROGRAM`.
    pub(crate) fn name(&self) -> String {
        let (_, name) = self
            .algorithm
            .name
            .split_once("programs")
            .expect("its module");
        format!("litmus{name}")
    }

    /// Searches both, and compares.
    pub(crate) fn search(&self) -> Result<Searched, Failed> {
        let choices = match self.name().starts_with("litmus::rwlock") {
            true => CHOICES_OF_RWLOCK,
            false => CHOICES,
        };
        let bound = self.algorithm.preemptions;
        let bound_of_specification = match self.algorithm.beyond {
            Some(_) => None,
            None => bound.map(|bound| bound + 2),
        };
        let mut executions = 0;
        let mut done = BTreeSet::new();
        for how in choices {
            let (outcomes, searched) = outcomes(how, bound, self.algorithm.body);
            done.extend(outcomes);
            executions += searched;
        }
        let (allowed, searched) = outcomes(&[], bound_of_specification, self.specification.body);
        executions += searched;
        if std::env::var_os("ANTEROOM_COUNTS").is_some() {
            eprintln!(
                "{}: {executions} executions, {searched} of them over the specification, \
                 {} outcomes",
                self.name(),
                allowed.len()
            );
        }
        self.compare(&done, &allowed)?;
        Ok(Searched {
            executions,
            is_complete: true,
        })
    }

    fn compare(&self, done: &BTreeSet<String>, allowed: &BTreeSet<String>) -> Result<(), Failed> {
        let mut wrong = String::new();
        for outcome in done.difference(allowed) {
            writeln!(wrong, "the specification lacks  {outcome}")?;
        }
        let Some(known) = self.algorithm.beyond else {
            return verdict(wrong);
        };
        let known: BTreeSet<_> = known.iter().map(ToString::to_string).collect();
        let beyond: BTreeSet<_> = allowed.difference(done).cloned().collect();
        for outcome in beyond.difference(&known) {
            writeln!(wrong, "only the specification has  {outcome}")?;
        }
        verdict(wrong)
    }
}

fn verdict(wrong: String) -> Result<(), Failed> {
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(wrong.into()),
    }
}

/// All that may come of it, and in how many executions.
fn outcomes(
    how: &[&str],
    preemptions: Option<usize>,
    body: fn() -> String,
) -> (BTreeSet<String>, usize) {
    let outcomes = Arc::new(Mutex::new(BTreeSet::new()));
    let executions = explore(how, preemptions, {
        let outcomes = outcomes.clone();
        move || {
            // This makes loom's statics now, where that orders nothing between the threads.
            assert!(anteroom::no_thread_waits());
            let outcome = body();
            assert!(
                anteroom::no_thread_waits(),
                "a thread is counted, or parked, but gone"
            );
            outcomes.lock().unwrap().insert(outcome);
        }
    });
    (std::mem::take(&mut *outcomes.lock().unwrap()), executions)
}
