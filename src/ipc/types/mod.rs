//! What users see of the primitives between processes.

mod condvar;
pub(crate) mod fifo;
#[cfg(test)]
mod limits_tests;
pub(crate) mod lock_error;
pub(crate) mod memory;
mod message_queue;
pub(crate) mod mutex;
pub(crate) mod pipe;
pub(crate) mod rwlock;
mod semaphore;
pub(crate) mod shareable;

pub use condvar::Condvar;
pub use fifo::Fifo;
pub use lock_error::{LockError, TryLockError};
pub use memory::{Shared, SharedMemory};
pub use message_queue::{MessageQueue, ReceiveError, SendError};
pub use mutex::{LockResult, Mutex, MutexGuard, OwnerDied, TryLockResult};
pub use pipe::{PipeReader, PipeWriter, pipe};
pub use rwlock::{
    ReadResult, RwLock, RwLockError, RwLockReadGuard, RwLockWriteGuard, WriteResult, WriterDied,
};
pub use semaphore::{AcquireError, Semaphore, SemaphorePermit};
pub use shareable::Shareable;
#[doc(hidden)]
pub use shareable::{fingerprint, mix, mix_number};

pub use crate::sys::ipc::error::OpenError;
pub use crate::sys::ipc::held::MAX_HELD;
