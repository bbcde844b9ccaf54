//! The ways to acquire a lock: blocking or not, with a limit or not, with a guard that borrows or
//! one that owns an `Arc`; and by hand.

/// The eight ways to acquire a lock in one mode. The lock makes guards by `guard` and `guard_arc`.
macro_rules! acquire {
    (
        $what:literal, $guard:ident, $arc_guard:ident, tries as $Tries:ident,
        by $take:expr, at once $try_take:expr;
        $lock:ident, $try_lock:ident, $try_for:ident, $try_until:ident;
        $lock_arc:ident, $try_lock_arc:ident, $try_arc_for:ident, $try_arc_until:ident
    ) => {
        #[doc = concat!("Acquires ", $what, ", blocking until that is possible.")]
        #[inline]
        pub fn $lock(&self) -> $guard<'_, T> {
            $take(&self.raw, Deadline::NEVER);
            // SAFETY: just acquired, in the guard's mode.
            unsafe { self.guard() }
        }

        #[doc = concat!("Tries to acquire ", $what, ", without blocking.")]
        ///
        #[doc = concat!(
            "May fail although no thread holds the lock: see *Tries* of [`", stringify!($Tries),
            "`](crate::", stringify!($Tries), ").")]
        #[inline]
        pub fn $try_lock(&self) -> Option<$guard<'_, T>> {
            // SAFETY: if it is run, the lock was just acquired in the guard's mode.
            $try_take(&self.raw).then(|| unsafe { self.guard() })
        }

        #[doc = concat!("Tries to acquire ", $what, ", blocking for at most `timeout`.")]
        /// Zero only tries. A timeout beyond what an `Instant` holds is no limit.
        #[inline]
        pub fn $try_for(&self, timeout: Duration) -> Option<$guard<'_, T>> {
            // SAFETY: see above.
            $take(&self.raw, Deadline::after(timeout)).then(|| unsafe { self.guard() })
        }

        #[doc = concat!("Tries to acquire ", $what, ", blocking until `deadline`.")]
        /// A deadline in the past only tries.
        #[inline]
        pub fn $try_until(&self, deadline: Instant) -> Option<$guard<'_, T>> {
            // SAFETY: see above.
            $take(&self.raw, Deadline::at(deadline)).then(|| unsafe { self.guard() })
        }

        #[doc = concat!("As [`Self::", stringify!($lock), "`], with a guard owning an `Arc`.")]
        #[inline]
        pub fn $lock_arc(self: &Arc<Self>) -> $arc_guard<T> {
            $take(&self.raw, Deadline::NEVER);
            // SAFETY: just acquired, in the guard's mode.
            unsafe { self.guard_arc() }
        }

        #[doc = concat!("As [`Self::", stringify!($try_lock), "`], with a guard owning an `Arc`.")]
        #[inline]
        pub fn $try_lock_arc(self: &Arc<Self>) -> Option<$arc_guard<T>> {
            // SAFETY: if it is run, the lock was just acquired in the guard's mode.
            $try_take(&self.raw).then(|| unsafe { self.guard_arc() })
        }

        #[doc = concat!("As [`Self::", stringify!($try_for), "`], with a guard owning an `Arc`.")]
        #[inline]
        pub fn $try_arc_for(self: &Arc<Self>, timeout: Duration) -> Option<$arc_guard<T>> {
            // SAFETY: see above.
            $take(&self.raw, Deadline::after(timeout)).then(|| unsafe { self.guard_arc() })
        }

        #[doc = concat!("As [`Self::", stringify!($try_until), "`], with a guard owning an `Arc`.")]
        #[inline]
        pub fn $try_arc_until(self: &Arc<Self>, deadline: Instant) -> Option<$arc_guard<T>> {
            // SAFETY: see above.
            $take(&self.raw, Deadline::at(deadline)).then(|| unsafe { self.guard_arc() })
        }
    };
}

/// What is done by hand in one mode, for a guard that was forgotten.
macro_rules! by_hand {
    (
        $what:literal, $guard:ident, $arc_guard:ident, $Mode:ident of $Raw:ident,
        $($forgotten:literal)*;
        $make:ident, $make_arc:ident, $unlock:ident, $unlock_fair:ident
    ) => {
        #[doc = concat!("Makes a guard of a lock that the caller holds ", $what, "by other means:")]
        /// with a guard that was forgotten, or by the [raw](Self::raw) lock.
        ///
        /// # Safety
        $(#[doc = $forgotten])*
        #[inline]
        pub unsafe fn $make(&self) -> $guard<'_, T> {
            // SAFETY: the caller's promise.
            unsafe { self.guard() }
        }

        #[doc = concat!("As [`Self::", stringify!($make), "`], with a guard owning an `Arc`.")]
        ///
        /// # Safety
        $(#[doc = $forgotten])*
        #[inline]
        pub unsafe fn $make_arc(self: &Arc<Self>) -> $arc_guard<T> {
            // SAFETY: the caller's promise.
            unsafe { self.guard_arc() }
        }

        #[doc = concat!("Releases a lock held ", $what, "for a guard that was forgotten.")]
        ///
        /// # Safety
        $(#[doc = $forgotten])*
        #[inline]
        pub unsafe fn $unlock(&self) {
            // SAFETY: the caller owns what the forgotten guard held.
            unsafe { <$Mode as Mode<$Raw>>::unlock(&self.raw) };
        }

        #[doc = concat!("As [`Self::", stringify!($unlock), "`], but by a direct handoff, as")]
        /// [`Guard::unlock_fair`].
        ///
        /// # Safety
        $(#[doc = $forgotten])*
        #[inline]
        pub unsafe fn $unlock_fair(&self) {
            // SAFETY: see above.
            unsafe { <$Mode as Mode<$Raw>>::unlock_fair(&self.raw) };
        }
    };
}

pub(super) use {acquire, by_hand};
