//! The mutex: loom's, held by a guard that is kept here until the holder releases.
//!
//! Loom's own mutex never shows a thread that tries it while the holder makes no step that loom
//! knows of. So a release looks whether a thread tries, which gives loom a point at which that may
//! happen. Where no thread tries, there is nothing to explore.

use crate::deadline::Deadline;
use loom::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use loom::sync::{Mutex, MutexGuard};
use std::cell::Cell;
use std::mem;
use std::sync::{PoisonError, TryLockError};

/// The untyped mutex. It appears in the types of guards; use [`Mutex`](crate::Mutex).
pub struct RawMutex {
    /// Dropped before the mutex, which it borrows.
    held: Cell<Option<MutexGuard<'static, ()>>>,
    /// Boxed, so that it stays in place when this is moved.
    mutex: Box<Mutex<()>>,
    tries: AtomicUsize,
}

// SAFETY: only the holder of the mutex touches the cell.
unsafe impl Send for RawMutex {}
// SAFETY: see above.
unsafe impl Sync for RawMutex {}

impl RawMutex {
    pub(crate) fn new() -> Self {
        RawMutex {
            held: Cell::new(None),
            mutex: Box::new(Mutex::new(())),
            tries: AtomicUsize::new(0),
        }
    }

    /// An address that identifies this mutex.
    pub(crate) fn key(&self) -> usize {
        (&raw const *self.mutex).addr()
    }

    fn keep(&self, guard: MutexGuard<'_, ()>) {
        // SAFETY: the mutex stays where it is, and is dropped after the guard.
        let guard = unsafe { mem::transmute::<MutexGuard<'_, ()>, MutexGuard<'static, ()>>(guard) };
        self.held.set(Some(guard));
    }

    fn try_guard(&self) -> Option<MutexGuard<'_, ()>> {
        match self.mutex.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(guard)) => Some(guard.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    pub(crate) fn lock(&self) {
        // A panic that releases loom's mutex poisons it. Ours is as before.
        self.keep(self.mutex.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn try_lock(&self) -> bool {
        // ORDERING: Relaxed; it orders nothing.
        self.tries.fetch_add(1, Relaxed);
        self.try_guard().map(|guard| self.keep(guard)).is_some()
    }

    pub(crate) fn lock_until(&self, deadline: Deadline) -> bool {
        if !deadline.passed() {
            self.lock();
            return true;
        }
        // What other threads do in between precedes the deadline.
        self.try_lock() || self.try_lock()
    }

    pub(crate) fn is_locked(&self) -> bool {
        // ORDERING: Relaxed; see `try_lock`.
        self.tries.fetch_add(1, Relaxed);
        self.try_guard().is_none()
    }

    /// # Safety
    /// The caller holds the mutex.
    pub(crate) unsafe fn unlock(&self) {
        // A model that has failed unwinds its threads, and is no model any more.
        if !std::thread::panicking() {
            // ORDERING: Relaxed; see `try_lock`.
            self.tries.load(Relaxed);
        }
        drop(self.held.take());
    }

    /// # Safety
    /// As for [`unlock`](Self::unlock).
    pub(crate) unsafe fn unlock_fair(&self) {
        // SAFETY: the caller's promise is the same.
        unsafe { self.unlock() };
    }

    #[cfg(anteroom_models)]
    pub(crate) fn assert_at_rest(&mut self) {
        assert!(!self.is_locked(), "at rest");
    }

    /// # Safety
    /// The caller holds the mutex, and does again when this returns.
    pub(crate) unsafe fn bump(&self) {
        // SAFETY: the caller's promise is the same.
        unsafe { self.unlock() };
        self.lock();
    }
}
