//! [`Mutex`]: the types. The algorithm is in `src/mutex/raw.rs`.

use super::acquire::{acquire, by_hand};
use super::guard::sealed::Mode;
use super::guard::{ArcMapped, Exclusive, Guard, Mapped, lock};
use super::locks::mutex::RawMutex;
use crate::sys::deadline::Deadline;
use crate::sys::{const_fn, only_in_models};
use std::cell::UnsafeCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Mutual exclusion in one byte.
///
/// A thread that finds it locked spins for some microseconds, then sleeps. There is no poisoning: a
/// guard that a panic drops unlocks as any other. Locking it twice on one thread deadlocks.
///
/// # Fairness
/// A running thread may lock the mutex ahead of parked waiters (barging), which makes it fast. A
/// waiter *starves* when it was woken in vain and has waited for more than 500 µs. While one does,
/// every 500 µs an unlock is a *direct handoff*: it transfers the mutex to the first thread in the
/// queue. [`MutexGuard::unlock_fair`](Guard::unlock_fair) does so at once.
///
/// After a handoff the mutex is kept for that thread for 4 to 6 ms, and looks locked: a `try_lock`
/// fails though no thread has the guard. If the thread has not run by then (a signal handler or a
/// debugger may have stopped it), any thread may lock the mutex. Likewise no waiter depends on one
/// other woken thread for longer than that. If several waiters of one mutex are stopped at once,
/// one of the others locks the free mutex after at most 134 ms for each waiter. (One exception:
/// threads that a [`Condvar`](crate::Condvar) has woken all at once. If three of them are stopped,
/// the others may have to wait until one of the three goes on, or another thread locks the mutex.)
///
/// # Tries
/// A `try_` method may fail although no thread has the guard, while the mutex is kept for a thread
/// after a handoff.
///
/// # Timeouts
/// A timeout of zero, or a deadline in the past, only tries. At the deadline there is one last try.
///
/// # Memory ordering
/// Unlocking happens-before the next locking returns: of `lock`, of a successful `try_lock`, or by
/// a handoff. A failed `try_lock` orders nothing.
///
/// Unlocking does not touch the mutex after it is free. So another thread may lock and free it.
///
/// # Edges and limits
/// See [`lifecycle`](crate::lifecycle) for forks, ends of threads and signal handlers, and
/// [`limits`](crate::limits) for the greatest numbers.
///
/// # Examples
/// ```
/// use anteroom::Mutex;
///
/// static TOTAL: Mutex<u32> = Mutex::new(0);
/// std::thread::scope(|s| {
///     for _ in 0..4 {
///         s.spawn(|| *TOTAL.lock() += 1);
///     }
/// });
/// assert_eq!(*TOTAL.lock(), 4);
/// ```
pub struct Mutex<T: ?Sized> {
    raw: RawMutex,
    data: UnsafeCell<T>,
}

/// Holds a borrowed [`Mutex`].
///
/// Dropping it unlocks the mutex, on the thread that locked it, also while a panic unwinds.
///
/// # Fairness
/// After a drop any running thread may lock the mutex first.
/// [`unlock_fair`](Guard::unlock_fair) transfers it to a waiter; so does [`bump`](Guard::bump), for
/// a while. [`Mutex`] says when a drop does so, too.
///
/// # Memory ordering
/// The drop happens-before the next locking returns.
///
/// # Examples
/// ```
/// use anteroom::{Mutex, MutexGuard};
///
/// let list = Mutex::new(vec![1]);
/// let mut held: MutexGuard<'_, Vec<u32>> = list.lock();
/// held.push(2);
/// MutexGuard::unlocked(&mut held, || list.lock().push(3)); // free meanwhile
/// assert_eq!(*held, [1, 2, 3]);
/// ```
pub type MutexGuard<'a, T> = Guard<&'a Mutex<T>, Exclusive, T>;

/// Holds a borrowed [`Mutex`] and gives access to a part of its data.
///
/// It comes of [`map`](Guard::map), and unlocks as a [`MutexGuard`] does. It cannot release the
/// mutex for a while, nor wait on a condition variable: the part might change meanwhile.
///
/// # Examples
/// ```
/// use anteroom::{MappedMutexGuard, Mutex, MutexGuard};
///
/// let pair = Mutex::new((1, "one"));
/// let mut number: MappedMutexGuard<'_, u32> = MutexGuard::map(pair.lock(), |pair| &mut pair.0);
/// *number += 1;
/// ```
pub type MappedMutexGuard<'a, T> = Guard<Mapped<'a, RawMutex, *mut T>, Exclusive, T>;

