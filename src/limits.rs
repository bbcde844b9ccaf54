//! [`RwLock`]: crate::RwLock
//! [`Semaphore`]: crate::Semaphore
// Where there is no `ipc`, the end of `limits.md` links to its files instead.
#![cfg_attr(
    all(
        feature = "ipc",
        target_os = "linux",
        target_env = "gnu",
        target_pointer_width = "64"
    ),
    doc = "[`ipc`]: crate::ipc\n\
    [`MAX_HELD`]: crate::ipc::MAX_HELD\n\
    [s-rwlock]: crate::ipc::RwLock\n\
    [s-semaphore]: crate::ipc::Semaphore\n\
    [`Shared`]: crate::ipc::Shared\n\
    [`MessageQueue`]: crate::ipc::MessageQueue\n\
    [`PipeWriter`]: crate::ipc::PipeWriter\n\
    [`OpenError::NameTooLong`]: crate::ipc::OpenError::NameTooLong\n\
    [`OpenError::SizeOutOfRange`]: crate::ipc::OpenError::SizeOutOfRange\n\
    [`OpenError::System`]: crate::ipc::OpenError::System\n\
    [`OpenError::Unsupported`]: crate::ipc::OpenError::Unsupported\n"
)]
//!
#![doc = include_str!("limits.md")]

#[cfg(test)]
pub(crate) mod tests;
