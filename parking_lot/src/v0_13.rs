//! What parking_lot 0.13 has.

use crate::face::face;

face! { lock_api }

pub use crate::raw::{RawCondvar, RawRwLock};
pub use ::lock_api::WaitTimeoutResult;

/// Blocks a thread, with its mutex unlocked, until another thread notifies it of a change.
///
/// [`anteroom::Condvar`] says how it works. There are no spurious wake-ups.
///
/// # Panics
/// Waiting with one mutex while other threads wait with another panics.
pub type Condvar = lock_api::Condvar<RawCondvar>;

/// The untyped reader-writer lock whose readers pass a writer that waits for others to leave.
pub type RawRwLockRecursive = RawRwLock<true>;

/// Many readers, or one writer; a thread that reads may read again, whatever waits. In return
/// writers may starve.
pub type RecursiveRwLock<T> = lock_api::RwLock<RawRwLockRecursive, T>;
/// Reads a [`RecursiveRwLock`].
pub type RecursiveRwLockReadGuard<'a, T> = lock_api::RwLockReadGuard<'a, RawRwLockRecursive, T>;
/// Writes a [`RecursiveRwLock`].
pub type RecursiveRwLockWriteGuard<'a, T> = lock_api::RwLockWriteGuard<'a, RawRwLockRecursive, T>;
/// Reads a [`RecursiveRwLock`], and can become its writer.
pub type RecursiveRwLockUpgradableReadGuard<'a, T> =
    lock_api::RwLockUpgradableReadGuard<'a, RawRwLockRecursive, T>;
/// Reads a part of the data of a [`RecursiveRwLock`].
pub type MappedRecursiveRwLockReadGuard<'a, T> =
    lock_api::MappedRwLockReadGuard<'a, RawRwLockRecursive, T>;
/// Writes a part of the data of a [`RecursiveRwLock`].
pub type MappedRecursiveRwLockWriteGuard<'a, T> =
    lock_api::MappedRwLockWriteGuard<'a, RawRwLockRecursive, T>;
