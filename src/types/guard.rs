//! The guard: one type for every lock, every mode, and every way to refer to the lock.
//!
//! A [`Guard<L, M, T>`](Guard) says *where the lock is* (`L`: a borrow or an `Arc` of it, or that
//! of a [`Mapped`] guard), *how it is held* (`M`: [`Exclusive`], [`Shared`] or [`Upgradable`]) and
//! *what it gives access to* (`T`). Programs use aliases: [`MutexGuard`](super::MutexGuard) is
//! `Guard<&'a Mutex<T>, Exclusive, T>`. So what a guard does is written once: `Deref` and `Drop`
//! for all, `map` once for each mode, `unlocked` once for all that can be released for a while.
//!
//! A mapped guard can neither be released for a while nor wait on a condition variable: another
//! thread could then change the data, so that the mapped part is no longer there.

mod mapped;

pub use mapped::{ArcMapped, Mapped};
use sealed::{AnyThread, Lock, Mode, Reference, Whole};
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

/// Holds a lock in mode `M`, gives access to its data, and releases the lock when dropped.
///
/// A guard stays on its thread (it is not `Send`), and can be shared between threads if `T` can.
///
/// Functions that would hide the data's own methods are associated functions:
/// `MutexGuard::map(guard, …)`.
#[must_use = "the lock is released at once if the guard is not kept"]
pub struct Guard<L: Lock<T>, M: Mode<L::Raw>, T: ?Sized> {
    lock: L,
    // Where the guard may write its data, `L` is invariant in `T`; where it may not, the guard may
    // be covariant.
    mode: PhantomData<(M, *const T)>,
}

// SAFETY: any thread may release the lock, and use the data (`AnyThread`).
unsafe impl<L: Lock<T> + AnyThread, M: Mode<L::Raw>, T: ?Sized> Send for Guard<L, M, T> {}
// SAFETY: a shared guard gives `&T` only, which may cross threads if `T: Sync`. Unlocking needs the
// guard itself, which stays where it is.
unsafe impl<L: Lock<T>, M: Mode<L::Raw>, T: ?Sized + Sync> Sync for Guard<L, M, T> {}

// A guard that is seen after a panic shows the data, and nothing else of its lock.
impl<L: Lock<T>, M: Mode<L::Raw>, T: ?Sized + RefUnwindSafe> UnwindSafe for Guard<L, M, T> {}
impl<L: Lock<T>, M: Mode<L::Raw>, T: ?Sized + RefUnwindSafe> RefUnwindSafe for Guard<L, M, T> {}

impl<L: Lock<T>, M: Mode<L::Raw>, T: ?Sized> Guard<L, M, T> {
    /// # Safety
    /// The caller holds the lock in mode `M` and passes it to the guard.
    #[inline]
    pub(crate) unsafe fn new(lock: L) -> Self {
        Guard {
            lock,
            mode: PhantomData,
        }
    }

    #[inline]
    pub(crate) fn lock(&self) -> &L {
        &self.lock
    }

    #[inline]
    pub(crate) fn raw(&self) -> &L::Raw {
        self.lock.raw()
    }

    #[inline]
    pub(crate) fn data(&self) -> *mut T {
        self.lock.data()
    }

    /// Takes the guard apart without releasing the lock.
    #[inline]
    fn into_lock(self) -> L {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is never dropped, so the lock is moved out once.
        unsafe { std::ptr::read(&this.lock) }
    }

    /// The same lock, held in another mode.
    ///
    /// # Safety
    /// The caller has changed the raw lock from `M` to `N`.
    #[inline]
    pub(crate) unsafe fn into_mode<N: Mode<L::Raw>>(self) -> Guard<L, N, T> {
        // SAFETY: the caller's promise.
        unsafe { Guard::new(self.into_lock()) }
    }

