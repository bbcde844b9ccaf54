//! [`Semaphore`]: a count of permits and a first-come queue.
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

use crate::deadline::Deadline;
use crate::parking::{self, BATCH, FilterOp, NO_TOKEN, ParkResult, ParkToken, UnparkToken};
use crate::primitive::Ordering::{Acquire, Relaxed, Release};
use crate::primitive::{AtomicUsize, const_fn};
use crate::spin::Spin;
use std::cell::Cell;
use std::fmt;
use std::ops::Deref;
use std::ptr;
use std::sync::Arc;
use std::time::{Duration, Instant};

const CLOSED: usize = 1;
const PARKED: usize = 2;
const ONE: usize = 4;

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
    (permits <= Semaphore::MAX_PERMITS).then_some(permits)
}

/// Counts permits: a washroom for N. With one permit it is a mutex, except that any thread may give it back.
///
/// The names and their meaning are tokio's, for threads.
///
/// # Fairness
/// First come, first served: permits that are given back go to the first thread in the queue, as soon as there are
/// as many as it wants, and nobody passes it, with however small a wish. A thread that has just come and still
/// spins is not in the queue yet.
///
/// # Memory ordering
/// Giving back permits happens-before the acquisition that uses them returns.
///
/// # Examples
/// ```
/// use anteroom::Semaphore;
///
/// let stalls = Semaphore::new(3);
/// let taken = stalls.acquire().unwrap();
/// assert_eq!(stalls.available_permits(), 2);
/// drop(taken);
/// assert_eq!(stalls.available_permits(), 3);
/// ```
pub struct Semaphore {
    state: AtomicUsize,
}

/// The semaphore was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcquireError(());

/// Why permits were not acquired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryAcquireError {
    /// The semaphore was closed.
    Closed,
    /// There are not enough permits, or others wait for them. Only from the forms that do not wait.
    NoPermits,
    /// The time was up. Only from the timed forms.
    TimedOut,
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("semaphore closed")
    }
}

impl fmt::Display for TryAcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryAcquireError::Closed => "semaphore closed",
            TryAcquireError::NoPermits => "no permits available",
            TryAcquireError::TimedOut => "timed out waiting for permits",
        })
    }
}

impl std::error::Error for AcquireError {}
impl std::error::Error for TryAcquireError {}

/// Holds permits of a semaphore, reached through `S`; gives them back when dropped.
#[must_use = "the permits are given back at once if this is not kept"]
#[derive(Debug)]
pub struct Permit<S: Deref<Target = Semaphore>> {
    semaphore: S,
    permits: u32,
}

/// Holds permits of a borrowed [`Semaphore`].
pub type SemaphorePermit<'a> = Permit<&'a Semaphore>;

/// Holds permits of a [`Semaphore`] behind an `Arc`, which it keeps alive.
pub type OwnedSemaphorePermit = Permit<Arc<Semaphore>>;

impl Semaphore {
    /// The most permits that a semaphore can have.
    pub const MAX_PERMITS: usize = usize::MAX >> 3;

    const_fn! {
        /// With `permits` to give.
        ///
        /// # Panics
        /// If that is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
        pub const fn new(permits: usize) -> Self {
            assert!(
                permits <= Self::MAX_PERMITS,
                "Semaphore::new: more than MAX_PERMITS permits"
            );
            Semaphore {
                state: AtomicUsize::new(permits * ONE),
            }
        }
    }

