//! What parking_lot 0.12 has.

use crate::face::face;
use ::lock_api_04::RawMutex as _;
use std::fmt;
use std::time::{Duration, Instant};

face! { lock_api_04 }

/// The untyped reader-writer lock.
pub type RawRwLock = crate::raw::RawRwLock<false>;

/// Creates an unlocked mutex in a constant.
pub const fn const_mutex<T>(data: T) -> Mutex<T> {
    Mutex::const_new(RawMutex::INIT, data)
}

/// Creates an unlocked fair mutex in a constant.
pub const fn const_fair_mutex<T>(data: T) -> FairMutex<T> {
    FairMutex::const_new(RawFairMutex::INIT, data)
}

/// Creates an unlocked reentrant mutex in a constant.
pub const fn const_reentrant_mutex<T>(data: T) -> ReentrantMutex<T> {
    ReentrantMutex::const_new(RawMutex::INIT, RawThreadId, data)
}

/// Creates an open lock in a constant.
pub const fn const_rwlock<T>(data: T) -> RwLock<T> {
    RwLock::const_new(<RawRwLock as lock_api::RawRwLock>::INIT, data)
}

/// Blocks a thread, with its mutex unlocked, until another thread notifies it of a change.
///
/// [`anteroom::Condvar`] says how it works. There are no spurious wake-ups.
///
/// # Panics
/// Waiting with one mutex while other threads wait with another panics.
pub struct Condvar(anteroom::RawCondvar);

/// Whether a wait ended because its time was up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// Whether the time was up before the thread was notified.
    #[inline]
    pub fn timed_out(self) -> bool {
        self.0
    }
}

/// The mutex that a guard holds.
#[inline]
fn raw<'a, T: ?Sized>(guard: &MutexGuard<'a, T>) -> &'a anteroom::RawMutex {
    // SAFETY: only `Condvar` uses it, and leaves the mutex locked.
    unsafe { MutexGuard::mutex(guard).raw() }.raw()
}

impl Condvar {
    /// Creates a condition variable without waiters.
    pub const fn new() -> Self {
        Condvar(anteroom::RawCondvar::new())
    }

    /// Wakes the thread that has waited longest. Returns whether there was one.
    #[inline]
    pub fn notify_one(&self) -> bool {
        self.0.notify_one()
    }

    /// Wakes all threads that wait now. Returns their number.
    #[inline]
    pub fn notify_all(&self) -> usize {
        self.0.notify_all()
    }

    /// Unlocks the mutex, blocks until notified, and locks the mutex again.
    #[inline]
    pub fn wait<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>) {
        // SAFETY: the guard holds the mutex, and is borrowed until it does again.
        unsafe { self.0.wait(raw(guard)) };
    }

    /// As [`wait`](Self::wait), until `deadline` at most.
    #[inline]
    pub fn wait_until<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        deadline: Instant,
    ) -> WaitTimeoutResult {
        // SAFETY: see `wait`.
        WaitTimeoutResult(unsafe { self.0.wait_until(raw(guard), deadline) })
    }

    /// As [`wait`](Self::wait), for at most `timeout`. One beyond what an `Instant` holds is no
    /// limit.
    #[inline]
    pub fn wait_for<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        timeout: Duration,
    ) -> WaitTimeoutResult {
        // SAFETY: see `wait`.
        WaitTimeoutResult(unsafe { self.0.wait_for(raw(guard), timeout) })
    }

    /// Waits while `condition` returns true.
    #[inline]
    pub fn wait_while<T, F>(&self, guard: &mut MutexGuard<'_, T>, condition: F)
    where
        T: ?Sized,
        F: FnMut(&mut T) -> bool,
    {
        self.wait_while_by(guard, condition, |guard| {
            self.wait(guard);
            WaitTimeoutResult(false)
        });
    }

    /// As [`wait_while`](Self::wait_while), until `deadline` at most. After that the condition is
    /// not looked at again.
    #[inline]
    pub fn wait_while_until<T, F>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        condition: F,
        deadline: Instant,
    ) -> WaitTimeoutResult
    where
        T: ?Sized,
        F: FnMut(&mut T) -> bool,
    {
        self.wait_while_by(guard, condition, |guard| self.wait_until(guard, deadline))
    }

    /// As [`wait_while_until`](Self::wait_while_until), for at most `timeout`.
    #[inline]
    pub fn wait_while_for<T, F>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        condition: F,
        timeout: Duration,
    ) -> WaitTimeoutResult
    where
        T: ?Sized,
        F: FnMut(&mut T) -> bool,
    {
        match Instant::now().checked_add(timeout) {
            Some(deadline) => self.wait_while_until(guard, condition, deadline),
            None => {
                self.wait_while(guard, condition);
                WaitTimeoutResult(false)
            }
        }
    }

    #[inline]
    fn wait_while_by<'a, T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'a, T>,
        mut condition: impl FnMut(&mut T) -> bool,
        wait: impl Fn(&mut MutexGuard<'a, T>) -> WaitTimeoutResult,
    ) -> WaitTimeoutResult {
        let mut result = WaitTimeoutResult(false);
        while !result.timed_out() && condition(&mut **guard) {
            result = wait(guard);
        }
        result
    }
}

impl Default for Condvar {
    fn default() -> Self {
        Condvar::new()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Condvar { .. }")
    }
}
