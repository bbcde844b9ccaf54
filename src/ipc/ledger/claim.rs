//! Claims: how a thread finds its slot.
//!
//! There are [`SLOTS`] biased slots and as many shared ones ([`slot`](super::slot)), begun in this
//! order. A thread remembers its slots in the last ledgers that it used. Else it searches the begun
//! ones:
//! 1. for one that is its own, or by which it holds something;
//! 2. for a shared one that is not armed;
//! 3. for a biased one that has no owner, or a dead one, as the kernel says;
//! 4. if a biased one has not been begun yet, or a retired one not been replaced, for the next one;
//! 5. for a biased one whose owner holds nothing by it, to retire it.
//!
//! So a thread finds none only if [`SLOTS`] are armed. Biased slots exist because arming one takes
//! no locked instruction. Where the system refuses the heavy side of the asymmetric fence, there is
//! no step 5, and a slot stays with its owner until no thread has the owner's number any more.
//!
//! **A waiter watches the slots that it has seen begun.** So a thread that begins one opens the
//! gates. If it is killed before that, one waiter is woken. If others sleep on a gate whose
//! `APPROACHED` bit is gone, a woken waiter is on its way. Either sees that there are more slots,
//! and opens the gates again. Retired slots are not watched, and no more shared slots are begun
//! than were retired: so there are at most [`SLOTS`] to watch.

use super::super::gate::Gate;
use super::slot::{Mode, Reservation, Retirement};
use super::{Account, Kind, Ledger, SLOTS};
use crate::sys::Ordering::{Relaxed, Release};
use crate::sys::fence;
use crate::sys::ipc::kernel;
use crate::sys::ipc::me::Me;
use crate::sys::thread_locals;
use std::cell::Cell;
use std::ops::Range;

const REMEMBERED: usize = 16;

/// Its size is a power of two, so that a thread finds its own by a shift.
#[derive(Clone, Copy)]
#[repr(align(32))]
struct Memory {
    ledger: usize,
    slot: u32,
    /// Of a biased slot that this thread owns, uncontested; else `NONE`.
    reservation: Reservation,
    /// The generation of the process that made the reservation; 0 if there is none. A child of a
    /// fork inherits the memory, and may have a thread with the number in the reservation. The
    /// reservation is not its own all the same: other processes take over its ancestor's slot.
    generation: u32,
}

/// The result of a claim to a slot.
enum Claim {
    Ours(Reservation),
    Taken,
    /// Another thread was faster.
    Lost,
}

thread_locals! {
    static MEMORIES: [Cell<Memory>; REMEMBERED] = [const {
        Cell::new(Memory {
            ledger: 0,
            slot: 0,
            generation: 0,
            reservation: Reservation::NONE,
        })
    }; REMEMBERED];
}

impl<K: Kind, const GATES: usize> Ledger<K, GATES> {
    #[inline(always)]
    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    #[inline(always)]
    fn memory<R>(&self, use_it: impl FnOnce(&Cell<Memory>) -> R) -> R {
        // By the page, since ledgers mostly begin at the same offset in theirs.
        let place = self.address() / 4096 % REMEMBERED;
        MEMORIES.with(|memories| use_it(&memories[place]))
    }

    /// The calling thread's account, until [`leave`](Self::leave). There is none if [`SLOTS`] other
    /// threads hold something or are about to. Before and after, nothing is pending.
    #[inline]
    pub(crate) fn account(&self, me: Me) -> Option<Account> {
        let slot = self.armed_slot(me)?;
        Some(Account { me, slot })
    }

    /// It returns only the slot, in a register: an account that is returned through memory is
    /// written and read in different parts, for which the processor waits.
    #[inline]
    fn armed_slot(&self, me: Me) -> Option<usize> {
        self.remembered(me).or_else(|| self.claim(me))
    }

    /// Ends the use of the account, unless it holds something.
    #[inline(always)]
    pub(crate) fn leave(&self, account: Account) {
        self.leave_with(account, self.held(account).amount);
    }

    /// As [`leave`](Self::leave), of an account that holds this much.
    #[inline(always)]
    pub(crate) fn leave_with(&self, account: Account, held: u32) {
        let Account { me, slot } = account;
        match held {
            0 if slot < SLOTS => self.slots[slot].disarm(me),
            0 => self.slots[slot].disarm_shared(me),
            _ => {}
        }
    }

    /// The thread's biased slot, armed.
    fn remembered(&self, me: Me) -> Option<usize> {
        let memory = self.memory_of(me)?;
        let slot = memory.slot as usize;
        let it = &self.slots[slot];
        let is_armed = match it.is_held_by(me) {
            true => it.is_in_list_of(me),
            false => it.arm(me, memory.reservation, || me.light()),
        };
        is_armed.then_some(slot)
    }

    /// As [`account`](Self::account), if the thread remembers its slot and holds nothing by it.
    #[inline(always)]
    pub(super) fn account_at_once(&self, me: Me) -> Option<Account> {
        let memory = self.memory_of(me)?;
        let slot = memory.slot as usize;
        let it = &self.slots[slot];
        let is_armed = !it.is_armed() && it.arm(me, memory.reservation, fence::light);
        is_armed.then_some(Account { me, slot })
    }

