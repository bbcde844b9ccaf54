//! What the primitives between processes stand on: the shape of what the kernel reads, and the
//! face's kernel, bells and threads.

pub(crate) mod held;
pub(crate) mod robust;

pub(crate) use super::face::ipc::*;

/// Why nothing was passed through a ring.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stop {
    /// No thread has the other side open.
    Alone,
    TimedOut,
    /// The places contradict each other.
    Damaged,
    /// A bell failed: its descriptor was closed, or is another file's. With the error's number.
    System(i32),
}

/// Why a thread wakes up that slept on a bell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Heard {
    /// Its bell, or nothing: it must look again.
    Bell,
    /// No end is left that could ring it.
    HungUp,
    Deadline,
}