    /// Releases the lock by a direct handoff: to a waiter, if there is one, ahead of all other
    /// threads. Dropping the guard lets running threads acquire it first, which is faster.
    #[inline]
    pub fn unlock_fair(this: Self) {
        let lock = this.into_lock();
        // SAFETY: the guard that held it is gone without having released it.
        unsafe { M::unlock_fair(lock.raw()) };
    }
}

impl<L: Whole<T>, M: Mode<L::Raw>, T: ?Sized> Guard<L, M, T> {
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

impl<'a, L, T: ?Sized + 'a> Guard<L, Exclusive, T>
where
    L: Reference<'a, T>,
    Exclusive: Mode<L::Raw>,
{
    /// Never releases the lock, and returns the data for as long as the lock itself is borrowed.
    #[inline]
    pub fn leak(this: Self) -> &'a mut T {
        let data = this.into_lock().data();
        // SAFETY: the lock stays held for good, and is borrowed for 'a.
        unsafe { &mut *data }
    }
}

/// Guards that keep an `Arc` of their lock.
impl<L: ?Sized, M: Mode<<Arc<L> as Lock<T>>::Raw>, T: ?Sized> Guard<Arc<L>, M, T>
where
    Arc<L>: Whole<T>,
{
    /// Releases the lock, and returns the `Arc` that the guard has kept.
    #[inline]
    pub fn into_arc(this: Self) -> Arc<L> {
        let lock = this.into_lock();
        // SAFETY: the guard that held it is gone without having released it.
        unsafe { M::unlock(lock.raw()) };
        lock
    }
}

impl<L: Lock<T>, M: Mode<L::Raw>, T: ?Sized> Deref for Guard<L, M, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: every mode excludes writers other than this guard.
        unsafe { &*self.data() }
    }
}

impl<L: Lock<T>, T: ?Sized> DerefMut for Guard<L, Exclusive, T>
where
    Exclusive: Mode<L::Raw>,
{
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard holds the lock exclusively, and is borrowed exclusively.
        unsafe { &mut *self.data() }
    }
}

impl<L: Lock<T>, M: Mode<L::Raw>, T: ?Sized> Drop for Guard<L, M, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the guard holds the lock, and is gone after this.
        unsafe { M::unlock(self.lock.raw()) };
    }
}

