//! What the primitives between processes stand on: the kernel, and what a process knows of itself.

pub(crate) mod awake;
pub(crate) mod bells;
pub(crate) mod block;
pub(crate) mod error;
pub(crate) mod kernel;
mod list;
pub(crate) mod mapped;
pub(crate) mod me;
pub(crate) mod process;
pub(crate) mod region;
pub(crate) mod slots;
