//! Whether a history is linearizable: the search of J. Wing and C. Gong (1993), which remembers
//! where it has been (G. Lowe, 2017).
//!
//! A call may take effect in several steps, in their order, somewhere between its beginning and its
//! end: a wait releases the lock, is notified, and takes the lock again. Checkers that are to be
//! had know calls with one step only.

use std::collections::HashSet;
use std::fmt::{Debug, Write};
use std::hash::Hash;

/// The most threads of a history.
pub(crate) const THREADS: usize = 4;

/// An object whose steps are taken one after the other.
pub(crate) trait Specification: Clone + Eq + Hash {
    type Step: Copy + Debug + Send;

    /// What the object is after this step, if the thread can take it now.
    fn after(&self, thread: usize, step: Self::Step) -> Option<Self>;

    /// Whether a call may do without this step.
    fn is_optional(_step: Self::Step) -> bool {
        false
    }
}

/// A step that was taken between these two times.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken<S> {
    pub(crate) begin: u32,
    pub(crate) end: u32,
    pub(crate) step: S,
}

/// The steps of each thread.
pub(crate) type History<S> = [Vec<Taken<S>>; THREADS];

/// Whether the steps have an order that `start` allows.
pub(crate) fn is_linearizable<S: Specification>(start: S, history: &History<S::Step>) -> bool {
    // The object, and how many steps each thread has taken.
    let mut reached = vec![(start, [0; THREADS])];
    let mut seen = HashSet::new();
    while let Some((object, taken)) = reached.pop() {
        let next = |thread: usize| history[thread].get(taken[thread]);
        // What begins after this comes after the step that ends there.
        let Some(limit) = (0..THREADS).filter_map(next).map(|next| next.end).min() else {
            return true;
        };
        for thread in 0..THREADS {
            let Some(next) = next(thread).filter(|next| next.begin <= limit) else {
                continue;
            };
            let mut taken = taken;
            taken[thread] += 1;
            let skipped = S::is_optional(next.step).then(|| object.clone());
            for object in skipped.into_iter().chain(object.after(thread, next.step)) {
                if seen.insert((object.clone(), taken)) {
                    reached.push((object, taken));
                }
            }
        }
    }
    false
}

/// The steps in the order of their beginnings, a line each.
pub(crate) fn show<S: Copy + Debug>(history: &History<S>) -> String {
    let numbered = |(thread, steps): (usize, &Vec<Taken<S>>)| {
        let steps = steps.clone().into_iter();
        steps.map(move |taken| (thread, taken)).collect::<Vec<_>>()
    };
    let mut steps: Vec<_> = history.iter().enumerate().flat_map(numbered).collect();
    steps.sort_by_key(|(_, taken)| taken.begin);
    steps.into_iter().fold(
        String::new(),
        |mut text, (thread, Taken { begin, end, step })| {
            writeln!(text, "{begin:3} to {end:3}, thread {thread}: {step:?}")
                .expect("strings take all");
            text
        },
    )
}

/// A history that was thought out: for each call its thread, beginning, end and steps.
#[cfg(test)]
pub(crate) fn history<S: Copy, const N: usize>(calls: [(usize, u32, u32, &[S]); N]) -> History<S> {
    let mut history = [const { Vec::new() }; THREADS];
    for (thread, begin, end, steps) in calls {
        history[thread].extend(steps.iter().map(|&step| Taken { begin, end, step }));
    }
    history
}
