//! The semaphore between processes: forked children hold permits, wait for them, and are killed.
//!
//! Adversaries 30 and 32, and 25's for random instructions.

mod slots;

use anteroom::ipc::{AcquireError, Semaphore, Shared};
use common::processes::{Child, Name, shared, until, until_all_asleep, until_asleep};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

anteroom::shareable! {
    struct Board {
        semaphore: Semaphore,
        step: AtomicU64,
        inside: AtomicU64,
    }
}

fn board(semaphore: Semaphore) -> Shared<Board> {
    shared(Board {
        semaphore,
        step: AtomicU64::new(0),
        inside: AtomicU64::new(0),
    })
}

fn park() -> ! {
    loop {
        std::thread::park();
    }
}

/// A child that holds so many permits until it is killed.
fn holder(board: &Board, permits: u32) -> Child {
    let before = board.step.load(SeqCst);
    let child = Child::fork(|| {
        let _permit = board.semaphore.acquire_many(permits).unwrap();
        board.step.fetch_add(1, SeqCst);
        park();
    });
    until("held", || board.step.load(SeqCst) == before + 1);
    child
}

#[test]
fn no_more_are_inside_than_there_are_permits() {
    const ROUNDS: usize = 5_000;
    let board = board(Semaphore::new(2));
    let children: Vec<_> = (0..5)
        .map(|_| {
            Child::fork(|| {
                for _ in 0..ROUNDS {
                    let _permit = board.semaphore.acquire().unwrap();
                    assert!(board.inside.fetch_add(1, SeqCst) < 2);
                    board.inside.fetch_sub(1, SeqCst);
                }
            })
        })
        .collect();
    children.into_iter().for_each(Child::succeed);
    assert_eq!(board.semaphore.available_permits(), 2);
}

#[test]
fn the_permits_of_the_dead_come_back() {
    let board = board(Semaphore::new(5));
    let (one, three) = (holder(&board, 1), holder(&board, 3));
    assert_eq!(board.semaphore.available_permits(), 1);
    three.kill();
    assert_eq!(board.semaphore.available_permits(), 4);
    let all = board.semaphore.try_acquire_many(5);
    assert_eq!(all.err(), Some(AcquireError::NoPermits));
    one.kill();
    assert_eq!(
        board.semaphore.try_acquire_many(5).unwrap().num_permits(),
        5
    );
}

#[test]
fn a_sleeping_waiter_gets_the_permits_of_the_dead() {
    let board = board(Semaphore::new(1));
    let holder = holder(&board, 1);
    let waiters: Vec<_> = (0..4)
        .map(|_| Child::fork(|| drop(board.semaphore.acquire().unwrap())))
        .collect();
    until_all_asleep(&waiters);
    holder.kill();
    waiters.into_iter().for_each(Child::succeed);
    assert_eq!(board.semaphore.available_permits(), 1);
}

#[test]
fn killed_waiters_take_nothing_with_them() {
    let board = board(Semaphore::new(1));
    let permit = board.semaphore.acquire().unwrap();
    let waiters: Vec<_> = (0..6)
        .map(|_| Child::fork(|| drop(board.semaphore.acquire().unwrap())))
        .collect();
    until_all_asleep(&waiters);
    let mut waiters = waiters.into_iter();
    waiters.next().unwrap().kill();
    drop(permit);
    waiters.next().unwrap().kill();
    waiters.for_each(Child::succeed);
    assert_eq!(board.semaphore.available_permits(), 1);
}

#[test]
fn who_waits_for_many_lets_the_others_pass() {
    let board = board(Semaphore::new(0));
    let many: Vec<_> = (0..2)
        .map(|_| Child::fork(|| board.semaphore.acquire_many(3).unwrap().forget()))
        .collect();
    until_all_asleep(&many);
    let one = Child::fork(|| board.semaphore.acquire().unwrap().forget());
    until_asleep(one.pid());
    board.semaphore.add_permits(2);
    one.succeed();
    board.semaphore.add_permits(5);
    many.into_iter().for_each(Child::succeed);
    assert_eq!(board.semaphore.available_permits(), 0);
}

