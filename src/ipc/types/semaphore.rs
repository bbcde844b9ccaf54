//! The semaphore between processes: its public type, over the algorithm in [`raw`].

use crate::ipc::ledger::{Holder, SLOTS};
use crate::ipc::semaphore::raw::{MAX_PERMITS, RawSemaphore, Refused};
use crate::ipc::types::lock_error::TOO_MANY_HELD;
use crate::ipc::types::shareable::{Shareable, fingerprint};
use crate::sys::deadline::Deadline;
use std::time::{Duration, Instant};
use std::{error, fmt};

/// Counts permits for threads of all processes. The permits of dead threads come back.
///
/// It must lie in memory that processes share ([`Shared`](crate::ipc::Shared)). It takes about
/// 16,000 bytes, since it records which thread holds how many permits. The names are those of
/// [`anteroom::Semaphore`](crate::Semaphore).
///
/// **Deaths.** If a thread ends while it holds permits, because its process was killed or for any
/// other reason, they are free again, each once, and waiters for them are woken, at whatever
/// instruction it died. A waiter that is killed, or a thread that is killed while it wakes another,
/// loses no wake-up either. A semaphore [`without_give_back`](Self::without_give_back) loses the
/// permits of dead threads, as POSIX's does, and System V's without `SEM_UNDO`.
///
/// **Threads.** A permit is given back by the thread that acquired it; any thread may call
/// [`add_permits`](Self::add_permits). At most [`MAX_THREADS`](Self::MAX_THREADS) threads of all
/// processes can hold permits of one semaphore or wait for some at once: a waiter watches each of
/// them, and the kernel lets it watch 128 words. Earlier users do not count, alive or not. (Where
/// the system refuses `membarrier(2)`, a thread that has used the semaphore counts until it has
/// ended and been waited for.) Without give-back there is no limit.
///
/// **Fairness.** None: a running thread may barge ahead of waiters. These stay awake for a while
/// and then sleep. Of the threads that want more than one permit, one at a time waits for them; the
/// others wait for their turn. It needs a moment at which there are as many as it wants.
///
/// **Memory ordering.** Giving back, or dying, happens-before the next use of the permits.
///
/// **Forks.** A child holds nothing that its parent holds. Inherited permits do nothing.
///
/// # Panics
/// Every use by `&`, also one that only tries or asks, panics where a lock must not be ([what is
/// checked](crate::ipc#what-is-checked)). Nothing has changed then.
///
/// # Examples
/// ```
/// use anteroom::ipc::{Semaphore, Shared};
///
/// let stalls = Shared::anonymous(Semaphore::new(3))?;
/// let taken = stalls.acquire()?;
/// assert_eq!(stalls.available_permits(), 2);
/// drop(taken);
/// assert_eq!(stalls.available_permits(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[repr(C)]
pub struct Semaphore {
    raw: RawSemaphore,
}

// SAFETY: only holders use the links of its entries, and write them anew. Any numbers are a state.
unsafe impl Shareable for Semaphore {
    const FINGERPRINT: u64 = fingerprint("Semaphore 1");
    const HAS_LOCKS: bool = true;
}

/// Why permits were not acquired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AcquireError {
    /// The semaphore was closed.
    Closed,
    /// There are too few. Only from the forms that do not wait.
    NoPermits,
    /// There were too few until the deadline. Only from the timed forms.
    TimedOut,
    /// As many threads hold permits or wait for some as the semaphore can record.
    TooManyThreads,
    /// This thread holds [`MAX_HELD`](crate::ipc::MAX_HELD) locks already. Nothing has changed.
    TooManyHeld,
}

impl From<Refused> for AcquireError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Closed => Self::Closed,
            Refused::NoPermits => Self::NoPermits,
            Refused::TimedOut => Self::TimedOut,
            Refused::TooManyThreads => Self::TooManyThreads,
            Refused::TooManyHeld => Self::TooManyHeld,
        }
    }
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "semaphore closed",
            Self::NoPermits => "no permits available",
            Self::TimedOut => "timed out waiting for permits",
            Self::TooManyThreads => "too many threads use the semaphore",
            Self::TooManyHeld => TOO_MANY_HELD,
        })
    }
}

