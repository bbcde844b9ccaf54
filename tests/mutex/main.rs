//! `Mutex` on real threads: every way to lock it, how long each waits, and what it does with its
//! data. The order of its waiters is in [`fairness`].

mod fairness;

use anteroom::Mutex;
use common::{asleep, asleep_for_good, must_end};
use std::mem;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Longer than any test runs: a waiter that has not got in by then has been forgotten.
const LONG: Duration = Duration::from_secs(600);

fn an_hour_ago() -> Instant {
    Instant::now()
        .checked_sub(Duration::from_secs(3600))
        .unwrap_or_else(Instant::now)
}

type TryLock = fn(&Arc<Mutex<u32>>) -> bool;

const TRIES: [TryLock; 6] = [
    |mutex| mutex.try_lock().is_some(),
    |mutex| mutex.try_lock_for(Duration::ZERO).is_some(),
    |mutex| mutex.try_lock_until(an_hour_ago()).is_some(),
    |mutex| mutex.try_lock_arc().is_some(),
    |mutex| mutex.try_lock_arc_for(Duration::ZERO).is_some(),
    |mutex| mutex.try_lock_arc_until(an_hour_ago()).is_some(),
];

/// Whether the mutex is to be had at once, on which all ways to try must agree.
#[track_caller]
fn is_free(mutex: &Arc<Mutex<u32>>) -> bool {
    let tries = TRIES.map(|try_lock| try_lock(mutex));
    assert!(tries.iter().all(|&got| got == tries[0]), "{tries:?}");
    assert_eq!(mutex.is_locked(), !tries[0]);
    tries[0]
}

/// A way to lock that waits, given how long it may.
type TimedLock = fn(&Arc<Mutex<u32>>, Duration) -> bool;

const TIMED: [TimedLock; 4] = [
    |mutex, time| mutex.try_lock_for(time).is_some(),
    |mutex, time| mutex.try_lock_until(Instant::now() + time).is_some(),
    |mutex, time| mutex.try_lock_arc_for(time).is_some(),
    |mutex, time| mutex.try_lock_arc_until(Instant::now() + time).is_some(),
];

#[test]
fn a_static_mutex_counts_every_increment() {
    static TOTAL: Mutex<u64> = Mutex::new(0);
    must_end(|| {
        thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    for _ in 0..20_000 {
                        *TOTAL.lock() += 1;
                    }
                });
            }
        });
        assert_eq!(*TOTAL.lock(), 80_000);
    });
}

#[test]
fn tries_and_expired_timeouts_get_in_exactly_when_it_is_free() {
    must_end(|| {
        let mutex = Arc::new(Mutex::new(0));
        assert!(is_free(&mutex));
        let guard = mutex.lock();
        assert!(!is_free(&mutex));
        drop(guard);
        assert!(is_free(&mutex));
        let guard = mutex.lock_arc();
        assert!(!is_free(&mutex));
        drop(guard);
        assert!(is_free(&mutex));
    });
}

#[test]
fn every_kind_of_guard_unlocks_when_it_is_dropped() {
    must_end(|| {
        let mutex = Arc::new(Mutex::new(0));
        let soon = Instant::now() + LONG;
        *mutex.lock() += 1;
        *mutex.try_lock().unwrap() += 1;
        *mutex.try_lock_for(LONG).unwrap() += 1;
        *mutex.try_lock_until(soon).unwrap() += 1;
        *mutex.lock_arc() += 1;
        *mutex.try_lock_arc().unwrap() += 1;
        *mutex.try_lock_arc_for(LONG).unwrap() += 1;
        *mutex.try_lock_arc_until(soon).unwrap() += 1;
        assert!(is_free(&mutex));
        assert_eq!(Arc::into_inner(mutex).unwrap().into_inner(), 8);
    });
}

#[test]
fn a_timed_lock_gives_up_no_sooner_than_its_time_and_leaves_no_trace() {
    must_end(|| {
        let mutex = Arc::new(Mutex::new(0));
        let guard = mutex.lock();
        for lock in TIMED {
            // Shorter and longer than the first nap of a waiter.
            for time in [Duration::from_micros(50), Duration::from_millis(20)] {
                let start = Instant::now();
                assert!(!lock(&mutex, time));
                assert!(start.elapsed() >= time);
            }
        }
        drop(guard);
        assert!(is_free(&mutex));
    });
}

#[test]
fn a_timed_lock_gets_in_when_it_is_unlocked_in_time() {
    must_end(|| {
        let mutex = Arc::new(Mutex::new(0));
        for lock in TIMED {
            thread::scope(|s| {
                let guard = mutex.lock();
                let waiter = asleep(s, || lock(&mutex, LONG));
                drop(guard);
                assert!(waiter.join().unwrap());
            });
        }
    });
}

