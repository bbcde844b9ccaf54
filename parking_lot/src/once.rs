//! [`Once`]: a state, and a mutex and a condition variable for the threads that wait.
//!
//! | state | meaning | changed by |
//! |---|---|---|
//! | `NEW` | no closure has run | a caller, to `RUNNING` |
//! | `RUNNING` | a caller runs its closure | that caller, to `DONE` or `POISONED` |
//! | `POISONED` | the last closure panicked | a caller that ignores this, to `RUNNING` |
//! | `DONE` | a closure has returned | none |
//!
//! The state changes only with the mutex held, and a thread that waits for a change has looked at
//! it with the mutex held. So no change is missed. Closures run without the mutex. A thread that
//! finds `DONE` does not lock: its Acquire pairs with the Release of the thread that stored it.
//!
//! The model is `loom-tests/once.rs`.

use super::parts::Ordering::{Acquire, Relaxed, Release};
use super::parts::{AtomicU8, Condvar, Mutex};
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};

pub(crate) const NEW: u8 = 0;
const RUNNING: u8 = 1;
pub(crate) const POISONED: u8 = 2;
pub(crate) const DONE: u8 = 3;

/// What has become of a [`Once`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnceState {
    /// No closure has run.
    New,
    /// The last closure has panicked.
    Poisoned,
    /// A thread runs a closure.
    InProgress,
    /// A closure has returned.
    Done,
}

impl OnceState {
    fn of(state: u8) -> Self {
        match state {
            NEW => OnceState::New,
            RUNNING => OnceState::InProgress,
            POISONED => OnceState::Poisoned,
            _ => OnceState::Done,
        }
    }

    /// Whether the last closure has panicked.
    pub const fn is_poisoned(self) -> bool {
        matches!(self, OnceState::Poisoned)
    }

    /// As [`is_poisoned`](Self::is_poisoned).
    pub const fn poisoned(self) -> bool {
        self.is_poisoned()
    }

    /// Whether a closure has returned.
    pub const fn is_completed(self) -> bool {
        matches!(self, OnceState::Done)
    }

    /// As [`is_completed`](Self::is_completed).
    pub const fn done(self) -> bool {
        self.is_completed()
    }
}

/// Runs one closure once, and blocks all other callers meanwhile.
///
/// What that closure did happens-before every call returns. A closure that calls the same `Once`
/// deadlocks. If a closure panics, later calls panic too, but for those that ignore it.
///
/// # Examples
/// ```
/// use anteroom_parking_lot::v0_13::Once;
///
/// static BEGUN: Once = Once::new();
/// BEGUN.call_once(|| println!("once"));
/// BEGUN.call_once(|| unreachable!());
/// assert!(BEGUN.is_completed());
/// ```
pub struct Once {
    state: AtomicU8,
    mutex: Mutex<()>,
    changed: Condvar,
}

// A panic poisons it.
impl UnwindSafe for Once {}
impl RefUnwindSafe for Once {}

impl Once {
    pub(crate) const fn of(state: AtomicU8, mutex: Mutex<()>, changed: Condvar) -> Self {
        Once {
            state,
            mutex,
            changed,
        }
    }

    /// What has become of it. The answer may be stale when the caller gets it, unless it is `Done`.
    #[inline]
    pub fn state(&self) -> OnceState {
        // ORDERING: Acquire; pairs with the Release in `end`.
        OnceState::of(self.state.load(Acquire))
    }

    /// Whether a closure has returned.
    #[inline]
    pub fn is_completed(&self) -> bool {
        // ORDERING: Acquire; pairs with the Release in `end`.
        self.state.load(Acquire) == DONE
    }

    /// Runs `f` if no closure has run, and blocks while another thread runs one.
    ///
    /// # Panics
    /// If `f` panics, or a closure has panicked before.
    #[inline]
    pub fn call_once<F: FnOnce()>(&self, f: F) {
        if !self.is_completed() {
            let mut f = Some(f);
            self.call(false, &mut |_| f.take().expect("it is called once")());
        }
    }

    /// As [`call_once`](Self::call_once), but runs `f` also if the last closure has panicked. `f`
    /// is told what had become of this.
    ///
    /// # Panics
    /// If `f` panics.
    #[inline]
    pub fn call_once_force<F: FnOnce(OnceState)>(&self, f: F) {
        if !self.is_completed() {
            let mut f = Some(f);
            self.call(true, &mut |state| {
                f.take().expect("it is called once")(state)
            });
        }
    }

    /// Blocks until a closure has returned.
    ///
    /// # Panics
    /// If a closure has panicked, and none has run since.
    #[inline]
    pub fn wait(&self) {
        if !self.is_completed() {
            self.wait_until_done(false);
        }
    }

    /// As [`wait`](Self::wait), and blocks also while it is poisoned.
    #[inline]
    pub fn wait_force(&self) {
        if !self.is_completed() {
            self.wait_until_done(true);
        }
    }

    #[cold]
    fn call(&self, ignores_poison: bool, f: &mut dyn FnMut(OnceState)) {
        /// Ends the run, also by a panic.
        struct End<'a>(&'a Once, u8);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.end(self.1);
            }
        }
        if let Some(before) = self.begin(ignores_poison) {
            let mut end = End(self, POISONED);
            f(before);
            end.1 = DONE;
        }
    }

    /// Makes the caller the one that runs its closure, and returns what the state was. `None` if a
    /// closure has returned.
    pub(crate) fn begin(&self, ignores_poison: bool) -> Option<OnceState> {
        let mut held = self.mutex.lock();
        let before = loop {
            // ORDERING: Relaxed; the mutex orders this and the store below.
            match self.state.load(Relaxed) {
                DONE => return None,
                RUNNING => self.changed.wait(&mut held),
                POISONED if !ignores_poison => refuse_poisoned(),
                before => break before,
            }
        };
        // ORDERING: Relaxed; see above.
        self.state.store(RUNNING, Relaxed);
        Some(OnceState::of(before))
    }

    /// Ends the caller's run, with `DONE` or `POISONED`.
    pub(crate) fn end(&self, state: u8) {
        let _held = self.mutex.lock();
        // ORDERING: Release; pairs with the Acquire in `is_completed` and `state`.
        self.state.store(state, Release);
        self.changed.notify_all();
    }

    #[cold]
    fn wait_until_done(&self, ignores_poison: bool) {
        let mut held = self.mutex.lock();
        loop {
            // ORDERING: Relaxed; the mutex orders this.
            match self.state.load(Relaxed) {
                DONE => return,
                POISONED if !ignores_poison => refuse_poisoned(),
                _ => self.changed.wait(&mut held),
            }
        }
    }
}

#[cold]
fn refuse_poisoned() -> ! {
    panic!("Once instance has previously been poisoned");
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once")
            .field("state", &self.state())
            .finish()
    }
}
