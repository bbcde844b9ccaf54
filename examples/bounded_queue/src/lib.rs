//! A small bounded queue over anteroom's mutex and condition variables, written as any user would:
//! it does not know that it can be checked.
//!
//! `tests/loom.rs` and `tests/shuttle.rs` check it. With `NOTIFY_ALWAYS` false the queue has a bug that one sees in many
//! hand-written queues: a producer that notifies only when the queue was empty loses the second of
//! two consumers.

use anteroom::{Condvar, Mutex};
use std::collections::VecDeque;

/// At most `capacity` items; `push` waits while it is full, `pop` while it is empty.
pub struct BoundedQueue<T, const NOTIFY_ALWAYS: bool = true> {
    items: Mutex<VecDeque<T>>,
    capacity: usize,
    not_empty: Condvar,
    not_full: Condvar,
}

impl<T, const NOTIFY_ALWAYS: bool> BoundedQueue<T, NOTIFY_ALWAYS> {
    /// An empty one.
    pub fn new(capacity: usize) -> Self {
        BoundedQueue {
            items: Mutex::new(VecDeque::with_capacity(capacity)),
            capacity,
            not_empty: Condvar::new(),
            not_full: Condvar::new(),
        }
    }

    /// Appends an item, when there is room for it.
    pub fn push(&self, item: T) {
        let mut items = self.items.lock();
        self.not_full
            .wait_while(&mut items, |items| items.len() == self.capacity);
        let was_empty = items.is_empty();
        items.push_back(item);
        meter::pass();
        if NOTIFY_ALWAYS || was_empty {
            self.not_empty.notify_one();
        }
    }

    /// Takes the oldest item, when there is one.
    pub fn pop(&self) -> T {
        let mut items = self.items.lock();
        self.not_empty
            .wait_while(&mut items, |items| items.is_empty());
        let item = items.pop_front().expect("waited for it");
        self.not_full.notify_one();
        item
    }
}
