//! [`Condvar`]: the types. The algorithm is in `src/condvar/raw.rs`.

pub(crate) mod waitable;

use super::locks::condvar::RawCondvar;
use crate::sys::deadline::Deadline;
use crate::sys::{const_fn, only_in_models};
use std::fmt;
use std::time::{Duration, Instant};
use waitable::{View, Waitable};

/// Blocks a thread, with its lock released, until another thread notifies it of a change.
///
/// It works with any guard of this crate that holds a whole lock: of a [`Mutex`](super::Mutex) or
/// an [`RwLock`](super::RwLock), to read or to write, borrowed or behind an `Arc`. A mapped guard
/// cannot wait: while the lock is released, the mapped part may go away.
///
/// ```compile_fail,E0277
/// use anteroom::{Condvar, Mutex, MutexGuard};
///
/// let pair = Mutex::new((1, 2));
/// let mut first = MutexGuard::map(pair.lock(), |pair| &mut pair.0);
/// Condvar::new().wait(&mut first);
/// ```
///
/// A waiter wakes up only when it was notified or its time is up: there are no spurious wake-ups.
///
/// # Fairness
/// Waiters are notified in the order in which they came. The lock is as fair as ever.
///
/// # Memory ordering
/// The lock orders memory. Change the awaited data while holding it exclusively. (A read lock is
/// not enough: a reader may be between its look and its sleep.) Notify with the lock held or after
/// releasing it. `notify_one` and `notify_all` by themselves order nothing.
///
/// # Panics
/// Waiting with one lock while other threads wait with another panics. The guard still holds it.
///
/// # Edges and limits
/// See [`lifecycle`](crate::lifecycle) for forks, ends of threads and signal handlers, and
/// [`limits`](crate::limits) for the greatest numbers.
///
/// # Examples
/// ```
/// use anteroom::{Condvar, Mutex};
///
/// let ready = Mutex::new(false);
/// let changed = Condvar::new();
/// std::thread::scope(|s| {
///     s.spawn(|| {
///         *ready.lock() = true;
///         changed.notify_one();
///     });
///     let mut ready = ready.lock();
///     changed.wait_while(&mut ready, |ready| !*ready);
///     assert!(*ready);
/// });
/// ```
pub struct Condvar {
    raw: RawCondvar,
}

/// Whether a wait ended because its time was up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    pub(crate) fn new(timed_out: bool) -> Self {
        WaitTimeoutResult(timed_out)
    }

    /// True if the time was up before this waiter was notified. For the `wait_while` forms: true if
    /// the condition still held then.
    pub fn timed_out(self) -> bool {
        self.0
    }
}

impl Condvar {
    const_fn! {
        /// Creates a condition variable without waiters.
        pub const fn new() -> Self {
            Condvar {
                raw: RawCondvar::new(),
            }
        }
    }

    /// Releases the guard's lock, blocks until notified, and acquires the lock again.
    pub fn wait<G: Waitable>(&self, guard: &mut G) {
        self.wait_by(guard, Deadline::NEVER);
    }

    /// As [`wait`](Self::wait), for at most `timeout` and the time to acquire the lock again.
    ///
    /// A timeout beyond what an `Instant` holds is no limit.
    pub fn wait_for<G: Waitable>(&self, guard: &mut G, timeout: Duration) -> WaitTimeoutResult {
        self.wait_by(guard, Deadline::after(timeout))
    }

    /// As [`wait`](Self::wait), until `deadline` at most and the time to acquire the lock again.
    pub fn wait_until<G: Waitable>(&self, guard: &mut G, deadline: Instant) -> WaitTimeoutResult {
        self.wait_by(guard, Deadline::at(deadline))
    }

    /// Waits while `condition` returns true. It runs with the lock held, around each wait.
    ///
    /// It gets the [`View`] of the guard: `&mut T` if the guard can write, else `&T`.
    ///
    /// # Examples
    /// ```
    /// use anteroom::{Condvar, Mutex};
    ///
    /// let (list, changed) = (Mutex::new(vec![]), Condvar::new());
    /// std::thread::scope(|s| {
    ///     s.spawn(|| {
    ///         list.lock().push(1);
    ///         changed.notify_one();
    ///     });
    ///     let mut list = list.lock();
    ///     changed.wait_while(&mut list, |list| list.is_empty());
    ///     assert_eq!(*list, [1]);
    /// });
    /// ```
    pub fn wait_while<G, F>(&self, guard: &mut G, condition: F)
    where
        G: Waitable,
        F: FnMut(<G as View<'_>>::View) -> bool,
    {
        self.wait_while_by(guard, condition, Deadline::NEVER);
    }

    /// As [`wait_while`](Self::wait_while), for at most `timeout`.
    pub fn wait_while_for<G, F>(
        &self,
        guard: &mut G,
        condition: F,
        timeout: Duration,
    ) -> WaitTimeoutResult
    where
        G: Waitable,
        F: FnMut(<G as View<'_>>::View) -> bool,
    {
        self.wait_while_by(guard, condition, Deadline::after(timeout))
    }

    /// As [`wait_while`](Self::wait_while), until `deadline` at most.
    pub fn wait_while_until<G, F>(
        &self,
        guard: &mut G,
        condition: F,
        deadline: Instant,
    ) -> WaitTimeoutResult
    where
        G: Waitable,
        F: FnMut(<G as View<'_>>::View) -> bool,
    {
        self.wait_while_by(guard, condition, Deadline::at(deadline))
    }

    /// Wakes the thread that has waited longest. Returns whether there was one. Without waiters it
    /// costs one load.
    #[inline]
    pub fn notify_one(&self) -> bool {
        self.raw.notify_one()
    }

    /// Wakes all threads that wait now. Returns their number. Without waiters it costs one load.
    #[inline]
    pub fn notify_all(&self) -> usize {
        self.raw.notify_all()
    }

    only_in_models! {
        /// For models: no thread waits, or touches the condition variable at the same time.
        #[doc(hidden)]
        pub fn assert_at_rest(&mut self) {
            self.raw.assert_at_rest();
        }
    }

    fn wait_by<G: Waitable>(&self, guard: &mut G, deadline: Deadline) -> WaitTimeoutResult {
        WaitTimeoutResult::new(!self.raw.wait(guard, deadline))
    }

    fn wait_while_by<G, F>(
        &self,
        guard: &mut G,
        mut condition: F,
        deadline: Deadline,
    ) -> WaitTimeoutResult
    where
        G: Waitable,
        F: FnMut(<G as View<'_>>::View) -> bool,
    {
        let mut timed_out = false;
        while condition(guard.view()) {
            if timed_out {
                return WaitTimeoutResult(true);
            }
            timed_out = self.wait_by(guard, deadline).timed_out();
        }
        WaitTimeoutResult(false)
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
