//! [`RwLock`]: the types. The algorithm is in `src/rwlock/raw.rs`.

mod modes;

use super::guard::sealed::Mode;
use super::guard::{ArcMapped, Exclusive, Guard, Mapped, Shared, Upgradable, lock};
use super::locks::rwlock::RawRwLock;
use crate::sys::deadline::Deadline;
use crate::sys::{const_fn, only_in_models};
use std::cell::UnsafeCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Many readers, or one writer.
///
/// A third way to hold it is an *upgradable* read. There is at most one at a time, beside any
/// number of readers. It can become a write with no other write in between. There is no poisoning.
///
/// # Fairness
/// A running thread may enter ahead of parked waiters (barging), until one of them has waited for
/// 500 µs and so is *starved*. A starved writer or upgrade keeps new readers out; where readers are
/// biased, every waiting writer does. Then it waits only for the readers that are inside. When a
/// writer leaves, parked readers enter before the next parked writer. When a starved thread is
/// woken, the lock is kept for it, for 4 to 6 ms at most. So a reader waits for at most 500 µs and
/// one writer. A writer, when it is next, waits for the readers inside.
///
/// # Biased readers
/// While a lock is hardly ever written, its readers do not touch it. Each notes its read in a row
/// of its own thread's, so that reading scales with the processors. A write ends this: it looks
/// through the rows. If a thread has read so 16,384 times, it also interrupts every processor that
/// runs this process (about ten microseconds). The bias begins again when reads without it have
/// cost about ten times as much. There are rows for 1024 threads; other threads read without bias.
///
/// A thread that reads and calls [`read`](Self::read) again deadlocks if a waiting writer keeps new
/// readers out. [`read_recursive`](Self::read_recursive) passes that writer. A guard that is
/// released for a while (`unlocked`, `bump`, `Condvar::wait`) is acquired again as by `read`, even
/// if it came from `read_recursive`. So do not release one for a while if the thread holds another.
///
/// # Tries
/// A `try_` method may fail although no thread holds the lock, while it is kept for a waiter: for 4
/// to 6 ms at most, if that one does not come. Writing and upgrading may also fail because another
/// thread is just about to read, which then does.
///
/// # Memory ordering
/// A writer's unlock (or downgrade) happens-before the next acquisition in any mode returns. A
/// reader's unlock happens-before the next write (or upgrade) returns. Two readers do not order
/// each other.
///
/// # Panics
/// Reading panics if there are 2²¹ readers, which takes forgotten guards; the lock is then as it
/// was. A read that is acquired again after it was released for a while cannot panic: it ends the
/// process, if there are nearly twice as many.
///
/// Writing and upgrading panic if *another copy of this crate* in the same process (another
/// version, or a plugin's own) reads the lock by bias: its readers are unknown to this copy. The
/// lock is then as it was. Acquiring a write again that a guard had released aborts instead.
///
/// # Forgotten guards
/// A forgotten read guard keeps the writers of its lock out for good, as with every lock, or until
/// the lock is moved. It concerns no other lock.
///
/// # Edges and limits
/// See [`lifecycle`](crate::lifecycle) for forks, ends of threads and signal handlers, and
/// [`limits`](crate::limits) for the greatest numbers.
///
/// # Examples
/// ```
/// use anteroom::{RwLock, RwLockUpgradableReadGuard, RwLockWriteGuard};
///
/// let words = RwLock::new(vec!["one"]);
/// let seen = words.upgradable_read();
/// assert_eq!(words.read().len(), 1); // others still read
/// let mut words_now = RwLockUpgradableReadGuard::upgrade(seen);
/// words_now.push("two"); // no other write came in between
/// let seen = RwLockWriteGuard::downgrade(words_now);
/// assert_eq!(seen.len(), 2);
/// ```
pub struct RwLock<T: ?Sized> {
    raw: RawRwLock,
    data: UnsafeCell<T>,
}

