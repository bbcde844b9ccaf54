//! The specifications of the primitives: what they are inside *your* models.
//!
//! With the feature `loom` or `shuttle`, the public types stand on these specifications instead of
//! the algorithms. (This crate's own models check the algorithms, with `--cfg anteroom_models`.) So
//! a user's model explores the user's steps, and not a lock's: for a [`Mutex`](crate::Mutex) as few
//! as for loom's.
//!
//! Each file here replaces the `raw` module of one primitive, with the same functions
//! ([`signatures`](super::signatures)). A specification allows every order in which the real
//! primitive may serve threads. A waiter may be overtaken, even where a direct handoff or a fair
//! release would forbid it. It orders memory at least as the real one does. Where the real one
//! promises no order (notifying, a failed attempt, `is_locked`), do not rely on the model's.
//!
//! Litmus programs (`loom-tests/litmus.rs`) compare each specification's outcomes with the
//! algorithm's. They are the same, except where the programs list a difference.
//!
//! A deadline is a choice. A timed call looks, lets other threads run, looks once more, and gives
//! up. So it fails or succeeds in every way that some timing could bring about.
//!
//! Each `new` is `const`: see [`execution`]. A lock may be a `static`, and is free at the beginning
//! of each execution. Its data is ordinary memory, which stays.

pub(crate) mod condvar;
mod engine;
mod execution;
pub(crate) mod mutex;
pub(crate) mod rwlock;
pub(crate) mod semaphore;

use super::deadline::Deadline;
use super::only_in_models;
use engine::{Condvar, Mutex};
use execution::PerExecution;
use std::panic::{self, AssertUnwindSafe};
use std::thread;

super::signatures::are_raw_locks! { crate::sys::spec }

/// A state, and threads that wait for it to change.
pub(crate) struct Monitor<S> {
    /// The state at the beginning of an execution.
    initial: S,
    parts: PerExecution<Parts<S>>,
}

struct Parts<S> {
    inner: Mutex<Inner<S>>,
    changed: Condvar,
}

struct Inner<S> {
    state: S,
    waiting: usize,
}

impl<S: Clone> Monitor<S> {
    pub(crate) const fn new(initial: S) -> Self {
        Monitor {
            initial,
            parts: PerExecution::new(),
        }
    }

    fn parts(&self) -> &Parts<S> {
        self.parts.get(|| Parts {
            inner: Mutex::new(Inner {
                state: self.initial.clone(),
                waiting: 0,
            }),
            changed: Condvar::new(),
        })
    }

    /// Changes the state in one step.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut S) -> R) -> R {
        let parts = self.parts();
        let mut inner = parts.inner.lock().unwrap();
        let result = change(&mut inner.state);
        if inner.waiting > 0 {
            parts.changed.notify_all();
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
        if deadline.exists() {
            if let Some(result) = self.change(&mut step) {
                return result;
            }
            // What other threads do in between precedes the deadline.
            return self.change(|state| step(state).unwrap_or_else(|| give_up(state)));
        }
        let parts = self.parts();
        let mut inner = parts.inner.lock().unwrap();
        loop {
            if let Some(result) = step(&mut inner.state) {
                if inner.waiting > 0 {
                    parts.changed.notify_all();
                }
                return result;
            }
            inner.waiting += 1;
            inner = parts.changed.wait(inner).unwrap();
            inner.waiting -= 1;
        }
    }

    only_in_models! {
        /// Asserts that no thread waits, and the state is `free`.
        pub(crate) fn assert_at_rest(&mut self, free: impl FnOnce(&S) -> bool) {
            if let Some(parts) = self.parts.get_mut() {
                let inner = parts.inner.get_mut().unwrap();
                assert!(inner.waiting == 0 && free(&inner.state), "at rest");
            }
        }
    }

    /// Whether a thread waits.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.parts().inner.lock().unwrap().waiting > 0
    }
}
