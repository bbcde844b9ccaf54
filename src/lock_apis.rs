//! The traits of lock_api, for the untyped locks of this crate and of `anteroom-parking_lot`.
//!
//! In 0.5 an acquisition returns a state, which its release takes back; in 0.4 it returns nothing,
//! or whether it succeeded. The names are nearly the same. So each trait is written once, and the
//! rules `@…` of [`methods`] say what a method of each kind looks like in either version, here
//! called `v5` and `v4`. What a method does is a function of `&Self` and the method's arguments.

mod methods;

/// Implements the traits of lock_api for an untyped lock. `by` is a function that leads from it to
/// one of this crate's; its guards are `GuardSend` or `GuardNoSend`.
#[doc(hidden)]
#[macro_export]
macro_rules! implement_lock_api {
    (
        $v:tt $api:ident mutex $Lock:ty, $initial:expr, $guard:ident,
        by $raw:expr, unlock $unlock:ident
    ) => {
        // SAFETY: the mutex excludes all other holders, and orders them. It may be moved and
        // dropped while it is locked. The states are empty.
        unsafe impl $api::RawMutex for $Lock {
            #[allow(clippy::declare_interior_mutable_const, reason = "the trait wants it")]
            const INIT: Self = $initial;
            $crate::lock_api_method! { @types $v $api $guard: Guard }
            $crate::lock_api_method! { @acquire $v Guard, lock: |it| $raw(it).lock() }
            $crate::lock_api_method! { @try $v Guard, try_lock: |it| $raw(it).try_lock() }
            $crate::lock_api_method! { @release $v Guard, unlock: |it| $raw(it).$unlock() }
            #[inline]
            fn is_locked(&self) -> bool {
                $raw(self).is_locked()
            }
        }
        // SAFETY: see above.
        unsafe impl $api::RawMutexFair for $Lock {
            $crate::lock_api_method! {
                @release $v Guard, unlock_fair: |it| $raw(it).unlock_fair()
            }
            $crate::lock_api_method! { @bump $v Guard, bump: |it| $raw(it).bump() }
        }
        // SAFETY: see above.
        unsafe impl $api::RawMutexTimed for $Lock {
            $crate::lock_api_method! {
                @timed $v Guard, try_lock_for, try_lock_until:
                |it, time| $raw(it).try_lock_for(time), |it, time| $raw(it).try_lock_until(time)
            }
        }
    };

    (
        $v:tt $api:ident rwlock [$($generics:tt)*] $Lock:ty, $initial:expr, $guard:ident,
        by $raw:expr, recursive $recursive:expr
    ) => {
        // SAFETY: a writer excludes all other holders, an upgradable reader all but readers, and
        // they are ordered. It may be moved and dropped while it is held. The states are empty.
        unsafe impl<$($generics)*> $api::RawRwLock for $Lock {
            #[allow(clippy::declare_interior_mutable_const, reason = "the trait wants it")]
            const INIT: Self = $initial;
            $crate::lock_api_method! { @types $v $api $guard: SharedGuard ExclusiveGuard }
            $crate::lock_api_method! {
                @acquire $v SharedGuard, lock_shared:
                |it| if $recursive { $raw(it).lock_shared_recursive() } else {
                    $raw(it).lock_shared()
                }
            }
            $crate::lock_api_method! {
                @try $v SharedGuard, try_lock_shared:
                |it| if $recursive { $raw(it).try_lock_shared_recursive() } else {
                    $raw(it).try_lock_shared()
                }
            }
            $crate::lock_api_method! {
                @release $v SharedGuard, unlock_shared: |it| $raw(it).unlock_shared()
            }
            $crate::lock_api_method! {
                @acquire $v ExclusiveGuard, lock_exclusive: |it| $raw(it).lock_exclusive()
            }
            $crate::lock_api_method! {
                @try $v ExclusiveGuard, try_lock_exclusive: |it| $raw(it).try_lock_exclusive()
            }
            $crate::lock_api_method! {
                @release $v ExclusiveGuard, unlock_exclusive: |it| $raw(it).unlock_exclusive()
            }
            #[inline]
            fn is_locked(&self) -> bool {
                $raw(self).is_locked()
            }
            #[inline]
            fn is_locked_exclusive(&self) -> bool {
                $raw(self).is_locked_exclusive()
            }
        }
        // SAFETY: see above.
        unsafe impl<$($generics)*> $api::RawRwLockFair for $Lock {
            $crate::lock_api_method! {
                @release $v SharedGuard, unlock_shared_fair: |it| $raw(it).unlock_shared_fair()
            }
            $crate::lock_api_method! {
                @release $v ExclusiveGuard, unlock_exclusive_fair:
                |it| $raw(it).unlock_exclusive_fair()
            }
            $crate::lock_api_method! {
                @bump $v SharedGuard, bump_shared:
                |it| if $recursive {
                    $raw(it).unlock_shared_fair();
                    $raw(it).lock_shared_recursive();
                } else {
                    $raw(it).bump_shared();
                }
            }
            $crate::lock_api_method! {
                @bump $v ExclusiveGuard, bump_exclusive: |it| $raw(it).bump_exclusive()
            }
        }
        // SAFETY: see above.
        unsafe impl<$($generics)*> $api::RawRwLockTimed for $Lock {
            $crate::lock_api_method! {
                @timed $v SharedGuard, try_lock_shared_for, try_lock_shared_until:
                |it, time| if $recursive { $raw(it).try_lock_shared_recursive_for(time) } else {
                    $raw(it).try_lock_shared_for(time)
                },
                |it, time| if $recursive { $raw(it).try_lock_shared_recursive_until(time) } else {
                    $raw(it).try_lock_shared_until(time)
                }
            }
            $crate::lock_api_method! {
                @tries $v ExclusiveGuard, try_lock_exclusive_for, try_lock_exclusive_until:
                |it, time| $raw(it).try_lock_exclusive_for(time),
                |it, time| $raw(it).try_lock_exclusive_until(time)
            }
        }
        // SAFETY: see above.
        unsafe impl<$($generics)*> $api::RawRwLockDowngrade for $Lock {
            $crate::lock_api_method! {
                @change $v ExclusiveGuard SharedGuard, downgrade: |it| $raw(it).downgrade()
            }
        }
        // SAFETY: see above.
        unsafe impl<$($generics)*> $api::RawRwLockUpgrade for $Lock {
            $crate::lock_api_method! { @upgradable $v $api $guard }
            $crate::lock_api_method! {
                @acquire $v UpgradableGuard, lock_upgradable: |it| $raw(it).lock_upgradable()
            }
            $crate::lock_api_method! {
                @try $v UpgradableGuard, try_lock_upgradable:
                |it| $raw(it).try_lock_upgradable()
            }
            $crate::lock_api_method! {
                @release $v UpgradableGuard, unlock_upgradable: |it| $raw(it).unlock_upgradable()
            }
            $crate::lock_api_method! {
                @change $v UpgradableGuard ExclusiveGuard, upgrade: |it| $raw(it).upgrade()
            }
            $crate::lock_api_method! {
                @upgrade $v try_upgrade(): |it| $raw(it).try_upgrade()
            }
        }
        // SAFETY: see above.
        unsafe impl<$($generics)*> $api::RawRwLockUpgradeFair for $Lock {
            $crate::lock_api_method! {
                @release $v UpgradableGuard, unlock_upgradable_fair:
                |it| $raw(it).unlock_upgradable_fair()
            }
            $crate::lock_api_method! {
                @bump $v UpgradableGuard, bump_upgradable: |it| $raw(it).bump_upgradable()
            }
        }
        // SAFETY: see above.
        unsafe impl<$($generics)*> $api::RawRwLockUpgradeDowngrade for $Lock {
            $crate::lock_api_method! {
                @change $v UpgradableGuard SharedGuard, downgrade_upgradable:
                |it| $raw(it).downgrade_upgradable()
            }
            $crate::lock_api_method! {
                @change $v ExclusiveGuard UpgradableGuard, downgrade_to_upgradable:
                |it| $raw(it).downgrade_to_upgradable()
            }
        }
        // SAFETY: see above.
        unsafe impl<$($generics)*> $api::RawRwLockUpgradeTimed for $Lock {
            $crate::lock_api_method! {
                @tries $v UpgradableGuard, try_lock_upgradable_for, try_lock_upgradable_until:
                |it, time| $raw(it).try_lock_upgradable_for(time),
                |it, time| $raw(it).try_lock_upgradable_until(time)
            }
            $crate::lock_api_method! {
                @upgrade $v try_upgrade_for(time: ::std::time::Duration):
                |it, time| $raw(it).try_upgrade_for(time)
            }
            $crate::lock_api_method! {
                @upgrade $v try_upgrade_until(time: ::std::time::Instant):
                |it, time| $raw(it).try_upgrade_until(time)
            }
        }
        $crate::lock_api_method! { @recursive $v $api [$($generics)*] $Lock, by $raw }
    };

    // Only 0.5 has these.
    (v5 $api:ident condvar $Condvar:ty, $initial:expr, $Mutex:ty, by $raw:expr, $mutex:expr) => {
        // SAFETY: a thread that waits is in the queue before it unlocks, and locks again before it
        // returns or panics. It wakes up only when it was notified. The states are empty.
        unsafe impl $api::RawCondvar for $Condvar {
            #[allow(clippy::declare_interior_mutable_const, reason = "the trait wants it")]
            const INIT: Self = $initial;
            type RawMutex = $Mutex;
            #[inline]
            unsafe fn wait(&self, mutex: &$Mutex, _: &mut <$Mutex as $api::RawMutex>::Guard) {
                // SAFETY: the caller holds the mutex.
                unsafe { $raw(self).wait($mutex(mutex)) };
            }
            #[inline]
            fn notify_one(&self) -> bool {
                $raw(self).notify_one()
            }
            #[inline]
            fn notify_all(&self) -> usize {
                $raw(self).notify_all()
            }
        }
        // SAFETY: see above.
        unsafe impl $api::RawCondvarTimed for $Condvar {
            fn checked_duration_to_instant(
                timeout: &::std::time::Duration,
            ) -> Option<::std::time::Instant> {
                ::std::time::Instant::now().checked_add(*timeout)
            }
            #[inline]
            unsafe fn wait_until(
                &self,
                mutex: &$Mutex,
                _: &mut <$Mutex as $api::RawMutex>::Guard,
                timeout: &::std::time::Instant,
            ) -> bool {
                // SAFETY: the caller holds the mutex.
                unsafe { $raw(self).wait_until($mutex(mutex), *timeout) }
            }
        }
    };

    ($v:tt $api:ident thread $Id:ty, $initial:expr) => {
        // SAFETY: a variable of the thread's own lies at this address for as long as it lives.
        unsafe impl $api::GetThreadId for $Id {
            #[allow(clippy::declare_interior_mutable_const, reason = "the trait wants it")]
            const INIT: Self = $initial;
            #[inline]
            fn nonzero_thread_id(&self) -> ::std::num::NonZeroUsize {
                ::std::thread_local! { static HERE: u8 = const { 0 } }
                HERE.with(|here| ::std::ptr::NonNull::from(here).addr())
            }
        }
    };
}

