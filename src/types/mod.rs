//! The public types: what users see of the primitives, without an algorithm.
//!
//! They stand on the untyped primitives in the module `locks` beside this one: the algorithms, or
//! in a user's model their specifications (`src/sys/spec`).

mod acquire;
pub(crate) mod condvar;
pub mod guard;
pub(crate) mod mutex;
mod raw_locks;
pub(crate) mod rwlock;
pub(crate) mod semaphore;
mod send_rwlock;
mod values;

use super::locks;

pub use condvar::waitable::{View, Waitable};
pub use condvar::{Condvar, WaitTimeoutResult};
pub use guard::Guard;
pub use locks::mutex::RawMutex;
pub use locks::rwlock::RawRwLock;
pub use mutex::{ArcMutexGuard, MappedArcMutexGuard, MappedMutexGuard, Mutex, MutexGuard};
pub use raw_locks::{RawCondvar, RawSendRwLock, RawThreadId};
pub use rwlock::{
    ArcRwLockReadGuard, ArcRwLockUpgradableReadGuard, ArcRwLockWriteGuard,
    MappedArcRwLockReadGuard, MappedArcRwLockWriteGuard, MappedRwLockReadGuard,
    MappedRwLockUpgradableReadGuard, MappedRwLockWriteGuard, RwLock, RwLockReadGuard,
    RwLockUpgradableReadGuard, RwLockWriteGuard,
};
pub use semaphore::{
    AcquireError, OwnedSemaphorePermit, Permit, Semaphore, SemaphorePermit, TryAcquireError,
};
pub use send_rwlock::{
    ArcSendRwLockReadGuard, ArcSendRwLockUpgradableReadGuard, ArcSendRwLockWriteGuard,
    MappedSendRwLockReadGuard, MappedSendRwLockWriteGuard, SendRwLock, SendRwLockReadGuard,
    SendRwLockUpgradableReadGuard, SendRwLockWriteGuard,
};
