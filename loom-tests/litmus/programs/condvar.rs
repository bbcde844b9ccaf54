//! The condition variable.

use super::primitives::{Condvar, Mutex, RwLock};
use super::{A_WHILE, ZERO, now, or_panic, programs, three, two};

programs! {
    notify_one_beside_timed: 2,
    notify_all_beside_timed: 2,
    notify_beside_zero: 2,
    notify_beside_until: 2,
    notify_twice_beside_timed: 2,
    notify_with_the_lock_beside_timed: 2,
    notify_one_beside_wait_while: 2,
    notify_all_beside_wait_while: 2,
    wait_while_for_beside_notify: 2,
    wait_while_until_beside_notify: 2,
    a_condition_that_is_met_beside_notify: 2,
    the_first_of_two_is_notified: 1 [bounded],
    all_of_two_are_notified: 1 [bounded],
    all_of_two_are_notified_with_the_lock: 1 [bounded],
    two_share_two_notifications: 1 [bounded],
    a_reader_waits: 2,
    a_writer_waits: 2,
    an_upgradable_reader_waits: 2 [beyond "((false, 1), (1, true), 1)"],
    two_locks: 1 [bounded],
    two_mutexes: 1 [bounded],
    two_locks_in_turn: 2,
    without_waiters: any,
}

/// A number, and its condition variable.
type Counter = (Mutex<u32>, Condvar);

fn counter() -> Counter {
    (Mutex::new(0), Condvar::new())
}

/// Whether the time was up, and what the number was then.
fn timed((number, changed): &Counter) -> (bool, u32) {
    let mut number = number.lock();
    *number += 1;
    let timed_out = changed.wait_for(&mut number, A_WHILE).timed_out();
    *number += 10;
    (timed_out, *number)
}

fn look((number, _): &Counter) -> u32 {
    *number.lock()
}

fn notify_one_beside_timed() -> impl std::fmt::Debug {
    two(counter(), timed, |(_, changed)| changed.notify_one(), look)
}

fn notify_all_beside_timed() -> impl std::fmt::Debug {
    two(counter(), timed, |(_, changed)| changed.notify_all(), look)
}

fn notify_beside_zero() -> impl std::fmt::Debug {
    let zero = |(number, changed): &Counter| {
        let mut number = number.lock();
        changed.wait_for(&mut number, ZERO).timed_out()
    };
    two(counter(), zero, |(_, changed)| changed.notify_one(), look)
}

fn notify_beside_until() -> impl std::fmt::Debug {
    let until = |(number, changed): &Counter| {
        let mut number = number.lock();
        changed.wait_until(&mut number, now()).timed_out()
    };
    two(counter(), until, |(_, changed)| changed.notify_all(), look)
}

fn notify_twice_beside_timed() -> impl std::fmt::Debug {
    let twice = |(_, changed): &Counter| (changed.notify_one(), changed.notify_all());
    two(counter(), timed, twice, look)
}

fn notify_with_the_lock_beside_timed() -> impl std::fmt::Debug {
    let notify = |(number, changed): &Counter| {
        let mut number = number.lock();
        let seen = *number;
        *number += 100;
        let notified = changed.notify_one();
        (seen, notified, changed.notify_one())
    };
    two(counter(), timed, notify, look)
}

fn set((number, changed): &Counter) -> (u32, bool) {
    *number.lock() += 1;
    (look_again(number), changed.notify_one())
}

fn look_again(number: &Mutex<u32>) -> u32 {
    *number.lock()
}

fn notify_one_beside_wait_while() -> impl std::fmt::Debug {
    let wait = |(number, changed): &Counter| {
        let (mut number, mut asked) = (number.lock(), 0);
        changed.wait_while(&mut number, |number| {
            asked += 1;
            *number == 0
        });
        *number += 10;
        asked
    };
    two(counter(), wait, set, look)
}

fn notify_all_beside_wait_while() -> impl std::fmt::Debug {
    let wait = |(number, changed): &Counter| {
        changed.wait_while(&mut number.lock(), |number| *number == 0);
    };
    let set = |(number, changed): &Counter| {
        let mut number = number.lock();
        *number += 1;
        changed.notify_all()
    };
    two(counter(), wait, set, look)
}

fn wait_while_for_beside_notify() -> impl std::fmt::Debug {
    let wait = |(number, changed): &Counter| {
        let (mut number, mut asked) = (number.lock(), 0);
        let condition = |number: &mut u32| {
            asked += 1;
            *number == 0
        };
        let timed_out = changed.wait_while_for(&mut number, condition, A_WHILE);
        (timed_out.timed_out(), *number, asked)
    };
    two(counter(), wait, set, look)
}

fn wait_while_until_beside_notify() -> impl std::fmt::Debug {
    let wait = |(number, changed): &Counter| {
        let mut number = number.lock();
        let condition = |number: &mut u32| *number == 0;
        let timed_out = changed.wait_while_until(&mut number, condition, now());
        (timed_out.timed_out(), *number)
    };
    two(counter(), wait, set, look)
}

fn a_condition_that_is_met_beside_notify() -> impl std::fmt::Debug {
    let wait = |(number, changed): &Counter| {
        let mut number = number.lock();
        let timed_out = changed.wait_while_for(&mut number, |_| false, A_WHILE);
        format!("{timed_out:?}")
    };
    two(counter(), wait, set, look)
}

