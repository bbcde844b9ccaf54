//! [`Mutex`] and its guard.

use super::flag::{self, Flag, Section};
use super::mapped::MappedMutexGuard;
use super::{LockResult, PoisonError, TryLockError, TryLockResult, access, lock};
use crate::RawMutex;
use crate::sys::const_fn;
use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::{RefUnwindSafe, UnwindSafe};

/// A [`crate::Mutex`] that a panic poisons: std's names, and its own type of guard.
///
/// # Examples
/// ```
/// use anteroom::poison::Mutex;
/// use std::{panic, sync::PoisonError};
///
/// let mutex = Mutex::new(1);
/// let result = panic::catch_unwind(|| {
///     let _guard = mutex.lock().unwrap();
///     panic!("with the mutex held");
/// });
/// assert!(result.is_err());
/// assert!(mutex.is_poisoned());
/// let guard = mutex.lock().unwrap_or_else(PoisonError::into_inner);
/// assert_eq!(*guard, 1);
/// mutex.clear_poison();
/// ```
pub struct Mutex<T: ?Sized> {
    raw: RawMutex,
    poison: Flag,
    data: UnsafeCell<T>,
}

// SAFETY: any thread can take the data out through a guard (`Send`). Two threads never have access
// at once.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

/// Holds a [`Mutex`], and poisons it if a panic drops the guard.
#[must_use = "the mutex is unlocked at once if the guard is not kept"]
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    section: Section,
    not_send: PhantomData<*mut ()>,
}

impl<T: ?Sized> Mutex<T> {
    /// # Safety
    /// The caller has locked the mutex, and passes it to the guard.
    #[inline]
    unsafe fn guard(&self) -> MutexGuard<'_, T> {
        MutexGuard {
            mutex: self,
            section: Section::begin(),
            not_send: PhantomData,
        }
    }

    /// Locks the mutex, blocking until it is free.
    ///
    /// # Errors
    /// If the mutex is poisoned: with the guard.
    #[inline]
    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        self.raw.lock();
        // SAFETY: just locked.
        self.poison.result(unsafe { self.guard() })
    }

    /// Locks the mutex if it is free.
    ///
    /// # Errors
    /// `Poisoned`, with the guard; `WouldBlock` if the mutex is not free.
    #[inline]
    pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        let locked = self.raw.try_lock();
        // SAFETY: if it is run, the mutex was just locked.
        let guard = locked.then(|| unsafe { self.guard() });
        self.poison.try_result(guard)
    }
}

// std's mutex, unlike its reader-writer lock, prints this in quotation marks.
lock! { Mutex, RawMutex, lock, lock, try_lock, locked: "<locked>" }

access! { mut MutexGuard, |guard| guard.mutex.data.get() }

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.section.end(&self.mutex.poison);
        // SAFETY: the guard holds the mutex, and is gone after this.
        unsafe { self.mutex.raw.unlock() };
    }
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// The untyped mutex, for a condition variable.
    pub(super) fn raw(&self) -> &'a RawMutex {
        &self.mutex.raw
    }

    pub(super) fn poison(&self) -> &'a Flag {
        &self.mutex.poison
    }

    /// Narrows the guard to a part of the data.
    ///
    /// # Examples
    /// ```
    /// # use anteroom::poison::{Mutex, MutexGuard};
    /// let pair = Mutex::new((1, "one"));
    /// *MutexGuard::map(pair.lock().unwrap(), |pair| &mut pair.0) += 1;
    /// assert_eq!(pair.into_inner().unwrap(), (2, "one"));
    /// ```
    pub fn map<U, F>(mut orig: Self, f: F) -> MappedMutexGuard<'a, U>
    where
        F: FnOnce(&mut T) -> &mut U,
        U: ?Sized,
    {
        let part = &raw mut *f(&mut orig);
        orig.mapped(part)
    }

    /// Narrows the guard to a part of the data if `f` finds one.
    ///
    /// # Errors
    /// If `f` returns `None`: the guard.
    pub fn filter_map<U, F>(mut orig: Self, f: F) -> Result<MappedMutexGuard<'a, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
        U: ?Sized,
    {
        match f(&mut orig).map(|part| &raw mut *part) {
            Some(part) => Ok(orig.mapped(part)),
            None => Err(orig),
        }
    }

    fn mapped<U: ?Sized>(self, part: *mut U) -> MappedMutexGuard<'a, U> {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this`, which is never dropped, holds the mutex, and `part` lies in its data.
        unsafe { MappedMutexGuard::new(this.raw(), part, this.poison(), this.section) }
    }
}
