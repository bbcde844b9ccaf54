//! The guard: one type for every lock, every mode, and every way to refer to the lock.
//!
//! A [`Guard<L, M, T>`](Guard) says *where the lock is* (`L`: a [`Borrowed`] lock, an `Arc` of it,
//! or that of a [`Mapped`] guard), *how it is held* (`M`: [`Exclusive`], [`Shared`] or
//! [`Upgradable`]) and *what it gives access to* (`T`). Programs use aliases:
//! [`MutexGuard`](super::MutexGuard) is `Guard<Borrowed<'a, RawMutex>, Exclusive, T>`. So what a
//! guard does is written once: `Deref` and `Drop` for all, `map` once for each mode, `unlocked`
//! once for all that can be released for a while.
//!
//! A mapped guard can neither be released for a while nor wait on a condition variable: another
//! thread could then change the data, so that the mapped part is no longer there.

use sealed::{Lock, Mode, Reference, Whole};
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};

/// Holds a lock in mode `M`, gives access to its data, and releases the lock when dropped.
///
/// A guard stays on its thread (it is not `Send`), and can be shared between threads if `T` can.
///
/// Functions that would hide the data's own methods are associated functions:
/// `MutexGuard::map(guard, …)`.
#[must_use = "the lock is released at once if the guard is not kept"]
pub struct Guard<L: Lock, M: Mode<L::Raw>, T: ?Sized> {
    lock: L,
    data: *mut T,
    // A raw pointer, so that the guard is not `Send`.
    mode: PhantomData<(M, *const ())>,
}

// SAFETY: a shared guard gives `&T` only, which may cross threads if `T: Sync`. Unlocking needs the
// guard itself, which stays where it is.
unsafe impl<L: Lock, M: Mode<L::Raw>, T: ?Sized + Sync> Sync for Guard<L, M, T> {}

impl<L: Lock, M: Mode<L::Raw>, T: ?Sized> Guard<L, M, T> {
    /// # Safety
    /// The caller holds the lock in mode `M` and passes it to the guard. `data` is what that lock
    /// protects, and lives as long as `lock`.
    #[inline]
    pub(crate) unsafe fn new(lock: L, data: *mut T) -> Self {
        Guard {
            lock,
            data,
            mode: PhantomData,
        }
    }

    #[inline]
    pub(crate) fn raw(&self) -> &L::Raw {
        self.lock.raw()
    }

    #[inline]
    pub(crate) fn data(&self) -> *mut T {
        self.data
    }

    /// Takes the guard apart without releasing the lock.
    #[inline]
    fn into_parts(self) -> (L, *mut T) {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is never dropped, so the lock is moved out once.
        let lock = unsafe { std::ptr::read(&this.lock) };
        (lock, this.data)
    }

    /// The same lock, held in another mode.
    ///
    /// # Safety
    /// The caller has changed the raw lock from `M` to `N`.
    #[inline]
    pub(crate) unsafe fn into_mode<N: Mode<L::Raw>>(self) -> Guard<L, N, T> {
        let (lock, data) = self.into_parts();
        // SAFETY: the caller's promise.
        unsafe { Guard::new(lock, data) }
    }

    /// Releases the lock by a direct handoff: to a waiter, if there is one, ahead of all other
    /// threads. Dropping the guard lets running threads acquire it first, which is faster.
    #[inline]
    pub fn unlock_fair(this: Self) {
        let (lock, _) = this.into_parts();
        // SAFETY: the guard that held it is gone without having released it.
        unsafe { M::unlock_fair(lock.raw()) };
    }
}

impl<L: Whole, M: Mode<L::Raw>, T: ?Sized> Guard<L, M, T> {
    /// Releases the lock, runs `f`, and acquires the lock again, also if `f` panics.
    ///
    /// # Examples
    /// ```
    /// # use anteroom::{Mutex, MutexGuard};
    /// let mutex = Mutex::new(1);
    /// let mut guard = mutex.lock();
    /// MutexGuard::unlocked(&mut guard, || *mutex.lock() = 2);
    /// assert_eq!(*guard, 2);
    /// ```
    pub fn unlocked<R>(this: &mut Self, f: impl FnOnce() -> R) -> R {
        // SAFETY: the guard holds the lock, and is borrowed until it holds it again.
        unsafe { this.unlocked_by(M::unlock, f) }
    }

