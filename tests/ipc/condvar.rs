//! The condition variable between processes: forked children wait, notify, and are killed.
use anteroom::ipc::{Condvar, LockError, Mutex, Shared};
use common::processes::{Child, shared, until, until_all_asleep, until_asleep};
use std::time::{Duration, Instant};

anteroom::shareable! {
    struct Board {
        number: Mutex<u64>,
        changed: Condvar,
    }
}

fn board() -> Shared<Board> {
    shared(Board {
        number: Mutex::new(0),
        changed: Condvar::new(),
    })
}

impl Board {
    /// Waits while there is nothing, and takes one.
    fn take(&self) {
        let guard = self.number.lock().unwrap();
        let mut number = self.changed.wait_while(guard, |it| *it == 0).unwrap();
        *number -= 1;
    }

    /// Waits while there is nothing.
    fn see(&self) {
        let guard = self.number.lock().unwrap();
        drop(self.changed.wait_while(guard, |it| *it == 0).unwrap());
    }

    fn add_one(&self) {
        *self.number.lock().unwrap() += 1;
    }

    fn sleepers(&self, count: usize, life: fn(&Board)) -> Vec<Child> {
        let sleepers: Vec<_> = (0..count).map(|_| Child::fork(|| life(self))).collect();
        until_all_asleep(&sleepers);
        sleepers
    }
}

#[test]
fn each_notification_is_enough_for_one() {
    let board = board();
    let sleepers = board.sleepers(5, Board::take);
    for _ in 0..5 {
        board.add_one();
        board.changed.notify_one();
    }
    sleepers.into_iter().for_each(Child::succeed);
    assert_eq!(*board.number.lock().unwrap(), 0);
}

#[test]
fn all_are_notified_at_once() {
    let board = board();
    let sleepers = board.sleepers(8, Board::see);
    let mut number = board.number.lock().unwrap();
    *number = 1;
    board.changed.notify_all();
    drop(number);
    sleepers.into_iter().for_each(Child::succeed);
}

/// Adversary 3: waits of both kinds.
#[test]
fn processes_take_turns() {
    const ROUNDS: u64 = 3_000;
    let board = board();
    let players: Vec<_> = (0..3)
        .map(|player| {
            let board = &board;
            Child::fork(move || {
                let mut number = board.number.lock().unwrap();
                for round in 0..ROUNDS {
                    let turn = 3 * round + player;
                    while *number != turn {
                        number = match player {
                            0 => board.changed.wait(number).unwrap(),
                            _ => {
                                let moment = Duration::from_millis(1);
                                board.changed.wait_for(number, moment).0.unwrap()
                            }
                        };
                    }
                    *number += 1;
                    board.changed.notify_all();
                }
            })
        })
        .collect();
    players.into_iter().for_each(Child::succeed);
    assert_eq!(*board.number.lock().unwrap(), 3 * ROUNDS);
}

#[test]
fn a_waiter_gives_up_in_time() {
    let board = board();
    let guard = board.number.lock().unwrap();
    let (guard, result) = board.changed.wait_until(guard, Instant::now());
    assert!(result.timed_out());
    let moment = Duration::from_millis(1);
    let start = Instant::now();
    let (guard, result) = board
        .changed
        .wait_while_for(guard.unwrap(), |_| true, moment);
    assert!(result.timed_out() && start.elapsed() >= moment);
    let (guard, result) =
        board
            .changed
            .wait_while_until(guard.unwrap(), |it| *it > 0, Instant::now());
    assert!(!result.timed_out());
    drop(guard.unwrap());
}

/// Adversary 28.
#[test]
fn killed_sleepers_are_no_hindrance() {
    let board = board();
    for _ in 0..10 {
        let mut sleepers = board.sleepers(4, Board::see);
        sleepers.remove(1).kill();
        // Its death wakes one of the others, which looks, with the mutex, and sleeps again.
        until_all_asleep(&sleepers);
        sleepers.remove(0).kill();
        board.add_one();
        board.changed.notify_all();
        sleepers.into_iter().for_each(Child::succeed);
        board.take();
    }
}

/// Adversary 28. A stopped process cannot run when it is woken, so it is killed between the two, if
/// it is the one.
#[test]
fn a_sleeper_killed_as_it_is_woken_passes_its_notification_on() {
    let board = board();
    for _ in 0..10 {
        let mut sleepers = board.sleepers(2, Board::take);
        let doomed = sleepers.remove(0);
        doomed.signal(libc::SIGSTOP);
        until("stopped", || {
            common::processes::state(doomed.pid()) == Some('T')
        });
        board.add_one();
        board.changed.notify_one();
        doomed.kill();
        sleepers.remove(0).succeed();
    }
}

/// Adversary 28.
#[test]
fn a_killed_notifier_keeps_no_waiter_asleep() {
    let board = board();
    for _ in 0..100 {
        let sleeper = Child::fork(|| board.take());
        let notifier = Child::fork(|| {
            loop {
                board.changed.notify_one();
                board.changed.notify_all();
            }
        });
        notifier.kill();
        board.add_one();
        board.changed.notify_one();
        sleeper.succeed();
    }
}

#[test]
fn a_wait_ends_with_the_news_of_a_death() {
    let board = board();
    let waiter = Child::fork(|| {
        let guard = board.number.lock().unwrap();
        let Err(LockError::OwnerDied(died)) = board.changed.wait_while(guard, |it| *it == 0) else {
            panic!("the owner died");
        };
        *died.repair() = 7;
    });
    until_asleep(waiter.pid());
    let doomed = Child::fork(|| {
        let mut number = board.number.lock().unwrap();
        *number = 1;
        board.changed.notify_one();
        // SAFETY: ends this process.
        unsafe { libc::_exit(0) };
    });
    doomed.succeed();
    waiter.succeed();
    assert_eq!(*board.number.lock().unwrap(), 7);
}

#[test]
fn it_works_across_mappings() {
    let name = common::processes::Name::new("condvar");
    let fresh = Board {
        number: Mutex::new(0),
        changed: Condvar::new(),
    };
    let one = Shared::create(&name, fresh).unwrap();
    let other: Shared<Board> = Shared::open(&name).unwrap();
    std::thread::scope(|s| {
        s.spawn(|| other.take());
        one.add_one();
        one.changed.notify_one();
    });
}