#[test]
fn without_give_back_the_permits_of_the_dead_are_lost() {
    let board = board(Semaphore::without_give_back(3));
    holder(&board, 2).kill();
    assert_eq!(board.semaphore.available_permits(), 1);
    let permit = board.semaphore.acquire().unwrap();
    let waiter = Child::fork(|| drop(board.semaphore.acquire_many(2).unwrap()));
    until_asleep(waiter.pid());
    waiter.kill();
    drop(permit);
    board.semaphore.add_permits(1);
    assert_eq!(board.semaphore.available_permits(), 2);
}

#[test]
fn a_thread_that_ends_holding_permits_gives_them_back() {
    let board = board(Semaphore::new(2));
    std::thread::scope(|s| {
        s.spawn(|| std::mem::forget(board.semaphore.acquire_many(2).unwrap()));
    });
    drop(board.semaphore.acquire_many(2).unwrap());
}

/// Adversary 32.
#[test]
fn a_child_does_not_hold_what_its_parent_holds() {
    for semaphore in [Semaphore::new(1), Semaphore::without_give_back(1)] {
        let board = board(semaphore);
        let permit = board.semaphore.acquire().unwrap();
        Child::fork(|| {
            // SAFETY: the child forgets its own copy, at its end.
            drop(unsafe { std::ptr::read(&permit) });
            assert_eq!(
                board.semaphore.try_acquire().err(),
                Some(AcquireError::NoPermits)
            );
        })
        .succeed();
        drop(permit);
        assert_eq!(board.semaphore.available_permits(), 1);
    }
}

#[test]
fn a_thread_holds_several_permits_and_gives_them_back_in_any_order() {
    let board = board(Semaphore::new(6));
    let Board { semaphore, .. } = &*board;
    let mut all = semaphore.acquire_many(3).unwrap();
    let one = semaphore.acquire().unwrap();
    let part = all.split(2).unwrap();
    assert!(all.split(2).is_none());
    drop(part);
    assert_eq!(semaphore.available_permits(), 4);
    all.merge(one);
    assert_eq!(all.num_permits(), 2);
    all.split(1).unwrap().forget();
    drop(all);
    assert_eq!(semaphore.available_permits(), 5);
    assert_eq!(semaphore.forget_permits(7), 5);
    assert_eq!(semaphore.acquire_many(0).unwrap().num_permits(), 0);
    assert_eq!(semaphore.available_permits(), 0);
}

#[test]
fn a_waiter_gives_up_in_time() {
    let board = board(Semaphore::new(1));
    let _permit = board.semaphore.acquire().unwrap();
    Child::fork(|| {
        let semaphore = &board.semaphore;
        let timed_out = Some(AcquireError::TimedOut);
        let short = Duration::from_millis(1);
        assert_eq!(semaphore.try_acquire_for(short).err(), timed_out);
        assert_eq!(semaphore.try_acquire_many_for(2, short).err(), timed_out);
        assert_eq!(semaphore.try_acquire_until(Instant::now()).err(), timed_out);
    })
    .succeed();
}

#[test]
fn closing_refuses_those_who_sleep_and_those_who_come() {
    let board = board(Semaphore::new(1));
    let permit = board.semaphore.acquire().unwrap();
    let closed = Some(AcquireError::Closed);
    let waiters = [1, 1, 2, 2].map(|permits| {
        Child::fork(|| assert_eq!(board.semaphore.acquire_many(permits).err(), closed))
    });
    until_all_asleep(&waiters);
    board.semaphore.close();
    waiters.into_iter().for_each(Child::succeed);
    assert!(board.semaphore.is_closed());
    drop(permit);
    assert_eq!(board.semaphore.available_permits(), 1);
    assert_eq!(board.semaphore.try_acquire().err(), closed);
}

#[test]
#[should_panic(expected = "more than MAX_PERMITS")]
fn permits_past_the_maximum_panic() {
    let board = board(Semaphore::new(Semaphore::MAX_PERMITS - 1));
    board.semaphore.add_permits(1);
    let same = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        board.semaphore.add_permits(1);
    }));
    assert_eq!(board.semaphore.available_permits(), Semaphore::MAX_PERMITS);
    std::panic::resume_unwind(same.unwrap_err());
}

/// A thread remembers its slots of a few semaphores only.
#[test]
fn a_thread_holds_permits_of_a_hundred_semaphores() {
    let all: Vec<_> = (0..100).map(|_| shared(Semaphore::new(2))).collect();
    let permits: Vec<_> = all.iter().map(|it| it.acquire().unwrap()).collect();
    let more: Vec<_> = all.iter().map(|it| it.acquire().unwrap()).collect();
    drop(permits);
    assert!(all.iter().all(|it| it.available_permits() == 1));
    drop(more);
    assert!(all.iter().all(|it| it.available_permits() == 2));
}

