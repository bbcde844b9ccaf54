//! Guards that were narrowed to a part of their data.

use super::sealed::{Lock, Mode, Narrow, Pointer};
use super::{Exclusive, Guard, Shared, Upgradable};
use std::convert::Infallible;
use std::sync::Arc;

/// The lock of a guard that was narrowed to a part of its data: the untyped lock, and the part.
///
/// `P` is `*mut T` if the guard can write the part, else `*const T`: then the guard is covariant in
/// `T`. `SEND` if another thread may release the lock.
pub struct Mapped<'a, R, P, const SEND: bool = false>(&'a R, P);

impl<'a, R, P, const SEND: bool> Mapped<'a, R, P, SEND> {
    #[inline]
    pub(crate) fn new(raw: &'a R, part: P) -> Self {
        Mapped(raw, part)
    }
}

impl<R, P: Pointer, const SEND: bool> Lock<P::Target> for Mapped<'_, R, P, SEND> {
    type Raw = R;

    #[inline]
    fn raw(&self) -> &R {
        self.0
    }

    #[inline]
    fn data(&self) -> *mut P::Target {
        self.1.get()
    }
}

impl<'a, R, P: Pointer, const SEND: bool> Narrow<P::Target> for Mapped<'a, R, P, SEND> {
    type Mapped<Q: Pointer> = Mapped<'a, R, Q, SEND>;

    #[inline]
    fn narrow<Q: Pointer>(self, part: Q) -> Mapped<'a, R, Q, SEND> {
        Mapped(self.0, part)
    }
}

/// As [`Mapped`], of a lock behind an `Arc`, which the guard keeps alive.
pub struct ArcMapped<L: ?Sized, P>(pub(crate) Arc<L>, pub(crate) P);

impl<T: ?Sized> Pointer for *mut T {
    type Target = T;

    #[inline]
    fn get(&self) -> *mut T {
        *self
    }
}

impl<T: ?Sized> Pointer for *const T {
    type Target = T;

    #[inline]
    fn get(&self) -> *mut T {
        self.cast_mut()
    }
}

/// Implements what narrows a guard in one mode.
macro_rules! narrow {
    ($what:literal, $Mode:ident, [$($mut:ident)?], $pointer:ident) => {
        #[doc = concat!("Guards with ", $what, " access.")]
        impl<L: Narrow<T>, T: ?Sized> Guard<L, $Mode, T>
        where
            $Mode: Mode<L::Raw>,
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
            pub fn map<U: ?Sized, F>(this: Self, f: F) -> Guard<L::Mapped<*$pointer U>, $Mode, U>
            where
                F: FnOnce(&$($mut)? T) -> &$($mut)? U,
            {
                let Ok(mapped) = Self::try_map_or_err(this, |data| Ok::<_, Infallible>(f(data)));
                mapped
            }

            /// Narrows the guard to a part of the data if `f` finds one.
            ///
            /// # Errors
            /// If `f` returns `None`: the guard.
            #[inline]
            pub fn try_map<U: ?Sized, F>(
                this: Self,
                f: F,
            ) -> Result<Guard<L::Mapped<*$pointer U>, $Mode, U>, Self>
            where
                F: FnOnce(&$($mut)? T) -> Option<&$($mut)? U>,
            {
                Self::try_map_or_err(this, |data| f(data).ok_or(())).map_err(|(this, ())| this)
            }

            /// Narrows the guard to a part of the data if `f` finds one.
            ///
            /// # Errors
            /// If `f` returns an error: the guard and that error.
            #[inline]
            pub fn try_map_or_err<U: ?Sized, F, E>(
                $($mut)? this: Self,
                f: F,
            ) -> Result<Guard<L::Mapped<*$pointer U>, $Mode, U>, (Self, E)>
            where
                F: FnOnce(&$($mut)? T) -> Result<&$($mut)? U, E>,
            {
                let part = match f(&$($mut)? this) {
                    Ok(part) => &raw $pointer *part,
                    Err(error) => return Err((this, error)),
                };
                let lock = this.into_lock();
                // SAFETY: `this` held the lock, and `part` lies in its data.
                Ok(unsafe { Guard::new(lock.narrow(part)) })
            }
        }
    };
}

narrow! { "exclusive", Exclusive, [mut], mut }
narrow! { "shared", Shared, [], const }
narrow! { "upgradable", Upgradable, [], const }
