//! [`Semaphore`]: the types. The algorithm is in `src/semaphore/raw.rs`.

mod permit;

pub use permit::{OwnedSemaphorePermit, Permit, SemaphorePermit};

use super::locks::semaphore::RawSemaphore;
use crate::raw::MAX_PERMITS;
pub use crate::raw::TryAcquireError;
use crate::sys::deadline::Deadline;
use crate::sys::{const_fn, only_in_models};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A counting semaphore. With one permit it is a mutex, but any thread may give the permit back.
///
/// The names and their meanings are tokio's, for threads.
///
/// # Fairness
/// Parked waiters get their permits in the order in which they came, however many each wants. One
/// of them is the *front waiter*, which is next; none of the others gets permits before it. A
/// running thread may take permits ahead of all of them (barging), because waking a thread takes
/// longer than most permits are held. But when the front waiter has been overtaken for 500 µs, the
/// permits are *reserved* for it: no other thread takes any until it has as many as it wants. So
/// every waiter gets its permits: for each one that came before it, it waits at most 500 µs, and
/// until a thread is woken and enough permits come back.
///
/// A thread that is woken as the front waiter, or for reserved permits, may be stopped by a signal
/// handler or a debugger. The others wait for it for 4 to 6 ms; then its turn or reservation is
/// void. If several waiters are stopped at once, one of the others gets the free permits after at
/// most 134 ms for each waiter.
///
/// # Memory ordering
/// Giving back permits happens-before the acquisition that uses them returns.
///
/// # Edges and limits
/// See [`lifecycle`](crate::lifecycle) for forks, ends of threads and signal handlers, and
/// [`limits`](crate::limits) for the greatest numbers.
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
    raw: RawSemaphore,
}

/// The semaphore was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcquireError(());

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("semaphore closed")
    }
}

impl std::error::Error for AcquireError {}

impl Semaphore {
    /// The most permits that a semaphore can have.
    pub const MAX_PERMITS: usize = MAX_PERMITS;

    const_fn! {
        /// Creates a semaphore with `permits` permits.
        ///
        /// # Panics
        /// If that is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
        pub const fn new(permits: usize) -> Self {
            Semaphore {
                raw: RawSemaphore::new(permits),
            }
        }
    }

    /// Adds `permits` to those that the semaphore has, and wakes the front waiter.
    ///
    /// # Panics
    /// If the semaphore would then have more than [`MAX_PERMITS`](Self::MAX_PERMITS). Nothing
    /// changes then.
    #[inline]
    pub fn add_permits(&self, permits: usize) {
        self.raw.add_permits(permits);
    }

    /// Removes up to `permits` free permits from the semaphore for good. Returns how many.
    pub fn forget_permits(&self, permits: usize) -> usize {
        self.raw.forget_permits(permits)
    }

    /// Refuses all waiters and all later acquisitions. Permits can still be given back. Closing
    /// again does nothing.
    pub fn close(&self) {
        self.raw.close();
    }

    /// Whether the semaphore is closed.
    pub fn is_closed(&self) -> bool {
        self.raw.is_closed()
    }

    /// The number of free permits now. The answer may be stale when the caller gets it. Free
    /// permits may be reserved for a waiter.
    pub fn available_permits(&self) -> usize {
        self.raw.available_permits()
    }

    only_in_models! {
        /// For models: no thread waits for the semaphore, or touches it at the same time.
        #[doc(hidden)]
        pub fn assert_at_rest(&mut self) {
            self.raw.assert_at_rest();
        }
    }
}

