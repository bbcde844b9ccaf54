//! The face of real threads: std's atomics and thread-locals.

#[cfg(all(
    feature = "ipc",
    target_os = "linux",
    target_env = "gnu",
    target_pointer_width = "64"
))]
pub(crate) mod ipc;

pub(crate) use std::sync::atomic::{AtomicPtr, AtomicU8, AtomicU32, AtomicUsize, Ordering};

#[cfg(not(target_has_atomic = "64"))]
pub(crate) use std::sync::atomic::AtomicU32 as AtomicState;
#[cfg(target_has_atomic = "64")]
pub(crate) use std::sync::atomic::AtomicU64;
/// The atomic of the waiters' table: 64 bits, or as many as the target changes at once.
#[cfg(target_has_atomic = "64")]
pub(crate) use std::sync::atomic::AtomicU64 as AtomicState;
#[cfg(not(target_has_atomic = "64"))]
pub(crate) type State = u32;
#[cfg(target_has_atomic = "64")]
pub(crate) type State = u64;

/// Atomics in memory that processes share. In a model, each access is a step.
#[cfg(target_has_atomic = "64")]
pub(crate) mod mortal {
    pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64};
}

/// The parking lot.
#[cfg(not(target_os = "linux"))]
pub(crate) use crate::parking::elsewhere as parked;
#[cfg(target_os = "linux")]
pub(crate) use crate::parking::lot as parked;

/// Keeps the compiler from moving accesses across it. The kernel reads the memory of a thread after
/// its end. Like a signal handler, it sees the accesses before this fence before those after it.
#[inline(always)]
pub(crate) fn in_program_order() {
    // ORDERING: SeqCst, for the compiler only; orders accesses for the kernel.
    std::sync::atomic::compiler_fence(Ordering::SeqCst);
}

/// Writes what only the crate's models need.
macro_rules! only_in_models {
    ($($code:tt)*) => {};
}
pub(crate) use only_in_models;

/// Writes a `const fn`, which in the crate's models is not `const`.
macro_rules! const_fn {
    ($($function:tt)*) => { $($function)* };
}
pub(crate) use const_fn;

/// Writes an array whose elements are constants, or, in a model, made one by one.
macro_rules! array_of {
    ($each:expr) => {
        [const { $each }; _]
    };
}
pub(crate) use array_of;

/// Writes a function that returns a static table: the process's, or a model execution's.
macro_rules! table {
    ($(#[$meta:meta])* fn $name:ident() -> [$type:ty; $len:expr], each $each:expr) => {
        $(#[$meta])*
        #[inline(always)]
        fn $name() -> &'static [$type; $len] {
            static TABLE: [$type; $len] = [const { $each }; $len];
            &TABLE
        }
    };
}
pub(crate) use table;

/// Writes variables of which each thread has its own copy.
macro_rules! thread_locals {
    ($($(#[$meta:meta])* static $name:ident: $type:ty = $initial:expr;)*) => {
        std::thread_local! {
            $($(#[$meta])* static $name: $type = const { $initial };)*
        }
    };
}
pub(crate) use thread_locals;

/// The sizes of tables and batches.
pub(crate) mod sizes {
    /// Of the waiters' table, as a power of two. A collision costs a needless look at a queue, so
    /// there are many more slots than locks with waiters at one time.
    pub(crate) const WAITERS: u32 = 13;
    /// Of the parking lot's buckets, as a power of two.
    pub(crate) const BUCKETS: u32 = 9;
    /// The most threads that one call unparks: what parking_lot_core keeps on its stack.
    pub(crate) const BATCH: usize = 8;
    /// The number of threads that can be biased readers at once. The table takes 128 KiB. Parts of
    /// it that no thread has used stay untouched, and need no memory.
    pub(crate) const ROWS: usize = 1024;
    /// The number of locks that one thread can read at once by bias.
    pub(crate) const SLOTS: usize = 7;
    /// The number of reads that may outlive their threads.
    pub(crate) const STRAYS: usize = 1024;
    /// How many threads can hold something of a ledger at once: `futex_waitv` takes that many words
    /// and a gate's (128).
    pub(crate) const HOLDERS: usize = 120;
    /// How many locks between processes a thread can hold.
    pub(crate) const MAX_HELD: usize = 1000;
    /// How many entries a call links at most, beyond those.
    pub(crate) const WITHIN_A_CALL: usize = 8;
    /// How many bytes of a ring are copied before the other side may copy them, so that both copy
    /// at once. With it, a ring of 64 KiB passes 8 GB/s.
    pub(crate) const PIECE: u64 = 16 * 1024;
}

/// Where a lock reports that it was acquired or is about to be released.
///
/// On real threads and in shuttle it has no size and does nothing. In loom it is a cell. Loom
/// reports a race if two threads ever hold a lock at once, or one after the other with no
/// happens-before between them. The cell stands for the data that the lock protects, so a user's
/// own model finds such a bug too.
pub(crate) struct Access;

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

/// What the parking lot sleeps on, and locks its queues with.
#[cfg(target_os = "linux")]
pub(crate) mod lot {
    pub(crate) use std::sync::{Mutex, MutexGuard};

    /// Sleeping on a word, through the kernel.
    pub(crate) mod futex {
        use crate::sys::AtomicU32;
        use rustix::thread::futex::{Flags, wait as wait_for};
        use std::time::Instant;

        /// Sleeps while the word is `value`, or for a shorter time. False, at once, if the time is
        /// up.
        pub(crate) fn wait(word: &AtomicU32, value: u32, limit: Option<Instant>) -> bool {
            let left = limit.map(|limit| limit.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return false;
            }
            // (A time that does not fit is longer than any sleep.)
            let left = left.and_then(|left| left.try_into().ok());
            let _ = wait_for(word, Flags::PRIVATE, value, left.as_ref());
            true
        }

        /// Wakes the thread that sleeps on the word. The word may be gone by now. Then this wakes
        /// no thread, or one that sleeps on another word there, and looks again.
        pub(crate) fn wake(word: *const AtomicU32) {
            let operation = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
            // SAFETY: the kernel uses the address only to look for sleeping threads.
            unsafe { libc::syscall(libc::SYS_futex, word, operation, 1) };
        }
    }
}
