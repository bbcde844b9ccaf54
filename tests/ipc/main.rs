//! The primitives that processes share, except pipes: the children of these tests would inherit the
//! ends of a pipe, so the tests of pipes have a binary of their own.
#![cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]

mod condvar;
mod deadlines;
mod first_use;
mod fork;
mod holders;
mod ledger;
mod memory;
mod mutex;
mod queue;
mod queue_adversaries;
mod random_memory;
mod rwlock;
mod sandbox;
mod semaphore;
