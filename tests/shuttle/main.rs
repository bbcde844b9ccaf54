//! Programs of ten threads, run by `cargo shuttle` in random orders: the crate's own code over
//! [shuttle](https://github.com/awslabs/shuttle)'s scheduler and the parking lot of loom's models.
//!
//! Loom looks at every execution of two or three threads; this looks at some of very many, of more
//! threads. It knows sequentially consistent memory only, so it tells nothing about orderings. What
//! it finds is that two are inside that should not be, and, as a deadlock, that a wake-up was lost.
//!
//! Half of the executions are drawn by a scheduler that may switch at any step, half by one that
//! switches at a few only (PCT; S. Burckhardt et al., 2010). A failing one is printed, and
//! `SHUTTLE_ITERATIONS` says how many there are.

#[cfg(not(shuttle))]
compile_error!("run these with `cargo shuttle`: they need `--cfg shuttle`");

#[cfg(shuttle)]
mod condvar;
#[cfg(shuttle)]
mod mutex;
#[cfg(shuttle)]
mod program;
#[cfg(shuttle)]
mod rwlock;
#[cfg(shuttle)]
mod semaphore;
