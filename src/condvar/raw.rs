//! The condition variable's state machine: one word, and waiters in a queue of the parking lot.
//!
//! The word is the address of the lock that the waiters will acquire again, or zero without any.
//!
//! ## Invariants
//! - **C1.** The word is zero exactly when both queues are empty. The first waiter sets it. The
//!   thread that takes the last waiter out clears it, under the lock of that waiter's queue. So a
//!   notifier that reads zero may leave: a waiter writes the word before it releases the lock, and
//!   a notifier whose critical section comes after that release sees the word. (The child of a fork
//!   may inherit a word without waiters.)
//! - **C2.** Waiters for a mutex sleep in the queue at the condition variable's address, waiters
//!   for a reader-writer lock in the queue at the next address. At most one queue is in use,
//!   because all waiters have the same lock.
//! - **C3.** A thread leaves its queue because a notifier chose it, or because its time is up: the
//!   queue's lock decides which. Nothing else wakes it, so there are no spurious wake-ups.
//!
//! ## Staying awake
//! Sleeping and waking costs far more than a short wait. A waiter that is alone first stays awake
//! for a moment, unless that has failed of late ([`awake`]). It is in the queue already.
//!
//! ## `notify_all`
//! A mutex admits one thread at a time. So `notify_all` wakes one waiter and requeues the others to
//! the mutex, where they are counted as its waiters. The woken thread will acquire the mutex, and
//! see the others when it unlocks; so does each of them later.
//!
//! The woken thread may be stopped before it acquires the mutex (see the watchers of [`waiters`]).
//! If the mutex is held, mostly by the notifier, its holder finds the requeued waiters when it
//! unlocks. If the mutex is free or kept, or has a designated waker, the notifier tells one of them
//! to watch. (A holder may be unlocking just then: the notifier does not see the holder's store
//! yet, and the holder does not see their count. Then they depend on the woken thread.)
//!
//! Waiters for a reader-writer lock are all woken: readers enter together, and writers with a
//! condition variable are rare.

use crate::mutex::raw::RawMutex;
use crate::parking::{self, Look, ParkResult};
use crate::policy::awake;
use crate::raw::{Requeue, Waits, used_with_two_locks};
use crate::rwlock::raw::RawRwLock;
use crate::sys::Ordering::Relaxed;
use crate::sys::deadline::Deadline;
use crate::sys::fork;
use crate::sys::{AtomicUsize, const_fn, only_in_models};
use crate::tokens::KeyOffset::{self, OtherLock, Own};
use crate::tokens::ParkToken;
use crate::tokens::UnparkToken::{self, Nothing};
use crate::waiters;
use std::cell::Cell;

pub(crate) struct RawCondvar {
    lock: AtomicUsize,
}

impl RawCondvar {
    const_fn! {
        pub(crate) const fn new() -> Self {
            RawCondvar {
                lock: AtomicUsize::new(0),
            }
        }
    }

    #[inline]
    pub(crate) fn notify_one(&self) -> bool {
        // ORDERING: Relaxed; the lock that both sides hold at some time orders it (C1).
        self.lock.load(Relaxed) != 0 && self.notify_one_waiting()
    }

