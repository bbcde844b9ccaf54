//! What the primitives do, without how: what they are inside *your* loom models.
//!
//! Under `--cfg loom` the public types stand on these specifications instead of their algorithms (which are checked by
//! this crate's own models, with `--cfg anteroom_models`). So a user's model explores the user's steps, and not those of
//! a lock: over a [`Mutex`](crate::Mutex) as few as over loom's own.
//!
//! Each file here stands in for the `raw` module of one primitive and has the same functions. A specification allows every
//! order in which the real thing may serve threads: a waiter may be overtaken, also where a direct handoff or a fair
//! release would forbid it. It orders memory at least as the real one does; where the real one promises no
//! order (notifying, a failed attempt, `is_locked`), do not build on the model's.
//!
//! Litmus programs (`loom-tests/litmus.rs`) compare each specification's outcomes with the algorithm's: they are the same,
//! but for what the programs list.
//!
//! A deadline is a choice: a timed call looks, lets others do whatever they may do, looks once more, and gives up. So it
//! fails or succeeds in every way that some timing could bring about.

pub(crate) mod condvar;
pub(crate) mod mutex;
pub(crate) mod rwlock;
pub(crate) mod semaphore;

use crate::deadline::Deadline;
use loom::sync::{Condvar, Mutex};
use std::panic::{self, AssertUnwindSafe};
use std::thread;

/// A state, and threads that wait for it to become another.
pub(crate) struct Monitor<S> {
    inner: Mutex<Inner<S>>,
    changed: Condvar,
}

struct Inner<S> {
    state: S,
    waiting: usize,
}

impl<S> Monitor<S> {
    pub(crate) fn new(state: S) -> Self {
        Monitor {
            inner: Mutex::new(Inner { state, waiting: 0 }),
            changed: Condvar::new(),
        }
    }

    /// Changes the state in one step.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut S) -> R) -> R {
        let mut inner = self.inner.lock().unwrap();
        let result = change(&mut inner.state);
        if inner.waiting > 0 {
            self.changed.notify_all();
        }
        result
    }

    /// As [`change`](Self::change), for what guards do when they are dropped. A model that has failed unwinds its threads, and
    /// then loom refuses every step, with a panic that must not leave a destructor.
    pub(crate) fn leave(&self, change: impl FnOnce(&mut S)) {
        let change = AssertUnwindSafe(|| self.change(change));
        if thread::panicking() {
            let _ = panic::catch_unwind(change);
        } else {
            change();
        }
    }

    /// Waits until `step` does something, in one step. When the deadline passes first, `give_up` has the last word.
    pub(crate) fn wait<R>(
        &self,
        deadline: Deadline,
        mut step: impl FnMut(&mut S) -> Option<R>,
        give_up: impl FnOnce(&mut S) -> R,
    ) -> R {
        if deadline.passed() {
            if let Some(result) = self.change(&mut step) {
                return result;
            }
            // What others do in between comes before the end of our time.
            return self.change(|state| step(state).unwrap_or_else(|| give_up(state)));
        }
        let mut inner = self.inner.lock().unwrap();
        loop {
            if let Some(result) = step(&mut inner.state) {
                if inner.waiting > 0 {
                    self.changed.notify_all();
                }
                return result;
            }
            inner.waiting += 1;
            inner = self.changed.wait(inner).unwrap();
            inner.waiting -= 1;
        }
    }

    /// No thread waits, and the state is `free`.
    #[cfg(anteroom_models)]
    pub(crate) fn assert_at_rest(&mut self, free: impl FnOnce(&S) -> bool) {
        let inner = self.inner.get_mut().unwrap();
        assert!(inner.waiting == 0 && free(&inner.state), "at rest");
    }

    /// Whether somebody waits.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.inner.lock().unwrap().waiting > 0
    }
}
