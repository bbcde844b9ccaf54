//! Models of `notify_all` that moves waiters to the mutex's queue, where they are the mutex's waiters until it is left to
//! them, or their time is up.

use crate::model::{Common, models};
use anteroom::{Condvar, Mutex, MutexGuard};
use loom::thread::JoinHandle;
use std::time::Duration;

models! {
    who_times_out_after_it_was_moved_was_notified: 2,
    a_fair_unlock_hands_over_to_one_that_was_moved: 2,
    a_fair_unlock_hands_over_to_one_that_was_moved: 1 bare,
    nobody_is_moved_to_the_mutex_of_others: 2,
}

const A_WHILE: Duration = Duration::from_millis(1);

#[derive(Default)]
struct State {
    /// Have begun to wait.
    waiting: usize,
    /// Have waited.
    done: usize,
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
        self.changed.wait_while(&mut state, |state| !state.may_go);
        state.done += 1;
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

fn who_times_out_after_it_was_moved_was_notified() {
    let room = Common::new(Room::default());
    let untimed = room.spawn(Room::wait);
    let timed = room.spawn(|room| {
        let mut state = room.state.lock();
        state.waiting += 1;
        let in_time = !room.changed.wait_for(&mut state, A_WHILE).timed_out();
        state.done += in_time as usize;
    });
    let notifier = room.spawn(|room| {
        let mut state = room.state.lock();
        state.may_go = true;
        let all = state.waiting == 2;
        let notified = room.changed.notify_all();
        drop(state);
        (all, notified)
    });
    let (all, notified) = notifier.join().unwrap();
    untimed.join().unwrap();
    timed.join().unwrap();
    // Or else the untimed one need not wait.
    if all {
        assert_eq!(room.state.lock().done, notified);
    }
    rest(room, []);
}

fn a_fair_unlock_hands_over_to_one_that_was_moved() {
    let room = Common::new(Room::default());
    let waiters = [room.spawn(Room::wait), room.spawn(Room::wait)];
    let mut state = room.state.lock();
    state.may_go = true;
    room.changed.notify_all();
    MutexGuard::unlock_fair(state);
    rest(room, waiters);
}

/// Who waited with another mutex when the notifier looked has left, and others are there.
fn nobody_is_moved_to_the_mutex_of_others() {
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
