//! The switch: std's atomics, or loom's.
//!
//! This file and its child [`modeled`] are the only ones that name loom. Everything above is written once
//! and runs on both: on real threads as `cargo build` makes it, and inside a loom model when the whole build
//! has `--cfg loom`.
//!
//! Loom's types cannot be built in a constant, so what is a `const fn` for users is an ordinary function in a
//! model: [`const_fn!`] writes both.

#[cfg(loom)]
pub(crate) mod modeled;

#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering};

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering};

#[cfg(loom)]
pub(crate) use modeled::{Access, Patience, waiter_counts};

/// Writes a `const fn`, which in a model is not `const`.
macro_rules! const_fn {
    ($(#[$meta:meta])* $vis:vis const fn $($rest:tt)*) => {
        #[cfg(not(loom))]
        $(#[$meta])*
        $vis const fn $($rest)*

        #[cfg(loom)]
        $(#[$meta])*
        $vis fn $($rest)*
    };
}
pub(crate) use const_fn;

/// Slots of the table that [`waiter_counts`] returns. A collision costs a needless look at a queue, so there
/// are many more slots than locks that are likely to be waited for at once.
#[cfg(not(loom))]
const SLOTS: usize = 4096;

/// The table of [`crate::waiters`]: one for the process, or one for each execution of a model.
#[cfg(not(loom))]
#[inline(always)]
pub(crate) fn waiter_counts() -> &'static [AtomicU32; SLOTS] {
    static COUNTS: [AtomicU32; SLOTS] = [const { AtomicU32::new(0) }; SLOTS];
    &COUNTS
}

/// Where a lock says that it was taken or is about to be released.
///
/// On real threads it has no size and does nothing. In a model it is a loom cell: if two threads ever hold a
/// lock at once, or hold it one after the other with no happens-before between them, loom reports a race.
/// It stands for whatever data the lock protects, so a user's own model finds such a bug too.
#[cfg(not(loom))]
pub(crate) struct Access;

#[cfg(not(loom))]
impl Access {
    pub(crate) const fn new() -> Self {
        Access
    }

    /// The calling thread may now read.
    #[inline(always)]
    pub(crate) fn shared(&self) {}

    /// The calling thread may now read and write, and nobody else may do either.
    #[inline(always)]
    pub(crate) fn exclusive(&self) {}
}

/// How long one call has been waiting, to decide when it may ask for the lock to be handed to it.
///
/// Half a millisecond is about ten times what it takes a woken thread to run on the machine of the
/// `contended` benchmark: shorter, and hand-offs (which leave a lock idle for that long) become the rule.
#[cfg(not(loom))]
pub(crate) struct Patience(Option<std::time::Instant>);

#[cfg(not(loom))]
impl Patience {
    const LIMIT: std::time::Duration = std::time::Duration::from_micros(500);

    /// The clock starts at the first question, so that a thread which never parks never reads it.
    pub(crate) fn new() -> Self {
        Patience(None)
    }

    /// Whether this call has waited too long.
    pub(crate) fn exhausted(&mut self) -> bool {
        match self.0 {
            Some(since) => since.elapsed() >= Self::LIMIT,
            None => {
                self.0 = Some(std::time::Instant::now());
                false
            }
        }
    }
}
