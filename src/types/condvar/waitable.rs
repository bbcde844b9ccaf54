//! What a condition variable asks of guards and locks.

use super::super::guard::sealed::{Lock, Mode, Whole};
use super::super::guard::{Exclusive, Guard, Shared, Upgradable};
use super::super::locks::rwlock::RawRwLock;
use crate::raw::{Requeue, Waits};

/// A guard with which a thread can wait on a [`Condvar`](crate::Condvar): one that holds a whole
/// lock.
///
/// These are the guards of [`Mutex`](crate::Mutex), [`RwLock`](crate::RwLock) and
/// [`SendRwLock`](crate::SendRwLock), borrowed or behind an `Arc`, in each mode. Mapped guards are
/// not: while the lock is released, the part may go away.
///
/// Only guards of this crate implement it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot wait on a condition variable",
    label = "this is no guard of a whole lock of anteroom",
    note = "`Condvar::wait` takes `&mut guard`, the guard of an anteroom `Mutex` or `RwLock`",
    note = "`anteroom::poison::Condvar` takes the guard of an `anteroom::poison::Mutex`"
)]
pub trait Waitable: for<'v> View<'v> + Waits {}

/// What the condition of [`Condvar::wait_while`](crate::Condvar::wait_while) and its kin gets of a
/// guard: [`View`](View::View).
///
/// | guard | the condition is |
/// |---|---|
/// | of a `Mutex`; of a lock held for writing | <code>[FnMut]\(&mut T) -> [bool]</code> |
/// | of a lock held for reading, upgradable or not | <code>[FnMut]\(&T) -> [bool]</code> |
///
/// Only guards of this crate implement it. (The second parameter is never named. It tells the
/// compiler that the guard lives that long.)
#[diagnostic::on_unimplemented(
    message = "`{Self}` has nothing to show to the condition of a wait",
    label = "this is no guard of a whole lock of anteroom"
)]
pub trait View<'v, Alive = &'v Self>: Sealed {
    /// `&'v mut T` if the guard can write, else `&'v T`.
    type View;
    /// Shows the data.
    #[doc(hidden)]
    fn view(&'v mut self) -> Self::View;
}

mod sealed {
    /// Only this crate implements it.
    pub trait Sealed {}
}
use sealed::Sealed;

impl<L: Lock<T>, M: Mode<L::Raw>, T: ?Sized> Sealed for Guard<L, M, T> {}

impl<L, M, T> Waitable for Guard<L, M, T>
where
    L: Whole<T, Raw: Requeue>,
    M: Mode<L::Raw>,
    T: ?Sized,
    Self: for<'v> View<'v>,
{
}

impl<L, M, T> Waits for Guard<L, M, T>
where
    L: Whole<T, Raw: Requeue>,
    M: Mode<L::Raw>,
    T: ?Sized,
{
    type Raw = L::Raw;

    fn raw_lock(&self) -> &L::Raw {
        self.raw()
    }

    fn relock(&self) {
        M::lock(self.raw());
    }

    unsafe fn unlock(&self) {
        // SAFETY: the guard holds the lock.
        unsafe { M::unlock(self.raw()) };
    }
}

impl<'v, L: Whole<T>, T: ?Sized> View<'v> for Guard<L, Exclusive, T>
where
    Exclusive: Mode<L::Raw>,
{
    type View = &'v mut T;

    fn view(&'v mut self) -> &'v mut T {
        self
    }
}

impl<'v, L: Whole<T, Raw = RawRwLock>, T: ?Sized> View<'v> for Guard<L, Shared, T> {
    type View = &'v T;

    fn view(&'v mut self) -> &'v T {
        self
    }
}

impl<'v, L: Whole<T, Raw = RawRwLock>, T: ?Sized> View<'v> for Guard<L, Upgradable, T> {
    type View = &'v T;

    fn view(&'v mut self) -> &'v T {
        self
    }
}
