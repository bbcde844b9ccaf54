//! How a thread finds its slot.
//!
//! A thread remembers where its slots were in the last ledgers that it used. If it does not know, it looks through the slots
//! that have ever been in use: for its own, then for one that nobody has, or only somebody dead. The last resort is the first slot that
//! has never been in use.
//!
//! **Who sleeps watches the slots that it has seen in use.** So whoever begins a new one opens the gates. If it is killed before
//! that, one sleeper is woken; and if others sleep whose mark is gone, one that was woken is on its way. That one sees that there are
//! more slots, and opens the gates again.

use super::super::gate::Gate;
use super::super::kernel;
use super::super::me::Me;
use super::slot::Reservation;
use super::{Account, Kind, Ledger, SLOTS};
use crate::primitive::Ordering::Relaxed;
use crate::primitive::thread_locals;
use std::cell::Cell;

/// So many ledgers a thread remembers.
const REMEMBERED: usize = 16;

#[derive(Clone, Copy)]
struct Memory {
    /// Its address.
    ledger: usize,
    slot: usize,
    reservation: Reservation,
}

/// What became of the claim to a slot.
enum Claim {
    Ours(Reservation),
    Taken,
    /// Somebody else was faster.
    Lost,
}

thread_locals! {
    static MEMORIES: [Cell<Memory>; REMEMBERED] = [const {
        Cell::new(Memory { ledger: 0, slot: 0, reservation: Reservation::NONE })
    }; REMEMBERED];
}

impl<K: Kind, const GATES: usize> Ledger<K, GATES> {
    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    fn memory<R>(&self, use_it: impl FnOnce(&Cell<Memory>) -> R) -> R {
        // Fibonacci hashing: ledgers begin at like places of their pages.
        let mixed = (self.address() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let place = (mixed >> 32) as usize % REMEMBERED;
        MEMORIES.with(|memories| use_it(&memories[place]))
    }

    /// The calling thread's account, until [`leave`](Self::leave). Nothing if as many threads as there are slots live and have
    /// used this ledger, or somebody is giving back just now what the dead among them held. The thread's list has nothing pending.
    #[inline]
    pub(crate) fn account(&self, me: Me) -> Option<Account> {
        let slot = match self.remembered(me) {
            Some(slot) => slot,
            None => self.claim(me)?,
        };
        if !self.slots[slot].is_held_by(me) {
            self.slots[slot].arm(me);
        }
        Some(Account { me, slot })
    }

    /// The account is not needed any more, unless something is held.
    #[inline]
    pub(crate) fn leave(&self, account: Account) {
        self.leave_with(account, self.held(account));
    }

    /// As [`leave`](Self::leave), of whom it is known that so much is held.
    #[inline]
    pub(crate) fn leave_with(&self, account: Account, held: u32) {
        if held == 0 {
            self.slots[account.slot].disarm(account.me);
        }
    }

    #[inline]
    fn remembered(&self, me: Me) -> Option<usize> {
        let Memory {
            ledger,
            slot,
            reservation,
        } = self.memory(Cell::get);
        let is_ours = ledger == self.address()
            && reservation.thread() == me.id()
            && self.slots[slot].reservation() == reservation
            && self.slots[slot].is_free_or_in_list_of(me);
        is_ours.then_some(slot)
    }

    #[cold]
    fn claim(&self, me: Me) -> Option<usize> {
        let mine = |thread| thread == me.id();
        let dead = |thread| thread == 0 || !kernel::is_alive(thread);
        loop {
            let (used, lost) = (self.used(), Cell::new(false));
            let found = self
                .claim_used(me, used, mine, &lost)
                .or_else(|| self.claim_used(me, used, dead, &lost));
            // Who has lost one to another looks again at all: there may be another that is free.
            match lost.get() {
                _ if found.is_some() => return found,
                true => {}
                false if used == SLOTS => return None,
                false => self.begin_slot(me, used),
            }
        }
    }

    /// Claims a slot that is reserved for such a thread. Says if somebody else was faster at one.
    fn claim_used(
        &self,
        me: Me,
        used: usize,
        whose: impl Fn(u32) -> bool,
        lost: &Cell<bool>,
    ) -> Option<usize> {
        (0..used).find(|slot| match self.claim_one(me, *slot, &whose) {
            Claim::Taken => false,
            Claim::Lost => {
                lost.set(true);
                false
            }
            Claim::Ours(reservation) => {
                let (ledger, slot) = (self.address(), *slot);
                let memory = Memory {
                    ledger,
                    slot,
                    reservation,
                };
                self.memory(|it| it.set(memory));
                true
            }
        })
    }

    fn claim_one(&self, me: Me, index: usize, whose: impl Fn(u32) -> bool) -> Claim {
        let slot = &self.slots[index];
        self.recover_slot(me, index);
        let reservation = slot.reservation();
        if !whose(reservation.thread()) {
            return Claim::Taken;
        }
        if !slot.is_free_or_in_list_of(me) {
            return Claim::Taken;
        }
        if slot.is_held_by(me) {
            return Claim::Ours(reservation);
        }
        // Only now, when its thread is known to be dead, or to be this one: else it might arm it yet.
        if slot.is_armed() {
            return Claim::Taken;
        }
        match slot.reserve(reservation, me.id()) {
            Some(reservation) => Claim::Ours(reservation),
            None => Claim::Lost,
        }
    }

    /// Begins a slot, unless somebody else has.
    fn begin_slot(&self, me: Me, used: usize) {
        self.pend(me);
        let (found, more) = (used as u32, used as u32 + 1);
        // ORDERING: Relaxed; a number, which those who sleep watch.
        let begun = self
            .used
            .compare_exchange(found, more, Relaxed, Relaxed)
            .is_ok();
        if begun {
            self.open_all(me);
        }
        Gate::settle(me);
    }
}
