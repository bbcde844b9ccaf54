//! [`SendRwLock`]: a reader-writer lock whose guards may be sent to other threads.

use super::guard::sealed::{AnyThread, Mode, Pointer};
use super::guard::{ArcMapped, Exclusive, Guard, Mapped, Shared, Upgradable, lock};
use super::locks::rwlock::RawRwLock;
use super::rwlock::acquire;
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

// SAFETY: sending a lock sends its data, and nothing of it stays behind.
unsafe impl<T: ?Sized + Send> Send for SendRwLock<T> {}
// SAFETY: readers share `&T` between threads (`Sync`); a writer may take the data out (`Send`).
unsafe impl<T: ?Sized + Send + Sync> Sync for SendRwLock<T> {}

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
    acquire! {
        "for reading", SendRwLockReadGuard, ArcSendRwLockReadGuard,
        by |raw: &RawRwLock, deadline| raw.read_unbiased(false, deadline),
        at once |raw: &RawRwLock| raw.try_read(false);
        read, try_read, try_read_for, try_read_until;
        read_arc, try_read_arc, try_read_arc_for, try_read_arc_until
    }

    acquire! {
        "for reading, even if a writer waits for other readers to leave",
        SendRwLockReadGuard, ArcSendRwLockReadGuard,
        by |raw: &RawRwLock, deadline| raw.read_unbiased(true, deadline),
        at once |raw: &RawRwLock| raw.try_read(true);
        read_recursive, try_read_recursive, try_read_recursive_for, try_read_recursive_until;
        read_arc_recursive, try_read_arc_recursive,
        try_read_arc_recursive_for, try_read_arc_recursive_until
    }

    acquire! {
        "for writing", SendRwLockWriteGuard, ArcSendRwLockWriteGuard,
        by RawRwLock::write_unbiased, at once RawRwLock::try_write;
        write, try_write, try_write_for, try_write_until;
        write_arc, try_write_arc, try_write_arc_for, try_write_arc_until
    }

    acquire! {
        "for reading, keeping writers and other upgradable readers out",
        SendRwLockUpgradableReadGuard, ArcSendRwLockUpgradableReadGuard,
        by RawRwLock::upgradable_read, at once RawRwLock::try_upgradable_read;
        upgradable_read, try_upgradable_read, try_upgradable_read_for, try_upgradable_read_until;
        upgradable_read_arc, try_upgradable_read_arc,
        try_upgradable_read_arc_for, try_upgradable_read_arc_until
    }

    /// Whether a thread holds the lock now, in any mode. The answer may be stale when the caller
    /// gets it.
    pub fn is_locked(&self) -> bool {
        self.raw.is_locked()
    }

    /// Whether a thread writes now. The answer may be stale when the caller gets it.
    pub fn is_locked_exclusive(&self) -> bool {
        self.raw.is_locked_exclusive()
    }

    /// Returns the data, without locking: the lock is borrowed exclusively.
    pub fn get_mut(&mut self) -> &mut T {
        self.data.get_mut()
    }

    only_in_models! {
        /// The lock is free, without waiters, and no thread touches it at the same time.
        #[doc(hidden)]
        pub fn assert_at_rest(&mut self) {
            self.raw.assert_unbiased_at_rest();
        }
    }

    /// # Safety
    /// The caller has acquired the lock in mode `M`.
    #[inline]
    unsafe fn guard<M: Mode<RawRwLock>>(&self) -> Guard<&Self, M, T> {
        // SAFETY: the caller's promise.
        unsafe { Guard::new(self) }
    }

    /// # Safety
    /// The caller has acquired the lock in mode `M`.
    #[inline]
    unsafe fn guard_arc<M: Mode<RawRwLock>>(self: &Arc<Self>) -> Guard<Arc<Self>, M, T> {
        // SAFETY: the caller's promise.
        unsafe { Guard::new(self.clone()) }
    }
}

// Another thread that borrows the guard gets the lock by this, so `T: Send`.
impl<'a, M: Mode<RawRwLock>, T: ?Sized + Send> Guard<&'a SendRwLock<T>, M, T> {
    /// Returns the lock.
    #[inline]
    pub fn rwlock(this: &Self) -> &'a SendRwLock<T> {
        this.lock()
    }
}

// Another thread that borrows the guard gets the lock by this, so `T: Send`.
impl<M: Mode<RawRwLock>, T: ?Sized + Send> Guard<Arc<SendRwLock<T>>, M, T> {
    /// Returns the lock.
    #[inline]
    pub fn rwlock(this: &Self) -> &Arc<SendRwLock<T>> {
        this.lock()
    }
}

impl<T: Default> Default for SendRwLock<T> {
    fn default() -> Self {
        SendRwLock::new(T::default())
    }
}

impl<T> From<T> for SendRwLock<T> {
    fn from(data: T) -> Self {
        SendRwLock::new(data)
    }
}

lock! { SendRwLock, RawRwLock, true }
