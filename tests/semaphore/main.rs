//! [`Semaphore`]: every form of acquiring, and in what order waiters are served. (What permits can
//! do is in [`permits`]; closing, limits and errors are in [`limits`].)

mod conformance;
mod limits;
mod permits;
mod timeouts;

use anteroom::Semaphore;
use anteroom::TryAcquireError::{NoPermits, TimedOut};
use common::{CloseIfFailed, KEPT, asleep, must_end, times_passed_over, until};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Not long to wait for.
const A_MOMENT: Duration = Duration::from_millis(2);

/// Longer than any test takes.
const FAR: Duration = Duration::from_secs(3600);

fn soon() -> Instant {
    Instant::now() + A_MOMENT
}

fn far() -> Instant {
    Instant::now() + FAR
}

/// Writes the same tests for every form of acquiring.
macro_rules! forms {
    ($($name:ident: $permits:literal, |$s:ident| $acquire:expr, $waits:ident;)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn takes_what_it_says_and_gives_it_back_when_dropped() {
                let semaphore = Arc::new(Semaphore::new(5));
                let $s = &semaphore;
                let permit = $acquire.unwrap();
                assert_eq!(permit.num_permits(), $permits);
                assert_eq!(semaphore.available_permits(), 5 - $permits);
                drop(permit);
                assert_eq!(semaphore.available_permits(), 5);
                assert_eq!(Arc::strong_count(&semaphore), 1);
            }

            #[test]
            fn is_refused_by_a_closed_semaphore_though_it_has_permits() {
                let semaphore = Arc::new(Semaphore::new(5));
                semaphore.close();
                let $s = &semaphore;
                let refused = $acquire.map(drop).unwrap_err();
                assert_eq!(refused.to_string(), "semaphore closed");
                assert_eq!(semaphore.available_permits(), 5);
                assert_eq!(Arc::strong_count(&semaphore), 1);
            }

            forms!($waits: $permits, |$s| $acquire);
        }
    )*};
    (waits: $permits:literal, |$s:ident| $acquire:expr) => {
        #[test]
        fn sleeps_until_there_are_enough() {
            must_end(|| {
                let semaphore = Arc::new(Semaphore::new($permits - 1));
                let $s = &semaphore;
                thread::scope(|s| {
                    let waiter = asleep(s, || $acquire.map(|permit| permit.forget()).is_ok());
                    assert_eq!(semaphore.available_permits(), $permits - 1);
                    semaphore.add_permits(1);
                    assert!(waiter.join().unwrap());
                    assert_eq!(semaphore.available_permits(), 0);
                });
            });
        }
    };
    (tries: $permits:literal, |$s:ident| $acquire:expr) => {
        #[test]
        fn takes_none_of_too_few() {
            let semaphore = Arc::new(Semaphore::new($permits - 1));
            let $s = &semaphore;
            assert_eq!($acquire.map(drop), Err(NoPermits));
            assert_eq!(semaphore.available_permits(), $permits - 1);
            assert_eq!(Arc::strong_count(&semaphore), 1);
        }
    };
}

forms! {
    acquire: 1, |s| s.acquire(), waits;
    acquire_many: 3, |s| s.acquire_many(3), waits;
    try_acquire: 1, |s| s.try_acquire(), tries;
    try_acquire_many: 3, |s| s.try_acquire_many(3), tries;
    try_acquire_for: 1, |s| s.try_acquire_for(FAR), waits;
    try_acquire_until: 1, |s| s.try_acquire_until(far()), waits;
    try_acquire_many_for: 3, |s| s.try_acquire_many_for(3, FAR), waits;
    try_acquire_many_until: 3, |s| s.try_acquire_many_until(3, far()), waits;
    acquire_owned: 1, |s| s.clone().acquire_owned(), waits;
    acquire_many_owned: 3, |s| s.clone().acquire_many_owned(3), waits;
    try_acquire_owned: 1, |s| s.clone().try_acquire_owned(), tries;
    try_acquire_many_owned: 3, |s| s.clone().try_acquire_many_owned(3), tries;
    try_acquire_owned_for: 1, |s| s.clone().try_acquire_owned_for(FAR), waits;
    try_acquire_owned_until: 1, |s| s.clone().try_acquire_owned_until(far()), waits;
    try_acquire_many_owned_for: 3, |s| s.clone().try_acquire_many_owned_for(3, FAR), waits;
    try_acquire_many_owned_until: 3, |s| s.clone().try_acquire_many_owned_until(3, far()), waits;
}

