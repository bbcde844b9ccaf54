//! The mutex: loom's, held by a guard that is kept here until the holder releases.
//!
//! Loom's own mutex never shows a thread that tries it while the holder makes no step that loom
//! knows of. So a release looks whether a thread tries, which gives loom a point at which that may
//! happen. Where no thread tries, there is nothing to explore.

use super::engine::{Mutex, MutexGuard, Tries};
use super::execution::PerExecution;
use crate::sys::deadline::Deadline;
use crate::sys::only_in_models;
use std::cell::Cell;
use std::mem::{self, ManuallyDrop};
use std::sync::{PoisonError, TryLockError};

/// The untyped mutex: what [`Mutex`](crate::Mutex) has beside its data.
pub struct RawMutex {
    parts: PerExecution<Parts>,
}

struct Parts {
    mutex: Mutex<()>,
    /// The holder's guard. It is not dropped with this: an execution may end with a held mutex.
    held: Cell<Option<ManuallyDrop<MutexGuard<'static, ()>>>>,
    tries: Tries,
}

impl Parts {
    fn keep(&self, guard: MutexGuard<'_, ()>) {
        // SAFETY: the mutex stays where it is, in a box, and the guard is not used after it.
        let guard = unsafe { mem::transmute::<MutexGuard<'_, ()>, MutexGuard<'static, ()>>(guard) };
        self.held.set(Some(ManuallyDrop::new(guard)));
    }

    fn try_guard(&self) -> Option<MutexGuard<'_, ()>> {
        self.tries.add();
        match self.mutex.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(guard)) => Some(guard.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

impl RawMutex {
    /// Creates an unlocked mutex.
    pub const fn new() -> Self {
        RawMutex {
            parts: PerExecution::new(),
        }
    }

    fn parts(&self) -> &Parts {
        self.parts.get(|| Parts {
            mutex: Mutex::new(()),
            held: Cell::new(None),
            tries: Tries::new(),
        })
    }

    /// An address that identifies this mutex.
    pub(crate) fn key(&self) -> usize {
        (&raw const *self.parts()).addr()
    }

    /// Locks the mutex, blocking until it is free.
    pub fn lock(&self) {
        let parts = self.parts();
        // A panic that releases the engine's mutex poisons it. Ours is as before.
        parts.keep(parts.mutex.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Locks the mutex if it is free. Returns whether it did.
    pub fn try_lock(&self) -> bool {
        let parts = self.parts();
        parts.try_guard().map(|guard| parts.keep(guard)).is_some()
    }

    pub(crate) fn lock_until(&self, deadline: Deadline) -> bool {
        if !deadline.exists() {
            self.lock();
            return true;
        }
        // What other threads do in between precedes the deadline.
        self.try_lock() || self.try_lock()
    }

    /// Whether it is held now.
    pub fn is_locked(&self) -> bool {
        self.parts().try_guard().is_none()
    }

    /// Unlocks the mutex.
    ///
    /// # Safety
    /// The caller holds the mutex: it, or a thread that left this to it, has locked it.
    pub unsafe fn unlock(&self) {
        let parts = self.parts.here().expect("the holder has used it");
        // A model that has failed unwinds its threads, and is no model any more.
        if !std::thread::panicking() {
            parts.tries.look();
        }
        drop(parts.held.take().map(ManuallyDrop::into_inner));
    }

    /// As [`unlock`](Self::unlock).
    ///
    /// # Safety
    /// As for [`unlock`](Self::unlock).
    pub unsafe fn unlock_fair(&self) {
        // SAFETY: the caller's promise is the same.
        unsafe { self.unlock() };
    }

    only_in_models! {
        pub(crate) fn assert_at_rest(&mut self) {
            assert!(!self.is_locked(), "at rest");
        }
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
