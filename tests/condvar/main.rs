//! [`Condvar`]: which waiters it wakes, in what order and when, and what its methods return. (Every
//! kind of guard is in [`guards`]; panics, and condition variables used with two locks, are in
//! [`misuse`].)

mod conformance;
mod guards;
mod hundred_workers;
mod misuse;
mod timeouts;

use anteroom::{Condvar, Mutex, MutexGuard, RwLock};
use common::{asleep, must_end, until};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

/// Long enough for a thread to be seen to sleep, and not long to wait for.
const A_MOMENT: Duration = Duration::from_millis(2);

#[test]
fn wait_while_lets_its_condition_change_the_data_of_an_exclusive_guard() {
    let lock = Mutex::new(3);
    let mut guard = lock.lock();
    let count_down = |n: &mut u32| {
        *n -= 1;
        *n > 0
    };
    // It is asked before the first sleep and after each; no thread notifies, so the time is up
    // after one sleep.
    let rest = Condvar::new().wait_while_for(&mut guard, count_down, A_MOMENT);
    assert!(rest.timed_out());
    assert_eq!(*guard, 1);
}

#[test]
fn wait_while_does_not_sleep_when_there_is_nothing_to_wait_for() {
    let lock = Mutex::new(());
    let changed = Condvar::new();
    let mut guard = lock.lock();
    let asked = AtomicUsize::new(0);
    let never = |_: &mut ()| {
        asked.fetch_add(1, SeqCst);
        assert!(lock.try_lock().is_none(), "asked without the lock");
        false
    };
    changed.wait_while(&mut guard, never);
    assert!(
        !changed
            .wait_while_for(&mut guard, never, Duration::MAX)
            .timed_out()
    );
    assert!(
        !changed
            .wait_while_until(&mut guard, never, Instant::now())
            .timed_out()
    );
    assert_eq!(asked.load(SeqCst), 3);
}

/// A waiter that is notified while another thread holds the lock gets it only after its time is up;
/// that it was notified stays true.
macro_rules! is_notified_though_late {
    ($($name:ident: $Lock:ident, $take:ident, $alone:ident, $waiters:expr, $notify:expr;)*) => {$(
        #[test]
        fn $name() {
            must_end(|| {
                let lock = $Lock::new(());
                let changed = Condvar::new();
                let deadline = Instant::now() + Duration::from_millis(100);
                thread::scope(|s| {
                    let waiters: Vec<_> = (0..$waiters)
                        .map(|_| asleep(s, || changed.wait_until(&mut lock.$take(), deadline)))
                        .collect();
                    let held = lock.$alone();
                    let notified: usize = $notify(&changed);
                    thread::sleep(deadline.saturating_duration_since(Instant::now()) + A_MOMENT);
                    drop(held);
                    let in_time = waiters
                        .into_iter()
                        .map(|waiter| waiter.join().unwrap())
                        .filter(|rest| !rest.timed_out())
                        .count();
                    assert_eq!(in_time, notified);
                });
            });
        }
    )*};
}

is_notified_though_late! {
    notified_waiter_that_gets_the_mutex_late_has_not_timed_out:
        Mutex, lock, lock, 1, |changed: &Condvar| usize::from(changed.notify_one());
    waiters_moved_to_the_mutex_have_not_timed_out_when_they_get_it_late:
        Mutex, lock, lock, 4, Condvar::notify_all;
    readers_notified_while_somebody_writes_have_not_timed_out:
        RwLock, read, write, 4, Condvar::notify_all;
    writers_notified_while_somebody_writes_have_not_timed_out:
        RwLock, write, write, 4, Condvar::notify_all;
}

#[test]
fn notifying_when_nobody_waits_does_nothing_and_is_not_kept_for_later() {
    let lock = Mutex::new(());
    let changed = Condvar::default();
    assert!(!changed.notify_one());
    assert_eq!(changed.notify_all(), 0);
    let rest = changed.wait_for(&mut lock.lock(), A_MOMENT);
    assert!(rest.timed_out());
    assert!(!changed.notify_one());
    assert_eq!(changed.notify_all(), 0);
}

