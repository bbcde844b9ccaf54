//! `Mutex` on real threads: unlocking fairly, letting others go first, and how often a sleeper is passed over.

mod common;

use anteroom::{ArcMutexGuard, MappedMutexGuard, Mutex, MutexGuard};
use common::{asleep_for_good, must_end, times_passed_over, until};
use std::cell::Cell;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

#[track_caller]
fn is_free<T>(mutex: &Mutex<T>) -> bool {
    let free = mutex.try_lock().is_some();
    assert_eq!(mutex.is_locked(), !free);
    free
}

#[test]
fn unlock_fair_frees_it_when_nobody_waits() {
    must_end(|| {
        let mutex = Arc::new(Mutex::new(0));
        MutexGuard::unlock_fair(mutex.lock());
        assert!(is_free(&mutex));
        ArcMutexGuard::unlock_fair(mutex.lock_arc());
        assert!(is_free(&mutex));
        mem::forget(mutex.lock());
        // SAFETY: the guard that held it was forgotten.
        unsafe { mutex.force_unlock_fair() };
        assert!(is_free(&mutex));
    });
}

/// How long it is kept for a thread that does not come. (On a loaded machine, this one may take longer
/// to look.)
const KEPT: Duration = Duration::from_millis(4);

/// Checks that `hold_and_release`, which locks, starts the sleeper that it is given, and unlocks, gives the mutex
/// to that sleeper in the moment in which it unlocks.
fn check_hand_over(hold_and_release: impl Fn(&Arc<Mutex<u32>>, &dyn Fn())) {
    let mutex = &Arc::new(Mutex::new(0));
    let mut in_time = 0;
    while in_time < 10 {
        let leave = AtomicBool::new(false);
        let asleep = Cell::new(Instant::now());
        thread::scope(|s| {
            hold_and_release(mutex, &|| {
                asleep_for_good(s, || {
                    let _guard = mutex.lock();
                    until(|| leave.load(SeqCst));
                });
                asleep.set(Instant::now());
            });
            let gap = is_free(mutex);
            let is_kept = asleep.get().elapsed() < KEPT;
            leave.store(true, SeqCst);
            assert!(!gap || !is_kept, "it was free for a moment");
            in_time += i32::from(is_kept);
        });
    }
}

#[test]
fn unlock_fair_hands_over_to_a_thread_that_sleeps() {
    must_end(|| {
        check_hand_over(|mutex, start_sleeper| {
            let guard = mutex.lock();
            start_sleeper();
            MutexGuard::unlock_fair(guard);
        });
        check_hand_over(|mutex, start_sleeper| {
            let guard = mutex.lock_arc();
            start_sleeper();
            ArcMutexGuard::unlock_fair(guard);
        });
        check_hand_over(|mutex, start_sleeper| {
            let guard = MutexGuard::map(mutex.lock(), |data| data);
            start_sleeper();
            MappedMutexGuard::unlock_fair(guard);
        });
    });
}

#[test]
fn force_unlock_fair_hands_over_to_a_thread_that_sleeps() {
    must_end(|| {
        check_hand_over(|mutex, start_sleeper| {
            mem::forget(mutex.lock());
            start_sleeper();
            // SAFETY: the guard that held it was forgotten.
            unsafe { mutex.force_unlock_fair() };
        });
    });
}

#[test]
fn unlocked_fair_hands_over_to_a_thread_that_sleeps() {
    must_end(|| {
        let mutex = Arc::new(Mutex::new(0));
        for round in 0..10 {
            let leave = AtomicBool::new(false);
            thread::scope(|s| {
                let mut guard = mutex.lock();
                asleep_for_good(s, || {
                    let mut guard = mutex.lock();
                    *guard += 1;
                    until(|| leave.load(SeqCst));
                });
                let asleep = Instant::now();
                let gap = MutexGuard::unlocked_fair(&mut guard, || {
                    let gap = is_free(&mutex) && asleep.elapsed() < KEPT;
                    leave.store(true, SeqCst);
                    gap
                });
                assert!(!gap, "it was free for a moment");
                assert!(*guard == round + 1 || asleep.elapsed() >= KEPT);
            });
        }
    });
}

#[test]
fn unlock_fair_serves_those_who_sleep_in_their_order() {
    must_end(|| {
        // Each thread that does not run for some milliseconds may lose its place.
        let in_order = || {
            let turns = Mutex::new(Vec::new());
            thread::scope(|s| {
                let guard = turns.lock();
                for turn in 0..5 {
                    let turns = &turns;
                    asleep_for_good(s, move || {
                        let mut guard = turns.lock();
                        guard.push(turn);
                        MutexGuard::unlock_fair(guard);
                    });
                }
                MutexGuard::unlock_fair(guard);
            });
            turns.into_inner() == [0, 1, 2, 3, 4]
        };
        // By chance it would be so once in 120 times.
        let rounds = (0..20).filter(|_| in_order()).take(2).count();
        assert_eq!(rounds, 2, "rounds in order, of 20");
    });
}

#[test]
fn bump_keeps_it_when_nobody_waits() {
    must_end(|| {
        let mutex = Arc::new(Mutex::new(1));
        let mut guard = mutex.lock();
        MutexGuard::bump(&mut guard);
        assert!(!is_free(&mutex));
        assert_eq!(*guard, 1);
    });
}

#[test]
fn bump_lets_a_thread_that_sleeps_go_first() {
    must_end(|| {
        let mutex = Arc::new(Mutex::new(0));
        for round in 0..20 {
            thread::scope(|s| {
                let mut guard = mutex.lock();
                asleep_for_good(s, || *mutex.lock() += 1);
                let asleep = Instant::now();
                MutexGuard::bump(&mut guard);
                assert!(*guard == round + 1 || asleep.elapsed() >= KEPT);
                assert!(!is_free(&mutex));
            });
        }
    });
}

/// Adversary 21 (Go 13086): a thread that locks again as soon as it has unlocked keeps others out for ever.
///
/// One that has slept through a release, and has waited long, is given the mutex by the next release.
#[test]
fn a_sleeper_is_passed_over_a_few_times_at_most() {
    must_end(|| {
        let mutex = Mutex::new(0);
        for _ in 0..10 {
            let times = times_passed_over(|| mutex.lock(), || mutex.lock());
            assert!(times < 4, "passed over {times} times");
        }
    });
}
