//! A waiter's part of the semaphore: it spins, sleeps in the queue, is called, and is the front
//! waiter. The invariants are those of [`raw`](super).
//!
//! A waiter first leaves a hot semaphore alone for a moment, as a hot mutex
//! ([`spin`](crate::policy::spin)), but more briefly: another thread may be about to bring a permit
//! as a signal. (With a mutex's 10 µs, a turn to and fro through two semaphores takes 11 µs, as
//! long as if both slept. With 1 µs a turn takes 1.4 µs, and two threads that share one permit and
//! have empty critical sections are as fast as with 10 µs. With no such moment a turn takes
//! 0.25 µs, but half of the time those two threads are three times as slow.) Then it [stays
//! awake](crate::policy::awake).
//!
//! The front waiter does not yield. Beside threads that use up their time slices, a waiter that
//! yields runs after all of them, and a woken one before them. (Beside 8 threads that hold one
//! permit each, a request for 8 permits waited 48 ms if it yielded twice before each sleep. Without
//! yields it mostly did not have to wait.)

use super::{
    ASLEEP, CLOSED, FRONT, ONE, PARKED, RESERVED, RawSemaphore, has_stalled, is_expected,
    is_reserved, without_turn,
};
use crate::parking::{self, Look, NO_LOOK, ParkResult};
use crate::policy::awake::stay_awake;
use crate::policy::spin::{QUIET_FOR_PERMITS, Spin};
use crate::raw::TryAcquireError;
use crate::sys::Ordering::{Acquire, Relaxed};
use crate::sys::deadline::Deadline;
use crate::tokens::{ParkToken, UnparkToken};

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
        let spin = Spin::hot(QUIET_FOR_PERMITS);
        loop {
            let mut taken = Err(TryAcquireError::NoPermits);
            let mut attempt = || {
                taken = self.try_take(permits);
                taken != Err(TryAcquireError::NoPermits)
            };
            if attempt() || stay_awake(self.key(), attempt) {
                spin.got_it();
                return taken.map(|()| true);
            }
            match self.park(permits, deadline) {
                ParkResult::Unparked(UnparkToken::Called) => return Ok(false),
                ParkResult::Unparked(_) => return Err(TryAcquireError::Closed),
                // It need not call the next: if there is no front waiter, there are too few permits
                // for each thread in the queue (S3).
                ParkResult::TimedOut if deadline.passed() => {
                    let taken = self.try_take(permits);
                    return taken.map(|()| true).map_err(in_time);
                }
                ParkResult::TimedOut | ParkResult::Invalid => {}
            }
        }
    }

    /// What the front waiter does.
    fn take_in_turn(&self, permits: u32, deadline: Deadline) -> Result<(), TryAcquireError> {
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
            match self.park_in_front(permits, deadline) {
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
            // ORDERING: Acquire; pairs with the Release in `bring` of these permits.
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

    /// The front waiter gives up its turn.
    fn end_turn(&self) {
        let next = |state| Some(without_turn(state));
        // ORDERING: Relaxed, both; nothing is passed on to another thread.
        if let Ok(before) = self.state.fetch_update(Relaxed, Relaxed, next) {
            self.call_next(without_turn(before));
        }
    }

    /// What a thread in the queue does when it looks: it ends the turn of a front waiter that has
    /// stalled, and calls the next waiter, if there is no front waiter.
    fn look(&self) {
        let next = |state| has_stalled(state).then_some(state & !(FRONT | RESERVED));
        // ORDERING: Relaxed, both; see `end_turn`.
        let state = match self.state.fetch_update(Relaxed, Relaxed, next) {
            Ok(stalled) => stalled & !(FRONT | RESERVED),
            Err(state) => state,
        };
        self.call_next(state);
    }

    /// Calls the next waiter, if `state` has a permit and no front waiter. (It wakes no thread of
    /// the front queue: there are no more permits than before, so too few for each of them, S3.)
    fn call_next(&self, state: usize) {
        if state & (PARKED | FRONT) == PARKED && state / ONE > 0 {
            // SAFETY: the semaphore is not gone: we borrow it.
            unsafe { Self::call(self.key()) };
        }
    }

    /// Sleeps in the queue, unless there are enough permits by now, or the semaphore is closed.
    fn park(&self, permits: u32, deadline: Deadline) -> ParkResult {
        let validate = || {
            let wait = |state| {
                let refused = state & CLOSED != 0;
                let enough = state / ONE >= permits as usize && !is_reserved(state);
                (!refused && !enough).then_some(state | PARKED)
            };
            // ORDERING: Relaxed, both; all changes of the word are in one order, so a thread that
            // changes it later sees `PARKED`, and this sees the change of an earlier one. The
            // queue's lock orders it against threads that wake others there (S1).
            self.state.fetch_update(Relaxed, Relaxed, wait).is_ok()
        };
        let timed_out = |_, last| {
            // If others stay, so does the flag. (If `close` has moved the waiters to a queue of its
            // own, it has cleared the flag already, and to clear it again changes nothing.)
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
        let (token, look) = (ParkToken::Semaphore, Some(look));
        // SAFETY: the key is our address, and we are borrowed.
        unsafe { parking::park_looking(key, token, deadline, validate, || false, timed_out, look) }
    }

    /// Sleeps in the front queue, unless there are enough permits by now, or the semaphore is
    /// closed. Only for a called thread (S2).
    fn park_in_front(&self, permits: u32, deadline: Deadline) -> ParkResult {
        let validate = || {
            let wait = |state| {
                let too_few = state / ONE < permits as usize;
                (state & CLOSED == 0 && too_few).then_some(state | ASLEEP)
            };
            // ORDERING: Relaxed, both; see `park`.
            self.state.fetch_update(Relaxed, Relaxed, wait).is_ok()
        };
        let timed_out = |_, last| {
            if last {
                // ORDERING: Relaxed; under the front queue's lock.
                self.state.fetch_and(!ASLEEP, Relaxed);
            }
        };
        let (key, token) = (self.front_key(), ParkToken::Front(permits));
        // SAFETY: the key is an address inside us, and we are borrowed.
        unsafe {
            parking::park_looking(key, token, deadline, validate, || false, timed_out, NO_LOOK)
        }
    }
}

/// The error of a call whose time is up, for that of its last try.
fn in_time(refused: TryAcquireError) -> TryAcquireError {
    match refused {
        TryAcquireError::NoPermits => TryAcquireError::TimedOut,
        other => other,
    }
}
