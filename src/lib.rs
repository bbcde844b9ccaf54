#![doc = include_str!("../README.md")]

mod condvar;
mod deadline;
mod fence;
pub mod guard;
mod mutex;
mod parking;
mod primitive;
mod rwlock;
mod semaphore;
#[cfg(not(loom))]
mod spin;
#[cfg(not(loom))]
mod turns;
mod waiters;

#[cfg(loom)]
use primitive::modeled::{spin, turns};

pub use condvar::{Condvar, WaitTimeoutResult};
pub use guard::Guard;
pub use mutex::raw::RawMutex;
pub use mutex::{ArcMutexGuard, MappedMutexGuard, Mutex, MutexGuard};
pub use rwlock::raw::RawRwLock;
pub use rwlock::{
    ArcRwLockReadGuard, ArcRwLockUpgradableReadGuard, ArcRwLockWriteGuard, MappedRwLockReadGuard,
    MappedRwLockWriteGuard, RwLock, RwLockReadGuard, RwLockUpgradableReadGuard, RwLockWriteGuard,
};
pub use semaphore::{
    AcquireError, OwnedSemaphorePermit, Permit, Semaphore, SemaphorePermit, TryAcquireError,
};

#[cfg(loom)]
#[doc(hidden)]
pub use primitive::modeled::{Bias, set_bias, set_patience};
#[cfg(loom)]
#[doc(hidden)]
pub use waiters::nobody_waits;
