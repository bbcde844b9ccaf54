//! Models of `notify_all` that moves waiters to the mutex's queue, where they are the mutex's
//! waiters.

use crate::model::{Common, Gate, models};
use anteroom::{Condvar, Mutex, MutexGuard};
use loom::thread::JoinHandle;
use std::time::Duration;

models! {
    a_fair_unlock_hands_over_to_one_that_was_moved: 0,
    a_fair_unlock_hands_over_to_one_that_was_moved: 0 bare,
    no_waiter_is_moved_to_the_mutex_of_others: 2,
    a_notified_thread_that_is_stopped_keeps_no_other_asleep: 2 stalled,
    one_that_was_moved_behind_a_stopped_thread_is_called: 0 stalled,
}

const A_WHILE: Duration = Duration::from_millis(1);

#[derive(Default)]
struct State {
    /// Have begun to wait.
    waiting: usize,
    may_go: bool,
}

#[derive(Default)]
struct Room {
    state: Mutex<State>,
    changed: Condvar,
}

impl Room {
    fn wait(&self) {
        let mut state = self.state.lock();
        state.waiting += 1;
        let mut woken = 0;
        while !state.may_go {
            // No model notifies all more than twice.
            assert!(woken < 2, "it does not sleep");
            self.changed.wait(&mut state);
            woken += 1;
        }
    }
}

fn rest(room: Common<Room>, threads: impl IntoIterator<Item = JoinHandle<()>>) {
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    let mut room = room.into_inner();
    room.state.assert_at_rest();
    room.changed.assert_at_rest();
}

fn a_fair_unlock_hands_over_to_one_that_was_moved() {
    let room = Common::new(Room::default());
    let waiters = [room.spawn(Room::wait), room.spawn(Room::wait)];
    loom::thread::yield_now();
    let mut state = room.state.lock();
    state.may_go = true;
    room.changed.notify_all();
    MutexGuard::unlock_fair(state);
    rest(room, waiters);
}

/// The waiters with another mutex that the notifier saw have left, and others are there.
fn no_waiter_is_moved_to_the_mutex_of_others() {
    let both = Common::new((Room::default(), Mutex::new(())));
    let first = both.spawn(|(room, other)| {
        room.changed.wait_for(&mut other.lock(), A_WHILE);
        room.wait();
    });
    let second = both.spawn(|(room, _)| {
        // Not before the first has left the other mutex.
        if room.state.lock().waiting > 0 {
            room.wait();
        }
    });
    let (room, _) = &*both;
    room.changed.notify_all();
    room.state.lock().may_go = true;
    room.changed.notify_all();
    first.join().unwrap();
    second.join().unwrap();
    let (mut room, mut other) = both.into_inner();
    room.state.assert_at_rest();
    room.changed.assert_at_rest();
    other.assert_at_rest();
}

/// `notify_all` wakes it, and moves the other one to the mutex's queue. The notifier does not hold
/// the mutex any more.
fn a_notified_thread_that_is_stopped_keeps_no_other_asleep() {
    let gate = Gate::default();
    let room = Common::new(Room::default());
    let closed = gate.lock().unwrap();
    let stopped = room.spawn_stoppable(&gate, Room::wait);
    loom::thread::yield_now();
    let other = room.spawn(Room::wait);
    loom::thread::yield_now();
    room.state.lock().may_go = true;
    room.changed.notify_all();
    other.join().unwrap();
    drop(closed);
    rest(room, [stopped]);
}

/// The mutex's designated waker is stopped. Whichever thread unlocks finds the one that was moved,
/// and that none watches.
fn one_that_was_moved_behind_a_stopped_thread_is_called() {
    let gate = Gate::default();
    let room = Common::new(Room::default());
    let closed = gate.lock().unwrap();
    let waiters = [room.spawn(Room::wait), room.spawn(Room::wait)];
    loom::thread::yield_now();
    let state = room.state.lock();
    let stopped = room.spawn_stoppable(&gate, |room| drop(room.state.lock()));
    loom::thread::yield_now();
    drop(state);
    let mut state = room.state.lock();
    state.may_go = true;
    room.changed.notify_all();
    drop(state);
    waiters
        .into_iter()
        .for_each(|waiter| waiter.join().unwrap());
    drop(closed);
    rest(room, [stopped]);
}
