//! [`Condvar`] used with two locks, and panics around a wait: a clear answer, every lock released
//! exactly once, and everything else as it was.

use anteroom::{Condvar, Mutex, MutexGuard, RwLock, WaitTimeoutResult};
use common::{Meeting, Random, asleep, must_end};
use std::any::Any;
use std::panic::{self, AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

/// Runs `f`, which must panic, and returns what it said.
#[track_caller]
fn panics(f: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(f)).expect_err("it did not panic");
    message(&*panic)
}

fn message(panic: &(dyn Any + Send)) -> String {
    let literal = panic.downcast_ref::<&str>().map(|text| text.to_string());
    literal
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .expect("a panic without a message")
}

/// What the panic names: the method, and what is wrong.
#[track_caller]
fn assert_says_two_locks(text: &str) {
    assert!(
        text.contains("Condvar::wait") && text.contains("another lock"),
        "unclear: {text}"
    );
}

/// One thread waits with the first lock, then another tries to with the second.
macro_rules! second_lock_is_refused {
    ($(
        $name:ident:
        $First:ident, $take_first:ident, $Second:ident, $take_second:ident, $try_second:ident;
    )*) => {$(
        #[test]
        fn $name() {
            must_end(|| {
                let (first, second) = ($First::new(0), $Second::new(7));
                let changed = Condvar::new();
                thread::scope(|s| {
                    let waiter = asleep(s, || changed.wait(&mut first.$take_first()));
                    let mut guard = second.$take_second();
                    assert_says_two_locks(&panics(|| changed.wait(&mut guard)));
                    assert_says_two_locks(&panics(|| {
                        changed.wait_for(&mut guard, Duration::ZERO);
                    }));
                    assert_says_two_locks(&panics(|| changed.wait_while(&mut guard, |_| true)));
                    assert_eq!(*guard, 7);
                    assert!(second.$try_second().is_none(), "the panic released the lock");
                    assert!(!waiter.is_finished(), "the panic woke the waiter");
                    assert_eq!(changed.notify_all(), 1, "the panic forgot the waiter");
                    waiter.join().unwrap();

                    // No thread waits with the first lock any more, so the second may.
                    assert!(changed.wait_for(&mut guard, Duration::from_millis(1)).timed_out());
                    drop(guard);
                    let waiter = asleep(s, || changed.wait(&mut second.$take_second()));
                    assert_says_two_locks(&panics(|| changed.wait(&mut first.$take_first())));
                    assert!(changed.notify_one());
                    waiter.join().unwrap();
                    let rest = changed.wait_for(&mut first.$take_first(), Duration::from_millis(1));
                    assert!(rest.timed_out());
                });
            });
        }
    )*};
}

second_lock_is_refused! {
    a_second_mutex_is_refused: Mutex, lock, Mutex, lock, try_lock;
    a_second_rwlock_is_refused: RwLock, read, RwLock, write, try_write;
    a_mutex_is_refused_while_readers_wait: RwLock, read, Mutex, lock, try_lock;
    a_rwlock_is_refused_while_a_mutex_waits: Mutex, lock, RwLock, upgradable_read, try_write;
}

#[test]
fn second_lock_is_welcome_once_the_time_of_the_first_waiter_was_up() {
    must_end(|| {
        let (first, second) = (Mutex::new(()), RwLock::new(()));
        let changed = Condvar::new();
        for _ in 0..20 {
            let soon = Duration::from_micros(50);
            assert!(changed.wait_for(&mut first.lock(), soon).timed_out());
            assert!(changed.wait_for(&mut second.read(), soon).timed_out());
        }
        assert_eq!(changed.notify_all(), 0);
    });
}

#[test]
fn waiters_moved_to_their_mutex_do_not_keep_a_second_lock_out() {
    must_end(|| {
        let (first, second) = (Mutex::new(()), Mutex::new(()));
        let changed = Condvar::new();
        thread::scope(|s| {
            for _ in 0..3 {
                asleep(s, || changed.wait(&mut first.lock()));
            }
            let held = first.lock();
            assert_eq!(changed.notify_all(), 3);
            // They sleep still, but for the mutex.
            let rest = changed.wait_for(&mut second.lock(), Duration::from_millis(1));
            assert!(rest.timed_out());
            drop(held);
        });
    });
}

#[test]
fn of_two_first_waiters_that_come_at_once_with_two_kinds_of_lock_one_is_refused() {
    // Thousands of panics that are meant need not be printed.
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        let meant = panic
            .payload_as_str()
            .is_some_and(|text| text.contains("another lock"));
        if !meant {
            print(panic);
        }
    }));
    must_end(|| {
        let (mutex, rwlock) = (Mutex::new(()), RwLock::new(()));
        let changed = Condvar::new();
        let together = Meeting::of(2);
        let refused = AtomicUsize::new(0);
        let (start, last) = (Instant::now(), AtomicUsize::new(usize::MAX));
        // Both come at once; the refused thread wakes the other.
        let play = |player: u64, wait: &mut dyn FnMut() -> WaitTimeoutResult| {
            let mut random = Random(player);
            for round in 1.. {
                if player == 1 && start.elapsed() > Duration::from_secs(2) {
                    last.store(round, SeqCst);
                }
                together.wait();
                if round >= last.load(SeqCst) {
                    break;
                }
                random.pause(30);
                match catch_unwind(AssertUnwindSafe(&mut *wait)) {
                    Ok(rest) => assert!(!rest.timed_out(), "round {round}: neither was refused"),
                    Err(_) => {
                        refused.fetch_add(1, SeqCst);
                        assert!(changed.notify_one());
                    }
                }
            }
        };
        let limit = Duration::from_secs(10);
        thread::scope(|s| {
            s.spawn(|| {
                let mut guard = mutex.lock();
                play(1, &mut || changed.wait_for(&mut guard, limit));
            });
            s.spawn(|| {
                let mut guard = rwlock.write();
                play(2, &mut || changed.wait_for(&mut guard, limit));
            });
        });
        assert_eq!(refused.into_inner() + 1, last.into_inner());
    });
}