#[test]
fn zero_permits_are_always_there() {
    must_end(|| {
        let semaphore = Semaphore::new(0);
        thread::scope(|s| {
            let none = semaphore.acquire_many(0).unwrap();
            assert_eq!(none.num_permits(), 0);
            let waiter = asleep(s, || semaphore.acquire().is_ok());
            // Also past the waiters, from which they take nothing.
            assert!(semaphore.try_acquire_many(0).is_ok());
            assert!(semaphore.acquire_many(0).is_ok());
            semaphore.add_permits(0);
            assert!(!waiter.is_finished());
            semaphore.add_permits(1);
            assert!(waiter.join().unwrap());
        });
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn serves_those_who_wait_in_the_order_in_which_they_came() {
    const WAITERS: usize = 12;
    // Those that were next, and had their permit before it may have been another's turn.
    let count_in_time = || {
        let semaphore = Semaphore::new(0);
        let served = Mutex::new(Vec::new());
        let mut in_time = 0;
        thread::scope(|s| {
            let (semaphore, served) = (&semaphore, &served);
            for number in 0..WAITERS {
                asleep(s, move || {
                    semaphore.acquire().unwrap().forget();
                    served.lock().unwrap().push(number);
                });
            }
            for number in 0..WAITERS {
                let added = Instant::now();
                semaphore.add_permits(1);
                until(|| served.lock().unwrap().len() > number);
                if in_time == number && added.elapsed() < KEPT {
                    in_time += 1;
                }
            }
        });
        assert_eq!(semaphore.available_permits(), 0);
        assert!(
            served.into_inner().unwrap()[..in_time]
                .iter()
                .copied()
                .eq(0..in_time)
        );
        in_time
    };
    must_end(move || {
        let mut in_time = 0;
        while in_time < 3 * WAITERS {
            in_time += count_in_time();
        }
    });
}

/// A large wish is before small ones in the queue. Returns whether its thread has always run in
/// time: if it has, no other may have been served before it.
fn large_wish_is_in_time() -> bool {
    let semaphore = Semaphore::new(0);
    let small_ones = AtomicUsize::new(0);
    thread::scope(|s| {
        let _close = CloseIfFailed(&semaphore);
        let large = asleep(s, || semaphore.acquire_many(5).map(|p| p.forget()));
        for _ in 0..3 {
            asleep(s, || {
                if let Ok(permit) = semaphore.acquire() {
                    permit.forget();
                    small_ones.fetch_add(1, SeqCst);
                }
            });
        }
        let small_ones = || small_ones.load(SeqCst);
        let is_refused = || semaphore.try_acquire().map(drop) == Err(NoPermits);

        // It is the next in turn since the first permit came, and soon no other thread may pass it.
        let called = Instant::now();
        semaphore.add_permits(1);
        until(|| is_refused() || small_ones() > 0);
        let refused = [(); 3].map(|()| {
            semaphore.add_permits(1);
            is_refused()
        });
        let (passed, available) = (small_ones(), semaphore.available_permits());
        let mut in_time = called.elapsed() < KEPT;
        if in_time {
            assert_eq!((passed, available, refused), (0, 4, [true; 3]));
        }
        // And it is called once more, by the last permit that it needs.
        let called = Instant::now();
        semaphore.add_permits(1);
        until(|| large.is_finished() || small_ones() > 0);
        let passed = small_ones();
        in_time &= called.elapsed() < KEPT;
        if in_time {
            assert_eq!(passed, 0);
        }
        semaphore.add_permits(3);
        assert!(large.join().unwrap().is_ok());
        in_time
    })
}

#[test]
fn large_wish_at_the_head_is_not_starved_by_small_ones() {
    must_end(|| {
        let mut rounds = 0;
        until(|| {
            rounds += usize::from(large_wish_is_in_time());
            rounds == 10
        });
    });
}

#[test]
fn thread_that_runs_passes_one_that_sleeps_but_not_for_long() {
    must_end(|| {
        let semaphore = Semaphore::new(2);
        thread::scope(|s| {
            let mut mine = semaphore.acquire().unwrap();
            let all = asleep(s, || semaphore.acquire_many(2).is_ok());
            // There are never both while this lasts: the next is taken before the last is given
            // back.
            let mut passed = 0;
            while let Ok(next) = semaphore.try_acquire() {
                mine = next;
                passed += 1;
            }
            assert!(passed > 0, "could not pass");
            drop(mine);
            assert!(all.join().unwrap());
        });
        assert_eq!(semaphore.available_permits(), 2);
    });
}

#[test]
fn one_that_was_woken_and_has_waited_too_long_is_not_passed_again() {
    must_end(|| {
        for _ in 0..10 {
            let semaphore = Semaphore::new(1);
            let acquire = || semaphore.acquire().unwrap();
            // It sleeps for good before it is woken for the first time, and then only once it has
            // reserved.
            let times = times_passed_over(acquire, acquire);
            assert!(times <= 1, "passed over {times} times");
        }
    });
}

/// Larger and smaller than what can be woken in one go, and what is left over.
#[test]
fn permits_that_come_at_once_serve_as_many_as_they_can() {
    must_end(|| {
        for waiters in [1, 7, 8, 9, 16, 17, 30] {
            for permits in [waiters - 1, waiters, waiters + 2] {
                let semaphore = Semaphore::new(0);
                let served = AtomicUsize::new(0);
                thread::scope(|s| {
                    for _ in 0..waiters {
                        asleep(s, || {
                            semaphore.acquire().unwrap().forget();
                            served.fetch_add(1, SeqCst);
                        });
                    }
                    semaphore.add_permits(permits);
                    let now = permits.min(waiters);
                    until(|| served.load(SeqCst) == now);
                    assert_eq!(semaphore.available_permits(), permits - now);
                    semaphore.add_permits(waiters - now);
                });
                assert_eq!(served.into_inner(), waiters);
            }
        }
    });
}

#[test]
fn timed_out_batch_at_the_head_lets_the_next_be_served() {
    must_end(|| {
        let semaphore = Semaphore::new(0);
        thread::scope(|s| {
            let batch = asleep(s, || {
                let wait = Duration::from_millis(100);
                semaphore.try_acquire_many_for(5, wait).map(drop)
            });
            let one = asleep(s, || semaphore.acquire().map(|p| p.forget()));
            let two = asleep(s, || semaphore.acquire_many(2).map(|p| p.forget()));
            // Enough for them, but not for the batch.
            semaphore.add_permits(3);
            assert_eq!(batch.join().unwrap(), Err(TimedOut));
            assert!(one.join().unwrap().is_ok());
            assert!(two.join().unwrap().is_ok());
        });
        assert_eq!(semaphore.available_permits(), 0);
    });
}

#[test]
fn with_one_permit_it_is_a_mutex() {
    must_end(|| {
        const EACH: usize = 5_000;
        let semaphore = Semaphore::new(1);
        let count = AtomicUsize::new(0);
        thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    for _ in 0..EACH {
                        let _alone = semaphore.acquire().unwrap();
                        // Two steps: another thread's in between would be lost.
                        count.store(count.load(Relaxed) + 1, Relaxed);
                    }
                });
            }
        });
        assert_eq!(count.into_inner(), 4 * EACH);
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn lets_in_no_more_than_it_has_permits() {
    must_end(|| {
        let semaphore = Semaphore::new(3);
        let inside = AtomicU32::new(0);
        thread::scope(|s| {
            for wanted in [1, 1, 2, 2, 3] {
                let (semaphore, inside) = (&semaphore, &inside);
                s.spawn(move || {
                    for _ in 0..1_000 {
                        let _permit = semaphore.acquire_many(wanted).unwrap();
                        let others = inside.fetch_add(wanted, SeqCst);
                        assert!(others + wanted <= 3, "{others} and {wanted} at once");
                        inside.fetch_sub(wanted, SeqCst);
                    }
                });
            }
        });
        assert_eq!(semaphore.available_permits(), 3);
    });
}

#[test]
fn lets_in_as_many_as_it_has_permits() {
    must_end(|| {
        let semaphore = Semaphore::new(0);
        let together = Barrier::new(3);
        thread::scope(|s| {
            for _ in 0..3 {
                asleep(s, || {
                    let _permit = semaphore.acquire().unwrap();
                    // Passed only by three that are inside at once.
                    together.wait();
                });
            }
            semaphore.add_permits(3);
        });
        assert_eq!(semaphore.available_permits(), 3);
    });
}
