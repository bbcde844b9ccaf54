//! The reader-writer lock between processes: its public type, over the algorithm in [`raw`].

mod guards;

use crate::ipc::ledger::SLOTS;
use crate::ipc::rwlock::raw::{RawRwLock, Refused, Written};
use crate::ipc::types::lock_error::TOO_MANY_HELD;
use crate::ipc::types::shareable::{Shareable, fingerprint, mix_number};
use crate::sys::deadline::Deadline;
pub use guards::{RwLockReadGuard, RwLockWriteGuard, WriterDied};
use std::cell::UnsafeCell;
use std::time::{Duration, Instant};
use std::{error, fmt};

/// A reader-writer lock between processes that survives its holders' deaths.
///
/// It must lie in memory that processes share ([`Shared`](crate::ipc::Shared)). It takes about
/// 16,000 bytes besides the data, since it records which thread holds what.
///
/// **Deaths.** If a thread ends, because its process was killed or for any other reason, its read
/// locks are released. If it ends while it *writes*, the next writer gets
/// [`RwLockError::WriterDied`]: an error that holds the write lock. The data is as the dead writer
/// left it. Once it is right again, the writer says so ([`WriterDied::repair`]). Dropped without
/// that, the lock is *poisoned* for good, and locking it is [`RwLockError::Poisoned`]. Until a
/// writer has repaired the data, readers get `WriterDied(())`. A waiter that is killed disturbs no
/// other thread. A thread that panics while it holds the lock just releases it.
///
/// **Threads.** A guard is dropped by the thread that locked. At most
/// [`MAX_THREADS`](Self::MAX_THREADS) threads of all processes can hold a lock or wait for it at
/// once: a waiter watches each of them, and the kernel lets it watch 128 words. Earlier users do
/// not count, alive or not. (Where the system refuses `membarrier(2)`, a thread that has used the
/// lock counts until it has ended and been waited for.)
///
/// **Fairness.** New readers do not pass a waiting writer. Beyond that there is none: when a writer
/// leaves, the waiters are woken, and any thread may be first. A thread that reads must not lock
/// again: if a writer waits, the two wait for each other.
///
/// **Memory ordering.** Locking acquires what unlocking, or dying, released.
///
/// **Forks.** A child holds nothing that its parent holds. A guard that it inherits does nothing
/// when it is dropped, and must not be used.
///
/// # Panics
/// Every use by `&`, also one that only tries or asks, panics where a lock must not be ([what is
/// checked](crate::ipc#what-is-checked)). Nothing has changed then.
///
/// Reading panics when there are 2²⁹ − 1 read guards; the lock is as it was.
///
/// # Examples
/// ```
/// use anteroom::ipc::{RwLock, Shared};
///
/// let board = Shared::anonymous(RwLock::new([0_u32; 8]))?;
/// board.write().unwrap()[3] = 7;
/// assert_eq!(board.read().unwrap()[3], 7);
/// # Ok::<(), anteroom::ipc::OpenError>(())
/// ```
#[repr(C)]
pub struct RwLock<T> {
    raw: RawRwLock,
    data: UnsafeCell<T>,
}

// SAFETY: it hands the data to one writer at a time, or to readers, which share it.
unsafe impl<T: Send + Sync> Sync for RwLock<T> {}
// SAFETY: it owns the data.
unsafe impl<T: Send> Send for RwLock<T> {}

// SAFETY: only its holders use the links of its entries, and write them anew. The rest are numbers,
// of which any are a state: at worst one that a thread holds which does not exist.
unsafe impl<T: Shareable + Send> Shareable for RwLock<T> {
    const FINGERPRINT: u64 = mix_number(fingerprint("RwLock 1"), T::FINGERPRINT);
    const HAS_LOCKS: bool = true;
}

/// Why the lock was not acquired cleanly, or not at all. `G` comes with a writer's death.
#[non_exhaustive]
pub enum RwLockError<G> {
    /// The last writer died, so the data may be half changed. For a writer, this holds the lock.
    WriterDied(G),
    /// A writer died, and a later one released the lock without repairing the data.
    Poisoned,
    /// Another thread is in the way. Only from the forms that do not wait.
    WouldBlock,
    /// Other threads were in the way until the deadline. Only from the timed forms.
    TimedOut,
    /// As many threads hold the lock or wait for it as it can record.
    TooManyThreads,
    /// This thread holds [`MAX_HELD`](crate::ipc::MAX_HELD) locks already. Nothing has changed.
    TooManyHeld,
}

/// The result of locking for reading.
pub type ReadResult<'a, T> = Result<RwLockReadGuard<'a, T>, RwLockError<()>>;
/// The result of locking for writing.
pub type WriteResult<'a, T> = Result<RwLockWriteGuard<'a, T>, RwLockError<WriterDied<'a, T>>>;

impl<G> RwLockError<G> {
    /// The error of a timed form, where the form that does not wait has this one.
    fn in_time(self) -> Self {
        match self {
            Self::WouldBlock => Self::TimedOut,
            other => other,
        }
    }

    fn text(&self) -> &'static str {
        match self {
            Self::WriterDied(_) => "the last writer died while writing",
            Self::Poisoned => "a writer died while writing, and its data was not repaired",
            Self::WouldBlock => "the lock is held, or a writer waits for it",
            Self::TimedOut => "the lock was held until the deadline",
            Self::TooManyThreads => "too many threads use the lock",
            Self::TooManyHeld => TOO_MANY_HELD,
        }
    }
}

