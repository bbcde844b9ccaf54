//! The untyped locks. Each is one of anteroom's, with the traits of both versions of lock_api.

use anteroom::implement_lock_api;

#[cfg(not(feature = "send_guard"))]
use anteroom::RawRwLock as Inner;
/// With `send_guard`, the lock whose read any thread may release.
#[cfg(feature = "send_guard")]
use anteroom::RawSendRwLock as Inner;

/// The untyped mutex.
pub struct RawMutex(anteroom::RawMutex);

/// The untyped fair mutex: each unlock is a direct handoff.
pub struct RawFairMutex(anteroom::RawMutex);

/// The untyped reader-writer lock. A recursive one lets readers pass a writer that waits for others
/// to leave.
pub struct RawRwLock<const RECURSIVE: bool = false>(Inner);

/// The untyped condition variable.
#[cfg(feature = "v0_13")]
pub struct RawCondvar(anteroom::RawCondvar);

/// What tells threads apart, for the reentrant mutex.
pub struct RawThreadId;

impl RawMutex {
    #[inline]
    pub(crate) fn raw(&self) -> &anteroom::RawMutex {
        &self.0
    }
}

impl RawFairMutex {
    #[inline]
    fn raw(&self) -> &anteroom::RawMutex {
        &self.0
    }
}

impl<const RECURSIVE: bool> RawRwLock<RECURSIVE> {
    #[inline]
    fn raw(&self) -> &Inner {
        &self.0
    }
}

/// The traits of one version, and what they say of sending guards.
macro_rules! implement {
    ($v:tt $api:ident $guard:ident) => {
        implement_lock_api! {
            $v $api mutex RawMutex, RawMutex(anteroom::RawMutex::new()), $guard,
            by RawMutex::raw, unlock unlock
        }
        implement_lock_api! {
            $v $api mutex RawFairMutex, RawFairMutex(anteroom::RawMutex::new()), $guard,
            by RawFairMutex::raw, unlock unlock_fair
        }
        implement_lock_api! {
            $v $api rwlock [const RECURSIVE: bool] RawRwLock<RECURSIVE>, RawRwLock(Inner::new()),
            $guard, by Self::raw, recursive RECURSIVE
        }
        implement_lock_api! { $v $api thread RawThreadId, RawThreadId }
    };
}

#[cfg(all(feature = "v0_12", not(feature = "send_guard")))]
implement! { v4 lock_api_04 GuardNoSend }
#[cfg(all(feature = "v0_12", feature = "send_guard"))]
implement! { v4 lock_api_04 GuardSend }
#[cfg(all(feature = "v0_13", not(feature = "send_guard")))]
implement! { v5 lock_api GuardNoSend }
#[cfg(all(feature = "v0_13", feature = "send_guard"))]
implement! { v5 lock_api GuardSend }

#[cfg(feature = "v0_13")]
impl RawCondvar {
    #[inline]
    fn raw(&self) -> &anteroom::RawCondvar {
        &self.0
    }
}
#[cfg(feature = "v0_13")]
implement_lock_api! {
    v5 lock_api condvar RawCondvar, RawCondvar(anteroom::RawCondvar::new()), RawMutex,
    by RawCondvar::raw, RawMutex::raw
}
