//! Waiting for the reader-writer lock, and letting in waiters. The states and the invariants are in the
//! parent module.

use super::nap::Nap;
use super::{
    ALL_ADMITTED, AWAKE, DRAINS, IMPATIENT, KEPT, MAX_TICKETS, ONE_READER, ONE_TICKET, PARKED,
    READ, RESERVED, RawRwLock, WOKEN, WRITER, is_claimable, is_read, is_tagged, tickets,
};
use crate::deadline::Deadline;
use crate::parking::{self, BATCH, FilterOp, ParkResult, ParkToken, UnparkToken};
use crate::primitive::Ordering::{Relaxed, Release};
use crate::{spin, turns};
use std::cell::Cell;

impl RawRwLock {
    /// Sets `flag` and clears `mark` if `blocked` still says so. Called under the lock of the flag's queue.
    pub(super) fn set_while(
        &self,
        flag: usize,
        mark: usize,
        blocked: impl Fn(usize) -> bool,
    ) -> bool {
        let set = |state| blocked(state).then_some((state | flag) & !mark);
        // ORDERING: Relaxed, both: the queue's lock orders this against the threads that clear the flag, and the word
        // itself against those that would unblock us: one exchange or the other comes first.
        self.state.fetch_update(Relaxed, Relaxed, set).is_ok()
    }

    /// Sleeps in the queue until `limit`, and clears `mark`, unless `blocked` no longer says so. It times out before that if
    /// a thread was woken for what this one waits for, and has not come for a nap (RW9).
    pub(super) fn park(
        &self,
        token: ParkToken,
        mark: usize,
        limit: Deadline,
        blocked: impl Fn(usize) -> bool,
    ) -> ParkResult {
        let timed_out = |_, last| {
            if last {
                // ORDERING: Relaxed; the flag changes only under the queue's lock.
                self.state.fetch_and(!PARKED, Relaxed);
            }
        };
        let validate = || self.set_while(PARKED, mark, &blocked);
        let mut before = false;
        let is_left = || {
            // ORDERING: Relaxed; a look that the exchanges repeat.
            let state = self.state.load(Relaxed);
            let now = state & RESERVED != 0 || !blocked(state);
            std::mem::replace(&mut before, now) && now
        };
        let (key, nap) = (self.key(), Nap::new());
        let length = nap.length();
        // SAFETY: the key is our address, and we borrow the lock.
        unsafe { parking::park_napping(key, token, limit, length, is_left, validate, timed_out) }
    }

    /// The designated waker is about to wait for slots: it gives its mark to the next writer or upgradable reader
    /// in the queue, or to none. (There are no readers in the queue of a biased lock.)
    pub(super) fn resign(&self) {
        let choose = |ParkToken(waiter)| match waiter & !IMPATIENT {
            READ => FilterOp::Skip,
            _ => FilterOp::Unpark,
        };
        let first = Cell::new(true);
        let choose = |token| match first.get() {
            true => {
                let op = choose(token);
                first.set(op != FilterOp::Unpark);
                op
            }
            false => FilterOp::Stop,
        };
        let callback = |woken, more| {
            let next = |state| {
                let mark = if woken == 0 { 0 } else { AWAKE };
                let parked = if more { state & PARKED } else { 0 };
                Some(state & !(AWAKE | PARKED) | mark | parked)
            };
            // ORDERING: Relaxed, both; the mark orders nothing.
            let _ = self.state.fetch_update(Relaxed, Relaxed, next);
            UnparkToken(WOKEN)
        };
        // SAFETY: we borrow the lock.
        unsafe { parking::unpark_some(self.key(), choose, callback) };
    }

    /// Takes away `remove`, which the caller owns, puts `add` in its place, and lets in from the queue the waiters that
    /// may enter now: readers, by waking them, with tickets if they are impatient or the release is to be `fair`; and if
    /// neither `WRITER` nor `UPGRADABLE` is left, the first thread that waits for those, by waking it, or if it is
    /// impatient or the release is to be `fair`, by reserving its bit for it.
    #[cold]
    pub(super) fn release(&self, remove: usize, add: usize, fair: bool) {
        let key = self.key();
        // ORDERING: Relaxed; the exchanges order.
        let state = self.state.load(Relaxed);
        // Perhaps the designated waker has no processor to run on.
        let turn = state & AWAKE != 0 && add == 0 && turns::due_by_sample(key);
        self.release_from(state, remove, add, fair || turn);
        if turn {
            turns::taken(key);
            spin::give_way();
        }
    }