/// Reads a borrowed [`RwLock`].
pub type RwLockReadGuard<'a, T> = Guard<&'a RwLock<T>, Shared, T>;
/// Writes a borrowed [`RwLock`].
pub type RwLockWriteGuard<'a, T> = Guard<&'a RwLock<T>, Exclusive, T>;
/// Reads a borrowed [`RwLock`], and can become its writer.
pub type RwLockUpgradableReadGuard<'a, T> = Guard<&'a RwLock<T>, Upgradable, T>;
/// Reads a part of the data of a borrowed [`RwLock`].
pub type MappedRwLockReadGuard<'a, T> = Guard<Mapped<'a, RawRwLock, *const T>, Shared, T>;
/// Writes a part of the data of a borrowed [`RwLock`].
pub type MappedRwLockWriteGuard<'a, T> = Guard<Mapped<'a, RawRwLock, *mut T>, Exclusive, T>;
/// Reads a part of the data of a borrowed [`RwLock`], and keeps writers and other upgradable
/// readers out. It cannot become the writer.
pub type MappedRwLockUpgradableReadGuard<'a, T> =
    Guard<Mapped<'a, RawRwLock, *const T>, Upgradable, T>;
/// Reads a `U` in the `T` of an [`RwLock`] behind an `Arc`, which it keeps alive.
pub type MappedArcRwLockReadGuard<T, U> = Guard<ArcMapped<RwLock<T>, *const U>, Shared, U>;
/// Writes a `U` in the `T` of an [`RwLock`] behind an `Arc`, which it keeps alive.
pub type MappedArcRwLockWriteGuard<T, U> = Guard<ArcMapped<RwLock<T>, *mut U>, Exclusive, U>;
/// Reads an [`RwLock`] behind an `Arc`, which it keeps alive.
pub type ArcRwLockReadGuard<T> = Guard<Arc<RwLock<T>>, Shared, T>;
/// Writes an [`RwLock`] behind an `Arc`, which it keeps alive.
pub type ArcRwLockWriteGuard<T> = Guard<Arc<RwLock<T>>, Exclusive, T>;
/// Reads an [`RwLock`] behind an `Arc`, which it keeps alive, and can become its writer.
pub type ArcRwLockUpgradableReadGuard<T> = Guard<Arc<RwLock<T>>, Upgradable, T>;

// SAFETY: sending a lock sends its data, and nothing of it stays behind.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// SAFETY: readers share `&T` between threads (`Sync`); a writer may take the data out (`Send`).
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

impl<T> RwLock<T> {
    const_fn! {
        /// Creates an open lock.
        pub const fn new(data: T) -> Self {
            RwLock {
                raw: RawRwLock::new(),
                data: UnsafeCell::new(data),
            }
        }
    }

    /// Returns the data, without locking: no other thread can have the lock.
    pub fn into_inner(self) -> T {
        self.data.into_inner()
    }
}

