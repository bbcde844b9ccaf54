//! The semaphore's state machine: a count of permits, a first-come queue, and a chair for the next in turn.
//!
//! ```text
//! usize::BITS-1      9   8     5      4         3        2        1        0
//! +--------------------+-------+----------+--------+--------+--------+--------+
//! |      permits       | lease | RESERVED | SEATED | CALLED | PARKED | CLOSED |
//! +--------------------+-------+----------+--------+--------+--------+--------+
//! ```
//!
//! A thread that waits parks in the queue. Whoever brings permits *calls* the first one there, unless one has been
//! called already. The called thread is the next: it is given nothing, but tries by itself, beside others who run and
//! may take permits ahead of it (barging). While there are too few for it, it sleeps on the *chair*, a second queue
//! that never holds anybody else, and whoever brings permits wakes it again. Once it has waited for [`Patience`](crate::primitive::Patience)
//! since it was called, it *reserves*: from then on nobody else takes permits, until it has as many as it wants.
//! Having taken them it calls the next, if permits are left.
//!
//! The called thread may be stopped at any time ([`lease`]). So its turn is on a lease, which
//! begins anew when it reserves, and when it is woken from the chair. When that is over, what it
//! has reserved is free for any thread, and its turn may be ended by a thread that calls the next:
//! by one that brings permits, or by a watcher. For while a called thread is on its way, one of
//! those in the queue watches, as [`waiters`](crate::waiters) has it: when it has slept for as long
//! as a lease lasts, it looks. And as there, each that is parked behind others looks now and then,
//! since any number of them may be stopped.
//!
//! So there may be several called threads, of which all but one come late: each ends a turn that is not
//! its own. That costs order and wake-ups, and loses nothing. They may even sit on the chair together.
//! So permits that come wake each of them for which they may be enough.
//!
//! In the child of a fork no thread sits on the chair, whatever the word says. There a thread that is
//! refused looks at the chair itself, and ends the turn if it is empty.
//!
//! | `CALLED` | `SEATED` | `RESERVED` | the next in turn |
//! |---|---|---|---|
//! | 0 | 0 | 0 | is not known: the first in the queue, if there is one, sleeps there |
//! | 1 | 0 | 0 | is awake, or being woken, and tries |
//! | 1 | 1 | 0 | sleeps on the chair, and no longer than its patience lasts |
//! | 1 | 0 | 1 | is awake, and all permits are for it |
//! | 1 | 1 | 1 | sleeps on the chair, and all permits are for it |
//!
//! ## Invariants
//! 1. `PARKED` is set exactly while a thread is in the queue, and changes only under its lock. `SEATED` is the same
//!    for the chair.
//! 2. `CALLED` is set only under the queue's lock, together with taking the first thread out of the queue, and while
//!    it is not set, or its lease is over. That thread clears it when its turn ends, and only called
//!    threads sit on the chair. A watcher may clear it, and `RESERVED`, before.
//! 3. At rest, there are too few permits for each thread on the chair, and if none is called, for
//!    each in the queue. So it was when they came to sleep there, or else permits were reserved. A thread
//!    that brings permits or clears `CALLED` sees in the word that it changed whether one is to be woken:
//!    then it goes to wake that one, or another that is in its place by then.
//! 4. `CLOSED` is set once, and then nobody is in the queue or on the chair for longer than it takes to wake them, nor
//!    comes there.
//! 5. A thread that has given back its permits touches the semaphore no more, unless it finds, under the lock of the
//!    queue or the chair, a thread that waits for permits: that thread borrows the semaphore, so it is alive.
//! 6. While a called thread is on its way (`is_expected`) and others are in the queue, one of them
//!    watches (invariant W of [`waiters`](crate::waiters)). A thread that wakes one on the chair
//!    calls a watcher in the queue.
//!
//! ## Fairness
//! Those who sleep get their permits in the order in which they came: one is the next, and the others are behind it.
//! Those who run pass all of them, but only until the next in turn has been patient for half a millisecond; then the
//! next permits are for it. So there is at most one such hand-over for every half a millisecond (a hand-over may
//! leave permits idle for as long as it takes to wake a thread), however many wait, and each who sleeps waits at most
//! so long for each that came before it, and of course for permits to be given back.

mod wait;
mod wake;

use super::TryAcquireError;
use crate::deadline::Deadline;
use crate::lease;
use crate::parking::{self, NO_TOKEN};
use crate::primitive::Ordering::{Acquire, Relaxed, Release};
use crate::primitive::{AtomicUsize, const_fn};
use std::cell::Cell;

const CLOSED: usize = 1;
const PARKED: usize = 2;
const CALLED: usize = 4;
const SEATED: usize = 8;
const RESERVED: usize = 16;
/// When the turn began, or the reservation, or was renewed.
const ONE_LEASE: usize = 32;
const LEASES: u32 = 16;
const LEASE: usize = ONE_LEASE * (LEASES as usize - 1);
const ONE: usize = 512;

pub(crate) const MAX_PERMITS: usize = usize::MAX >> 10;

/// Whether a thread sleeps for which permits may be enough now.
#[inline]
fn is_awaited(state: usize) -> bool {
    state & (SEATED | PARKED) != 0 && is_awaited_by(state)
}

/// As above, if there is one that sleeps.
#[cold]
fn is_awaited_by(state: usize) -> bool {
    let has_stalled = || lease::is_over_by_sample(lease_of(state), LEASES);
    state & SEATED != 0 || state & CALLED == 0 || has_stalled()
}