    /// As [`unlocked`](Self::unlocked), but releases as [`unlock_fair`](Self::unlock_fair).
    pub fn unlocked_fair<R>(this: &mut Self, f: impl FnOnce() -> R) -> R {
        // SAFETY: see `unlocked`.
        unsafe { this.unlocked_by(M::unlock_fair, f) }
    }

    /// # Safety
    /// `unlock` releases the raw lock from mode `M`.
    unsafe fn unlocked_by<R>(&mut self, unlock: unsafe fn(&L::Raw), f: impl FnOnce() -> R) -> R {
        struct Relock<'r, R, M: Mode<R>>(&'r R, PhantomData<M>);
        impl<R, M: Mode<R>> Drop for Relock<'_, R, M> {
            fn drop(&mut self) {
                M::lock(self.0);
            }
        }
        // SAFETY: the caller's promise; the guard holds the lock.
        unsafe { unlock(self.raw()) };
        let _relock = Relock::<_, M>(self.raw(), PhantomData);
        f()
    }

    /// Lets waiters have the lock for a while, if there are any. If there are none, this is cheaper
    /// than dropping the guard and locking again.
    #[inline]
    pub fn bump(this: &mut Self) {
        // SAFETY: the guard holds the lock, and is borrowed until it holds it again.
        unsafe { M::bump(this.raw()) };
    }
}

/// Guards with exclusive access.
impl<'a, L: Reference<'a>, T: ?Sized> Guard<L, Exclusive, T>
where
    Exclusive: Mode<L::Raw>,
{
    /// Narrows the guard to a part of the data.
    ///
    /// # Examples
    /// ```
    /// # use anteroom::{Mutex, MutexGuard};
    /// let pair = Mutex::new((1, "one"));
    /// let mut number = MutexGuard::map(pair.lock(), |pair| &mut pair.0);
    /// *number += 1;
    /// ```
    #[inline]
    pub fn map<U: ?Sized>(
        this: Self,
        f: impl FnOnce(&mut T) -> &mut U,
    ) -> Guard<Mapped<'a, L::Raw>, Exclusive, U> {
        match Self::try_map(this, |data| Some(f(data))) {
            Ok(mapped) => mapped,
            Err(_) => unreachable!("f always returns a part"),
        }
    }

    /// Narrows the guard to a part of the data if `f` finds one; else returns the guard.
    #[inline]
    pub fn try_map<U: ?Sized>(
        mut this: Self,
        f: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<Guard<Mapped<'a, L::Raw>, Exclusive, U>, Self> {
        let Some(part) = f(&mut this).map(|part| &raw mut *part) else {
            return Err(this);
        };
        let (lock, _) = this.into_parts();
        // SAFETY: `this` held the lock, and `part` lies in its data.
        Ok(unsafe { Guard::new(Mapped(lock.raw_reference()), part) })
    }
}

/// Guards with shared access.
impl<'a, L: Reference<'a>, T: ?Sized> Guard<L, Shared, T>
where
    Shared: Mode<L::Raw>,
{
    /// Narrows the guard to a part of the data.
    #[inline]
    pub fn map<U: ?Sized>(
        this: Self,
        f: impl FnOnce(&T) -> &U,
    ) -> Guard<Mapped<'a, L::Raw>, Shared, U> {
        match Self::try_map(this, |data| Some(f(data))) {
            Ok(mapped) => mapped,
            Err(_) => unreachable!("f always returns a part"),
        }
    }

    /// Narrows the guard to a part of the data if `f` finds one; else returns the guard.
    #[inline]
    pub fn try_map<U: ?Sized>(
        this: Self,
        f: impl FnOnce(&T) -> Option<&U>,
    ) -> Result<Guard<Mapped<'a, L::Raw>, Shared, U>, Self> {
        let Some(part) = f(&this).map(|part| (&raw const *part).cast_mut()) else {
            return Err(this);
        };
        let (lock, _) = this.into_parts();
        // SAFETY: `this` held the lock, and `part` lies in its data. A shared guard never writes.
        Ok(unsafe { Guard::new(Mapped(lock.raw_reference()), part) })
    }
}

