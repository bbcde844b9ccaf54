//! A mutex in shared memory.
pub(crate) mod raw;