impl error::Error for AcquireError {}

impl Semaphore {
    /// How many permits a semaphore can have free.
    pub const MAX_PERMITS: usize = MAX_PERMITS as usize;

    /// How many threads of all processes can hold or wait for permits at once, with give-back.
    pub const MAX_THREADS: usize = SLOTS;

    /// A semaphore with this many permits, which come back from dead threads.
    ///
    /// # Panics
    /// If there are more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    #[must_use]
    pub const fn new(permits: usize) -> Self {
        Self::with(permits, true)
    }

    /// As [`new`](Self::new), but the permits that a thread holds when it dies are lost.
    ///
    /// # Panics
    /// As there.
    #[must_use]
    pub const fn without_give_back(permits: usize) -> Self {
        Self::with(permits, false)
    }

    const fn with(permits: usize, gives_back: bool) -> Self {
        assert!(
            permits <= Self::MAX_PERMITS,
            "ipc::Semaphore::new: more than MAX_PERMITS permits"
        );
        Semaphore {
            raw: RawSemaphore::new(permits as u32, gives_back),
        }
    }

    /// Adds `permits` to the semaphore, and wakes waiters.
    ///
    /// # Panics
    /// If more than [`MAX_PERMITS`](Self::MAX_PERMITS) would then be free, or if it lies outside a
    /// mapped region. Nothing has changed then.
    pub fn add_permits(&self, permits: usize) {
        let added = u32::try_from(permits).is_ok_and(|permits| self.raw.add(permits));
        assert!(
            added,
            "ipc::Semaphore::add_permits: more than MAX_PERMITS ({MAX_PERMITS}) permits"
        );
    }

    /// Takes up to `permits` free permits out of the semaphore for good. Returns how many.
    pub fn forget_permits(&self, permits: usize) -> usize {
        let permits = u32::try_from(permits).unwrap_or(MAX_PERMITS);
        self.raw.take_for_good(permits) as usize
    }

    /// Refuses all waiters, and all acquisitions from now on. Permits can still be given back.
    pub fn close(&self) {
        self.raw.close();
    }

    /// Whether the semaphore was closed.
    pub fn is_closed(&self) -> bool {
        self.raw.is_closed()
    }

    /// How many permits are free now, with those of dead threads. It may be outdated at once.
    pub fn available_permits(&self) -> usize {
        self.raw.free() as usize
    }
}

