#![doc = include_str!("../README.md")]
// `specified` is made of files that are modules of the crate, too.
#![cfg_attr(anteroom_models, allow(clippy::duplicate_mod))]

mod deadline;
#[cfg(any(not(loom), anteroom_models))]
mod fence;
#[cfg(any(not(loom), anteroom_models))]
mod fork;
#[cfg(not(loom))]
mod lease;
#[cfg(all(unix, not(any(loom, miri))))]
mod load;
#[cfg(any(not(loom), anteroom_models))]
mod parking;
mod primitive;
#[cfg(all(
    target_os = "linux",
    target_env = "gnu",
    target_pointer_width = "64",
    any(not(loom), anteroom_models),
    not(shuttle)
))]
pub mod shared;
#[cfg(all(loom, not(anteroom_models)))]
#[path = "spec/mod.rs"]
mod spec;
#[cfg(all(anteroom_models, not(shuttle)))]
#[doc(hidden)]
pub mod specified;
#[cfg(not(loom))]
mod spin;
#[cfg(not(loom))]
mod system;
#[cfg(not(loom))]
mod turns;
#[path = "types/mod.rs"]
mod types;
#[cfg(any(not(loom), anteroom_models))]
mod waiters;

#[cfg(any(not(loom), anteroom_models))]
mod condvar {
    mod awake;
    pub(crate) mod raw;
    use crate::types::condvar::waitable;
}
#[cfg(any(not(loom), anteroom_models))]
mod mutex {
    pub(crate) mod raw;
}
#[cfg(any(not(loom), anteroom_models))]
mod rwlock {
    pub(crate) mod bias;
    pub(crate) mod raw;
    mod word;
}
#[cfg(any(not(loom), anteroom_models))]
mod semaphore {
    pub(crate) mod raw;
    use crate::types::semaphore::TryAcquireError;
}

/// What the types stand on: the algorithms, and in a user's model their specifications.
#[cfg(any(not(loom), anteroom_models))]
mod raw {
    pub(crate) use crate::condvar::raw as condvar;
    pub(crate) use crate::mutex::raw as mutex;
    pub(crate) use crate::rwlock::raw as rwlock;
    pub(crate) use crate::semaphore::raw as semaphore;
}
#[cfg(all(loom, not(anteroom_models)))]
use spec as raw;

#[cfg(anteroom_models)]
use primitive::modeled::{lease, spin, turns};

pub use types::*;

#[cfg(all(anteroom_models, target_os = "linux", not(shuttle)))]
#[doc(hidden)]
pub use parking::lot::model as parking_lot;
#[cfg(anteroom_models)]
#[doc(hidden)]
pub use primitive::modeled::lot::sleepers;
#[cfg(all(anteroom_models, not(shuttle)))]
#[doc(hidden)]
pub use primitive::modeled::mortal::{MORTALS, has_died, set_fates};
#[cfg(anteroom_models)]
#[doc(hidden)]
pub use primitive::modeled::{Bias, Choices, Model, set_choices, stop_when_woken};
#[cfg(anteroom_models)]
#[doc(hidden)]
pub use waiters::nobody_waits;
