//! When a waiter is starved: it has waited for the starvation threshold; a mutex's waiter also was
//! woken in vain.

use super::FAIRNESS;
use crate::sys::deadline::Deadline;
use std::time::{Duration, Instant};

const THRESHOLD: Duration = Duration::from_micros(FAIRNESS as u64);

/// How long one call has waited, compared with the starvation threshold.
pub(crate) struct Starvation(Option<Instant>);

impl Starvation {
    /// A clock that starts at the first question, so that a thread that never parks never reads it.
    pub(crate) fn new() -> Self {
        Starvation(None)
    }

    /// Whether this call has waited for the starvation threshold.
    pub(crate) fn is_reached(&mut self) -> bool {
        self.0.get_or_insert_with(Instant::now).elapsed() >= THRESHOLD
    }

    /// Until when a waiter sleeps that no thread may wake before it starves: until then, or until
    /// its own deadline if that is earlier.
    pub(crate) fn limit(deadline: Deadline) -> Deadline {
        deadline.min(Deadline::after(THRESHOLD))
    }
}
