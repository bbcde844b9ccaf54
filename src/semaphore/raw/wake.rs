//! How those who wait for permits are woken, by threads that may have no business with the semaphore any more.
//! The invariants are those of [`raw`](super).

use super::{CALLED, CLOSED, MAX_PERMITS, ONE, PARKED, RawSemaphore, SEATED};
use crate::parking::{self, FilterOp, NO_TOKEN, ParkToken, UnparkToken};
use crate::primitive::Ordering::Relaxed;
use std::cell::Cell;
use std::ptr;

/// Unpark token: you are the next.
pub(super) const CALL: UnparkToken = UnparkToken(8);

/// What a waiter parks with: how many permits it wants, inverted, so that it is neither an address nor a small
/// number. Permits are often given back late (see [`parking`]), and so no other lock's token may look like it.
pub(super) fn wants(permits: u32) -> ParkToken {
    ParkToken(!(permits as usize))
}

/// How many permits the waiter wants, if it waits for a semaphore.
fn wanted(ParkToken(token): ParkToken) -> Option<usize> {
    let permits = !token;
    (permits <= MAX_PERMITS).then_some(permits)
}

/// The key of the chair: inside the semaphore, so that no other lock has it as long as the semaphore lives.
pub(super) fn chair(key: usize) -> usize {
    key + 2
}

impl RawSemaphore {
    /// Permits have come to a semaphore in this state.
    ///
    /// # Safety
    /// `key` is that of a semaphore. It may be gone.
    #[cold]
    pub(super) unsafe fn wake(key: usize, state: usize) {
        if state & SEATED != 0 {
            // SAFETY: our caller's promise.
            unsafe { Self::rouse(key) };
        } else {
            // SAFETY: our caller's promise.
            unsafe { Self::call(key) };
        }
    }

    /// Makes the first in the queue the next in turn, if nobody is, and if there are permits: not necessarily as many
    /// as it wants, or small wishes of those who run might keep a large one from ever being called.
    ///
    /// # Safety
    /// As for [`wake`](Self::wake).
    pub(super) unsafe fn call(key: usize) {
        let semaphore = ptr::with_exposed_provenance::<Self>(key);
        let called = Cell::new(false);
        let choose = |waiter| {
            if wanted(waiter).is_none() {
                return FilterOp::Skip;
            }
            if called.get() {
                return FilterOp::Stop;
            }
            // SAFETY: this waiter parked for permits under this key, so it borrows a semaphore there (invariant 5).
            let semaphore = unsafe { &*semaphore };
            // ORDERING: Relaxed; whoever changed the word after what this reads will come here too, if need be.
            let state = semaphore.state.load(Relaxed);
            if state & CALLED != 0 || state / ONE == 0 {
                return FilterOp::Stop;
            }
            called.set(true);
            FilterOp::Unpark
        };
        let callback = |_, more| {
            if called.get() {
                // SAFETY: as above; the waiter does not know yet that it is woken.
                let semaphore = unsafe { &*semaphore };
                let next = |state| Some((state | CALLED) & !if more { 0 } else { PARKED });
                // ORDERING: Relaxed, both; nothing is given, and the queue's lock orders the flags.
                let _ = semaphore.state.fetch_update(Relaxed, Relaxed, next);
            }
            CALL
        };
        // SAFETY: the semaphore may be gone, but `choose` picks only tokens that are a semaphore's.
        unsafe { parking::unpark_some(key, choose, callback) };
    }

    /// Wakes the thread on the chair if there are enough permits for it, or none to come.
    ///
    /// # Safety
    /// As for [`wake`](Self::wake).
    pub(super) unsafe fn rouse(key: usize) {
        let semaphore = ptr::with_exposed_provenance::<Self>(key);
        let choose = |waiter| {
            let Some(wanted) = wanted(waiter) else {
                return FilterOp::Skip;
            };
            // SAFETY: this waiter sits on the chair of the semaphore with this key, and borrows it (invariant 5).
            let semaphore = unsafe { &*semaphore };
            // ORDERING: Relaxed; as in `call`.
            let state = semaphore.state.load(Relaxed);
            if state & CLOSED == 0 && state / ONE < wanted {
                return FilterOp::Stop;
            }
            // ORDERING: Relaxed; under the chair's lock.
            semaphore.state.fetch_and(!SEATED, Relaxed);
            FilterOp::Unpark
        };
        // SAFETY: the semaphore may be gone, but `choose` picks only tokens that are a semaphore's.
        unsafe { parking::unpark_first(chair(key), choose, || NO_TOKEN) };
    }
}
