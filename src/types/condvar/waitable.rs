//! What a condition variable asks of guards and locks. Public in name only: sealed.

use super::super::guard::sealed::{Mode, Whole};
use super::super::guard::{Exclusive, Guard, Shared, Upgradable};
use super::super::locks::rwlock::RawRwLock;
use crate::raw::{Requeue, Waits};

/// A guard that can wait: one that holds a whole lock.
pub trait Waitable: for<'v> View<'v> + Waits {}

impl<G: for<'v> View<'v> + Waits> Waitable for G {}

/// A guard that can show its data for `'v`. (The second parameter is never named. It tells the
/// compiler that the guard lives that long.)
pub trait View<'v, Alive = &'v Self> {
    /// `&T` or `&mut T`: what a `wait_while` condition gets.
    type View;
    /// Shows the data.
    fn view(&'v mut self) -> Self::View;
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
