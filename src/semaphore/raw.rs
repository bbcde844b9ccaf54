//! The semaphore's state machine: a count of permits, a queue of waiters, and one front waiter.
//!
//! ```text
//! usize::BITS-1      9   8     5      4         3        2        1        0
//! +--------------------+-------+----------+--------+--------+--------+--------+
//! |      permits       | lease | RESERVED | ASLEEP |  FRONT | PARKED | CLOSED |
//! +--------------------+-------+----------+--------+--------+--------+--------+
//! ```
//!
//! A waiter parks in the queue. A thread that brings permits *calls* the first waiter there, unless
//! there is a *front waiter* already. The called thread becomes the front waiter, which is next. It
//! is given nothing. It tries by itself, beside running threads that may take permits ahead of it
//! (barging). While there are too few permits for it, it sleeps in a second queue, the *front
//! queue*, and each thread that brings enough permits wakes it. When it has taken its permits and
//! others are left, it calls the next waiter.
//!
//! A thread that brings permits later than a handoff interval ([`handoff`]) after the call makes a
//! *reservation*: from then on no other thread takes permits until the front waiter has as many as
//! it wants. (While the front waiter is awake, only each tenth release of a thread asks the clock.
//! The front waiter does not make the reservation itself. Mostly it is late because it has no
//! processor; and the threads that are refused permits from then on leave their processors to it.)
//!
//! The front waiter may be stopped at any time, so its turn is on a lease ([`lease`]). The lease
//! begins anew with a reservation, and when the front waiter is woken from the front queue. It does
//! not end while the front waiter sleeps there. When it is over, any thread may take the reserved
//! permits. And a thread that brings permits, or a watcher, may end the front waiter's turn and
//! call the next. For while a front waiter is on its way, one thread of the queue watches, as
//! [`waiters`](crate::waiters) describes: it looks when it has napped for as long as a lease lasts.
//! Each thread that is parked behind others looks now and then, because any number of them may be
//! stopped.
//!
//! So there may be several called threads: the front waiter, and others that did not come during
//! their leases. When one of these others has its permits, it ends the front waiter's turn, unless
//! a thread sleeps in the front queue. That costs order and wake-ups, and loses nothing. Several
//! called threads may sleep in the front queue at once. So arriving permits wake each of them for
//! which they may be enough.
//!
//! In the child of a fork the word may say that a thread sleeps in the front queue, though none
//! does. There a thread that is refused permits looks into that queue, and ends the turn if it is
//! empty.
//!
//! | `FRONT` | `ASLEEP` | `RESERVED` | the front waiter |
//! |---|---|---|---|
//! | 0 | 0 | 0 | there is none: the first in the queue, if there is one, sleeps there |
//! | 1 | 0 | 0 | is awake, or being woken, and tries |
//! | 1 | 1 | 0 | sleeps in the front queue |
//! | 1 | 0 | 1 | is awake, and all permits are reserved for it |
//! | 1 | 1 | 1 | sleeps in the front queue, and all permits are reserved for it |
//! | 0 | 1 | 0 | there is none; a called thread whose turn was ended sleeps in the front queue |
//!
//! ## Invariants
//! - **S1.** `PARKED` is set exactly while a thread is in the queue, and changes only under its
//!   lock. `ASLEEP` is the same for the front queue.
//! - **S2.** `FRONT` is set only under the queue's lock, as the first thread is taken out of the
//!   queue, and only if it is not set, or the front waiter's lease is over. The called thread
//!   clears `FRONT` when its turn ends, unless another sleeps in the front queue. A watcher may
//!   clear `FRONT` and `RESERVED` before. Only called threads sleep in the front queue.
//! - **S3.** At rest, there are too few permits for each thread in the front queue. If there is no
//!   front waiter either, there are too few for each thread in the queue. When a thread parked,
//!   there were too few for it, or they were reserved. A thread that brings permits or clears
//!   `FRONT` sees in
//!   the word that it changed whether a waiter is to be woken. Then it wakes that waiter, or the
//!   one that is in its place by then.
//! - **S4.** `CLOSED` is set once. From then on no thread joins a queue, and none is in one for
//!   longer than it takes to wake all.
//! - **S5.** A thread that has given back its permits touches the semaphore no more. The exception:
//!   under the lock of a queue, it finds a thread there that waits for permits. That thread borrows
//!   the semaphore at this address, so one exists there (perhaps another one).
//! - **S6.** While a front waiter is on its way (`is_expected`) and others are in the queue, one of
//!   them watches (W of [`waiters`](crate::waiters)). A thread that wakes a front waiter tells one
//!   of them to watch.
//!
//! ## Fairness
//! Waiters get their permits in the order in which they came: one is the front waiter, the others
//! are behind it. Running threads overtake all of them, but only until a handoff interval after the
//! call; then the next permits are reserved for the front waiter. So there is at most one
//! reservation for each handoff interval, however many threads wait. (A reservation may leave
//! permits idle for as long as it takes to wake a thread.) So a waiter waits at most one handoff
//! interval for each waiter that came before it, and beyond that until permits are given back.

mod wait;
mod wake;

