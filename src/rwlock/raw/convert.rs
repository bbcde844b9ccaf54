//! From one mode to another: upgrading and downgrading. The states and the invariants are in the parent module.

use super::{
    BIASED, MAX_READERS, ONE_READER, READERS, RawRwLock, UPGRADABLE, WRITER, too_many_readers,
};
use crate::deadline::Deadline;
use crate::primitive::Ordering::Relaxed;

impl RawRwLock {
    /// Turns the caller's upgradable read into a write if there are no readers.
    ///
    /// # Safety
    /// The caller is the upgradable reader; if this returns true, it is the writer.
    pub(crate) unsafe fn try_upgrade(&self) -> bool {
        // ORDERING: Relaxed; the exchange orders.
        let mut state = self.state.load(Relaxed);
        if state & BIASED != 0 && self.is_published() {
            return false;
        }
        while state & READERS == 0 {
            let upgraded = state - UPGRADABLE + WRITER;
            // ORDERING: Relaxed, both; `drain_at_once` orders. (This continues the release sequences of the readers that
            // have left.)
            match self
                .state
                .compare_exchange_weak(state, upgraded, Relaxed, Relaxed)
            {
                Ok(_) => {
                    let drained = self.drain_at_once(UPGRADABLE);
                    if drained {
                        self.data.exclusive();
                    }
                    return drained;
                }
                Err(now) => state = now,
            }
        }
        false
    }

    /// Turns the caller's upgradable read into a write, once the readers have left. New ones stay out.
    ///
    /// # Safety
    /// The caller is the upgradable reader. If this returns true, it is the writer; if it returns false, the
    /// deadline passed, and it is still the upgradable reader.
    pub(crate) unsafe fn upgrade(&self, deadline: Deadline) -> bool {
        if deadline.is_past() {
            // SAFETY: the caller's promise is the same.
            return unsafe { self.try_upgrade() };
        }
        // UPGRADABLE goes and WRITER comes, in one step.
        // ORDERING: Relaxed; `drain` orders.
        self.state.fetch_sub(UPGRADABLE - WRITER, Relaxed);
        let drained = self.drain(UPGRADABLE, deadline);
        if drained {
            self.data.exclusive();
        }
        drained
    }

    /// Turns the caller's write into a read, with no other writer in between.
    ///
    /// # Safety
    /// The caller is the writer, and a reader when this returns.
    pub(crate) unsafe fn downgrade(&self) {
        self.data.exclusive();
        self.release(self.writer_bits(), ONE_READER, false);
    }

    /// Turns the caller's write into an upgradable read.
    ///
    /// # Safety
    /// The caller is the writer, and the upgradable reader when this returns.
    pub(crate) unsafe fn downgrade_to_upgradable(&self) {
        self.data.exclusive();
        self.release(self.writer_bits(), UPGRADABLE, false);
    }

    /// Turns the caller's upgradable read into a read. Panics, and leaves it as it is, if there are too many readers.
    ///
    /// # Safety
    /// The caller is the upgradable reader, and a reader when this returns.
    pub(crate) unsafe fn downgrade_upgradable(&self) {
        // ORDERING: Relaxed; it is only counted.
        if self.state.load(Relaxed) / ONE_READER >= MAX_READERS {
            too_many_readers(MAX_READERS);
        }
        self.release(UPGRADABLE, ONE_READER, false);
    }
}
