//! The queue under shuttle: random orders of many threads. `cargo shuttle-example` runs it.
#![cfg(feature = "shuttle")]

use bounded_queue::BoundedQueue;
use shuttle::{check_random, thread};
use std::sync::Arc;

/// So many executions: the bug shows within ten.
const EXECUTIONS: usize = 1000;

/// As many consumers as items, which wait, or are about to.
fn many_consumers<const NOTIFY_ALWAYS: bool>() {
    const CONSUMERS: u32 = 5;

    check_random(
        || {
            let queue = Arc::new(BoundedQueue::<u32, NOTIFY_ALWAYS>::new(2));
            let consumers: Vec<_> = (0..CONSUMERS)
                .map(|_| {
                    let queue = queue.clone();
                    thread::spawn(move || queue.pop())
                })
                .collect();
            (1..=CONSUMERS).for_each(|item| queue.push(item));
            let got: u32 = consumers.into_iter().map(|it| it.join().unwrap()).sum();
            assert_eq!(got, (1..=CONSUMERS).sum());
        },
        EXECUTIONS,
    );
}

#[test]
fn every_consumer_gets_an_item() {
    many_consumers::<true>();
}

#[test]
#[should_panic(expected = "deadlock")]
fn the_lost_wake_up_is_found() {
    many_consumers::<false>();
}

#[test]
fn a_static_lock_is_free_at_the_beginning_of_each_execution() {
    static MUTEX: anteroom::Mutex<()> = anteroom::Mutex::new(());
    static PERMITS: anteroom::Semaphore = anteroom::Semaphore::new(2);

    check_random(
        || {
            let other = thread::spawn(|| PERMITS.acquire().map(drop));
            assert!(!MUTEX.is_locked());
            std::mem::forget((MUTEX.lock(), PERMITS.acquire()));
            assert!(MUTEX.is_locked());
            assert!(other.join().unwrap().is_ok());
            assert_eq!(PERMITS.available_permits(), 1);
        },
        EXECUTIONS,
    );
}
