//! [`Condvar`], which takes and returns the guard.

use super::{LockResult, MutexGuard};
use crate::RawCondvar;
use crate::sys::const_fn;
use std::fmt;
use std::time::{Duration, Instant};

/// A [`crate::Condvar`] with std's methods, for guards of a [`Mutex`](super::Mutex).
///
/// A waiter wakes up only when it was notified or its time is up. A notification goes to the thread
/// that has waited longest.
///
/// # Panics
/// Waiting with one mutex while other threads wait with another panics.
pub struct Condvar {
    raw: RawCondvar,
}

/// Whether a wait ended because its time was up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// True if the time was up before this waiter was notified. For `wait_timeout_while`: true if
    /// the condition still held then.
    #[must_use]
    pub fn timed_out(&self) -> bool {
        self.0
    }
}

/// What a timed wait returns.
type Waited<'a, T> = (MutexGuard<'a, T>, WaitTimeoutResult);

impl Condvar {
    const_fn! {
        /// Creates a condition variable without waiters.
        pub const fn new() -> Self {
            Condvar { raw: RawCondvar::new() }
        }
    }

    /// Unlocks the mutex, blocks until notified, and locks the mutex again.
    ///
    /// # Errors
    /// If the mutex is poisoned then: with the guard.
    pub fn wait<'a, T: ?Sized>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        // SAFETY: the guard holds the mutex, and is not used meanwhile.
        unsafe { self.raw.wait(guard.raw()) };
        guard.poison().result(guard)
    }

    /// Waits while `condition` returns true. It runs with the mutex held, around each wait.
    ///
    /// # Errors
    /// If the mutex is poisoned after a wait: with the guard, without a look at the condition.
    pub fn wait_while<'a, T: ?Sized, F>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: F,
    ) -> LockResult<MutexGuard<'a, T>>
    where
        F: FnMut(&mut T) -> bool,
    {
        while condition(&mut guard) {
            guard = self.wait(guard)?;
        }
        Ok(guard)
    }

    /// As [`wait`](Self::wait), for at most `dur` and the time to lock the mutex again. A duration
    /// beyond what an `Instant` holds is no limit.
    ///
    /// # Errors
    /// If the mutex is poisoned then: with the guard and the result.
    pub fn wait_timeout<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        dur: Duration,
    ) -> LockResult<Waited<'a, T>> {
        self.wait_until(guard, Instant::now().checked_add(dur))
    }

    /// As [`wait_timeout`](Self::wait_timeout), with milliseconds. The `bool` is false if the time
    /// was up.
    ///
    /// # Errors
    /// As [`wait_timeout`](Self::wait_timeout).
    #[deprecated(note = "replaced by `wait_timeout`, as in std")]
    pub fn wait_timeout_ms<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        ms: u32,
    ) -> LockResult<(MutexGuard<'a, T>, bool)> {
        let without_result = |(guard, result): Waited<'a, T>| (guard, !result.timed_out());
        match self.wait_timeout(guard, Duration::from_millis(ms.into())) {
            Ok(waited) => Ok(without_result(waited)),
            Err(poisoned) => {
                let (guard, notified) = without_result(poisoned.into_inner());
                Err(super::PoisonError::new((guard, notified)))
            }
        }
    }

    /// As [`wait_while`](Self::wait_while), for at most `dur`.
    ///
    /// # Errors
    /// If the mutex is poisoned after a wait: with the guard and that wait's result.
    pub fn wait_timeout_while<'a, T: ?Sized, F>(
        &self,
        mut guard: MutexGuard<'a, T>,
        dur: Duration,
        mut condition: F,
    ) -> LockResult<Waited<'a, T>>
    where
        F: FnMut(&mut T) -> bool,
    {
        let deadline = Instant::now().checked_add(dur);
        let mut result = WaitTimeoutResult(false);
        while condition(&mut guard) {
            if result.timed_out() {
                return Ok((guard, result));
            }
            (guard, result) = self.wait_until(guard, deadline)?;
        }
        Ok((guard, WaitTimeoutResult(false)))
    }

    /// Waits until the deadline at most; without limit if there is none.
    fn wait_until<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        deadline: Option<Instant>,
    ) -> LockResult<Waited<'a, T>> {
        let Some(deadline) = deadline else {
            // SAFETY: the guard holds the mutex, and is not used meanwhile.
            unsafe { self.raw.wait(guard.raw()) };
            return guard.poison().result((guard, WaitTimeoutResult(false)));
        };
        // SAFETY: see above.
        let timed_out = unsafe { self.raw.wait_until(guard.raw(), deadline) };
        guard.poison().result((guard, WaitTimeoutResult(timed_out)))
    }

    /// Wakes the thread that has waited longest, if there is one.
    #[inline]
    pub fn notify_one(&self) {
        self.raw.notify_one();
    }

    /// Wakes all threads that wait now.
    #[inline]
    pub fn notify_all(&self) {
        self.raw.notify_all();
    }
}

impl Default for Condvar {
    fn default() -> Self {
        Condvar::new()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").finish_non_exhaustive()
    }
}
