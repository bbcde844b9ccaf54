//! [`RwLock`]: crate::RwLock
//! [`Semaphore`]: crate::Semaphore
//! [`shared`]: crate::shared
//! [`MAX_HELD`]: crate::shared::MAX_HELD
//! [s-rwlock]: crate::shared::RwLock
//! [s-semaphore]: crate::shared::Semaphore
//! [`Shared`]: crate::shared::Shared
//! [`MessageQueue`]: crate::shared::MessageQueue
//! [`PipeWriter`]: crate::shared::PipeWriter
//! [`OpenError::NameTooLong`]: crate::shared::OpenError::NameTooLong
//! [`OpenError::SizeOutOfRange`]: crate::shared::OpenError::SizeOutOfRange
//! [`OpenError::System`]: crate::shared::OpenError::System
//! [`OpenError::Unsupported`]: crate::shared::OpenError::Unsupported
//!
#![doc = include_str!("limits.md")]

#[cfg(test)]
pub(crate) mod tests;
