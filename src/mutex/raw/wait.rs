//! A waiter's part of the mutex: it spins, parks, is woken, and looks. And that of a waiter that a
//! condition variable has requeued. The invariants are those of [`raw`](super).

use super::{LOCKED, RESERVED_FOR_YOU, RawMutex, TRY_WAKER, UNLOCKED, is_free};
use crate::parking::ParkResult;
use crate::policy::Starvation;
use crate::policy::spin::{QUIET, Spin};
use crate::sys::Ordering::{Acquire, Relaxed};
use crate::sys::deadline::Deadline;
use crate::sys::fence;
use crate::tokens::{ParkToken, UnparkToken};
use crate::waiters;
use std::ptr;

impl RawMutex {
    #[cold]
    pub(super) fn lock_contended(&self, deadline: Deadline) -> bool {
        if deadline.is_past() {
            return false;
        }
        let key = self.key();
        let mut spin = Spin::hot(QUIET);
        let mut starvation = Starvation::new();
        let mut is_waker = false;
        // Whether this thread was woken, and did not acquire the mutex.
        let mut in_vain = false;
        loop {
            // (A load first: an exchange would take the cache line from the holder for nothing.)
            // ORDERING: Relaxed; `try_take` orders what follows.
            if (spin.is_rested() || is_free(self.state.load(Relaxed))) && self.try_take() {
                if is_waker {
                    waiters::acquired(key);
                }
                spin.got_it();
                return true;
            }
            if spin.again() {
                continue;
            }
            if starvation.is_reached() && in_vain {
                waiters::record_starved(key);
            }
            let was_waker = is_waker;
            let result = self.park(was_waker, deadline);
            is_waker = result == ParkResult::Unparked(TRY_WAKER);
            match result {
                ParkResult::Unparked(RESERVED_FOR_YOU) if self.receive() => return true,
                ParkResult::TimedOut if deadline.passed() => return self.last_try(was_waker),
                ParkResult::Unparked(_) => in_vain = true,
                ParkResult::TimedOut | ParkResult::Invalid => {}
            }
            if is_waker {
                spin = Spin::woken();
            }
        }
    }

    /// Tries once more when the time is up.
    fn last_try(&self, was_waker: bool) -> bool {
        if was_waker {
            // ORDERING: the fence orders the end of the designation before the exchange in
            // `try_take`. It pairs with the unlocker's light side: an unlocker that still saw the
            // designation, and left the other waiters to this thread, released the mutex before it
            // looked. So this thread sees that release (M4). If the system refuses the fence, one
            // of the other waiters watches, and finds what this thread has missed.
            fence::heavy();
        }
        self.try_take()
    }

    /// Acquires the mutex that was reserved for the calling thread, or whichever reservation is in
    /// its place by now (M5). False if another thread has acquired the mutex after the lease.
    fn receive(&self) -> bool {
        // An exchange reads the newest value, so this does not rely on what a wake-up orders.
        // ORDERING: Acquire; as in `try_take`.
        let taken = self
            .state
            .compare_exchange(UNLOCKED, LOCKED, Acquire, Relaxed);
        match taken {
            Ok(_) => true,
            Err(LOCKED) => false,
            Err(state) => self.take_from(state),
        }
    }

    fn park(&self, was_waker: bool, deadline: Deadline) -> ParkResult {
        let (key, token) = (self.key(), ParkToken::Mutex);
        // ORDERING: Relaxed; the queue's lock orders it with handoffs, `heavy` with unlocks (M3).
        let validate = || !is_free(self.state.load(Relaxed));
        // ORDERING: Relaxed; under the queue's lock.
        let is_kept = || self.state.load(Relaxed) != LOCKED;
        let wake = || self.wake_if_free();
        // SAFETY: the key is our address, and we borrow the mutex. A condition variable may requeue
        // its waiters to here, but no thread is moved away.
        unsafe { waiters::park(key, token, was_waker, deadline, validate, is_kept, wake) }
    }

    /// What a parked waiter does when it looks: if the mutex is free, it wakes the first in the
    /// queue, perhaps itself, as an unlocker would.
    fn wake_if_free(&self) {
        // ORDERING: Relaxed; what it misses, the next look sees.
        if is_free(self.state.load(Relaxed)) {
            Self::wake_one(self.key());
        }
    }

    /// Whether requeued waiters may depend on a thread that is on its way, so that one of them must
    /// watch. Called under the queue's lock.
    pub(crate) fn expects_requeued(&self) -> bool {
        // ORDERING: Relaxed; under the queue's lock. (A notifier that holds the mutex reads the
        // `LOCKED` that it wrote itself.)
        self.state.load(Relaxed) != LOCKED || waiters::has_waker_locked(self.key())
    }

    /// What a requeued waiter does when it looks.
    pub(crate) fn look_requeued(&self) {
        waiters::look_requeued(self.key(), || self.wake_if_free());
    }

    /// Counts `threads` that were requeued to the mutex with this key, under its queue's lock,
    /// behind a thread that was woken. That one will acquire the mutex, and see the others counted
    /// when it unlocks. Returns whether they may depend on it, or on another thread that is on its
    /// way: then one of them must watch (M6).
    ///
    /// # Safety
    /// Those threads borrow the mutex, and the queue stays locked until this returns.
    pub(crate) unsafe fn requeued(key: usize, threads: usize) -> bool {
        waiters::add(key, threads);
        let mutex = ptr::with_exposed_provenance::<Self>(key);
        // SAFETY: the caller's promise.
        unsafe { &*mutex }.expects_requeued()
    }

    /// What a requeued thread does first when it is woken with `token`. Returns whether it has
    /// acquired the mutex. (It is no designated waker: see `wake_one`.)
    pub(crate) fn lock_after(&self, token: UnparkToken) -> bool {
        let taken = match token {
            RESERVED_FOR_YOU => self.receive(),
            _ => false,
        };
        if taken {
            self.data.exclusive();
        }
        taken
    }
}
