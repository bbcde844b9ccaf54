//! Models of the gate: waiters take one each of what other threads give, and are killed.

use super::{mortal_process, process, share};
use crate::ipc::gate::Gate;
use crate::models;
use crate::sys::Ordering::{AcqRel, Acquire, Relaxed};
use crate::sys::deadline::Deadline;
use crate::sys::ipc::me::Me;
use crate::sys::mortal::AtomicU32;
use std::time::Duration;

models! {
    a_sleeper_is_woken: any,
    a_sleeper_is_woken: 3 one_by_one,
    two_openings_wake_two: 3,
    one_opening_is_enough_for_two: 3,
    opening_for_all_wakes_two: 3,
    a_timed_sleeper_leaves_no_trace: 3,
    a_killed_sleeper_takes_no_wake_up_with_it: 2 mortal,
    a_killed_opener_leaves_no_waiter_asleep: 3 mortal,
    a_killed_opener_leaves_no_waiter_asleep: 2 mortal one_by_one,
    a_killed_opener_leaves_neither_of_two_asleep: 2 mortal,
}

/// What is waited for: any number of things.
struct Store {
    gate: Gate,
    left: AtomicU32,
}

impl Store {
    fn new() -> Self {
        Store {
            gate: Gate::new(),
            left: AtomicU32::new(0),
        }
    }

    fn try_take(&self) -> bool {
        // ORDERING: Acquire, for what was done before the thing was given.
        let mut left = self.left.load(Acquire);
        while left > 0 {
            // ORDERING: as above.
            match self.left.compare_exchange(left, left - 1, AcqRel, Acquire) {
                Ok(_) => return true,
                Err(now) => left = now,
            }
        }
        false
    }

    fn take_before(&self, deadline: Deadline) -> bool {
        let me = Me::get();
        self.gate.pend(me);
        let taken = loop {
            let seen = self.gate.approach();
            if self.try_take() {
                break true;
            }
            if !self.gate.sleep(seen, &[(&self.left, 0)], deadline) {
                break self.try_take();
            }
        };
        // ORDERING: Relaxed; the giver of more sees that a thread has approached, or is seen here.
        if self.left.load(Relaxed) > 0 {
            self.gate.open(me);
        }
        Gate::settle(me);
        taken
    }

    fn take(&self) {
        assert!(self.take_before(Deadline::NEVER));
    }

    /// Waits until there is something, leaves it there, and lets the next one see it.
    fn see(&self) {
        let me = Me::get();
        self.gate.pend(me);
        loop {
            let seen = self.gate.approach();
            // ORDERING: Acquire, for what was done before.
            if self.left.load(Acquire) > 0 {
                break;
            }
            self.gate.sleep(seen, &[(&self.left, 0)], Deadline::NEVER);
        }
        self.gate.open(me);
        Gate::settle(me);
    }

    fn give(&self, count: u32) {
        let me = Me::get();
        self.gate.pend(me);
        // ORDERING: AcqRel, for the thread that takes it.
        self.left.fetch_add(count, AcqRel);
        self.gate.open(me);
        Gate::settle(me);
    }
}

fn a_sleeper_is_woken() {
    let store = share(Store::new());
    let sleeper = process(&store, Store::take);
    store.give(1);
    sleeper.join().unwrap();
}

fn two_openings_wake_two() {
    let store = share(Store::new());
    let sleepers = [process(&store, Store::take), process(&store, Store::take)];
    store.give(1);
    store.give(1);
    sleepers.into_iter().for_each(|it| it.join().unwrap());
}

fn one_opening_is_enough_for_two() {
    let store = share(Store::new());
    let sleepers = [process(&store, Store::take), process(&store, Store::take)];
    store.give(2);
    sleepers.into_iter().for_each(|it| it.join().unwrap());
}

fn opening_for_all_wakes_two() {
    let store = share(Store::new());
    let sleepers = [process(&store, Store::see), process(&store, Store::see)];
    // ORDERING: AcqRel, for the threads that see it.
    store.left.fetch_add(1, AcqRel);
    store.gate.open_for_all(Me::get());
    sleepers.into_iter().for_each(|it| it.join().unwrap());
}

fn a_timed_sleeper_leaves_no_trace() {
    let store = share(Store::new());
    let timed = process(&store, |store| {
        if store.take_before(Deadline::after(Duration::ZERO)) {
            store.give(1);
        }
    });
    let sleeper = process(&store, Store::take);
    store.give(1);
    timed.join().unwrap();
    sleeper.join().unwrap();
}

/// Two are given, of which the doomed one takes one at most.
fn a_killed_sleeper_takes_no_wake_up_with_it() {
    let store = share(Store::new());
    let doomed = mortal_process(&store, Store::take);
    let sleeper = process(&store, Store::take);
    store.give(1);
    store.give(1);
    sleeper.join().unwrap();
    doomed.join().unwrap();
}

/// If it was killed after its change, no other thread opens the gate.
fn after_a_killed_opener(sleepers: usize) {
    let store = share(Store::new());
    let sleepers: Vec<_> = (0..sleepers).map(|_| process(&store, Store::see)).collect();
    let doomed = mortal_process(&store, |store| store.give(1));
    doomed.join().unwrap();
    // ORDERING: Relaxed; its death has been waited for.
    if store.left.load(Relaxed) == 0 {
        store.give(1);
    }
    sleepers.into_iter().for_each(|it| it.join().unwrap());
}

fn a_killed_opener_leaves_no_waiter_asleep() {
    after_a_killed_opener(1);
}

fn a_killed_opener_leaves_neither_of_two_asleep() {
    after_a_killed_opener(2);
}