/// The eight ways to acquire the lock in one mode.
macro_rules! acquire {
    (
        $what:literal, $guard:ident, $arc_guard:ident, by $take:expr, at once $try_take:expr;
        $lock:ident, $try_lock:ident, $try_for:ident, $try_until:ident;
        $lock_arc:ident, $try_lock_arc:ident, $try_arc_for:ident, $try_arc_until:ident
    ) => {
        #[doc = concat!("Acquires the lock ", $what, ", blocking until that is possible.")]
        #[inline]
        pub fn $lock(&self) -> $guard<'_, T> {
            $take(&self.raw, Deadline::NEVER);
            // SAFETY: just acquired, in the guard's mode.
            unsafe { self.guard() }
        }

        #[doc = concat!("Tries to acquire the lock ", $what, ", without blocking.")]
        ///
        /// May fail although no thread holds the lock: see *Tries* of [`RwLock`](crate::RwLock).
        #[inline]
        pub fn $try_lock(&self) -> Option<$guard<'_, T>> {
            // SAFETY: if it is run, the lock was just acquired in the guard's mode.
            $try_take(&self.raw).then(|| unsafe { self.guard() })
        }

        #[doc = concat!("Tries to acquire the lock ", $what, ", blocking for at most `timeout`.")]
        /// Zero only tries. A timeout beyond what an `Instant` holds is no limit.
        #[inline]
        pub fn $try_for(&self, timeout: Duration) -> Option<$guard<'_, T>> {
            // SAFETY: see above.
            $take(&self.raw, Deadline::after(timeout)).then(|| unsafe { self.guard() })
        }

        #[doc = concat!("Tries to acquire the lock ", $what, ", blocking until `deadline`.")]
        /// A deadline in the past only tries.
        #[inline]
        pub fn $try_until(&self, deadline: Instant) -> Option<$guard<'_, T>> {
            // SAFETY: see above.
            $take(&self.raw, Deadline::at(deadline)).then(|| unsafe { self.guard() })
        }

        #[doc = concat!("As [`Self::", stringify!($lock), "`], with a guard owning an `Arc`.")]
        #[inline]
        pub fn $lock_arc(self: &Arc<Self>) -> $arc_guard<T> {
            $take(&self.raw, Deadline::NEVER);
            // SAFETY: just acquired, in the guard's mode.
            unsafe { self.guard_arc() }
        }

        #[doc = concat!("As [`Self::", stringify!($try_lock), "`], with a guard owning an `Arc`.")]
        #[inline]
        pub fn $try_lock_arc(self: &Arc<Self>) -> Option<$arc_guard<T>> {
            // SAFETY: if it is run, the lock was just acquired in the guard's mode.
            $try_take(&self.raw).then(|| unsafe { self.guard_arc() })
        }

        #[doc = concat!("As [`Self::", stringify!($try_for), "`], with a guard owning an `Arc`.")]
        #[inline]
        pub fn $try_arc_for(self: &Arc<Self>, timeout: Duration) -> Option<$arc_guard<T>> {
            // SAFETY: see above.
            $take(&self.raw, Deadline::after(timeout)).then(|| unsafe { self.guard_arc() })
        }

        #[doc = concat!("As [`Self::", stringify!($try_until), "`], with a guard owning an `Arc`.")]
        #[inline]
        pub fn $try_arc_until(self: &Arc<Self>, deadline: Instant) -> Option<$arc_guard<T>> {
            // SAFETY: see above.
            $take(&self.raw, Deadline::at(deadline)).then(|| unsafe { self.guard_arc() })
        }
    };
}

pub(super) use acquire;

