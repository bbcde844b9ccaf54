//! What the primitives between processes stand on in a model.

pub(crate) mod bells;
pub(crate) mod kernel;
mod list;
pub(crate) mod slots;

pub(crate) use kernel as me;

/// No thread stays awake, and none relies on looking again after some time.
pub(crate) mod awake {
    use crate::sys::deadline::Deadline;

    pub(crate) fn behind(deadline: Deadline) -> Deadline {
        deadline
    }

    pub(crate) fn wait(_: usize, ready: impl Fn() -> u64, least: u64, _: Deadline) -> bool {
        ready() >= least
    }
}
