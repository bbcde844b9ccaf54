//! The mutex. Its data are two numbers, which should be equal whenever no process holds it.

use crate::scenario::{Common, Scenario};
use crate::storm::{self, Storm};
use anteroom::ipc::{LockError, Mutex, MutexGuard, TryLockError};
use common::processes::{Child, shared};
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

anteroom::shareable! {
    struct Pair {
        one: u64,
        other: u64,
    }
}

anteroom::shareable! {
    struct Board {
        mutex: Mutex<Pair>,
        /// How often it was locked after a death.
        deaths: AtomicU64,
        /// How many have it: one at most.
        owners: AtomicU64,
        /// Held beside it.
        more: [Mutex<u64>; 2],
    }
}

fn new() -> Common<Board> {
    Box::new(shared(Board {
        mutex: Mutex::new(Pair { one: 0, other: 0 }),
        deaths: AtomicU64::new(0),
        owners: AtomicU64::new(0),
        more: [const { Mutex::new(0) }; 2],
    }))
}

fn lock(board: &Board) -> MutexGuard<'_, Pair> {
    match board.mutex.lock() {
        Ok(pair) => {
            assert_eq!(pair.one, pair.other, "half changed, and no error says so");
            pair
        }
        Err(LockError::OwnerDied(mut pair)) => {
            board.deaths.fetch_add(1, SeqCst);
            // The dead does not count itself as an owner any more.
            board.owners.store(0, SeqCst);
            pair.other = pair.one;
            pair.repair()
        }
        Err(error) => panic!("{error}"),
    }
}

fn change(board: &Board) {
    let mut pair = lock(board);
    assert_eq!(board.owners.fetch_add(1, SeqCst), 0, "two owners");
    pair.one += 1;
    pair.other += 1;
    board.owners.fetch_sub(1, SeqCst);
}

fn change_in_time(board: &Board) {
    match board.mutex.try_lock_for(Duration::from_secs(3600)) {
        Ok(mut pair) => {
            pair.one += 1;
            pair.other += 1;
        }
        Err(TryLockError::OwnerDied(pair)) => drop(pair.repair()),
        Err(error) => panic!("{error}"),
    }
}

fn hold(board: &Board) {
    mem::forget(lock(board));
}

/// What `hold` has left.
fn let_go(board: &Board) {
    // SAFETY: this thread has forgotten its guard.
    unsafe { board.mutex.force_unlock() };
}

fn nothing(_: &Board) {}

/// Holds three, and unlocks the newest first.
fn change_inside(board: &Board) {
    let _outer = one_more(board, 0);
    change(board);
    let _inner = one_more(board, 1);
}

/// Holds three, and unlocks the oldest first.
fn change_hand_over_hand(board: &Board) {
    let older = one_more(board, 0);
    let pair = lock(board);
    let newer = one_more(board, 1);
    drop(older);
    drop(pair);
    drop(newer);
}

fn one_more(board: &Board, which: usize) -> MutexGuard<'_, u64> {
    match board.more[which].lock() {
        Ok(guard) => guard,
        Err(LockError::OwnerDied(died)) => died.repair(),
        Err(error) => panic!("{error}"),
    }
}

/// None of them is held by the dead.
fn check_all(board: &Board) {
    check(board);
    for mutex in &board.more {
        let locked = mutex.try_lock();
        assert!(!matches!(locked, Err(TryLockError::WouldBlock)));
    }
}

/// So that what a process does only once is not stepped through each time.
fn warm_up(_: &Board) {
    // It stays mapped: to unmap it would make the thread learn some of it again.
    let warm: &Mutex<u64> = Box::leak(Box::new(shared(Mutex::new(0))));
    drop(warm.try_lock());
}

/// It can be taken, and one death at most was told of.
fn check(board: &Board) {
    drop(lock(board));
    assert!(board.deaths.load(SeqCst) <= 1);
    let pair = board.mutex.try_lock().unwrap();
    assert_eq!(pair.one, pair.other);
}

const LOCK: Scenario<Board> = Scenario {
    name: "mutex: lock and unlock",
    new,
    before: warm_up,
    operation: change,
    others: &[],
    hold: nothing,
    let_go: nothing,
    check,
};

const SCENARIOS: &[Scenario<Board>] = &[
    LOCK,
    Scenario {
        name: "mutex: the first lock of a process",
        before: nothing,
        ..LOCK
    },
    Scenario {
        name: "mutex: three, the newest unlocked first",
        operation: change_inside,
        others: &[change],
        check: check_all,
        ..LOCK
    },
    Scenario {
        name: "mutex: three, the oldest unlocked first",
        operation: change_hand_over_hand,
        others: &[change],
        check: check_all,
        ..LOCK
    },
    Scenario {
        name: "mutex: lock and unlock beside one",
        others: &[change],
        ..LOCK
    },
    Scenario {
        name: "mutex: lock, held by another",
        hold,
        let_go,
        ..LOCK
    },
    Scenario {
        name: "mutex: lock, held by another, beside two that sleep",
        others: &[change, change],
        hold,
        let_go,
        ..LOCK
    },
    Scenario {
        name: "mutex: unlock, one sleeps",
        before: hold,
        operation: let_go,
        others: &[change],
        ..LOCK
    },
    Scenario {
        name: "mutex: unlock, three sleep",
        before: hold,
        operation: let_go,
        others: &[change, change, change],
        ..LOCK
    },
    Scenario {
        name: "mutex: timed lock, held by another, beside one that sleeps",
        operation: change_in_time,
        others: &[change],
        hold,
        let_go,
        ..LOCK
    },
    Scenario {
        name: "mutex: lock after a death",
        hold: |board| Child::fork(|| hold(board)).succeed(),
        check: |board| {
            drop(lock(board));
            // It was told of, and perhaps the death of the process that was told.
            assert!((1..=2).contains(&board.deaths.load(SeqCst)));
        },
        ..LOCK
    },
];

#[test]
fn killed_after_every_instruction() {
    crate::kill_everywhere(SCENARIOS);
}

/// All change the pair, again and again.
#[test]
fn a_storm_of_kills() {
    crate::rage(&Storm {
        name: "mutex",
        new,
        roles: &[change],
        help: storm::no_help,
        check: |board, toll| {
            let mut pair = lock(board);
            let changes = toll.rounds[0]..=toll.rounds[0] + toll.inside;
            assert!(
                changes.contains(&pair.one),
                "{} not in {changes:?}",
                pair.one
            );
            let deaths = board.deaths.swap(0, SeqCst);
            assert!(deaths <= toll.inside, "{deaths} of {}", toll.inside);
            (pair.one, pair.other) = (0, 0);
        },
    });
}

#[test]
fn recovery_takes_no_time_worth_mentioning() {
    storm::measure_recovery("mutex", new, hold, |board| drop(lock(board)));
}
