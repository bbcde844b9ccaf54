//! What a thread does that waits for permits: it spins, sleeps in the queue, is called, and sits on the chair.
//! It does not yield: beside threads that use their time slices to the end, a waiter that yields comes
//! after all of them, and one that was woken before them. (Beside 8 holders of one permit, a request
//! for 8 waited 48 ms with two yields before each sleep, and mostly not at all without.)
//! It leaves a hot semaphore alone for a moment first, as at a mutex ([`spin`](crate::spin)): 8
//! threads with one permit and nothing to do made 1.25 times as many acquisitions.
//! The invariants are those of [`raw`](super).

use super::wake::{CALL, chair, waiting, wants};
use super::{
    CALLED, CLOSED, ONE, PARKED, RESERVED, RawSemaphore, SEATED, has_stalled, is_expected,
    is_reserved, with_lease, without_turn,
};
use crate::deadline::Deadline;
use crate::parking::{self, Look, ParkResult};
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
        if deadline.is_past() {
            return Err(TryAcquireError::TimedOut);
        }
        match self.queue(permits, deadline)? {
            true => Ok(()),
            false => self.take_in_turn(permits, deadline),
        }
    }

    /// Waits until the calling thread has permits (true), or is called (false).
    fn queue(&self, permits: u32, deadline: Deadline) -> Result<bool, TryAcquireError> {
        let mut spin = Spin::hot().with_yields(0);
        loop {
            match self.try_take(permits) {
                Err(TryAcquireError::NoPermits) => {}
                done => {
                    spin.got_it();
                    return done.map(|()| true);
                }
            }
            if spin.again() {
                continue;
            }
            match self.park(permits, deadline) {
                ParkResult::Unparked(CALL) => return Ok(false),
                ParkResult::Unparked(_) => return Err(TryAcquireError::Closed),
                // If we were the first: there are too few permits also for those behind us (invariant 3).
                ParkResult::TimedOut if deadline.passed() => {
                    let taken = self.try_take(permits);
                    return taken.map(|()| true).map_err(in_time);
                }
                ParkResult::TimedOut | ParkResult::Invalid => {}
            }
        }
    }

    /// What the thread that was called does.
    fn take_in_turn(&self, permits: u32, deadline: Deadline) -> Result<(), TryAcquireError> {
        let mut patience = Patience::new();
        let mut spin = Spin::unyielding();
        loop {
            match self.try_take_in_turn(permits) {
                Err(TryAcquireError::NoPermits) => {}
                done => {
                    spin.got_it();
                    return done;
                }
            }
            if spin.again() {
                continue;
            }
            let limit = match patience.left() {
                Some(left) => Deadline::after(left),
                None if self.reserve() => {
                    spin = Spin::unyielding();
                    continue;
                }
                None => Deadline::NEVER,
            };
            match self.sit(permits, deadline.min(limit)) {
                ParkResult::TimedOut if deadline.passed() => {
                    let taken = self.try_take_in_turn(permits);
                    if taken == Err(TryAcquireError::NoPermits) {
                        self.end_turn();
                    }
                    return taken.map_err(in_time);
                }
                ParkResult::Unparked(_) => spin = Spin::unyielding(),
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
            let next = without_turn(state - wanted * ONE);
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

    /// Keeps all permits for the called thread. False if they are kept already.
    fn reserve(&self) -> bool {
        let next = |state| (state & RESERVED == 0).then_some(with_lease(state) | RESERVED);
        // ORDERING: Relaxed, both; it only keeps others from taking what `try_take_in_turn` will take.
        self.state.fetch_update(Relaxed, Relaxed, next).is_ok()
    }

    /// The called thread gives up its turn.
    fn end_turn(&self) {
        let next = |state| Some(without_turn(state));
        // ORDERING: Relaxed, both; nothing is handed on to anybody.
        if let Ok(before) = self.state.fetch_update(Relaxed, Relaxed, next) {
            self.call_next(without_turn(before));
        }
    }

    /// What a thread in the queue does when it looks: if the called thread has not come, its turn
    /// is over.
    fn look(&self) {
        let next = |state| has_stalled(state).then_some(state & !(CALLED | RESERVED));
        // ORDERING: Relaxed, both; as in `end_turn`.
        let state = match self.state.fetch_update(Relaxed, Relaxed, next) {
            Ok(stalled) => stalled & !(CALLED | RESERVED),
            Err(state) => state,
        };
        self.call_next(state);
    }

    /// After a change to this state that may have let another thread be the next. (For a thread on
    /// the chair there are too few permits, as before: invariant 3.)
    fn call_next(&self, state: usize) {
        if state & (PARKED | CALLED) == PARKED && state / ONE > 0 {
            // SAFETY: the semaphore is not gone: we borrow it.
            unsafe { Self::call(self.key()) };
        }
    }

    /// Sleeps in the queue, unless there is no more reason to.
    fn park(&self, permits: u32, deadline: Deadline) -> ParkResult {
        let validate = || {
            let wait = |state| {
                let refused = state & CLOSED != 0;
                let enough = state / ONE >= permits as usize && !is_reserved(state);
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
        let look = Look {
            key,
            first: None,
            // ORDERING: Relaxed; under the queue's lock.
            expects: || is_expected(self.state.load(Relaxed)),
            look: |_| self.look(),
        };
        let (token, look) = (waiting(), Some(look));
        // SAFETY: the key is our address, and we are borrowed.
        unsafe { parking::park_looking(key, token, deadline, validate, || {}, timed_out, look) }
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
        let timed_out = |_, last| {
            if last {
                // ORDERING: Relaxed; under the chair's lock.
                self.state.fetch_and(!SEATED, Relaxed);
            }
        };
        let key = chair(self.key());
        // SAFETY: the key is an address inside us, and we are borrowed.
        unsafe { parking::park(key, wants(permits), deadline, validate, || {}, timed_out) }
    }
}

/// What a timed form says where one that does not wait would have said this.
fn in_time(refused: TryAcquireError) -> TryAcquireError {
    match refused {
        TryAcquireError::NoPermits => TryAcquireError::TimedOut,
        other => other,
    }
}
