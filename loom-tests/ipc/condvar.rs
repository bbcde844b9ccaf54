//! Models of the condition variable between processes: waiters and notifiers are killed.

use super::{all_are_alive, mortal_process, process, share, sleepers};
use crate::ipc::condvar::raw::RawCondvar;
use crate::ipc::mutex::raw::RawMutex;
use crate::models;
use crate::sys::Ordering::Relaxed;
use crate::sys::deadline::Deadline;
use crate::sys::ipc::me::Me;
use crate::sys::mortal::AtomicU32;
use std::time::Duration;

models! {
    a_waiter_is_notified: any,
    a_waiter_is_notified: 3 one_by_one,
    one_notification_each: 2,
    two_waiters_are_notified_at_once: 2,
    latecomer_hides_no_notification: 3,
    a_timed_waiter_leaves_no_trace: 2,
    a_killed_notifier_keeps_no_waiter_asleep: 3 mortal,
    a_killed_notifier_keeps_no_waiter_asleep: 2 mortal one_by_one,
    a_killed_notifier_of_all_keeps_no_waiter_asleep: 2 mortal,
    a_killed_waiter_is_no_hindrance: 2 mortal,
    a_killed_sleeper_passes_its_notification_on: 2 mortal,
    a_killed_sleeper_passes_its_notification_on: 2 mortal awake,
    two_notifications_beside_a_killed_sleeper_wake_two: 0 mortal,
}

/// A number, for whose changes threads wait.
struct Board {
    mutex: RawMutex,
    changed: RawCondvar,
    number: AtomicU32,
}

impl Board {
    fn new() -> Self {
        Board {
            mutex: RawMutex::new(),
            changed: RawCondvar::new(),
            number: AtomicU32::new(0),
        }
    }

    fn locked<R>(&self, then: impl FnOnce() -> R) -> R {
        let me = Me::get();
        self.mutex.lock(me, Deadline::NEVER).expect("no deadline");
        let result = then();
        self.mutex.unlock(me);
        result
    }

    // ORDERING: Relaxed, in all that follow; the mutex orders it.
    fn number(&self) -> u32 {
        self.number.load(Relaxed)
    }

    fn add_one(&self) {
        // ORDERING: as above.
        self.locked(|| self.number.store(self.number() + 1, Relaxed));
    }

    /// Waits while there is nothing, and takes one.
    fn take(&self) {
        self.take_before(Deadline::NEVER);
    }

    fn take_before(&self, deadline: Deadline) -> bool {
        self.locked(|| {
            let mut timed_out = false;
            while self.number() == 0 {
                if timed_out {
                    return false;
                }
                (_, timed_out) = self.changed.wait(Me::get(), &self.mutex, deadline);
            }
            // ORDERING: as above.
            self.number.store(self.number() - 1, Relaxed);
            true
        })
    }

    /// Waits while there is nothing.
    fn see(&self) {
        self.locked(|| {
            while self.number() == 0 {
                self.changed.wait(Me::get(), &self.mutex, Deadline::NEVER);
            }
        });
    }

    /// Sleeps if there is nothing, and leaves its notification to another one.
    fn sleep_and_pass_on(&self) {
        let nothing = || self.number() == 0;
        if let Some(seen) = self.locked(|| nothing().then(|| self.changed.approach())) {
            self.changed.sleep(Me::get(), seen, Deadline::NEVER);
            self.notify_one();
        }
    }

    fn notify_one(&self) {
        self.changed.notify_one(Me::get());
    }

    fn notify_all(&self) {
        self.changed.notify_all(Me::get());
    }
}

fn a_waiter_is_notified() {
    let board = share(Board::new());
    let waiter = process(&board, Board::take);
    board.add_one();
    board.notify_one();
    waiter.join().unwrap();
}

fn one_notification_each() {
    let board = share(Board::new());
    let waiters = [process(&board, Board::take), process(&board, Board::take)];
    for _ in 0..2 {
        board.add_one();
        board.notify_one();
    }
    waiters.into_iter().for_each(|it| it.join().unwrap());
}

fn two_waiters_are_notified_at_once() {
    let board = share(Board::new());
    let waiters = [process(&board, Board::see), process(&board, Board::see)];
    board.add_one();
    board.notify_all();
    waiters.into_iter().for_each(|it| it.join().unwrap());
}

/// The second begins to wait, for another change, when the first is notified already, but may not
/// sleep yet.
fn latecomer_hides_no_notification() {
    let board = share(Board::new());
    let first = process(&board, Board::see);
    let second = process(&board, |board| {
        board.locked(|| {
            while board.number() == 1 {
                board.changed.wait(Me::get(), &board.mutex, Deadline::NEVER);
            }
        });
    });
    for waiter in [first, second] {
        board.add_one();
        board.notify_all();
        waiter.join().unwrap();
    }
}

fn a_timed_waiter_leaves_no_trace() {
    let board = share(Board::new());
    let timed = process(&board, |board| {
        if board.take_before(Deadline::after(Duration::ZERO)) {
            board.add_one();
            board.notify_one();
        }
    });
    let waiter = process(&board, Board::take);
    board.add_one();
    board.notify_one();
    timed.join().unwrap();
    waiter.join().unwrap();
}

/// It is killed after it has changed the number, at any step of the notification.
fn a_killed_notifier_keeps_no_waiter_asleep() {
    let board = share(Board::new());
    let waiter = process(&board, Board::take);
    board.add_one();
    let notifier = mortal_process(&board, Board::notify_one);
    if !notifier.join().unwrap() {
        // For the case that it had not begun.
        board.notify_one();
    }
    waiter.join().unwrap();
}

/// As above, with two waiters: what the notifier has begun for one, it has begun for both.
fn a_killed_notifier_of_all_keeps_no_waiter_asleep() {
    let board = share(Board::new());
    let waiters = [process(&board, Board::see), process(&board, Board::see)];
    board.add_one();
    let notifier = mortal_process(&board, Board::notify_all);
    if !notifier.join().unwrap() && !board.changed.has_notified() {
        board.notify_all();
    }
    waiters.into_iter().for_each(|it| it.join().unwrap());
}

/// It is killed anywhere in its wait: others wait and notify as ever.
fn a_killed_waiter_is_no_hindrance() {
    let board = share(Board::new());
    let doomed = mortal_process(&board, Board::see);
    let waiter = process(&board, Board::see);
    board.add_one();
    board.notify_all();
    waiter.join().unwrap();
    doomed.join().unwrap();
}

/// It is killed asleep, or as it is woken, or as it tells the other one. Or it lives, and the other
/// is woken.
fn a_killed_sleeper_passes_its_notification_on() {
    let board = share(Board::new());
    let doomed = mortal_process(&board, Board::sleep_and_pass_on);
    let waiter = process(&board, Board::take);
    board.add_one();
    board.notify_one();
    waiter.join().unwrap();
    board.add_one();
    board.notify_one();
    doomed.join().unwrap();
}

/// The kernel wakes one in its place, and not the one that was woken at the same time and has not
/// run yet.
fn two_notifications_beside_a_killed_sleeper_wake_two() {
    let board = share(Board::new());
    let doomed = mortal_process(&board, Board::sleep_and_pass_on);
    let waiters = [process(&board, Board::take), process(&board, Board::take)];
    while sleepers() < 3 && all_are_alive() {
        loom::thread::yield_now();
    }
    for _ in 0..2 {
        board.add_one();
        board.notify_one();
    }
    waiters.into_iter().for_each(|it| it.join().unwrap());
    board.add_one();
    board.notify_one();
    doomed.join().unwrap();
}