    /// Takes permits without waiting.
    #[inline]
    fn try_take(&self, permits: u32) -> Result<(), TryAcquireError> {
        let wanted = permits as usize;
        assert!(
            wanted <= Self::MAX_PERMITS,
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
    fn take(&self, permits: u32, deadline: Deadline) -> Result<(), TryAcquireError> {
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
    #[doc(hidden)]
    pub fn assert_at_rest(&mut self) {
        self.state
            .with_mut(|state| assert_eq!(*state & PARKED, 0, "at rest"));
    }

    #[inline]
    fn key(&self) -> usize {
        // Exposed, so that whoever serves late may find the way back to it.
        (&raw const *self).expose_provenance()
    }

    /// Adds `permits` to those that the semaphore has, or to whom they are due.
    ///
    /// # Panics
    /// If the semaphore would then have more than [`MAX_PERMITS`](Self::MAX_PERMITS); it has as many as before.
    #[inline]
    pub fn add_permits(&self, permits: usize) {
        // ORDERING: Relaxed; the exchange orders.
        let mut state = self.state.load(Relaxed);
        while state & PARKED == 0 {
            if permits > Self::MAX_PERMITS.saturating_sub(state / ONE) {
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

    /// Takes back permits that were acquired.
    ///
    /// # Panics
    /// If the semaphore has more than [`MAX_PERMITS`](Self::MAX_PERMITS) already; they are then forgotten.
    #[inline]
    fn give_back(&self, permits: u32) {
        if cfg!(target_pointer_width = "32") {
            // The sum might not fit in the word.
            return self.add_permits(permits as usize);
        }
        let key = self.key();
        // ORDERING: Release pairs with the Acquire of whoever takes these permits.
        let state = self.state.fetch_add(permits as usize * ONE, Release);
        if state / ONE > Self::MAX_PERMITS {
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
        if permits > Self::MAX_PERMITS {
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
                    too_many.set(permits > 0 && all > Self::MAX_PERMITS);
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
                    too_many.set(nobody && all > Self::MAX_PERMITS);
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

    /// Takes up to `permits` of those that are free out of the semaphore for good. Returns how many.
    pub fn forget_permits(&self, permits: usize) -> usize {
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

    /// Refuses all who wait, and all who come from now on. Permits can still be given back. Closing twice is
    /// closing once.
    pub fn close(&self) {
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

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        // ORDERING: Relaxed; an answer that may be old orders nothing.
        self.state.load(Relaxed) & CLOSED != 0
    }

    /// How many permits are free now. The answer may be old before the caller has it, and while others wait for
    /// more, the permits that are free are not to be had.
    pub fn available_permits(&self) -> usize {
        // ORDERING: as in `is_closed`.
        self.state.load(Relaxed) / ONE
    }
}

#[cold]
fn too_many_permits() -> ! {
    panic!(
        "Semaphore::add_permits: more than MAX_PERMITS ({}) permits",
        Semaphore::MAX_PERMITS
    );
}

/// Acquiring, with a permit that borrows the semaphore.
///
/// `acquire` forms wait without a limit. `try_` forms do not wait; `_for` and `_until` forms wait for at most
/// so long, where zero, or an `Instant` in the past, only tries, and a timeout beyond what an `Instant` holds
/// is no limit. `_many` forms take so many permits at once or none; zero permits are always there.
///
/// All panic if asked for more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS), which takes a 32-bit `usize`.
impl Semaphore {
    /// Waits for a permit.
    ///
    /// # Errors
    /// If the semaphore is closed, now or while this waits.
    #[inline]
    pub fn acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.acquire_many(1)
    }

    /// Waits until there are `permits` permits at once.
    ///
    /// # Errors
    /// If the semaphore is closed, now or while this waits.
    #[inline]
    pub fn acquire_many(&self, permits: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        Permit::acquire(self, permits)
    }

    /// Takes a permit if there is one.
    ///
    /// # Errors
    /// `Closed` or `NoPermits`.
    #[inline]
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// Takes `permits` permits if there are as many.
    ///
    /// # Errors
    /// `Closed` or `NoPermits`.
    #[inline]
    pub fn try_acquire_many(&self, permits: u32) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        Permit::try_acquire(self, permits)
    }

    /// Waits for a permit for at most `timeout`.
    ///
    /// # Errors
    /// `Closed` or `TimedOut`.
    pub fn try_acquire_for(
        &self,
        timeout: Duration,
    ) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many_for(1, timeout)
    }

    /// Waits for a permit until `deadline` at most.
    ///
    /// # Errors
    /// `Closed` or `TimedOut`.
    pub fn try_acquire_until(
        &self,
        deadline: Instant,
    ) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many_until(1, deadline)
    }

    /// Waits for `permits` permits at once for at most `timeout`.
    ///
    /// # Errors
    /// `Closed` or `TimedOut`.
    pub fn try_acquire_many_for(
        &self,
        permits: u32,
        timeout: Duration,
    ) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        Permit::acquire_by(self, permits, Deadline::after(timeout))
    }

    /// Waits for `permits` permits at once until `deadline` at most.
    ///
    /// # Errors
    /// `Closed` or `TimedOut`.
    pub fn try_acquire_many_until(
        &self,
        permits: u32,
        deadline: Instant,
    ) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        Permit::acquire_by(self, permits, Deadline::at(deadline))
    }
}

/// The same, with a permit that owns its `Arc`.
impl Semaphore {
    /// As [`acquire`](Self::acquire).
    ///
    /// # Errors
    /// As there.
    pub fn acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.acquire_many_owned(1)
    }

    /// As [`acquire_many`](Self::acquire_many).
    ///
    /// # Errors
    /// As there.
    pub fn acquire_many_owned(
        self: Arc<Self>,
        permits: u32,
    ) -> Result<OwnedSemaphorePermit, AcquireError> {
        Permit::acquire(self, permits)
    }

    /// As [`try_acquire`](Self::try_acquire).
    ///
    /// # Errors
    /// As there.
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_acquire_many_owned(1)
    }

    /// As [`try_acquire_many`](Self::try_acquire_many).
    ///
    /// # Errors
    /// As there.
    pub fn try_acquire_many_owned(
        self: Arc<Self>,
        permits: u32,
    ) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        Permit::try_acquire(self, permits)
    }

    /// As [`try_acquire_for`](Self::try_acquire_for).
    ///
    /// # Errors
    /// As there.
    pub fn try_acquire_owned_for(
        self: Arc<Self>,
        timeout: Duration,
    ) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_acquire_many_owned_for(1, timeout)
    }

