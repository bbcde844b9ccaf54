//! [`RwLock`]: the types. The algorithm is in `src/rwlock/raw.rs`.

mod modes;

use super::guard::sealed::{Lock, Mode, Whole};
use super::guard::{Borrowed, Exclusive, Guard, Mapped, Shared, Upgradable};
use super::raw::rwlock::RawRwLock;
use crate::deadline::Deadline;
use crate::primitive::const_fn;
use std::cell::UnsafeCell;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Many readers, or one writer: open, shared read, exclusive write.
///
/// There is a third way to hold it: an *upgradable* read, of which there is one at a time beside
/// any number of readers, and which can become a write without letting another writer in between.
/// There is no poisoning.
///
/// # Fairness
/// A running thread may come before those that sleep (barging), until one of them has waited for
/// half a millisecond. A writer, or an upgrade, that has waited for so long keeps new readers out
/// (where readers are biased, at once): then it waits only for those that are inside by then. When
/// a writer leaves, the readers that sleep come in before the next writer that sleeps. And for a
/// thread that has waited for so long the lock is kept when it is woken, for 4 to 6 ms at most. So
/// a reader waits for half a millisecond and one writer at most, and a writer, in its turn, for
/// those that read by then.
///
/// # Biased readers
/// While a lock is hardly written, its readers do not touch it but note in a row of their own, one
/// for each thread, that they read it; reading then scales with the processors. A write ends this:
/// it looks through the rows, and if it has been so for long, interrupts every processor that runs
/// this process (some ten microseconds). The bias begins again when reads without it have cost
/// about ten times as much. Rows are there for 1024 threads; others read the ordinary way.
///
/// A thread that reads and calls [`read`](Self::read) again deadlocks when a writer waits that
/// keeps new readers out; [`read_recursive`](Self::read_recursive) passes that writer. A guard that
/// is released for a while (`unlocked`, `bump`, `Condvar::wait`) is taken again as by `read`, also
/// if it came from `read_recursive`: do not release one for a while where the thread holds another.
///
/// # Tries
/// A `try_` method may fail although no thread holds the lock, while it is kept for a thread that
/// has waited: for 4 to 6 ms at most, if that thread does not come. Writing and upgrading may also
/// fail because another thread is just about to read, which then does.
///
/// # Memory ordering
/// A writer's unlock (or downgrade) happens-before the return of whichever call enters next; a
/// reader's unlock happens-before the next writer (or upgrade) returns. Two readers do not order
/// each other.
///
/// # Panics
/// Reading panics when there are 2²¹ readers (which takes forgotten guards); the lock is
/// then as it was. A read that is taken again after it was released for a while ends the process
/// instead, when there are nearly twice as many.
///
/// Writing, and upgrading, panics where *another copy of this crate* in the same process (another
/// version, or a plugin's own) reads the lock by bias: its readers are not known here. The lock is
/// then as it was. Taking a write again that a guard gave up for a while aborts then.
///
/// # Forgotten guards
/// A read guard that is forgotten keeps the writers of its lock out for good, as with every lock,
/// or until the lock is moved. It concerns no other lock.
///
/// # Edges and limits
/// At a fork, a thread's end, in a signal handler: see [`lifecycle`](crate::lifecycle). How many there
/// may be: see [`limits`](crate::limits).
///
/// # Examples
/// ```
/// use anteroom::{RwLock, RwLockUpgradableReadGuard, RwLockWriteGuard};
///
/// let words = RwLock::new(vec!["one"]);
/// let seen = words.upgradable_read();
/// assert_eq!(words.read().len(), 1); // others still read
/// let mut words_now = RwLockUpgradableReadGuard::upgrade(seen);
/// words_now.push("two"); // nobody has written since `seen` was taken
/// let seen = RwLockWriteGuard::downgrade(words_now);
/// assert_eq!(seen.len(), 2);
/// ```
pub struct RwLock<T: ?Sized> {
    raw: RawRwLock,
    data: UnsafeCell<T>,
}

/// Reads a borrowed [`RwLock`].
pub type RwLockReadGuard<'a, T> = Guard<Borrowed<'a, RawRwLock>, Shared, T>;
/// Writes a borrowed [`RwLock`].
pub type RwLockWriteGuard<'a, T> = Guard<Borrowed<'a, RawRwLock>, Exclusive, T>;
/// Reads a borrowed [`RwLock`], and can become its writer.
pub type RwLockUpgradableReadGuard<'a, T> = Guard<Borrowed<'a, RawRwLock>, Upgradable, T>;
/// Reads a part of the data of a borrowed [`RwLock`].
pub type MappedRwLockReadGuard<'a, T> = Guard<Mapped<'a, RawRwLock>, Shared, T>;
/// Writes a part of the data of a borrowed [`RwLock`].
pub type MappedRwLockWriteGuard<'a, T> = Guard<Mapped<'a, RawRwLock>, Exclusive, T>;
/// Reads an [`RwLock`] behind an `Arc`, which it keeps alive.
pub type ArcRwLockReadGuard<T> = Guard<Arc<RwLock<T>>, Shared, T>;
/// Writes an [`RwLock`] behind an `Arc`, which it keeps alive.
pub type ArcRwLockWriteGuard<T> = Guard<Arc<RwLock<T>>, Exclusive, T>;
/// Reads an [`RwLock`] behind an `Arc`, which it keeps alive, and can become its writer.
pub type ArcRwLockUpgradableReadGuard<T> = Guard<Arc<RwLock<T>>, Upgradable, T>;

