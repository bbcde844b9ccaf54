//! Guards of a part of a lock's data.

use super::access;
use super::flag::{Flag, Section};
use crate::{RawMutex, RawRwLock};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

/// Writes a guard that has exclusive access to a part, and can be narrowed further.
macro_rules! exclusive {
    ($(#[$meta:meta])* $Guard:ident, $Raw:ident, $unlock:ident) => {
        $(#[$meta])*
        #[must_use = "the lock is released at once if the guard is not kept"]
        pub struct $Guard<'a, T: ?Sized> {
            raw: &'a $Raw,
            part: NonNull<T>,
            poison: &'a Flag,
            section: Section,
            // Not covariant in `T`, which may be written.
            access: PhantomData<&'a mut T>,
        }

        access! { mut $Guard, |guard| guard.part.as_ptr() }

        impl<T: ?Sized> Drop for $Guard<'_, T> {
            #[inline]
            fn drop(&mut self) {
                self.section.end(self.poison);
                // SAFETY: the guard holds the lock exclusively, and is gone after this.
                unsafe { self.raw.$unlock() };
            }
        }

        impl<'a, T: ?Sized> $Guard<'a, T> {
            /// # Safety
            /// The caller holds the lock exclusively since `section` began, and passes it to the
            /// guard. `part` lies in its data.
            pub(super) unsafe fn new(
                raw: &'a $Raw,
                part: *mut T,
                poison: &'a Flag,
                section: Section,
            ) -> Self {
                // SAFETY: the part is not at address zero.
                let part = unsafe { NonNull::new_unchecked(part) };
                $Guard { raw, part, poison, section, access: PhantomData }
            }

            /// Narrows the guard to a part of its part.
            pub fn map<U, F>(mut orig: Self, f: F) -> $Guard<'a, U>
            where
                F: FnOnce(&mut T) -> &mut U,
                U: ?Sized,
            {
                let part = &raw mut *f(&mut orig);
                orig.mapped(part)
            }

            /// Narrows the guard to a part of its part if `f` finds one.
            ///
            /// # Errors
            /// If `f` returns `None`: the guard.
            pub fn filter_map<U, F>(mut orig: Self, f: F) -> Result<$Guard<'a, U>, Self>
            where
                F: FnOnce(&mut T) -> Option<&mut U>,
                U: ?Sized,
            {
                match f(&mut orig).map(|part| &raw mut *part) {
                    Some(part) => Ok(orig.mapped(part)),
                    None => Err(orig),
                }
            }

            fn mapped<U: ?Sized>(self, part: *mut U) -> $Guard<'a, U> {
                let this = ManuallyDrop::new(self);
                // SAFETY: `this`, which is never dropped, holds the lock; `part` is of its part.
                unsafe { $Guard::new(this.raw, part, this.poison, this.section) }
            }
        }
    };
}

exclusive! {
    /// Holds a [`Mutex`](super::Mutex), and gives access to a part of its data. It poisons the
    /// mutex if a panic drops the guard.
    MappedMutexGuard, RawMutex, unlock
}

exclusive! {
    /// Writes a part of the data of an [`RwLock`](super::RwLock). It poisons the lock if a panic
    /// drops the guard.
    MappedRwLockWriteGuard, RawRwLock, unlock_exclusive
}

/// Reads a part of the data of an [`RwLock`](super::RwLock). It never poisons.
#[must_use = "the lock is released at once if the guard is not kept"]
pub struct MappedRwLockReadGuard<'a, T: ?Sized> {
    raw: &'a RawRwLock,
    part: NonNull<T>,
}

access! { MappedRwLockReadGuard, |guard| guard.part.as_ptr() }

impl<T: ?Sized> Drop for MappedRwLockReadGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the guard's thread reads, and the guard is gone after this.
        unsafe { self.raw.unlock_shared() };
    }
}

impl<'a, T: ?Sized> MappedRwLockReadGuard<'a, T> {
    /// # Safety
    /// The caller reads the lock, and passes that to the guard. `part` lies in its data.
    pub(super) unsafe fn new(raw: &'a RawRwLock, part: NonNull<T>) -> Self {
        MappedRwLockReadGuard { raw, part }
    }

    /// Narrows the guard to a part of its part.
    pub fn map<U, F>(orig: Self, f: F) -> MappedRwLockReadGuard<'a, U>
    where
        F: FnOnce(&T) -> &U,
        U: ?Sized,
    {
        let part = NonNull::from(f(&orig));
        orig.mapped(part)
    }

    /// Narrows the guard to a part of its part if `f` finds one.
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
        // SAFETY: the guard, which is never dropped, reads; `part` is of its part.
        unsafe { MappedRwLockReadGuard::new(raw, part) }
    }
}
