//! Bugs that real locks had, each as a test. `tests/ADVERSARIES.md` lists them by number, with the
//! test of each.
//!
//! Tests that change what all threads of a process share take their own share of it: each file that
//! sends signals has a signal of its own, and single steps run in a process of their own.

mod freed_locks;
mod locks;
mod memory;
mod permits;
mod signals;
mod stepped_posts;
mod stepped_unlocks;
mod stopped_waiters;
mod storms;
mod waiting;
mod wakes;
