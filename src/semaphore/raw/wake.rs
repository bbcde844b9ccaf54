//! Waking the semaphore's waiters, perhaps by a thread that is done with the semaphore. The
//! invariants are those of [`raw`](super).

use super::{ASLEEP, CLOSED, FRONT, ONE, PARKED, RESERVED, RawSemaphore, has_stalled, with_lease};
use crate::parking::{self, BATCH, FilterOp};
use crate::policy::handoff;
use crate::sys::Ordering::Relaxed;
use crate::sys::fork;
use crate::tokens::{KeyOffset, ParkToken, UnparkToken};
use std::cell::Cell;
use std::ptr;

impl RawSemaphore {
    /// The key of the front queue.
    pub(super) fn front_key(&self) -> usize {
        KeyOffset::Front.of(self.key())
    }

    /// Permits have come to a semaphore in this state: wakes threads of its front queue, or calls
    /// the next waiter.
    ///
    /// # Safety
    /// `key` is that of a semaphore. It may be gone.
    #[cold]
    pub(super) unsafe fn wake(key: usize, state: usize) {
        // SAFETY: the caller's promise is the same.
        let woken = state & ASLEEP != 0 && unsafe { Self::wake_front(key) };
        if !woken && state & PARKED != 0 && (state & FRONT == 0 || has_stalled(state)) {
            // SAFETY: the caller's promise is the same.
            unsafe { Self::call(key) };
        }
    }

    /// Makes the first thread in the queue the front waiter, if there is a permit, and if there is
    /// no front waiter or its lease is over. There need not be as many permits as the thread wants:
    /// else running threads that want few might keep one that wants many from ever being called.
    ///
    /// # Safety
    /// As for [`wake`](Self::wake).
    pub(super) unsafe fn call(key: usize) {
        let semaphore = ptr::with_exposed_provenance::<Self>(key);
        let called = Cell::new(false);
        let choose = |waiter| {
            if waiter != ParkToken::Semaphore {
                return FilterOp::Skip;
            }
            if called.get() {
                return FilterOp::Stop;
            }
            // SAFETY: this waiter parked for permits here, so it borrows a semaphore (S5).
            let semaphore = unsafe { &*semaphore };
            // ORDERING: Relaxed; a thread that changes the word later comes here, if need be (S3).
            let state = semaphore.state.load(Relaxed);
            if state & FRONT != 0 && !has_stalled(state) || state / ONE == 0 {
                return FilterOp::Stop;
            }
            called.set(true);
            FilterOp::Unpark
        };
        let callback = |_, more| {
            if called.get() {
                // SAFETY: see above; the waiter has not been told yet that it is woken.
                let semaphore = unsafe { &*semaphore };
                let next = |state| {
                    let state = if has_stalled(state) {
                        state & !RESERVED
                    } else {
                        state
                    };
                    Some((with_lease(state) | FRONT) & !if more { 0 } else { PARKED })
                };
                // ORDERING: Relaxed, both; nothing is given, and the queue's lock orders the flags.
                let _ = semaphore.state.fetch_update(Relaxed, Relaxed, next);
                handoff::record(key);
            }
            UnparkToken::Called
        };
        // SAFETY: the semaphore may be gone, but `choose` picks only tokens of semaphores.
        unsafe { parking::unpark_some(key, choose, callback) };
    }

    /// Wakes each thread in the front queue for which there may be enough permits; all of them, if
    /// the semaphore is closed. Mostly there is one, and several if some came after their leases.
    /// Returns whether it woke any.
    ///
    /// # Safety
    /// As for [`wake`](Self::wake).
    pub(super) unsafe fn wake_front(key: usize) -> bool {
        let mut any = false;
        loop {
            // SAFETY: the caller's promise is the same.
            let woken = unsafe { Self::wake_front_batch(key) };
            any |= woken > 0;
            if woken < BATCH {
                return any;
            }
        }
    }

    /// As [`wake_front`](Self::wake_front), for as many as one batch holds. Returns their number.
    ///
    /// # Safety
    /// As for [`wake`](Self::wake).
    unsafe fn wake_front_batch(key: usize) -> usize {
        let semaphore = ptr::with_exposed_provenance::<Self>(key);
        let woken = Cell::new(0);
        let unwatched = Cell::new(false);
        let choose = |waiter| {
            let ParkToken::Front(wanted) = waiter else {
                return FilterOp::Skip;
            };
            if woken.get() == BATCH {
                return FilterOp::Stop;
            }
            // SAFETY: this waiter sleeps in this front queue, and borrows its semaphore (S5).
            let semaphore = unsafe { &*semaphore };
            // ORDERING: Relaxed; see `call`.
            let state = semaphore.state.load(Relaxed);
            if state & CLOSED == 0 && state / ONE < wanted as usize {
                return FilterOp::Skip;
            }
            woken.set(woken.get() + 1);
            FilterOp::Unpark
        };
        let callback = |_, more: bool| {
            if woken.get() > 0 {
                // SAFETY: see above; the waiter has not been told yet that it is woken.
                let semaphore = unsafe { &*semaphore };
                let next = |state| Some(with_lease(state) & !if more { 0 } else { ASLEEP });
                // ORDERING: Relaxed, both; under the front queue's lock.
                let before = semaphore.state.fetch_update(Relaxed, Relaxed, next);
                let parked = before.is_ok_and(|state| state & PARKED != 0);
                unwatched.set(parked && !more);
            }
            UnparkToken::Nothing
        };
        let front = KeyOffset::Front.of(key);
        // SAFETY: the semaphore may be gone, but `choose` picks only tokens of semaphores.
        unsafe { parking::unpark_some(front, choose, callback) };
        if unwatched.get() {
            parking::call_watcher(key);
        }
        woken.get()
    }

    /// The word says that a thread sleeps in the front queue. In the child of a fork, if none does
    /// in this process, ends the turn and returns true.
    #[cold]
    pub(super) fn has_ended_inherited_turn(&self) -> bool {
        if fork::generation() == 0 {
            return false;
        }
        let is_empty = Cell::new(true);
        let choose = |waiter| {
            is_empty.set(is_empty.get() && !matches!(waiter, ParkToken::Front(_)));
            FilterOp::Skip
        };
        let callback = |_, _| {
            if is_empty.get() {
                // ORDERING: Relaxed; under the front queue's lock.
                self.state.fetch_and(!(ASLEEP | FRONT | RESERVED), Relaxed);
            }
            UnparkToken::Nothing
        };
        // SAFETY: we borrow the semaphore.
        unsafe { parking::unpark_some(self.front_key(), choose, callback) };
        is_empty.get()
    }
}
