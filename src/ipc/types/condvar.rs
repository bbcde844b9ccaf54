//! The condition variable between processes: its public type.

use crate::WaitTimeoutResult;
use crate::ipc::condvar::raw::RawCondvar;
use crate::ipc::types::shareable::{Shareable, fingerprint};
use crate::ipc::{LockResult, MutexGuard};
use crate::sys::deadline::Deadline;
use crate::sys::ipc::me::Me;
use std::fmt;
use std::time::{Duration, Instant};

/// A place to sleep until another process says that something has changed, with a
/// [`Mutex`](crate::ipc::Mutex) released meanwhile.
///
/// It must lie in the same memory as the mutex. Without waiters, it is forty zero bytes.
///
/// **Spurious wake-ups** are possible: check the condition again, or let
/// [`wait_while`](Self::wait_while) do that. A `notify_one` may wake more than one waiter.
///
/// **Deaths.** A killed notifier has notified or not, and blocks no other thread; it never waits
/// itself. If a waiter is killed while it sleeps or is being woken, another waiter is woken in its
/// place. If it is killed after that, while it acquires the mutex again, it has been notified, as
/// if it had died just after its wait. So use `notify_all` where waiters may be killed and each
/// notification counts. If a holder of the mutex died, a wait ends with the error that locking it
/// would have given.
///
/// **Fairness.** None: a notification may wake any waiter.
///
/// **Memory ordering.** The mutex orders memory: change the condition while holding it. Notify with
/// the mutex held or after releasing it; notifications order nothing.
///
/// # Panics
/// Every use by `&`, also one that only tries or asks, panics where a lock must not be ([what is
/// checked](crate::ipc#what-is-checked)). Nothing has changed then. Waiting panics, and releases
/// the mutex, with a guard that was inherited over a fork.
///
/// # Examples
/// ```
/// use anteroom::ipc::{Condvar, Mutex, Shared};
///
/// anteroom::shareable! {
///     struct Board {
///         ready: Mutex<u32>,
///         changed: Condvar,
///     }
/// }
///
/// let board = Shared::anonymous(Board {
///     ready: Mutex::new(0),
///     changed: Condvar::new(),
/// })?;
/// std::thread::scope(|s| {
///     // Or another process, which has opened the same memory.
///     s.spawn(|| {
///         *board.ready.lock().unwrap() = 1;
///         board.changed.notify_one();
///     });
///     let ready = board.ready.lock().unwrap();
///     let ready = board.changed.wait_while(ready, |ready| *ready == 0).unwrap();
///     assert_eq!(*ready, 1);
/// });
/// # Ok::<(), anteroom::ipc::OpenError>(())
/// ```
#[repr(C)]
pub struct Condvar {
    raw: RawCondvar,
}

// SAFETY: numbers, of which any are a state: at worst, a wake-up is spurious or missing.
unsafe impl Shareable for Condvar {
    const FINGERPRINT: u64 = fingerprint("Condvar 1");
    const HAS_LOCKS: bool = true;
}

impl Condvar {
    /// A condition variable without waiters.
    pub const fn new() -> Self {
        Condvar {
            raw: RawCondvar::new(),
        }
    }

    /// Releases the mutex, sleeps until notified (or not at all), and acquires the mutex again.
    ///
    /// # Errors
    /// As [`Mutex::lock`](crate::ipc::Mutex::lock)'s.
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<'a, T> {
        self.wait_before(guard, Deadline::NEVER).0
    }

    /// As [`wait`](Self::wait), for at most `timeout` and the time to acquire the mutex. A time too
    /// long for an `Instant` is for ever.
    pub fn wait_for<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        timeout: Duration,
    ) -> (LockResult<'a, T>, WaitTimeoutResult) {
        self.wait_before(guard, Deadline::after(timeout))
    }

    /// As [`wait_for`](Self::wait_for), until this instant.
    pub fn wait_until<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        deadline: Instant,
    ) -> (LockResult<'a, T>, WaitTimeoutResult) {
        self.wait_before(guard, Deadline::at(deadline))
    }

    /// Waits as long as `condition` returns true. It is called with the mutex held, before sleeping
    /// and after. Does not compile for data that [has locks](Shareable::HAS_LOCKS).
    ///
    /// # Errors
    /// As [`Mutex::lock`](crate::ipc::Mutex::lock)'s: then the condition is not called.
    pub fn wait_while<'a, T: Shareable>(
        &self,
        guard: MutexGuard<'a, T>,
        condition: impl FnMut(&mut T) -> bool,
    ) -> LockResult<'a, T> {
        self.wait_while_before(guard, condition, Deadline::NEVER).0
    }

    /// As [`wait_while`](Self::wait_while), for at most `timeout`. It has timed out if `condition`
    /// still held then.
    pub fn wait_while_for<'a, T: Shareable>(
        &self,
        guard: MutexGuard<'a, T>,
        condition: impl FnMut(&mut T) -> bool,
        timeout: Duration,
    ) -> (LockResult<'a, T>, WaitTimeoutResult) {
        self.wait_while_before(guard, condition, Deadline::after(timeout))
    }

    /// As [`wait_while_for`](Self::wait_while_for), until this instant.
    pub fn wait_while_until<'a, T: Shareable>(
        &self,
        guard: MutexGuard<'a, T>,
        condition: impl FnMut(&mut T) -> bool,
        deadline: Instant,
    ) -> (LockResult<'a, T>, WaitTimeoutResult) {
        self.wait_while_before(guard, condition, Deadline::at(deadline))
    }

    #[inline]
    fn me(&self) -> Me {
        Me::for_lock(self, "ipc::Condvar")
    }

    fn wait_while_before<'a, T: Shareable>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: impl FnMut(&mut T) -> bool,
        deadline: Deadline,
    ) -> (LockResult<'a, T>, WaitTimeoutResult) {
        let mut timed_out = false;
        while condition(&mut guard) {
            if timed_out {
                return (Ok(guard), WaitTimeoutResult::new(true));
            }
            let (locked, result) = self.wait_before(guard, deadline);
            timed_out = result.timed_out();
            guard = match locked {
                Ok(guard) => guard,
                died => return (died, result),
            };
        }
        (Ok(guard), WaitTimeoutResult::new(false))
    }

    fn wait_before<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        deadline: Deadline,
    ) -> (LockResult<'a, T>, WaitTimeoutResult) {
        // Before the guard is taken apart, so that a panic releases the mutex.
        let me = self.me();
        assert!(
            guard.is_owned(me),
            "ipc::Condvar::wait: a child does not hold its parent's mutex"
        );
        let mutex = guard.forget();
        let (locked, timed_out) = self.raw.wait(me, mutex.raw(), deadline);
        (mutex.guard(me, locked), WaitTimeoutResult::new(timed_out))
    }

    /// Wakes one waiter, if there is one. Without waiters it is one load.
    #[inline]
    pub fn notify_one(&self) {
        self.raw.notify_one(self.me());
    }

    /// Wakes all waiters.
    #[inline]
    pub fn notify_all(&self) {
        self.raw.notify_all(self.me());
    }
}

impl Default for Condvar {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").finish_non_exhaustive()
    }
}