/// Two addresses, one semaphore.
#[test]
fn it_works_across_mappings() {
    let name = Name::new("semaphore");
    let one = Shared::create(&name, Semaphore::new(1)).unwrap();
    let other: Shared<Semaphore> = Shared::open(&name).unwrap();
    assert_ne!(&raw const *one, &raw const *other);
    let permit = one.acquire().unwrap();
    assert_eq!(other.try_acquire().err(), Some(AcquireError::NoPermits));
    drop(permit);
    drop(other.acquire().unwrap());
    assert_eq!(one.available_permits(), 1);
}

/// Children acquire and give back, one and two permits, and are killed at random.
#[test]
fn in_a_storm_of_kills_no_permit_is_lost_or_made_up() {
    const KILLS: usize = 500;
    const PERMITS: u64 = 3;
    let board = board(Semaphore::new(PERMITS as usize));
    let work = |permits| {
        let board = &*board;
        move || {
            loop {
                let permit = board.semaphore.acquire_many(permits).unwrap();
                board.step.fetch_add(1, SeqCst);
                drop(permit);
            }
        }
    };
    let mut children: Vec<_> = (0..4).map(|_| Child::fork(work(1))).collect();
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..KILLS {
        let before = board.step.load(SeqCst);
        until("a process got any", || board.step.load(SeqCst) > before);
        for _ in 0..random.u32(..5_000) {
            std::hint::spin_loop();
        }
        children.swap_remove(random.usize(..children.len())).kill();
        children.push(Child::fork(work(random.u32(1..=2))));
    }
    drop(children);
    assert_eq!(board.semaphore.available_permits(), PERMITS as usize);
}

/// The slot of a thread is in its list by one address.
#[test]
fn a_thread_uses_it_by_two_mappings_at_once() {
    let name = Name::new("semaphore");
    let one = Shared::create(&name, Semaphore::new(3)).unwrap();
    let other: Shared<Semaphore> = Shared::open(&name).unwrap();
    let first = one.acquire().unwrap();
    let second = other.acquire().unwrap();
    drop(first);
    drop(second);
    assert_eq!(one.available_permits(), 3);
    let third = other.acquire().unwrap();
    drop(other.acquire().unwrap());
    drop(one.acquire().unwrap());
    drop(third);
    assert_eq!(other.available_permits(), 3);
}

/// The thread has an account, so the second permit is all that it holds, until it is parted.
#[test]
fn a_part_of_a_permit_is_not_all_that_is_held() {
    let board = board(Semaphore::new(3));
    let semaphore = &board.semaphore;
    drop(semaphore.acquire().unwrap());
    let mut all = semaphore.acquire_many(3).unwrap();
    drop(all.split(1).unwrap());
    assert_eq!(semaphore.available_permits(), 1);
    let one = semaphore.acquire().unwrap();
    all.merge(one);
    drop(all.split(3).unwrap());
    drop(all);
    assert_eq!(semaphore.available_permits(), 3);
    semaphore.acquire_many(2).unwrap().forget();
    assert_eq!(semaphore.available_permits(), 1);
}

/// How often the calling thread has slept.
fn sleeps() -> libc::c_long {
    // SAFETY: all zeros is a valid `rusage`, which the call fills in.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: it writes there.
    let result = unsafe { libc::getrusage(libc::RUSAGE_THREAD, &mut usage) };
    assert_eq!(result, 0);
    usage.ru_nvcsw
}

/// Each change of the permits wakes the waiter in vain.
#[test]
fn a_waiter_for_two_seldom_sleeps_beside_a_thread_that_takes_one() {
    const ROUNDS: libc::c_long = 200_000;
    let board = board(Semaphore::new(2));
    let semaphore = &board.semaphore;
    let kept = semaphore.acquire().unwrap();
    let slept = thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let before = sleeps();
            drop(semaphore.acquire_many(2).unwrap());
            sleeps() - before
        });
        for _ in 0..ROUNDS {
            drop(semaphore.acquire().unwrap());
        }
        drop(kept);
        waiter.join().unwrap()
    });
    assert!(slept < ROUNDS / 250, "{slept} sleeps");
}
