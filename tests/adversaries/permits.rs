//! Bugs that real semaphores had, asked of [`Semaphore`]: permits and wakes that are lost, flags
//! that are overwritten. The comment above each test says which old bug taught it; the numbers are
//! those of `tests/ADVERSARIES.md`.

use anteroom::TryAcquireError::NoPermits;
use anteroom::{RwLock, Semaphore};
use common::{Meeting, Random, asleep, must_end, until};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

// 13: event-listener 139, a notifier that sees no listener leaves, while a thread is on the
// way to sleep.
#[test]
fn no_permit_is_left_lying_while_somebody_sleeps_for_it() {
    must_end(|| {
        const TURNS: usize = 3_000;
        let (to, fro) = (Semaphore::new(0), Semaphore::new(0));
        thread::scope(|s| {
            s.spawn(|| {
                for _ in 0..TURNS {
                    to.acquire().unwrap().forget();
                    fro.add_permits(1);
                }
            });
            for _ in 0..TURNS {
                to.add_permits(1);
                fro.acquire().unwrap().forget();
            }
        });
        assert_eq!((to.available_permits(), fro.available_permits()), (0, 0));
    });
}

// 14: libc++ 46357, a release that notifies only when the count was zero: the second of two wakes
// none.
#[test]
fn two_releases_wake_two_waiters() {
    must_end(|| {
        for _ in 0..200 {
            let semaphore = Semaphore::new(0);
            thread::scope(|s| {
                asleep(s, || semaphore.acquire().unwrap().forget());
                asleep(s, || semaphore.acquire().unwrap().forget());
                semaphore.add_permits(1);
                semaphore.add_permits(1);
            });
            assert_eq!(semaphore.available_permits(), 0);
        }
    });
}

// 17: musl 159d1f6c and 882aedf6, waiters that come and go bring the count of waiters back to what
// a post saw before, and it wakes none.
#[test]
fn every_post_wakes_the_waiter_that_stays_while_others_come_and_go() {
    must_end(|| {
        const POSTS: usize = 300;
        let semaphore = Semaphore::new(0);
        let taken = AtomicUsize::new(0);
        thread::scope(|s| {
            for number in 0..2 {
                let (semaphore, taken) = (&semaphore, &taken);
                s.spawn(move || {
                    let mut dice = Random(number);
                    while taken.load(SeqCst) < POSTS {
                        // What it gets it gives back at once.
                        let _ = semaphore.try_acquire_for(Duration::from_micros(dice.below(60)));
                    }
                });
            }
            s.spawn(|| {
                for _ in 0..POSTS {
                    semaphore.acquire().unwrap().forget();
                    taken.fetch_add(1, SeqCst);
                }
            });
            for post in 0..POSTS {
                semaphore.add_permits(1);
                until(|| taken.load(SeqCst) > post);
            }
        });
        assert_eq!(semaphore.available_permits(), 0);
    });
}

// 10: embassy 6964 and shuttle 167, a waiter that gives up keeps its permits, or does not pass the
// wake on.
#[test]
fn waiters_that_give_up_keep_no_permit_and_pass_the_wake_on() {
    must_end(|| {
        const PERMITS: usize = 4;
        let semaphore = Semaphore::new(PERMITS);
        thread::scope(|s| {
            for number in 0..4 {
                let semaphore = &semaphore;
                s.spawn(move || {
                    let mut dice = Random(number);
                    for _ in 0..1_000 {
                        let wanted = 1 + dice.below(PERMITS as u64) as u32;
                        let patience = Duration::from_micros(dice.below(150));
                        // The first is never in a hurry: were a wake not passed on, it would sleep
                        // for ever.
                        let permit = match number {
                            0 => semaphore.acquire_many(wanted).ok(),
                            _ => semaphore.try_acquire_many_for(wanted, patience).ok(),
                        };
                        if dice.below(2) == 0 {
                            thread::yield_now();
                        }
                        drop(permit);
                    }
                });
            }
        });
        assert_eq!(semaphore.available_permits(), PERMITS);
        assert!(semaphore.try_acquire_many(PERMITS as u32).is_ok());
    });
}

// 10: as above, in slow motion: a batch at the head gives up while others stand behind it.
#[test]
fn everybody_behind_a_batch_that_gave_up_is_served_as_far_as_the_permits_go() {
    must_end(|| {
        let semaphore = Semaphore::new(0);
        let served = AtomicUsize::new(0);
        thread::scope(|s| {
            let batch = asleep(s, || {
                let wait = Duration::from_millis(100);
                semaphore.try_acquire_many_for(99, wait).is_err()
            });
            for _ in 0..13 {
                asleep(s, || {
                    semaphore.acquire().unwrap().forget();
                    served.fetch_add(1, SeqCst);
                });
            }
            semaphore.add_permits(12);
            assert!(batch.join().unwrap());
            until(|| served.load(SeqCst) == 12);
            assert_eq!(semaphore.try_acquire().map(drop), Err(NoPermits));
            semaphore.add_permits(1);
        });
        assert_eq!(served.into_inner(), 13);
    });
}

