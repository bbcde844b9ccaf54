//! Recovery: gives back what dead threads held by their slots.

use super::{ALL_SLOTS, Kind, Ledger, SLOTS, State};
use crate::sys::Ordering::Acquire;
use crate::sys::ipc::me::Me;

impl<K: Kind, const GATES: usize> Ledger<K, GATES> {
    /// How many slots have been begun. The number in memory cannot be trusted.
    pub(super) fn used(&self) -> usize {
        // ORDERING: Acquire pairs with the Release in `begin_slot`: retired slots are seen retired.
        (self.used.load(Acquire) as usize).min(ALL_SLOTS)
    }

    /// Whether the slot will never be used again.
    pub(super) fn is_retired(&self, index: usize) -> bool {
        index < SLOTS && self.slots[index].is_retired()
    }

    /// Gives back what dead threads held.
    ///
    /// The thread's list has nothing pending.
    pub(crate) fn recover(&self, me: Me) {
        (0..self.used()).for_each(|slot| self.recover_slot(me, slot));
    }

    /// Recovers the slot if its thread is dead and no other thread has taken it over.
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
        // The dead thread may have opened no gate after its change, or passed no wake-up on.
        self.open_all(me);
        slot.free(me);
    }

    /// Records the change that the slot's dead thread was about to record, if it had made it (A1).
    fn finish(&self, index: usize) {
        let slot = &self.slots[index];
        let next = slot.recorded().wrapping_add(1);
        // ORDERING: Acquire pairs with the exchange that overwrote the change, which comes after
        // its witness. So the state is read before `witnessed`.
        let state = State(self.state.load(Acquire));
        if state.is_by(index, next) || slot.is_witnessed(next) {
            slot.record(next);
        }
    }
}
