//! Message queues between processes: `queue` for users, over the algorithm in `raw`.

mod order;
pub(crate) mod raw;
mod selector;
mod side;
pub(crate) mod slots;

#[cfg(not(anteroom_models))]
mod error;
#[cfg(not(anteroom_models))]
mod layout;
#[cfg(not(anteroom_models))]
mod queue;

pub use selector::{Message, Selector};
#[cfg(not(anteroom_models))]
pub use {
    error::{ReceiveError, SendError},
    queue::MessageQueue,
};
