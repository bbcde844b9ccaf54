//! Models of the condition variable: every thread that should be woken is (else there is a
//! deadlock), the return values are exact, and the lock is held again whenever a wait returns (its
//! data is a loom cell).

use crate::model::{Common, WANTED_PANIC, models};
use anteroom::{Condvar, Mutex, RwLock};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

models! {
    a_notified_waiter_wakes: 4,
    a_notified_waiter_wakes: 3 bare,
    a_notified_waiter_wakes: 3 awake,
    wait_ends_with_a_notification_only: 3,
    notifying_without_the_lock_loses_nothing: any,
    a_turn_goes_to_and_fro: 3,
    a_turn_goes_to_and_fro: 3 impatient,
    a_turn_goes_to_and_fro: 2 bare impatient,
    notify_one_and_a_timeout_agree: 4,
    two_waiters_take_two_notifications: 2,
    two_waiters_take_two_notifications: 1 bare,
    notify_all_wakes_everybody: 2,
    notify_all_wakes_everybody: 2 impatient,
    notify_all_wakes_everybody: 1 bare,
    notify_all_wakes_everybody: 1 awake,
    notify_all_without_the_lock_wakes_everybody: 2,
    notify_all_wakes_three: 1,
    two_timeouts_agree_with_notify_all: 2,
    a_timed_and_an_untimed_waiter_share_notifications: 2,
    readers_take_one_notification_each: 2,
    readers_take_one_notification_each: 1 bare,
    waiter_with_another_lock_is_not_forgotten: 3,
    readers_and_writers_wait_too: 2,
    readers_and_writers_wait_too: 1 bare,
    a_timed_reader_agrees_with_notify_all: 2,
    two_first_waiters_with_two_locks_agree_which_panics: 3,
}

const A_WHILE: Duration = Duration::from_millis(1);

/// A lock with a number in it, and its condition variable.
struct Counter {
    number: Mutex<usize>,
    changed: Condvar,
}

impl Counter {
    fn new() -> Common<Counter> {
        Common::new(Counter {
            number: Mutex::new(0),
            changed: Condvar::new(),
        })
    }

    fn wait_for(&self, number: usize) {
        let mut guard = self.number.lock();
        self.changed.wait_while(&mut guard, |now| *now < number);
    }
}

fn rest(counter: Common<Counter>) {
    let mut counter = counter.into_inner();
    counter.number.assert_at_rest();
    counter.changed.assert_at_rest();
}

fn a_notified_waiter_wakes() {
    let counter = Counter::new();
    let waiter = counter.spawn(|counter| counter.wait_for(1));
    let mut number = counter.number.lock();
    *number = 1;
    counter.changed.notify_one();
    drop(number);
    waiter.join().unwrap();
    rest(counter);
}

fn wait_ends_with_a_notification_only() {
    let counter = Counter::new();
    let waiter = counter.spawn(|counter| {
        let mut number = counter.number.lock();
        if *number == 0 {
            counter.changed.wait(&mut number);
        }
        assert_eq!(*number, 1);
    });
    let mut number = counter.number.lock();
    *number = 1;
    counter.changed.notify_one();
    drop(number);
    waiter.join().unwrap();
    rest(counter);
}

/// event-listener 139: the fast path without listeners.
fn notifying_without_the_lock_loses_nothing() {
    let counter = Counter::new();
    let waiter = counter.spawn(|counter| {
        let mut asked = 0;
        let mut number = counter.number.lock();
        counter.changed.wait_while(&mut number, |number| {
            asked += 1;
            assert!(asked <= 2, "it does not sleep");
            *number == 0
        });
    });
    *counter.number.lock() = 1;
    counter.changed.notify_one();
    waiter.join().unwrap();
    rest(counter);
}

fn a_turn_goes_to_and_fro() {
    fn take_turns(counter: &Counter, mine: usize) {
        let mut turn = counter.number.lock();
        for _ in 0..2 {
            counter
                .changed
                .wait_while(&mut turn, |turn| *turn % 2 != mine);
            *turn += 1;
            counter.changed.notify_one();
        }
    }
    let counter = Counter::new();
    let other = counter.spawn(|counter| take_turns(counter, 1));
    take_turns(&counter, 0);
    other.join().unwrap();
    rest(counter);
}