    #[inline]
    pub(crate) fn notify_all(&self) -> usize {
        // ORDERING: Relaxed; see `notify_one`.
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
                // ORDERING: Relaxed; written under the queue's lock (C1).
                self.lock.store(0, Relaxed);
            }
            Nothing
        };
        for queue in [self.queue(Own), self.queue(OtherLock)] {
            // SAFETY: we borrow the condition variable. (If a waiter was found, this call touches
            // the condition variable no more.)
            unsafe { parking::unpark_one(queue, callback) };
            if found.get() {
                return true;
            }
        }
        false
    }

    #[cold]
    fn notify_all_waiting(&self, lock: usize) -> usize {
        let taken_out = |threads| {
            if threads > 0 {
                // ORDERING: Relaxed; written under the queue's lock (C1).
                self.lock.store(0, Relaxed);
            }
        };
        // The waiters that set the word may have left, and others come with another lock.
        // ORDERING: Relaxed; read under the queue's lock.
        let still_there = || self.lock.load(Relaxed) == lock;
        let needs_watcher = Cell::new(false);
        let moved = |woken, moved| {
            taken_out(woken + moved);
            // SAFETY: the requeued threads borrow the mutex, and sleep in a queue that is locked.
            needs_watcher.set(moved > 0 && unsafe { RawMutex::requeued(lock, moved) });
        };
        let queue = self.queue(Own);
        // SAFETY: we borrow the condition variable; a thread in the queue borrows the mutex at
        // `lock`.
        let threads = unsafe { parking::unpark_one_requeue_rest(queue, lock, still_there, moved) };
        if needs_watcher.get() {
            parking::call_watcher(lock);
        }
        match threads {
            // SAFETY: we borrow the condition variable.
            Some(0) => unsafe { parking::unpark_all(self.queue(OtherLock), Nothing, taken_out) },
            Some(threads) => threads,
            // The waiters with `lock` have left since the word was read. When the last of them
            // left, no thread waited: this call takes effect at that moment.
            None => 0,
        }
    }

    /// In the child of a fork: whether the waiters are not in this process. If so, clears the word.
    #[cold]
    fn forgets_inherited_waiters(&self) -> bool {
        let forgotten = Cell::new(false);
        let forget = || {
            // ORDERING: Relaxed; written under the locks of both queues (C1).
            self.lock.store(0, Relaxed);
            forgotten.set(true);
        };
        if fork::generation() != 0 {
            parking::if_empty(self.queue(Own), self.queue(OtherLock), forget);
        }
        forgotten.get()
    }

    /// Waits. Returns whether the caller was notified before its time was up.
    pub(crate) fn wait<G: Waits>(&self, guard: &mut G, deadline: Deadline) -> bool {
        let lock = guard.raw_lock().queue_key();
        if deadline.is_past() {
            // ORDERING: Relaxed; it only detects a misuse.
            let others = self.lock.load(Relaxed);
            if others != 0 && others != lock && !self.forgets_inherited_waiters() {
                used_with_two_locks();
            }
            // SAFETY: the guard holds the lock; we acquire it again.
            unsafe { guard.unlock() };
            guard.relock();
            return false;
        }
        let queue = self.queue(G::Raw::QUEUE);
        let is_misused = Cell::new(false);
        let notified = Cell::new(true);
        let first = Cell::new(false);
        let validate = || {
            // An exchange, because at the same time another thread may join the other queue, under
            // the lock of that one.
            // ORDERING: Relaxed, both; C1 says what orders them.
            let others = self.lock.compare_exchange(0, lock, Relaxed, Relaxed);
            first.set(others.is_ok());
            is_misused.set(others.is_err_and(|others| others != lock));
            !is_misused.get()
        };
        let before_sleep = || {
            // SAFETY: the guard holds the lock; we acquire it again below, whatever happens.
            unsafe { guard.unlock() };
            // At most one waiter stays awake: all others found the word set when they came.
            first.get()
        };
        let timed_out = |key, last| {
            if key != queue {
                // A notifier chose this thread and requeued it (C3).
                guard.raw_lock().requeued_timed_out(key);
                return;
            }
            notified.set(false);
            if last {
                // ORDERING: Relaxed; written under the queue's lock (C1).
                self.lock.store(0, Relaxed);
            }
        };
        let lock_again = guard.raw_lock();
        let look = Look {
            key: lock,
            first: None,
            expects: || lock_again.expects_requeued(),
            look: |_| lock_again.look_requeued(),
        };
        // SAFETY: the key is inside our word, and we are borrowed.
        let result = unsafe {
            parking::park_looking(
                queue,
                guard.raw_lock().park_token(),
                deadline,
                validate,
                before_sleep,
                timed_out,
                Some(look),
            )
        };
        if is_misused.get() {
            return match self.forgets_inherited_waiters() {
                true => self.wait(guard, deadline),
                false => used_with_two_locks(),
            };
        }
        match result {
            ParkResult::Unparked(token) if guard.raw_lock().took(token) => {}
            _ => {
                awake::let_holder_leave(|| guard.raw_lock().is_held());
                guard.relock();
            }
        }
        notified.get()
    }

    #[inline]
    fn queue(&self, which: KeyOffset) -> usize {
        which.of((&raw const *self).addr())
    }

    only_in_models! {
        pub(crate) fn assert_at_rest(&mut self) {
            assert_eq!(crate::sys::at_rest!(self.lock), 0, "at rest");
        }
    }
}

impl Requeue for RawMutex {
    fn queue_key(&self) -> usize {
        self.key()
    }

    fn park_token(&self) -> ParkToken {
        ParkToken::Requeued(self.key())
    }

    fn took(&self, token: UnparkToken) -> bool {
        self.lock_after(token)
    }

    fn is_held(&self) -> bool {
        self.is_locked()
    }

    fn requeued_timed_out(&self, key: usize) {
        if key == self.key() {
            waiters::remove(key);
        }
    }

    fn expects_requeued(&self) -> bool {
        RawMutex::expects_requeued(self)
    }

    fn look_requeued(&self) {
        RawMutex::look_requeued(self);
    }
}

impl Requeue for RawRwLock {
    const QUEUE: KeyOffset = OtherLock;

    fn queue_key(&self) -> usize {
        self.key()
    }

    fn is_held(&self) -> bool {
        self.is_locked_exclusive()
    }
}
