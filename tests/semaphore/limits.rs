//! [`Semaphore`]: what closing refuses, what is too much, and what both say; always with the rest
//! as it was.

use anteroom::TryAcquireError::{Closed, NoPermits, TimedOut};
use anteroom::{AcquireError, Semaphore};
use common::{CloseIfFailed, asleep, must_end};
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::Duration;

const MAX: usize = Semaphore::MAX_PERMITS;

/// Runs `f`, which must panic and name `method`.
#[track_caller]
fn panics_in(method: &str, f: impl FnOnce()) {
    let panic = catch_unwind(AssertUnwindSafe(f)).expect_err("it did not panic");
    let literal = panic.downcast_ref::<&str>().map(|text| text.to_string());
    let text = literal
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .expect("a panic without a message");
    assert!(text.contains(method), "`{method}` is not named in: {text}");
}

/// The only way to come by one.
fn acquire_error() -> AcquireError {
    let semaphore = Semaphore::new(1);
    semaphore.close();
    semaphore.acquire().map(drop).unwrap_err()
}

#[test]
fn errors_say_what_happened() {
    let says = |error: &dyn Error| error.to_string();
    assert_eq!(says(&acquire_error()), "semaphore closed");
    assert_eq!(says(&Closed), "semaphore closed");
    assert_eq!(says(&NoPermits), "no permits available");
    assert_eq!(says(&TimedOut), "timed out waiting for permits");
    assert!(acquire_error().source().is_none());
}

#[test]
fn debug_shows_the_permits_and_whether_it_is_closed() {
    let semaphore = Semaphore::new(3);
    let shown = format!("{semaphore:?}");
    assert_eq!(shown, "Semaphore { available_permits: 3, closed: false }");
    semaphore.close();
    let shown = format!("{semaphore:?}");
    assert_eq!(shown, "Semaphore { available_permits: 3, closed: true }");
}

#[test]
fn closing_refuses_those_who_come_and_keeps_the_permits() {
    let semaphore = Semaphore::new(2);
    let taken = semaphore.acquire().unwrap();
    semaphore.close();
    semaphore.close();
    assert!(semaphore.is_closed());
    assert_eq!(semaphore.acquire().map(drop), Err(acquire_error()));
    assert_eq!(semaphore.try_acquire().map(drop), Err(Closed));
    assert_eq!(semaphore.try_acquire_many(2).map(drop), Err(Closed));
    assert_eq!(semaphore.try_acquire_many(0).map(drop), Err(Closed));
    let timed = semaphore.try_acquire_for(Duration::MAX);
    assert_eq!(timed.map(drop), Err(Closed));
    assert_eq!(semaphore.available_permits(), 1);
    drop(taken);
    semaphore.add_permits(3);
    assert_eq!(semaphore.available_permits(), 5);
    assert_eq!(semaphore.try_acquire().map(drop), Err(Closed));
}

/// One, and more than can be woken in one go; and all of them in the queue, or the first of them
/// next in turn, with too few permits for it.
#[test]
fn closing_refuses_all_who_wait() {
    must_end(|| {
        for (waiters, permits) in [(1, 0), (1, 1), (8, 0), (20, 0), (20, 1)] {
            let semaphore = Arc::new(Semaphore::new(0));
            thread::scope(|s| {
                // Each wants more than there will be, so that they all wait.
                let refused: Vec<_> = (0..waiters)
                    .map(|number| {
                        let semaphore = semaphore.clone();
                        asleep(s, move || match number % 3 {
                            0 => semaphore.acquire_many(2).is_err(),
                            1 => semaphore.acquire_many_owned(2).is_err(),
                            _ => {
                                let timed = semaphore.try_acquire_many_for(2, Duration::MAX);
                                timed.map(drop) == Err(Closed)
                            }
                        })
                    })
                    .collect();
                semaphore.add_permits(permits);
                semaphore.close();
                for waiter in refused {
                    assert!(waiter.join().unwrap(), "a waiter was served or timed out");
                }
            });
            assert_eq!(semaphore.available_permits(), permits);
            assert_eq!(Arc::strong_count(&semaphore), 1);
        }
    });
}

#[test]
fn semaphore_closed_after_its_waiters_have_left_refuses_who_comes() {
    must_end(|| {
        let semaphore = Semaphore::new(0);
        let none = semaphore.try_acquire_for(Duration::from_millis(1));
        assert_eq!(none.map(drop), Err(TimedOut));
        semaphore.close();
        assert_eq!(semaphore.acquire().map(drop), Err(acquire_error()));
    });
}

#[test]
fn new_panics_past_the_maximum() {
    for too_many in [MAX + 1, usize::MAX / 4 + 2, usize::MAX] {
        panics_in("Semaphore::new", || {
            Semaphore::new(too_many);
        });
    }
}

#[test]
fn add_permits_panics_past_the_maximum_and_adds_none() {
    let semaphore = Semaphore::new(5);
    for too_many in [MAX - 4, MAX, MAX + 1, usize::MAX] {
        panics_in("Semaphore::add_permits", || semaphore.add_permits(too_many));
        assert_eq!(semaphore.available_permits(), 5);
    }
    semaphore.close();
    panics_in("Semaphore::add_permits", || semaphore.add_permits(MAX));
    assert!(semaphore.is_closed());
    semaphore.add_permits(MAX - 5);
    assert_eq!(semaphore.available_permits(), MAX);
}

