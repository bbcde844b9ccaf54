//! The semaphore's state machine: a count of permits, a first-come queue, and a chair for the next in turn.
//!
//! ```text
//! usize::BITS-1           5          4         3         2        1        0
//! +-------------------------+----------+--------+--------+--------+--------+
//! |         permits         | RESERVED | SEATED | CALLED | PARKED | CLOSED |
//! +-------------------------+----------+--------+--------+--------+--------+
//! ```
//!
//! A thread that waits parks in the queue. Whoever brings permits *calls* the first one there, unless one has been
//! called already. The called thread is the next: it is given nothing, but tries by itself, beside others who run and
//! may take permits ahead of it (barging). While there are too few for it, it sleeps on the *chair*, a second queue
//! that never holds anybody else, and whoever brings permits wakes it again. Once it has waited for [`Patience`]
//! since it was called, it *reserves*: from then on nobody else takes permits, until it has as many as it wants.
//! Having taken them it calls the next, if permits are left.
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
//!    it is not set. Only that thread clears it, and it alone sets and clears `RESERVED`, and sits on the chair.
//! 3. At rest, there are too few permits for the thread on the chair, or, if none is called, for each in the queue.
//!    So it was when they came to sleep there, or else permits were reserved for the one that was called. Whoever
//!    brings permits or clears `CALLED` sees in the word that it changed whether somebody is to be woken: then it
//!    goes to wake that one, or whoever is in its place by then.
//! 4. `CLOSED` is set once, and then nobody is in the queue or on the chair for longer than it takes to wake them, nor
//!    comes there.
//! 5. A thread that has given back its permits touches the semaphore no more, unless it finds, under the lock of the
//!    queue or the chair, a thread that waits for permits: that thread borrows the semaphore, so it is alive.
//!
//! ## Fairness
//! Those who sleep get their permits in the order in which they came: one is the next, and the others are behind it.
//! Those who run pass all of them, but only until the next in turn has been patient for half a millisecond; then the
//! next permits are for it. So there is at most one such hand-over for every half a millisecond (a hand-over may
//! leave permits idle for as long as it takes to wake a thread), however many wait, and each who sleeps waits at most
//! so long for each that came before it, and of course for permits to be given back.

use super::TryAcquireError;
use crate::deadline::Deadline;
use crate::parking::{self, FilterOp, NO_TOKEN, ParkResult, ParkToken, UnparkToken};
use crate::primitive::Ordering::{Acquire, Relaxed, Release};
use crate::primitive::{AtomicUsize, Patience, const_fn};
use crate::spin::Spin;
use std::cell::Cell;
use std::ptr;

const CLOSED: usize = 1;
const PARKED: usize = 2;
const CALLED: usize = 4;
const SEATED: usize = 8;
const RESERVED: usize = 16;
const ONE: usize = 32;

/// Leaves room in the word for permits that are given back while there are too many already.
pub(super) const MAX_PERMITS: usize = usize::MAX >> 6;

/// Unpark token: you are the next.
const CALL: UnparkToken = UnparkToken(8);

/// Whether somebody sleeps for whom permits may be enough now.
fn is_awaited(state: usize) -> bool {
    state & SEATED != 0 || state & (PARKED | CALLED) == PARKED
}

/// What a waiter parks with: how many permits it wants, inverted, so that it is neither an address nor a small
/// number. Permits are often given back late (see [`parking`]), and so no other lock's token may look like it.
fn wants(permits: u32) -> ParkToken {
    ParkToken(!(permits as usize))
}

/// How many permits the waiter wants, if it waits for a semaphore.
fn wanted(ParkToken(token): ParkToken) -> Option<usize> {
    let permits = !token;
    (permits <= MAX_PERMITS).then_some(permits)
}

/// The key of the chair: inside the semaphore, so that no other lock has it as long as the semaphore lives.
fn chair(key: usize) -> usize {
    key + 2
}

/// The untyped semaphore, without permits that give themselves back.
pub(super) struct RawSemaphore {
    state: AtomicUsize,
}

