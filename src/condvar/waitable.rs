//! What a condition variable asks of guards and locks. Public in name only, so that nobody else implements it.

use crate::guard::sealed::{Mode, Whole};
use crate::guard::{Exclusive, Guard, Shared, Upgradable};
use crate::mutex::raw::RawMutex;
use crate::parking::UnparkToken;
use crate::rwlock::raw::RawRwLock;
use crate::waiters;

/// The queue of waiters for a mutex, and that of waiters for a reader-writer lock: offsets from the condition
/// variable's address.
pub(super) const MUTEX: usize = 0;
pub(super) const OTHER: usize = 1;

/// A guard that can wait: one that holds a whole lock.
pub trait Waitable: for<'v> View<'v> {
    /// The untyped lock.
    type Raw: Requeue;
    /// The untyped lock.
    fn raw_lock(&self) -> &Self::Raw;
    /// Takes the lock again.
    fn relock(&self);
    /// # Safety
    /// The guard is not used until `relock`, or until `Requeue::took` has said that it holds the lock.
    unsafe fn unlock(&self);
}

/// A guard whose data can be shown for `'v`. (The second parameter is never named: it tells the compiler that
/// the guard lives that long.)
pub trait View<'v, Alive = &'v Self> {
    /// `&T` or `&mut T`: what a `wait_while` condition is given.
    type View;
    /// Shows the data.
    fn view(&'v mut self) -> Self::View;
}

/// A lock to whose queue waiters may be moved.
pub trait Requeue {
    /// Which of the condition variable's queues its waiters sleep in.
    const QUEUE: usize;
    /// The key of the lock's own queue.
    fn queue_key(&self) -> usize;
    /// What a waiter parks with.
    fn park_token(&self) -> usize;
    /// Takes the lock for a waiter that got this token when it was woken, if the token says that it is to go another way
    /// than others.
    fn took(&self, token: usize) -> bool;
    /// A waiter's time was up after it had been moved to the queue of `key`, whose lock is held.
    fn requeued_timed_out(&self, key: usize);
}
impl<L, M, T> Waitable for Guard<L, M, T>
where
    L: Whole<Raw: Requeue>,
    M: Mode<L::Raw>,
    T: ?Sized,
    Self: for<'v> View<'v>,
{
    type Raw = L::Raw;

    fn raw_lock(&self) -> &L::Raw {
        self.raw()
    }

    fn relock(&self) {
        M::lock(self.raw());
    }

    unsafe fn unlock(&self) {
        // SAFETY: the guard holds the lock.
        unsafe { M::unlock(self.raw()) };
    }
}

impl<'v, L: Whole, T: ?Sized> View<'v> for Guard<L, Exclusive, T>
where
    Exclusive: Mode<L::Raw>,
{
    type View = &'v mut T;

    fn view(&'v mut self) -> &'v mut T {
        self
    }
}

impl<'v, L: Whole<Raw = RawRwLock>, T: ?Sized> View<'v> for Guard<L, Shared, T> {
    type View = &'v T;

    fn view(&'v mut self) -> &'v T {
        self
    }
}

impl<'v, L: Whole<Raw = RawRwLock>, T: ?Sized> View<'v> for Guard<L, Upgradable, T> {
    type View = &'v T;

    fn view(&'v mut self) -> &'v T {
        self
    }
}

impl Requeue for RawMutex {
    const QUEUE: usize = MUTEX;

    fn queue_key(&self) -> usize {
        self.key()
    }

    fn park_token(&self) -> usize {
        self.moved().0
    }

    fn took(&self, token: usize) -> bool {
        self.lock_after(UnparkToken(token))
    }

    fn requeued_timed_out(&self, key: usize) {
        if key == self.key() {
            waiters::remove_one(key);
        }
    }
}

impl Requeue for RawRwLock {
    const QUEUE: usize = OTHER;

    fn queue_key(&self) -> usize {
        self.key()
    }

    fn park_token(&self) -> usize {
        0
    }

    fn took(&self, _token: usize) -> bool {
        false
    }

    fn requeued_timed_out(&self, _key: usize) {}
}
