//! What the models and programs of this crate see of it, beside what users do.

#[cfg(not(shuttle))]
pub use super::mortal::{MORTALS, has_died, set_fates};
#[cfg(not(shuttle))]
pub use super::{lot_itself as parking_lot, specified};

pub use super::lot::{outlast_leases, sleepers};
pub use super::{Bias, Choices, Model, pause_after_fences, set_choices, stop_when_woken};
pub use crate::waiters::no_thread_waits;
