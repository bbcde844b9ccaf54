//! Models of every primitive, run by `cargo loom`: the crate's own code over loom's memory and a modelled
//! parking lot (`src/primitive/modeled.rs` says what is modelled and what is not).
//!
//! Each model is explored until nothing is left to explore, within its stated bound on preemptions. One file a
//! primitive; `cargo loom NAME` runs those whose name contains it.

#[cfg(not(loom))]
compile_error!("run the models with `cargo loom`: they need `--cfg loom`");

#[cfg(loom)]
mod bias;
#[cfg(loom)]
mod condvar;
#[cfg(loom)]
mod hundred_workers;
#[cfg(loom)]
mod model;
#[cfg(loom)]
mod mutex;
#[cfg(loom)]
mod rwlock;
#[cfg(loom)]
mod semaphore;

#[cfg(loom)]
fn main() {
    model::main(&[
        mutex::MODELS,
        condvar::MODELS,
        rwlock::MODELS,
        bias::MODELS,
        semaphore::MODELS,
        hundred_workers::MODELS,
    ]);
}

#[cfg(not(loom))]
fn main() {}
