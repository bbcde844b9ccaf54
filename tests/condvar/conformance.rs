//! What the tests of other libraries ask of a condition variable, and no other file here does.
//! `CONFORMANCE.md` has all of it.

use anteroom::{Condvar, Mutex};
use common::{asleep, must_end, until};
use std::thread;
use std::time::Duration;

/// Not long to wait for.
const A_MOMENT: Duration = Duration::from_millis(2);

#[test]
fn a_condvar_prints_as_its_name() {
    assert_eq!(format!("{:?}", Condvar::new()), "Condvar { .. }");
    assert_eq!(format!("{:?}", Condvar::default()), "Condvar { .. }");
}

#[test]
fn wait_while_asks_before_it_sleeps_and_once_for_each_notification() {
    const NOTIFICATIONS: usize = 4;
    must_end(|| {
        let asked = Mutex::new(0);
        let changed = Condvar::new();
        thread::scope(|s| {
            let waiter = asleep(s, || {
                changed.wait_while(&mut asked.lock(), |asked| {
                    *asked += 1;
                    *asked <= NOTIFICATIONS
                });
            });
            for notified in 1..=NOTIFICATIONS {
                // It sleeps again, for the lock is free and it has asked.
                until(|| *asked.lock() == notified);
                assert!(changed.notify_one());
            }
            waiter.join().unwrap();
        });
        assert_eq!(*asked.lock(), NOTIFICATIONS + 1);
    });
}

/// parking_lot 129: a waiter whose time was up stayed in the count, and a later one was not woken.
#[test]
fn waiters_that_wait_again_for_a_while_and_then_wake_the_next_all_wake() {
    must_end(|| {
        let lock = Mutex::new(());
        let changed = Condvar::new();
        thread::scope(|s| {
            for _ in 0..4 {
                asleep(s, || {
                    let mut guard = lock.lock();
                    changed.wait(&mut guard);
                    // No thread is awake to notify it.
                    assert!(changed.wait_for(&mut guard, A_MOMENT).timed_out());
                    changed.notify_one();
                });
            }
            assert!(changed.notify_one());
        });
        assert!(!changed.notify_one(), "the last woke none");
    });
}
