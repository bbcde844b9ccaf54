//! What the untyped locks offer beside what the algorithms have: timeouts, the modes' names in
//! lock_api, and two locks of their own.

use super::condvar::Condvar;
use super::guard::sealed::{Lock, Mode, Whole};
use super::guard::{Exclusive, Guard, Shared, Upgradable};
use super::locks::mutex::RawMutex;
use super::locks::rwlock::RawRwLock;
use crate::sys::const_fn;
use crate::sys::deadline::Deadline;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::NonNull;
use std::time::{Duration, Instant};

impl RawMutex {
    /// Locks the mutex, blocking for at most `timeout`. Zero only tries. A timeout beyond what an
    /// `Instant` holds is no limit. Returns whether it did.
    #[inline]
    pub fn try_lock_for(&self, timeout: Duration) -> bool {
        self.lock_until(Deadline::after(timeout))
    }

    /// Locks the mutex, blocking until `deadline` at most. Returns whether it did.
    #[inline]
    pub fn try_lock_until(&self, deadline: Instant) -> bool {
        self.lock_until(Deadline::at(deadline))
    }
}

/// The four ways to acquire the raw lock in one mode.
macro_rules! acquire {
    (
        $what:literal, by $take:expr, at once $try_take:expr;
        $lock:ident, $try_lock:ident, $try_for:ident, $try_until:ident
    ) => {
        #[doc = concat!("Acquires the lock ", $what, ", blocking until that is possible.")]
        #[inline]
        pub fn $lock(&self) {
            $take(self, Deadline::NEVER);
        }

        #[doc = concat!("Tries to acquire the lock ", $what, ", without blocking.")]
        /// Returns whether it did.
        #[inline]
        pub fn $try_lock(&self) -> bool {
            $try_take(self)
        }

        #[doc = concat!("Tries to acquire the lock ", $what, ", blocking for at most `timeout`.")]
        /// Zero only tries. A timeout beyond what an `Instant` holds is no limit. Returns whether
        /// it did.
        #[inline]
        pub fn $try_for(&self, timeout: Duration) -> bool {
            $take(self, Deadline::after(timeout))
        }

        #[doc = concat!("Tries to acquire the lock ", $what, ", blocking until `deadline`.")]
        /// A deadline in the past only tries. Returns whether it did.
        #[inline]
        pub fn $try_until(&self, deadline: Instant) -> bool {
            $take(self, Deadline::at(deadline))
        }
    };
}

/// The ways to release the raw lock from one mode, for good or for a while.
macro_rules! release {
    (
        $what:literal, $Mode:ident, $safety:literal;
        $unlock:ident, $unlock_fair:ident, $bump:ident
    ) => {
        #[doc = concat!("Releases the lock, acquired ", $what, ".")]
        ///
        /// # Safety
        #[doc = $safety]
        #[inline]
        pub unsafe fn $unlock(&self) {
            // SAFETY: the caller's promise.
            unsafe { <$Mode as Mode<Self>>::unlock(self) };
        }

        #[doc = concat!("As [`Self::", stringify!($unlock), "`], but by a direct handoff.")]
        ///
        /// # Safety
        #[doc = $safety]
        #[inline]
        pub unsafe fn $unlock_fair(&self) {
            // SAFETY: the caller's promise.
            unsafe { <$Mode as Mode<Self>>::unlock_fair(self) };
        }

        #[doc = concat!("Lets waiters have the lock, acquired ", $what, ", for a while.")]
        ///
        /// # Safety
        #[doc = $safety]
        /// It holds the lock so again when this returns.
        #[inline]
        pub unsafe fn $bump(&self) {
            // SAFETY: the caller's promise.
            unsafe { <$Mode as Mode<Self>>::bump(self) };
        }
    };
}

/// The names of lock_api. See [`RwLock`](crate::RwLock) for fairness, tries, memory ordering and
/// panics.
impl RawRwLock {
    acquire! {
        "for reading", by |raw: &Self, deadline| raw.read(false, deadline),
        at once |raw: &Self| raw.try_read(false);
        lock_shared, try_lock_shared, try_lock_shared_for, try_lock_shared_until
    }

    acquire! {
        "for reading, even if a writer waits for other readers to leave",
        by |raw: &Self, deadline| raw.read(true, deadline),
        at once |raw: &Self| raw.try_read(true);
        lock_shared_recursive, try_lock_shared_recursive,
        try_lock_shared_recursive_for, try_lock_shared_recursive_until
    }

