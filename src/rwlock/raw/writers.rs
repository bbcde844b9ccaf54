//! How writers and the upgradable reader acquire and release the lock. The invariants are those of
//! [`raw`](super).

use super::RawRwLock;
use super::queue::{Given, Kind};
use crate::rwlock::word::{NEXT, READERS, UPGRADABLE, WRITER, admits_upgradable, admits_writer};
use crate::sys::IS_MODEL;
use crate::sys::Ordering::{Acquire, Relaxed, Release};
use crate::sys::deadline::Deadline;

impl RawRwLock {
    /// Becomes the writer, if the word admits one.
    #[inline]
    fn try_claim_write(&self, given: Given) -> bool {
        // ORDERING: Relaxed; the exchange orders.
        let mut state = self.state.load(Relaxed);
        while admits_writer(state, given.is_next) {
            let next = (state | WRITER) & !(NEXT | given.designation);
            // ORDERING: Acquire; pairs with the Release of the last writer, and of all readers that
            // have left since, or of the revokers that have seen them leave (RW1, RW7).
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

    /// Becomes the upgradable reader, if the word admits one.
    #[inline]
    fn try_claim_upgradable(&self, given: Given) -> bool {
        // ORDERING: Relaxed; the exchange orders.
        let mut state = self.state.load(Relaxed);
        while admits_upgradable(state, given.is_next) {
            // ORDERING: Acquire; pairs with the Release of the last writer (RW1).
            match self.state.compare_exchange_weak(
                state,
                (state | UPGRADABLE) & !NEXT,
                Acquire,
                Relaxed,
            ) {
                Ok(_) => {
                    self.entered(state, given);
                    return true;
                }
                Err(now) => state = now,
            }
        }
        self.has_ended_inherited_wait(state) && self.try_claim_upgradable(given)
    }

    #[inline]
    pub(crate) fn try_write(&self) -> bool {
        // ORDERING: Relaxed; looked at again.
        let state = self.state.load(Relaxed);
        let is_open = state & (READERS | WRITER | UPGRADABLE) == 0;
        let taken = is_open && self.try_revoke_idle(state) && self.try_claim_write(Given::NOTHING);
        if taken {
            self.data.exclusive();
        }
        taken
    }

    /// False if the deadline passed first.
    #[inline]
    pub(crate) fn write(&self, deadline: Deadline) -> bool {
        // ORDERING: Acquire; as in `try_claim_write`.
        let taken = self
            .state
            .compare_exchange(0, WRITER, Acquire, Relaxed)
            .is_ok()
            || self.try_claim_write(Given::NOTHING)
            || self.write_contended(deadline);
        if taken {
            self.data.exclusive();
        }
        taken
    }

    /// As [`write`](Self::write), of an unbiased lock: its word is not zero when it is free.
    #[inline]
    pub(crate) fn write_unbiased(&self, deadline: Deadline) -> bool {
        let taken = self.try_claim_write(Given::NOTHING) || self.write_contended(deadline);
        if taken {
            self.data.exclusive();
        }
        taken
    }

    /// Acquires a write again that the caller's guard has released. The guard lives on: no
    /// unwinding.
    pub(crate) fn write_again(&self) {
        struct Abort;
        impl Drop for Abort {
            fn drop(&mut self) {
                // A model that fails unwinds all its threads.
                if !IS_MODEL {
                    std::process::abort();
                }
            }
        }
        let abort = Abort;
        self.write(Deadline::NEVER);
        std::mem::forget(abort);
    }

    #[cold]
    fn write_contended(&self, deadline: Deadline) -> bool {
        self.wait(Kind::Writer, deadline, |given| {
            self.revoke_for(Kind::Writer, given, deadline)?;
            Some(self.try_claim_write(*given))
        })
    }

    /// # Safety
    /// The caller is the writer.
    #[inline]
    pub(crate) unsafe fn unlock_write(&self) {
        self.data.exclusive();
        let key = self.key();
        // ORDERING: Release; pairs with the Acquire of the threads that enter next (RW1).
        let state = self.state.fetch_sub(WRITER, Release);
        // SAFETY: the caller owned the lock until just now (RW6).
        unsafe { Self::released(key, state, false) };
    }

    /// # Safety
    /// The caller is the writer.
    pub(crate) unsafe fn unlock_write_fair(&self) {
        self.data.exclusive();
        self.release(WRITER, 0, true);
    }

    #[inline]
    pub(crate) fn try_upgradable_read(&self) -> bool {
        let taken = self.try_claim_upgradable(Given::NOTHING);
        if taken {
            self.data.shared();
        }
        taken
    }

    /// False if the deadline passed first.
    #[inline]
    pub(crate) fn upgradable_read(&self, deadline: Deadline) -> bool {
        let taken = self.try_claim_upgradable(Given::NOTHING)
            || self.wait(Kind::Upgradable, deadline, |given| {
                Some(self.try_claim_upgradable(*given))
            });
        if taken {
            self.data.shared();
        }
        taken
    }

    /// Releases the upgradable read.
    ///
    /// # Safety
    /// The caller is the upgradable reader.
    #[inline]
    pub unsafe fn unlock_upgradable(&self) {
        self.data.shared();
        self.release(UPGRADABLE, 0, false);
    }

    /// As [`unlock_upgradable`](Self::unlock_upgradable), but by a direct handoff.
    ///
    /// # Safety
    /// The caller is the upgradable reader.
    pub unsafe fn unlock_upgradable_fair(&self) {
        self.data.shared();
        self.release(UPGRADABLE, 0, true);
    }
}