impl RawSemaphore {
    const_fn! {
        /// Panics if there are more than `MAX_PERMITS`.
        pub(super) const fn new(permits: usize) -> Self {
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
    pub(super) fn try_take(&self, permits: u32) -> Result<(), TryAcquireError> {
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
            if state & RESERVED != 0 || state / ONE < wanted {
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
    pub(super) fn take(&self, permits: u32, deadline: Deadline) -> Result<(), TryAcquireError> {
        match self.try_take(permits) {
            Err(TryAcquireError::NoPermits) => self.take_contended(permits, deadline),
            done => done,
        }
    }

    #[cold]
    fn take_contended(&self, permits: u32, deadline: Deadline) -> Result<(), TryAcquireError> {
        let mut spin = Spin::new();
        loop {
            match self.try_take(permits) {
                Err(TryAcquireError::NoPermits) => {}
                done => return done,
            }
            if spin.again() {
                continue;
            }
            match self.park(permits, deadline) {
                ParkResult::Unparked(CALL) => return self.take_in_turn(permits, deadline),
                ParkResult::Unparked(_) => return Err(TryAcquireError::Closed),
                // If we were the first: there are too few permits also for those behind us (invariant 3).
                ParkResult::TimedOut => return Err(TryAcquireError::TimedOut),
                ParkResult::Invalid => {}
            }
        }
    }

    /// What the thread that was called does.
    fn take_in_turn(&self, permits: u32, deadline: Deadline) -> Result<(), TryAcquireError> {
        let mut patience = Patience::new();
        let mut reserved = false;
        let mut spin = Spin::new();
        loop {
            match self.try_take_in_turn(permits) {
                Err(TryAcquireError::NoPermits) => {}
                done => return done,
            }
            if spin.again() {
                continue;
            }
            let limit = match patience.left() {
                Some(left) => Deadline::after(left),
                None if !reserved => {
                    // ORDERING: Relaxed; it only keeps others from taking what `try_take_in_turn` will take.
                    self.state.fetch_or(RESERVED, Relaxed);
                    reserved = true;
                    spin = Spin::new();
                    continue;
                }
                None => Deadline::NEVER,
            };
            match self.sit(permits, deadline.min(limit)) {
                ParkResult::TimedOut if deadline.passed() => {
                    self.call_next(self.end_turn());
                    return Err(TryAcquireError::TimedOut);
                }
                ParkResult::Unparked(_) => spin = Spin::new(),
                ParkResult::TimedOut | ParkResult::Invalid => {}
            }
        }
    }

    fn try_take_in_turn(&self, permits: u32) -> Result<(), TryAcquireError> {
        let wanted = permits as usize;
        // ORDERING: Relaxed; the exchange orders.
        let mut state = self.state.load(Relaxed);
        loop {
            if state & CLOSED != 0 {
                self.end_turn();
                return Err(TryAcquireError::Closed);
            }
            if state / ONE < wanted {
                return Err(TryAcquireError::NoPermits);
            }
            let next = (state - wanted * ONE) & !(CALLED | RESERVED);
            // ORDERING: Acquire pairs with the Release of whoever gave these permits back.
            match self
                .state
                .compare_exchange_weak(state, next, Acquire, Relaxed)
            {
                Ok(_) => {
                    self.call_next(next);
                    return Ok(());
                }
                Err(now) => state = now,
            }
        }
    }

    /// The called thread gives up its turn. Returns the state that it leaves.
    fn end_turn(&self) -> usize {
        let turn = CALLED | RESERVED;
        // ORDERING: Relaxed; nothing is handed on to anybody.
        self.state.fetch_and(!turn, Relaxed) & !turn
    }

    /// After a change to this state that may have let somebody else be the next.
    fn call_next(&self, state: usize) {
        if state & PARKED != 0 && state / ONE > 0 {
            // SAFETY: `call` may be late, and here it is not even that: we borrow the semaphore.
            unsafe { Self::call(self.key()) };
        }
    }

    /// Sleeps in the queue, unless there is no more reason to.
    fn park(&self, permits: u32, deadline: Deadline) -> ParkResult {
        let validate = || {
            let wait = |state| {
                let refused = state & CLOSED != 0;
                let enough = state & RESERVED == 0 && state / ONE >= permits as usize;
                (!refused && !enough).then_some(state | PARKED)
            };
            // ORDERING: Relaxed, both; the word itself orders this against those who change it, and the queue's lock
            // those whom it makes come here.
            self.state.fetch_update(Relaxed, Relaxed, wait).is_ok()
        };
        let timed_out = |_, last| {
            // Or else we were the last of those that `close` has moved to a queue of its own: then it is clear already.
            if last {
                // ORDERING: Relaxed; under the queue's lock.
                self.state.fetch_and(!PARKED, Relaxed);
            }
        };
        // SAFETY: the key is our address, and we are borrowed.
        unsafe {
            parking::park(
                self.key(),
                wants(permits),
                deadline,
                validate,
                || {},
                timed_out,
            )
        }
    }

    /// Sleeps on the chair, unless there is no more reason to. Only for the called thread.
    fn sit(&self, permits: u32, deadline: Deadline) -> ParkResult {
        let validate = || {
            let wait = |state| {
                let too_few = state / ONE < permits as usize;
                (state & CLOSED == 0 && too_few).then_some(state | SEATED)
            };
            // ORDERING: Relaxed, both; as in `park`.
            self.state.fetch_update(Relaxed, Relaxed, wait).is_ok()
        };
        let timed_out = |_, _| {
            // ORDERING: Relaxed; under the chair's lock.
            self.state.fetch_and(!SEATED, Relaxed);
        };
        let key = chair(self.key());
        // SAFETY: the key is an address inside us, and we are borrowed.
        unsafe { parking::park(key, wants(permits), deadline, validate, || {}, timed_out) }
    }

    /// For models: nobody waits, or touches it at the same time as this.
    #[cfg(loom)]
    pub(super) fn assert_at_rest(&mut self) {
        self.state
            .with_mut(|state| assert_eq!(*state % ONE & !CLOSED, 0, "at rest"));
    }

    #[inline]
    fn key(&self) -> usize {
        // Exposed, so that whoever wakes late may find the way back to it.
        (&raw const *self).expose_provenance()
    }

    /// Panics, and changes nothing, if there would be more than `MAX_PERMITS`.
    #[inline]
    pub(super) fn add_permits(&self, permits: usize) {
        let key = self.key();
        // ORDERING: Relaxed; the exchange orders.
        let mut state = self.state.load(Relaxed);
        loop {
            if permits > MAX_PERMITS.saturating_sub(state / ONE) {
                too_many_permits();
            }
            // ORDERING: Release pairs with the Acquire of whoever takes these permits.
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

    /// Takes back permits that were acquired. Panics, and forgets them, if there are too many already.
    #[inline]
    pub(super) fn give_back(&self, permits: u32) {
        if cfg!(target_pointer_width = "32") {
            // The sum might not fit in the word.
            return self.add_permits(permits as usize);
        }
        let key = self.key();
        // ORDERING: Release pairs with the Acquire of whoever takes these permits.
        let state = self.state.fetch_add(permits as usize * ONE, Release);
        if state / ONE > MAX_PERMITS {
            // ORDERING: Relaxed; nobody is given anything.
            self.state.fetch_sub(permits as usize * ONE, Relaxed);
            too_many_permits();
        }
        if is_awaited(state) {
            // SAFETY: nothing is left in our hands.
            unsafe { Self::wake(key, state) };
        }
    }

    /// Permits have come to a semaphore in this state.
    ///
    /// # Safety
    /// `key` is that of a semaphore. It may be gone.
    #[cold]
    unsafe fn wake(key: usize, state: usize) {
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
    unsafe fn call(key: usize) {
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
    unsafe fn rouse(key: usize) {
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

    /// Returns how many there were to forget.
    pub(super) fn forget_permits(&self, permits: usize) -> usize {
        let forgotten = Cell::new(0);
        let next = |state: usize| {
            forgotten.set(permits.min(state / ONE));
            Some(state - forgotten.get() * ONE)
        };
        // ORDERING: Relaxed, both; nothing is handed on to anybody.
        let _ = self.state.fetch_update(Relaxed, Relaxed, next);
        forgotten.get()
    }

    pub(super) fn close(&self) {
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
            // SAFETY: `rouse` may be late.
            unsafe { Self::rouse(key) };
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        // ORDERING: Relaxed; an answer that may be old orders nothing.
        self.state.load(Relaxed) & CLOSED != 0
    }

    pub(super) fn available_permits(&self) -> usize {
        // ORDERING: as in `is_closed`.
        self.state.load(Relaxed) / ONE
    }
}

#[cold]
fn too_many_permits() -> ! {
    panic!(
        "Semaphore::add_permits: more than MAX_PERMITS ({}) permits",
        MAX_PERMITS
    );
}
