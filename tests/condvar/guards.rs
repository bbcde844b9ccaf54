//! Every kind of guard that holds a whole lock can wait on a [`Condvar`], by every form of waiting.

use anteroom::{Condvar, Mutex, RwLock};
use common::{asleep, must_end, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

/// Not long to wait for.
const A_MOMENT: Duration = Duration::from_millis(2);

/// Longer than any test takes.
const FAR: Duration = Duration::from_secs(3600);

/// Writes the same tests for every kind of guard: of which lock it is, how it is taken, and how
/// another thread takes that lock for itself alone.
macro_rules! with_guards_of {
    ($($kind:ident: $Lock:ident, $take:ident, $alone:ident, $try_alone:ident;)*) => {$(
        mod $kind {
            use super::*;

            #[test]
            fn wait_lets_the_lock_go_and_has_it_again() {
                must_end(|| {
                    let lock = Arc::new($Lock::new(AtomicBool::new(false)));
                    let changed = Condvar::new();
                    thread::scope(|s| {
                        let waiter = asleep(s, || {
                            let mut guard = lock.$take();
                            changed.wait(&mut guard);
                            guard.load(SeqCst) && lock.$try_alone().is_none()
                        });
                        // It sleeps, and yet we get in.
                        lock.$alone().store(true, SeqCst);
                        assert!(changed.notify_one());
                        assert!(waiter.join().unwrap(), "woken early, or without the lock");
                    });
                    assert!(lock.$try_alone().is_some(), "its guard did not release");
                });
            }

            #[test]
            fn timed_waits_have_the_lock_again_when_the_time_is_up() {
                let lock = Arc::new($Lock::new(AtomicBool::new(false)));
                let changed = Condvar::new();
                let mut guard = lock.$take();
                assert!(changed.wait_for(&mut guard, A_MOMENT).timed_out());
                assert!(lock.$try_alone().is_none());
                assert!(changed.wait_until(&mut guard, Instant::now() + A_MOMENT).timed_out());
                assert!(lock.$try_alone().is_none());
                drop(guard);
                assert!(lock.$try_alone().is_some());
                assert_eq!(changed.notify_all(), 0, "no thread waits any more");
            }

            #[test]
            fn wait_while_forms_look_at_the_data_and_sleep_until_it_is_as_they_want() {
                must_end(|| {
                    let lock = Arc::new($Lock::new(AtomicUsize::new(0)));
                    let changed = Condvar::new();
                    thread::scope(|s| {
                        let waiter = asleep(s, || {
                            let mut guard = lock.$take();
                            changed.wait_while(&mut guard, |n| n.load(SeqCst) < 1);
                            guard.store(2, SeqCst);
                            let rest = changed
                                .wait_while_for(&mut guard, |n| n.load(SeqCst) < 3, FAR);
                            assert!(!rest.timed_out());
                            guard.store(4, SeqCst);
                            let rest = changed.wait_while_until(
                                &mut guard,
                                |n| n.load(SeqCst) < 5,
                                Instant::now() + FAR,
                            );
                            assert!(!rest.timed_out());
                            let rest = changed
                                .wait_while_for(&mut guard, |n| n.load(SeqCst) < 9, A_MOMENT);
                            assert!(rest.timed_out());
                            lock.$try_alone().is_none()
                        });
                        for step in [1, 3, 5] {
                            // The waiter answers each step but the first, and waits for the next.
                            until(|| lock.$alone().load(SeqCst) == step - 1);
                            lock.$alone().store(step, SeqCst);
                            assert!(changed.notify_one());
                        }
                        assert!(waiter.join().unwrap(), "without the lock");
                    });
                    assert_eq!(lock.$alone().load(SeqCst), 5);
                });
            }

            #[test]
            fn notify_all_wakes_every_waiter_and_counts_them() {
                must_end(|| {
                    let lock = Arc::new($Lock::new(()));
                    let changed = Condvar::new();
                    let awake = AtomicUsize::new(0);
                    thread::scope(|s| {
                        for waiters in [1, 2, 5] {
                            awake.store(0, SeqCst);
                            for _ in 0..waiters {
                                asleep(s, || {
                                    changed.wait(&mut lock.$take());
                                    awake.fetch_add(1, SeqCst);
                                });
                            }
                            assert_eq!(awake.load(SeqCst), 0);
                            assert_eq!(changed.notify_all(), waiters);
                            until(|| awake.load(SeqCst) == waiters);
                        }
                        assert_eq!(changed.notify_all(), 0);
                    });
                    assert!(lock.$try_alone().is_some());
                });
            }
        }
    )*};
}

with_guards_of! {
    mutex_guard: Mutex, lock, lock, try_lock;
    arc_mutex_guard: Mutex, lock_arc, lock, try_lock;
    read_guard: RwLock, read, write, try_write;
    arc_read_guard: RwLock, read_arc, write, try_write;
    write_guard: RwLock, write, write, try_write;
    arc_write_guard: RwLock, write_arc, write, try_write;
    upgradable_read_guard: RwLock, upgradable_read, write, try_write;
    arc_upgradable_read_guard: RwLock, upgradable_read_arc, write, try_write;
}

#[test]
fn guards_of_borrowed_data_can_wait() {
    must_end(|| {
        let words = [String::from("not"), String::from("static")];
        let lock = Mutex::new(Vec::<&str>::new());
        let changed = Condvar::new();
        thread::scope(|s| {
            let waiter = asleep(s, || {
                let mut said = lock.lock();
                changed.wait_while(&mut said, |said| said.len() < words.len());
                said.join(" ")
            });
            for word in &words {
                lock.lock().push(word);
                changed.notify_all();
            }
            assert_eq!(waiter.join().unwrap(), "not static");
        });
    });
}