// SAFETY: sending a lock sends its data, and nothing of it stays behind.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// SAFETY: readers share `&T` between threads, so `T: Sync`; a writer may take the data out, so `T:
// Send`.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

impl<T> RwLock<T> {
    const_fn! {
        /// An open lock.
        pub const fn new(data: T) -> Self {
            RwLock {
                raw: RawRwLock::new(),
                data: UnsafeCell::new(data),
            }
        }
    }

    /// The data, without locking: nobody else has the lock.
    pub fn into_inner(self) -> T {
        self.data.into_inner()
    }
}

/// The eight ways to take the lock in one mode.
macro_rules! acquire {
    (
        $what:literal, $guard:ident, $arc_guard:ident, by $take:expr, at once $try_take:expr;
        $lock:ident, $try_lock:ident, $try_for:ident, $try_until:ident;
        $lock_arc:ident, $try_lock_arc:ident, $try_arc_for:ident, $try_arc_until:ident
    ) => {
        #[doc = concat!("Waits until it is possible ", $what, ", and does.")]
        #[inline]
        pub fn $lock(&self) -> $guard<'_, T> {
            $take(&self.raw, Deadline::NEVER);
            // SAFETY: just taken, in the guard's mode.
            unsafe { self.guard() }
        }

        #[doc = concat!("Tries ", $what, " without waiting.")]
        ///
        /// May fail although no thread holds the lock: see *Tries* of [`RwLock`].
        #[inline]
        pub fn $try_lock(&self) -> Option<$guard<'_, T>> {
            // SAFETY: if it is run, the lock was just taken in the guard's mode.
            $try_take(&self.raw).then(|| unsafe { self.guard() })
        }

        #[doc = concat!("Tries ", $what, " for at most `timeout`: zero only tries, and one beyond what an `Instant` holds is no limit.")]
        #[inline]
        pub fn $try_for(&self, timeout: Duration) -> Option<$guard<'_, T>> {
            // SAFETY: as above.
            $take(&self.raw, Deadline::after(timeout)).then(|| unsafe { self.guard() })
        }

        #[doc = concat!("Tries ", $what, " until `deadline` at most: one in the past only tries.")]
        #[inline]
        pub fn $try_until(&self, deadline: Instant) -> Option<$guard<'_, T>> {
            // SAFETY: as above.
            $take(&self.raw, Deadline::at(deadline)).then(|| unsafe { self.guard() })
        }

        #[doc = concat!("As [`", stringify!($lock), "`](Self::", stringify!($lock), "), with a guard that owns its `Arc`.")]
        #[inline]
        pub fn $lock_arc(self: &Arc<Self>) -> $arc_guard<T> {
            $take(&self.raw, Deadline::NEVER);
            // SAFETY: just taken, in the guard's mode.
            unsafe { self.guard_arc() }
        }

        #[doc = concat!("As [`", stringify!($try_lock), "`](Self::", stringify!($try_lock), "), with a guard that owns its `Arc`.")]
        #[inline]
        pub fn $try_lock_arc(self: &Arc<Self>) -> Option<$arc_guard<T>> {
            // SAFETY: if it is run, the lock was just taken in the guard's mode.
            $try_take(&self.raw).then(|| unsafe { self.guard_arc() })
        }

        #[doc = concat!("As [`", stringify!($try_for), "`](Self::", stringify!($try_for), "), with a guard that owns its `Arc`.")]
        #[inline]
        pub fn $try_arc_for(self: &Arc<Self>, timeout: Duration) -> Option<$arc_guard<T>> {
            // SAFETY: as above.
            $take(&self.raw, Deadline::after(timeout)).then(|| unsafe { self.guard_arc() })
        }

        #[doc = concat!("As [`", stringify!($try_until), "`](Self::", stringify!($try_until), "), with a guard that owns its `Arc`.")]
        #[inline]
        pub fn $try_arc_until(self: &Arc<Self>, deadline: Instant) -> Option<$arc_guard<T>> {
            // SAFETY: as above.
            $take(&self.raw, Deadline::at(deadline)).then(|| unsafe { self.guard_arc() })
        }
    };
}

