//! The face of this crate's models: loom's atomics and thread-locals, or shuttle's. [`super`] says
//! what is modelled.

#[cfg(not(shuttle))]
pub(crate) use loom as engine;
#[cfg(shuttle)]
pub(crate) use shuttle as engine;

#[cfg(all(feature = "ipc", target_os = "linux", not(shuttle)))]
pub(crate) use super::ipc;
#[cfg(not(shuttle))]
pub(crate) use super::{Access, mortal};

pub(crate) use super::lot as parked;
pub(crate) use super::weak::AtomicUsize;
pub(crate) use engine::sync::atomic::{AtomicU8, AtomicU32, AtomicU64 as AtomicState, Ordering};

pub(crate) type State = u64;

/// What the kernel reads at a thread's end is in program order without a fence here.
pub(crate) fn in_program_order() {}

macro_rules! only_in_models {
    ($($code:tt)*) => { $($code)* };
}
pub(crate) use only_in_models;

macro_rules! const_fn {
    ($(#[$meta:meta])* $vis:vis const fn $($rest:tt)*) => {
        $(#[$meta])*
        $vis fn $($rest)*
    };
}
pub(crate) use const_fn;

macro_rules! array_of {
    ($each:expr) => {
        std::array::from_fn(|_| $each)
    };
}
pub(crate) use array_of;

macro_rules! table {
    ($(#[$meta:meta])* fn $name:ident() -> [$type:ty; $len:expr], each $each:expr) => {
        $(#[$meta])*
        fn $name() -> &'static [$type; $len] {
            $crate::sys::engine::lazy_static! {
                static ref TABLE: $crate::sys::model::Kept<[$type; $len]> =
                    $crate::sys::model::Kept::new(std::array::from_fn(|_| $each));
            }
            &TABLE
        }
    };
}
pub(crate) use table;

macro_rules! thread_locals {
    ($($(#[$meta:meta])* static $name:ident: $type:ty = $initial:expr;)*) => {
        $crate::sys::engine::thread_local! {
            $($(#[$meta])* static $name: $type = $initial;)*
        }
    };
}
pub(crate) use thread_locals;

/// The value of an atomic that no thread touches at the same time.
macro_rules! at_rest {
    ($atomic:expr) => {{
        #[cfg(not(shuttle))]
        let value = $atomic.with_mut(|value| *value);
        #[cfg(shuttle)]
        let value = *$atomic.get_mut();
        value
    }};
}
pub(crate) use at_rest;

/// Few of each, so that few threads make them full, and addresses collide.
pub(crate) mod sizes {
    pub(crate) const WAITERS: u32 = 0;
    pub(crate) const BUCKETS: u32 = 1;
    pub(crate) const BATCH: usize = 2;
    pub(crate) const ROWS: usize = 2;
    pub(crate) const SLOTS: usize = 1;
    /// Strays stay in their rows.
    pub(crate) const STRAYS: usize = 0;
    pub(crate) const HOLDERS: usize = 3;
    pub(crate) const MAX_HELD: usize = 3;
    pub(crate) const WITHIN_A_CALL: usize = 1;
    pub(crate) const PIECE: u64 = 2;
}

#[cfg(shuttle)]
pub(crate) struct Access;

#[cfg(shuttle)]
impl Access {
    pub(crate) const fn new() -> Self {
        Access
    }

    pub(crate) fn shared(&self) {}

    pub(crate) fn exclusive(&self) {}
}

/// The copy of the crate that runs the model.
pub(crate) mod copy {
    pub(crate) fn own() -> Option<usize> {
        crate::rwlock::word::copy(1)
    }

    pub(crate) fn numbered(written: fn(usize) -> Option<usize>) -> Option<usize> {
        written(1)
    }

    /// The model chooses whether a new lock is biased.
    pub(crate) fn new_word() -> usize {
        use crate::rwlock::word::{ASYMMETRIC, BIASED};
        use crate::sys::model::{Bias, bias};

        let biased = BIASED | own().unwrap_or(0);
        match bias() {
            Bias::Never | Bias::Warming => 0,
            Bias::OwnLine => biased,
            Bias::Asymmetric => biased | ASYMMETRIC,
        }
    }
}

/// Under the lot itself, the modelled lot is the kernel's.
pub(crate) mod lot {
    pub(crate) use super::engine::sync::{Mutex, MutexGuard};

    pub(crate) mod futex {
        use crate::parking::{FilterOp, NO_LOOK, ParkResult};
        use crate::policy::lease;
        use crate::sys::AtomicU32;
        use crate::sys::Ordering::Relaxed;
        use crate::sys::model::{looking, lot as kernel};
        use crate::tokens::{ParkToken, UnparkToken};
        use std::time::Instant;

        pub(crate) fn wait(word: &AtomicU32, value: u32, limit: Option<Instant>) -> bool {
            // ORDERING: Relaxed; the caller looks again.
            let validate = || word.load(Relaxed) == value;
            let is_round = |limit: &Instant| *limit > Instant::now() + lease::LONGEST;
            let limit = limit.filter(|limit| looking() || !is_round(limit));
            let (key, token) = ((&raw const *word).addr(), ParkToken::Notified);
            // SAFETY: nothing else parks at this word.
            let result =
                unsafe { kernel::park(key, validate, || false, |_, _| {}, token, limit, NO_LOOK) };
            result != ParkResult::TimedOut
        }

        pub(crate) fn wake(word: *const AtomicU32) {
            // SAFETY: nothing else parks at this word.
            unsafe {
                kernel::unpark(
                    word.addr(),
                    |_| FilterOp::Unpark,
                    |_| UnparkToken::Nothing,
                    false,
                )
            };
        }
    }
}
