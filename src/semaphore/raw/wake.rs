//! Waking the semaphore's waiters, perhaps by a thread that is done with the semaphore. The
//! invariants are those of [`raw`](super).

use super::{ASLEEP, CLOSED, FRONT, ONE, PARKED, RESERVED, RawSemaphore, has_stalled, with_lease};
use crate::parking::{self, BATCH, FilterOp, NO_TOKEN, ParkToken, UnparkToken};
use crate::policy::handoff;
use crate::sys::Ordering::Relaxed;
use crate::sys::fork;
use std::cell::Cell;
use std::ptr;

/// Unpark token: this thread is the front waiter.
pub(super) const CALL: UnparkToken = UnparkToken(8);

// A wake may be stale (see [`parking`]), so no other lock's park token may be like one of these.

/// The park token of a thread in the queue.
pub(super) fn waiting() -> ParkToken {
    parking::private(4)
}

/// The first token of threads in the front queue.
const FRONT_TOKENS: usize = 8;
/// Numbers of permits below this one have a token each.
const EXACT: u32 = 64;

/// The park token of a thread in the front queue: how many permits it wants, or a little less: six
/// binary digits, and zeros.
pub(super) fn wants(permits: u32) -> ParkToken {
    let index = match permits.checked_ilog2() {
        Some(log) if permits >= EXACT => {
            EXACT + (log - EXACT.ilog2()) * (EXACT / 2) + (permits >> (log - 5)) % (EXACT / 2)
        }
        _ => permits,
    };
    parking::private(FRONT_TOKENS + index as usize)
}

/// How many permits a thread with this token wants at least, if it is in a front queue.
fn wanted(token: ParkToken) -> Option<usize> {
    let index = parking::which_private(token)?.checked_sub(FRONT_TOKENS)?;
    let Some(large) = index.checked_sub(EXACT as usize) else {
        return Some(index);
    };
    let half = EXACT as usize / 2;
    Some((half + large % half) << (large / half + 1))
}

/// The key of the front queue: inside the semaphore, so that no other lock has it meanwhile.
pub(super) fn front(key: usize) -> usize {
    key + 2
}

impl RawSemaphore {
    /// Permits have come to a semaphore in this state: wakes a waiter for them.
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
            if waiter != waiting() {
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
            CALL
        };
        // SAFETY: the semaphore may be gone, but `choose` picks only tokens of semaphores.
        unsafe { parking::unpark_some(key, choose, callback) };
    }

    /// Wakes each thread in the front queue for which there may be enough permits; all of them, if
    /// the semaphore is closed. Mostly there is one, and several if some came after their leases.
    /// Returns whether there was one.
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
            let Some(wanted) = wanted(waiter) else {
                return FilterOp::Skip;
            };
            if woken.get() == BATCH {
                return FilterOp::Stop;
            }
            // SAFETY: this waiter sleeps in this front queue, and borrows its semaphore (S5).
            let semaphore = unsafe { &*semaphore };
            // ORDERING: Relaxed; see `call`.
            let state = semaphore.state.load(Relaxed);
            if state & CLOSED == 0 && state / ONE < wanted {
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
            NO_TOKEN
        };
        // SAFETY: the semaphore may be gone, but `choose` picks only tokens of semaphores. (It
        // would pick those of a reader-writer lock's queue, too. But the key of such a queue is
        // aligned as a word, and this key is not.)
        unsafe { parking::unpark_some(front(key), choose, callback) };
        if unwatched.get() {
            parking::call_watcher(key);
        }
        woken.get()
    }

    /// In the child of a fork: whether the word says that a thread sleeps in the front queue that
    /// is not in this process. Then its turn is over.
    #[cold]
    pub(super) fn has_ended_inherited_turn(&self) -> bool {
        if fork::generation() == 0 {
            return false;
        }
        let is_empty = Cell::new(true);
        let choose = |waiter| {
            is_empty.set(is_empty.get() && wanted(waiter).is_none());
            FilterOp::Skip
        };
        let callback = |_, _| {
            if is_empty.get() {
                // ORDERING: Relaxed; under the front queue's lock.
                self.state.fetch_and(!(ASLEEP | FRONT | RESERVED), Relaxed);
            }
            NO_TOKEN
        };
        // SAFETY: we borrow the semaphore.
        unsafe { parking::unpark_some(front(self.key()), choose, callback) };
        is_empty.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn front_token_tells_wanted_permits_or_a_little_less() {
        let near_powers = (0..32).flat_map(|log| [-1, 0, 1].map(|near| (1_i64 << log) + near));
        let all = (0..5000).chain(near_powers).chain([i64::from(u32::MAX)]);
        for permits in all.filter_map(|permits| u32::try_from(permits).ok()) {
            let told = wanted(wants(permits)).expect("it is a index");
            let wanted = permits as usize;
            assert!(
                told <= wanted && wanted - told <= wanted / 32,
                "{permits}: {told}"
            );
            assert!(permits >= EXACT || told == wanted);
        }
    }

    #[test]
    fn tokens_of_other_locks_are_no_front_tokens() {
        let others = [waiting(), ParkToken(0), ParkToken(0x1234), ParkToken(!0)];
        assert!(others.into_iter().all(|token| wanted(token).is_none()));
    }
}
