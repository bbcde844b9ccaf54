//! Bugs that real condition variables had, asked of [`Condvar`]: wakes that are lost, stolen or
//! doubled. The comment above each test says which old bug taught it; the numbers are those of
//! `tests/ADVERSARIES.md`. (Permits that are lost, memory that is freed early, and stray wakes
//! have files of their own.)

use anteroom::{Condvar, Mutex, RwLock, Semaphore};
use common::{Random, asleep, must_end, until};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

/// Waiters come, time out and are notified all at once, some with a time limit and some without.
/// Every notification that was reported as given has reached a waiter, which knows of it; and
/// no waiter is left behind.
macro_rules! every_notification_arrives {
    ($($name:ident: $Lock:ident, $take:ident;)*) => {$(
        #[test]
        fn $name() {
            must_end(|| {
                const WAITS: usize = 1_000;
                let lock = $Lock::new(());
                let changed = Condvar::new();
                let arrived = AtomicUsize::new(0);
                let mut given = 0;
                thread::scope(|s| {
                    let waiters: Vec<_> = (0..4)
                        .map(|number| {
                            let (lock, changed, arrived) = (&lock, &changed, &arrived);
                            s.spawn(move || {
                                let mut dice = Random(number);
                                for _ in 0..WAITS {
                                    let mut guard = lock.$take();
                                    let notified = match number {
                                        0 | 1 => {
                                            changed.wait(&mut guard);
                                            true
                                        }
                                        _ => {
                                            let timeout = Duration::from_micros(dice.below(200));
                                            !changed.wait_for(&mut guard, timeout).timed_out()
                                        }
                                    };
                                    arrived.fetch_add(usize::from(notified), Relaxed);
                                }
                            })
                        })
                        .collect();
                    let mut dice = Random(9);
                    while !waiters.iter().all(|waiter| waiter.is_finished()) {
                        given += match dice.below(3) {
                            0 => changed.notify_all(),
                            1 => usize::from(changed.notify_one()),
                            _ => {
                                thread::yield_now();
                                0
                            }
                        };
                    }
                });
                assert_eq!(arrived.into_inner(), given);
                assert_eq!(changed.notify_all(), 0);
            });
        }
    )*};
}

// 3: parking_lot 129, the "last waiter" computed wrongly when a time was up; 10: tokio 1902 and
// 904, a cancelled waiter keeps the wake; 12: tokio 7996, an old waiter takes a newer notification;
// 19: absl aac2279f, timeout against signal.
every_notification_arrives! {
    notifications_given_to_waiters_with_a_mutex_all_arrive: Mutex, lock;
    notifications_given_to_waiters_that_read_all_arrive: RwLock, read;
    notifications_given_to_waiters_that_write_all_arrive: RwLock, write;
}

// 12: glibc 25847, a younger waiter steals the notification of an older one.
#[test]
fn notification_goes_to_one_of_those_who_waited_when_it_was_given() {
    must_end(|| {
        const WAITS: usize = 1_000;
        /// How many waits have begun, and how many notifications were given: to the oldest waits.
        #[derive(Default)]
        struct Tickets {
            next: usize,
            served: usize,
        }
        let tickets = Mutex::new(Tickets::default());
        let turn = Condvar::new();
        thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    for _ in 0..WAITS {
                        let mut tickets = tickets.lock();
                        let mine = tickets.next;
                        tickets.next += 1;
                        turn.wait(&mut tickets);
                        assert!(mine < tickets.served, "woken before its turn");
                    }
                });
            }
            let mut all_served = false;
            while !all_served {
                let mut tickets = tickets.lock();
                all_served = tickets.served == 4 * WAITS;
                while tickets.served < tickets.next {
                    tickets.served += 1;
                    assert!(turn.notify_one(), "a waiter has vanished");
                }
            }
        });
    });
}

// 12: as above, in slow motion.
#[test]
fn who_waits_after_a_notification_does_not_get_it() {
    must_end(|| {
        let lock = Mutex::new(());
        let changed = Condvar::new();
        thread::scope(|s| {
            let older = asleep(s, || changed.wait(&mut lock.lock()));
            let mut guard = lock.lock();
            assert!(changed.notify_one());
            // The older one needs the lock to return; we wait before it can have it.
            let younger = changed.wait_for(&mut guard, Duration::from_millis(5));
            assert!(younger.timed_out());
            drop(guard);
            older.join().unwrap();
        });
    });
}

