//! [`Condvar`]: waiting, with a lock released, until somebody says so.
//!
//! The condition variable is one word: the address of the lock that its waiters are going to take again, or
//! zero while there are none. Waiters sleep in a queue of the parking lot, and nowhere else.
//!
//! ## Invariants
//! 1. The word is zero exactly when both queues are empty. It is set by the first waiter, and cleared by whoever
//!    takes out the last, under the lock of the queue that they are in. So a notifier that reads zero may leave: whoever began to wait before the notifier's own
//!    critical section released the lock after writing the word.
//! 2. Waiters for a mutex sleep in the queue at the condition variable's address; waiters for a reader-writer
//!    lock in the one at the address plus one. Never are both in use, for all waiters have the same lock.
//! 3. A thread leaves its queue because it was chosen by a notifier, or because its time is up: the queue's lock
//!    decides which. Nothing else wakes it, so there are no spurious wake-ups.
//!
//! ## Awake for a while
//! Sleeping and waking costs far more than a short wait. A waiter that is alone stays awake for a while first, where
//! that has been paying: [`awake`] says how long, and when not. That changes no rule above, for it is in the queue by
//! then.
//!
//! ## `notify_all` and the herd
//! A mutex lets in one thread at a time, so `notify_all` wakes one waiter and moves the others to the mutex's
//! queue, where they are counted as its waiters. The one that is woken will take the mutex, and sees the others
//! when it unlocks; so does each of them in its turn. Waiters for a reader-writer lock are all woken: readers go in
//! together, and writers with a condition variable are rare.

mod awake;
mod waitable;

use crate::deadline::Deadline;
use crate::mutex::raw::RawMutex;
use crate::parking::{self, NO_TOKEN, ParkResult, ParkToken, UnparkToken};
use crate::primitive::Ordering::Relaxed;
use crate::primitive::{AtomicUsize, const_fn};
use std::cell::Cell;
use std::fmt;
use std::time::{Duration, Instant};
use waitable::{MUTEX, OTHER, Requeue, View, Waitable};

/// A place to sleep until another thread says that something has changed.
///
/// It works with any guard of this crate that holds a whole lock: of a [`Mutex`](crate::Mutex) or an
/// [`RwLock`](crate::RwLock), to read or to write, borrowed or behind an `Arc`. A mapped guard cannot wait:
/// while the lock is released, what the guard was mapped to may go away.
///
/// ```compile_fail,E0277
/// use anteroom::{Condvar, Mutex, MutexGuard};
///
/// let pair = Mutex::new((1, 2));
/// let mut first = MutexGuard::map(pair.lock(), |pair| &mut pair.0);
/// Condvar::new().wait(&mut first);
/// ```
///
/// A waiter wakes up only when it was notified or its time is up, never for no reason.
///
/// # Fairness
/// Waiters are notified in the order in which they came. The lock they take again is as fair as it is.
///
/// # Memory ordering
/// What orders memory is the lock: change what is waited for while holding it exclusively (a read lock is not
/// enough: a reader may be between its look and its sleep). Notify with the lock held or after releasing it.
/// `notify_one` and `notify_all` by themselves order nothing.
///
/// # Panics
/// Waiting with one lock while other threads wait with another panics, with the guard's lock still held.
///
/// # Examples
/// ```
/// use anteroom::{Condvar, Mutex};
///
/// let ready = Mutex::new(false);
/// let changed = Condvar::new();
/// std::thread::scope(|s| {
///     s.spawn(|| {
///         *ready.lock() = true;
///         changed.notify_one();
///     });
///     let mut ready = ready.lock();
///     changed.wait_while(&mut ready, |ready| !*ready);
///     assert!(*ready);
/// });
/// ```
pub struct Condvar {
    lock: AtomicUsize,
}

/// Whether a wait ended because its time was up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// True if the time was up and nobody had notified this waiter; for the `wait_while` forms, true if the
    /// condition still held then.
    pub fn timed_out(self) -> bool {
        self.0
    }
}

