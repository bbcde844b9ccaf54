//! The time until which a call may wait.

use super::IS_MODEL;
use std::time::{Duration, Instant};

/// A point in time, or never.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// No limit.
    pub(crate) const NEVER: Deadline = Deadline(None);

    pub(crate) fn at(instant: Instant) -> Self {
        Deadline(Some(instant))
    }

    /// The deadline `timeout` from now; none if that does not fit into an `Instant`.
    pub(crate) fn after(timeout: Duration) -> Self {
        Deadline(Instant::now().checked_add(timeout))
    }

    /// The earlier of the two.
    pub(crate) fn min(self, other: Deadline) -> Self {
        match (self.0, other.0) {
            (Some(a), Some(b)) => Deadline(Some(a.min(b))),
            (a, b) => Deadline(a.or(b)),
        }
    }

    /// Whether there is a limit.
    pub(crate) fn exists(self) -> bool {
        self.0.is_some()
    }

    /// Whether the deadline has passed. In a model, each has passed at the first look.
    pub(crate) fn passed(self) -> bool {
        self.exists() && (IS_MODEL || self.0 <= Some(Instant::now()))
    }

    /// Whether it had passed before the call began to wait. Never in a model, so that a timed wait
    /// explores what an untimed one does, too.
    pub(crate) fn is_past(self) -> bool {
        !IS_MODEL && self.passed()
    }

    pub(crate) fn instant(self) -> Option<Instant> {
        self.0
    }
}
