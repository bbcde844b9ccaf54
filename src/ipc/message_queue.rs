//! Message queues between processes: the algorithm is in `raw`.

pub(crate) mod order;
pub(crate) mod raw;
pub(crate) mod selector;
pub(crate) mod side;
pub(crate) mod slots;

pub use selector::{Message, Selector};
