//! How a writer waits for the readers inside to leave: first those that have published themselves, then, when
//! it owns `WRITER`, those that are counted. The states and the invariants are in the parent module.

use super::nap::Nap;
use super::{
    ASYMMETRIC, BIASED, DRAINS, KEPT, ONE_TICKET, RESERVED, REVOKING, RawRwLock, Rights, WRITER,
    assert_own, drain_key, entry, is_read, revocation_key, revocation_token, tag, tickets,
};
use crate::deadline::Deadline;
use crate::fence;
use crate::parking::{self, BATCH, FilterOp, ParkResult, ParkToken, UnparkToken};
use crate::primitive::Ordering::{Acquire, Relaxed};
use crate::rwlock::bias::{self, Slot};
use crate::spin::Spin;
use crate::waiters;
use std::cell::Cell;
use std::ptr;

impl RawRwLock {
    /// Ends the bias, and waits until each slot is without this lock and period. Without a deadline it only looks. False if
    /// a reader is still there. If true, `rights` has the tag, with which the caller may set `WRITER`.
    ///
    /// The caller owns nothing that it could leave behind: this panics if the lock is in use by another copy of the crate.
    pub(super) fn revoke(&self, deadline: Option<Deadline>, rights: &mut Rights) -> bool {
        bias::restart();
        let end = |state| (state & BIASED != 0).then_some(state & !BIASED | REVOKING);
        // ORDERING: Relaxed; looked at again.
        let mut state = self.state.load(Relaxed);
        loop {
            assert_own(state);
            let Some(next) = end(state) else { break };
            // ORDERING: Relaxed, both; the fence orders it before our look at the slots (RW7).
            match self
                .state
                .compare_exchange_weak(state, next, Relaxed, Relaxed)
            {
                Ok(_) => state = next,
                Err(now) => state = now,
            }
        }
        if state & REVOKING == 0 {
            return true;
        }
        Self::fence_for(state);
        rights.revoked = tag(state);
        let entry = entry(self.key(), state);
        match deadline {
            None => !self.is_published(state),
            Some(deadline) => {
                bias::slots().all(|slot| self.wait_for_slot(slot, entry, deadline, rights))
            }
        }
    }

    /// The fence between seeing `REVOKING`, in `state`, and looking at the slots.
    pub(super) fn fence_for(state: usize) {
        if state & ASYMMETRIC != 0 {
            // What the system granted when the lock became asymmetric, it may refuse now.
            fence::heavy_or_wait();
        } else {
            fence::full();
        }
    }

    /// Whether a thread has published that it reads this lock, in the period of `state`.
    pub(super) fn is_published(&self, state: usize) -> bool {
        let entry = entry(self.key(), state);
        bias::slots().any(|slot| slot.holds(entry))
    }

    fn wait_for_slot(
        &self,
        slot: &Slot,
        entry: usize,
        deadline: Deadline,
        rights: &mut Rights,
    ) -> bool {
        let mut spin = Spin::new();
        let mut nap = waiters::Nap::new();
        while slot.holds(entry) {
            if spin.again() {
                continue;
            }
            let (queue, token) = (revocation_key(self.key()), revocation_token());
            let validate = || slot.holds(entry);
            // SAFETY: the key is inside our word, and we borrow the lock.
            let result = unsafe { waiters::park(queue, token, deadline, &mut nap, validate) };
            match result {
                ParkResult::Unparked(UnparkToken(given)) if given & KEPT != 0 => {
                    // ORDERING: Acquire, as where a thread is woken in the queue.
                    self.state.fetch_or(0, Acquire);
                    rights.takes_reserved = true;
                }
                ParkResult::TimedOut if deadline.passed() => return !slot.holds(entry),
                _ => {}
            }
        }
        true
    }

    /// Waits until the counted readers have left, and those with tickets have come and left. The caller owns `WRITER`.
    pub(super) fn drain(&self, drainer: Drainer, deadline: Deadline) -> Drain {
        let mut spin = Spin::new();
        while !self.is_drained() {
            if spin.again() {
                continue;
            }
            match self.park_in_drain(drainer, deadline) {
                ParkResult::Unparked(UnparkToken(KEPT)) if !self.confirm() => return Drain::Lost,
                ParkResult::TimedOut if deadline.passed() => {
                    return match self.is_drained() {
                        true => Drain::Done,
                        false => Drain::TimedOut,
                    };
                }
                ParkResult::TimedOut => self.revoke_tickets(),
                _ => {}
            }
        }
        Drain::Done
    }

    fn is_drained(&self) -> bool {
        // ORDERING: Acquire pairs with the Release of every reader that has left.
        !is_read(self.state.load(Acquire))
    }

