//! [`RwLock`]: the types. The algorithm is in [`raw`].

pub(crate) mod raw;

use crate::deadline::Deadline;
use crate::guard::sealed::{Lock, Mode, Whole};
use crate::guard::{Borrowed, Exclusive, Guard, Mapped, Shared, Upgradable};
use crate::primitive::const_fn;
use raw::RawRwLock;
use std::cell::UnsafeCell;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Many readers, or one writer: open, shared read, exclusive write.
///
/// There is a third way to hold it: an *upgradable* read, of which there is one at a time beside any number of
/// readers, and which can become a write without letting another writer in between. There is no poisoning.
///
/// # Fairness
/// Phase-fair. A reader does not pass a writer that waits for the readers inside to leave, and a writer that
/// leaves lets in every reader that sleeps before the next writer. So a reader waits for one writer at most,
/// and a writer for those that read when it came. Between writers it is as with [`Mutex`](crate::Mutex): a
/// running one may come before one that sleeps, for half a millisecond.
///
/// A thread that reads and calls [`read`](Self::read) again deadlocks when a writer has come in between;
/// [`read_recursive`](Self::read_recursive) passes that writer.
///
/// # Memory ordering
/// A writer's unlock (or downgrade) happens-before whoever enters next returns; a reader's unlock
/// happens-before the next writer (or upgrade) returns. Two readers do not order each other.
///
/// # Panics
/// Reading panics when there are 2²⁷ readers (which takes forgotten guards); the lock is then as it was.
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
// SAFETY: readers share `&T` between threads, so `T: Sync`; a writer may take the data out, so `T: Send`.
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

    /// Whether somebody holds the lock now, in any mode. The answer may be old before the caller has it.
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
    /// A read guard of this lock was forgotten, and will not be used or dropped any more.
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
    #[cfg(loom)]
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

/// Writers.
impl<L: Whole<Raw = RawRwLock>, T: ?Sized> Guard<L, Exclusive, T> {
    /// Becomes a reader, with no other writer in between. Readers that wait are let in too.
    pub fn downgrade(this: Self) -> Guard<L, Shared, T> {
        // SAFETY: the guard is the writer, and becomes the reader.
        unsafe { this.raw().downgrade() };
        // SAFETY: as above.
        unsafe { this.into_mode() }
    }

    /// Becomes the upgradable reader, with no other writer in between. Readers that wait are let in.
    pub fn downgrade_to_upgradable(this: Self) -> Guard<L, Upgradable, T> {
        // SAFETY: the guard is the writer, and becomes the upgradable reader.
        unsafe { this.raw().downgrade_to_upgradable() };
        // SAFETY: as above.
        unsafe { this.into_mode() }
    }
}

/// Upgradable readers.
impl<L: Whole<Raw = RawRwLock>, T: ?Sized> Guard<L, Upgradable, T> {
    /// Becomes the writer once the readers have left. No other writer comes in between, and no new reader.
    pub fn upgrade(this: Self) -> Guard<L, Exclusive, T> {
        match Self::upgrade_by(this, Deadline::NEVER) {
            Ok(writer) => writer,
            Err(_) => unreachable!("there is no deadline"),
        }
    }

    /// Becomes the writer if there are no readers; gives the guard back if there are.
    pub fn try_upgrade(this: Self) -> Result<Guard<L, Exclusive, T>, Self> {
        // SAFETY: the guard is the upgradable reader.
        if !unsafe { this.raw().try_upgrade() } {
            return Err(this);
        }
        // SAFETY: it is the writer now.
        Ok(unsafe { this.into_mode() })
    }

    /// Waits for at most `timeout` for the readers to leave; gives the guard back if they have not.
    pub fn try_upgrade_for(this: Self, timeout: Duration) -> Result<Guard<L, Exclusive, T>, Self> {
        Self::upgrade_by(this, Deadline::after(timeout))
    }

    /// Waits until `deadline` at most for the readers to leave; gives the guard back if they have not.
    pub fn try_upgrade_until(
        this: Self,
        deadline: Instant,
    ) -> Result<Guard<L, Exclusive, T>, Self> {
        Self::upgrade_by(this, Deadline::at(deadline))
    }

    fn upgrade_by(this: Self, deadline: Deadline) -> Result<Guard<L, Exclusive, T>, Self> {
        // SAFETY: the guard is the upgradable reader.
        if !unsafe { this.raw().upgrade(deadline) } {
            return Err(this);
        }
        // SAFETY: it is the writer now.
        Ok(unsafe { this.into_mode() })
    }

