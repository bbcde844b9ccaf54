#![doc = include_str!("../README.md")]

#[cfg(feature = "deadlock_detection")]
compile_error!(
    "the feature `deadlock_detection` is not supported: anteroom's locks keep no record of their \
    holders, which the search for a deadlock needs"
);

mod face;
mod once;
mod raw;
#[cfg(feature = "v0_12")]
pub mod v0_12;
#[cfg(feature = "v0_13")]
pub mod v0_13;

/// What [`once`] is made of, here; its model has parts of loom's in their place.
mod parts {
    pub(crate) use anteroom::{Condvar, Mutex};
    pub(crate) use std::sync::atomic::{AtomicU8, Ordering};
}

impl once::Once {
    /// Creates one for which no closure has run.
    pub const fn new() -> Self {
        Self::in_state(once::NEW)
    }

    /// Creates one that runs no closure: it is as if one had returned.
    pub const fn new_completed() -> Self {
        Self::in_state(once::DONE)
    }

    const fn in_state(state: u8) -> Self {
        Self::of(
            parts::AtomicU8::new(state),
            parts::Mutex::new(()),
            parts::Condvar::new(),
        )
    }
}

impl Default for once::Once {
    fn default() -> Self {
        Self::new()
    }
}
