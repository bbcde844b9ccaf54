//! Chooses what everything above runs on: std's atomics, loom's, or shuttle's.
//!
//! Only this file and its child [`modeled`] name loom or shuttle. Everything above is written once.
//! It runs on real threads as `cargo build` makes it, and inside a model when the whole build has
//! `--cfg loom`. Loom explores every execution of a few threads. With `--cfg shuttle` beside `--cfg
//! loom` the model is shuttle's: random executions of many threads, in which every access is
//! sequentially consistent.
//!
//! Loom's types cannot be built in a constant. So a `const fn` for users is an ordinary function in
//! a model: [`const_fn!`] writes both.

#[cfg(anteroom_models)]
pub(crate) mod modeled;

#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering};

#[cfg(all(not(loom), not(target_has_atomic = "64")))]
pub(crate) use std::sync::atomic::AtomicU32 as AtomicState;
/// The atomic of the waiters' table: 64 bits, or as many as the target changes at once.
#[cfg(all(not(loom), target_has_atomic = "64"))]
pub(crate) use std::sync::atomic::AtomicU64 as AtomicState;
#[cfg(any(anteroom_models, all(not(loom), target_has_atomic = "64")))]
pub(crate) type State = u64;
#[cfg(all(not(loom), not(target_has_atomic = "64")))]
pub(crate) type State = u32;

#[cfg(all(anteroom_models, not(shuttle)))]
pub(crate) use loom as model;
#[cfg(shuttle)]
pub(crate) use shuttle as model;

#[cfg(all(anteroom_models, not(shuttle)))]
pub(crate) use model::sync::atomic::AtomicU32;
#[cfg(anteroom_models)]
pub(crate) use model::sync::atomic::{AtomicU8, AtomicU64 as AtomicState, Ordering};
#[cfg(anteroom_models)]
pub(crate) use modeled::weak::AtomicUsize;

#[cfg(all(anteroom_models, not(shuttle)))]
pub(crate) use modeled::Access;
#[cfg(anteroom_models)]
pub(crate) use modeled::Starvation;

#[cfg(all(
    target_os = "linux",
    target_env = "gnu",
    target_pointer_width = "64",
    not(loom)
))]
pub(crate) use std::sync::atomic::{AtomicPtr, AtomicU64};

/// Atomics in memory that processes share. In a model, each access is a step.
#[cfg(all(
    target_os = "linux",
    target_env = "gnu",
    target_pointer_width = "64",
    not(loom)
))]
pub(crate) mod mortal {
    pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64};
}
#[cfg(all(anteroom_models, not(shuttle)))]
pub(crate) use modeled::mortal;

/// Numbers in memory that processes share, which a lock guards. They are atomic because a process
/// that breaks the rules may write them at any time. They are not modelled.
#[cfg(all(
    target_os = "linux",
    target_env = "gnu",
    target_pointer_width = "64",
    any(not(loom), anteroom_models),
    not(shuttle)
))]
pub(crate) mod guarded {
    pub(crate) use std::sync::atomic::AtomicU32;
}

/// Bits of a word of a robust list, as the kernel reads and writes it.
#[cfg(all(
    target_os = "linux",
    target_env = "gnu",
    target_pointer_width = "64",
    any(not(loom), anteroom_models),
    not(shuttle)
))]
pub(crate) mod robust_word {
    /// The thread that holds the word, or 0.
    pub(crate) const OWNER: u32 = 0x3fff_ffff;
    /// The kernel's mark: the holder ended.
    pub(crate) const OWNER_DIED: u32 = 0x4000_0000;
    /// A thread sleeps on the word, and is to be woken if the holder dies.
    pub(crate) const WAITERS: u32 = 0x8000_0000;
}

/// Keeps the compiler from moving accesses across it. The kernel reads the memory of a thread after
/// its end. Like a signal handler, it sees the accesses before this fence before those after it. In
/// a model that holds without a fence.
#[cfg(all(
    target_os = "linux",
    target_env = "gnu",
    target_pointer_width = "64",
    any(not(loom), anteroom_models),
    not(shuttle)
))]
#[inline(always)]
pub(crate) fn in_program_order() {
    #[cfg(not(loom))]
    // ORDERING: SeqCst, for the compiler only; orders accesses for the kernel.
    std::sync::atomic::compiler_fence(Ordering::SeqCst);
}

/// For what is no part of an algorithm. It is std's in a model, too, and `const`.
pub(crate) mod unmodelled {
    pub(crate) use std::sync::atomic::{AtomicBool, Ordering};
}

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

