//! What a process has once: its first use of a lock, its system calls, its allocator, and its
//! forks.

mod allocator;
mod fork;
mod in_allocator;
mod no_allocation;
mod sandboxes;