/// Holds a [`Mutex`] behind an `Arc`, which it keeps alive.
///
/// So it borrows nothing, and can be a field of a struct. Else it is as a [`MutexGuard`].
///
/// # Examples
/// ```
/// use anteroom::{ArcMutexGuard, Mutex};
/// use std::sync::Arc;
///
/// let held: ArcMutexGuard<u32> = Arc::new(Mutex::new(1)).lock_arc();
/// assert_eq!(*held, 1);
/// ```
pub type ArcMutexGuard<T> = Guard<Arc<Mutex<T>>, Exclusive, T>;

/// Holds a [`Mutex`] of a `T` behind an `Arc`, which it keeps alive, and gives access to a `U` in
/// it.
pub type MappedArcMutexGuard<T, U> = Guard<ArcMapped<Mutex<T>, *mut U>, Exclusive, U>;

// SAFETY: sending a mutex sends its data, and nothing of it stays behind.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: any thread can take the data out (`mem::take` through a guard), so `T: Send`. Two threads
// never have access at once, so `T: Sync` is not needed.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

impl<T> Mutex<T> {
    const_fn! {
        /// Creates an unlocked mutex.
        pub const fn new(data: T) -> Self {
            Mutex {
                raw: RawMutex::new(),
                data: UnsafeCell::new(data),
            }
        }
    }

    /// Returns the data, without locking: no other thread can have the mutex.
    pub fn into_inner(self) -> T {
        self.data.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    acquire! {
        "the mutex", MutexGuard, ArcMutexGuard, tries as Mutex,
        by RawMutex::lock_until, at once RawMutex::try_lock;
        lock, try_lock, try_lock_for, try_lock_until;
        lock_arc, try_lock_arc, try_lock_arc_for, try_lock_arc_until
    }

    /// Whether the mutex is held now, or kept for a thread after a handoff. The answer may be stale
    /// when the caller gets it.
    pub fn is_locked(&self) -> bool {
        self.raw.is_locked()
    }

    /// Returns the data, without locking: the mutex is borrowed exclusively.
    pub fn get_mut(&mut self) -> &mut T {
        self.data.get_mut()
    }

    /// Returns a pointer to the data, which may be used while the mutex is held by other means.
    pub fn data_ptr(&self) -> *mut T {
        self.data.get()
    }

    by_hand! {
        "", MutexGuard, ArcMutexGuard, Exclusive of RawMutex,
        "The mutex is locked, and no other guard of it will be used or dropped from now on.";
        make_guard_unchecked, make_arc_guard_unchecked, force_unlock, force_unlock_fair
    }

    only_in_models! {
        /// For models: the mutex is free, without waiters, and no thread touches it at the same
        /// time.
        #[doc(hidden)]
        pub fn assert_at_rest(&mut self) {
            self.raw.assert_at_rest();
        }
    }

    /// Returns the untyped mutex.
    ///
    /// # Safety
    /// The caller does not unlock it while a guard holds it.
    #[inline]
    pub unsafe fn raw(&self) -> &RawMutex {
        &self.raw
    }
}

// Another thread that borrows the guard gets the lock by this, so `T: Send`.
impl<'a, T: ?Sized + Send> MutexGuard<'a, T> {
    /// Returns the mutex.
    #[inline]
    pub fn mutex(this: &Self) -> &'a Mutex<T> {
        this.lock()
    }
}

// Another thread that borrows the guard gets the lock by this, so `T: Send`.
impl<T: ?Sized + Send> ArcMutexGuard<T> {
    /// Returns the mutex.
    #[inline]
    pub fn mutex(this: &Self) -> &Arc<Mutex<T>> {
        this.lock()
    }
}

lock! { Mutex, RawMutex, false }

impl Mode<RawMutex> for Exclusive {
    #[inline]
    fn lock(raw: &RawMutex) {
        raw.lock();
    }

    #[inline]
    unsafe fn unlock(raw: &RawMutex) {
        // SAFETY: the caller's promise is the same.
        unsafe { raw.unlock() };
    }

    #[inline]
    unsafe fn unlock_fair(raw: &RawMutex) {
        // SAFETY: the caller's promise is the same.
        unsafe { raw.unlock_fair() };
    }

    #[inline]
    unsafe fn bump(raw: &RawMutex) {
        // SAFETY: the caller's promise is the same.
        unsafe { raw.bump() };
    }
}
