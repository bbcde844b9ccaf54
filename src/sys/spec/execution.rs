//! Objects that a constant makes, and of which each execution of a model has its own.
//!
//! A lock may be a `static`. Then it is made before any execution, and stays for all of them. An
//! object of loom or shuttle belongs to one execution. So a lock makes its object when an execution
//! uses it first, and each execution begins with a new one.
//!
//! Tests run in several threads of the system, and each may run a model. A static belongs to one
//! execution at a time: another one waits, before its first use, until that one has ended. If two
//! executions would wait for each other, one panics.

use super::engine::current;
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The executions that run now, in this process.
static RUNNING: Mutex<Vec<Running>> = Mutex::new(Vec::new());
static ENDED: Condvar = Condvar::new();

struct Running {
    execution: usize,
    /// How many keep it alive.
    lives: usize,
    /// The execution for whose end it waits, or 0.
    waits_for: usize,
}

fn running() -> MutexGuard<'static, Vec<Running>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn find(running: &mut [Running], execution: usize) -> Option<&mut Running> {
    running.iter_mut().find(|it| it.execution == execution)
}

/// Keeps an execution alive: what it uses belongs to no other one.
#[derive(Debug)]
pub(super) struct Life(usize);

impl Life {
    pub(super) fn new(execution: usize) -> Self {
        let mut running = running();
        match find(&mut running, execution) {
            Some(it) => it.lives += 1,
            None => running.push(Running {
                execution,
                lives: 1,
                waits_for: 0,
            }),
        }
        Life(execution)
    }

    pub(super) fn execution(&self) -> usize {
        self.0
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        let mut running = running();
        if let Some(it) = find(&mut running, self.0) {
            it.lives -= 1;
        }
        running.retain(|it| it.lives > 0);
        ENDED.notify_all();
    }
}

/// Waits until no other execution uses what belonged to `owner`.
fn wait_for_end_of(owner: usize, me: usize) -> MutexGuard<'static, Vec<Running>> {
    let mut running = running();
    while find(&mut running, owner).is_some() {
        let mut last = owner;
        while let Some(it) = find(&mut running, last).filter(|it| it.waits_for != 0) {
            last = it.waits_for;
            assert!(
                last != me,
                "two models that run at once use the same `static` locks, in different orders: \
                run them one after the other (`--test-threads=1`)"
            );
        }
        if let Some(it) = find(&mut running, me) {
            it.waits_for = owner;
        }
        running = ENDED.wait(running).unwrap_or_else(PoisonError::into_inner);
        if let Some(it) = find(&mut running, me) {
            it.waits_for = 0;
        }
    }
    running
}

/// An object of which each execution has its own.
pub(super) struct PerExecution<T> {
    /// The execution whose object it is, or 0.
    owner: AtomicUsize,
    object: UnsafeCell<Option<Box<T>>>,
}

// SAFETY: the object is used only by the execution that owns it. All threads of an execution run on
// one thread of the system, in turn.
unsafe impl<T> Send for PerExecution<T> {}
// SAFETY: see above.
unsafe impl<T> Sync for PerExecution<T> {}

impl<T> PerExecution<T> {
    pub(super) const fn new() -> Self {
        PerExecution {
            owner: AtomicUsize::new(0),
            object: UnsafeCell::new(None),
        }
    }

    /// The calling execution's object. It is made if this is the first use.
    pub(super) fn get(&self, make: impl FnOnce() -> T) -> &T {
        let me = current();
        // ORDERING: Relaxed, here and below; only the execution itself writes its number.
        if self.owner.load(Relaxed) != me {
            self.begin(me, make());
        }
        self.here().expect("it was made for this execution")
    }

    /// The object, for a caller that has used it in this execution, and for unwinding, when there
    /// is no execution any more.
    pub(super) fn here(&self) -> Option<&T> {
        // SAFETY: it is replaced only in `begin`, before the first use in an execution.
        unsafe { (*self.object.get()).as_deref() }
    }

    pub(super) fn get_mut(&mut self) -> Option<&mut T> {
        self.object.get_mut().as_deref_mut()
    }

    #[cold]
    fn begin(&self, me: usize, object: T) {
        loop {
            // ORDERING: Relaxed; see `get`. The mutex orders what the owner did before.
            let owner = self.owner.load(Relaxed);
            let _running = wait_for_end_of(owner, me);
            // ORDERING: Relaxed, all; see above.
            if self
                .owner
                .compare_exchange(owner, me, Relaxed, Relaxed)
                .is_ok()
            {
                break;
            }
        }
        // SAFETY: the execution owns it now, and this is its first use.
        unsafe { *self.object.get() = Some(Box::new(object)) };
    }
}
