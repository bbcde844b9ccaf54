//! Locks, semaphores, queues and pipes in memory that processes share, which survive `kill -9` at any instruction.

#[cfg(not(loom))]
mod error;
mod gate;
#[cfg(not(loom))]
mod kernel;
#[cfg(loom)]
#[path = "shared/modeled.rs"]
mod kernel;
#[cfg(loom)]
use kernel as me;
#[cfg(not(loom))]
mod lock_error;
#[cfg(not(loom))]
mod me;
#[cfg(not(loom))]
mod memory;
#[cfg(not(loom))]
mod mutex;
#[cfg(loom)]
mod mutex {
    pub(crate) mod raw;
}
#[cfg(not(loom))]
mod region;
mod robust;
#[cfg(not(loom))]
mod shareable;

#[cfg(not(loom))]
#[doc(hidden)]
pub use shareable::{fingerprint, mix, mix_number};
#[cfg(not(loom))]
pub use {
    error::OpenError,
    lock_error::{LockError, TryLockError},
    memory::{Shared, SharedMemory},
    mutex::{LockResult, Mutex, MutexGuard, OwnerDied, TryLockResult},
    shareable::Shareable,
};

/// Models of what is in here: they look at what no user sees.
#[cfg(loom)]
#[path = "../loom-tests/shared/mod.rs"]
mod models;
#[cfg(loom)]
#[doc(hidden)]
pub use models::MODELS;