    /// As [`try_acquire_until`](Self::try_acquire_until).
    ///
    /// # Errors
    /// As there.
    pub fn try_acquire_owned_until(
        self: Arc<Self>,
        deadline: Instant,
    ) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_acquire_many_owned_until(1, deadline)
    }

    /// As [`try_acquire_many_for`](Self::try_acquire_many_for).
    ///
    /// # Errors
    /// As there.
    pub fn try_acquire_many_owned_for(
        self: Arc<Self>,
        permits: u32,
        timeout: Duration,
    ) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        Permit::acquire_by(self, permits, Deadline::after(timeout))
    }

    /// As [`try_acquire_many_until`](Self::try_acquire_many_until).
    ///
    /// # Errors
    /// As there.
    pub fn try_acquire_many_owned_until(
        self: Arc<Self>,
        permits: u32,
        deadline: Instant,
    ) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        Permit::acquire_by(self, permits, Deadline::at(deadline))
    }
}

impl<S: Deref<Target = Semaphore>> Permit<S> {
    #[inline]
    fn acquire(semaphore: S, permits: u32) -> Result<Self, AcquireError> {
        match semaphore.take(permits, Deadline::NEVER) {
            Ok(()) => Ok(Permit { semaphore, permits }),
            Err(_) => Err(AcquireError(())),
        }
    }

    #[inline]
    fn try_acquire(semaphore: S, permits: u32) -> Result<Self, TryAcquireError> {
        semaphore.try_take(permits)?;
        Ok(Permit { semaphore, permits })
    }

    fn acquire_by(semaphore: S, permits: u32, deadline: Deadline) -> Result<Self, TryAcquireError> {
        semaphore.take(permits, deadline)?;
        Ok(Permit { semaphore, permits })
    }

    /// How many permits it holds.
    pub fn num_permits(&self) -> usize {
        self.permits as usize
    }

    /// The semaphore that they are of.
    pub fn semaphore(&self) -> &S {
        &self.semaphore
    }

    /// Never gives the permits back: the semaphore has so many fewer.
    pub fn forget(mut self) {
        self.permits = 0;
    }

    /// Adds the permits of `other` to these.
    ///
    /// # Panics
    /// If they are of two semaphores (both then give theirs back), or more than a `u32` counts.
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        assert!(
            std::ptr::eq(&*self.semaphore, &*other.semaphore),
            "Permit::merge: permits of two semaphores"
        );
        self.permits = self
            .permits
            .checked_add(other.permits)
            .expect("Permit::merge: more than u32::MAX permits");
        other.permits = 0;
    }

    /// Parts with `permits` of them; `None` if it holds fewer.
    pub fn split(&mut self, permits: usize) -> Option<Self>
    where
        S: Clone,
    {
        let permits = u32::try_from(permits).ok()?;
        self.permits = self.permits.checked_sub(permits)?;
        Some(Permit {
            semaphore: self.semaphore.clone(),
            permits,
        })
    }
}

impl<S: Deref<Target = Semaphore>> Drop for Permit<S> {
    #[inline]
    fn drop(&mut self) {
        if self.permits != 0 {
            self.semaphore.give_back(self.permits);
        }
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("available_permits", &self.available_permits())
            .field("closed", &self.is_closed())
            .finish()
    }
}
