//! Upgrading and downgrading. The invariants are those of [`raw`](super).

use super::RawRwLock;
use super::queue::{Given, Kind};
use super::readers::too_many_readers;
use crate::rwlock::word::{
    MAX_READERS, NEXT, ONE_READER, READERS, UPGRADABLE, WRITER, has_no_readers, readers,
};
use crate::sys::Ordering::{Acquire, Relaxed};
use crate::sys::deadline::Deadline;

impl RawRwLock {
    /// Turns the caller, the upgradable reader, into the writer if there are no readers.
    fn try_claim_upgrade(&self, given: Given) -> bool {
        // ORDERING: Relaxed; the exchange orders.
        let mut state = self.state.load(Relaxed);
        while has_no_readers(state) {
            let next = state & !(UPGRADABLE | NEXT | given.designation) | WRITER;
            // ORDERING: Acquire; as in `try_claim_write`.
            match self
                .state
                .compare_exchange_weak(state, next, Acquire, Relaxed)
            {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        false
    }

    /// Turns the caller's upgradable read into a write if there are no readers. Returns whether it
    /// did.
    ///
    /// # Safety
    /// The caller is the upgradable reader; if this returns true, it is the writer.
    pub unsafe fn try_upgrade(&self) -> bool {
        // ORDERING: Relaxed; looked at again.
        let state = self.state.load(Relaxed);
        let upgraded = state & READERS == 0
            && self.try_revoke_idle(state)
            && self.try_claim_upgrade(Given::NOTHING);
        if upgraded {
            self.data.exclusive();
        }
        upgraded
    }

    /// Turns the caller's upgradable read into a write, once the readers have left.
    ///
    /// # Safety
    /// The caller is the upgradable reader. If this returns true, it is the writer. If false, the
    /// deadline passed, and it is still the upgradable reader.
    pub(crate) unsafe fn upgrade_by(&self, deadline: Deadline) -> bool {
        // SAFETY: the caller's promise is the same.
        if unsafe { self.try_upgrade() } {
            return true;
        }
        let upgraded = self.wait(Kind::Upgrade, deadline, |given| {
            self.revoke_for(Kind::Upgrade, given, deadline)?;
            Some(self.try_claim_upgrade(*given))
        });
        if upgraded {
            self.data.exclusive();
        }
        upgraded
    }

    /// Turns the caller's write into a read, with no other writer in between.
    ///
    /// # Safety
    /// The caller is the writer, and a reader when this returns.
    pub unsafe fn downgrade(&self) {
        self.data.exclusive();
        self.release(WRITER, ONE_READER, false);
    }

    /// Turns the caller's write into an upgradable read.
    ///
    /// # Safety
    /// The caller is the writer, and the upgradable reader when this returns.
    pub unsafe fn downgrade_to_upgradable(&self) {
        self.data.exclusive();
        self.release(WRITER, UPGRADABLE, false);
    }

    /// Turns the caller's upgradable read into a read. Panics, unchanged, for too many readers.
    ///
    /// # Safety
    /// The caller is the upgradable reader, and a reader when this returns.
    pub unsafe fn downgrade_upgradable(&self) {
        // ORDERING: Relaxed; it is only counted.
        if readers(self.state.load(Relaxed)) >= MAX_READERS {
            too_many_readers(MAX_READERS);
        }
        self.release(UPGRADABLE, ONE_READER, false);
    }
}
