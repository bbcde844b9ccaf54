//! Synchronization primitives built by hand: a one-byte mutex, a reader-writer lock, a condition
//! variable and a counting semaphore, model-checked with loom and usable in your own loom models;
//! and the same between processes, where they survive `kill -9`.
//!
//! # In one process
//! | primitive | bytes | which thread goes first |
//! |---|---|---|
//! | [`Mutex`] | 1 + data | running threads may pass for 500 µs; then the first waiter |
//! | [`RwLock`] | 8 + data | running threads may pass for 500 µs; then by turns (phase-fair) |
//! | [`Condvar`] | 8 | the one that has waited longest; no spurious wake-ups |
//! | [`Semaphore`] | 8 | running threads may pass for 500 µs; then permits are reserved |
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
//! On 64-bit Linux with glibc, [`ipc`] has what processes need that share memory. (The feature
//! `ipc`, which is on by default.)
//!
//! | primitive | bytes | when a process dies |
//! |---|---|---|
//! | [`ipc::Mutex`] | 40 + data | the next holder is told, and repairs the data or poisons it |
//! | [`ipc::RwLock`] | 15,488 + data | read locks end; the next writer is told of a dead one |
//! | [`ipc::Condvar`] | 40 | a notification that a killed waiter got goes to another one |
//! | [`ipc::Semaphore`] | 15,488 | its permits come back |
//! | [`ipc::MessageQueue`] | – | each message was sent whole or not at all |
//! | [`ipc::pipe`], [`ipc::Fifo`] | – | end of file, without a reader a broken pipe |
//! | [`ipc::Shared`], [`ipc::SharedMemory`] | – | the name and the memory stay |
//!
//! # Pages
//! - [`lifecycle`]: what each primitive does when its process forks, executes another program or
//!   exits, when a thread ends, is stopped or interrupted, when memory is moved or unmapped, and
//!   where the system refuses a call; beside std, parking_lot and glibc.
//! - [`limits`]: how many readers, permits, threads, locks and bytes there may be, and what happens
//!   beyond.
//! - [`ipc`]: what is guaranteed, checked and not supported between processes.
//!
//! # When not to use this
//! - **In async code.** These primitives block the thread.
//! - **Where a panic must keep others from half-changed data.** Only the locks of [`poison`] do.
//! - **In a signal handler**: see [`lifecycle`].
//! - **In the child of a fork, for a lock of one process that another thread held.** It stays held.
//! - **When a queue in strict order matters more than speed.** Running threads acquire ahead of
//!   parked waiters for up to 500 µs.
//!
//! # In your own models
//! With the feature `loom` or `shuttle`, [`Mutex`], [`RwLock`], [`Condvar`] and [`Semaphore`] take
//! part in a model of [loom](https://docs.rs/loom) or [shuttle](https://docs.rs/shuttle) as short
//! specifications: they block as its types do, a lost wake-up is a deadlock, and a timeout is a
//! choice. The repository's README says more.
// Models use only a part of the crate, and one mounts the types twice; builds without `ipc` lack
// what uses some of it.
#![cfg_attr(
    any(
        anteroom_models,
        feature = "loom",
        feature = "shuttle",
        not(all(
            feature = "ipc",
            target_os = "linux",
            target_env = "gnu",
            target_pointer_width = "64"
        ))
    ),
    allow(
        dead_code,
        unreachable_pub,
        unused_imports,
        unused_macros,
        clippy::duplicate_mod
    )
)]

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

#[cfg(all(
    feature = "ipc",
    target_os = "linux",
    target_env = "gnu",
    target_pointer_width = "64",
    not(all(anteroom_models, shuttle))
))]
pub mod ipc;
/// The former name of [`ipc`].
#[doc(hidden)]
#[cfg(all(
    feature = "ipc",
    target_os = "linux",
    target_env = "gnu",
    target_pointer_width = "64",
    not(all(anteroom_models, shuttle))
))]
pub use ipc as shared;
pub mod lifecycle;
pub mod limits;
#[cfg(not(anteroom_models))]
mod lock_apis;
mod parking;
pub mod poison;
#[cfg(not(anteroom_models))]
mod policy;
mod raw;
#[cfg(feature = "serde")]
mod serialize;
mod sys;
mod tokens;
mod types;
mod waiters;

mod condvar {
    pub(crate) mod raw;
}
mod mutex {
    pub(crate) mod raw;
}
mod rwlock {
    pub(crate) mod bias;
    pub(crate) mod raw;
    pub(crate) mod word;
}
mod semaphore {
    pub(crate) mod raw;
}

/// The algorithms.
mod algorithms {
    pub(crate) use crate::condvar::raw as condvar;
    pub(crate) use crate::mutex::raw as mutex;
    pub(crate) use crate::rwlock::raw as rwlock;
    pub(crate) use crate::semaphore::raw as semaphore;
}

use sys::locks;
#[cfg(anteroom_models)]
use sys::model::policy;

pub use types::*;

#[cfg(anteroom_models)]
#[doc(hidden)]
pub use sys::model::interface::*;