    /// Becomes a reader, and lets writers and other upgradable readers come.
    ///
    /// # Panics
    /// If there are too many readers already, as [`RwLock`] says.
    pub fn downgrade(this: Self) -> Guard<L, Shared, T> {
        // SAFETY: the guard is the upgradable reader, and becomes a reader.
        unsafe { this.raw().downgrade_upgradable() };
        // SAFETY: as above.
        unsafe { this.into_mode() }
    }

    /// Runs `f` with write access, once the readers have left, and goes back to an upgradable read, also if `f`
    /// panics.
    ///
    /// # Examples
    /// ```
    /// # use anteroom::{RwLock, RwLockUpgradableReadGuard};
    /// let lock = RwLock::new(1);
    /// let mut guard = lock.upgradable_read();
    /// let old = RwLockUpgradableReadGuard::with_upgraded(&mut guard, |n| std::mem::replace(n, 2));
    /// assert_eq!((old, *guard), (1, 2));
    /// ```
    pub fn with_upgraded<R>(this: &mut Self, f: impl FnOnce(&mut T) -> R) -> R {
        match this.with_upgraded_by(RawUpgrade::By(Deadline::NEVER), f) {
            Some(result) => result,
            None => unreachable!("there is no deadline"),
        }
    }

    /// As [`with_upgraded`](Self::with_upgraded), if there are no readers.
    pub fn try_with_upgraded<R>(this: &mut Self, f: impl FnOnce(&mut T) -> R) -> Option<R> {
        this.with_upgraded_by(RawUpgrade::AtOnce, f)
    }

    /// As [`with_upgraded`](Self::with_upgraded), if the readers leave within `timeout`.
    pub fn try_with_upgraded_for<R>(
        this: &mut Self,
        timeout: Duration,
        f: impl FnOnce(&mut T) -> R,
    ) -> Option<R> {
        this.with_upgraded_by(RawUpgrade::By(Deadline::after(timeout)), f)
    }

    /// As [`with_upgraded`](Self::with_upgraded), if the readers leave by `deadline`.
    pub fn try_with_upgraded_until<R>(
        this: &mut Self,
        deadline: Instant,
        f: impl FnOnce(&mut T) -> R,
    ) -> Option<R> {
        this.with_upgraded_by(RawUpgrade::By(Deadline::at(deadline)), f)
    }

    fn with_upgraded_by<R>(&mut self, how: RawUpgrade, f: impl FnOnce(&mut T) -> R) -> Option<R> {
        struct Downgrade<'a>(&'a RawRwLock);
        impl Drop for Downgrade<'_> {
            fn drop(&mut self) {
                // SAFETY: made only by whom has just become the writer.
                unsafe { self.0.downgrade_to_upgradable() };
            }
        }
        let upgraded = match how {
            // SAFETY: the guard is the upgradable reader.
            RawUpgrade::AtOnce => unsafe { self.raw().try_upgrade() },
            // SAFETY: as above.
            RawUpgrade::By(deadline) => unsafe { self.raw().upgrade(deadline) },
        };
        if !upgraded {
            return None;
        }
        let data = self.data();
        let _downgrade = Downgrade(self.raw());
        // SAFETY: the lock is held exclusively until `_downgrade` is dropped, and the guard is borrowed.
        Some(f(unsafe { &mut *data }))
    }
}

enum RawUpgrade {
    AtOnce,
    By(Deadline),
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

/// Writes how a mode locks and unlocks.
macro_rules! mode {
    ($mode:ident: $lock:expr, $unlock:expr, $unlock_fair:expr) => {
        impl Mode<RawRwLock> for $mode {
            #[inline]
            fn lock(raw: &RawRwLock) {
                $lock(raw);
            }

            #[inline]
            unsafe fn unlock(raw: &RawRwLock) {
                // SAFETY: the caller holds the lock in this mode.
                unsafe { $unlock(raw) };
            }

            #[inline]
            unsafe fn unlock_fair(raw: &RawRwLock) {
                // SAFETY: as above.
                unsafe { $unlock_fair(raw) };
            }

            #[inline]
            unsafe fn bump(raw: &RawRwLock) {
                if raw.has_waiters() {
                    // SAFETY: as above.
                    unsafe { $unlock_fair(raw) };
                    $lock(raw);
                }
            }
        }
    };
}

mode!(Shared: RawRwLock::read_again, RawRwLock::unlock_read, RawRwLock::unlock_read);
mode!(Exclusive: |raw: &RawRwLock| raw.write(Deadline::NEVER), RawRwLock::unlock_write, RawRwLock::unlock_write_fair);
mode!(Upgradable: |raw: &RawRwLock| raw.upgradable_read(Deadline::NEVER), RawRwLock::unlock_upgradable, RawRwLock::unlock_upgradable_fair);
