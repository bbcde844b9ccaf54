//! What processes share, ours and the kernel's: each kind behind a trait. The maker of one forks
//! the processes that use it.

pub mod lock;
pub mod memory;
pub mod queue;
pub mod read_write;
pub mod stream;
pub mod system_v;
