//! From one mode to another: upgrading and downgrading. The states and the invariants are in the parent module.

use super::{Drain, Drainer};
use super::{
    MAX_READERS, ONE_READER, RawRwLock, Rights, UPGRADABLE, WRITER, assert_own, is_read, is_tagged,
    readers, tag, too_many_readers, untagged,
};
use crate::deadline::Deadline;
use crate::primitive::Ordering::{Acquire, Relaxed};

impl RawRwLock {
    /// Turns the caller's upgradable read into a write if there are no readers.
    ///
    /// # Safety
    /// The caller is the upgradable reader; if this returns true, it is the writer.
    pub(crate) unsafe fn try_upgrade(&self) -> bool {
        // ORDERING: Relaxed; looked at again. This look spares readers a revocation for nothing.
        let state = self.state.load(Relaxed);
        assert_own(state);
        if is_tagged(state) && self.is_published(state) {
            return false;
        }
        let upgraded = self.claim_upgrade(None, |state| !is_read(state));
        if upgraded {
            self.data.exclusive();
        }
        upgraded
    }

    /// Turns the caller's upgradable read into a write, once the readers have left. From when those in slots have left,
    /// new ones stay out.
    ///
    /// # Safety
    /// The caller is the upgradable reader. If this returns true, it is the writer; if it returns false, the
    /// deadline passed, and it is still the upgradable reader.
    pub(crate) unsafe fn upgrade(&self, deadline: Deadline) -> bool {
        if deadline.is_past() {
            // SAFETY: the caller's promise is the same.
            return unsafe { self.try_upgrade() };
        }
        if !self.claim_upgrade(Some(deadline), |_| true) {
            return false;
        }
        let upgraded = matches!(self.drain(Drainer::Upgrade, deadline), Drain::Done);
        if upgraded {
            self.data.exclusive();
        } else {
            self.release(WRITER, UPGRADABLE, false);
        }
        upgraded
    }

    /// Exchanges `UPGRADABLE`, which the caller owns, for `WRITER`, where `may` says so, when no reader is in a slot. Without
    /// a deadline it does not wait for that.
    fn claim_upgrade(&self, deadline: Option<Deadline>, may: impl Fn(usize) -> bool) -> bool {
        let mut rights = Rights::default();
        // ORDERING: Relaxed; the exchange orders.
        let mut state = self.state.load(Relaxed);
        while may(state) {
            let tag = tag(state);
            if tag != 0 && tag != rights.revoked {
                if !self.revoke(deadline, &mut rights) {
                    return false;
                }
                // ORDERING: as above.
                state = self.state.load(Relaxed);
                continue;
            }
            let next = untagged(state) - UPGRADABLE + WRITER;
            // ORDERING: Acquire pairs, where `may` asks for no readers, with the Release of those that have left.
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

    /// Turns the caller's write into a read, with no other writer in between.
    ///
    /// # Safety
    /// The caller is the writer, and a reader when this returns.
    pub(crate) unsafe fn downgrade(&self) {
        self.data.exclusive();
        self.release(WRITER, ONE_READER, false);
    }

    /// Turns the caller's write into an upgradable read.
    ///
    /// # Safety
    /// The caller is the writer, and the upgradable reader when this returns.
    pub(crate) unsafe fn downgrade_to_upgradable(&self) {
        self.data.exclusive();
        self.release(WRITER, UPGRADABLE, false);
    }

    /// Turns the caller's upgradable read into a read. Panics, and leaves it as it is, if there are too many readers.
    ///
    /// # Safety
    /// The caller is the upgradable reader, and a reader when this returns.
    pub(crate) unsafe fn downgrade_upgradable(&self) {
        // ORDERING: Relaxed; it is only counted.
        if readers(self.state.load(Relaxed)) >= MAX_READERS {
            too_many_readers();
        }
        self.release(UPGRADABLE, ONE_READER, false);
    }
}
