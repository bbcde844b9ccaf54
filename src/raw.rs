//! What the types ask of raw locks, which the algorithms and their specifications both are.

use crate::tokens::{KeyOffset, ParkToken, UnparkToken};
use std::fmt;

/// Why permits were not acquired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryAcquireError {
    /// The semaphore was closed.
    Closed,
    /// There are not enough permits, or they are reserved for a waiter. Only from forms that try.
    NoPermits,
    /// The time was up. Only from timed forms.
    TimedOut,
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

impl std::error::Error for TryAcquireError {}

/// The most permits that a semaphore can have.
pub(crate) const MAX_PERMITS: usize = usize::MAX >> 10;

/// Panics if a semaphore cannot begin with so many permits.
pub(crate) const fn check_initial(permits: usize) {
    assert!(
        permits <= MAX_PERMITS,
        "Semaphore::new: more than MAX_PERMITS permits"
    );
}

/// The number of permits that are to be acquired. Panics if there never are so many.
#[inline(always)]
pub(crate) fn check_wanted(permits: u32) -> usize {
    let wanted = permits as usize;
    assert!(
        wanted <= MAX_PERMITS,
        "Semaphore::acquire_many: more than MAX_PERMITS permits"
    );
    wanted
}

/// Refuses a call of `method` that would exceed `MAX_PERMITS`.
#[cold]
pub(crate) fn too_many_permits(method: &str) -> ! {
    panic!("{method}: more than MAX_PERMITS ({MAX_PERMITS}) permits");
}

/// Refuses a wait on a condition variable while others wait there with another lock.
#[cold]
pub(crate) fn used_with_two_locks() -> ! {
    panic!(
        "Condvar::wait: attempted to use a condition variable with more than one mutex or \
        reader-writer lock: other threads are waiting on it with another lock"
    );
}

/// A lock that waiters of a condition variable release and acquire again. They may be requeued to
/// a mutex. A lock to which none are requeued keeps the defaults of all that concerns that.
pub trait Requeue {
    /// The condition variable's queue in which its waiters sleep.
    const QUEUE: KeyOffset = KeyOffset::Own;
    /// The key of the lock's own queue: an address that identifies the lock.
    fn queue_key(&self) -> usize;
    /// What a waiter parks with.
    fn park_token(&self) -> ParkToken {
        ParkToken::Notified
    }
    /// Acquires the lock for a woken waiter, if this unpark token says that the lock is reserved
    /// for it. False if the waiter has to acquire it as any other thread.
    fn took(&self, _token: UnparkToken) -> bool {
        false
    }
    /// Whether it is held now. The answer may be stale.
    fn is_held(&self) -> bool {
        false
    }
    /// A waiter's time was up after it had been requeued to `key`, whose queue is locked.
    fn requeued_timed_out(&self, _key: usize) {}
    /// Whether a requeued waiter may depend on another one.
    fn expects_requeued(&self) -> bool {
        false
    }
    /// What a requeued waiter does when it looks.
    fn look_requeued(&self) {}
}

/// A guard whose lock can be released and acquired again.
pub trait Waits {
    /// The untyped lock.
    type Raw: Requeue;
    /// The untyped lock.
    fn raw_lock(&self) -> &Self::Raw;
    /// Acquires the lock again.
    fn relock(&self);
    /// # Safety
    /// The guard is not used until `relock`, or until `Requeue::took` returns true.
    unsafe fn unlock(&self);
}
