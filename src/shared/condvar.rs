//! The condition variable between processes: [`typed`] for users, [`raw`] the algorithm.

pub(crate) mod raw;

#[cfg(not(loom))]
mod typed;

#[cfg(not(loom))]
pub use typed::Condvar;