#[test]
fn a_condition_that_panics_before_the_first_sleep_leaves_the_lock_to_its_guard() {
    let lock = Mutex::new(1);
    let changed = Condvar::new();
    let mut guard = lock.lock();
    let said = panics(|| changed.wait_while(&mut guard, |_| panic!("no sleep")));
    assert_eq!(said, "no sleep");
    assert!(lock.try_lock().is_none());
    *guard = 2;
    drop(guard);
    assert_eq!(lock.try_lock().as_deref(), Some(&2));
    assert_eq!(changed.notify_all(), 0);
}

/// Were the lock released twice, the second time would release it for its next holder.
macro_rules! panic_after_waking_releases_once {
    ($($name:ident: $Lock:ident, $take:ident, $alone:ident, $try_alone:ident;)*) => {$(
        #[test]
        fn $name() {
            must_end(|| {
                let lock = $Lock::new(AtomicUsize::new(0));
                let changed = Condvar::new();
                thread::scope(|s| {
                    let waiter = asleep(s, || {
                        let mut asked = 0;
                        panics(|| {
                            changed.wait_while(&mut lock.$take(), |_| {
                                asked += 1;
                                assert!(asked < 2, "on waking");
                                true
                            });
                        })
                    });
                    let next = asleep(s, || changed.wait(&mut lock.$take()));
                    assert!(changed.notify_one());
                    assert_eq!(waiter.join().unwrap(), "on waking");
                    let mine = lock.$alone();
                    assert!(lock.$try_alone().is_none());
                    drop(mine);
                    assert!(changed.notify_one(), "the panic took another waiter with it");
                    next.join().unwrap();
                    assert!(lock.$try_alone().is_some());
                });
            });
        }
    )*};
}

panic_after_waking_releases_once! {
    a_condition_that_panics_on_waking_releases_its_mutex_once: Mutex, lock, lock, try_lock;
    a_condition_that_panics_on_waking_releases_its_read_once: RwLock, read, write, try_write;
    a_condition_that_panics_on_waking_releases_its_write_once: RwLock, write, write, try_write;
    a_condition_that_panics_on_waking_releases_its_upgradable_read_once:
        RwLock, upgradable_read, write, try_write;
}

#[test]
fn a_condition_that_panics_when_the_time_is_up_releases_the_lock_once() {
    let lock = Mutex::new(0);
    let changed = Condvar::new();
    panics(|| {
        let mut guard = lock.lock();
        let twice = |asked: &mut i32| {
            *asked += 1;
            assert!(*asked < 2);
            true
        };
        let _ = changed.wait_while_for(&mut guard, twice, Duration::from_millis(1));
    });
    assert_eq!(lock.try_lock().as_deref(), Some(&2));
    assert_eq!(changed.notify_all(), 0);
}

#[test]
fn a_wait_that_begins_while_a_panic_unwinds_ends_as_any_other() {
    /// Waits in its destructor until a thread has answered.
    struct WaitsWhenDropped<'a>(&'a Mutex<bool>, &'a Condvar);
    impl Drop for WaitsWhenDropped<'_> {
        fn drop(&mut self) {
            assert!(thread::panicking());
            self.1.wait_while(&mut self.0.lock(), |answered| !*answered);
        }
    }
    must_end(|| {
        let (answered, changed) = (Mutex::new(false), Condvar::new());
        thread::scope(|s| {
            let unwinding = asleep(s, || {
                panics(|| {
                    let _waits = WaitsWhenDropped(&answered, &changed);
                    panic_any("with a wait on the way");
                })
            });
            *answered.lock() = true;
            assert!(changed.notify_one());
            assert_eq!(unwinding.join().unwrap(), "with a wait on the way");
        });
        assert!(answered.try_lock().is_some());
    });
}

#[test]
fn a_wait_inside_unlocked_leaves_the_outer_guard_with_its_lock() {
    must_end(|| {
        let lock = Mutex::new(0);
        let changed = Condvar::new();
        thread::scope(|s| {
            let waiter = asleep(s, || {
                let mut guard = lock.lock();
                MutexGuard::unlocked(&mut guard, || changed.wait(&mut lock.lock()));
                *guard += 1;
                lock.try_lock().is_none()
            });
            assert!(changed.notify_one());
            assert!(waiter.join().unwrap());
        });
        assert_eq!(lock.try_lock().as_deref(), Some(&1));
    });
}
