//! The reader-writer lock. Its data are two numbers, which are equal whenever no process writes, or
//! a death is told of.

use crate::scenario::{Common, Scenario};
use crate::storm::{self, Storm};
use anteroom::ipc::{RwLock, RwLockError, RwLockReadGuard, RwLockWriteGuard};
use common::processes::{Child, shared};
use std::cell::RefCell;
use std::mem;
use std::time::Duration;

anteroom::shareable! {
    struct Pair {
        one: u64,
        other: u64,
    }
}

type Board = RwLock<Pair>;

fn new() -> Common<Board> {
    Box::new(shared(RwLock::new(Pair { one: 0, other: 0 })))
}

fn write(board: &Board) {
    let mut pair = lock(board);
    pair.one += 1;
    pair.other += 1;
}

fn lock(board: &Board) -> RwLockWriteGuard<'_, Pair> {
    match board.write() {
        Ok(pair) => {
            assert_eq!(pair.one, pair.other, "half changed, and no error says so");
            pair
        }
        Err(RwLockError::WriterDied(mut died)) => {
            died.other = died.one;
            died.repair()
        }
        Err(error) => panic!("{error}"),
    }
}

fn read(board: &Board) {
    match board.read() {
        Ok(pair) => assert_eq!(pair.one, pair.other, "half changed, and no error says so"),
        Err(RwLockError::WriterDied(())) => {}
        Err(error) => panic!("{error}"),
    }
}

fn write_in_time(board: &Board) {
    match board.try_write_for(Duration::from_secs(3600)) {
        Ok(mut pair) => {
            pair.one += 1;
            pair.other += 1;
        }
        Err(RwLockError::WriterDied(died)) => drop(died.repair()),
        Err(error) => panic!("{error}"),
    }
}

thread_local! {
    static WRITES: RefCell<Option<RwLockWriteGuard<'static, Pair>>> = const { RefCell::new(None) };
    static READS: RefCell<Option<RwLockReadGuard<'static, Pair>>> = const { RefCell::new(None) };
}

/// For as long as the lock exists for all that matters.
fn forever(board: &Board) -> &'static Board {
    // SAFETY: `let_go` drops the guard while the lock is mapped, or this process dies.
    unsafe { mem::transmute::<&Board, &'static Board>(board) }
}

fn hold_write(board: &Board) {
    WRITES.set(Some(lock(forever(board))));
}

fn hold_read(board: &Board) {
    READS.set(Some(forever(board).read().unwrap()));
}

fn let_go(_: &Board) {
    drop(WRITES.take());
    drop(READS.take());
}

fn nothing(_: &Board) {}

/// No process holds it, and one death at most is told of, once.
fn check(board: &Board) {
    match board.try_write() {
        Ok(_) => {}
        Err(RwLockError::WriterDied(mut died)) => {
            died.other = died.one;
            drop(died.repair());
        }
        Err(error) => panic!("{error}"),
    }
    drop(board.try_write().unwrap());
    let pair = board.try_read().unwrap();
    assert_eq!(pair.one, pair.other);
}

const READ: Scenario<Board> = Scenario {
    name: "rwlock: read",
    new,
    before: read,
    operation: read,
    others: &[],
    hold: nothing,
    let_go: nothing,
    check,
};

const SCENARIOS: &[Scenario<Board>] = &[
    READ,
    Scenario {
        name: "rwlock: write",
        operation: write,
        ..READ
    },
    Scenario {
        name: "rwlock: read, beside one that writes",
        others: &[write],
        ..READ
    },
    Scenario {
        name: "rwlock: read, held by a writer, beside two that sleep",
        before: nothing,
        others: &[read, write],
        hold: hold_write,
        let_go,
        ..READ
    },
    Scenario {
        name: "rwlock: write, held by a reader, beside two that sleep",
        before: nothing,
        operation: write,
        others: &[read, write],
        hold: hold_read,
        let_go,
        ..READ
    },
    Scenario {
        name: "rwlock: timed write, held by a writer, beside one that sleeps",
        before: nothing,
        operation: write_in_time,
        others: &[read],
        hold: hold_write,
        let_go,
        ..READ
    },
    Scenario {
        name: "rwlock: the last reader goes, three sleep",
        before: hold_read,
        operation: let_go,
        others: &[write, read, write],
        ..READ
    },
    Scenario {
        name: "rwlock: the writer goes, three sleep",
        before: hold_write,
        operation: let_go,
        others: &[write, read, read],
        ..READ
    },
    Scenario {
        name: "rwlock: a reader that has read before goes, none sleeps",
        before: |board| {
            read(board);
            hold_read(board);
        },
        operation: let_go,
        ..READ
    },
    Scenario {
        name: "rwlock: a writer that has written before goes, three sleep",
        before: |board| {
            write(board);
            hold_write(board);
        },
        operation: let_go,
        others: &[write, read, read],
        ..READ
    },
    Scenario {
        name: "rwlock: write after a writer's death",
        before: nothing,
        operation: write,
        others: &[write],
        hold: |board| Child::fork(|| hold_write(board)).succeed(),
        ..READ
    },
];

#[test]
fn killed_after_every_instruction() {
    crate::kill_everywhere(SCENARIOS);
}

/// Half of them read, and half of them write.
#[test]
fn a_storm_of_kills() {
    crate::rage(&Storm {
        name: "rwlock",
        new,
        roles: &[read, write],
        help: storm::no_help,
        check: |board, toll| {
            let mut pair = lock(board);
            let changes = toll.rounds[1]..=toll.rounds[1] + toll.inside;
            assert!(
                changes.contains(&pair.one),
                "{} not in {changes:?}",
                pair.one
            );
            (pair.one, pair.other) = (0, 0);
        },
    });
}