/// Either the notifier found the waiter, or the waiter's time was up: never both, never neither.
fn notify_one_and_a_timeout_agree() {
    let counter = Counter::new();
    let waiter = counter.spawn(|counter| {
        let mut number = counter.number.lock();
        *number = 1;
        counter.changed.wait_for(&mut number, A_WHILE).timed_out()
    });
    let number = counter.number.lock();
    let was_waiting = *number == 1;
    drop(number);
    let notified = counter.changed.notify_one();
    let timed_out = waiter.join().unwrap();
    if was_waiting {
        assert_eq!(notified, !timed_out);
    } else {
        assert!(notified != timed_out);
    }
    rest(counter);
}

/// tokio 7996, glibc 25847: an older waiter steals a newer one's notification.
fn two_waiters_take_two_notifications() {
    fn take(counter: &Counter) {
        let mut number = counter.number.lock();
        counter
            .changed
            .wait_while(&mut number, |number| *number == 0);
        *number -= 1;
    }
    let counter = Counter::new();
    let first = counter.spawn(take);
    let second = counter.spawn(take);
    for _ in 0..2 {
        *counter.number.lock() += 1;
        counter.changed.notify_one();
    }
    first.join().unwrap();
    second.join().unwrap();
    rest(counter);
}

fn notify_all_wakes_everybody() {
    let counter = Counter::new();
    let first = counter.spawn(|counter| counter.wait_for(1));
    let second = counter.spawn(|counter| counter.wait_for(1));
    let mut number = counter.number.lock();
    *number = 1;
    counter.changed.notify_all();
    drop(number);
    first.join().unwrap();
    second.join().unwrap();
    rest(counter);
}

fn notify_all_without_the_lock_wakes_everybody() {
    let counter = Counter::new();
    let first = counter.spawn(|counter| counter.wait_for(1));
    let second = counter.spawn(|counter| counter.wait_for(1));
    *counter.number.lock() = 1;
    counter.changed.notify_all();
    first.join().unwrap();
    second.join().unwrap();
    rest(counter);
}

fn notify_all_wakes_three() {
    let counter = Counter::new();
    let waiters: Vec<_> = (0..3)
        .map(|_| counter.spawn(|counter| counter.wait_for(1)))
        .collect();
    *counter.number.lock() = 1;
    counter.changed.notify_all();
    waiters
        .into_iter()
        .for_each(|waiter| waiter.join().unwrap());
    rest(counter);
}

/// parking_lot 129: the timeout path takes a waiter for the last one. And one may time out after a
/// notification has moved it to the mutex's queue.
fn two_timeouts_agree_with_notify_all() {
    fn wait_once(counter: &Counter) -> bool {
        let mut number = counter.number.lock();
        *number += 1;
        !counter.changed.wait_for(&mut number, A_WHILE).timed_out()
    }
    let counter = Counter::new();
    let first = counter.spawn(wait_once);
    let second = counter.spawn(wait_once);
    loom::thread::yield_now();
    let notified = counter.changed.notify_all();
    let woken = first.join().unwrap() as usize + second.join().unwrap() as usize;
    assert_eq!(notified, woken);
    rest(counter);
}

fn a_timed_and_an_untimed_waiter_share_notifications() {
    let counter = Counter::new();
    let timed = counter.spawn(|counter| {
        let mut number = counter.number.lock();
        let condition = |number: &mut usize| *number == 0;
        counter
            .changed
            .wait_while_for(&mut number, condition, A_WHILE);
    });
    let untimed = counter.spawn(|counter| counter.wait_for(1));
    *counter.number.lock() = 1;
    // One would be lost if the timed waiter took it and then said that its time was up.
    let notified = counter.changed.notify_one();
    let again = counter.changed.notify_one();
    assert!(notified || !again);
    timed.join().unwrap();
    untimed.join().unwrap();
    rest(counter);
}

/// A number that is read and written, and its condition variable.
type Board = (RwLock<usize>, Condvar);

/// One condition variable for two locks.
type Place = (Mutex<usize>, RwLock<usize>, Condvar);