fn lease_of(state: usize) -> u32 {
    ((state & LEASE) / ONE_LEASE) as u32
}

/// Whether permits are kept for the called thread.
fn is_reserved(state: usize) -> bool {
    let is_over = || lease::is_over(lease_of(state), LEASES);
    state & RESERVED != 0 && (state & SEATED != 0 || !is_over())
}

/// The state with a lease that begins now.
fn with_lease(state: usize) -> usize {
    (state & !LEASE) | (lease::begin(LEASES) as usize * ONE_LEASE)
}

/// Whether the called thread is on its way, so that it is to be watched over.
fn is_expected(state: usize) -> bool {
    state & SEATED == 0 && state & (CALLED | RESERVED) != 0
}

/// The state when the turn of a thread is over, which does not sit on the chair: not if another one does.
fn without_turn(state: usize) -> usize {
    match state & SEATED {
        0 => state & !(CALLED | RESERVED),
        _ => state,
    }
}

/// Whether the called thread was on its way, and has not come while its lease lasted.
fn has_stalled(state: usize) -> bool {
    is_expected(state) && lease::is_over(lease_of(state), LEASES)
}

/// The untyped semaphore, without permits that give themselves back.
pub(crate) struct RawSemaphore {
    state: AtomicUsize,
}

impl RawSemaphore {
    const_fn! {
        /// Panics if there are more than `MAX_PERMITS`.
        pub(crate) const fn new(permits: usize) -> Self {
            assert!(
                permits <= MAX_PERMITS,
                "Semaphore::new: more than MAX_PERMITS permits"
            );
            RawSemaphore {
                state: AtomicUsize::new(permits * ONE),
            }
        }
    }

    /// Takes permits without waiting.
    #[inline]
    pub(crate) fn try_take(&self, permits: u32) -> Result<(), TryAcquireError> {
        let wanted = permits as usize;
        assert!(
            wanted <= MAX_PERMITS,
            "Semaphore::acquire_many: more than MAX_PERMITS permits"
        );
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
                if state & SEATED != 0 && self.has_ended_inherited_turn() {
                    // ORDERING: as above.
                    state = self.state.load(Relaxed);
                    continue;
                }
                return Err(TryAcquireError::NoPermits);
            }
            // ORDERING: Acquire pairs with the Release of whoever gave these permits back.
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

    /// For models: nobody waits, or touches it at the same time as this.
    #[cfg(loom)]
    pub(crate) fn assert_at_rest(&mut self) {
        let state = crate::primitive::at_rest!(self.state);
        assert_eq!(state & (ONE - 1) & !CLOSED & !LEASE, 0, "at rest");
    }

    #[inline]
    fn key(&self) -> usize {
        // Exposed, so that whoever wakes late may find the way back to it.
        (&raw const *self).expose_provenance()
    }

    /// Panics, and changes nothing, if there would be more than `MAX_PERMITS`.
    #[inline]
    pub(crate) fn add_permits(&self, permits: usize) {
        self.bring(permits, "Semaphore::add_permits");
    }

    /// Takes back permits that were acquired. Panics, and they are lost, if there would be more than
    /// `MAX_PERMITS`.
    #[inline]
    pub(crate) fn give_back(&self, permits: u32) {
        self.bring(permits as usize, "Permit::drop");
    }

    /// Panics in the name of `method`, and changes nothing, if there would be more than
    /// `MAX_PERMITS`.
    #[inline]
    fn bring(&self, permits: usize, method: &'static str) {
        let key = self.key();
        // ORDERING: Relaxed; the exchange orders.
        let mut state = self.state.load(Relaxed);
        loop {
            if permits > MAX_PERMITS - state / ONE {
                too_many_permits(method);
            }
            // ORDERING: Release pairs with the Acquire of the thread that takes these permits.
            match self
                .state
                .compare_exchange_weak(state, state + permits * ONE, Release, Relaxed)
            {
                Ok(_) => break,
                Err(now) => state = now,
            }
        }
        if is_awaited(state) {
            // SAFETY: nothing is left in our hands.
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
        // ORDERING: Relaxed, both; nothing is handed on to anybody.
        let _ = self.state.fetch_update(Relaxed, Relaxed, next);
        forgotten.get()
    }

    pub(crate) fn close(&self) {
        // ORDERING: Relaxed, here and below: being refused orders nothing.
        let fast = |state| (state & (PARKED | SEATED) == 0).then_some(state | CLOSED);
        if self.state.fetch_update(Relaxed, Relaxed, fast).is_ok() {
            return;
        }
        let key = self.key();
        let seated = Cell::new(false);
        let callback = |_| {
            let next = |state| {
                seated.set(state & SEATED != 0);
                Some((state | CLOSED) & !PARKED)
            };
            // ORDERING: as above; under the queue's lock.
            let _ = self.state.fetch_update(Relaxed, Relaxed, next);
        };
        // SAFETY: we borrow the semaphore; those who could let it go learn that it is closed from the callback.
        unsafe { parking::unpark_all(key, NO_TOKEN, callback) };
        if seated.get() {
            // SAFETY: we borrow the semaphore.
            unsafe { Self::rouse(key) };
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        // ORDERING: Relaxed; an answer that may be old orders nothing.
        self.state.load(Relaxed) & CLOSED != 0
    }

    pub(crate) fn available_permits(&self) -> usize {
        // ORDERING: as in `is_closed`.
        self.state.load(Relaxed) / ONE
    }
}

#[cold]
fn too_many_permits(method: &str) -> ! {
    panic!("{method}: more than MAX_PERMITS ({MAX_PERMITS}) permits");
}
