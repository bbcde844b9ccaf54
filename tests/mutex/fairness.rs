//! `Mutex` on real threads: unlocking fairly, letting others go first, and how often a sleeper is
//! passed over.

use anteroom::{ArcMutexGuard, MappedMutexGuard, Mutex, MutexGuard};
use common::{KEPT, asleep_for_good, must_end, times_passed_over, until};
use std::cell::Cell;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::Instant;

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

/// Checks that `hold_and_release`, which locks, starts the sleeper that it is given, and unlocks,
/// gives the mutex to that sleeper in the moment in which it unlocks.
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
            // (It may be locked, or kept no more, before a second look.)
            let gap = mutex.try_lock().is_some();
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
        let (mut rounds, mut in_time) = (0, 0);
        while in_time < 10 {
            rounds += 1;
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
                    let gap = mutex.try_lock().is_some() && asleep.elapsed() < KEPT;
                    leave.store(true, SeqCst);
                    gap
                });
                let is_in_time = asleep.elapsed() < KEPT;
                let served = *guard;
                drop(guard);
                assert!(!gap, "it was free for a moment");
                assert!(!is_in_time || served == rounds, "it was passed over");
                in_time += i32::from(is_in_time);
            });
        }
    });
}

#[test]
fn unlock_fair_serves_those_who_sleep_in_their_order() {
    must_end(|| {
        let mut in_time = 0;
        while in_time < 40 {
            let turns = Mutex::new(Vec::new());
            let begun = thread::scope(|s| {
                let guard = turns.lock();
                for turn in 0..5 {
                    let turns = &turns;
                    asleep_for_good(s, move || {
                        let mut guard = turns.lock();
                        let got_it = Instant::now();
                        guard.push((turn, got_it, Instant::now()));
                        MutexGuard::unlock_fair(guard);
                    });
                }
                let released = Instant::now();
                MutexGuard::unlock_fair(guard);
                released
            });
            let mut released = begun;
            for (place, (turn, got_it, leaves)) in turns.into_inner().into_iter().enumerate() {
                if got_it - released >= KEPT {
                    // The one before it may have lost its place, and then another one is the next.
                    break;
                }
                assert_eq!(turn, place);
                in_time += 1;
                released = leaves;
            }
        }
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
        let (mut rounds, mut in_time) = (0, 0);
        while in_time < 20 {
            rounds += 1;
            thread::scope(|s| {
                let mut guard = mutex.lock();
                asleep_for_good(s, || *mutex.lock() += 1);
                let asleep = Instant::now();
                MutexGuard::bump(&mut guard);
                let is_in_time = asleep.elapsed() < KEPT;
                assert!(!is_in_time || *guard == rounds, "it was passed over");
                assert!(!is_free(&mutex));
                in_time += i32::from(is_in_time);
            });
        }
    });
}

/// Adversary 21 (Go 13086): a thread that locks again as soon as it has unlocked keeps others out
/// for ever.
///
/// One that has slept through a release, and has waited long, is given the mutex by the next
/// release.
#[test]
fn a_sleeper_is_passed_over_a_few_times_at_most() {
    must_end(|| {
        let mutex = Mutex::new(0);
        for _ in 0..10 {
            let times = times_passed_over(|| mutex.lock(), || mutex.lock());
            assert!(times <= 2, "passed over {times} times");
        }
    });
}
