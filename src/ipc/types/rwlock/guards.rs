//! The guards of a [`RwLock`]: for reading, for writing, and for repairing its data.

use super::RwLock;
use crate::ipc::ledger::Holder;
use crate::ipc::types::shareable::{Shareable, assert_no_locks};
use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};

/// Holds a [`RwLock`] for reading, and releases it when dropped.
#[must_use = "the lock is released at once if the guard is not kept"]
pub struct RwLockReadGuard<'a, T> {
    lock: &'a RwLock<T>,
    holder: Holder,
}

// SAFETY: sharing it shares the data.
unsafe impl<T: Sync> Sync for RwLockReadGuard<'_, T> {}

impl<'a, T> RwLockReadGuard<'a, T> {
    #[inline]
    pub(super) fn new(lock: &'a RwLock<T>, holder: Holder) -> Self {
        RwLockReadGuard { lock, holder }
    }
}

impl<T> Drop for RwLockReadGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.raw.unlock_read(self.holder);
    }
}

impl<T> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this thread reads, so no thread writes.
        unsafe { &*self.lock.data.get() }
    }
}

impl<T: fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        T::fmt(self, f)
    }
}

/// Holds a [`RwLock`] for writing, and releases it when dropped.
#[must_use = "the lock is released at once if the guard is not kept"]
pub struct RwLockWriteGuard<'a, T> {
    lock: &'a RwLock<T>,
    holder: Holder,
}

// SAFETY: sharing it shares the data.
unsafe impl<T: Sync> Sync for RwLockWriteGuard<'_, T> {}

impl<'a, T> RwLockWriteGuard<'a, T> {
    #[inline]
    pub(super) fn new(lock: &'a RwLock<T>, holder: Holder) -> Self {
        RwLockWriteGuard { lock, holder }
    }
}

impl<T> Drop for RwLockWriteGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.raw.unlock_write(self.holder, false);
    }
}

impl<T> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this thread writes, so no other thread reads or writes.
        unsafe { &*self.lock.data.get() }
    }
}

/// Does not compile for data that [has locks](Shareable::HAS_LOCKS).
impl<T: Shareable> DerefMut for RwLockWriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        assert_no_locks::<T>();
        // SAFETY: this thread writes, so no other thread reads or writes.
        unsafe { &mut *self.lock.data.get() }
    }
}

impl<T: fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        T::fmt(self, f)
    }
}

/// Holds a [`RwLock`] for writing whose last writer died. The data may be half changed.
///
/// Dropped without [`repair`](Self::repair), it poisons the lock.
#[must_use = "the lock is poisoned if this is not repaired"]
pub struct WriterDied<'a, T> {
    guard: ManuallyDrop<RwLockWriteGuard<'a, T>>,
}

impl<'a, T> WriterDied<'a, T> {
    pub(super) fn new(guard: RwLockWriteGuard<'a, T>) -> Self {
        let guard = ManuallyDrop::new(guard);
        WriterDied { guard }
    }

    /// Says that the data is right again.
    pub fn repair(self) -> RwLockWriteGuard<'a, T> {
        let this = ManuallyDrop::new(self);
        RwLockWriteGuard::new(this.guard.lock, this.guard.holder)
    }
}

impl<T> Drop for WriterDied<'_, T> {
    fn drop(&mut self) {
        self.guard.lock.raw.unlock_write(self.guard.holder, true);
    }
}

impl<T> Deref for WriterDied<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

/// Does not compile for data that [has locks](Shareable::HAS_LOCKS).
impl<T: Shareable> DerefMut for WriterDied<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

impl<T: fmt::Debug> fmt::Debug for WriterDied<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        T::fmt(self, f)
    }
}
