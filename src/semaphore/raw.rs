//! The semaphore's state machine: a count of permits and a first-come queue.
//!
//! ```text
//! usize::BITS-1           2        1        0
//! +-------------------------+--------+--------+
//! |         permits         | PARKED | CLOSED |
//! +-------------------------+--------+--------+
//! ```
//!
//! ## Invariants
//! 1. `PARKED` is set exactly while a thread is in the queue, and changes only under its lock.
//! 2. While `PARKED` is set, permits are taken only under the queue's lock. So nobody passes those who wait.
//! 3. At rest, the first in the queue wants more permits than there are: whoever changes either (brings
//!    permits, or leaves the head of the queue) serves the queue.
//! 4. `CLOSED` is set once, and then nobody is in the queue, nor comes there.
//! 5. A thread that has given back its permits touches the semaphore no more, unless it finds, under the queue's
//!    lock, a thread that waits for permits: that thread borrows the semaphore, so it is alive.

use super::TryAcquireError;
use crate::deadline::Deadline;
use crate::parking::{self, BATCH, FilterOp, NO_TOKEN, ParkResult, ParkToken, UnparkToken};
use crate::primitive::Ordering::{Acquire, Relaxed, Release};
use crate::primitive::{AtomicUsize, const_fn};
use crate::spin::Spin;
use std::cell::Cell;
use std::ptr;

const CLOSED: usize = 1;
const PARKED: usize = 2;
const ONE: usize = 4;

/// Leaves room in the word for permits that are given back while there are too many already.
pub(super) const MAX_PERMITS: usize = usize::MAX >> 3;

