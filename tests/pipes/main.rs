//! Pipes and FIFOs between processes.
//!
//! A child inherits all descriptors of its parent, also the ends of other tests' pipes. So these
//! tests run one at a time, and apart from all others that fork.
#![cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]

mod fifo;
mod fifo_life;
mod pipe;
mod pipe_deaths;
mod pipe_rules;
mod small_stacks;
