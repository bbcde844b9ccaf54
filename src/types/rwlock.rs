//! [`RwLock`]: the types. The algorithm is in `src/rwlock/raw.rs`.

mod both;
mod modes;

pub(super) use both::rwlock;

use super::acquire::{acquire, by_hand};
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
///
/// Dropping it ends the read, on the thread that began it.
///
/// # Fairness
/// If it is the last reader, a drop wakes a waiting writer, which running threads may still pass.
/// [`unlock_fair`](Guard::unlock_fair) keeps the lock for that writer.
///
/// # Memory ordering
/// The drop happens-before the next write returns. It does not order other readers.
///
/// # Examples
/// ```
/// use anteroom::{RwLock, RwLockReadGuard};
///
/// let words = RwLock::new(vec!["one"]);
/// let seen: RwLockReadGuard<'_, Vec<&str>> = words.read();
/// let first = RwLockReadGuard::map(seen, |words| &words[0]);
/// assert_eq!(*first, "one");
/// ```
pub type RwLockReadGuard<'a, T> = Guard<&'a RwLock<T>, Shared, T>;
/// Writes a borrowed [`RwLock`].
///
/// Dropping it ends the write. [`downgrade`](Guard::downgrade) makes it a read instead.
///
/// # Fairness
/// After a drop, readers that wait enter before the next writer that waits; running threads may
/// pass all of them. [`unlock_fair`](Guard::unlock_fair) keeps the lock for a waiter.
///
/// # Memory ordering
/// The drop happens-before the next acquisition in any mode returns.
///
/// # Examples
/// ```
/// use anteroom::{RwLock, RwLockWriteGuard};
///
/// let number = RwLock::new(1);
/// let mut held: RwLockWriteGuard<'_, u32> = number.write();
/// *held += 1;
/// let seen = RwLockWriteGuard::downgrade(held); // no other write came in between
/// assert_eq!((*seen, *number.read()), (2, 2));
/// ```
pub type RwLockWriteGuard<'a, T> = Guard<&'a RwLock<T>, Exclusive, T>;
/// Reads a borrowed [`RwLock`], and can become its writer.
///
/// There is one at a time, beside any number of readers. [`upgrade`](Guard::upgrade) waits for them
/// to leave. No other write comes in between. Dropping it ends the read.
///
/// # Fairness and memory ordering
/// As for a [`RwLockReadGuard`]; after an upgrade, as for a [`RwLockWriteGuard`].
///
/// # Examples
/// ```
/// use anteroom::{RwLock, RwLockUpgradableReadGuard};
///
/// let number = RwLock::new(1);
/// let seen: RwLockUpgradableReadGuard<'_, u32> = number.upgradable_read();
/// if *seen == 1 {
///     *RwLockUpgradableReadGuard::upgrade(seen) = 2;
/// }
/// assert_eq!(*number.read(), 2);
/// ```
pub type RwLockUpgradableReadGuard<'a, T> = Guard<&'a RwLock<T>, Upgradable, T>;
/// Reads a part of the data of a borrowed [`RwLock`].
///
/// It comes of [`map`](Guard::map), and ends as a [`RwLockReadGuard`] does. It cannot release the
/// lock for a while.
pub type MappedRwLockReadGuard<'a, T> = Guard<Mapped<'a, RawRwLock, *const T>, Shared, T>;
/// Writes a part of the data of a borrowed [`RwLock`].
///
/// It comes of [`map`](Guard::map), and ends as a [`RwLockWriteGuard`] does. It cannot release the
/// lock for a while, nor become a read.
///
/// # Examples
/// ```
/// use anteroom::{MappedRwLockWriteGuard, RwLock, RwLockWriteGuard};
///
/// let pair = RwLock::new((1, "one"));
/// let mut number: MappedRwLockWriteGuard<'_, u32> =
///     RwLockWriteGuard::map(pair.write(), |pair| &mut pair.0);
/// *number += 1;
/// ```
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
///
/// So it borrows nothing, and can be a field of a struct. Else it is as a [`RwLockReadGuard`].
///
/// # Examples
/// ```
/// use anteroom::{ArcRwLockReadGuard, RwLock};
/// use std::sync::Arc;
///
/// let seen: ArcRwLockReadGuard<u32> = Arc::new(RwLock::new(1)).read_arc();
/// assert_eq!(*seen, 1);
/// ```
pub type ArcRwLockReadGuard<T> = Guard<Arc<RwLock<T>>, Shared, T>;
/// Writes an [`RwLock`] behind an `Arc`, which it keeps alive.
pub type ArcRwLockWriteGuard<T> = Guard<Arc<RwLock<T>>, Exclusive, T>;
/// Reads an [`RwLock`] behind an `Arc`, which it keeps alive, and can become its writer.
pub type ArcRwLockUpgradableReadGuard<T> = Guard<Arc<RwLock<T>>, Upgradable, T>;

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

impl<T: ?Sized> RwLock<T> {
    /// Whether a thread holds the lock now, in any mode. The answer may be stale when the caller
    /// gets it. Biased readers are looked at one after the other, so it may also be no if they
    /// relieved each other meanwhile.
    pub fn is_locked(&self) -> bool {
        self.raw.is_locked()
    }

    /// Returns a pointer to the data, which may be used while the lock is held by other means.
    pub fn data_ptr(&self) -> *mut T {
        self.data.get()
    }

    by_hand! {
        "for reading, ", RwLockReadGuard, ArcRwLockReadGuard, Shared of RawRwLock,
        "The calling thread acquired a read guard of this lock that was forgotten, and will not be"
        "used or dropped from now on.";
        make_read_guard_unchecked, make_arc_read_guard_unchecked,
        force_unlock_read, force_unlock_read_fair
    }

    by_hand! {
        "for writing, ", RwLockWriteGuard, ArcRwLockWriteGuard, Exclusive of RawRwLock,
        "The write guard of this lock was forgotten, and will not be used or dropped from now on."
        "";
        make_write_guard_unchecked, make_arc_write_guard_unchecked,
        force_unlock_write, force_unlock_write_fair
    }

    by_hand! {
        "for reading upgradably, ", RwLockUpgradableReadGuard, ArcRwLockUpgradableReadGuard,
        Upgradable of RawRwLock,
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
}

rwlock! {
    RwLock, by read, write;
    RwLockReadGuard, RwLockWriteGuard, RwLockUpgradableReadGuard,
    ArcRwLockReadGuard, ArcRwLockWriteGuard, ArcRwLockUpgradableReadGuard
}
lock! { RwLock, RawRwLock, false }
