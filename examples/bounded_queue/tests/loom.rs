//! The queue in a loom model: every order in which the threads can run. `cargo loom-example` runs
//! it.
#![cfg(feature = "loom")]

use bounded_queue::BoundedQueue;
use loom::thread;
use std::sync::Arc;

/// Explores all executions in which threads that could go on are stopped twice at most: nearly
/// every bug shows there, and without a bound three threads take minutes.
fn check(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(model);
}

/// Two consumers wait, or are about to, while two items are pushed.
fn two_consumers<const NOTIFY_ALWAYS: bool>() {
    check(|| {
        let queue = Arc::new(BoundedQueue::<u32, NOTIFY_ALWAYS>::new(2));
        let consumers: Vec<_> = (0..2)
            .map(|_| {
                let queue = queue.clone();
                thread::spawn(move || queue.pop())
            })
            .collect();
        queue.push(1);
        queue.push(2);
        let got: u32 = consumers.into_iter().map(|it| it.join().unwrap()).sum();
        assert_eq!(got, 3);
    });
}

#[test]
fn every_consumer_gets_an_item() {
    two_consumers::<true>();
}

#[test]
#[should_panic(expected = "deadlock")]
fn the_lost_wake_up_is_found() {
    two_consumers::<false>();
}

#[test]
fn a_full_queue_makes_the_producer_wait() {
    check(|| {
        let queue = Arc::new(BoundedQueue::<u32>::new(1));
        let producer = {
            let queue = queue.clone();
            thread::spawn(move || (0..2).for_each(|item| queue.push(item)))
        };
        assert_eq!((queue.pop(), queue.pop()), (0, 1));
        producer.join().unwrap();
    });
}
