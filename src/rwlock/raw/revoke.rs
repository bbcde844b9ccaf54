//! How a writer revokes the bias: no more readers publish themselves, and those in their slots
//! leave. The invariants are those of [`raw`](super).

use super::queue::{Given, Kind, keep_for, revocation_key};
use super::{RawRwLock, is_named};
use crate::parking::{self, FilterOp, ParkResult};
use crate::policy::spin::{Spin, give_way};
use crate::rwlock::bias::{self, Slot};
use crate::rwlock::word::{ASYMMETRIC, BIAS, BIASED, REVOKED, entry, has_same_name, with_revoker};
use crate::sys::Ordering::{Relaxed, Release};
use crate::sys::deadline::Deadline;
use crate::sys::{fence, fork};
use crate::tokens::{ParkToken, UnparkToken};
use crate::waiters;
use std::cell::Cell;

/// Why a bias did not end at once.
pub(super) enum Kept {
    /// A reader is in this slot, or about to look whether it may enter.
    By(&'static Slot, usize),
    /// There are as many revokers as can be counted.
    Crowded,
}

impl RawRwLock {
    /// Whether a reader is in a slot for this lock, whose word is `state`.
    pub(super) fn is_published(&self, state: usize) -> bool {
        self.slot_of_reader(state).is_some()
    }

    /// Ends the bias, if there is one and no reader is in a slot. If one is, the readers are spared
    /// a revocation in vain. The word was `state` a moment ago.
    pub(super) fn try_revoke_idle(&self, state: usize) -> bool {
        !is_named(state) || (!self.is_published(state) && self.try_revoke().is_ok())
    }

    /// Revokes the bias, and ends it if no reader is in a slot. If one is, the name stays, but
    /// there is no bias any more: new readers count themselves.
    ///
    /// # Panics
    /// If another copy of this crate has biased the lock (RW9).
    pub(super) fn try_revoke(&self) -> Result<(), Kept> {
        // ORDERING: Relaxed, here and below; the fence orders this before the slots (RW7).
        let mut state = self.state.load(Relaxed);
        let added = loop {
            if !is_named(state) {
                return Ok(());
            }
            if bias::is_foreign(state) {
                refuse_foreign_bias();
            }
            let counted = match with_revoker(state) {
                Some(counted) => counted,
                // In the child of a fork, those that are counted may not be in this process.
                None if fork::generation() != 0 => state,
                None => return Err(Kept::Crowded),
            };
            let next = counted & !BIASED | REVOKED;
            // ORDERING: Relaxed; see above.
            match self
                .state
                .compare_exchange_weak(state, next, Relaxed, Relaxed)
            {
                Ok(_) => break counted - state,
                Err(now) => state = now,
            }
        };
        if state & ASYMMETRIC != 0 {
            // The system may refuse now what it granted when the lock became asymmetric.
            fence::heavy_or_wait();
        } else {
            fence::full();
        }
        let found = self.slot_of_reader(state);
        let end = |now| {
            // If this thread is not counted, others may have begun a bias with another name since.
            // (Not while the count is full: revokers from before the fork never leave it.)
            let is_mine = added != 0 || with_revoker(now).is_none() && has_same_name(state, now);
            let ends = found.is_none() && now & REVOKED != 0 && is_mine;
            let now = now - added;
            Some(if ends { now & !BIAS } else { now })
        };
        // ORDERING: Release; passes on to the next writer what the readers that have left their
        // slots have released (RW7). Relaxed, because nothing is read.
        let _ = self.state.fetch_update(Release, Relaxed, end);
        found.map_or(Ok(()), Err)
    }

    /// The first slot that has this lock's entry.
    fn slot_of_reader(&self, state: usize) -> Option<Kept> {
        if !is_named(state) {
            return None;
        }
        let entry = entry(self.key(), state);
        let slot = bias::slots().find(|slot| slot.holds(entry))?;
        Some(Kept::By(slot, entry))
    }

