//! How a thread waits at its side of a ring: awake for a while, then as the side's sleeper, or
//! behind it. The invariants are those of [`ring`](super).

use super::{Amount, Port, Side, WAITING};
use crate::policy::spin;
use crate::sys::Ordering::{Acquire, Relaxed};
use crate::sys::deadline::Deadline;
use crate::sys::fence;
use crate::sys::ipc::{Heard, Stop, awake, kernel};
use std::ptr;

impl Port<'_> {
    /// How many bytes this side may pass, or seems to: an attempt makes sure.
    fn ready(&self) -> u64 {
        // ORDERING: Relaxed, both; an attempt makes sure.
        let (own, other) = (
            self.own.place.0.load(Relaxed),
            self.other.place.0.load(Relaxed),
        );
        self.between(own, other)
    }

    /// Attempts it while it is worth while to spin.
    fn attempt_awake(
        &self,
        amount: Amount,
        deadline: Deadline,
        copy: &mut impl FnMut(u64, u64, u64),
    ) -> Result<Option<u64>, Stop> {
        let address = ptr::from_ref(self.own).addr();
        while awake::wait(address, || self.ready(), amount.least, deadline) {
            let passed = self.attempt(amount, deadline, copy)?;
            if passed.is_some() {
                return Ok(passed);
            }
            // Another thread was faster.
        }
        Ok(None)
    }

    #[cold]
    pub(super) fn wait(
        &self,
        amount: Amount,
        deadline: Deadline,
        copy: &mut impl FnMut(u64, u64, u64),
    ) -> Result<u64, Stop> {
        let Side { sleeper, news, .. } = self.own;
        loop {
            // ORDERING: Acquire pairs with the sleeper's addition: the room that it saw is seen.
            let seen = news.load(Acquire);
            if let Some(count) = self.attempt_awake(amount, deadline, copy)? {
                return Ok(count);
            }
            let until = awake::behind(deadline);
            if sleeper.lock_unless(self.me, until, (news, seen)).is_some() {
                break;
            }
            if deadline.passed() {
                return Err(Stop::TimedOut);
            }
            // The sleeper hears it, too, but may be stopped.
            if until.passed() && self.bells.is_alone()? {
                let last = self.attempt(amount, deadline, copy)?;
                return last.ok_or(Stop::Alone);
            }
        }
        let passed = self.wait_asleep(amount, deadline, copy);
        // ORDERING: Relaxed; if a thread misses it, it rings needlessly.
        self.own.calls.0.fetch_and(!WAITING, Relaxed);
        sleeper.unlock(self.me);
        passed
    }

    /// Waits as its side's sleeper.
    fn wait_asleep(
        &self,
        amount: Amount,
        deadline: Deadline,
        copy: &mut impl FnMut(u64, u64, u64),
    ) -> Result<u64, Stop> {
        loop {
            let heard = self.sleep(amount.least, deadline)?;
            if self.ready() < amount.least {
                // The thread that rang has not stored its place yet, maybe for lack of a processor.
                spin::give_way();
            }
            if let Some(count) = self.attempt_awake(amount, deadline, copy)? {
                return Ok(count);
            }
            match heard {
                Heard::Bell => {}
                Heard::HungUp => return Err(Stop::Alone),
                Heard::Deadline => return Err(Stop::TimedOut),
            }
        }
    }

    /// Sleeps until there may be something to pass.
    fn sleep(&self, least: u64, deadline: Deadline) -> Result<Heard, Stop> {
        let (calls, turn) = (&self.own.calls.0, &self.other.turn.0.mutex);
        loop {
            // ORDERING: Relaxed; the fence orders it before the look at the turn (R2).
            calls.fetch_or(WAITING, Relaxed);
            fence::after_exchange();
            if turn.is_held() {
                turn.lock(self.me, deadline).ok_or(Stop::TimedOut)?;
                turn.unlock(self.me);
            }
            let ready = self.ready();
            if ready >= least {
                return Ok(Heard::Bell);
            }
            // ORDERING: Relaxed; a thread that cleared it has ended its turn, which was waited for.
            if calls.load(Relaxed) & WAITING != 0 {
                if ready > 0 {
                    kernel::add_one_and_wake(&self.own.news, usize::MAX);
                }
                return self.bells.wait(deadline);
            }
        }
    }
}
