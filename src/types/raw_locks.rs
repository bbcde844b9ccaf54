//! What the untyped locks offer beside what the algorithms have: timeouts, the modes' names in
//! lock_api, and two locks of their own.

use super::condvar::Condvar;
use super::guard::sealed::{Lock, Mode, Whole};
use super::guard::{Exclusive, Guard, Shared, Upgradable};
use super::locks::mutex::RawMutex;
use super::locks::rwlock::RawRwLock;
use crate::sys::const_fn;
use crate::sys::deadline::Deadline;
use std::convert::identity;
use std::mem::ManuallyDrop;
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

/// The four ways to acquire a raw lock in one mode. `$raw` leads to the algorithm's lock.
macro_rules! acquire {
    (
        $raw:expr, $what:literal, by $take:expr, at once $try_take:expr;
        $lock:ident, $try_lock:ident, $try_for:ident, $try_until:ident
    ) => {
        #[doc = concat!("Acquires the lock ", $what, ", blocking until that is possible.")]
        #[inline]
        pub fn $lock(&self) {
            $take($raw(self), Deadline::NEVER);
        }

        #[doc = concat!("Tries to acquire the lock ", $what, ", without blocking.")]
        /// Returns whether it did.
        #[inline]
        pub fn $try_lock(&self) -> bool {
            $try_take($raw(self))
        }

        #[doc = concat!("Tries to acquire the lock ", $what, ", blocking for at most `timeout`.")]
        /// Zero only tries. A timeout beyond what an `Instant` holds is no limit. Returns whether
        /// it did.
        #[inline]
        pub fn $try_for(&self, timeout: Duration) -> bool {
            $take($raw(self), Deadline::after(timeout))
        }

        #[doc = concat!("Tries to acquire the lock ", $what, ", blocking until `deadline`.")]
        /// A deadline in the past only tries. Returns whether it did.
        #[inline]
        pub fn $try_until(&self, deadline: Instant) -> bool {
            $take($raw(self), Deadline::at(deadline))
        }
    };
}

/// The ways to release a raw lock from one mode, for good or for a while.
macro_rules! release {
    (
        $raw:expr, $what:literal, $Mode:ident, $safety:literal;
        $unlock:ident, $unlock_fair:ident, $bump:ident
    ) => {
        #[doc = concat!("Releases the lock, acquired ", $what, ".")]
        ///
        /// # Safety
        #[doc = $safety]
        #[inline]
        pub unsafe fn $unlock(&self) {
            // SAFETY: the caller's promise.
            unsafe { <$Mode as Mode<RawRwLock>>::unlock($raw(self)) };
        }

        #[doc = concat!("As [`Self::", stringify!($unlock), "`], but by a direct handoff.")]
        ///
        /// # Safety
        #[doc = $safety]
        #[inline]
        pub unsafe fn $unlock_fair(&self) {
            // SAFETY: the caller's promise.
            unsafe { <$Mode as Mode<RawRwLock>>::unlock_fair($raw(self)) };
        }

        #[doc = concat!("Lets waiters have the lock, acquired ", $what, ", for a while.")]
        ///
        /// # Safety
        #[doc = $safety]
        /// It holds the lock so again when this returns.
        #[inline]
        pub unsafe fn $bump(&self) {
            // SAFETY: the caller's promise.
            unsafe { <$Mode as Mode<RawRwLock>>::bump($raw(self)) };
        }
    };
}

