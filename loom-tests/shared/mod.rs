//! Models of what processes share: threads stand for processes, and are killed at any step
//! (`src/primitive/modeled/mortal.rs`). They are compiled into the crate, whose innards they look at.

mod condvar;
mod gate;
mod mutex;
mod queue;
mod ring;

/// Of all files in here.
pub const MODELS: &[&[crate::Model]] = &[
    mutex::MODELS,
    gate::MODELS,
    queue::MODELS,
    condvar::MODELS,
    ring::MODELS,
];

use crate::primitive::modeled::mortal::{holds_nothing, mortal, nobody_sleeps};
use std::sync::Arc;

/// What the processes of a model share. No reference counts it that a killed one would leave behind.
fn share<T: 'static>(it: T) -> Arc<T> {
    assert!(nobody_sleeps());
    Arc::new(it)
}

/// A process that nobody kills.
fn process<T: 'static>(
    it: &Arc<T>,
    life: impl FnOnce(&T) + 'static,
) -> loom::thread::JoinHandle<()> {
    let it = it.clone();
    loom::thread::spawn(move || {
        life(&it);
        assert!(holds_nothing(), "and it leaves nothing behind");
    })
}

/// A process that may be killed at any step. Its end tells whether it was not.
fn mortal_process<T: 'static>(
    it: &Arc<T>,
    life: impl FnOnce(&T) + 'static,
) -> loom::thread::JoinHandle<bool> {
    let it = it.clone();
    loom::thread::spawn(move || mortal(|| life(&it)).is_some())
}