impl<L: Lock<T>, M: Mode<L::Raw>, T: ?Sized + fmt::Debug> fmt::Debug for Guard<L, M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<L: Lock<T>, M: Mode<L::Raw>, T: ?Sized + fmt::Display> fmt::Display for Guard<L, M, T> {
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

/// Implements the ways to refer to a lock with a field `raw` beside the field `data`, whose mapped
/// guards another thread may release or not.
macro_rules! lock {
    ($Lock:ident, $Raw:ident, $send:literal) => {
        lock! { @ &$Lock<T>, $Raw }
        lock! { @ std::sync::Arc<$Lock<T>>, $Raw }

        impl<T: ?Sized> $Lock<T> {
            /// # Safety
            /// The caller has acquired the lock in mode `M`.
            #[inline]
            unsafe fn guard<M: Mode<$Raw>>(&self) -> Guard<&Self, M, T> {
                // SAFETY: the caller's promise.
                unsafe { Guard::new(self) }
            }

            /// # Safety
            /// The caller has acquired the lock in mode `M`.
            #[inline]
            unsafe fn guard_arc<M: Mode<$Raw>>(
                self: &std::sync::Arc<Self>,
            ) -> Guard<std::sync::Arc<Self>, M, T> {
                // SAFETY: the caller's promise.
                unsafe { Guard::new(self.clone()) }
            }
        }

        impl<'a, T: ?Sized> super::guard::sealed::Reference<'a, T> for &'a $Lock<T> {}

        impl<'a, T: ?Sized> super::guard::sealed::Narrow<T> for &'a $Lock<T> {
            type Mapped<P: super::guard::sealed::Pointer> =
                super::guard::Mapped<'a, $Raw, P, $send>;

            #[inline]
            fn narrow<P: super::guard::sealed::Pointer>(self, part: P) -> Self::Mapped<P> {
                super::guard::Mapped::new(&self.raw, part)
            }
        }

        impl<T: ?Sized> super::guard::sealed::Narrow<T> for std::sync::Arc<$Lock<T>> {
            type Mapped<P: super::guard::sealed::Pointer> = super::guard::ArcMapped<$Lock<T>, P>;

            #[inline]
            fn narrow<P: super::guard::sealed::Pointer>(self, part: P) -> Self::Mapped<P> {
                super::guard::ArcMapped(self, part)
            }
        }

        impl<T: ?Sized, P: super::guard::sealed::Pointer> super::guard::sealed::Lock<P::Target>
            for super::guard::ArcMapped<$Lock<T>, P>
        {
            type Raw = $Raw;

            #[inline]
            fn raw(&self) -> &$Raw {
                &self.0.raw
            }

            #[inline]
            fn data(&self) -> *mut P::Target {
                self.1.get()
            }
        }

        impl<T: ?Sized, P: super::guard::sealed::Pointer> super::guard::sealed::Narrow<P::Target>
            for super::guard::ArcMapped<$Lock<T>, P>
        {
            type Mapped<Q: super::guard::sealed::Pointer> = super::guard::ArcMapped<$Lock<T>, Q>;

            #[inline]
            fn narrow<Q: super::guard::sealed::Pointer>(self, part: Q) -> Self::Mapped<Q> {
                super::guard::ArcMapped(self.0, part)
            }
        }
    };
    (@ $Reference:ty, $Raw:ident) => {
        impl<T: ?Sized> super::guard::sealed::Lock<T> for $Reference {
            type Raw = $Raw;

            #[inline]
            fn raw(&self) -> &$Raw {
                &self.raw
            }

            #[inline]
            fn data(&self) -> *mut T {
                self.data.get()
            }
        }

        impl<T: ?Sized> super::guard::sealed::Whole<T> for $Reference {}
    };
}
pub(super) use lock;

/// What the generic guard asks of locks and modes. Public in name only: sealed.
pub(crate) mod sealed {
    /// Where a guard's lock is, and what the guard accesses.
    pub trait Lock<T: ?Sized> {
        /// The untyped lock.
        type Raw;
        /// The untyped lock.
        fn raw(&self) -> &Self::Raw;
        /// What the guard accesses. It lives as long as `self`, also if that is moved.
        fn data(&self) -> *mut T;
    }

    /// A lock that its guard may release for a while, because the guard accesses all data.
    #[diagnostic::on_unimplemented(
        message = "a mapped guard can neither wait nor be released for a while",
        label = "this guard gives access to a part of the data only",
        note = "another thread could take the part away, while the lock is released",
        note = "wait with the guard of the whole lock, and map it afterwards"
    )]
    pub trait Whole<T: ?Sized>: Lock<T> {}

    /// A lock that is borrowed for `'a`.
    pub trait Reference<'a, T: ?Sized>: Whole<T> {}

    /// A reference to a lock that any thread may release, with data that any thread may use.
    #[diagnostic::on_unimplemented(
        message = "this guard cannot be sent to another thread: send the lock, and acquire it \
                   there (only the guards of a `SendRwLock` may be sent)"
    )]
    pub trait AnyThread {}

    /// A lock whose guard may be narrowed to a part of the data.
    pub trait Narrow<T: ?Sized>: Lock<T> {
        /// The same reference to the lock, of a guard that was narrowed to what `P` points to.
        type Mapped<P: Pointer>: Lock<P::Target, Raw = Self::Raw>;
        /// The same reference to the lock, narrowed to this part of the data.
        fn narrow<P: Pointer>(self, part: P) -> Self::Mapped<P>;
    }

    /// A pointer to a part of the data.
    pub trait Pointer {
        /// The part.
        type Target: ?Sized;
        /// The pointer.
        fn get(&self) -> *mut Self::Target;
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