fn readers_and_writers_wait_too() {
    let board: Common<Board> = Common::new((RwLock::new(0), Condvar::new()));
    let reader = board.spawn(|(number, changed)| {
        changed.wait_while(&mut number.read(), |number| *number == 0);
    });
    let writer = board.spawn(|(number, changed)| {
        let mut number = number.write();
        changed.wait_while(&mut number, |number| *number == 0);
        *number += 1;
    });
    let (number, changed) = &*board;
    *number.write() = 1;
    changed.notify_all();
    reader.join().unwrap();
    writer.join().unwrap();
    let (mut number, mut changed) = board.into_inner();
    number.assert_at_rest();
    changed.assert_at_rest();
    assert_eq!(number.into_inner(), 2);
}

/// They sleep in the second of the two queues, and the notifier must not take the first one for
/// both.
fn readers_take_one_notification_each() {
    let board: Common<Board> = Common::new((RwLock::new(0), Condvar::new()));
    let wait = |(number, changed): &Board| {
        changed.wait_while(&mut number.read(), |number| *number == 0);
    };
    let first = board.spawn(wait);
    let second = board.spawn(wait);
    let (number, changed) = &*board;
    *number.write() = 1;
    changed.notify_one();
    changed.notify_one();
    first.join().unwrap();
    second.join().unwrap();
    let (mut number, mut changed) = board.into_inner();
    number.assert_at_rest();
    changed.assert_at_rest();
}

/// The notifier looks for readers, finds none any more, and must not clear what the waiter with the
/// mutex has written.
fn waiter_with_another_lock_is_not_forgotten() {
    let place: Common<Place> = Common::new((Mutex::new(0), RwLock::new(0), Condvar::new()));
    let waiter = place.spawn(|(mutex, rwlock, changed)| {
        changed.wait_for(&mut rwlock.read(), A_WHILE);
        changed.wait_while(&mut mutex.lock(), |number| *number == 0);
    });
    let (mutex, _, changed) = &*place;
    changed.notify_all();
    *mutex.lock() = 1;
    changed.notify_all();
    waiter.join().unwrap();
    let (mut mutex, mut rwlock, mut changed) = place.into_inner();
    mutex.assert_at_rest();
    rwlock.assert_at_rest();
    changed.assert_at_rest();
}

fn a_timed_reader_agrees_with_notify_all() {
    fn wait_once((number, changed): &Board) -> bool {
        let mut number = number.read();
        !changed.wait_for(&mut number, A_WHILE).timed_out()
    }
    let board: Common<Board> = Common::new((RwLock::new(0), Condvar::new()));
    let first = board.spawn(wait_once);
    let second = board.spawn(wait_once);
    let notified = board.1.notify_all();
    let woken = first.join().unwrap() as usize + second.join().unwrap() as usize;
    assert_eq!(notified, woken);
    let (mut number, mut changed) = board.into_inner();
    number.assert_at_rest();
    changed.assert_at_rest();
}

/// One comes with a mutex and one with a reader-writer lock, so the queues that they come to have
/// different locks.
fn two_first_waiters_with_two_locks_agree_which_panics() {
    /// Whether the wait ended well; the one that panics must say why. The guard is dropped by the
    /// caller: loom's threads share one count of panics, so none may run while another unwinds.
    fn survives(wait: impl FnOnce()) -> bool {
        let Err(panic) = catch_unwind(AssertUnwindSafe(wait)) else {
            return true;
        };
        let message = panic.downcast_ref::<&str>().expect("a panic of ours");
        assert!(message.starts_with(WANTED_PANIC));
        false
    }

    let place: Common<Place> = Common::new((Mutex::new(0), RwLock::new(0), Condvar::new()));
    let first = place.spawn(|(number, _, changed)| {
        let mut number = number.lock();
        survives(|| changed.wait_while(&mut number, |number| *number == 0))
    });
    let second = place.spawn(|(_, number, changed)| {
        let mut number = number.write();
        survives(|| changed.wait_while(&mut number, |number| *number == 0))
    });
    *place.0.lock() = 1;
    *place.1.write() = 1;
    place.2.notify_all();
    let first = first.join().unwrap();
    let second = second.join().unwrap();
    // Both, if one came when the other had gone or need not wait.
    assert!(first || second);
    let (mut mutex, mut rwlock, mut changed) = place.into_inner();
    mutex.assert_at_rest();
    rwlock.assert_at_rest();
    changed.assert_at_rest();
}