// 13: event-listener 139, a notifier that sees no listener leaves, while a thread is on the
// way to sleep.
#[test]
fn no_item_is_left_lying_when_its_notifier_saw_nobody_waiting() {
    must_end(|| {
        const ITEMS: usize = 5_000;
        let items = Mutex::new((0, 0));
        let brought = Condvar::new();
        thread::scope(|s| {
            for _ in 0..3 {
                s.spawn(|| {
                    loop {
                        let mut items = items.lock();
                        brought.wait_while(&mut items, |items| items.0 == 0);
                        if items.1 == ITEMS {
                            return;
                        }
                        items.0 -= 1;
                        items.1 += 1;
                    }
                });
            }
            for _ in 0..ITEMS {
                items.lock().0 += 1;
                brought.notify_one();
            }
            until(|| items.lock().1 == ITEMS);
            // One more, that every thread sees and none takes.
            items.lock().0 += 1;
            brought.notify_all();
        });
    });
}

// 23: raw_sync 39, a duration whose nanoseconds pass 10^9 when it is added to the clock.
#[test]
fn strange_durations_wait_for_as_long_as_they_say() {
    must_end(|| {
        let lock = Mutex::new(());
        let changed = Condvar::new();
        let semaphore = Semaphore::new(0);
        let short = [
            Duration::ZERO,
            Duration::from_nanos(1),
            Duration::from_nanos(999_999),
        ];
        for timeout in short {
            let start = Instant::now();
            assert!(changed.wait_for(&mut lock.lock(), timeout).timed_out());
            assert!(semaphore.try_acquire_for(timeout).is_err());
            assert!(start.elapsed() >= 2 * timeout, "{timeout:?} ended early");
        }
        let long = [
            Duration::new(1 << 33, 999_999_999),
            Duration::new(i64::MAX as u64, 999_999_999),
            Duration::new(u64::MAX, 0),
            Duration::MAX,
        ];
        for timeout in long {
            thread::scope(|s| {
                let waiter = asleep(s, || changed.wait_for(&mut lock.lock(), timeout));
                let other = asleep(s, || semaphore.try_acquire_for(timeout).map(|p| p.forget()));
                assert!(changed.notify_one(), "{timeout:?} ended early");
                assert!(!waiter.join().unwrap().timed_out());
                semaphore.add_permits(1);
                assert!(other.join().unwrap().is_ok(), "{timeout:?} ended early");
            });
        }
    });
}

// 24: a panic in a condition releases the lock once: were it twice, the second would let a thread
// in beside its next holder; were it never, all would stop.
#[test]
fn panics_in_conditions_under_load_never_let_two_in() {
    must_end(|| {
        const ROUNDS: usize = 400;
        let lock = Mutex::new(());
        let changed = Condvar::new();
        let semaphore = Semaphore::new(1);
        let (counted, permitted) = (AtomicUsize::new(0), AtomicUsize::new(0));
        // In two steps: what another thread does in between is lost.
        let count = |n: &AtomicUsize| n.store(n.load(Relaxed) + 1, Relaxed);
        thread::scope(|s| {
            for _ in 0..3 {
                s.spawn(|| {
                    for round in 0..ROUNDS {
                        let panicked = catch_unwind(AssertUnwindSafe(|| {
                            let _permit = semaphore.acquire().unwrap();
                            count(&permitted);
                            resume_unwind(Box::new(()));
                        }));
                        assert!(panicked.is_err());
                        let mut asked = 0;
                        let panicked = catch_unwind(AssertUnwindSafe(|| {
                            let mut guard = lock.lock();
                            count(&counted);
                            let soon = Duration::from_micros(20);
                            let _ = changed.wait_while_for(
                                &mut guard,
                                |_| {
                                    asked += 1;
                                    if asked > round % 2 {
                                        resume_unwind(Box::new(()));
                                    }
                                    true
                                },
                                soon,
                            );
                        }));
                        assert!(panicked.is_err());
                        changed.notify_all();
                    }
                });
            }
        });
        assert_eq!(counted.into_inner(), 3 * ROUNDS);
        assert_eq!(permitted.into_inner(), 3 * ROUNDS);
        assert!(lock.try_lock().is_some());
        assert_eq!(semaphore.available_permits(), 1);
    });
}
