//! The seam: what everything above runs on. It has two faces, and this file chooses one.
//!
//! | build | name | the face | the types stand on |
//! |---|---|---|---|
//! | as users have it | real | [`real`]: std, and the operating system | the algorithms |
//! | a user's models: feature `loom` or `shuttle` | specified | the same | [`spec`] |
//! | this crate's models: `--cfg anteroom_models` | modeled | `model`: loom | the algorithms |
//! | the same, with `--cfg shuttle` | modeled | `model`: shuttle | the algorithms |
//!
//! Only this folder names loom or shuttle, and only it asks which build this is. Everything above
//! is written once. Loom explores every execution of a few threads. Shuttle draws executions of
//! many threads at random; each access is sequentially consistent there.
//!
//! What only models need, above this folder, is in [`only_in_models!`].
//!
//! Loom's types cannot be built in a constant. So a `const fn` is an ordinary function in this
//! crate's models: [`const_fn!`] writes both. (In a user's models it is `const`: see [`spec`].)

#[cfg(not(anteroom_models))]
pub(crate) mod copy;
pub(crate) mod deadline;
pub(crate) mod fence;
pub(crate) mod fork;
#[cfg(all(
    feature = "ipc",
    target_os = "linux",
    target_env = "gnu",
    target_pointer_width = "64",
    not(all(anteroom_models, shuttle))
))]
pub(crate) mod ipc;
#[cfg(all(unix, not(any(anteroom_models, miri))))]
pub(crate) mod load;
#[cfg(anteroom_models)]
pub(crate) mod model;
#[cfg(not(anteroom_models))]
mod real;
mod signatures;
#[cfg(all(
    any(feature = "loom", feature = "shuttle"),
    not(all(anteroom_models, shuttle))
))]
pub(crate) mod spec;
#[cfg(not(anteroom_models))]
pub(crate) mod system;

signatures::are_raw_locks! { crate::algorithms }

/// What the types stand on.
#[cfg(any(anteroom_models, not(any(feature = "loom", feature = "shuttle"))))]
pub(crate) use crate::algorithms as locks;
#[cfg(all(any(feature = "loom", feature = "shuttle"), not(anteroom_models)))]
pub(crate) use spec as locks;

#[cfg(anteroom_models)]
use model::face;
#[cfg(not(anteroom_models))]
use real as face;

pub(crate) use face::*;

#[cfg(all(feature = "loom", feature = "shuttle", not(anteroom_models)))]
compile_error!("the features `loom` and `shuttle` exclude each other: a model runs on one of them");

/// Whether this is a build of this crate's models.
pub(crate) const IS_MODEL: bool = cfg!(anteroom_models);

/// Heuristics that a build may leave out, for the benchmark (`benches/contention/builds.rs`).
pub(crate) mod without {
    pub(crate) const SPIN: bool = cfg!(anteroom_without = "spin");
    pub(crate) const REST: bool = cfg!(anteroom_without = "rest");
    pub(crate) const YIELDS: bool = cfg!(anteroom_without = "yields");
    pub(crate) const DESIGNATED: bool = cfg!(anteroom_without = "designated");
    pub(crate) const INTERVAL: bool = cfg!(anteroom_without = "interval");
    pub(crate) const AWAKE: bool = cfg!(anteroom_without = "awake");
}

/// Bits of a word of a robust list, as the kernel reads and writes it.
pub(crate) mod robust_word {
    /// The thread that holds the word, or 0.
    pub(crate) const OWNER: u32 = 0x3fff_ffff;
    /// The kernel's mark: the holder ended.
    pub(crate) const OWNER_DIED: u32 = 0x4000_0000;
    /// A thread sleeps on the word, and is to be woken if the holder dies.
    pub(crate) const WAITERS: u32 = 0x8000_0000;
}

/// For what is no part of an algorithm. It is std's in a model, too, and `const`.
pub(crate) mod unmodelled {
    pub(crate) use std::sync::atomic::{AtomicBool, Ordering};
}

/// Numbers in memory that processes share, which a lock guards. They are atomic because a process
/// that breaks the rules may write them at any time. They are not modelled.
pub(crate) mod guarded {
    pub(crate) use std::sync::atomic::AtomicU32;
}
