//! Message queues between processes: `queue` for users, over the algorithm in `raw`.

mod order;
pub(crate) mod raw;
mod selector;
mod side;
pub(crate) mod slots;

#[cfg(not(loom))]
mod error;
#[cfg(not(loom))]
mod layout;
#[cfg(not(loom))]
mod queue;

pub use selector::{Message, Selector};
#[cfg(not(loom))]
pub use {
    error::{ReceiveError, SendError},
    queue::MessageQueue,
};
