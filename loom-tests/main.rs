//! Models of every primitive, run by `cargo loom`: the crate's own code over loom's memory and a
//! modelled parking lot (`src/sys/model/mod.rs` says what is modelled and what is not).
//!
//! Each model is explored until nothing is left to explore, within its stated bound on preemptions.
//! One file a primitive; `cargo loom NAME` runs those whose name contains it.

#![cfg_attr(anteroom_models, allow(clippy::duplicate_mod))]

#[cfg(not(all(anteroom_models, feature = "loom")))]
compile_error!("run the models with `cargo loom`: they need a feature and two `--cfg`");

#[cfg(anteroom_models)]
mod answers;
#[cfg(anteroom_models)]
mod bias;
#[cfg(anteroom_models)]
mod condvar;
#[cfg(anteroom_models)]
mod handover;
#[cfg(anteroom_models)]
mod hundred_workers;
#[cfg(anteroom_models)]
mod litmus;
#[cfg(anteroom_models)]
mod lot;
#[cfg(anteroom_models)]
mod model;
#[cfg(anteroom_models)]
mod mutex;
#[cfg(anteroom_models)]
mod once;
#[cfg(anteroom_models)]
mod requeue;
#[cfg(anteroom_models)]
mod reuse;
#[cfg(anteroom_models)]
mod runner;
#[cfg(anteroom_models)]
mod rwlock;
#[cfg(anteroom_models)]
mod semaphore;
#[cfg(all(anteroom_models, target_os = "linux", target_pointer_width = "64"))]
mod stacks;
#[cfg(anteroom_models)]
mod unbiased;

#[cfg(anteroom_models)]
fn main() {
    let shared = anteroom::ipc::models::MODELS.iter().copied();
    let models = [
        mutex::MODELS,
        condvar::MODELS,
        rwlock::MODELS,
        bias::MODELS,
        unbiased::MODELS,
        once::MODELS,
        semaphore::MODELS,
        answers::MODELS,
        handover::MODELS,
        requeue::MODELS,
        reuse::MODELS,
        lot::MODELS,
        hundred_workers::MODELS,
    ];
    runner::main(models.into_iter().chain(shared), litmus::all());
}

#[cfg(not(anteroom_models))]
fn main() {}