#[test]
fn notify_one_wakes_those_who_wait_in_the_order_in_which_they_came_one_at_a_time() {
    must_end(|| {
        let lock = Mutex::new(Vec::new());
        let changed = Condvar::new();
        thread::scope(|s| {
            let (lock, changed) = (&lock, &changed);
            for number in 0..12 {
                asleep(s, move || {
                    let mut woken = lock.lock();
                    changed.wait(&mut woken);
                    woken.push(number);
                });
            }
            for number in 0..12 {
                assert_eq!(lock.lock().len(), number, "woken before its turn");
                assert!(changed.notify_one());
                until(|| lock.lock().len() > number);
            }
            assert!(!changed.notify_one());
        });
        assert!(lock.into_inner().is_sorted());
    });
}

#[test]
fn notifications_that_come_before_the_first_waiter_runs_wake_one_waiter_each() {
    must_end(|| {
        let lock = Mutex::new(Vec::new());
        let changed = Condvar::new();
        thread::scope(|s| {
            let (lock, changed) = (&lock, &changed);
            for number in 0..6 {
                asleep(s, move || {
                    let mut woken = lock.lock();
                    changed.wait(&mut woken);
                    woken.push(number);
                });
            }
            let held = lock.lock();
            assert!((0..4).all(|_| changed.notify_one()));
            drop(held);
            until(|| lock.lock().len() == 4);
            let mut woken = lock.lock().clone();
            woken.sort();
            assert_eq!(woken, [0, 1, 2, 3]);
            assert_eq!(changed.notify_all(), 2);
        });
    });
}

#[test]
fn hundred_waiters_woken_by_one_notify_all_each_get_the_mutex_to_themselves() {
    must_end(|| {
        let lock = Mutex::new((0, 0));
        let changed = Condvar::new();
        thread::scope(|s| {
            for _ in 0..100 {
                s.spawn(|| {
                    let mut count = lock.lock();
                    count.0 += 1;
                    changed.wait(&mut count);
                    count.1 += 1;
                });
            }
            until(|| lock.lock().0 == 100);
            let mut count = lock.lock();
            assert_eq!(changed.notify_all(), 100);
            assert_eq!(count.1, 0, "woken early");
            count.0 = 0;
        });
        assert_eq!(lock.into_inner(), (0, 100));
    });
}

#[test]
fn waiter_that_was_moved_to_the_mutex_can_be_handed_it() {
    must_end(|| {
        for _ in 0..50 {
            let lock = Mutex::new(0);
            let changed = Condvar::new();
            thread::scope(|s| {
                for _ in 0..3 {
                    asleep(s, || {
                        let mut woken = lock.lock();
                        changed.wait(&mut woken);
                        *woken += 1;
                        MutexGuard::unlock_fair(woken);
                    });
                }
                let held = lock.lock();
                assert_eq!(changed.notify_all(), 3);
                MutexGuard::unlock_fair(held);
            });
            assert_eq!(lock.into_inner(), 3);
        }
    });
}

#[test]
fn readers_woken_by_notify_all_read_together() {
    must_end(|| {
        let lock = RwLock::new(());
        let changed = Condvar::new();
        let inside = Barrier::new(5);
        thread::scope(|s| {
            for _ in 0..5 {
                asleep(s, || {
                    let mut guard = lock.read();
                    changed.wait(&mut guard);
                    // Passed only by five that read at once.
                    inside.wait();
                });
            }
            assert_eq!(changed.notify_all(), 5);
        });
    });
}

