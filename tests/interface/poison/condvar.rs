//! Waiting with a guard that the call takes and returns.

use super::panics_with;
use anteroom::poison::{Condvar, Mutex, WaitTimeoutResult};
use common::{asleep, must_end};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;
use std::time::Duration;

const SOON: Duration = Duration::from_millis(5);
const LATE: Duration = Duration::from_secs(600);

#[test]
fn each_wait_returns_the_guard_when_it_is_notified() {
    static TURN: Mutex<u32> = Mutex::new(0);
    static CHANGED: Condvar = Condvar::new();
    fn pass(turn: u32, notify: impl FnOnce()) {
        *TURN.lock().unwrap() = turn;
        notify();
    }
    must_end(|| {
        thread::scope(|s| {
            let waiter = asleep(s, || {
                let mut turn = TURN.lock().unwrap();
                while *turn < 1 {
                    turn = CHANGED.wait(turn).unwrap();
                }
            });
            // They return nothing, as std's.
            let () = pass(1, || CHANGED.notify_one());
            waiter.join().unwrap();

            let waiter = asleep(s, || {
                let turn = CHANGED.wait_while(TURN.lock().unwrap(), |turn| *turn < 2);
                assert_eq!(*turn.unwrap(), 2);
            });
            pass(2, || CHANGED.notify_all());
            waiter.join().unwrap();

            let waiter = asleep(s, || {
                let (turn, result) = CHANGED.wait_timeout(TURN.lock().unwrap(), LATE).unwrap();
                assert_eq!((*turn, result.timed_out()), (3, false));
            });
            pass(3, || CHANGED.notify_one());
            waiter.join().unwrap();

            let waiter = asleep(s, || {
                let turn = TURN.lock().unwrap();
                let waited = CHANGED.wait_timeout_while(turn, LATE, |turn| *turn < 4);
                let (turn, result) = waited.unwrap();
                assert_eq!((*turn, result.timed_out()), (4, false));
            });
            pass(4, || CHANGED.notify_one());
            waiter.join().unwrap();

            let waiter = asleep(s, || {
                let turn = TURN.lock().unwrap();
                let waited = CHANGED.wait_timeout_while(turn, Duration::MAX, |turn| *turn < 5);
                assert_eq!(*waited.unwrap().0, 5);
            });
            pass(5, || CHANGED.notify_one());
            waiter.join().unwrap();
        });
    });
}

#[test]
fn timed_waits_say_that_the_time_was_up() {
    must_end(|| {
        let (mutex, changed) = (Mutex::new(0), Condvar::default());
        let (guard, result) = changed.wait_timeout(mutex.lock().unwrap(), SOON).unwrap();
        assert!(WaitTimeoutResult::timed_out(&result));
        let (mut guard, result) = changed
            .wait_timeout_while(guard, SOON, |n| *n == 0)
            .unwrap();
        assert!(result.timed_out());
        *guard = 1;
        // Without a wait, the time is not up.
        let none = Duration::ZERO;
        let (guard, result) = changed
            .wait_timeout_while(guard, none, |n| *n == 0)
            .unwrap();
        assert!(!result.timed_out());
        let (guard, result) = changed
            .wait_timeout_while(guard, none, |n| *n == 1)
            .unwrap();
        assert!(result.timed_out());
        #[expect(deprecated, reason = "std has it, too")]
        let (guard, notified) = changed.wait_timeout_ms(guard, 5).unwrap();
        assert!(!notified && *guard == 1);
        assert!(mutex.try_lock().is_err());
    });
}

#[test]
fn a_wait_whose_mutex_was_poisoned_meanwhile_says_so_with_the_guard() {
    fn check(wait: impl FnOnce(&Mutex<bool>, &Condvar) -> bool + Send) {
        let (mutex, changed) = (Mutex::new(true), Condvar::new());
        thread::scope(|s| {
            let waiter = asleep(s, || wait(&mutex, &changed));
            panics_with(|| {
                let guard = mutex.lock().unwrap();
                changed.notify_one();
                guard
            });
            assert!(waiter.join().unwrap(), "it is poisoned");
        });
        assert!(mutex.is_poisoned());
        assert!(!matches!(
            mutex.try_lock(),
            Err(std::sync::TryLockError::WouldBlock)
        ));
    }
    must_end(|| {
        check(|mutex, changed| {
            let guard = changed.wait(mutex.lock().unwrap());
            *guard.unwrap_err().into_inner()
        });
        // Without another look at the condition, which still holds.
        check(|mutex, changed| {
            let guard = changed.wait_while(mutex.lock().unwrap(), |holds| *holds);
            *guard.unwrap_err().into_inner()
        });
        check(|mutex, changed| {
            let waited = changed.wait_timeout(mutex.lock().unwrap(), LATE);
            let (guard, result) = waited.unwrap_err().into_inner();
            *guard && !result.timed_out()
        });
        check(|mutex, changed| {
            let guard = mutex.lock().unwrap();
            let waited = changed.wait_timeout_while(guard, LATE, |holds| *holds);
            let (guard, result) = waited.unwrap_err().into_inner();
            *guard && !result.timed_out()
        });
        #[expect(deprecated, reason = "std has it, too")]
        check(|mutex, changed| {
            let waited = changed.wait_timeout_ms(mutex.lock().unwrap(), 600_000);
            let (guard, notified) = waited.unwrap_err().into_inner();
            *guard && notified
        });
    });
}

#[test]
fn a_panic_in_a_condition_poisons_the_mutex_and_unlocks_it() {
    let (mutex, changed) = (Mutex::new(0), Condvar::new());
    let wait = || drop(changed.wait_while(mutex.lock().unwrap(), |_| resume_unwind(Box::new(()))));
    assert!(catch_unwind(AssertUnwindSafe(wait)).is_err());
    assert!(matches!(
        mutex.try_lock(),
        Err(std::sync::TryLockError::Poisoned(_))
    ));
}

#[test]
fn waiting_with_two_mutexes_at_once_panics_and_poisons_the_second() {
    must_end(|| {
        let (first, second, changed) = (Mutex::new(0), Mutex::new(0), Condvar::new());
        thread::scope(|s| {
            let waiter = asleep(s, || drop(changed.wait(first.lock().unwrap()).unwrap()));
            let wait = || drop(changed.wait(second.lock().unwrap()));
            assert!(catch_unwind(AssertUnwindSafe(wait)).is_err());
            changed.notify_one();
            waiter.join().unwrap();
        });
        assert!(second.is_poisoned() && !first.is_poisoned());
    });
}
