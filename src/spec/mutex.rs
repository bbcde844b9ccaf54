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

/// The untyped mutex: what [`Mutex`](crate::Mutex) has beside its data.
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
    /// Creates an unlocked mutex.
    pub fn new() -> Self {
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

    /// Locks the mutex, blocking until it is free.
    pub fn lock(&self) {
        // A panic that releases loom's mutex poisons it. Ours is as before.
        self.keep(self.mutex.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Locks the mutex if it is free. Returns whether it did.
    pub fn try_lock(&self) -> bool {
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

    /// Whether it is held now.
    pub fn is_locked(&self) -> bool {
        // ORDERING: Relaxed; see `try_lock`.
        self.tries.fetch_add(1, Relaxed);
        self.try_guard().is_none()
    }

    /// Unlocks the mutex.
    ///
    /// # Safety
    /// The caller holds the mutex: it, or a thread that left this to it, has locked it.
    pub unsafe fn unlock(&self) {
        // A model that has failed unwinds its threads, and is no model any more.
        if !std::thread::panicking() {
            // ORDERING: Relaxed; see `try_lock`.
            self.tries.load(Relaxed);
        }
        drop(self.held.take());
    }

    /// As [`unlock`](Self::unlock).
    ///
    /// # Safety
    /// As for [`unlock`](Self::unlock).
    pub unsafe fn unlock_fair(&self) {
        // SAFETY: the caller's promise is the same.
        unsafe { self.unlock() };
    }

    #[cfg(anteroom_models)]
    pub(crate) fn assert_at_rest(&mut self) {
        assert!(!self.is_locked(), "at rest");
    }

    /// Lets another thread have the mutex for a while.
    ///
    /// # Safety
    /// As for [`unlock`](Self::unlock). The caller holds the mutex again when this returns.
    pub unsafe fn bump(&self) {
        // SAFETY: the caller's promise is the same.
        unsafe { self.unlock() };
        self.lock();
    }
}