#[test]
fn readers_writers_and_upgraders_of_one_lock_wait_in_one_queue() {
    must_end(|| {
        let lock = RwLock::new(0);
        let changed = Condvar::new();
        thread::scope(|s| {
            let reader = asleep(s, || changed.wait(&mut lock.read()));
            let writer = asleep(s, || {
                let mut guard = lock.write();
                changed.wait(&mut guard);
                *guard += 1;
            });
            asleep(s, || changed.wait(&mut lock.upgradable_read()));
            assert!(changed.notify_one());
            reader.join().unwrap();
            assert!(changed.notify_one());
            writer.join().unwrap();
            assert_eq!(changed.notify_all(), 1);
        });
        assert_eq!(lock.into_inner(), 1);
    });
}

#[test]
fn waiter_whose_time_was_up_is_neither_counted_nor_notified() {
    must_end(|| {
        let lock = Mutex::new(());
        let changed = Condvar::new();
        thread::scope(|s| {
            let first = asleep(s, || changed.wait(&mut lock.lock()));
            let short = s.spawn(|| changed.wait_for(&mut lock.lock(), A_MOMENT));
            let last = asleep(s, || changed.wait(&mut lock.lock()));
            assert!(short.join().unwrap().timed_out());
            assert!(!first.is_finished() && !last.is_finished());
            assert_eq!(changed.notify_all(), 2);
        });
    });
}

#[test]
fn who_comes_after_notify_all_is_not_woken_by_it() {
    must_end(|| {
        let lock = Mutex::new(());
        let changed = Condvar::new();
        thread::scope(|s| {
            asleep(s, || changed.wait(&mut lock.lock()));
            asleep(s, || changed.wait(&mut lock.lock()));
            let mut held = lock.lock();
            assert_eq!(changed.notify_all(), 2);
            // The two are on their way to the mutex; we wait behind them.
            assert!(changed.wait_for(&mut held, A_MOMENT).timed_out());
        });
    });
}

#[test]
fn who_notifies_need_not_hold_the_lock() {
    must_end(|| {
        const ROUNDS: usize = 2_000;
        let turn = Mutex::new(0);
        let changed = Condvar::new();
        thread::scope(|s| {
            for player in 0..2 {
                let (turn, changed) = (&turn, &changed);
                s.spawn(move || {
                    for _ in 0..ROUNDS {
                        let mut now = turn.lock();
                        changed.wait_while(&mut now, |now| *now % 2 != player);
                        *now += 1;
                        drop(now);
                        changed.notify_one();
                    }
                });
            }
        });
        assert_eq!(turn.into_inner(), 2 * ROUNDS);
    });
}

#[test]
fn two_condition_variables_of_one_mutex_keep_a_small_buffer_in_order() {
    must_end(|| {
        const ITEMS: usize = 3_000;
        let buffer = Mutex::new(std::collections::VecDeque::new());
        let (not_full, not_empty) = (Condvar::new(), Condvar::new());
        thread::scope(|s| {
            s.spawn(|| {
                for item in 0..ITEMS {
                    let mut buffer = buffer.lock();
                    not_full.wait_while(&mut buffer, |items| items.len() == 2);
                    buffer.push_back(item);
                    not_empty.notify_one();
                }
            });
            for expected in 0..ITEMS {
                let mut buffer = buffer.lock();
                not_empty.wait_while(&mut buffer, |items| items.is_empty());
                assert_eq!(buffer.pop_front(), Some(expected));
                not_full.notify_one();
            }
        });
    });
}

#[test]
fn can_be_moved_and_used_again_when_nobody_waits() {
    must_end(|| {
        let lock = Mutex::new(());
        let mut places = [Some(Condvar::new()), None];
        for round in 0..20 {
            let changed = places[round % 2].as_ref().unwrap();
            thread::scope(|s| {
                let waiter = asleep(s, || changed.wait(&mut lock.lock()));
                assert!(changed.notify_one());
                waiter.join().unwrap();
            });
            places.swap(0, 1);
            assert!(places.iter().flatten().all(|moved| !moved.notify_one()));
        }
    });
}