impl<G> fmt::Debug for RwLockError<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl<G> fmt::Display for RwLockError<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl<G> error::Error for RwLockError<G> {}

impl<G> From<Refused> for RwLockError<G> {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Poisoned => Self::Poisoned,
            Refused::WouldBlock => Self::WouldBlock,
            Refused::TimedOut => Self::TimedOut,
            Refused::TooManyThreads => Self::TooManyThreads,
            Refused::TooManyHeld => Self::TooManyHeld,
        }
    }
}

impl<T> RwLock<T> {
    /// How many threads, of all processes, can hold the lock or wait for it at once.
    pub const MAX_THREADS: usize = SLOTS;

    /// An unlocked lock.
    pub const fn new(data: T) -> Self {
        RwLock {
            raw: RawRwLock::new(),
            data: UnsafeCell::new(data),
        }
    }

    /// The data, to which `&mut self` gives sole access.
    pub fn get_mut(&mut self) -> &mut T {
        self.data.get_mut()
    }
}

/// Reading. All forms can return `WriterDied(())`, `Poisoned`, `TooManyThreads` and `TooManyHeld`.
/// They panic outside a mapped region, and at more than 2²⁹ − 1 read guards.
impl<T> RwLock<T> {
    /// Acquires the lock for reading, blocking until no writer holds it or waits for it.
    ///
    /// # Errors
    /// See above.
    #[inline(always)]
    pub fn read(&self) -> ReadResult<'_, T> {
        self.read_before(Some(Deadline::NEVER))
    }

    /// Acquires the lock for reading if no writer holds it or waits for it.
    ///
    /// # Errors
    /// `WouldBlock`, or see above.
    #[inline(always)]
    pub fn try_read(&self) -> ReadResult<'_, T> {
        self.read_before(None)
    }

    /// Acquires the lock for reading if that is possible within this time. Zero is a try; a time
    /// too long for an `Instant` is for ever.
    ///
    /// # Errors
    /// `TimedOut`, or see above.
    pub fn try_read_for(&self, timeout: Duration) -> ReadResult<'_, T> {
        self.read_by(Deadline::after(timeout))
    }

    /// As [`try_read_for`](Self::try_read_for), until this instant.
    ///
    /// # Errors
    /// As there.
    pub fn try_read_until(&self, deadline: Instant) -> ReadResult<'_, T> {
        self.read_by(Deadline::at(deadline))
    }

    fn read_by(&self, deadline: Deadline) -> ReadResult<'_, T> {
        match deadline.is_past() {
            true => self.read_before(None).map_err(RwLockError::in_time),
            false => self.read_before(Some(deadline)),
        }
    }

    #[inline(always)]
    fn read_before(&self, wait: Option<Deadline>) -> ReadResult<'_, T> {
        match self.raw.read(wait)? {
            Some(holder) => Ok(RwLockReadGuard::new(self, holder)),
            None => Err(RwLockError::WriterDied(())),
        }
    }
}

/// Writing. All forms can return `WriterDied`, which holds the lock, `Poisoned`, `TooManyThreads`
/// and `TooManyHeld`. They panic outside a mapped region. A thread that writes must not lock again:
/// it would wait for itself.
impl<T> RwLock<T> {
    /// Acquires the lock for writing, blocking until no other thread holds it.
    ///
    /// # Errors
    /// See above.
    #[inline(always)]
    pub fn write(&self) -> WriteResult<'_, T> {
        self.write_before(Some(Deadline::NEVER))
    }

    /// Acquires the lock for writing if no thread holds it.
    ///
    /// # Errors
    /// `WouldBlock`, or see above.
    #[inline(always)]
    pub fn try_write(&self) -> WriteResult<'_, T> {
        self.write_before(None)
    }

    /// Acquires the lock for writing if that is possible within this time. Zero is a try; a time
    /// too long for an `Instant` is for ever.
    ///
    /// # Errors
    /// `TimedOut`, or see above.
    pub fn try_write_for(&self, timeout: Duration) -> WriteResult<'_, T> {
        self.write_by(Deadline::after(timeout))
    }

    /// As [`try_write_for`](Self::try_write_for), until this instant.
    ///
    /// # Errors
    /// As there.
    pub fn try_write_until(&self, deadline: Instant) -> WriteResult<'_, T> {
        self.write_by(Deadline::at(deadline))
    }

    fn write_by(&self, deadline: Deadline) -> WriteResult<'_, T> {
        match deadline.is_past() {
            true => self.write_before(None).map_err(RwLockError::in_time),
            false => self.write_before(Some(deadline)),
        }
    }

    #[inline(always)]
    fn write_before(&self, wait: Option<Deadline>) -> WriteResult<'_, T> {
        let (holder, written) = self.raw.write(wait)?;
        let guard = RwLockWriteGuard::new(self, holder);
        match written {
            Written::Cleanly => Ok(guard),
            Written::WriterDied => Err(RwLockError::WriterDied(WriterDied::new(guard))),
        }
    }
}

impl<T> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RwLock").finish_non_exhaustive()
    }
}