    /// What the thread remembers of this ledger, if it still holds. (Another ledger may have been
    /// mapped at the address of the one that it remembers. To arm another's slot there would ruin
    /// it.)
    #[inline(always)]
    fn memory_of(&self, me: Me) -> Option<Memory> {
        let memory = self.memory(Cell::get);
        let is_ours = memory.ledger == self.address()
            && memory.generation == me.generation()
            && self.slots[memory.slot as usize].reservation() == memory.reservation;
        is_ours.then_some(memory)
    }

    /// Finds a slot and arms it.
    #[cold]
    fn claim(&self, me: Me) -> Option<usize> {
        if let Some(slot) = self.remembered_shared(me) {
            return Some(slot);
        }
        let mine = |thread| thread == me.id();
        let dead = |thread| thread == 0 || !kernel::is_alive(thread);
        loop {
            let used = self.used();
            let (biased, shared) = (0..used.min(SLOTS), SLOTS..used);
            let claim = First::default();
            let found = claim
                .of(0..used, |slot| self.claim_held(me, slot))
                .or_else(|| claim.of(biased.clone(), |slot| self.claim_biased(me, slot, mine)))
                .or_else(|| claim.of(shared, |slot| self.claim_shared(me, slot)))
                .or_else(|| claim.of(biased, |slot| self.claim_biased(me, slot, dead)));
            if let Some((slot, reservation)) = found {
                let ledger = self.address();
                let generation = match reservation == Reservation::NONE {
                    true => 0,
                    false => me.generation(),
                };
                let memory = Memory {
                    ledger,
                    slot: slot as u32,
                    reservation,
                    generation,
                };
                self.memory(|it| it.set(memory));
                return Some(slot);
            }
            // If it has lost one slot to another thread, another slot may be free.
            if claim.has_lost.get() {
                continue;
            }
            match used < SLOTS + self.retired() {
                true => self.begin_slot(me, used),
                false if self.retire_one() => {}
                false => return None,
            }
        }
    }

    /// The shared slot that this thread had last, armed, unless another thread has it.
    fn remembered_shared(&self, me: Me) -> Option<usize> {
        let Memory { ledger, slot, .. } = self.memory(Cell::get);
        let slot = slot as usize;
        let is_shared = ledger == self.address() && (SLOTS..self.used()).contains(&slot);
        (is_shared && self.slots[slot].arm_shared(me)).then_some(slot)
    }

    /// Claims the slot if this thread holds something by it.
    fn claim_held(&self, me: Me, index: usize) -> Claim {
        let slot = &self.slots[index];
        self.recover_slot(me, index);
        match slot.is_held_by(me) && slot.is_free_or_in_list_of(me) {
            true => Claim::Ours(slot.reservation().if_owned_by(me.id())),
            false => Claim::Taken,
        }
    }

    /// Claims the slot if `whose` accepts its owner.
    fn claim_biased(&self, me: Me, index: usize, whose: impl Fn(u32) -> bool) -> Claim {
        let slot = &self.slots[index];
        let reservation = slot.reservation();
        if slot.is_retired() || !whose(reservation.thread()) {
            return Claim::Taken;
        }
        // Only now, with the owner known to be dead or this thread: others might still arm it.
        // Descendants of the owner's process that remember the slot do not arm it: see `Memory`.
        if slot.is_armed() {
            return Claim::Taken;
        }
        match slot.reserve(reservation, Mode::Owned, me.id()) {
            Some(reservation) if slot.arm(me, reservation, || me.light()) => {
                Claim::Ours(reservation)
            }
            _ => Claim::Lost,
        }
    }

    fn claim_shared(&self, me: Me, index: usize) -> Claim {
        let slot = &self.slots[index];
        if slot.is_armed() {
            return Claim::Taken;
        }
        match slot.arm_shared(me) {
            true => Claim::Ours(Reservation::NONE),
            false => Claim::Lost,
        }
    }

    /// How many shared slots there may be.
    fn retired(&self) -> usize {
        (0..SLOTS).filter(|slot| self.is_retired(*slot)).count()
    }

    /// Retires one slot. Returns whether to search again: not if no biased slot is idle.
    fn retire_one(&self) -> bool {
        let heavy = || kernel::heavy_until().instant().is_none();
        let mut biased = self.slots[..SLOTS].iter();
        biased.any(|slot| slot.retire(heavy) != Retirement::Refused)
    }

    /// Begins a slot, unless another thread has done so.
    fn begin_slot(&self, me: Me, used: usize) {
        self.pend(me);
        let (found, more) = (used as u32, used as u32 + 1);
        // ORDERING: Release pairs with the Acquire of a waiter, which must see the slot that was
        // retired for this one. The gates are opened after it.
        let begun = self
            .used
            .compare_exchange(found, more, Release, Relaxed)
            .is_ok();
        if begun {
            self.open_all(me);
        }
        Gate::settle(me);
    }
}

/// Finds the first slot that a claim gets.
#[derive(Default)]
struct First {
    /// Another thread was faster at one of them.
    has_lost: Cell<bool>,
}

impl First {
    /// Returns it armed.
    fn of(
        &self,
        mut slots: Range<usize>,
        claim: impl Fn(usize) -> Claim,
    ) -> Option<(usize, Reservation)> {
        slots.find_map(|slot| match claim(slot) {
            Claim::Ours(reservation) => Some((slot, reservation)),
            Claim::Taken => None,
            Claim::Lost => {
                self.has_lost.set(true);
                None
            }
        })
    }
}