/// Acquiring, with a permit that borrows the semaphore.
///
/// `acquire` forms wait without a limit. `try_` forms do not wait. `_for` and `_until` forms wait
/// for a limited time: zero, or an `Instant` in the past, only tries, and a timeout beyond what an
/// `Instant` holds is no limit. `_many` forms take all their permits at once, or none; zero permits
/// are always available.
///
/// All panic if asked for more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS), which takes a 32-bit
/// `usize`.
impl Semaphore {
    /// Acquires a permit, blocking until there is one.
    ///
    /// # Errors
    /// If the semaphore is closed, now or while this waits.
    #[inline]
    pub fn acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.acquire_many(1)
    }

    /// Acquires `permits` permits at once, blocking until there are as many.
    ///
    /// # Errors
    /// If the semaphore is closed, now or while this waits.
    #[inline]
    pub fn acquire_many(&self, permits: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        Permit::acquire(self, permits)
    }

    /// Acquires a permit if there is one, and it is not reserved.
    ///
    /// The front waiter has all permits reserved when it has waited for 500 µs, until there are as
    /// many as it wants. So this may fail though [`available_permits`](Self::available_permits) is
    /// not zero, and no other thread gets one meanwhile. If there are as many, and that waiter does
    /// not run for 4 to 6 ms, the reservation is void.
    ///
    /// # Errors
    /// `Closed` or `NoPermits`.
    #[inline]
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// Acquires `permits` permits at once, if there are as many and they are not reserved: see
    /// [`try_acquire`](Self::try_acquire).
    ///
    /// # Errors
    /// `Closed` or `NoPermits`.
    #[inline]
    pub fn try_acquire_many(&self, permits: u32) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        Permit::try_acquire(self, permits)
    }

    /// Acquires a permit, blocking for at most `timeout`.
    ///
    /// # Errors
    /// `Closed` or `TimedOut`.
    pub fn try_acquire_for(
        &self,
        timeout: Duration,
    ) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many_for(1, timeout)
    }

    /// Acquires a permit, blocking until `deadline` at most.
    ///
    /// # Errors
    /// `Closed` or `TimedOut`.
    pub fn try_acquire_until(
        &self,
        deadline: Instant,
    ) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many_until(1, deadline)
    }

    /// Acquires `permits` permits at once, blocking for at most `timeout`.
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

    /// Acquires `permits` permits at once, blocking until `deadline` at most.
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

/// Acquiring, with a permit that owns its `Arc`.
impl Semaphore {
    /// As [`acquire`](Self::acquire).
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    pub fn acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.acquire_many_owned(1)
    }

    /// As [`acquire_many`](Self::acquire_many).
    ///
    /// # Errors
    /// As [`acquire_many`](Self::acquire_many).
    pub fn acquire_many_owned(
        self: Arc<Self>,
        permits: u32,
    ) -> Result<OwnedSemaphorePermit, AcquireError> {
        Permit::acquire(self, permits)
    }

    /// As [`try_acquire`](Self::try_acquire).
    ///
    /// # Errors
    /// As [`try_acquire`](Self::try_acquire).
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_acquire_many_owned(1)
    }

    /// As [`try_acquire_many`](Self::try_acquire_many).
    ///
    /// # Errors
    /// As [`try_acquire_many`](Self::try_acquire_many).
    pub fn try_acquire_many_owned(
        self: Arc<Self>,
        permits: u32,
    ) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        Permit::try_acquire(self, permits)
    }

    /// As [`try_acquire_for`](Self::try_acquire_for).
    ///
    /// # Errors
    /// As [`try_acquire_for`](Self::try_acquire_for).
    pub fn try_acquire_owned_for(
        self: Arc<Self>,
        timeout: Duration,
    ) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_acquire_many_owned_for(1, timeout)
    }

    /// As [`try_acquire_until`](Self::try_acquire_until).
    ///
    /// # Errors
    /// As [`try_acquire_until`](Self::try_acquire_until).
    pub fn try_acquire_owned_until(
        self: Arc<Self>,
        deadline: Instant,
    ) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_acquire_many_owned_until(1, deadline)
    }

    /// As [`try_acquire_many_for`](Self::try_acquire_many_for).
    ///
    /// # Errors
    /// As [`try_acquire_many_for`](Self::try_acquire_many_for).
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
    /// As [`try_acquire_many_until`](Self::try_acquire_many_until).
    pub fn try_acquire_many_owned_until(
        self: Arc<Self>,
        permits: u32,
        deadline: Instant,
    ) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        Permit::acquire_by(self, permits, Deadline::at(deadline))
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