impl<T: ?Sized> RwLock<T> {
    acquire! {
        "to read", RwLockReadGuard, ArcRwLockReadGuard,
        by |raw: &RawRwLock, deadline| raw.read(false, deadline), at once |raw: &RawRwLock| raw.try_read(false);
        read, try_read, try_read_for, try_read_until;
        read_arc, try_read_arc, try_read_arc_for, try_read_arc_until
    }

    acquire! {
        "to read, even if a writer waits for other readers to leave",
        RwLockReadGuard, ArcRwLockReadGuard,
        by |raw: &RawRwLock, deadline| raw.read(true, deadline), at once |raw: &RawRwLock| raw.try_read(true);
        read_recursive, try_read_recursive, try_read_recursive_for, try_read_recursive_until;
        read_arc_recursive, try_read_arc_recursive, try_read_arc_recursive_for, try_read_arc_recursive_until
    }

    acquire! {
        "to write", RwLockWriteGuard, ArcRwLockWriteGuard,
        by RawRwLock::write, at once RawRwLock::try_write;
        write, try_write, try_write_for, try_write_until;
        write_arc, try_write_arc, try_write_arc_for, try_write_arc_until
    }

    acquire! {
        "to read, and keep writers and other upgradable readers out",
        RwLockUpgradableReadGuard, ArcRwLockUpgradableReadGuard,
        by RawRwLock::upgradable_read, at once RawRwLock::try_upgradable_read;
        upgradable_read, try_upgradable_read, try_upgradable_read_for, try_upgradable_read_until;
        upgradable_read_arc, try_upgradable_read_arc, try_upgradable_read_arc_for, try_upgradable_read_arc_until
    }

    /// Whether somebody holds the lock now, in any mode. The answer may be old before the caller
    /// has it; and since biased readers are looked at one after the other, it may be no where they
    /// relieved each other meanwhile.
    pub fn is_locked(&self) -> bool {
        self.raw.is_locked()
    }

    /// Whether somebody writes now. The answer may be old before the caller has it.
    pub fn is_locked_exclusive(&self) -> bool {
        self.raw.is_locked_exclusive()
    }

    /// The data, without locking: the lock is borrowed exclusively.
    pub fn get_mut(&mut self) -> &mut T {
        self.data.get_mut()
    }

    /// A pointer to the data, which is valid to use as long as the lock is held by other means.
    pub fn data_ptr(&self) -> *mut T {
        self.data.get()
    }

    /// Gives back one read without a guard: for one that was forgotten.
    ///
    /// # Safety
    /// The calling thread took a read guard of this lock that was forgotten, and will not be used
    /// or dropped any more.
    pub unsafe fn force_unlock_read(&self) {
        // SAFETY: the caller owns the forgotten guard's read.
        unsafe { self.raw.unlock_read() };
    }

    /// Gives back the write without a guard: for one that was forgotten.
    ///
    /// # Safety
    /// The write guard of this lock was forgotten, and will not be used or dropped any more.
    pub unsafe fn force_unlock_write(&self) {
        // SAFETY: the caller owns the forgotten guard's write.
        unsafe { self.raw.unlock_write() };
    }

    /// For models: nobody holds the lock, waits for it, or touches it at the same time as this.
    #[cfg(anteroom_models)]
    #[doc(hidden)]
    pub fn assert_at_rest(&mut self) {
        self.raw.assert_at_rest();
    }

    /// # Safety
    /// The caller has taken the lock in mode `M`.
    #[inline]
    unsafe fn guard<M: Mode<RawRwLock>>(&self) -> Guard<Borrowed<'_, RawRwLock>, M, T> {
        // SAFETY: the caller's promise; the data lives in `self`.
        unsafe { Guard::new(Borrowed(&self.raw), self.data.get()) }
    }

    /// # Safety
    /// The caller has taken the lock in mode `M`.
    #[inline]
    unsafe fn guard_arc<M: Mode<RawRwLock>>(self: &Arc<Self>) -> Guard<Arc<Self>, M, T> {
        // SAFETY: the caller's promise; the `Arc` keeps the data alive.
        unsafe { Guard::new(self.clone(), self.data.get()) }
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

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.try_read() {
            Some(data) => f.debug_struct("RwLock").field("data", &&*data).finish(),
            None => f.debug_struct("RwLock").finish_non_exhaustive(),
        }
    }
}

impl<T: ?Sized> Lock for Arc<RwLock<T>> {
    type Raw = RawRwLock;

    #[inline]
    fn raw(&self) -> &RawRwLock {
        &self.raw
    }
}

impl<T: ?Sized> Whole for Arc<RwLock<T>> {}