impl Condvar {
    const_fn! {
        /// With nobody waiting.
        pub const fn new() -> Self {
            Condvar {
                lock: AtomicUsize::new(0),
            }
        }
    }

    /// Releases the guard's lock, sleeps until notified, and takes the lock again.
    pub fn wait<G: Waitable>(&self, guard: &mut G) {
        self.wait_by(guard, Deadline::NEVER);
    }

    /// As [`wait`](Self::wait), for at most `timeout` and the time to take the lock again.
    ///
    /// A timeout beyond what an `Instant` holds is no limit.
    pub fn wait_for<G: Waitable>(&self, guard: &mut G, timeout: Duration) -> WaitTimeoutResult {
        self.wait_by(guard, Deadline::after(timeout))
    }

    /// As [`wait`](Self::wait), until `deadline` at most and the time to take the lock again.
    pub fn wait_until<G: Waitable>(&self, guard: &mut G, deadline: Instant) -> WaitTimeoutResult {
        self.wait_by(guard, Deadline::at(deadline))
    }

    /// Waits as long as `condition` says to. It is asked with the lock held, before sleeping and after.
    pub fn wait_while<G, F>(&self, guard: &mut G, condition: F)
    where
        G: Waitable,
        F: FnMut(<G as View<'_>>::View) -> bool,
    {
        self.wait_while_by(guard, condition, Deadline::NEVER);
    }

    /// As [`wait_while`](Self::wait_while), for at most `timeout`.
    pub fn wait_while_for<G, F>(
        &self,
        guard: &mut G,
        condition: F,
        timeout: Duration,
    ) -> WaitTimeoutResult
    where
        G: Waitable,
        F: FnMut(<G as View<'_>>::View) -> bool,
    {
        self.wait_while_by(guard, condition, Deadline::after(timeout))
    }

    /// As [`wait_while`](Self::wait_while), until `deadline` at most.
    pub fn wait_while_until<G, F>(
        &self,
        guard: &mut G,
        condition: F,
        deadline: Instant,
    ) -> WaitTimeoutResult
    where
        G: Waitable,
        F: FnMut(<G as View<'_>>::View) -> bool,
    {
        self.wait_while_by(guard, condition, Deadline::at(deadline))
    }

    /// Wakes the thread that has waited longest. Returns whether there was one. With nobody waiting it is one
    /// load.
    #[inline]
    pub fn notify_one(&self) -> bool {
        // ORDERING: Relaxed; the lock that both sides hold at some time orders it (invariant 1).
        self.lock.load(Relaxed) != 0 && self.notify_one_waiting()
    }

    /// Wakes all threads that wait now. Returns how many. With nobody waiting it is one load.
    #[inline]
    pub fn notify_all(&self) -> usize {
        // ORDERING: as in `notify_one`.
        match self.lock.load(Relaxed) {
            0 => 0,
            lock => self.notify_all_waiting(lock),
        }
    }

    #[cold]
    fn notify_one_waiting(&self) -> bool {
        let found = Cell::new(false);
        let callback = |woken: bool, more: bool| {
            found.set(woken);
            if woken && !more {
                // ORDERING: Relaxed; written under the queue's lock, as invariant 1 asks.
                self.lock.store(0, Relaxed);
            }
            NO_TOKEN
        };
        for queue in [self.queue(MUTEX), self.queue(OTHER)] {
            // SAFETY: we borrow the condition variable; after finding somebody we touch it no more.
            unsafe { parking::unpark_one(queue, callback) };
            if found.get() {
                return true;
            }
        }
        false
    }

    #[cold]
    fn notify_all_waiting(&self, mut lock: usize) -> usize {
        let taken_out = |threads| {
            if threads > 0 {
                // ORDERING: Relaxed; written under the queue's lock, as invariant 1 asks.
                self.lock.store(0, Relaxed);
            }
        };
        loop {
            // The waiters of whom we read may have left, and others come with another lock.
            // ORDERING: Relaxed; read under the queue's lock.
            let still_there = || self.lock.load(Relaxed) == lock;
            let moved = |woken, moved| {
                taken_out(woken + moved);
                RawMutex::requeued(lock, moved);
            };
            let queue = self.queue(MUTEX);
            // SAFETY: we borrow the condition variable; whoever is in the queue borrows the mutex at `lock`.
            let threads =
                unsafe { parking::unpark_one_requeue_rest(queue, lock, still_there, moved) };
            match threads {
                Some(0) => {
                    // SAFETY: we borrow the condition variable.
                    return unsafe { parking::unpark_all(self.queue(OTHER), NO_TOKEN, taken_out) };
                }
                Some(threads) => return threads,
                // ORDERING: as in `notify_one`.
                None => lock = self.lock.load(Relaxed),
            }
            if lock == 0 {
                return 0;
            }
        }
    }

    /// For models: nobody waits, or touches it at the same time as this.
    #[cfg(loom)]
    #[doc(hidden)]
    pub fn assert_at_rest(&mut self) {
        self.lock.with_mut(|lock| assert_eq!(*lock, 0, "at rest"));
    }

    #[inline]
    fn queue(&self, offset: usize) -> usize {
        (&raw const *self).addr() + offset
    }

    fn wait_while_by<G, F>(
        &self,
        guard: &mut G,
        mut condition: F,
        deadline: Deadline,
    ) -> WaitTimeoutResult
    where
        G: Waitable,
        F: FnMut(<G as View<'_>>::View) -> bool,
    {
        let mut timed_out = false;
        while condition(guard.view()) {
            if timed_out {
                return WaitTimeoutResult(true);
            }
            timed_out = self.wait_by(guard, deadline).timed_out();
        }
        WaitTimeoutResult(false)
    }

    fn wait_by<G: Waitable>(&self, guard: &mut G, deadline: Deadline) -> WaitTimeoutResult {
        let lock = guard.raw_lock().queue_key();
        let queue = self.queue(G::Raw::QUEUE);
        let misused = Cell::new(false);
        let notified = Cell::new(true);
        let first = Cell::new(false);
        let validate = || {
            // An exchange, since the two queues have two locks, and waiters may come to both.
            // ORDERING: Relaxed, both; invariant 1 says what orders them.
            let others = self.lock.compare_exchange(0, lock, Relaxed, Relaxed);
            first.set(others.is_ok());
            misused.set(others.is_err_and(|others| others != lock));
            !misused.get()
        };
        let before_sleep = || {
            // SAFETY: the guard holds the lock; we take it again below, whatever happens.
            unsafe { guard.unlock() };
            // One waiter at most stays awake: the others found that one, or its followers, in the word.
            if first.get() {
                // ORDERING: Relaxed; it is a hint, and orders nothing.
                awake::stay_awake(deadline, || self.lock.load(Relaxed) != lock);
            }
        };
        let timed_out = |key, last| {
            if key != queue {
                // A notifier had chosen us, and we were on our way to the lock.
                guard.raw_lock().requeued_timed_out(key);
                return;
            }
            notified.set(false);
            if last {
                // ORDERING: as in `notify_one_waiting`.
                self.lock.store(0, Relaxed);
            }
        };
        // SAFETY: the key is inside our word, and we are borrowed.
        let result = unsafe {
            parking::park(
                queue,
                ParkToken(guard.raw_lock().park_token()),
                deadline,
                validate,
                before_sleep,
                timed_out,
            )
        };
        assert!(
            !misused.get(),
            "Condvar::wait: other threads are waiting on this condition variable with another lock"
        );
        match result {
            ParkResult::Unparked(UnparkToken(token)) if guard.raw_lock().took(token) => {}
            _ => guard.relock(),
        }
        WaitTimeoutResult(!notified.get())
    }
}

impl Default for Condvar {
    fn default() -> Self {
        Condvar::new()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Condvar { .. }")
    }
}