/// Adversary 23 (raw_sync 39): the nanoseconds of a timeout, or of the point in time that it makes,
/// pass 10⁹; or there is no such point in time.
#[test]
fn a_huge_timeout_waits_until_it_is_unlocked() {
    const HUGE: [Duration; 6] = [
        Duration::MAX,
        Duration::from_secs(u64::MAX),
        Duration::from_secs(u64::MAX / 4),
        Duration::from_nanos(u64::MAX),
        Duration::new(3_600, 999_999_999),
        Duration::from_nanos(3_599_999_999_999),
    ];
    must_end(|| {
        let mutex = Arc::new(Mutex::new(0));
        thread::scope(|s| {
            let guard = mutex.lock();
            let mut waiters = Vec::new();
            for time in HUGE {
                let mutex = &mutex;
                waiters.push(asleep(s, move || mutex.try_lock_for(time).is_some()));
                waiters.push(asleep(s, move || mutex.try_lock_arc_for(time).is_some()));
                if let Some(deadline) = Instant::now().checked_add(time) {
                    waiters.push(asleep(s, move || mutex.try_lock_until(deadline).is_some()));
                }
            }
            assert!(waiters.iter().all(|waiter| !waiter.is_finished()));
            drop(guard);
            assert!(waiters.into_iter().all(|waiter| waiter.join().unwrap()));
        });
    });
}

#[test]
fn threads_that_sleep_in_lock_are_woken_one_after_the_other() {
    must_end(|| {
        let mutex = Arc::new(Mutex::new(0));
        for _ in 0..20 {
            thread::scope(|s| {
                let guard = mutex.lock();
                for _ in 0..2 {
                    asleep_for_good(s, || *mutex.lock() += 1);
                    asleep_for_good(s, || *mutex.lock_arc() += 1);
                }
                drop(guard);
            });
        }
        assert_eq!(*mutex.lock(), 80);
    });
}

#[test]
fn force_unlock_gives_back_what_a_forgotten_guard_held() {
    must_end(|| {
        let mutex = Arc::new(Mutex::new(0));
        mem::forget(mutex.lock());
        assert!(!is_free(&mutex));
        // SAFETY: the guard that held it was forgotten.
        unsafe { mutex.force_unlock() };
        assert!(is_free(&mutex));
        thread::scope(|s| {
            mem::forget(mutex.lock());
            let waiter = asleep_for_good(s, || *mutex.lock() += 1);
            // SAFETY: as above.
            unsafe { mutex.force_unlock() };
            waiter.join().unwrap();
        });
    });
}

#[test]
fn data_is_reached_without_locking_by_whom_owns_or_borrows_the_mutex() {
    must_end(|| {
        let mut mutex = Mutex::from(String::from("a"));
        mutex.get_mut().push('b');
        let data = mutex.data_ptr();
        mem::forget(mutex.lock());
        // SAFETY: we hold the mutex, and its guard is gone.
        unsafe { &mut *data }.push('c');
        // SAFETY: the guard was forgotten.
        unsafe { mutex.force_unlock() };
        assert_eq!(*mutex.lock(), "abc");
        assert_eq!(mutex.into_inner(), "abc");
        assert_eq!(*Mutex::<String>::default().lock(), "");
    });
}

#[test]
fn data_is_dropped_once() {
    must_end(|| {
        let data = Arc::new(());
        drop(Mutex::new(data.clone()));
        assert_eq!(Arc::strong_count(&data), 1);
        let taken_out = Mutex::new(data.clone()).into_inner();
        assert_eq!(Arc::strong_count(&data), 2);
        drop(taken_out);
        let mutex = Arc::new(Mutex::new(data.clone()));
        let guard = mutex.lock_arc();
        drop(mutex);
        assert_eq!(Arc::strong_count(&data), 2);
        drop(guard);
        assert_eq!(Arc::strong_count(&data), 1);
    });
}

#[test]
fn an_arc_guard_keeps_the_mutex_alive_and_lets_it_go() {
    must_end(|| {
        let mutex = Arc::new(Mutex::new(1));
        let there = Arc::downgrade(&mutex);
        let mut guard = mutex.try_lock_arc().unwrap();
        drop(mutex);
        *guard += 1;
        assert_eq!(*guard, 2);
        assert!(there.upgrade().is_some_and(|mutex| mutex.is_locked()));
        drop(guard);
        assert!(there.upgrade().is_none());
    });
}

#[test]
fn unsized_data_is_locked_like_any_other() {
    let slice: &Mutex<[u8]> = &Mutex::new([1, 2, 3]);
    slice.lock()[1] = 20;
    slice.try_lock_for(LONG).unwrap().reverse();
    assert_eq!(*slice.lock(), [3, 20, 1]);

    let add: Arc<Mutex<dyn FnMut(u32) -> u32 + Send>> = Arc::new(Mutex::new({
        let mut total = 0;
        move |n| {
            total += n;
            total
        }
    }));
    must_end(move || {
        thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| (add.lock_arc())(1));
            }
        });
        assert_eq!((add.lock())(0), 4);
    });
}

#[test]
fn borrowed_data_is_locked_like_any_other() {
    must_end(|| {
        let mut total = 0;
        let mutex = Mutex::new(&mut total);
        thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| **mutex.lock() += 1);
            }
        });
        *mutex.into_inner() += 1;
        assert_eq!(total, 5);
    });
}

#[test]
fn debug_shows_the_data_or_that_it_is_locked_and_never_waits() {
    must_end(|| {
        let mutex = Mutex::new(5);
        assert_eq!(format!("{mutex:?}"), "Mutex { data: 5 }");
        let guard = mutex.lock();
        assert_eq!(format!("{mutex:?}"), "Mutex { data: <locked> }");
        assert_eq!(format!("{guard:?} {guard}"), "5 5");
        assert_eq!(format!("{guard:03}"), "005");
    });
}
