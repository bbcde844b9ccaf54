//! A bounded queue: a mutex, and two condition variables.

use crate::face::{Condvar, Mutex, lock, wait};
use crate::measure::{Counts, Row};
use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;

struct Queue {
    items: Mutex<VecDeque<u64>>,
    room: usize,
    not_empty: Condvar,
    not_full: Condvar,
}

impl Queue {
    fn new(room: usize) -> Self {
        Queue {
            items: Mutex::new(VecDeque::with_capacity(room)),
            room,
            not_empty: Condvar::new(),
            not_full: Condvar::new(),
        }
    }

    fn push(&self, item: u64) {
        let mut items = lock(&self.items);
        while items.len() == self.room {
            items = wait(&self.not_full, items);
        }
        items.push_back(item);
        drop(items);
        self.not_empty.notify_one();
    }

    fn pop(&self) -> u64 {
        let mut items = lock(&self.items);
        let item = loop {
            match items.pop_front() {
                Some(item) => break item,
                None => items = wait(&self.not_empty, items),
            }
        };
        drop(items);
        self.not_full.notify_one();
        item
    }
}

pub fn rows() -> Vec<Row> {
    let pairs = [(1, 1), (1, 4), (16, 1), (16, 4)];
    pairs.map(|(room, pairs)| row(room, pairs)).into()
}

/// What is popped counts.
fn row(room: usize, pairs: usize) -> Row {
    let name = format!("bounded queue, room for {room}, {pairs}:{pairs}");
    Row::new(name, move || {
        let queue = Arc::new(Queue::new(room));
        let counts = Counts::new(pairs);
        for index in 0..pairs {
            let producer = queue.clone();
            thread::spawn(move || {
                for item in 0.. {
                    producer.push(item);
                }
            });
            let consumer = queue.clone();
            thread::spawn(move || {
                for turn in 0.. {
                    let item = consumer.pop();
                    assert!(pairs > 1 || item == turn, "item {item} in turn {turn}");
                    counts.add(index, 1);
                }
            });
        }
        counts
    })
}
