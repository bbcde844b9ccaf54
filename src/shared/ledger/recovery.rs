//! What becomes of the slots of the dead.

use super::super::me::Me;
use super::{Kind, Ledger, SLOTS, State};
use crate::primitive::Ordering::{Acquire, Relaxed};

impl<K: Kind, const GATES: usize> Ledger<K, GATES> {
    /// How many slots there are to look at. The number is not to be trusted.
    pub(super) fn used(&self) -> usize {
        // ORDERING: Relaxed; a number.
        (self.used.load(Relaxed) as usize).min(SLOTS)
    }

    /// Gives back what the dead held.
    ///
    /// The thread's list has nothing pending.
    pub(crate) fn recover(&self, me: Me) {
        (0..self.used()).for_each(|slot| self.recover_slot(me, slot));
    }

    /// If the slot's owner is dead, and nobody else has taken it over.
    pub(super) fn recover_slot(&self, me: Me, index: usize) {
        let slot = &self.slots[index];
        if !slot.take_over(me) {
            return;
        }
        self.finish(index);
        let held = slot.held();
        if held != 0 {
            self.change_as(index, 0, |value| Some(K::given_back(value, held)))
                .expect("it refuses nothing");
        }
        // The dead may have changed the value, and opened no gate; or have been woken, and told nobody.
        self.open_all(me);
        slot.free(me);
    }

    /// Records the change that the slot's owner was about to record, if it had made it.
    fn finish(&self, index: usize) {
        let slot = &self.slots[index];
        let next = slot.recorded().wrapping_add(1);
        // ORDERING: Acquire pairs with whoever witnessed the change before it overwrote it: so the state is looked at first.
        let state = State(self.state.load(Acquire));
        if state.is_by(index, next) || slot.is_witnessed(next) {
            slot.record(next);
        }
    }
}
