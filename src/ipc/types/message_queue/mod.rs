//! The message queue for users, over the algorithm in `message_queue/raw`.

mod error;
mod layout;
mod queue;

pub use error::{ReceiveError, SendError};
pub use queue::MessageQueue;