    /// As [`release`](Self::release); the word was `state` a moment ago.
    fn release_from(&self, mut state: usize, mut remove: usize, mut add: usize, fair: bool) {
        while state & PARKED == 0 || (state & AWAKE != 0 && add == 0 && !fair) {
            // ORDERING: Release pairs with the Acquire of the thread that enters next.
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
        // Patient readers are woken if no thread comes first that claims a bit, or if we stay and they may join us.
        let readers_too = Cell::new(add != 0 || fair);
        loop {
            let picked = Cell::new(0);
            let given = Cell::new(0);
            // Readers that must come in, and patient ones.
            let left_out = Cell::new(false);
            let passed_over = Cell::new(false);
            // A writer is being woken, or a bit is reserved for it.
            let claims = Cell::new(false);
            // Another writer has come since, and waits for us. Patient readers would only go back to sleep; its own
            // release will look after them.
            // ORDERING: Relaxed; while a thread is in the queue, `WRITER` is cleared under its lock.
            let overtaken = || remove == ONE_READER && self.state.load(Relaxed) & WRITER != 0;
            // A biased lock has no tickets: its readers are not waited for, for no writer is near. The lock does not become
            // biased while a thread is in the queue.
            let has_ticket = || {
                // ORDERING: Relaxed; tickets are given out under the queue's lock only.
                let state = self.state.load(Relaxed);
                let all = tickets(state) + given.get() / ONE_TICKET;
                !is_tagged(state) && all < MAX_TICKETS
            };
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
                    if (impatient || fair) && has_ticket() {
                        given.set(given.get() + ONE_TICKET);
                    }
                    return FilterOp::Unpark;
                }
                // ORDERING: Relaxed; the mark is set under the queue's lock, and as long as we own `remove`, ended there.
                let awake = self.state.load(Relaxed) & AWAKE != 0;
                let reserve = fair || waiter & IMPATIENT != 0;
                if (awake && !reserve) || !claimable.replace(false) {
                    return FilterOp::Skip;
                }
                let bit = waiter & !IMPATIENT;
                // The bias is over before `WRITER` is set, so a writer that comes into a biased lock ends it itself.
                // ORDERING: Relaxed; the lock becomes biased by no other thread while one is in the queue.
                let biased = bit == WRITER && is_tagged(self.state.load(Relaxed));
                let keeps = reserve && !biased;
                given.set(given.get() | if keeps { bit | RESERVED } else { AWAKE });
                // Readers may join an upgradable one.
                claims.set(bit == WRITER);
                FilterOp::Unpark
            };
            let after = Cell::new(0);
            let callback = |_, more| {
                // ORDERING: as in `choose`.
                let awake = self.state.load(Relaxed) & AWAKE != 0;
                // If a thread claims a bit, its release will look after the patient ones.
                if passed_over.get() && !(claims.get() || awake || overtaken()) {
                    left_out.set(true);
                }
                let stay = if left_out.get() { ONE_READER } else { 0 };
                let keep = if more { !0 } else { !PARKED };
                let mark = given.get() & AWAKE;
                let next =
                    |state| ((state - remove + add + (given.get() - mark) + stay) | mark) & keep;
                // ORDERING: Release pairs with the Acquire of each thread that enters by what it is given, or
                // next; Relaxed, since we look at nothing that others have written.
                let before = self.state.fetch_update(Release, Relaxed, |s| Some(next(s)));
                after.set(next(before.unwrap_or_default()));
                let readers = if fair { ALL_ADMITTED } else { 0 };
                match given.get() & (RESERVED | AWAKE) {
                    0 => UnparkToken(readers),
                    AWAKE => UnparkToken(readers | WOKEN),
                    _ => UnparkToken(readers | KEPT),
                }
            };
            let key = self.key();
            // SAFETY: we own `remove` until the callback takes it away.
            unsafe { parking::unpark_some(key, choose, callback) };
            claimable.set(false);
            readers_too.set(true);
            if !left_out.get() {
                // Now we may have been the last reader. We touch the lock no more.
                let last = remove == ONE_READER && !is_read(after.get());
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
