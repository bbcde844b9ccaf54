//! [`SendRwLock`]: a reader-writer lock whose guards may be sent to other threads.

use super::acquire::acquire;
use super::guard::sealed::{AnyThread, Mode, Pointer};
use super::guard::{ArcMapped, Exclusive, Guard, Mapped, Shared, Upgradable, lock};
use super::locks::rwlock::RawRwLock;
use super::rwlock::rwlock;
use crate::sys::deadline::Deadline;
use crate::sys::{const_fn, only_in_models};
use std::cell::UnsafeCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// An [`RwLock`](super::RwLock) whose guards may be sent to other threads.
///
/// Its readers are never biased: each counts itself in the lock, as in other reader-writer locks.
/// So reading does not scale with the processors as that of an `RwLock` does, and no write has a
/// bias to revoke. Everything else is as there: modes, fairness, tries, memory ordering, panics for
/// too many readers. Another copy of this crate is no trouble.
///
/// A guard that was sent releases the lock where it is dropped. A guard that a thread forgets when
/// it ends is no different from any other.
///
/// # Examples
/// ```
/// use anteroom::SendRwLock;
/// use std::thread;
///
/// let lock = SendRwLock::new(1);
/// thread::scope(|s| {
///     let seen = lock.read();
///     s.spawn(move || assert_eq!(*seen, 1)); // released there
/// });
/// *lock.write() += 1;
/// ```
pub struct SendRwLock<T: ?Sized> {
    raw: RawRwLock,
    data: UnsafeCell<T>,
}

/// Reads a borrowed [`SendRwLock`].
pub type SendRwLockReadGuard<'a, T> = Guard<&'a SendRwLock<T>, Shared, T>;
/// Writes a borrowed [`SendRwLock`].
pub type SendRwLockWriteGuard<'a, T> = Guard<&'a SendRwLock<T>, Exclusive, T>;
/// Reads a borrowed [`SendRwLock`], and can become its writer.
pub type SendRwLockUpgradableReadGuard<'a, T> = Guard<&'a SendRwLock<T>, Upgradable, T>;
/// Reads a part of the data of a borrowed [`SendRwLock`].
pub type MappedSendRwLockReadGuard<'a, T> = Guard<Mapped<'a, RawRwLock, *const T, true>, Shared, T>;
/// Writes a part of the data of a borrowed [`SendRwLock`].
pub type MappedSendRwLockWriteGuard<'a, T> =
    Guard<Mapped<'a, RawRwLock, *mut T, true>, Exclusive, T>;
/// Reads a [`SendRwLock`] behind an `Arc`, which it keeps alive.
pub type ArcSendRwLockReadGuard<T> = Guard<Arc<SendRwLock<T>>, Shared, T>;
/// Writes a [`SendRwLock`] behind an `Arc`, which it keeps alive.
pub type ArcSendRwLockWriteGuard<T> = Guard<Arc<SendRwLock<T>>, Exclusive, T>;
/// Reads a [`SendRwLock`] behind an `Arc`, which it keeps alive, and can become its writer.
pub type ArcSendRwLockUpgradableReadGuard<T> = Guard<Arc<SendRwLock<T>>, Upgradable, T>;

// Any thread may release an unbiased lock (RW10). The guard gives `&T` where it is (`Sync`), or
// `&mut T`, now or when it is upgraded (`Send`).
impl<T: ?Sized + Send + Sync> AnyThread for &SendRwLock<T> {}
// Only a `SendRwLock` is mapped so.
impl<P: Pointer<Target: Send + Sync>> AnyThread for Mapped<'_, RawRwLock, P, true> {}
// With the last `Arc` the data is dropped where the guard is (`Send`).
impl<T: ?Sized + Send + Sync> AnyThread for Arc<SendRwLock<T>> {}
impl<T, P> AnyThread for ArcMapped<SendRwLock<T>, P>
where
    T: ?Sized + Send + Sync,
    P: Pointer<Target: Send + Sync>,
{
}

impl<T> SendRwLock<T> {
    const_fn! {
        /// Creates an open lock.
        pub const fn new(data: T) -> Self {
            SendRwLock {
                raw: RawRwLock::unbiased(),
                data: UnsafeCell::new(data),
            }
        }
    }

    /// Returns the data, without locking: no other thread can have the lock.
    pub fn into_inner(self) -> T {
        self.data.into_inner()
    }
}

impl<T: ?Sized> SendRwLock<T> {
    /// Whether a thread holds the lock now, in any mode. The answer may be stale when the caller
    /// gets it.
    pub fn is_locked(&self) -> bool {
        self.raw.is_locked()
    }

    only_in_models! {
        /// The lock is free, without waiters, and no thread touches it at the same time.
        #[doc(hidden)]
        pub fn assert_at_rest(&mut self) {
            self.raw.assert_unbiased_at_rest();
        }
    }
}

rwlock! {
    SendRwLock, by read_unbiased, write_unbiased;
    SendRwLockReadGuard, SendRwLockWriteGuard, SendRwLockUpgradableReadGuard,
    ArcSendRwLockReadGuard, ArcSendRwLockWriteGuard, ArcSendRwLockUpgradableReadGuard
}
lock! { SendRwLock, RawRwLock, true }
