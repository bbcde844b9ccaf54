//! The condition variable, with a number that is taken down by one by a waiter that waits until it
//! is not zero.

use crate::scenario::{Common, Scenario};
use crate::storm::Storm;
use anteroom::ipc::{Condvar, LockError, LockResult, Mutex, MutexGuard};
use common::processes::shared;
use std::time::Duration;

anteroom::shareable! {
    struct Board {
        number: Mutex<u64>,
        changed: Condvar,
    }
}

fn new() -> Common<Board> {
    Box::new(shared(Board {
        number: Mutex::new(0),
        changed: Condvar::new(),
    }))
}

/// One number is changed in one step: it is right, whichever process died.
fn repaired<'a>(result: LockResult<'a, u64>) -> MutexGuard<'a, u64> {
    match result {
        Ok(guard) => guard,
        Err(LockError::OwnerDied(died)) => died.repair(),
        Err(error) => panic!("{error}"),
    }
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, u64> {
        repaired(self.number.lock())
    }

    fn wait(&self, wait: impl for<'a> Fn(MutexGuard<'a, u64>) -> LockResult<'a, u64>) {
        let mut number = self.lock();
        while *number == 0 {
            number = repaired(wait(number));
        }
        *number -= 1;
    }

    fn take(&self) {
        self.wait(|number| self.changed.wait(number));
    }

    fn take_in_time(&self) {
        let hour = Duration::from_secs(3600);
        self.wait(|number| self.changed.wait_for(number, hour).0);
    }

    fn put(&self) {
        *self.lock() += 1;
        self.changed.notify_one();
    }

    fn put_three(&self) {
        *self.lock() += 3;
        self.changed.notify_all();
    }

    fn notify_one(&self) {
        self.changed.notify_one();
    }

    fn notify_all(&self) {
        self.changed.notify_all();
    }
}

fn nothing(_: &Board) {}

/// So that what a process does only once is not stepped through each time.
fn warm_up(board: &Board) {
    drop(board.lock());
}

const NOTIFY: Scenario<Board> = Scenario {
    name: "condvar: put and notify, none waits",
    new,
    before: warm_up,
    operation: Board::put,
    others: &[],
    hold: nothing,
    let_go: nothing,
    check: |board| assert!(*board.lock() <= 1),
};

const SCENARIOS: &[Scenario<Board>] = &[
    NOTIFY,
    Scenario {
        name: "condvar: put and notify, one waits",
        others: &[Board::take],
        let_go: Board::put,
        ..NOTIFY
    },
    Scenario {
        name: "condvar: notify one, three wait",
        operation: Board::notify_one,
        others: &[Board::take, Board::take, Board::take],
        let_go: |board| (0..3).for_each(|_| board.put()),
        check: |board| assert_eq!(*board.lock(), 0),
        ..NOTIFY
    },
    Scenario {
        name: "condvar: notify all, three wait",
        operation: Board::notify_all,
        others: &[Board::take, Board::take, Board::take],
        let_go: Board::put_three,
        check: |board| assert_eq!(*board.lock(), 0),
        ..NOTIFY
    },
    Scenario {
        name: "condvar: wait, alone",
        operation: Board::take,
        let_go: Board::put,
        ..NOTIFY
    },
    // A waiter that is killed after it was woken has been notified, so one notification is not
    // enough for two.
    Scenario {
        name: "condvar: wait, beside one",
        operation: Board::take,
        others: &[Board::take],
        let_go: |board| (0..2).for_each(|_| board.put()),
        ..NOTIFY
    },
    Scenario {
        name: "condvar: wait, beside two, one in time",
        operation: Board::take,
        others: &[Board::take, Board::take_in_time],
        let_go: Board::put_three,
        ..NOTIFY
    },
    Scenario {
        name: "condvar: timed wait, beside one",
        operation: Board::take_in_time,
        others: &[Board::take],
        let_go: Board::put_three,
        check: |board| assert!((1..=2).contains(&*board.lock())),
        ..NOTIFY
    },
];

#[test]
fn killed_after_every_instruction() {
    crate::kill_everywhere(SCENARIOS);
}

/// A process killed between a change and its notification leaves others asleep, though what they
/// wait for is there: they have not been told. So whether they should sleep is not asked here, but
/// they must wake up when they are told.
#[test]
fn a_storm_of_kills() {
    crate::rage(&Storm {
        name: "condvar",
        new,
        roles: &[Board::put, Board::take],
        help: |board, role| {
            assert_eq!(role, 1, "a process that puts does not sleep");
            board.put();
        },
        check: |board, toll| {
            let [put, taken] = toll.rounds;
            let mut left = board.lock();
            // The test itself may have put some.
            assert!(
                *left + taken + toll.inside >= put,
                "{} left of {put}",
                *left
            );
            *left = 0;
        },
    });
}
