//! [`RwLock`] and its guards.

use super::flag::{self, Flag, Section};
use super::mapped::{MappedRwLockReadGuard, MappedRwLockWriteGuard};
use super::{LockResult, PoisonError, TryLockError, TryLockResult, access, lock};
use crate::RawRwLock;
use crate::sys::const_fn;
use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;

/// A [`crate::RwLock`] that a panic of a writer poisons: std's names, and its own types of guards.
///
/// # Examples
/// ```
/// use anteroom::poison::{RwLock, RwLockWriteGuard};
///
/// let lock = RwLock::new(vec![1]);
/// assert_eq!(lock.read().unwrap().len(), 1);
/// let mut writer = lock.write().unwrap();
/// writer.push(2);
/// let reader = RwLockWriteGuard::downgrade(writer); // no other writer came in between
/// assert_eq!(reader.len(), 2);
/// ```
pub struct RwLock<T: ?Sized> {
    raw: RawRwLock,
    poison: Flag,
    data: UnsafeCell<T>,
}

// SAFETY: readers share `&T` between threads (`Sync`); a writer may take the data out (`Send`).
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

/// Reads an [`RwLock`]. It never poisons.
#[must_use = "the lock is released at once if the guard is not kept"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    // Not a borrow of the lock, so that the guard is covariant in `T`.
    data: NonNull<T>,
    raw: &'a RawRwLock,
}

/// Writes an [`RwLock`], and poisons it if a panic drops the guard.
#[must_use = "the lock is released at once if the guard is not kept"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    section: Section,
    not_send: PhantomData<*mut ()>,
}

impl<T: ?Sized> RwLock<T> {
    /// # Safety
    /// The caller reads, and passes that to the guard.
    #[inline]
    unsafe fn reader(&self) -> RwLockReadGuard<'_, T> {
        RwLockReadGuard {
            // SAFETY: it points into the lock.
            data: unsafe { NonNull::new_unchecked(self.data.get()) },
            raw: &self.raw,
        }
    }

    /// # Safety
    /// The caller writes, and passes that to the guard.
    #[inline]
    unsafe fn writer(&self) -> RwLockWriteGuard<'_, T> {
        RwLockWriteGuard {
            lock: self,
            section: Section::begin(),
            not_send: PhantomData,
        }
    }

    /// Acquires the lock for reading, blocking until that is possible.
    ///
    /// # Errors
    /// If the lock is poisoned: with the guard.
    ///
    /// # Panics
    /// If there are too many readers: see [`crate::RwLock`].
    #[inline]
    pub fn read(&self) -> LockResult<RwLockReadGuard<'_, T>> {
        self.raw.lock_shared();
        // SAFETY: just acquired for reading.
        self.poison.result(unsafe { self.reader() })
    }

    /// Tries to acquire the lock for reading, without blocking.
    ///
    /// # Errors
    /// `Poisoned`, with the guard; `WouldBlock` if another thread writes or is to write.
    ///
    /// # Panics
    /// As [`read`](Self::read).
    #[inline]
    pub fn try_read(&self) -> TryLockResult<RwLockReadGuard<'_, T>> {
        let acquired = self.raw.try_lock_shared();
        // SAFETY: if it is run, the lock was just acquired for reading.
        let guard = acquired.then(|| unsafe { self.reader() });
        self.poison.try_result(guard)
    }

    /// Acquires the lock for writing, blocking until that is possible.
    ///
    /// # Errors
    /// If the lock is poisoned: with the guard.
    #[inline]
    pub fn write(&self) -> LockResult<RwLockWriteGuard<'_, T>> {
        self.raw.lock_exclusive();
        // SAFETY: just acquired for writing.
        self.poison.result(unsafe { self.writer() })
    }

    /// Tries to acquire the lock for writing, without blocking.
    ///
    /// # Errors
    /// `Poisoned`, with the guard; `WouldBlock` if the lock is not free.
    #[inline]
    pub fn try_write(&self) -> TryLockResult<RwLockWriteGuard<'_, T>> {
        let acquired = self.raw.try_lock_exclusive();
        // SAFETY: if it is run, the lock was just acquired for writing.
        let guard = acquired.then(|| unsafe { self.writer() });
        self.poison.try_result(guard)
    }
}

lock! { RwLock, RawRwLock, read, write, try_read, locked: format_args!("<locked>") }

access! { RwLockReadGuard, |guard| guard.data.as_ptr() }

impl<T: ?Sized> Drop for RwLockReadGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the guard's thread reads, and the guard is gone after this.
        unsafe { self.raw.unlock_shared() };
    }
}

impl<'a, T: ?Sized> RwLockReadGuard<'a, T> {
    /// Narrows the guard to a part of the data.
    pub fn map<U, F>(orig: Self, f: F) -> MappedRwLockReadGuard<'a, U>
    where
        F: FnOnce(&T) -> &U,
        U: ?Sized,
    {
        let part = NonNull::from(f(&orig));
        orig.mapped(part)
    }

    /// Narrows the guard to a part of the data if `f` finds one.
    ///
    /// # Errors
    /// If `f` returns `None`: the guard.
    pub fn filter_map<U, F>(orig: Self, f: F) -> Result<MappedRwLockReadGuard<'a, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
        U: ?Sized,
    {
        match f(&orig).map(NonNull::from) {
            Some(part) => Ok(orig.mapped(part)),
            None => Err(orig),
        }
    }

    fn mapped<U: ?Sized>(self, part: NonNull<U>) -> MappedRwLockReadGuard<'a, U> {
        let raw = ManuallyDrop::new(self).raw;
        // SAFETY: the guard, which is never dropped, reads, and `part` lies in its data.
        unsafe { MappedRwLockReadGuard::new(raw, part) }
    }
}

access! { mut RwLockWriteGuard, |guard| guard.lock.data.get() }

impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.section.end(&self.lock.poison);
        // SAFETY: the guard is the writer, and is gone after this.
        unsafe { self.lock.raw.unlock_exclusive() };
    }
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// Becomes a reader, with no other writer in between. Waiting readers enter too.
    pub fn downgrade(s: Self) -> RwLockReadGuard<'a, T> {
        let lock = ManuallyDrop::new(s).lock;
        // SAFETY: the guard, which is never dropped, is the writer.
        unsafe { lock.raw.downgrade() };
        // SAFETY: now it is a reader.
        unsafe { lock.reader() }
    }

    /// Narrows the guard to a part of the data.
    pub fn map<U, F>(mut orig: Self, f: F) -> MappedRwLockWriteGuard<'a, U>
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
    pub fn filter_map<U, F>(mut orig: Self, f: F) -> Result<MappedRwLockWriteGuard<'a, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
        U: ?Sized,
    {
        match f(&mut orig).map(|part| &raw mut *part) {
            Some(part) => Ok(orig.mapped(part)),
            None => Err(orig),
        }
    }

    fn mapped<U: ?Sized>(self, part: *mut U) -> MappedRwLockWriteGuard<'a, U> {
        let this = ManuallyDrop::new(self);
        let lock = this.lock;
        // SAFETY: `this`, which is never dropped, is the writer, and `part` lies in its data.
        unsafe { MappedRwLockWriteGuard::new(&lock.raw, part, &lock.poison, this.section) }
    }
}
