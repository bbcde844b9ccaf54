//! Giving permits back and notifying, one machine instruction at a time: as soon as the thread that
//! it lets go could have freed the primitive, its memory is taken away, between two instructions of
//! the thread that posts. That thread may not touch it any more.
//!
//! Adversary 15 (glibc 12674, where `sem_post` looks at the semaphore after it has posted), without
//! luck.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use anteroom::{Condvar, Mutex, RwLock, Semaphore, SemaphorePermit};
use common::alone::alone;
use common::must_end;
use common::untouched::check_untouched;
use std::{mem, thread};

/// No thread is parked: one that finds the permit takes it and goes.
fn check_found<P>(
    permits: usize,
    before: impl Fn(&'static Semaphore) -> P,
    post: impl Fn(P),
) -> bool {
    let take = |semaphore: &Semaphore| semaphore.try_acquire().map(mem::forget).is_ok();
    check_untouched(Semaphore::new(permits), before, post, &[], take)
}

/// The parked waiters are served, and go. On a busy machine they may not have left before the end,
/// so this is repeated until they have.
fn check_served<P>(
    permits: usize,
    before: impl Fn(&'static Semaphore) -> P,
    post: impl Fn(P),
    sleeps: &[fn(&Semaphore)],
) {
    let freed = (0..100).any(|_| {
        let semaphore = Semaphore::new(permits);
        check_untouched(semaphore, &before, &post, sleeps, |_| true)
    });
    assert!(freed, "never freed before the end");
}

/// The parked waiters are notified, and go.
fn check_notified<T: Default + Sync + 'static>(
    notify: impl Fn(&'static (T, Condvar)),
    sleeps: &[fn(&(T, Condvar))],
) {
    let freed = (0..100).any(|_| {
        let waits = (T::default(), Condvar::new());
        check_untouched(waits, |waits| waits, &notify, sleeps, |_| true)
    });
    assert!(freed, "never freed before the end");
}

fn take_one(semaphore: &'static Semaphore) -> SemaphorePermit<'static> {
    semaphore.acquire().unwrap()
}

fn itself(semaphore: &'static Semaphore) -> &'static Semaphore {
    semaphore
}

const ACQUIRES: fn(&Semaphore) = |semaphore| semaphore.acquire().unwrap().forget();
const ACQUIRES_TWO: fn(&Semaphore) = |semaphore| semaphore.acquire_many(2).unwrap().forget();

#[test]
fn a_touch_after_the_post_is_noticed() {
    alone(|| {
        must_end(|| {
            let late_touch = |semaphore: &'static Semaphore| {
                semaphore.add_permits(1);
                semaphore.is_closed();
            };
            let check = thread::spawn(move || check_found(0, itself, late_touch)).join();
            let panic = check.expect_err("not noticed");
            assert_eq!(panic.downcast_ref(), Some(&"touched after it was free"));
        });
    });
}

#[test]
fn permits_that_are_there_were_given_back_by_threads_that_are_done_with_the_semaphore() {
    alone(|| {
        must_end(|| {
            assert!(check_found(0, itself, |s| s.add_permits(1)));
            assert!(check_found(1, take_one, drop), "freed too late");
        });
    });
}

#[test]
fn serving_those_who_wait_touches_the_semaphore_no_more_once_they_have_left() {
    alone(|| {
        must_end(|| {
            for sleeps in [&[ACQUIRES] as &[_], &[ACQUIRES, ACQUIRES]] {
                check_served(0, itself, |s| s.add_permits(2), sleeps);
            }
            check_served(1, take_one, drop, &[ACQUIRES]);
            check_served(2, take_one, drop, &[ACQUIRES_TWO]);
        });
    });
}

#[test]
fn serving_a_crowd_touches_the_semaphore_no_more_once_it_has_left() {
    alone(|| {
        must_end(|| {
            // More than are served at once, and exactly as many.
            check_served(0, itself, |s| s.add_permits(10), &[ACQUIRES; 10]);
            check_served(0, itself, |s| s.add_permits(8), &[ACQUIRES; 8]);
        });
    });
}

#[test]
fn closing_touches_the_semaphore_no_more_once_all_who_waited_have_left() {
    alone(|| {
        const IS_REFUSED: fn(&Semaphore) = |semaphore| assert!(semaphore.acquire().is_err());
        must_end(|| {
            for refused in [&[IS_REFUSED] as &[_], &[IS_REFUSED; 3]] {
                check_served(0, itself, |s| s.close(), refused);
            }
        });
    });
}

const WAITS: fn(&(Mutex<()>, Condvar)) = |(lock, changed)| changed.wait(&mut lock.lock());
const READS: fn(&(RwLock<()>, Condvar)) = |(lock, changed)| changed.wait(&mut lock.read());
const WRITES: fn(&(RwLock<()>, Condvar)) = |(lock, changed)| changed.wait(&mut lock.write());

#[test]
fn notify_one_touches_the_condvar_no_more_once_the_last_waiter_has_left() {
    alone(|| {
        must_end(|| {
            check_notified(|(_, changed)| assert!(changed.notify_one()), &[WAITS]);
            check_notified(|(_, changed)| assert!(changed.notify_one()), &[READS]);
        });
    });
}

#[test]
fn notify_all_touches_the_condvar_no_more_once_all_who_waited_have_left() {
    alone(|| {
        must_end(|| {
            for waiters in [&[WAITS] as &[_], &[WAITS; 3]] {
                check_notified(
                    |(_, changed)| assert_eq!(changed.notify_all(), waiters.len()),
                    waiters,
                );
            }
            for waiters in [&[READS] as &[_], &[READS; 3], &[WRITES, READS]] {
                check_notified(
                    |(_, changed)| assert_eq!(changed.notify_all(), waiters.len()),
                    waiters,
                );
            }
        });
    });
}
