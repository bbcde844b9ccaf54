//! The semaphore. When all have ended, all its permits are free, and no more than that.

use crate::scenario::{Common, Scenario};
use crate::storm::{self, Storm};
use anteroom::ipc::{Semaphore, SemaphorePermit};
use common::processes::{Child, shared};
use std::cell::RefCell;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

const PERMITS: usize = 2;

anteroom::shareable! {
    struct Board {
        semaphore: Semaphore,
        rounds: AtomicU64,
    }
}

fn new() -> Common<Board> {
    Box::new(shared(Board {
        semaphore: Semaphore::new(PERMITS),
        rounds: AtomicU64::new(0),
    }))
}

fn acquire(board: &Board, permits: u32) -> SemaphorePermit<'_> {
    let permit = board.semaphore.acquire_many(permits).unwrap();
    assert!(board.semaphore.available_permits() <= PERMITS - permits as usize);
    permit
}

fn one(board: &Board) {
    drop(acquire(board, 1));
    board.rounds.fetch_add(1, SeqCst);
}

fn two(board: &Board) {
    drop(acquire(board, 2));
    board.rounds.fetch_add(1, SeqCst);
}

fn one_in_time(board: &Board) {
    let hour = Duration::from_secs(3600);
    drop(board.semaphore.try_acquire_for(hour).unwrap());
}

thread_local! {
    static HELD: RefCell<Option<SemaphorePermit<'static>>> = const { RefCell::new(None) };
}

/// Takes all.
fn hold(board: &Board) {
    let permit = acquire(board, PERMITS as u32);
    // SAFETY: `let_go` takes it back while the board is mapped, or this process dies.
    let permit = unsafe { mem::transmute::<SemaphorePermit<'_>, SemaphorePermit<'static>>(permit) };
    HELD.with_borrow_mut(|held| *held = Some(permit));
}

/// Takes all, by an account that it has.
fn hold_again(board: &Board) {
    one(board);
    hold(board);
}

fn let_go(_: &Board) {
    drop(HELD.take());
}

fn nothing(_: &Board) {}

fn check(board: &Board) {
    assert_eq!(board.semaphore.available_permits(), PERMITS);
    drop(board.semaphore.try_acquire_many(PERMITS as u32).unwrap());
}

const ACQUIRE: Scenario<Board> = Scenario {
    name: "semaphore: acquire and give back",
    new,
    before: one,
    operation: one,
    others: &[],
    hold: nothing,
    let_go: nothing,
    check,
};

const SCENARIOS: &[Scenario<Board>] = &[
    ACQUIRE,
    Scenario {
        name: "semaphore: acquire for the first time",
        before: nothing,
        ..ACQUIRE
    },
    Scenario {
        name: "semaphore: acquire, all permits held, beside two that sleep",
        before: nothing,
        others: &[one, one],
        hold,
        let_go,
        ..ACQUIRE
    },
    Scenario {
        name: "semaphore: acquire two, all permits held, beside two that sleep",
        before: nothing,
        operation: two,
        others: &[two, one],
        hold,
        let_go,
        ..ACQUIRE
    },
    Scenario {
        name: "semaphore: timed acquire, all permits held, beside one that sleeps",
        before: nothing,
        operation: one_in_time,
        others: &[one],
        hold,
        let_go,
        ..ACQUIRE
    },
    Scenario {
        name: "semaphore: give back, none sleeps",
        before: hold,
        operation: let_go,
        ..ACQUIRE
    },
    Scenario {
        name: "semaphore: give back, three sleep",
        before: hold,
        operation: let_go,
        others: &[one, two, one],
        ..ACQUIRE
    },
    Scenario {
        name: "semaphore: give back what was taken at once, none sleeps",
        before: hold_again,
        operation: let_go,
        ..ACQUIRE
    },
    Scenario {
        name: "semaphore: give back what was taken at once, three sleep",
        before: hold_again,
        operation: let_go,
        others: &[one, two, one],
        ..ACQUIRE
    },
    Scenario {
        name: "semaphore: acquire what the dead held, beside one",
        before: nothing,
        others: &[one],
        hold: |board| Child::fork(|| hold(board)).succeed(),
        ..ACQUIRE
    },
];

#[test]
fn killed_after_every_instruction() {
    crate::kill_everywhere(SCENARIOS);
}

/// Half of them take one permit, and half of them two.
#[test]
fn a_storm_of_kills() {
    crate::rage(&Storm {
        name: "semaphore",
        new,
        roles: &[one, two],
        help: storm::no_help,
        check: |board, toll| {
            check(board);
            let finished = toll.rounds.iter().sum::<u64>();
            let counted = board.rounds.swap(0, SeqCst);
            assert!((finished..=finished + toll.inside).contains(&counted));
        },
    });
}