use crate::parking;
use crate::policy::handoff;
use crate::policy::lease;
use crate::raw::{MAX_PERMITS, TryAcquireError, check_initial, check_wanted, too_many_permits};
use crate::sys::Ordering::{Acquire, Relaxed, Release};
use crate::sys::deadline::Deadline;
use crate::sys::{AtomicUsize, const_fn, only_in_models};
use crate::tokens::UnparkToken;
use std::cell::Cell;

const CLOSED: usize = 1;
const PARKED: usize = 2;
const FRONT: usize = 4;
const ASLEEP: usize = 8;
const RESERVED: usize = 16;
/// The unit of the lease: the time when the turn or the reservation began, or when the front waiter
/// was last woken from the front queue.
const ONE_LEASE: usize = 32;
const LEASES: u32 = 16;
const LEASE: usize = ONE_LEASE * (LEASES as usize - 1);
const ONE: usize = 512;

/// Whether permits that were brought to this state may be for a parked thread. `is_late` says that
/// the handoff interval is over: only then it is asked whether the front waiter has stalled.
#[cold]
fn is_awaited(state: usize, is_late: bool) -> bool {
    state & ASLEEP != 0 || state & FRONT == 0 || is_late && has_stalled(state)
}

/// The state with all permits reserved for the front waiter, if there is one that has not stalled.
fn with_reservation(state: usize) -> usize {
    match state & (FRONT | RESERVED) == FRONT && !has_stalled(state) {
        true => with_lease(state) | RESERVED,
        false => state,
    }
}

fn lease_of(state: usize) -> u32 {
    ((state & LEASE) / ONE_LEASE) as u32
}

/// Whether the permits are reserved for a front waiter.
fn is_reserved(state: usize) -> bool {
    let is_over = || lease::is_over(lease_of(state), LEASES);
    state & RESERVED != 0 && (state & ASLEEP != 0 || !is_over())
}

/// The state with a lease that begins now.
fn with_lease(state: usize) -> usize {
    (state & !LEASE) | (lease::begin(LEASES) as usize * ONE_LEASE)
}

/// Whether a front waiter is on its way, so that a thread of the queue must watch (S6).
fn is_expected(state: usize) -> bool {
    state & ASLEEP == 0 && state & (FRONT | RESERVED) != 0
}

/// The state after the turn of an awake thread. Unchanged if another sleeps in the front queue.
fn without_turn(state: usize) -> usize {
    match state & ASLEEP {
        0 => state & !(FRONT | RESERVED),
        _ => state,
    }
}

/// Whether a front waiter was on its way, and has not come during its lease.
fn has_stalled(state: usize) -> bool {
    is_expected(state) && lease::is_over(lease_of(state), LEASES)
}

/// The untyped semaphore, whose permits do not give themselves back.
pub(crate) struct RawSemaphore {
    state: AtomicUsize,
}

impl RawSemaphore {
    const_fn! {
        /// Panics if there are more than `MAX_PERMITS`.
        pub(crate) const fn new(permits: usize) -> Self {
            check_initial(permits);
            RawSemaphore {
                state: AtomicUsize::new(permits * ONE),
            }
        }
    }

    /// Takes permits without waiting.
    #[inline]
    pub(crate) fn try_take(&self, permits: u32) -> Result<(), TryAcquireError> {
        let wanted = check_wanted(permits);
        // ORDERING: Relaxed; the exchange orders.
        let mut state = self.state.load(Relaxed);
        loop {
            if state & CLOSED != 0 {
                return Err(TryAcquireError::Closed);
            }
            if wanted == 0 {
                return Ok(());
            }
            if state / ONE < wanted || is_reserved(state) {
                if state & ASLEEP != 0 && self.has_ended_inherited_turn() {
                    // ORDERING: Relaxed; see above.
                    state = self.state.load(Relaxed);
                    continue;
                }
                return Err(TryAcquireError::NoPermits);
            }
            // ORDERING: Acquire; pairs with the Release in `bring` of these permits.
            match self
                .state
                .compare_exchange_weak(state, state - wanted * ONE, Acquire, Relaxed)
            {
                Ok(_) => return Ok(()),
                Err(now) => state = now,
            }
        }
    }

    #[inline]
    pub(crate) fn take(&self, permits: u32, deadline: Deadline) -> Result<(), TryAcquireError> {
        match self.try_take(permits) {
            Err(TryAcquireError::NoPermits) => self.take_contended(permits, deadline),
            done => done,
        }
    }

    only_in_models! {
        /// No thread waits for the semaphore, or touches it at the same time.
        pub(crate) fn assert_at_rest(&mut self) {
            let state = crate::sys::at_rest!(self.state);
            assert_eq!(state & (ONE - 1) & !CLOSED & !LEASE, 0, "at rest");
        }
    }

    #[inline]
    fn key(&self) -> usize {
        // Exposed, so that a stale wake finds its way back to the semaphore.
        (&raw const *self).expose_provenance()
    }

    /// Panics, and changes nothing, if there would be more than `MAX_PERMITS`.
    #[inline]
    pub(crate) fn add_permits(&self, permits: usize) {
        self.bring(permits, "Semaphore::add_permits");
    }