// 11: tokio 8021, a change of the count writes the whole word and loses the CLOSED bit.
#[test]
fn closed_semaphore_stays_closed_whatever_else_is_done_to_it() {
    must_end(|| {
        for _ in 0..50 {
            let semaphore = Semaphore::new(3);
            thread::scope(|s| {
                for number in 0..3 {
                    let semaphore = &semaphore;
                    s.spawn(move || {
                        let mut dice = Random(number);
                        let mut after = 0;
                        while after < 100 {
                            after += usize::from(semaphore.is_closed());
                            match dice.below(4) {
                                0 => drop(semaphore.try_acquire_many(2)),
                                1 => drop(semaphore.acquire()),
                                2 => drop(semaphore.try_acquire_for(Duration::from_micros(20))),
                                _ => semaphore.add_permits(semaphore.forget_permits(2)),
                            }
                            assert!(after == 0 || semaphore.is_closed(), "open again");
                        }
                    });
                }
                thread::yield_now();
                semaphore.close();
            });
            assert_eq!(semaphore.available_permits(), 3);
        }
    });
}

// 11: as above, where the change serves a waiter that is being refused.
#[test]
fn semaphore_closed_while_permits_come_for_a_waiter_stays_closed() {
    must_end(|| {
        const ROUNDS: usize = 300;
        let together = Meeting::of(2);
        let semaphore = RwLock::new(Semaphore::new(0));
        thread::scope(|s| {
            s.spawn(|| {
                for _ in 0..ROUNDS {
                    together.wait();
                    semaphore.read().add_permits(1);
                    together.wait();
                }
            });
            for round in 0..ROUNDS {
                let open = semaphore.read();
                let served = thread::scope(|s| {
                    let waiter = asleep(s, || open.acquire().map(|p| p.forget()).is_ok());
                    together.wait();
                    Random(round as u64).pause(200);
                    open.close();
                    waiter.join().unwrap()
                });
                drop(open);
                together.wait();
                let old = mem::replace(&mut *semaphore.write(), Semaphore::new(0));
                assert!(old.is_closed(), "open again");
                assert_eq!(old.available_permits(), usize::from(!served));
            }
        });
    });
}

// 11: as above, where the count itself is what two changes overwrite.
#[test]
fn permits_are_taken_or_forgotten_and_never_both() {
    must_end(|| {
        const BATCHES: usize = 2_000;
        let semaphore = Semaphore::new(0);
        let taking = AtomicUsize::new(2);
        let forgotten = AtomicUsize::new(0);
        let mut added = 0;
        thread::scope(|s| {
            for _ in 0..2 {
                s.spawn(|| {
                    for _ in 0..BATCHES {
                        // While they wait, the first permit is there to be forgotten.
                        semaphore.acquire_many(2).unwrap().forget();
                    }
                    taking.fetch_sub(1, SeqCst);
                });
            }
            s.spawn(|| {
                let mut random = Random(3);
                while taking.load(SeqCst) > 0 {
                    forgotten.fetch_add(semaphore.forget_permits(1), SeqCst);
                    random.pause(100);
                }
            });
            let mut random = Random(4);
            while taking.load(SeqCst) > 0 {
                semaphore.add_permits(1);
                added += 1;
                random.pause(100);
            }
        });
        let left = semaphore.available_permits();
        assert_eq!(added, 4 * BATCHES + forgotten.into_inner() + left);
    });
}

// 18: spin 123 and Go's limit of 2^30, a count that can be pushed over its end.
#[test]
fn permits_added_at_once_from_all_sides_do_not_pass_the_maximum() {
    must_end(|| {
        const ROOM: usize = 50;
        let semaphore = Semaphore::new(Semaphore::MAX_PERMITS - ROOM);
        let (added, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    for _ in 0..ROOM {
                        let add = AssertUnwindSafe(|| semaphore.add_permits(1));
                        let count = match catch_unwind(add) {
                            Ok(()) => &added,
                            Err(_) => &refused,
                        };
                        count.fetch_add(1, SeqCst);
                    }
                });
            }
        });
        assert_eq!((added.into_inner(), refused.into_inner()), (ROOM, 3 * ROOM));
        assert_eq!(semaphore.available_permits(), Semaphore::MAX_PERMITS);
    });
}

// 19: JDK-8386085, many acquires with short time limits keep each other from ever succeeding.
#[test]
fn many_who_are_in_a_hurry_all_get_their_permit_some_time() {
    must_end(|| {
        let semaphore = Semaphore::new(1);
        thread::scope(|s| {
            for _ in 0..8 {
                s.spawn(|| {
                    for _ in 0..50 {
                        let hurry = Duration::from_micros(30);
                        let _permit = std::iter::repeat_with(|| semaphore.try_acquire_for(hurry))
                            .find_map(Result::ok);
                    }
                });
            }
        });
        assert_eq!(semaphore.available_permits(), 1);
    });
}