    /// Revokes the bias, and waits until the readers have left their slots. Returns at once if
    /// other threads than readers keep this kind out. `None` if time is up.
    pub(super) fn revoke_for(
        &self,
        kind: Kind,
        given: &mut Given,
        deadline: Deadline,
    ) -> Option<()> {
        loop {
            // ORDERING: Relaxed; looked at again.
            let state = self.state.load(Relaxed);
            if kind.is_excluded(state) {
                return Some(());
            }
            if bias::is_foreign(state) {
                // `try_revoke` panics.
                self.give_up(given);
            }
            match self.try_revoke() {
                Ok(()) => return Some(()),
                Err(_) if deadline.is_past() => return None,
                Err(Kept::By(slot, entry)) => {
                    self.keep_readers_out(kind);
                    given.is_next = true;
                    if !self.wait_for_slot(slot, entry, deadline) {
                        return None;
                    }
                }
                Err(Kept::Crowded) => give_way(),
            }
        }
    }

    /// Keeps the lock for a writer that waits for a slot. Readers need a processor to leave their
    /// slots, and new readers would take it from them.
    fn keep_readers_out(&self, kind: Kind) {
        let keep = |state| Some(keep_for(kind, state));
        // ORDERING: Relaxed, both; it keeps others out, and orders nothing.
        let _ = self.state.fetch_update(Relaxed, Relaxed, keep);
    }

    fn wait_for_slot(&self, slot: &Slot, entry: usize, deadline: Deadline) -> bool {
        let mut spin = Spin::new();
        let key = self.key();
        while slot.holds(entry) {
            if spin.again() {
                continue;
            }
            let (queue, token) = (revocation_key(key), ParkToken::Revoker);
            let validate = || slot.holds(entry);
            let wake = || {
                if !slot.holds(entry) {
                    Self::wake_revokers(key);
                }
            };
            // SAFETY: the key is inside our word, and we borrow the lock.
            let result =
                unsafe { waiters::park(queue, token, false, deadline, validate, || false, wake) };
            if result == ParkResult::TimedOut && deadline.passed() {
                // The reader may have left without seeing this thread, which may have run no fence.
                return !slot.holds(entry);
            }
        }
        true
    }

    /// Keeps the lock for a writer that sleeps until a slot is left, if there is one: the lease
    /// that it began itself may be over. The writer cannot leave its queue meanwhile: that is
    /// locked. So it will acquire the lock, or end the keeping when it gives up.
    pub(super) fn keep_for_revoker(&self) {
        let found = Cell::new(false);
        // While the lock is borrowed, its writers are the only waiters under this key.
        let choose = |_| {
            found.set(true);
            FilterOp::Stop
        };
        let callback = |_, _| {
            if found.get() {
                // (An upgrade has kept the lock itself.)
                self.keep_readers_out(Kind::Writer);
            }
            UnparkToken::Nothing
        };
        // SAFETY: we borrow the lock.
        unsafe { parking::unpark_some(revocation_key(self.key()), choose, callback) };
    }

    /// Wakes the writers that wait for a slot of the lock with this key, which may be gone.
    #[inline(always)]
    pub(in crate::rwlock) fn left_slot(key: usize) {
        if Self::has_revokers(key) {
            Self::wake_revokers(key);
        }
    }

    /// Whether writers may wait for a slot that the caller has left.
    #[inline(always)]
    pub(super) fn has_revokers(key: usize) -> bool {
        // The fence orders the slot before the count. It pairs with a parking writer's.
        fence::light();
        waiters::any(revocation_key(key))
    }

    /// Wakes all of them, because any one may be stopped.
    #[cold]
    pub(super) fn wake_revokers(key: usize) {
        let queue = revocation_key(key);
        loop {
            let picked = Cell::new(0);
            let left_out = Cell::new(false);
            let choose = |token| {
                if token != ParkToken::Revoker {
                    return FilterOp::Skip;
                }
                if picked.get() == parking::BATCH {
                    left_out.set(true);
                    return FilterOp::Stop;
                }
                picked.set(picked.get() + 1);
                FilterOp::Unpark
            };
            let callback = |_, _| {
                for _ in 0..picked.get() {
                    waiters::remove(queue);
                }
                UnparkToken::Nothing
            };
            // SAFETY: the lock may be gone, but `choose` picks only tokens of such writers.
            unsafe { parking::unpark_some(queue, choose, callback) };
            if !left_out.get() {
                return;
            }
        }
    }
}

#[cold]
fn refuse_foreign_bias() -> ! {
    panic!("RwLock: another copy of the crate anteroom in this process reads it by bias");
}