/// Writes an array whose elements are constants, or, in a model, made one by one.
#[cfg(all(
    target_os = "linux",
    target_env = "gnu",
    target_pointer_width = "64",
    any(not(loom), anteroom_models),
    not(shuttle)
))]
macro_rules! array_of {
    ($each:expr) => {{
        #[cfg(not(loom))]
        let array = [const { $each }; _];
        #[cfg(loom)]
        let array = std::array::from_fn(|_| $each);
        array
    }};
}
#[cfg(all(
    target_os = "linux",
    target_env = "gnu",
    target_pointer_width = "64",
    any(not(loom), anteroom_models),
    not(shuttle)
))]
pub(crate) use array_of;

/// Writes a function that returns a static table: the process's, or a model execution's.
#[cfg(any(not(loom), anteroom_models))]
macro_rules! table {
    ($(#[$meta:meta])* fn $name:ident() -> [$type:ty; $len:expr], each $each:expr) => {
        $(#[$meta])*
        #[inline(always)]
        fn $name() -> &'static [$type; $len] {
            #[cfg(not(loom))]
            static TABLE: [$type; $len] = [const { $each }; $len];
            #[cfg(loom)]
            $crate::primitive::model::lazy_static! {
                static ref TABLE: $crate::primitive::modeled::Kept<[$type; $len]> =
                    $crate::primitive::modeled::Kept::new(std::array::from_fn(|_| $each));
            }
            &TABLE
        }
    };
}
#[cfg(any(not(loom), anteroom_models))]
pub(crate) use table;

/// Writes variables of which each thread has its own copy.
#[cfg(any(not(loom), anteroom_models))]
macro_rules! thread_locals {
    ($($(#[$meta:meta])* static $name:ident: $type:ty = $initial:expr;)*) => {
        #[cfg(not(loom))]
        std::thread_local! {
            $($(#[$meta])* static $name: $type = const { $initial };)*
        }
        #[cfg(loom)]
        $crate::primitive::model::thread_local! {
            $($(#[$meta])* static $name: $type = $initial;)*
        }
    };
}
#[cfg(any(not(loom), anteroom_models))]
pub(crate) use thread_locals;

/// The value of a model's atomic that no thread touches at the same time.
#[cfg(anteroom_models)]
macro_rules! at_rest {
    ($atomic:expr) => {{
        #[cfg(not(shuttle))]
        let value = $atomic.with_mut(|value| *value);
        #[cfg(shuttle)]
        let value = *$atomic.get_mut();
        value
    }};
}
#[cfg(anteroom_models)]
pub(crate) use at_rest;

/// Where a lock reports that it was acquired or is about to be released.
///
/// On real threads and in shuttle it has no size and does nothing. In loom it is a cell. Loom
/// reports a race if two threads ever hold a lock at once, or one after the other with no
/// happens-before between them. The cell stands for the data that the lock protects, so a user's
/// own model finds such a bug too.
#[cfg(any(not(loom), shuttle))]
pub(crate) struct Access;

#[cfg(any(not(loom), shuttle))]
impl Access {
    pub(crate) const fn new() -> Self {
        Access
    }

    /// The calling thread may read from now on.
    #[inline(always)]
    pub(crate) fn shared(&self) {}

    /// The calling thread may read and write from now on, and no other thread may do either.
    #[inline(always)]
    pub(crate) fn exclusive(&self) {}
}

/// How long one call has waited, compared with the starvation threshold.
#[cfg(not(loom))]
pub(crate) struct Starvation(Option<std::time::Instant>);

#[cfg(not(loom))]
impl Starvation {
    /// The starvation threshold: about ten times what a woken thread needs to run on the machine of
    /// the `contention` benchmark, which chose it.
    const ALL: std::time::Duration = std::time::Duration::from_micros(500);

    /// A clock that starts at the first question, so that a thread that never parks never reads it.
    pub(crate) fn new() -> Self {
        Starvation(None)
    }

    /// Whether this call has waited for the starvation threshold.
    pub(crate) fn is_reached(&mut self) -> bool {
        self.0.get_or_insert_with(std::time::Instant::now).elapsed() >= Self::ALL
    }

    /// Until when a waiter sleeps that no thread may wake before it starves: until then, or until
    /// its own deadline if that is earlier.
    pub(crate) fn limit(deadline: crate::deadline::Deadline) -> crate::deadline::Deadline {
        deadline.min(crate::deadline::Deadline::after(Self::ALL))
    }
}