/// Implements them for what this crate has.
#[allow(unused_macros, reason = "a build may have neither feature")]
macro_rules! implement {
    ($v:tt $api:ident) => {
        use crate::{RawMutex, RawRwLock, RawSendRwLock};
        use std::convert::identity;

        implement_lock_api! {
            $v $api mutex RawMutex, RawMutex::new(), GuardNoSend,
            by identity::<&RawMutex>, unlock unlock
        }
        implement_lock_api! {
            $v $api rwlock [] RawRwLock, RawRwLock::new(), GuardNoSend,
            by identity::<&RawRwLock>, recursive false
        }
        implement_lock_api! {
            $v $api rwlock [] RawSendRwLock, RawSendRwLock::new(), GuardSend,
            by identity::<&RawSendRwLock>, recursive false
        }
        implement_lock_api! { $v $api thread crate::RawThreadId, crate::RawThreadId }
    };
}

#[cfg(feature = "lock_api")]
mod v5 {
    use crate::RawCondvar;

    implement! { v5 lock_api }
    implement_lock_api! {
        v5 lock_api condvar RawCondvar, RawCondvar::new(), RawMutex,
        by identity::<&RawCondvar>, identity::<&RawMutex>
    }
}
#[cfg(feature = "lock_api_04")]
mod v4 {
    implement! { v4 lock_api_04 }
}
