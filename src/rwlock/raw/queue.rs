//! Waiting for the reader-writer lock, and letting in those who wait. The states and the invariants are in the
//! parent module.

use super::{
    ALL_ADMITTED, AWAKE, DRAINS, HANDED_OVER, IMPATIENT, ONE_READER, PARKED, READ, READERS,
    RawRwLock, UPGRADABLE, WOKEN, WRITER, is_claimable,
};
use crate::deadline::Deadline;
use crate::parking::{self, BATCH, FilterOp, ParkResult, ParkToken, UnparkToken};
use crate::primitive::Ordering::{Relaxed, Release};
use crate::{spin, turns};
use std::cell::Cell;

impl RawRwLock {
    /// Sets `flag` and clears `mark` if `blocked` still says so. Called under the lock of the flag's queue.
    pub(super) fn set_while(&self, flag: u32, mark: u32, blocked: impl Fn(u32) -> bool) -> bool {
        let set = |state| blocked(state).then_some((state | flag) & !mark);
        // ORDERING: Relaxed, both: the queue's lock orders this against those who clear the flag, and the word
        // itself against those who would unblock us: one exchange or the other comes first.
        self.state.fetch_update(Relaxed, Relaxed, set).is_ok()
    }

    /// Sleeps in the queue, and clears `mark`, unless `blocked` no longer says so.
    pub(super) fn park(
        &self,
        token: ParkToken,
        mark: u32,
        deadline: Deadline,
        blocked: impl Fn(u32) -> bool,
    ) -> ParkResult {
        let timed_out = |_, last| {
            if last {
                // ORDERING: Relaxed; the flag changes only under the queue's lock.
                self.state.fetch_and(!PARKED, Relaxed);
            }
        };
        let validate = || self.set_while(PARKED, mark, blocked);
        // SAFETY: the key is our address, and we borrow the lock.
        unsafe { parking::park(self.key(), token, deadline, validate, || {}, timed_out) }
    }

    /// Takes away `remove`, which the caller owns, puts `add` in its place, and lets in from the queue whom that
    /// lets in: every reader, by counting it in; and if nobody holds `WRITER` or `UPGRADABLE` now, the first
    /// thread that waits for those, by waking it, or if that one is impatient or the release is to be `fair`,
    /// by handing it its bit.
    #[cold]
    pub(super) fn release(&self, remove: u32, add: u32, fair: bool) {
        let key = self.key();
        // ORDERING: Relaxed; the exchanges order.
        let state = self.state.load(Relaxed);
        // Perhaps the thread that is awake has no processor to run on.
        let turn = state & AWAKE != 0 && add == 0 && turns::due_by_sample(key);
        self.release_from(state, remove, add, fair || turn);
        if turn {
            turns::taken(key);
            spin::give_way();
        }
    }

    /// As [`release`](Self::release); the word was `state` a moment ago.
    fn release_from(&self, mut state: u32, mut remove: u32, mut add: u32, fair: bool) {
        while state & PARKED == 0 || (state & AWAKE != 0 && add == 0 && !fair) {
            // ORDERING: Release pairs with the Acquire of whoever enters next.
            match self
                .state
                .compare_exchange_weak(state, state - remove + add, Release, Relaxed)
            {
                Ok(_) => return,
                Err(now) => state = now,
            }
        }
        // Once for every `BATCH` of threads to wake. From the second time on we are inside as one more reader,
        // which keeps the lock alive and the admission of readers right.
        let claimable = Cell::new(is_claimable(add));
        // Patient readers are woken if nobody comes first who claims a bit, or if we stay and they may join us.
        let readers_too = Cell::new(add != 0 || fair);
        loop {
            let picked = Cell::new(0);
            let given = Cell::new(0);
            // Readers that must come in, and patient ones.
            let left_out = Cell::new(false);
            let passed_over = Cell::new(false);
            // A writer is being woken, or handed its bit.
            let claims = Cell::new(false);
            // Another writer has come since, and waits for us. Patient readers would only go back to sleep; its own
            // release will look after them.
            // ORDERING: Relaxed; while anybody is in the queue, `WRITER` is cleared under its lock.
            let overtaken = || remove == ONE_READER && self.state.load(Relaxed) & WRITER != 0;
            let choose = |ParkToken(waiter)| {
                if waiter & !IMPATIENT == READ {
                    let impatient = waiter & IMPATIENT != 0;
                    // One place is for the writer, wherever it is in the queue: later we no longer own its bit.
                    let full = picked.get() == BATCH - 1;
                    if !impatient && (!readers_too.get() || overtaken()) {
                        passed_over.set(true);
                        return FilterOp::Skip;
                    } else if full {
                        left_out.set(true);
                        return FilterOp::Skip;
                    }
                    picked.set(picked.get() + 1);
                    if impatient || fair {
                        given.set(given.get() + ONE_READER);
                    }
                    return FilterOp::Unpark;
                }
                // ORDERING: Relaxed; the mark is set under the queue's lock, and as long as we own `remove`, ended there.
                let awake = self.state.load(Relaxed) & AWAKE != 0;
                let hand_over = fair || waiter & IMPATIENT != 0;
                if (awake && !hand_over) || !claimable.replace(false) {
                    return FilterOp::Skip;
                }
                let bit = (waiter & !IMPATIENT) as u32;
                given.set(given.get() | if hand_over { bit } else { AWAKE });
                // Readers may join an upgradable one.
                claims.set(bit == WRITER);
                FilterOp::Unpark
            };
            let after = Cell::new(0);
            let callback = |_, more| {
                // ORDERING: as in `choose`.
                let awake = self.state.load(Relaxed) & AWAKE != 0;
                // If somebody claims a bit, its release will look after the patient ones.
                if passed_over.get() && !(claims.get() || awake || overtaken()) {
                    left_out.set(true);
                }
                let stay = if left_out.get() { ONE_READER } else { 0 };
                let keep = if more { !0 } else { !PARKED };
                let next = |state| (state - remove + add + given.get() + stay) & keep;
                // ORDERING: Release pairs with the Acquire of whoever is admitted, handed its bit, or enters
                // next; Relaxed, since we look at nothing that others have written.
                let before = self.state.fetch_update(Release, Relaxed, |s| Some(next(s)));
                after.set(next(before.unwrap_or_default()));
                let readers = if fair { ALL_ADMITTED } else { 0 };
                match given.get() & (WRITER | UPGRADABLE | AWAKE) {
                    0 => UnparkToken(readers),
                    // Then the release is not fair, and no patient reader was counted in.
                    AWAKE => UnparkToken(WOKEN),
                    _ => UnparkToken(readers | HANDED_OVER),
                }
            };
            let key = self.key();
            // SAFETY: we own `remove` until the callback takes it away.
            unsafe { parking::unpark_some(key, choose, callback) };
            claimable.set(false);
            readers_too.set(true);
            if !left_out.get() {
                // Now we may have been the last reader. We touch the lock no more.
                let last = remove == ONE_READER && after.get() & READERS == 0;
                if last && after.get() & DRAINS != 0 {
                    Self::wake_drained(key);
                }
                return;
            }
            remove = ONE_READER;
            add = 0;
        }
    }
}
