//! What a thread does that waits for permits: it spins, sleeps in the queue, is called, and sits on the chair.
//! The invariants are those of [`raw`](super).

use super::wake::{CALL, chair, wants};
use super::{CALLED, CLOSED, ONE, PARKED, RESERVED, RawSemaphore, SEATED};
use crate::deadline::Deadline;
use crate::parking::{self, ParkResult};
use crate::primitive::Ordering::{Acquire, Relaxed};
use crate::primitive::Patience;
use crate::semaphore::TryAcquireError;
use crate::spin::Spin;

impl RawSemaphore {
    #[cold]
    pub(super) fn take_contended(
        &self,
        permits: u32,
        deadline: Deadline,
    ) -> Result<(), TryAcquireError> {
        let mut spin = Spin::new();
        loop {
            match self.try_take(permits) {
                Err(TryAcquireError::NoPermits) => {}
                done => return done,
            }
            if spin.again() {
                continue;
            }
            match self.park(permits, deadline) {
                ParkResult::Unparked(CALL) => return self.take_in_turn(permits, deadline),
                ParkResult::Unparked(_) => return Err(TryAcquireError::Closed),
                // If we were the first: there are too few permits also for those behind us (invariant 3).
                ParkResult::TimedOut => return Err(TryAcquireError::TimedOut),
                ParkResult::Invalid => {}
            }
        }
    }

    /// What the thread that was called does.
    fn take_in_turn(&self, permits: u32, deadline: Deadline) -> Result<(), TryAcquireError> {
        let mut patience = Patience::new();
        let mut reserved = false;
        let mut spin = Spin::new();
        loop {
            match self.try_take_in_turn(permits) {
                Err(TryAcquireError::NoPermits) => {}
                done => return done,
            }
            if spin.again() {
                continue;
            }
            let limit = match patience.left() {
                Some(left) => Deadline::after(left),
                None if !reserved => {
                    // ORDERING: Relaxed; it only keeps others from taking what `try_take_in_turn` will take.
                    self.state.fetch_or(RESERVED, Relaxed);
                    reserved = true;
                    spin = Spin::new();
                    continue;
                }
                None => Deadline::NEVER,
            };
            match self.sit(permits, deadline.min(limit)) {
                ParkResult::TimedOut if deadline.passed() => {
                    self.call_next(self.end_turn());
                    return Err(TryAcquireError::TimedOut);
                }
                ParkResult::Unparked(_) => spin = Spin::new(),
                ParkResult::TimedOut | ParkResult::Invalid => {}
            }
        }
    }

    fn try_take_in_turn(&self, permits: u32) -> Result<(), TryAcquireError> {
        let wanted = permits as usize;
        // ORDERING: Relaxed; the exchange orders.
        let mut state = self.state.load(Relaxed);
        loop {
            if state & CLOSED != 0 {
                self.end_turn();
                return Err(TryAcquireError::Closed);
            }
            if state / ONE < wanted {
                return Err(TryAcquireError::NoPermits);
            }
            let next = (state - wanted * ONE) & !(CALLED | RESERVED);
            // ORDERING: Acquire pairs with the Release of whoever gave these permits back.
            match self
                .state
                .compare_exchange_weak(state, next, Acquire, Relaxed)
            {
                Ok(_) => {
                    self.call_next(next);
                    return Ok(());
                }
                Err(now) => state = now,
            }
        }
    }

    /// The called thread gives up its turn. Returns the state in which it was until now.
    fn end_turn(&self) -> usize {
        // ORDERING: Relaxed; nothing is handed on to anybody.
        self.state.fetch_and(!(CALLED | RESERVED), Relaxed)
    }

    /// After a change to this state that may have let somebody else be the next.
    fn call_next(&self, state: usize) {
        if state & PARKED != 0 && state / ONE > 0 {
            // SAFETY: the semaphore is not gone: we borrow it.
            unsafe { Self::call(self.key()) };
        }
    }

    /// Sleeps in the queue, unless there is no more reason to.
    fn park(&self, permits: u32, deadline: Deadline) -> ParkResult {
        let validate = || {
            let wait = |state| {
                let refused = state & CLOSED != 0;
                let enough = state & RESERVED == 0 && state / ONE >= permits as usize;
                (!refused && !enough).then_some(state | PARKED)
            };
            // ORDERING: Relaxed, both; the word itself orders this against those who change it, and the queue's lock
            // those whom it makes come here.
            self.state.fetch_update(Relaxed, Relaxed, wait).is_ok()
        };
        let timed_out = |_, last| {
            // Or else we were the last of those that `close` has moved to a queue of its own: then it is clear already.
            if last {
                // ORDERING: Relaxed; under the queue's lock.
                self.state.fetch_and(!PARKED, Relaxed);
            }
        };
        let key = self.key();
        // SAFETY: the key is our address, and we are borrowed.
        unsafe { parking::park(key, wants(permits), deadline, validate, || {}, timed_out) }
    }

    /// Sleeps on the chair, unless there is no more reason to. Only for the called thread.
    fn sit(&self, permits: u32, deadline: Deadline) -> ParkResult {
        let validate = || {
            let wait = |state| {
                let too_few = state / ONE < permits as usize;
                (state & CLOSED == 0 && too_few).then_some(state | SEATED)
            };
            // ORDERING: Relaxed, both; as in `park`.
            self.state.fetch_update(Relaxed, Relaxed, wait).is_ok()
        };
        let timed_out = |_, _| {
            // ORDERING: Relaxed; under the chair's lock.
            self.state.fetch_and(!SEATED, Relaxed);
        };
        let key = chair(self.key());
        // SAFETY: the key is an address inside us, and we are borrowed.
        unsafe { parking::park(key, wants(permits), deadline, validate, || {}, timed_out) }
    }
}