    release! {
        "for reading", Shared,
        "The calling thread has acquired the lock for reading. (Or, of a [`RawSendRwLock`], another
        thread that leaves this to it.)";
        unlock_shared, unlock_shared_fair, bump_shared
    }

    acquire! {
        "for writing", by RawRwLock::write, at once RawRwLock::try_write;
        lock_exclusive, try_lock_exclusive, try_lock_exclusive_for, try_lock_exclusive_until
    }

    release! {
        "for writing", Exclusive, "The caller is the writer.";
        unlock_exclusive, unlock_exclusive_fair, bump_exclusive
    }

    acquire! {
        "for reading, keeping writers and other upgradable readers out",
        by RawRwLock::upgradable_read, at once RawRwLock::try_upgradable_read;
        lock_upgradable, try_lock_upgradable, try_lock_upgradable_for, try_lock_upgradable_until
    }

    /// Lets waiters have the lock, acquired for reading upgradably, for a while.
    ///
    /// # Safety
    /// The caller is the upgradable reader, and is again when this returns.
    #[inline]
    pub unsafe fn bump_upgradable(&self) {
        // SAFETY: the caller's promise.
        unsafe { <Upgradable as Mode<Self>>::bump(self) };
    }

    /// Turns the caller's upgradable read into a write, blocking until the readers have left.
    ///
    /// # Safety
    /// The caller is the upgradable reader, and the writer when this returns.
    #[inline]
    pub unsafe fn upgrade(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.upgrade_by(Deadline::NEVER) };
    }

    /// Turns the caller's upgradable read into a write if the readers leave within `timeout`.
    /// Returns whether it did.
    ///
    /// # Safety
    /// The caller is the upgradable reader; if this returns true, it is the writer.
    #[inline]
    pub unsafe fn try_upgrade_for(&self, timeout: Duration) -> bool {
        // SAFETY: the caller's promise.
        unsafe { self.upgrade_by(Deadline::after(timeout)) }
    }

    /// Turns the caller's upgradable read into a write if the readers leave until `deadline`.
    /// Returns whether it did.
    ///
    /// # Safety
    /// The caller is the upgradable reader; if this returns true, it is the writer.
    #[inline]
    pub unsafe fn try_upgrade_until(&self, deadline: Instant) -> bool {
        // SAFETY: the caller's promise.
        unsafe { self.upgrade_by(Deadline::at(deadline)) }
    }
}

/// An untyped reader-writer lock, of which any thread may release a read.
///
/// It is a [`RawRwLock`] that is never biased, and has the methods of one. For lock_api its guards
/// are `GuardSend`. [`SendRwLock`](crate::SendRwLock) is this lock with its data.
pub struct RawSendRwLock(RawRwLock);

impl RawSendRwLock {
    const_fn! {
        /// Creates an open lock.
        pub const fn new() -> Self {
            RawSendRwLock(RawRwLock::unbiased())
        }
    }
}

impl Deref for RawSendRwLock {
    type Target = RawRwLock;

    #[inline]
    fn deref(&self) -> &RawRwLock {
        &self.0
    }
}

/// A condition variable for [`RawMutex`]es: an untyped [`Condvar`].
pub struct RawCondvar(Condvar);

impl RawCondvar {
    const_fn! {
        /// Creates a condition variable without waiters.
        pub const fn new() -> Self {
            RawCondvar(Condvar::new())
        }
    }

    /// Wakes the thread that has waited longest. Returns whether there was one. Without waiters it
    /// costs one load.
    #[inline]
    pub fn notify_one(&self) -> bool {
        self.0.notify_one()
    }

    /// Wakes all threads that wait now. Returns their number. Without waiters it costs one load.
    #[inline]
    pub fn notify_all(&self) -> usize {
        self.0.notify_all()
    }

    /// Unlocks the mutex, blocks until notified, and locks the mutex again.
    ///
    /// # Safety
    /// The caller holds the mutex, and does again when this returns.
    ///
    /// # Panics
    /// As [`Condvar::wait`]. The caller still holds the mutex.
    pub unsafe fn wait(&self, mutex: &RawMutex) {
        // SAFETY: the caller's promise.
        self.0.wait(&mut *unsafe { borrowed(mutex) });
    }

    /// As [`wait`](Self::wait), until `deadline` at most and the time to lock the mutex again.
    /// Returns whether the time was up.
    ///
    /// # Safety
    /// As for [`wait`](Self::wait).
    ///
    /// # Panics
    /// As [`wait`](Self::wait).
    pub unsafe fn wait_until(&self, mutex: &RawMutex, deadline: Instant) -> bool {
        // SAFETY: the caller's promise.
        let mut guard = unsafe { borrowed(mutex) };
        self.0.wait_until(&mut *guard, deadline).timed_out()
    }

    /// As [`wait`](Self::wait), for at most `timeout` and the time to lock the mutex again. Returns
    /// whether the time was up. A timeout beyond what an `Instant` holds is no limit.
    ///
    /// # Safety
    /// As for [`wait`](Self::wait).
    ///
    /// # Panics
    /// As [`wait`](Self::wait).
    pub unsafe fn wait_for(&self, mutex: &RawMutex, timeout: Duration) -> bool {
        // SAFETY: the caller's promise.
        let mut guard = unsafe { borrowed(mutex) };
        self.0.wait_for(&mut *guard, timeout).timed_out()
    }
}

/// A guard, for a call that needs one, of what the caller holds before and after.
///
/// # Safety
/// The caller holds the mutex.
unsafe fn borrowed(mutex: &RawMutex) -> ManuallyDrop<Guard<&RawMutex, Exclusive, ()>> {
    // SAFETY: the caller's promise.
    ManuallyDrop::new(unsafe { Guard::new(mutex) })
}

impl Lock<()> for &RawMutex {
    type Raw = RawMutex;

    fn raw(&self) -> &RawMutex {
        self
    }

    fn data(&self) -> *mut () {
        NonNull::dangling().as_ptr()
    }
}

impl Whole<()> for &RawMutex {}

/// What tells threads apart, for the reentrant mutex of lock_api.
pub struct RawThreadId;

macro_rules! default_and_debug {
    ($($Raw:ident)*) => {$(
        impl Default for $Raw {
            fn default() -> Self {
                $Raw::new()
            }
        }

        impl std::fmt::Debug for $Raw {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(concat!(stringify!($Raw), " { .. }"))
            }
        }
    )*};
}

default_and_debug! { RawMutex RawRwLock RawSendRwLock RawCondvar }