/// Acquiring.
///
/// `acquire` forms wait without a limit. `try_` forms do not wait; `_for` and `_until` forms wait
/// until their deadline. Zero or a past `Instant` is a try; a timeout too long for an `Instant` is
/// for ever. `_many` forms take all their permits at once, or none; zero permits are always there.
///
/// All panic if they are asked for more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS), if the thread
/// would hold more than [`u32::MAX`] recorded permits, or if the semaphore lies outside a mapped
/// region. Nothing has changed then. All can return
/// [`TooManyThreads`](AcquireError::TooManyThreads) and [`TooManyHeld`](AcquireError::TooManyHeld).
impl Semaphore {
    /// Acquires a permit, blocking until there is one.
    ///
    /// # Errors
    /// `Closed`, if the semaphore is closed before or while this waits.
    #[inline(always)]
    pub fn acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.acquire_many(1)
    }

    /// Acquires this many permits, blocking until they are all there.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire)'s.
    #[inline(always)]
    pub fn acquire_many(&self, permits: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.take(permits, Some(Deadline::NEVER))
    }

    /// Acquires a permit if there is one.
    ///
    /// # Errors
    /// `Closed` or `NoPermits`.
    #[inline(always)]
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.try_acquire_many(1)
    }

    /// Acquires this many permits if there are as many.
    ///
    /// # Errors
    /// `Closed` or `NoPermits`.
    #[inline(always)]
    pub fn try_acquire_many(&self, permits: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.take(permits, None)
    }

    /// Acquires a permit, blocking for at most `timeout`.
    ///
    /// # Errors
    /// `Closed` or `TimedOut`.
    pub fn try_acquire_for(&self, timeout: Duration) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.try_acquire_many_for(1, timeout)
    }

    /// Acquires a permit, blocking until `deadline` at most.
    ///
    /// # Errors
    /// `Closed` or `TimedOut`.
    pub fn try_acquire_until(
        &self,
        deadline: Instant,
    ) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.try_acquire_many_until(1, deadline)
    }

    /// Acquires this many permits, blocking for at most `timeout`.
    ///
    /// # Errors
    /// `Closed` or `TimedOut`.
    pub fn try_acquire_many_for(
        &self,
        permits: u32,
        timeout: Duration,
    ) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.take_by(permits, Deadline::after(timeout))
    }

    /// Acquires this many permits, blocking until `deadline` at most.
    ///
    /// # Errors
    /// `Closed` or `TimedOut`.
    pub fn try_acquire_many_until(
        &self,
        permits: u32,
        deadline: Instant,
    ) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.take_by(permits, Deadline::at(deadline))
    }

    fn take_by(
        &self,
        permits: u32,
        deadline: Deadline,
    ) -> Result<SemaphorePermit<'_>, AcquireError> {
        match deadline.is_past() {
            true => self.take(permits, None).map_err(|error| match error {
                AcquireError::NoPermits => AcquireError::TimedOut,
                other => other,
            }),
            false => self.take(permits, Some(deadline)),
        }
    }

    #[inline(always)]
    fn take(
        &self,
        permits: u32,
        wait: Option<Deadline>,
    ) -> Result<SemaphorePermit<'_>, AcquireError> {
        assert!(
            permits <= MAX_PERMITS,
            "ipc::Semaphore::acquire_many: more than MAX_PERMITS permits"
        );
        let holder = self.raw.take(permits, wait)?;
        Ok(SemaphorePermit {
            semaphore: self,
            permits,
            holder,
        })
    }
}

/// Holds permits of a [`Semaphore`], and gives them back when dropped.
#[must_use = "the permits are given back at once if this is not kept"]
pub struct SemaphorePermit<'a> {
    semaphore: &'a Semaphore,
    permits: u32,
    holder: Holder,
}

impl<'a> SemaphorePermit<'a> {
    /// How many permits this holds.
    #[must_use]
    pub fn num_permits(&self) -> usize {
        self.permits as usize
    }

    /// Never gives the permits back: the semaphore has fewer for good.
    pub fn forget(mut self) {
        let permits = std::mem::take(&mut self.permits);
        self.semaphore.raw.forget(self.holder, permits);
    }

    /// Adds the permits of `other` to these.
    ///
    /// # Panics
    /// If the two are of different semaphores, of one that is mapped twice, or of two holders (one
    /// was inherited over a fork), or if there are more than [`u32::MAX`]. Nothing has changed
    /// then, and both give back what they hold.
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        assert!(
            std::ptr::eq(self.semaphore, other.semaphore),
            "SemaphorePermit::merge: permits of two semaphores"
        );
        // Without permits, this has no holder to compare.
        if self.permits == 0 {
            self.holder = other.holder;
        }
        assert!(
            other.permits == 0 || self.holder.is_same(other.holder),
            "SemaphorePermit::merge: permits of two holders"
        );
        self.permits = self
            .permits
            .checked_add(other.permits)
            .expect("SemaphorePermit::merge: more than u32::MAX permits");
        self.holder = self.holder.of_a_part();
        other.permits = 0;
    }

    /// Splits off `permits` of them; `None` if this holds fewer.
    pub fn split(&mut self, permits: usize) -> Option<SemaphorePermit<'a>> {
        let permits = u32::try_from(permits).ok()?;
        self.permits = self.permits.checked_sub(permits)?;
        self.holder = self.holder.of_a_part();
        let (semaphore, holder) = (self.semaphore, self.holder);
        Some(SemaphorePermit {
            semaphore,
            permits,
            holder,
        })
    }
}

impl Drop for SemaphorePermit<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.semaphore.raw.give_back(self.holder, self.permits);
    }
}

impl fmt::Debug for SemaphorePermit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SemaphorePermit")
            .field("permits", &self.permits)
            .finish_non_exhaustive()
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