/// Which of the two it was, if both wait by then.
fn the_first_of_two_is_notified() -> impl std::fmt::Debug {
    let wait = |(number, changed): &Counter| {
        let mut number = number.lock();
        *number += 1;
        let mine = *number;
        (mine, changed.wait_for(&mut number, A_WHILE).timed_out())
    };
    let notify = |(number, changed): &Counter| {
        let waiting = *number.lock();
        (waiting, changed.notify_one())
    };
    three(counter(), wait, wait, notify, look)
}

fn all_of_two_are_notified() -> impl std::fmt::Debug {
    let notify = |(_, changed): &Counter| changed.notify_all();
    three(counter(), timed, timed, notify, look)
}

fn all_of_two_are_notified_with_the_lock() -> impl std::fmt::Debug {
    let notify = |(number, changed): &Counter| {
        let number = number.lock();
        (*number, changed.notify_all())
    };
    three(counter(), timed, timed, notify, look)
}

fn two_share_two_notifications() -> impl std::fmt::Debug {
    let take = |(number, changed): &Counter| {
        let mut number = number.lock();
        changed.wait_while(&mut number, |number| *number == 0);
        *number -= 1;
    };
    let give = |(number, changed): &Counter| {
        *number.lock() += 1;
        let first = changed.notify_one();
        *number.lock() += 1;
        (first, changed.notify_one())
    };
    three(counter(), take, take, give, look)
}

/// A number that is read, too, and its condition variable.
type Board = (RwLock<u32>, Condvar);

fn board() -> Board {
    (RwLock::new(0), Condvar::new())
}

fn write((number, changed): &Board) -> (usize, bool) {
    *number.write() += 1;
    (changed.notify_all(), number.is_locked())
}

fn read((number, _): &Board) -> u32 {
    *number.read()
}

fn a_reader_waits() -> impl std::fmt::Debug {
    let wait = |(number, changed): &Board| {
        let mut number = number.read();
        let timed_out = changed.wait_for(&mut number, A_WHILE).timed_out();
        (timed_out, *number)
    };
    two(board(), wait, write, read)
}

fn a_writer_waits() -> impl std::fmt::Debug {
    let wait = |(number, changed): &Board| {
        let mut number = number.write();
        let timed_out = changed.wait_for(&mut number, A_WHILE).timed_out();
        *number += 10;
        (timed_out, *number)
    };
    two(board(), wait, write, read)
}

fn an_upgradable_reader_waits() -> impl std::fmt::Debug {
    let wait = |(number, changed): &Board| {
        let mut number = number.upgradable_read();
        let condition = |number: &u32| *number == 0;
        let timed_out = changed.wait_while_for(&mut number, condition, A_WHILE);
        (timed_out.timed_out(), *number)
    };
    two(board(), wait, write, read)
}

/// A thread that waits is refused while another one waits with another lock. The guard outlives the
/// panic: no guard is dropped while a thread of a model unwinds.
fn two_locks() -> impl std::fmt::Debug {
    let mutex = |(number, _, changed): &(Mutex<u32>, RwLock<u32>, Condvar)| {
        let mut number = number.lock();
        or_panic(|| changed.wait_for(&mut number, A_WHILE).timed_out())
    };
    let rwlock = |(_, number, changed): &(Mutex<u32>, RwLock<u32>, Condvar)| {
        let mut number = number.write();
        or_panic(|| changed.wait_for(&mut number, A_WHILE).timed_out())
    };
    let place = (Mutex::new(0), RwLock::new(0), Condvar::new());
    let notify = |(_, _, changed): &(Mutex<u32>, RwLock<u32>, Condvar)| changed.notify_all();
    three(place, mutex, rwlock, notify, |(mutex, rwlock, _)| {
        (mutex.is_locked(), rwlock.is_locked())
    })
}

fn two_mutexes() -> impl std::fmt::Debug {
    type Place = (Mutex<u32>, Mutex<u32>, Condvar);
    let first = |(number, _, changed): &Place| {
        let mut number = number.lock();
        or_panic(|| changed.wait_for(&mut number, A_WHILE).timed_out())
    };
    let second = |(_, number, changed): &Place| {
        let mut number = number.lock();
        or_panic(|| changed.wait_for(&mut number, A_WHILE).timed_out())
    };
    let place = (Mutex::new(0), Mutex::new(0), Condvar::new());
    two(place, first, second, |(first, second, changed)| {
        (first.is_locked(), second.is_locked(), changed.notify_one())
    })
}

fn two_locks_in_turn() -> impl std::fmt::Debug {
    type Place = (Mutex<u32>, RwLock<u32>, Condvar);
    let wait = |(mutex, rwlock, changed): &Place| {
        let first = changed.wait_for(&mut mutex.lock(), A_WHILE).timed_out();
        let second = changed.wait_for(&mut rwlock.read(), A_WHILE).timed_out();
        (first, second)
    };
    let place = (Mutex::new(0), RwLock::new(0), Condvar::new());
    let notify = |(_, _, changed): &Place| changed.notify_all();
    two(place, wait, notify, |_| ())
}

fn without_waiters() -> impl std::fmt::Debug {
    let (number, changed) = counter();
    let alone = (changed.notify_one(), changed.notify_all());
    let mut number = number.lock();
    let in_vain = (
        changed.wait_for(&mut number, A_WHILE),
        changed.wait_until(&mut number, now()),
        changed.wait_while_for(&mut number, |number| *number == 0, A_WHILE),
        changed.wait_while_for(&mut number, |number| *number == 1, ZERO),
    );
    let still = changed.notify_one();
    (alone, in_vain, still, format!("{changed:?}"))
}
