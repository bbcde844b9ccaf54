//! How the owner of `WRITER` waits for the readers inside to leave: first those that have published themselves, then
//! those that are counted. The states and the invariants are in the parent module.

use super::{
    ASYMMETRIC, BIASED, DRAINS, READERS, RawRwLock, WARM, WRITER, drain_key, drain_token,
    revocation_key, revocation_token,
};
use crate::deadline::Deadline;
use crate::fence;
use crate::parking::{self, FilterOp, NO_TOKEN, ParkResult, ParkToken, UnparkToken};
use crate::primitive::Ordering::{Acquire, Relaxed};
use crate::rwlock::bias::{self, Slot};
use crate::spin::Spin;
use crate::waiters::{self, Nap};
use std::ptr;

impl RawRwLock {
    /// Waits until the readers have left. The caller owns `WRITER`; if this returns false, the deadline passed, and the
    /// caller owns `otherwise` in its place (as also if it panics).
    pub(super) fn drain(&self, otherwise: u32, deadline: Deadline) -> bool {
        // Until the bias has ended, recursive readers may count themselves, but one that is counted cannot come into a
        // slot any more. So the slots come first.
        let drained = (!self.revoke() || self.wait_for_published(deadline))
            && self.wait_for_counted(deadline);
        if !drained {
            self.release(WRITER, otherwise, false);
        }
        drained
    }

    /// As [`drain`](Self::drain), without waiting.
    pub(super) fn drain_at_once(&self, otherwise: u32) -> bool {
        let biased = self.revoke();
        let published = biased && self.is_published();
        if biased && !published {
            self.end_bias();
        }
        let drained = !published && self.nobody_is_counted();
        if !drained {
            self.release(WRITER, otherwise, false);
        }
        drained
    }

    /// If the lock is biased, makes sure that readers who have not seen `WRITER` are seen in their slots
    /// (invariant 7). Returns whether it is. The caller owns `WRITER`.
    #[inline]
    fn revoke(&self) -> bool {
        // ORDERING: Relaxed; while we own `WRITER` nobody else changes these flags.
        let state = self.state.load(Relaxed);
        bias::restart();
        if state & ASYMMETRIC != 0 {
            // What it granted when the lock became asymmetric, the system may refuse now.
            fence::heavy_or_wait();
        } else if state & BIASED != 0 {
            fence::full();
        }
        state & BIASED != 0
    }

    /// Whether anybody has published that it reads this lock.
    pub(super) fn is_published(&self) -> bool {
        let key = self.key();
        bias::slots().any(|slot| slot.holds(key))
    }

    fn wait_for_published(&self, deadline: Deadline) -> bool {
        let gone = bias::slots().all(|slot| self.wait_for_slot(slot, deadline));
        if gone {
            self.end_bias();
        }
        gone
    }

    /// The caller owns `WRITER` and has seen every slot without this lock. From now on recursive readers pass it only where
    /// others are counted.
    fn end_bias(&self) {
        // ORDERING: Relaxed; whoever counted itself before comes before this in the order of the word's changes, and so
        // `nobody_is_counted` sees it.
        self.state.fetch_and(!(WARM | BIASED | ASYMMETRIC), Relaxed);
    }

    fn nobody_is_counted(&self) -> bool {
        // ORDERING: Acquire pairs with the Release of every reader that has left.
        self.state.load(Acquire) & READERS == 0
    }

    fn wait_for_slot(&self, slot: &Slot, deadline: Deadline) -> bool {
        let mut spin = Spin::new();
        let mut nap = Nap::new();
        let key = self.key();
        while slot.holds(key) {
            if spin.again() {
                continue;
            }
            let (queue, token) = (revocation_key(key), revocation_token());
            // SAFETY: the key is inside our word, and we borrow the lock.
            let result =
                unsafe { waiters::park(queue, token, deadline, &mut nap, || slot.holds(key)) };
            if result == ParkResult::TimedOut && deadline.passed() {
                return false;
            }
        }
        true
    }

    fn wait_for_counted(&self, deadline: Deadline) -> bool {
        let mut spin = Spin::new();
        while !self.nobody_is_counted() {
            if spin.again() {
                continue;
            }
            let validate = || self.set_while(DRAINS, 0, |state| state & READERS != 0);
            let timed_out = |_, _| {
                // ORDERING: Relaxed; the queue's lock orders it against the last reader's change of the bit.
                self.state.fetch_and(!DRAINS, Relaxed);
            };
            let (queue, token) = (drain_key(self.key()), drain_token());
            // SAFETY: the key is inside our word, and we borrow the lock.
            let result =
                unsafe { parking::park(queue, token, deadline, validate, || {}, timed_out) };
            if result == ParkResult::TimedOut {
                return false;
            }
        }
        true
    }

    /// Wakes the writer that waits for a reader of the lock with this key to leave its slot, if one does. The lock may
    /// be gone.
    #[cold]
    pub(super) fn wake_revoker(key: usize) {
        let queue = revocation_key(key);
        let callback = || {
            waiters::remove(queue, false);
            NO_TOKEN
        };
        wake(queue, revocation_token(), callback);
    }

    /// Wakes the writer that waits for the counted readers of the lock with this key to leave, if one does. The lock
    /// may be gone.
    #[cold]
    pub(super) fn wake_drained(key: usize) {
        let callback = || {
            let lock = ptr::with_exposed_provenance::<Self>(key);
            // SAFETY: a writer was found in the drain of this key, so it borrows a lock there (invariant 5).
            let lock = unsafe { &*lock };
            // ORDERING: Relaxed; the queue's lock orders it against the writer's own changes of the bit.
            lock.state.fetch_and(!DRAINS, Relaxed);
            NO_TOKEN
        };
        wake(drain_key(key), drain_token(), callback);
    }
}

/// Wakes the one thread that has parked with this token under this key, if there is one.
fn wake(key: usize, token: ParkToken, callback: impl FnOnce() -> UnparkToken) {
    let choose = |waiter| match waiter == token {
        true => FilterOp::Unpark,
        false => FilterOp::Skip,
    };
    // SAFETY: the lock may be gone, but `choose` picks only a `late` token.
    unsafe { parking::unpark_first(key, choose, callback) };
}