    fn park_in_drain(&self, drainer: Drainer, deadline: Deadline) -> ParkResult {
        let validate = || self.set_while(DRAINS, 0, is_read);
        let timed_out = |_, _| {
            // ORDERING: Relaxed; the queue's lock orders it against the last reader's change of the bit.
            self.state.fetch_and(!DRAINS, Relaxed);
        };
        // ORDERING: Relaxed; a look that the exchange repeats.
        let is_left = || tickets(self.state.load(Relaxed)) != 0;
        let (queue, token) = (drain_key(self.key()), drainer.token());
        let nap = Nap::new();
        let length = nap.length();
        // SAFETY: the key is inside our word, and we borrow the lock.
        unsafe {
            parking::park_napping(queue, token, deadline, length, is_left, validate, timed_out)
        }
    }

    /// The caller was woken in the drain by the last reader. Whether `WRITER` was still reserved for it, and is its own now.
    fn confirm(&self) -> bool {
        const BOTH: usize = WRITER | RESERVED;
        // ORDERING: Acquire pairs with the Release of the readers that have left. A read-modify-write reads the newest
        // value, so this does not rely on what a wake-up orders.
        self.state.fetch_or(0, Acquire);
        let confirm = |state| (state & BOTH == BOTH).then(|| state - RESERVED);
        // ORDERING: as above.
        self.state.fetch_update(Acquire, Relaxed, confirm).is_ok()
    }

    /// Readers that were woken have not come during a nap (RW8, RW9). The caller owns `WRITER`.
    fn revoke_tickets(&self) {
        let revoke = |state| match tickets(state) {
            0 => None,
            all => Some(state - all * ONE_TICKET),
        };
        // ORDERING: Relaxed, both; no reader came or left by this.
        let _ = self.state.fetch_update(Relaxed, Relaxed, revoke);
    }

    /// Wakes the writers that wait for readers of the lock with this key to leave their slots, with `token`. The lock may
    /// be gone. Returns how many there were.
    #[cold]
    pub(super) fn wake_revokers(key: usize, token: usize) -> usize {
        let queue = revocation_key(key);
        let mut all = 0;
        loop {
            let picked = Cell::new(0);
            let choose = |waiter| {
                if waiter != revocation_token() || picked.get() == BATCH {
                    return FilterOp::Skip;
                }
                picked.set(picked.get() + 1);
                FilterOp::Unpark
            };
            let callback = |threads, _| {
                for _ in 0..threads {
                    waiters::remove(queue, false);
                }
                UnparkToken(token)
            };
            // SAFETY: the lock may be gone, but `choose` picks only a `late` token.
            unsafe { parking::unpark_some(queue, choose, callback) };
            all += picked.get();
            if picked.get() < BATCH {
                return all;
            }
        }
    }

    /// Wakes the writer that waits for the counted readers of the lock with this key to leave, if one does. If it may lose
    /// `WRITER`, that is only reserved for it from now on. The lock may be gone.
    #[cold]
    pub(super) fn wake_drained(key: usize) {
        let may_lose = Cell::new(false);
        let callback = || {
            let lock = ptr::with_exposed_provenance::<Self>(key);
            // SAFETY: a writer was found in the drain of this key, so it borrows a lock there (RW5).
            let lock = unsafe { &*lock };
            let kept = if may_lose.get() { RESERVED } else { 0 };
            let woken = |state| Some(state & !DRAINS | kept);
            // ORDERING: Relaxed, both; the queue's lock orders it against the writer's own changes of the bit, and this
            // continues the release sequences of the readers that have left.
            let _ = lock.state.fetch_update(Relaxed, Relaxed, woken);
            UnparkToken(if may_lose.get() { KEPT } else { 0 })
        };
        let choose = |waiter: ParkToken| {
            may_lose.set(waiter == Drainer::Writer.token());
            match may_lose.get() || waiter == Drainer::Upgrade.token() {
                true => FilterOp::Unpark,
                false => FilterOp::Skip,
            }
        };
        // SAFETY: the lock may be gone, but `choose` picks only `late` tokens.
        unsafe { parking::unpark_first(drain_key(key), choose, callback) };
    }
}

/// The thread that waits in the drain.
#[derive(Clone, Copy)]
pub(super) enum Drainer {
    /// Owns nothing but `WRITER`. When it is woken, it owns that no longer: it may be stopped (RW9).
    Writer,
    /// Was the upgradable reader, so no other writer may come in between.
    Upgrade,
}

impl Drainer {
    /// The park token in the drain. A reader that leaves may come there late.
    fn token(self) -> ParkToken {
        match self {
            Drainer::Writer => parking::late(1),
            Drainer::Upgrade => parking::late(6),
        }
    }
}

/// What came of waiting in the drain.
pub(super) enum Drain {
    Done,
    TimedOut,
    /// Another thread has taken `WRITER`, after the caller was woken and before it came.
    Lost,
}