    /// Takes back acquired permits. Panics, and they are lost, if `MAX_PERMITS` would be exceeded.
    #[inline]
    pub(crate) fn give_back(&self, permits: u32) {
        self.bring(permits as usize, "Permit::drop");
    }

    /// Panics in the name of `method`, and changes nothing, if there would be more than
    /// `MAX_PERMITS`.
    #[inline]
    fn bring(&self, permits: usize, method: &'static str) {
        // ORDERING: Relaxed; the exchange orders.
        let state = self.state.load(Relaxed);
        match state & FRONT {
            0 => self.bring_now(permits, method, state, false),
            _ => self.bring_beside_front_waiter(permits, method, state),
        }
    }

    /// Brings permits while there is a front waiter, and reserves all for it if it is late.
    #[inline(never)]
    fn bring_beside_front_waiter(&self, permits: usize, method: &'static str, state: usize) {
        let key = self.key();
        // Reading the clock takes longer than a release. But where the front waiter sleeps, a look
        // into its queue follows, which takes longer than the clock.
        let is_late = match state & ASLEEP {
            0 => handoff::is_sampled() && handoff::due(key),
            _ => handoff::due(key),
        };
        self.bring_now(permits, method, state, is_late);
    }

    /// The word was `state` a moment ago.
    #[inline(always)]
    fn bring_now(&self, permits: usize, method: &'static str, mut state: usize, is_late: bool) {
        let key = self.key();
        loop {
            if permits > MAX_PERMITS - state / ONE {
                too_many_permits(method);
            }
            let next = state + permits * ONE;
            let next = if is_late {
                with_reservation(next)
            } else {
                next
            };
            // ORDERING: Release; pairs with the Acquire of the thread that takes these permits.
            match self
                .state
                .compare_exchange_weak(state, next, Release, Relaxed)
            {
                Ok(_) => break,
                Err(now) => state = now,
            }
        }
        if state & (ASLEEP | PARKED) != 0 && is_awaited(state, is_late) {
            // SAFETY: the caller keeps nothing of the semaphore (S5).
            unsafe { Self::wake(key, state) };
        }
    }

    /// Returns how many there were to forget.
    pub(crate) fn forget_permits(&self, permits: usize) -> usize {
        let forgotten = Cell::new(0);
        let next = |state: usize| {
            forgotten.set(permits.min(state / ONE));
            Some(state - forgotten.get() * ONE)
        };
        // ORDERING: Relaxed, both; nothing is passed on to another thread.
        let _ = self.state.fetch_update(Relaxed, Relaxed, next);
        forgotten.get()
    }

    pub(crate) fn close(&self) {
        // ORDERING: Relaxed, here and below; a refusal orders nothing.
        let fast = |state| (state & (PARKED | ASLEEP) == 0).then_some(state | CLOSED);
        if self.state.fetch_update(Relaxed, Relaxed, fast).is_ok() {
            return;
        }
        let key = self.key();
        let asleep = Cell::new(false);
        let callback = |_| {
            let next = |state| {
                asleep.set(state & ASLEEP != 0);
                Some((state | CLOSED) & !PARKED)
            };
            // ORDERING: Relaxed; see above. Under the queue's lock.
            let _ = self.state.fetch_update(Relaxed, Relaxed, next);
        };
        // SAFETY: we borrow the semaphore. No waiter learns of the closing before the callback.
        unsafe { parking::unpark_all(key, UnparkToken::Nothing, callback) };
        if asleep.get() {
            // SAFETY: we borrow the semaphore.
            unsafe { Self::wake_front(key) };
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        // ORDERING: Relaxed; the answer may be stale, so it orders nothing.
        self.state.load(Relaxed) & CLOSED != 0
    }

    pub(crate) fn available_permits(&self) -> usize {
        // ORDERING: Relaxed; see `is_closed`.
        self.state.load(Relaxed) / ONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A lease that began so many ticks ago.
    fn lease_since(ticks: u32) -> usize {
        (lease::begin(LEASES).wrapping_sub(ticks) % LEASES) as usize * ONE_LEASE
    }

    /// The flags and permits of a state.
    fn without_lease(state: usize) -> usize {
        state & !LEASE
    }

    #[test]
    fn permits_are_reserved_for_a_front_waiter_that_is_only_late() {
        for state in [FRONT | ONE, FRONT | ASLEEP | PARKED] {
            let reserved = with_reservation(state | lease_since(0));
            assert_eq!(without_lease(reserved), state | RESERVED);
        }
    }

    #[test]
    fn neither_no_turn_nor_a_reservation_nor_a_stall_makes_a_reservation() {
        // (The clock may go on while a busy machine runs other threads: then once more.)
        let unchanged = |state, ticks| {
            (0..1000).any(|_| {
                let state = state | lease_since(ticks);
                with_reservation(state) == state
            })
        };
        assert!(unchanged(ONE | PARKED, 0), "there is no front waiter");
        assert!(unchanged(ONE | FRONT | RESERVED, 1), "one is made already");
        assert!(unchanged(ONE | FRONT, 8), "the front waiter has stalled");
    }
}
