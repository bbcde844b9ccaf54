//! Locks, semaphores, queues and pipes in memory that processes share.

#[cfg(not(loom))]
mod kernel;
#[cfg(loom)]
mod kernel {
    //! The modelled one.

    pub(super) use crate::primitive::mortal::{clear_and_wake_all, wait, wake};
    pub(super) const MOST_WORDS: usize = 8;

    /// The calling thread.
    #[derive(Clone, Copy)]
    pub(crate) struct Me(u32);

    impl Me {
        pub(crate) fn get() -> Self {
            Me(crate::primitive::mortal::my_id())
        }

        pub(super) fn id(self) -> u32 {
            self.0
        }
    }
}
mod gate;
mod mutex;
mod robust;

/// Models of what is in here: they look at what no user sees.
#[cfg(loom)]
#[path = "../loom-tests/shared/mod.rs"]
mod models;
#[cfg(loom)]
#[doc(hidden)]
pub use models::MODELS;
