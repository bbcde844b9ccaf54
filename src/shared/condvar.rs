//! The condition variable between processes: [`typed`] for users, [`raw`] the algorithm.

pub(crate) mod raw;

#[cfg(not(anteroom_models))]
mod typed;

#[cfg(not(anteroom_models))]
pub use typed::Condvar;
