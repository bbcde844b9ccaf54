//! Whether a lock is poisoned, and what a guard remembers to find out.

use crate::sys::unmodelled::{AtomicBool, Ordering};
use std::sync::{LockResult, PoisonError, TryLockError, TryLockResult};
use std::thread;

/// Whether a panic has dropped a guard of the lock that could write.
///
/// It is set before the lock is released, and read after the lock is acquired: the lock orders it.
pub(super) struct Flag(AtomicBool);

impl Flag {
    pub(super) const fn new() -> Self {
        Flag(AtomicBool::new(false))
    }

    #[inline]
    pub(super) fn get(&self) -> bool {
        // ORDERING: Relaxed; a caller that holds the lock is ordered by it, any other one gets an
        // answer that may be stale.
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn clear(&self) {
        // ORDERING: Relaxed; as for `get`.
        self.0.store(false, Ordering::Relaxed);
    }

    #[cold]
    fn set(&self) {
        // ORDERING: Relaxed; the lock, which is released after this, orders it.
        self.0.store(true, Ordering::Relaxed);
    }

    /// What was acquired, as an error if the lock is poisoned.
    #[inline]
    pub(super) fn result<G>(&self, guard: G) -> LockResult<G> {
        result(self.get(), guard)
    }

    /// What a try has acquired, if anything.
    #[inline]
    pub(super) fn try_result<G>(&self, guard: Option<G>) -> TryLockResult<G> {
        let guard = guard.ok_or(TryLockError::WouldBlock)?;
        Ok(self.result(guard)?)
    }
}

#[inline]
pub(super) fn result<V>(poisoned: bool, value: V) -> LockResult<V> {
    match poisoned {
        false => Ok(value),
        true => Err(PoisonError::new(value)),
    }
}

/// The time from an acquisition to a release.
#[derive(Clone, Copy)]
pub(super) struct Section {
    /// The thread was panicking already when it acquired the lock: a destructor did.
    panicking: bool,
}

impl Section {
    #[inline]
    pub(super) fn begin() -> Self {
        Section {
            panicking: thread::panicking(),
        }
    }

    /// Poisons the lock if a panic ends the section that began within it.
    #[inline]
    pub(super) fn end(self, poison: &Flag) {
        if thread::panicking() && !self.panicking {
            poison.set();
        }
    }
}
