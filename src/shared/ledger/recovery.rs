//! What becomes of the slots of the dead.

use super::super::me::Me;
use super::{ALL_SLOTS, Kind, Ledger, SLOTS, State};
use crate::primitive::Ordering::Acquire;

impl<K: Kind, const GATES: usize> Ledger<K, GATES> {
    /// How many slots there are to look at. The number is not to be trusted.
    pub(super) fn used(&self) -> usize {
        // ORDERING: Acquire pairs with the Release in `begin_slot`: as many are retired as shared slots were begun beyond those.
        (self.used.load(Acquire) as usize).min(ALL_SLOTS)
    }

    /// Whether the slot will never be used again.
    pub(super) fn is_retired(&self, index: usize) -> bool {
        index < SLOTS && self.slots[index].is_retired()
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
        if self.is_retired(index) || !slot.take_over(me) {
            return;
        }
        self.finish(index);
        let held = slot.held();
        if held.amount != 0 {
            let change = |value| Some(K::given_back(value, held.amount));
            self.change_as(index, held.now(0), change)
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
