//! What a method of each kind looks like in either version of lock_api.

/// Writes methods or types of one of the traits: the states of guards, and what acquires, releases
/// or changes a lock.
#[doc(hidden)]
#[macro_export]
macro_rules! lock_api_method {
    // ---- The states of guards.
    (@types v4 $api:ident $guard:ident: $($Guard:ident)+) => {
        type GuardMarker = $api::$guard;
    };
    (@types v5 $api:ident $guard:ident: $($Guard:ident)+) => {
        $(type $Guard = $api::$guard;)+
    };
    (@upgradable v4 $api:ident $guard:ident) => {};
    (@upgradable v5 $api:ident $guard:ident) => {
        type UpgradableGuard = $api::$guard;
    };

    // ---- Acquiring.
    (@acquire v4 $Guard:ident, $name:ident: |$it:ident| $do:expr) => {
        #[inline]
        fn $name(&self) {
            let $it = self;
            $do;
        }
    };
    (@acquire v5 $Guard:ident, $name:ident: |$it:ident| $do:expr) => {
        #[inline]
        fn $name(&self) -> Self::$Guard {
            let $it = self;
            $do;
            Default::default()
        }
    };
    (@try v4 $Guard:ident, $name:ident: |$it:ident $(, $time:ident: $Time:ty)?| $do:expr) => {
        #[inline]
        fn $name(&self $(, $time: $Time)?) -> bool {
            let $it = self;
            $do
        }
    };
    (@try v5 $Guard:ident, $name:ident: |$it:ident $(, $time:ident: $Time:ty)?| $do:expr) => {
        #[inline]
        fn $name(&self $(, $time: $Time)?) -> Option<Self::$Guard> {
            let $it = self;
            $do.then(Default::default)
        }
    };
    (
        @timed $v:tt $Guard:ident, $for:ident, $until:ident:
        |$it:ident, $time:ident| $do_for:expr, |$it2:ident, $time2:ident| $do_until:expr
    ) => {
        type Duration = ::std::time::Duration;
        type Instant = ::std::time::Instant;
        $crate::lock_api_method! {
            @tries $v $Guard, $for, $until: |$it, $time| $do_for, |$it2, $time2| $do_until
        }
    };
    (
        @tries $v:tt $Guard:ident, $for:ident, $until:ident:
        |$it:ident, $time:ident| $do_for:expr, |$it2:ident, $time2:ident| $do_until:expr
    ) => {
        $crate::lock_api_method! {
            @try $v $Guard, $for: |$it, $time: ::std::time::Duration| $do_for
        }
        $crate::lock_api_method! {
            @try $v $Guard, $until: |$it2, $time2: ::std::time::Instant| $do_until
        }
    };

    // ---- Releasing, and changing the mode. The caller holds the lock in the first mode.
    (@release v4 $Guard:ident, $name:ident: |$it:ident| $do:expr) => {
        /// # Safety
        /// The caller holds the lock in this mode.
        #[inline]
        unsafe fn $name(&self) {
            let $it = self;
            // SAFETY: the caller's promise.
            unsafe { $do };
        }
    };
    (@release v5 $Guard:ident, $name:ident: |$it:ident| $do:expr) => {
        /// # Safety
        /// The caller holds the lock in this mode.
        #[inline]
        unsafe fn $name(&self, _: Self::$Guard) {
            let $it = self;
            // SAFETY: the caller's promise.
            unsafe { $do };
        }
    };
    (@bump v4 $Guard:ident, $name:ident: |$it:ident| $do:expr) => {
        $crate::lock_api_method! { @release v4 $Guard, $name: |$it| $do }
    };
    (@bump v5 $Guard:ident, $name:ident: |$it:ident| $do:expr) => {
        /// # Safety
        /// The caller holds the lock in this mode.
        #[inline]
        unsafe fn $name(&self, _: &mut Self::$Guard) {
            let $it = self;
            // SAFETY: the caller's promise.
            unsafe { $do };
        }
    };
    (@change v4 $Guard:ident $Next:ident, $name:ident: |$it:ident| $do:expr) => {
        $crate::lock_api_method! { @release v4 $Guard, $name: |$it| $do }
    };
    (@change v5 $Guard:ident $Next:ident, $name:ident: |$it:ident| $do:expr) => {
        /// # Safety
        /// The caller holds the lock in this mode.
        #[inline]
        unsafe fn $name(&self, _: Self::$Guard) -> Self::$Next {
            let $it = self;
            // SAFETY: the caller's promise.
            unsafe { $do };
            Default::default()
        }
    };
    (
        @upgrade v4 $name:ident($($time:ident: $Time:ty)?):
        |$it:ident $(, $time2:ident)?| $do:expr
    ) => {
        /// # Safety
        /// The caller holds the lock in this mode.
        #[inline]
        unsafe fn $name(&self $(, $time: $Time)?) -> bool {
            let $it = self;
            // SAFETY: the caller's promise.
            unsafe { $do }
        }
    };
    (
        @upgrade v5 $name:ident($($time:ident: $Time:ty)?):
        |$it:ident $(, $time2:ident)?| $do:expr
    ) => {
        /// # Safety
        /// The caller holds the lock in this mode.
        #[inline]
        unsafe fn $name(
            &self,
            state: Self::UpgradableGuard,
            $($time: $Time)?
        ) -> Result<Self::ExclusiveGuard, Self::UpgradableGuard> {
            let $it = self;
            // SAFETY: the caller's promise.
            match unsafe { $do } {
                true => Ok(Default::default()),
                false => Err(state),
            }
        }
    };

    // ---- Recursive reads have traits in 0.4 only.
    (@recursive v4 $api:ident [$($generics:tt)*] $Lock:ty, by $raw:expr) => {
        // SAFETY: as for the other traits.
        unsafe impl<$($generics)*> $api::RawRwLockRecursive for $Lock {
            $crate::lock_api_method! {
                @acquire v4 SharedGuard, lock_shared_recursive:
                |it| $raw(it).lock_shared_recursive()
            }
            $crate::lock_api_method! {
                @try v4 SharedGuard, try_lock_shared_recursive:
                |it| $raw(it).try_lock_shared_recursive()
            }
        }
        // SAFETY: see above.
        unsafe impl<$($generics)*> $api::RawRwLockRecursiveTimed for $Lock {
            $crate::lock_api_method! {
                @tries v4 SharedGuard,
                try_lock_shared_recursive_for, try_lock_shared_recursive_until:
                |it, time| $raw(it).try_lock_shared_recursive_for(time),
                |it, time| $raw(it).try_lock_shared_recursive_until(time)
            }
        }
    };
    (@recursive v5 $api:ident [$($generics:tt)*] $Lock:ty, by $raw:expr) => {};
}
