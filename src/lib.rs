//! Synchronization primitives built by hand: a one-byte mutex, a reader-writer lock, a condition
//! variable and a counting semaphore, model-checked with loom and usable in your own loom models;
//! and the same between processes, where they survive `kill -9`.
//!
//! # In one process
//! | primitive | bytes | which thread goes first |
//! |---|---|---|
//! | [`Mutex`] | 1 + data | a running one; every 500 µs the first waiter, if some wait that long |
//! | [`RwLock`] | 8 + data | a running one; after 500 µs by turns (phase-fair) |
//! | [`Condvar`] | 8 | the one that has waited longest; no spurious wake-ups |
//! | [`Semaphore`] | 8 | a running one, then the first waiter; after 500 µs the first waiter |
//!
//! They have timeouts, guards behind an `Arc`, and `const` constructors. None poisons. (Those of
//! [`poison`] do, and have std's names.) An [`RwLock`] is upgradable and downgradable, and its
//! readers share nothing while no thread writes. On Linux none allocates, so that they work inside
//! a global allocator. (Elsewhere they sleep in parking_lot_core, which allocates when a thread
//! sleeps for the first time. On every system the C library may allocate at a thread's first biased
//! read, to remember a destructor.)
//!
//! ```
//! use anteroom::{Condvar, Mutex};
//!
//! static DONE: Mutex<u32> = Mutex::new(0);
//! static CHANGED: Condvar = Condvar::new();
//!
//! std::thread::scope(|s| {
//!     for _ in 0..10 {
//!         s.spawn(|| {
//!             *DONE.lock() += 1; // nothing to unwrap
//!             CHANGED.notify_one(); // one load if no thread waits
//!         });
//!     }
//!     let mut done = DONE.lock();
//!     CHANGED.wait_while(&mut done, |done| *done < 10);
//! });
//! ```
//!
//! # Between processes
//! On 64-bit Linux with glibc, [`shared`] has what processes need that share memory.
//!
//! | primitive | bytes | when a process dies |
//! |---|---|---|
//! | [`shared::Mutex`] | 40 + data | the next holder is told, and repairs the data or poisons it |
//! | [`shared::RwLock`] | 15,488 + data | read locks end; the next writer is told of a dead one |
//! | [`shared::Condvar`] | 40 | a notification that a killed waiter got goes to another one |
//! | [`shared::Semaphore`] | 15,488 | its permits come back |
//! | [`shared::MessageQueue`] | | each message was sent whole or not at all |
//! | [`shared::pipe`], [`shared::Fifo`] | | end of file, without a reader a broken pipe |
//! | [`shared::Shared`], [`shared::SharedMemory`] | | the name and the memory stay |
//!
//! # Pages
//! - [`lifecycle`]: what each primitive does when its process forks, executes another program or
//!   exits, when a thread ends, is stopped or interrupted, when memory is moved or unmapped, and
//!   where the system refuses a call; beside std, parking_lot and glibc.
//! - [`limits`]: how many readers, permits, threads, locks and bytes there may be, and what happens
//!   beyond.
//! - [`shared`]: what is guaranteed, checked and not supported between processes.
//!
//! # When not to use this
//! - **In async code.** These primitives block the thread.
//! - **Where a panic must keep others from half-changed data.** Only the locks of [`poison`] do.
//! - **In a signal handler**: see [`lifecycle`].
//! - **In the child of a fork, for a lock of one process that another thread held.** It stays held.
//! - **When a queue in strict order matters more than speed.** Running threads acquire ahead of
//!   parked waiters for up to 500 µs.
//!
//! # In your own loom models
//! With `--cfg loom`, [`Mutex`], [`RwLock`], [`Condvar`] and [`Semaphore`] take part in a model as
//! short specifications: they block as loom's types do, a lost wake-up is a deadlock, and a timeout
//! is a choice. The repository's README says more.
// `specified` is made of files that are modules of the crate, too.
#![cfg_attr(anteroom_models, allow(clippy::duplicate_mod))]

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod deadline;
#[cfg(any(not(loom), anteroom_models))]
mod fence;
#[cfg(any(not(loom), anteroom_models))]
mod fork;
#[cfg(not(loom))]
mod handoff;
#[cfg(not(loom))]
mod lease;
#[cfg(not(loom))]
pub mod lifecycle;
#[cfg(not(loom))]
pub mod limits;
#[cfg(all(unix, not(any(loom, miri))))]
mod load;
#[cfg(not(loom))]
mod lock_apis;
#[cfg(any(not(loom), anteroom_models))]
mod parking;
pub mod poison;
mod primitive;
#[cfg(all(
    target_os = "linux",
    target_env = "gnu",
    target_pointer_width = "64",
    any(not(loom), anteroom_models),
    not(shuttle)
))]
pub mod shared;
#[cfg(all(loom, not(anteroom_models)))]
#[path = "spec/mod.rs"]
mod spec;
#[cfg(all(anteroom_models, not(shuttle)))]
#[doc(hidden)]
pub mod specified;
#[cfg(not(loom))]
mod spin;
#[cfg(not(loom))]
mod system;
#[path = "types/mod.rs"]
mod types;
#[cfg(any(not(loom), anteroom_models))]
mod waiters;

#[cfg(any(not(loom), anteroom_models))]
mod condvar {
    mod awake;
    pub(crate) mod raw;
    use crate::types::condvar::waitable;
}
#[cfg(any(not(loom), anteroom_models))]
mod mutex {
    pub(crate) mod raw;
}
#[cfg(any(not(loom), anteroom_models))]
mod rwlock {
    pub(crate) mod bias;
    pub(crate) mod raw;
    pub(crate) mod word;
}
#[cfg(any(not(loom), anteroom_models))]
mod semaphore {
    pub(crate) mod raw;
    use crate::types::semaphore::TryAcquireError;
}

/// What the types stand on: the algorithms, and in a user's model their specifications.
#[cfg(any(not(loom), anteroom_models))]
mod raw {
    pub(crate) use crate::condvar::raw as condvar;
    pub(crate) use crate::mutex::raw as mutex;
    pub(crate) use crate::rwlock::raw as rwlock;
    pub(crate) use crate::semaphore::raw as semaphore;
}
#[cfg(all(loom, not(anteroom_models)))]
use spec as raw;

#[cfg(anteroom_models)]
use primitive::modeled::{handoff, lease, spin};

pub use types::*;

#[cfg(all(anteroom_models, target_os = "linux", not(shuttle)))]
#[doc(hidden)]
pub use parking::lot::model as parking_lot;
#[cfg(anteroom_models)]
#[doc(hidden)]
pub use primitive::modeled::lot::{outlast_leases, sleepers};
#[cfg(all(anteroom_models, not(shuttle)))]
#[doc(hidden)]
pub use primitive::modeled::mortal::{MORTALS, has_died, set_fates};
#[cfg(anteroom_models)]
#[doc(hidden)]
pub use primitive::modeled::{
    Bias, Choices, Model, pause_after_fences, set_choices, stop_when_woken,
};
#[cfg(anteroom_models)]
#[doc(hidden)]
pub use waiters::no_thread_waits;
