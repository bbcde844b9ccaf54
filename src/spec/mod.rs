//! The specifications of the primitives: what they are inside *your* loom models.
//!
//! Under `--cfg loom` the public types stand on these specifications instead of the algorithms.
//! (This crate's own models check the algorithms, with `--cfg anteroom_models`.) So a user's model
//! explores the user's steps, and not a lock's: for a [`Mutex`](crate::Mutex) as few as for loom's.
//!
//! Each file here replaces the `raw` module of one primitive, with the same functions. A
//! specification allows every order in which the real primitive may serve threads. A waiter may be
//! overtaken, even where a direct handoff or a fair release would forbid it. It orders memory at
//! least as the real one does. Where the real one promises no order (notifying, a failed attempt,
//! `is_locked`), do not rely on the model's.
//!
//! Litmus programs (`loom-tests/litmus.rs`) compare each specification's outcomes with the
//! algorithm's. They are the same, except where the programs list a difference.
//!
//! A deadline is a choice. A timed call looks, lets other threads run, looks once more, and gives
//! up. So it fails or succeeds in every way that some timing could bring about.

pub(crate) mod condvar;
pub(crate) mod mutex;
pub(crate) mod rwlock;
pub(crate) mod semaphore;

use crate::deadline::Deadline;
use loom::sync::{Condvar, Mutex};
use std::panic::{self, AssertUnwindSafe};
use std::thread;

/// A state, and threads that wait for it to change.
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

    /// As [`change`](Self::change), for destructors of guards. A model that has failed unwinds its
    /// threads. Then loom refuses every step by a panic, which must not leave a destructor.
    pub(crate) fn leave(&self, change: impl FnOnce(&mut S)) {
        let change = AssertUnwindSafe(|| self.change(change));
        if thread::panicking() {
            let _ = panic::catch_unwind(change);
        } else {
            change();
        }
    }

    /// Waits until `step` returns a result, in one step. After the deadline, `give_up` returns it.
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
            // What other threads do in between precedes the deadline.
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

    /// Asserts that no thread waits, and the state is `free`.
    #[cfg(anteroom_models)]
    pub(crate) fn assert_at_rest(&mut self, free: impl FnOnce(&S) -> bool) {
        let inner = self.inner.get_mut().unwrap();
        assert!(inner.waiting == 0 && free(&inner.state), "at rest");
    }

    /// Whether a thread waits.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.inner.lock().unwrap().waiting > 0
    }
}