/// Unpark token: your permits were taken out for you.
const SERVED: UnparkToken = UnparkToken(8);

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
            if state & PARKED != 0 || state / ONE < wanted {
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
            // Behind others it is no use to spin: they come first.
            // ORDERING: Relaxed; a hint.
            if self.state.load(Relaxed) & PARKED == 0 && spin.again() {
                continue;
            }
            match self.park(permits, deadline) {
                ParkResult::Unparked(SERVED) => {
                    // ORDERING: Acquire pairs with the Release by which we were served.
                    self.state.load(Acquire);
                    return Ok(());
                }
                ParkResult::Unparked(_) => return Err(TryAcquireError::Closed),
                ParkResult::TimedOut => {
                    // We may have been the first, and those behind us may want less.
                    // ORDERING: Relaxed; `serve` looks again under the queue's lock.
                    if self.state.load(Relaxed) & PARKED != 0 {
                        // SAFETY: we borrow the semaphore.
                        unsafe { Self::serve(self.key(), 0) };
                    }
                    return Err(TryAcquireError::TimedOut);
                }
                ParkResult::Invalid => {}
            }
        }
    }

    /// Sleeps in the queue, unless there is no more reason to.
    fn park(&self, permits: u32, deadline: Deadline) -> ParkResult {
        let key = self.key();
        let validate = || {
            let wait = |state| {
                let refused = state & CLOSED != 0;
                let served = state & PARKED == 0 && state / ONE >= permits as usize;
                (!refused && !served).then_some(state | PARKED)
            };
            // ORDERING: Relaxed, both; the queue's lock orders this against those who bring permits past it,
            // the word itself against those who bring them on the fast path.
            self.state.fetch_update(Relaxed, Relaxed, wait).is_ok()
        };
        let timed_out = |queue, last| {
            // If the queue is not ours, `close` has taken us out of it.
            if queue == key && last {
                // ORDERING: Relaxed; under the queue's lock.
                self.state.fetch_and(!PARKED, Relaxed);
            }
        };
        // SAFETY: the key is our address, and we are borrowed.
        unsafe { parking::park(key, wants(permits), deadline, validate, || {}, timed_out) }
    }

    /// For models: nobody waits, or touches it at the same time as this.
    #[cfg(loom)]
    pub(super) fn assert_at_rest(&mut self) {
        self.state
            .with_mut(|state| assert_eq!(*state & PARKED, 0, "at rest"));
    }

    #[inline]
    fn key(&self) -> usize {
        // Exposed, so that whoever serves late may find the way back to it.
        (&raw const *self).expose_provenance()
    }

    /// Panics, and changes nothing, if there would be more than `MAX_PERMITS`.
    #[inline]
    pub(super) fn add_permits(&self, permits: usize) {
        // ORDERING: Relaxed; the exchange orders.
        let mut state = self.state.load(Relaxed);
        while state & PARKED == 0 {
            if permits > MAX_PERMITS.saturating_sub(state / ONE) {
                too_many_permits();
            }
            // ORDERING: Release pairs with the Acquire of whoever takes these permits.
            match self
                .state
                .compare_exchange_weak(state, state + permits * ONE, Release, Relaxed)
            {
                Ok(_) => return,
                Err(now) => state = now,
            }
        }
        // SAFETY: we borrow the semaphore.
        unsafe { Self::serve(self.key(), permits) };
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
        if state & PARKED != 0 {
            // SAFETY: nothing is left in our hands.
            unsafe { Self::serve(key, 0) };
        }
    }

    /// Gives `permits`, and those that are there, to the threads in the queue in their turn; what is left stays.
    ///
    /// # Safety
    /// If `permits` is not zero, `key` is that of a semaphore that the caller borrows. Else it may be gone.
    #[cold]
    unsafe fn serve(key: usize, mut permits: usize) {
        if permits > MAX_PERMITS {
            too_many_permits();
        }
        let semaphore = ptr::with_exposed_provenance::<Self>(key);
        // Once for every `BATCH` of threads. What a round leaves is in the word, and nobody takes it past those
        // who are left (invariant 2).
        loop {
            // The permits to give, once we know that somebody is there to be given some.
            let budget = Cell::new(None);
            let too_many = Cell::new(false);
            let picked = Cell::new(0);
            let given = Cell::new(0);
            let choose = |waiter| {
                let Some(wanted) = wanted(waiter) else {
                    return FilterOp::Skip;
                };
                let budget = budget.get().unwrap_or_else(|| {
                    // SAFETY: this waiter parked for permits under this key, so it borrows a semaphore there.
                    let semaphore = unsafe { &*semaphore };
                    // ORDERING: Relaxed; while somebody is in the queue they can only become more.
                    let all = semaphore.state.load(Relaxed) / ONE + permits;
                    too_many.set(permits > 0 && all > MAX_PERMITS);
                    budget.set(Some(all));
                    all
                });
                if too_many.get() || picked.get() == BATCH || wanted > budget - given.get() {
                    return FilterOp::Stop;
                }
                picked.set(picked.get() + 1);
                given.set(given.get() + wanted);
                FilterOp::Unpark
            };
            let full = Cell::new(false);
            let callback = |threads, more| {
                let nobody = budget.get().is_none();
                if too_many.get() || (nobody && permits == 0) {
                    // If nobody is here, others have served everybody, and the semaphore may be gone.
                    return NO_TOKEN;
                }
                full.set(threads == BATCH && more);
                let next = |state| {
                    let all = state / ONE + permits;
                    too_many.set(nobody && all > MAX_PERMITS);
                    if too_many.get() {
                        return None;
                    }
                    let parked = if more { PARKED } else { 0 };
                    Some(((all - given.get()) * ONE) | (state & CLOSED) | parked)
                };
                // SAFETY: somebody in the queue borrows it, or our caller does.
                let semaphore = unsafe { &*semaphore };
                // ORDERING: Release pairs with the Acquire of those who are served, or take the permits later.
                let _ = semaphore.state.fetch_update(Release, Relaxed, next);
                SERVED
            };
            // SAFETY: the semaphore may be gone, but `choose` picks only tokens that are a semaphore's.
            unsafe { parking::unpark_some(key, choose, callback) };
            if too_many.get() {
                too_many_permits();
            }
            if !full.get() {
                return;
            }
            permits = 0;
        }
    }

    /// Returns how many there were to forget.
    pub(super) fn forget_permits(&self, permits: usize) -> usize {
        let forgotten = Cell::new(0);
        let next = |state: usize| {
            forgotten.set(permits.min(state / ONE));
            state - forgotten.get() * ONE
        };
        // ORDERING: Relaxed, here and below: nothing is handed on to anybody.
        let fast = |state| (state & PARKED == 0).then(|| next(state));
        if self.state.fetch_update(Relaxed, Relaxed, fast).is_err() {
            let callback = |_, _| {
                // ORDERING: as above; under the queue's lock (invariant 2).
                let _ = self
                    .state
                    .fetch_update(Relaxed, Relaxed, |state| Some(next(state)));
                NO_TOKEN
            };
            // SAFETY: we borrow the semaphore.
            unsafe { parking::unpark_some(self.key(), |_| FilterOp::Stop, callback) };
        }
        forgotten.get()
    }

    pub(super) fn close(&self) {
        let next = |state| (state | CLOSED) & !PARKED;
        // ORDERING: Relaxed, here and below: being refused orders nothing.
        let fast = |state| (state & PARKED == 0).then(|| next(state));
        if self.state.fetch_update(Relaxed, Relaxed, fast).is_err() {
            let callback = |_| {
                // ORDERING: as above; under the queue's lock (invariant 2).
                let _ = self
                    .state
                    .fetch_update(Relaxed, Relaxed, |state| Some(next(state)));
            };
            // SAFETY: we borrow the semaphore.
            unsafe { parking::unpark_all(self.key(), NO_TOKEN, callback) };
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
