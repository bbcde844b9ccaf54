//! A condition variable in shared memory: types, no algorithm.

pub(crate) mod raw;

#[cfg(not(loom))]
mod typed;

#[cfg(not(loom))]
pub use typed::Condvar;
