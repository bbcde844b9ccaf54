//! Models of what processes share: threads stand for processes, and are killed at any step
//! (`src/sys/model/mortal.rs`). They are compiled into the crate, whose innards they look
//! at.

mod condvar;
mod gate;
mod held;
mod mutex;
mod queue;
mod ring;
mod rwlock;
mod semaphore;

/// Of all files in here, those that take longest first: else one processor waits for the other in
/// the end.
pub const MODELS: &[&[crate::Model]] = &[
    semaphore::MODELS,
    ring::MODELS,
    rwlock::MODELS,
    mutex::MODELS,
    gate::MODELS,
    queue::MODELS,
    condvar::MODELS,
    held::MODELS,
];

use crate::sys::model::mortal::{
    all_are_alive, holds_nothing, live_again, mortal, nothing_is_pending, sleepers,
};
use std::sync::Arc;

/// What a model's processes share. No reference counts it, which a killed process would leave
/// behind.
fn share<T: 'static>(it: T) -> Arc<T> {
    // These looks also make the modelled kernel now, where that orders nothing between the model's
    // threads.
    assert!(sleepers() == 0 && all_are_alive());
    Arc::new(it)
}

/// A process that is not killed.
fn process<T: 'static>(
    it: &Arc<T>,
    life: impl FnOnce(&T) + 'static,
) -> loom::thread::JoinHandle<()> {
    let it = it.clone();
    loom::thread::spawn(move || live(&*it, life))
}

fn live<T>(it: &T, life: impl FnOnce(&T)) {
    life(it);
    assert!(holds_nothing(), "and it leaves nothing behind");
}

/// A process that may be killed at any step. Its end tells whether it was not.
fn mortal_process<T: 'static>(
    it: &Arc<T>,
    life: impl FnOnce(&T) + 'static,
) -> loom::thread::JoinHandle<bool> {
    doomed(0, it, life)
}

/// Another one.
fn second_mortal_process<T: 'static>(
    it: &Arc<T>,
    life: impl FnOnce(&T) + 'static,
) -> loom::thread::JoinHandle<bool> {
    doomed(1, it, life)
}

fn doomed<T: 'static>(
    which: usize,
    it: &Arc<T>,
    life: impl FnOnce(&T) + 'static,
) -> loom::thread::JoinHandle<bool> {
    let it = it.clone();
    loom::thread::spawn(move || mortal(which, || life(&it)).is_some())
}

/// What is shared, and keeps a slot for each process that has used it.
trait Known: 'static {
    /// So that a search does not begin with how processes find their slots.
    fn find_slot(&self);
}

/// A process that knows its slot, and waits for the word to go on.
struct Ready<R> {
    handle: loom::thread::JoinHandle<R>,
    go: loom::sync::mpsc::Sender<()>,
}

impl<R> Ready<R> {
    fn go(self) -> loom::thread::JoinHandle<R> {
        self.go.send(()).unwrap();
        self.handle
    }
}

fn ready<T: Known, R: 'static>(it: &Arc<T>, life: impl FnOnce(&T) -> R + 'static) -> Ready<R> {
    let it = it.clone();
    let (is_ready, until_ready) = loom::sync::mpsc::channel();
    let (go, until_go) = loom::sync::mpsc::channel();
    let handle = loom::thread::spawn(move || {
        it.find_slot();
        is_ready.send(()).unwrap();
        until_go.recv().unwrap();
        life(&it)
    });
    until_ready.recv().unwrap();
    Ready { handle, go }
}

/// As [`process`].
fn known<T: Known>(it: &Arc<T>, life: impl FnOnce(&T) + 'static) -> Ready<()> {
    ready(it, |it| live(it, life))
}

/// As [`mortal_process`].
fn known_mortal<T: Known>(it: &Arc<T>, life: impl FnOnce(&T) + 'static) -> Ready<bool> {
    ready(it, |it| mortal(0, || life(it)).is_some())
}

/// Another one.
fn second_mortal<T: Known>(it: &Arc<T>, life: impl FnOnce(&T) + 'static) -> Ready<bool> {
    ready(it, |it| mortal(1, || life(it)).is_some())
}

/// Waits until so many sleep.
fn until_asleep(count: usize) {
    while sleepers() < count {
        loom::thread::yield_now();
    }
}