#[test]
fn add_permits_panics_past_the_maximum_also_while_others_wait_and_serves_none() {
    must_end(|| {
        let semaphore = Semaphore::new(0);
        thread::scope(|s| {
            let _close = CloseIfFailed(&semaphore);
            // Both want more than there are, since either may be the next in turn: a thread that
            // was called, and has not run for some milliseconds, has lost its turn.
            let large = asleep(s, || semaphore.acquire_many(3).map(|p| p.forget()));
            let small = asleep(s, || semaphore.acquire_many(2).map(|p| p.forget()));
            semaphore.add_permits(1);
            for too_many in [MAX, MAX + 1, usize::MAX] {
                panics_in("Semaphore::add_permits", || semaphore.add_permits(too_many));
                assert_eq!(semaphore.available_permits(), 1);
            }
            assert!(!large.is_finished() && !small.is_finished());
            // As many as there may be; and the waiters get theirs.
            semaphore.add_permits(MAX - 1);
            assert!(large.join().unwrap().is_ok());
            assert!(small.join().unwrap().is_ok());
            assert_eq!(semaphore.available_permits(), MAX - 5);
        });
    });
}

#[test]
fn permit_dropped_into_a_full_semaphore_panics_and_is_lost() {
    let semaphore = Semaphore::new(MAX);
    let [first, second] = [(); 2].map(|()| semaphore.acquire_many(3).unwrap());
    semaphore.add_permits(5);
    panics_in("Permit::drop: more than MAX_PERMITS", || drop(first));
    assert_eq!(semaphore.available_permits(), MAX - 1);
    semaphore.acquire_many(2).unwrap().forget();
    drop(second);
    assert_eq!(semaphore.available_permits(), MAX);
}

#[test]
fn permit_split_beyond_the_room_panics_for_the_part_that_does_not_fit() {
    let semaphore = Semaphore::new(MAX);
    let mut most = semaphore.acquire_many(9).unwrap();
    let least = most.split(1).unwrap();
    semaphore.add_permits(2);
    panics_in("Permit::drop", || drop(most));
    drop(least);
    assert_eq!(semaphore.available_permits(), MAX - 6);
}

#[test]
fn closed_semaphore_refuses_a_permit_beyond_the_maximum_too() {
    let semaphore = Semaphore::new(MAX);
    let permit = semaphore.acquire().unwrap();
    semaphore.add_permits(1);
    semaphore.close();
    panics_in("Permit::drop", || drop(permit));
    assert!(semaphore.is_closed());
    assert_eq!(semaphore.available_permits(), MAX);
}

#[test]
fn refused_permits_take_none_from_others_that_empty_the_semaphore() {
    must_end(|| {
        // The refused permits come and go while all the others are taken out and put back.
        let semaphore = Semaphore::new(MAX);
        let ended = AtomicBool::new(false);
        thread::scope(|s| {
            s.spawn(|| {
                for _ in 0..200 {
                    let held = semaphore.acquire();
                    let Ok(held) = held else { break };
                    let full = semaphore.forget_permits(MAX);
                    semaphore.add_permits(full + 1);
                    drop(catch_unwind(AssertUnwindSafe(|| drop(held))));
                }
                ended.store(true, SeqCst);
            });
            while !ended.load(SeqCst) {
                let left = semaphore.available_permits();
                assert!(left <= MAX, "{left}");
            }
        });
        assert_eq!(semaphore.available_permits(), MAX);
    });
}

#[test]
#[cfg(target_pointer_width = "64")]
fn largest_wish_is_served() {
    let semaphore = Semaphore::new(u32::MAX as usize + 1);
    let permit = semaphore.acquire_many(u32::MAX).unwrap();
    assert_eq!(permit.num_permits(), u32::MAX as usize);
    assert_eq!(semaphore.available_permits(), 1);
    drop(permit);
    assert_eq!(semaphore.available_permits(), u32::MAX as usize + 1);
}

#[test]
#[cfg(target_pointer_width = "64")]
fn largest_wish_waits_for_its_last_permit() {
    must_end(|| {
        let semaphore = Semaphore::new(u32::MAX as usize - 1);
        thread::scope(|s| {
            let waiter = asleep(s, || semaphore.acquire_many(u32::MAX).map(|p| p.forget()));
            semaphore.add_permits(1);
            assert!(waiter.join().unwrap().is_ok());
        });
        assert_eq!(semaphore.available_permits(), 0);
    });
}

#[test]
fn merge_of_two_semaphores_panics_and_each_permit_goes_home() {
    let (one, two) = (Semaphore::new(1), Semaphore::new(2));
    let mut first = one.acquire().unwrap();
    let second = two.acquire_many(2).unwrap();
    panics_in("Permit::merge", || first.merge(second));
    assert_eq!(two.available_permits(), 2);
    assert_eq!((first.num_permits(), one.available_permits()), (1, 0));
    drop(first);
    assert_eq!((one.available_permits(), two.available_permits()), (1, 2));
}

#[test]
#[cfg(target_pointer_width = "64")]
fn merge_past_what_a_permit_counts_panics_and_loses_none() {
    let semaphore = Semaphore::new(u32::MAX as usize + 1);
    let mut most = semaphore.acquire_many(u32::MAX).unwrap();
    let last = semaphore.acquire().unwrap();
    panics_in("Permit::merge", || most.merge(last));
    assert_eq!(most.num_permits(), u32::MAX as usize);
    drop(most);
    assert_eq!(semaphore.available_permits(), u32::MAX as usize + 1);
}