/// What is done by hand in one mode, for a guard that was forgotten.
macro_rules! by_hand {
    (
        $what:literal, $guard:ident, $arc_guard:ident, $Mode:ident, $($forgotten:literal)*;
        $make:ident, $make_arc:ident, $unlock:ident, $unlock_fair:ident
    ) => {
        #[doc = concat!(
            "Makes a guard of a lock that the caller has acquired ", $what,
            " by other")]
        /// means: with a guard that was forgotten, or by the [raw](Self::raw) lock.
        ///
        /// # Safety
        $(#[doc = $forgotten])*
        #[inline]
        pub unsafe fn $make(&self) -> $guard<'_, T> {
            // SAFETY: the caller's promise.
            unsafe { self.guard() }
        }

        #[doc = concat!("As [`Self::", stringify!($make), "`], with a guard owning an `Arc`.")]
        ///
        /// # Safety
        $(#[doc = $forgotten])*
        #[inline]
        pub unsafe fn $make_arc(self: &Arc<Self>) -> $arc_guard<T> {
            // SAFETY: the caller's promise.
            unsafe { self.guard_arc() }
        }

        #[doc = concat!("Releases a lock acquired ", $what, ", for a guard that was forgotten.")]
        ///
        /// # Safety
        $(#[doc = $forgotten])*
        #[inline]
        pub unsafe fn $unlock(&self) {
            // SAFETY: the caller owns what the forgotten guard held.
            unsafe { <$Mode as Mode<RawRwLock>>::unlock(&self.raw) };
        }

        #[doc = concat!("As [`Self::", stringify!($unlock), "`], but by a direct handoff, as")]
        /// [`Guard::unlock_fair`].
        ///
        /// # Safety
        $(#[doc = $forgotten])*
        #[inline]
        pub unsafe fn $unlock_fair(&self) {
            // SAFETY: see above.
            unsafe { <$Mode as Mode<RawRwLock>>::unlock_fair(&self.raw) };
        }
    };
}

impl<T: ?Sized> RwLock<T> {
    acquire! {
        "for reading", RwLockReadGuard, ArcRwLockReadGuard,
        by |raw: &RawRwLock, deadline| raw.read(false, deadline),
        at once |raw: &RawRwLock| raw.try_read(false);
        read, try_read, try_read_for, try_read_until;
        read_arc, try_read_arc, try_read_arc_for, try_read_arc_until
    }

    acquire! {
        "for reading, even if a writer waits for other readers to leave",
        RwLockReadGuard, ArcRwLockReadGuard,
        by |raw: &RawRwLock, deadline| raw.read(true, deadline),
        at once |raw: &RawRwLock| raw.try_read(true);
        read_recursive, try_read_recursive, try_read_recursive_for, try_read_recursive_until;
        read_arc_recursive, try_read_arc_recursive,
        try_read_arc_recursive_for, try_read_arc_recursive_until
    }

    acquire! {
        "for writing", RwLockWriteGuard, ArcRwLockWriteGuard,
        by RawRwLock::write, at once RawRwLock::try_write;
        write, try_write, try_write_for, try_write_until;
        write_arc, try_write_arc, try_write_arc_for, try_write_arc_until
    }

    acquire! {
        "for reading, keeping writers and other upgradable readers out",
        RwLockUpgradableReadGuard, ArcRwLockUpgradableReadGuard,
        by RawRwLock::upgradable_read, at once RawRwLock::try_upgradable_read;
        upgradable_read, try_upgradable_read, try_upgradable_read_for, try_upgradable_read_until;
        upgradable_read_arc, try_upgradable_read_arc,
        try_upgradable_read_arc_for, try_upgradable_read_arc_until
    }

    /// Whether a thread holds the lock now, in any mode. The answer may be stale when the caller
    /// gets it. Biased readers are looked at one after the other, so it may also be no if they
    /// relieved each other meanwhile.
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

    /// Returns a pointer to the data, which may be used while the lock is held by other means.
    pub fn data_ptr(&self) -> *mut T {
        self.data.get()
    }

    by_hand! {
        "for reading", RwLockReadGuard, ArcRwLockReadGuard, Shared,
        "The calling thread acquired a read guard of this lock that was forgotten, and will not be"
        "used or dropped from now on.";
        make_read_guard_unchecked, make_arc_read_guard_unchecked,
        force_unlock_read, force_unlock_read_fair
    }

    by_hand! {
        "for writing", RwLockWriteGuard, ArcRwLockWriteGuard, Exclusive,
        "The write guard of this lock was forgotten, and will not be used or dropped from now on."
        "";
        make_write_guard_unchecked, make_arc_write_guard_unchecked,
        force_unlock_write, force_unlock_write_fair
    }

    by_hand! {
        "for reading upgradably", RwLockUpgradableReadGuard, ArcRwLockUpgradableReadGuard,
        Upgradable,
        "The upgradable guard of this lock was forgotten, and will not be used or dropped from now"
        "on.";
        make_upgradable_guard_unchecked, make_arc_upgradable_guard_unchecked,
        force_unlock_upgradable_read, force_unlock_upgradable_read_fair
    }

    /// Returns the untyped lock.
    ///
    /// # Safety
    /// The caller does not release or change what a guard holds.
    #[inline]
    pub unsafe fn raw(&self) -> &RawRwLock {
        &self.raw
    }

    only_in_models! {
        /// For models: the lock is free, without waiters, and no thread touches it at the same
        /// time.
        #[doc(hidden)]
        pub fn assert_at_rest(&mut self) {
            self.raw.assert_at_rest();
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
impl<'a, M: Mode<RawRwLock>, T: ?Sized + Send> Guard<&'a RwLock<T>, M, T> {
    /// Returns the lock.
    #[inline]
    pub fn rwlock(this: &Self) -> &'a RwLock<T> {
        this.lock()
    }
}

// Another thread that borrows the guard gets the lock by this, so `T: Send`.
impl<M: Mode<RawRwLock>, T: ?Sized + Send> Guard<Arc<RwLock<T>>, M, T> {
    /// Returns the lock.
    #[inline]
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        this.lock()
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        RwLock::new(T::default())
    }
}

impl<T> From<T> for RwLock<T> {
    fn from(data: T) -> Self {
        RwLock::new(data)
    }
}

lock! { RwLock, RawRwLock, false }
