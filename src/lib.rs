#![doc = include_str!("../README.md")]

mod condvar;
mod deadline;
#[cfg(any(not(loom), anteroom_models))]
mod fence;
#[cfg(any(not(loom), anteroom_models))]
mod fork;
pub mod guard;
#[cfg(all(unix, not(any(loom, miri))))]
mod load;
mod mutex;
#[cfg(any(not(loom), anteroom_models))]
mod parking;
mod primitive;
mod rwlock;
mod semaphore;
#[cfg(all(target_os = "linux", any(not(loom), anteroom_models), not(shuttle)))]
pub mod shared;
#[cfg(all(loom, not(anteroom_models)))]
mod spec;
#[cfg(not(loom))]
mod spin;
#[cfg(not(loom))]
mod turns;
#[cfg(any(not(loom), anteroom_models))]
mod waiters;

#[cfg(anteroom_models)]
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

#[cfg(anteroom_models)]
#[doc(hidden)]
pub use primitive::modeled::lot::sleepers;
#[cfg(all(anteroom_models, not(shuttle)))]
#[doc(hidden)]
pub use primitive::modeled::mortal::{MORTALS, has_died, set_fates};
#[cfg(anteroom_models)]
#[doc(hidden)]
pub use primitive::modeled::{Bias, Choices, Model, set_choices};
#[cfg(anteroom_models)]
#[doc(hidden)]
pub use waiters::nobody_waits;
