//! [`RwLock`]: crate::RwLock
//! [`Semaphore`]: crate::Semaphore
// Where there is no `shared`, the end of `limits.md` links to its files instead.
#![cfg_attr(
    all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"),
    doc = "[`shared`]: crate::shared\n\
    [`MAX_HELD`]: crate::shared::MAX_HELD\n\
    [s-rwlock]: crate::shared::RwLock\n\
    [s-semaphore]: crate::shared::Semaphore\n\
    [`Shared`]: crate::shared::Shared\n\
    [`MessageQueue`]: crate::shared::MessageQueue\n\
    [`PipeWriter`]: crate::shared::PipeWriter\n\
    [`OpenError::NameTooLong`]: crate::shared::OpenError::NameTooLong\n\
    [`OpenError::SizeOutOfRange`]: crate::shared::OpenError::SizeOutOfRange\n\
    [`OpenError::System`]: crate::shared::OpenError::System\n\
    [`OpenError::Unsupported`]: crate::shared::OpenError::Unsupported\n"
)]
//!
#![doc = include_str!("limits.md")]

#[cfg(test)]
pub(crate) mod tests;