impl<'a, R: 'a, T: ?Sized> Guard<Borrowed<'a, R>, Exclusive, T>
where
    Exclusive: Mode<R>,
{
    /// Never releases the lock, and returns the data for as long as the lock itself is borrowed.
    #[inline]
    pub fn leak(this: Self) -> &'a mut T
    where
        T: 'a,
    {
        let (_, data) = this.into_parts();
        // SAFETY: the lock stays held for good, and is borrowed for 'a.
        unsafe { &mut *data }
    }
}

impl<L: Lock, M: Mode<L::Raw>, T: ?Sized> Deref for Guard<L, M, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: every mode excludes writers other than this guard.
        unsafe { &*self.data }
    }
}

impl<L: Lock, T: ?Sized> DerefMut for Guard<L, Exclusive, T>
where
    Exclusive: Mode<L::Raw>,
{
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard holds the lock exclusively, and is borrowed exclusively.
        unsafe { &mut *self.data }
    }
}

impl<L: Lock, M: Mode<L::Raw>, T: ?Sized> Drop for Guard<L, M, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the guard holds the lock, and is gone after this.
        unsafe { M::unlock(self.lock.raw()) };
    }
}

impl<L: Lock, M: Mode<L::Raw>, T: ?Sized + fmt::Debug> fmt::Debug for Guard<L, M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<L: Lock, M: Mode<L::Raw>, T: ?Sized + fmt::Display> fmt::Display for Guard<L, M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// Mode: no other guard has access.
pub struct Exclusive;

/// Mode: other guards may read.
pub struct Shared;

/// Mode: other guards may read; only this one may become exclusive.
pub struct Upgradable;

/// A lock that is borrowed for `'a`.
pub struct Borrowed<'a, R>(pub(crate) &'a R);

/// The lock of a guard that was narrowed to a part of its data.
pub struct Mapped<'a, R>(pub(crate) &'a R);

impl<R> Lock for Borrowed<'_, R> {
    type Raw = R;
    #[inline]
    fn raw(&self) -> &R {
        self.0
    }
}

impl<R> Lock for Mapped<'_, R> {
    type Raw = R;
    #[inline]
    fn raw(&self) -> &R {
        self.0
    }
}

impl<R> Whole for Borrowed<'_, R> {}

impl<'a, R: 'a> Reference<'a> for Borrowed<'a, R> {
    #[inline]
    fn raw_reference(self) -> &'a R {
        self.0
    }
}

impl<'a, R: 'a> Reference<'a> for Mapped<'a, R> {
    #[inline]
    fn raw_reference(self) -> &'a R {
        self.0
    }
}

/// What the generic guard asks of locks and modes. Public in name only: sealed.
pub(crate) mod sealed {
    /// Where a guard's lock is.
    pub trait Lock {
        /// The untyped lock.
        type Raw;
        /// The untyped lock.
        fn raw(&self) -> &Self::Raw;
    }

    /// A lock that its guard may release for a while, because the guard accesses all data.
    pub trait Whole: Lock {}

    /// A lock that is borrowed for `'a`.
    pub trait Reference<'a>: Lock<Raw: 'a> {
        /// The same borrow, without the wrapper.
        fn raw_reference(self) -> &'a Self::Raw;
    }

    /// A way of holding a lock of type `R`.
    pub trait Mode<R> {
        /// Acquires the lock, without a time limit.
        fn lock(raw: &R);
        /// # Safety
        /// The caller holds the lock in this mode.
        unsafe fn unlock(raw: &R);
        /// # Safety
        /// As for `unlock`.
        unsafe fn unlock_fair(raw: &R);
        /// # Safety
        /// As for `unlock`; the lock is held again on return.
        unsafe fn bump(raw: &R);
    }
}