/// What both raw reader-writer locks have.
macro_rules! modes {
    ($raw:expr, read $read:expr, write $write:expr, released by $reader:literal) => {
        acquire! {
            $raw, "for reading", by |raw, deadline| $read(raw, false, deadline),
            at once |raw: &RawRwLock| raw.try_read(false);
            lock_shared, try_lock_shared, try_lock_shared_for, try_lock_shared_until
        }

        acquire! {
            $raw, "for reading, even if a writer waits for other readers to leave",
            by |raw, deadline| $read(raw, true, deadline),
            at once |raw: &RawRwLock| raw.try_read(true);
            lock_shared_recursive, try_lock_shared_recursive,
            try_lock_shared_recursive_for, try_lock_shared_recursive_until
        }

        release! {
            $raw, "for reading", Shared, $reader;
            unlock_shared, unlock_shared_fair, bump_shared
        }

        acquire! {
            $raw, "for writing", by $write, at once RawRwLock::try_write;
            lock_exclusive, try_lock_exclusive, try_lock_exclusive_for, try_lock_exclusive_until
        }

        release! {
            $raw, "for writing", Exclusive, "The caller is the writer.";
            unlock_exclusive, unlock_exclusive_fair, bump_exclusive
        }

        acquire! {
            $raw, "for reading, keeping writers and other upgradable readers out",
            by RawRwLock::upgradable_read, at once RawRwLock::try_upgradable_read;
            lock_upgradable, try_lock_upgradable, try_lock_upgradable_for,
            try_lock_upgradable_until
        }

        /// Lets waiters have the lock, acquired for reading upgradably, for a while.
        ///
        /// # Safety
        /// The caller is the upgradable reader, and is again when this returns.
        #[inline]
        pub unsafe fn bump_upgradable(&self) {
            // SAFETY: the caller's promise.
            unsafe { <Upgradable as Mode<RawRwLock>>::bump($raw(self)) };
        }

        /// Turns the caller's upgradable read into a write, blocking until the readers have left.
        ///
        /// # Safety
        /// The caller is the upgradable reader, and the writer when this returns.
        #[inline]
        pub unsafe fn upgrade(&self) {
            // SAFETY: the caller's promise.
            unsafe { $raw(self).upgrade_by(Deadline::NEVER) };
        }

        /// Turns the caller's upgradable read into a write if the readers leave within `timeout`.
        /// Returns whether it did.
        ///
        /// # Safety
        /// The caller is the upgradable reader; if this returns true, it is the writer.
        #[inline]
        pub unsafe fn try_upgrade_for(&self, timeout: Duration) -> bool {
            // SAFETY: the caller's promise.
            unsafe { $raw(self).upgrade_by(Deadline::after(timeout)) }
        }

        /// Turns the caller's upgradable read into a write if the readers leave until `deadline`.
        /// Returns whether it did.
        ///
        /// # Safety
        /// The caller is the upgradable reader; if this returns true, it is the writer.
        #[inline]
        pub unsafe fn try_upgrade_until(&self, deadline: Instant) -> bool {
            // SAFETY: the caller's promise.
            unsafe { $raw(self).upgrade_by(Deadline::at(deadline)) }
        }
    };
}

/// The names of lock_api. See [`RwLock`](crate::RwLock) for fairness, tries, memory ordering and
/// panics.
impl RawRwLock {
    modes! {
        identity::<&Self>, read RawRwLock::read, write RawRwLock::write,
        released by "The calling thread has acquired the lock for reading."
    }
}

/// An untyped reader-writer lock, of which any thread may release a read.
///
/// It is a [`RawRwLock`] that is never biased, and has the same methods. For lock_api its guards
/// are `GuardSend`. [`SendRwLock`](crate::SendRwLock) is this lock with its data.
pub struct RawSendRwLock(RawRwLock);

impl RawSendRwLock {
    const_fn! {
        /// Creates an open lock.
        pub const fn new() -> Self {
            RawSendRwLock(RawRwLock::unbiased())
        }
    }

    #[inline]
    fn raw(&self) -> &RawRwLock {
        &self.0
    }

    modes! {
        Self::raw, read RawRwLock::read_unbiased, write RawRwLock::write_unbiased,
        released by "The caller, or a thread that leaves this to it, has acquired the lock for
            reading."
    }

    /// Whether a thread holds the lock now, in any mode. The answer may be stale.
    pub fn is_locked(&self) -> bool {
        self.0.is_locked()
    }

    /// Whether a thread writes now. The answer may be stale.
    pub fn is_locked_exclusive(&self) -> bool {
        self.0.is_locked_exclusive()
    }
}

/// Methods of a raw lock that are those of the lock in it.
macro_rules! forward {
    ($($what:literal, $safety:literal, $name:ident -> $Result:ty;)*) => {
        impl RawSendRwLock {
            $(
                #[doc = $what]
                ///
                /// # Safety
                #[doc = $safety]
                #[inline]
                pub unsafe fn $name(&self) -> $Result {
                    // SAFETY: the caller's promise is the same.
                    unsafe { self.0.$name() }
                }
            )*
        }
    };
}

forward! {
    "Releases the upgradable read.", "The caller is the upgradable reader.",
    unlock_upgradable -> ();
    "Releases the upgradable read by a direct handoff.", "The caller is the upgradable reader.",
    unlock_upgradable_fair -> ();
    "Turns the caller's upgradable read into a write if there are no readers.",
    "The caller is the upgradable reader; if this returns true, it is the writer.",
    try_upgrade -> bool;
    "Turns the caller's write into a read, with no other writer in between.",
    "The caller is the writer, and a reader when this returns.",
    downgrade -> ();
    "Turns the caller's write into an upgradable read.",
    "The caller is the writer, and the upgradable reader when this returns.",
    downgrade_to_upgradable -> ();
    "Turns the caller's upgradable read into a read. Panics, unchanged, for too many readers.",
    "The caller is the upgradable reader, and a reader when this returns.",
    downgrade_upgradable -> ();
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
