//! Models of the semaphore between processes, and of the ledger: what killed threads held comes
//! back, once.

use super::{
    Known, Ready, all_are_alive, known, known_mortal, live, mortal, mortal_process,
    nothing_is_pending, process, second_mortal, second_mortal_process, share, sleepers,
    until_asleep,
};
use crate::ipc::ledger::{Holder, SLOTS};
use crate::ipc::semaphore::raw::{MAX_PERMITS, RawSemaphore, Refused};
use crate::models;
use crate::sys::Access;
use crate::sys::deadline::Deadline;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

models! {
    two_processes_exclude_each_other: 2,
    two_processes_find_a_slot_each: 1,
    three_processes_take_turns: 1,
    three_processes_take_turns: 1 awake,
    an_added_permit_wakes_one: 3,
    an_added_permit_wakes_one: 2 one_by_one,
    two_added_permits_wake_two: 1,
    a_wish_for_two_lets_another_pass: 1,
    a_wish_for_two_lets_another_pass: 1 awake,
    two_wishes_for_two_are_both_served: 1,
    two_wishes_for_two_sleep_beside_one_permit: 0,
    a_timed_waiter_leaves_no_trace: 1,
    a_timed_waiter_leaves_no_trace: 1 awake,
    closing_wakes_two: 1,
    a_killed_process_gives_back: 2 mortal,
    a_killed_process_gives_back: 1 mortal one_by_one,
    a_process_killed_while_it_finds_its_slot_leaves_no_trace: 1 mortal,
    a_killed_process_gives_back_to_two: 0 mortal,
    a_killed_waiter_takes_nothing_with_it: 0 mortal,
    a_killed_waiter_takes_nothing_with_it: 0 mortal awake,
    a_killed_closer_leaves_no_waiter_asleep: 1 mortal,
    a_try_beside_a_killed_process: 2 mortal,
    after_a_death_the_recoverer_may_die_too: 0 mortals,
    after_a_death_the_recoverer_may_die_too: 0 mortals awake,
    two_are_killed_at_once: 1 mortals,
    two_are_killed_beside_a_third: 0 mortals,
    a_slot_of_the_dead_is_used_again: 1 mortal,
    one_after_the_other_may_die: 0 mortals,
    two_give_back_for_the_same_one: 1 mortal,
    two_look_for_a_slot_after_a_death: 0 mortal,
    giver_sees_what_was_witnessed: 0 mortal,
    what_is_added_hides_no_change: 0 mortal,
    what_is_forgotten_does_not_come_back: 0 mortal,
    what_comes_back_leaves_it_closed: 0 mortal,
    latecomer_passes_its_wake_up_on: 0 mortal newest,
    latecomer_passes_its_wake_up_on: 0 mortal newest awake,
    woken_waiter_tells_of_a_new_slot: 0 mortal,
    latecomer_has_the_slot_that_the_dead_began: 0 mortals newest,
    latecomer_has_the_slot_that_the_dead_began: 0 mortals newest awake,
    a_slot_is_retired_beside_its_owner: 1,
    a_slot_is_retired_beside_its_killed_owner: 1 mortal,
    a_killed_process_whose_slot_was_retired_gives_back: 0 mortal,
    a_killed_retirer_leaves_the_slot_to_its_owner: 0 mortal,
    after_a_killed_retirer_another_one_may_die_too: 0 mortals,
    two_retire_slots_at_once: 1,
    two_retire_slots_at_once_and_one_is_killed: 0 mortal,
    a_killed_user_of_a_shared_slot_gives_back: 1 mortal,
    two_share_a_slot_and_one_is_killed: 1 mortal,
    a_waiter_hears_of_a_shared_slot: 0 mortal newest,
    a_waiter_hears_of_a_shared_slot: 0 mortal newest awake,
    what_was_taken_again_comes_back: 1 mortal,
    second_take_sees_another_in_between: 1 mortal,
    an_account_with_more_is_not_emptied: 0 mortal,
    without_give_back_a_killed_waiter_takes_no_wake_up: 2 mortal,
    without_give_back_a_killed_waiter_takes_no_wake_up: 1 mortal awake,
    without_give_back_it_is_given_back_by_hand: 2,
    without_give_back_two_give_back_at_once: any,
    without_give_back_a_killed_giver_leaves_no_waiter_asleep: 0 mortal,
    take_at_once_sees_what_came_before_an_added_permit: any,
    taking_nothing_keeps_no_slot: 0,
    dead_slot_among_armed_ones_is_claimed: 0 mortal,
    claim_beside_a_dying_owner_takes_nothing: 1 mortal,
    waiter_hears_of_an_owner_of_a_retired_slot: 0 mortal newest,
    holder_by_a_shared_slot_has_nothing_pending: 0,
    slot_is_retired_beside_its_killed_new_owner: 1 mortal,
    shared_slot_of_the_dead_is_claimed: 0 mortals,
}

/// A semaphore, and what the holders of its only permit use.
struct Store {
    semaphore: RawSemaphore,
    data: Access,
}

impl Store {
    fn new(permits: u32) -> Self {
        Store {
            semaphore: RawSemaphore::new(permits, true),
            data: Access::new(),
        }
    }

    fn keep(permits: u32) -> Self {
        Store {
            semaphore: RawSemaphore::new(permits, false),
            data: Access::new(),
        }
    }

    fn take_and_give_back(&self, permits: u32) {
        let wait = Some(Deadline::NEVER);
        let holder = self.semaphore.take(permits, wait).unwrap();
        self.semaphore.give_back(holder, permits);
    }

    /// With the only permit.
    fn enter(&self) {
        let holder = self.semaphore.take(1, Some(Deadline::NEVER)).unwrap();
        self.data.exclusive();
        self.semaphore.give_back(holder, 1);
    }

    fn one(&self) {
        self.take_and_give_back(1);
    }

    fn two(&self) {
        self.take_and_give_back(2);
    }

    fn try_one(&self, wait: Option<Deadline>) {
        if let Ok(holder) = self.semaphore.take(1, wait) {
            self.data.exclusive();
            self.semaphore.give_back(holder, 1);
        }
    }

    /// There is one for each of two.
    fn try_one_of_two(&self) {
        let holder = self.semaphore.take(1, None).unwrap();
        self.semaphore.give_back(holder, 1);
    }

    /// When all have ended, no thread holds any.
    fn rest(&self, permits: u32) {
        assert_eq!(self.semaphore.free(), permits);
    }
}

impl Known for Store {
    fn find_slot(&self) {
        self.semaphore.take(0, None).unwrap();
    }
}

fn two_processes_exclude_each_other() {
    let store = share(Store::new(1));
    let other = process(&store, Store::enter);
    store.enter();
    other.join().unwrap();
    store.rest(1);
}

fn two_processes_find_a_slot_each() {
    let store = share(Store::new(1));
    let other = process(&store, Store::find_slot);
    store.find_slot();
    other.join().unwrap();
}

fn three_processes_take_turns() {
    let store = share(Store::new(1));
    let others = [known(&store, Store::enter), known(&store, Store::enter)].map(Ready::go);
    store.enter();
    others.into_iter().for_each(|other| other.join().unwrap());
    store.rest(1);
}

fn an_added_permit_wakes_one() {
    let store = share(Store::new(0));
    let other = process(&store, Store::one);
    assert!(store.semaphore.add(1));
    other.join().unwrap();
    store.rest(1);
}

fn two_added_permits_wake_two() {
    let store = share(Store::new(0));
    let take = |store: &Store| {
        let holder = store.semaphore.take(1, Some(Deadline::NEVER)).unwrap();
        store.semaphore.forget(holder, 1);
    };
    let others = [process(&store, take), process(&store, take)];
    assert!(store.semaphore.add(2));
    others.into_iter().for_each(|other| other.join().unwrap());
    store.rest(0);
}

/// The wake-up for one permit goes to the waiter for two.
fn a_wish_for_two_lets_another_pass() {
    let store = share(Store::new(0));
    let large = known(&store, Store::two).go();
    until_asleep(1);
    let small = known(&store, Store::one).go();
    until_asleep(2);
    assert!(store.semaphore.add(1));
    small.join().unwrap();
    assert!(store.semaphore.add(1));
    large.join().unwrap();
    store.rest(2);
}

fn two_wishes_for_two_are_both_served() {
    let store = share(Store::new(1));
    let others = [process(&store, Store::two), process(&store, Store::two)];
    assert!(store.semaphore.add(1));
    others.into_iter().for_each(|other| other.join().unwrap());
    store.rest(2);
}

/// If they woke each other in turn, this would not end.
fn two_wishes_for_two_sleep_beside_one_permit() {
    let store = share(Store::new(0));
    let others = [process(&store, Store::two), process(&store, Store::two)];
    until_asleep(2);
    assert!(store.semaphore.add(1));
    until_asleep(2);
    assert!(store.semaphore.add(1));
    others.into_iter().for_each(|other| other.join().unwrap());
    store.rest(2);
}

fn a_timed_waiter_leaves_no_trace() {
    let store = share(Store::new(1));
    let timed = known(&store, |store| {
        store.try_one(Some(Deadline::after(Duration::ZERO)));
    });
    let other = known(&store, Store::enter);
    let others = [timed.go(), other.go()];
    store.enter();
    others.into_iter().for_each(|other| other.join().unwrap());
    store.rest(1);
}

fn closing_wakes_two() {
    let store = share(Store::new(0));
    let refused = |store: &Store| {
        let end = store.semaphore.take(1, Some(Deadline::NEVER));
        assert_eq!(end.err(), Some(Refused::Closed));
    };
    let others = [process(&store, refused), process(&store, refused)];
    store.semaphore.close();
    others.into_iter().for_each(|other| other.join().unwrap());
}

fn a_killed_process_gives_back() {
    let store = share(Store::new(1));
    store.find_slot();
    let doomed = known_mortal(&store, Store::enter).go();
    store.enter();
    doomed.join().unwrap();
    store.rest(1);
}

fn a_process_killed_while_it_finds_its_slot_leaves_no_trace() {
    let store = share(Store::new(1));
    let doomed = mortal_process(&store, Store::find_slot);
    store.enter();
    doomed.join().unwrap();
    store.rest(1);
}

fn a_killed_process_gives_back_to_two() {
    let store = share(Store::new(1));
    store.find_slot();
    let doomed = known_mortal(&store, Store::enter);
    let other = known(&store, Store::enter);
    let (doomed, other) = (doomed.go(), other.go());
    store.enter();
    other.join().unwrap();
    doomed.join().unwrap();
    store.rest(1);
}

/// Two waiters sleep while the permit is held, and one of them is killed.
fn a_killed_waiter_takes_nothing_with_it() {
    let store = share(Store::new(0));
    store.find_slot();
    let doomed = known_mortal(&store, Store::enter);
    let other = known(&store, Store::enter);
    let (doomed, other) = (doomed.go(), other.go());
    assert!(store.semaphore.add(1));
    other.join().unwrap();
    doomed.join().unwrap();
    store.rest(1);
}

/// If it was killed before it closed the semaphore, another thread does.
fn a_killed_closer_leaves_no_waiter_asleep() {
    let store = share(Store::new(0));
    let refused = |store: &Store| {
        let end = store.semaphore.take(1, Some(Deadline::NEVER));
        assert_eq!(end.err(), Some(Refused::Closed));
    };
    let others = [known(&store, refused), known(&store, refused)].map(Ready::go);
    let doomed = mortal_process(&store, |store| store.semaphore.close());
    doomed.join().unwrap();
    if !store.semaphore.is_closed() {
        store.semaphore.close();
    }
    others.into_iter().for_each(|other| other.join().unwrap());
}

fn a_try_beside_a_killed_process() {
    let store = share(Store::new(1));
    store.find_slot();
    let doomed = known_mortal(&store, |store| store.try_one(None)).go();
    store.try_one(None);
    doomed.join().unwrap();
    // This also recovers what a killed thread held.
    assert!(store.semaphore.take(1, None).is_ok());
}

/// The first dies at one of its steps and leaves the ledger so; the second finds it so, and dies at
/// one of its own.
fn after_a_death_the_recoverer_may_die_too() {
    let store = share(Store::new(1));
    store.find_slot();
    let second = second_mortal(&store, Store::enter);
    known_mortal(&store, Store::enter).go().join().unwrap();
    let second = second.go();
    store.enter();
    second.join().unwrap();
    store.rest(1);
}

fn two_are_killed_at_once() {
    let store = share(Store::new(1));
    store.find_slot();
    let first = known_mortal(&store, Store::enter);
    let second = second_mortal(&store, Store::enter);
    let (first, second) = (first.go(), second.go());
    first.join().unwrap();
    second.join().unwrap();
    store.enter();
    store.rest(1);
}

/// As above, but the third does not wait for the second. (If it waited for neither, the search
/// would take twenty minutes.)
fn two_are_killed_beside_a_third() {
    let store = share(Store::new(1));
    store.find_slot();
    let first = known_mortal(&store, Store::enter);
    let second = second_mortal(&store, Store::enter);
    let (first, second) = (first.go(), second.go());
    first.join().unwrap();
    store.enter();
    second.join().unwrap();
    store.rest(1);
}

/// There are as many slots as processes that live here.
fn a_slot_of_the_dead_is_used_again() {
    let store = share(Store::new(1));
    if mortal_process(&store, Store::enter).join().unwrap() {
        return;
    }
    // One after the other: they keep their slots.
    process(&store, Store::enter).join().unwrap();
    process(&store, Store::enter).join().unwrap();
    store.enter();
    store.rest(1);
}

/// Two are added, of which the doomed one takes one at most.
fn without_give_back_a_killed_waiter_takes_no_wake_up() {
    let store = share(Store::keep(0));
    let take = |store: &Store| {
        store.semaphore.take(1, Some(Deadline::NEVER)).unwrap();
    };
    let doomed = mortal_process(&store, take);
    let other = process(&store, take);
    assert!(store.semaphore.add(1));
    assert!(store.semaphore.add(1));
    other.join().unwrap();
    doomed.join().unwrap();
}

/// Holds two, one after the other, whatever the dead have left.
fn hold_two(store: &Store) {
    let wait = Some(Deadline::NEVER);
    let one = store.semaphore.take(1, wait).unwrap();
    let two = store.semaphore.take(1, wait).unwrap();
    store.semaphore.give_back(one, 1);
    store.semaphore.give_back(two, 1);
}

/// Each finds what the one before has left, at any of its steps.
fn one_after_the_other_may_die() {
    let store = share(Store::new(2));
    let first = mortal_process(&store, hold_two).join().unwrap();
    let second = second_mortal_process(&store, hold_two).join().unwrap();
    live(&*store, hold_two);
    // There is a slot for it, and one for each thread that replaces another.
    for lived in [first, second] {
        if !lived {
            process(&store, Store::find_slot).join().unwrap();
        }
    }
    store.rest(2);
}

fn two_give_back_for_the_same_one() {
    let store = share(Store::new(1));
    store.find_slot();
    let other = known(&store, Store::enter);
    mortal_process(&store, Store::enter).join().unwrap();
    let other = other.go();
    store.enter();
    other.join().unwrap();
    store.rest(1);
}

fn two_look_for_a_slot_after_a_death() {
    let store = share(Store::new(1));
    mortal_process(&store, Store::enter).join().unwrap();
    let other = process(&store, Store::find_slot);
    process(&store, Store::enter).join().unwrap();
    other.join().unwrap();
    store.rest(1);
}

/// One overwrites the last change of the dead, another one has seen nothing yet.
fn giver_sees_what_was_witnessed() {
    let store = share(Store::new(1));
    let writer = known(&store, Store::enter);
    mortal_process(&store, Store::enter).join().unwrap();
    let finder = process(&store, Store::find_slot);
    writer.go().join().unwrap();
    finder.join().unwrap();
    store.rest(1);
}

/// No account has what is added, so it comes between the changes of others.
fn what_is_added_hides_no_change() {
    let store = share(Store::new(1));
    mortal_process(&store, Store::enter).join().unwrap();
    assert!(store.semaphore.add(1));
    store.rest(2);
    assert!(!store.semaphore.add(MAX_PERMITS - 1));
    assert!(store.semaphore.add(MAX_PERMITS - 2));
    store.rest(MAX_PERMITS);
}

fn what_is_forgotten_does_not_come_back() {
    let store = share(Store::new(2));
    let is_forgotten = Arc::new(AtomicBool::new(false));
    let forgotten = is_forgotten.clone();
    let doomed = mortal_process(&store, move |store| {
        let nothing = store.semaphore.take(0, None).unwrap();
        store.semaphore.forget(nothing, 0);
        store.semaphore.give_back(nothing, 0);
        let holder = store.semaphore.take(2, None).unwrap();
        store.semaphore.forget(holder, 1);
        // ORDERING: Relaxed, both; no part of the model.
        forgotten.store(true, Relaxed);
        store.semaphore.give_back(holder, 1);
    });
    let lived = doomed.join().unwrap();
    let left = match lived || is_forgotten.load(Relaxed) {
        true => 1..=1,
        false => 1..=2,
    };
    let holder = store.semaphore.take(1, None).unwrap();
    store.semaphore.give_back(holder, 1);
    assert!(left.contains(&store.semaphore.free()));
}

fn what_comes_back_leaves_it_closed() {
    let store = share(Store::new(2));
    let doomed = mortal_process(&store, |store| {
        let holder = store.semaphore.take(1, None).unwrap();
        store.semaphore.close();
        store.semaphore.give_back(holder, 1);
    });
    let lived = doomed.join().unwrap();
    let is_closed = store.semaphore.is_closed();
    assert!(is_closed || !lived);
    store.rest(2);
    assert_eq!(store.semaphore.is_closed(), is_closed);
    for wait in [None, Some(Deadline::NEVER)] {
        let refused = store.semaphore.take(1, wait).err();
        assert_eq!(refused, is_closed.then_some(Refused::Closed));
    }
}

/// Gives back the only permit when both sleep, or the doomed one is dead. Both come to their end.
fn free_beside(
    store: &Store,
    holder: Holder,
    sleeper: loom::thread::JoinHandle<()>,
    doomed: loom::thread::JoinHandle<bool>,
) {
    while sleepers() < 2 && all_are_alive() {
        loom::thread::yield_now();
    }
    store.semaphore.give_back(holder, 1);
    sleeper.join().unwrap();
    doomed.join().unwrap();
    store.rest(1);
}

/// The waiter that sleeps already does not know the latecomer's slot, and is woken second.
fn latecomer_passes_its_wake_up_on() {
    let store = share(Store::new(1));
    let holder = store.semaphore.take(1, None).unwrap();
    let sleeper = process(&store, Store::enter);
    until_asleep(1);
    let doomed = mortal_process(&store, Store::enter);
    free_beside(&store, holder, sleeper, doomed);
}

/// One waiter is woken and does not run yet, and the other one's `APPROACHED` bit is gone, when the
/// thread that woke it begins a slot. That thread is killed after the first waiter has left.
fn woken_waiter_tells_of_a_new_slot() {
    let store = share(Store::new(0));
    let keep = |store: &Store| {
        let holder = store.semaphore.take(1, Some(Deadline::NEVER)).unwrap();
        store.semaphore.forget(holder, 1);
    };
    let sleepers = [known(&store, keep), known(&store, keep)].map(Ready::go);
    until_asleep(2);
    let it = store.clone();
    let doomed = loom::thread::spawn(move || {
        assert!(it.semaphore.add(2));
        mortal(0, || {
            if let Ok(holder) = it.semaphore.take(1, None) {
                loom::thread::yield_now();
                it.semaphore.give_back(holder, 1);
            }
        });
    });
    doomed.join().unwrap();
    sleepers.into_iter().for_each(|it| it.join().unwrap());
    store.rest(0);
}

/// As in the one before, but another thread had to tell the sleeper of the new slot.
fn latecomer_has_the_slot_that_the_dead_began() {
    let store = share(Store::new(1));
    let holder = store.semaphore.take(1, None).unwrap();
    let sleeper = process(&store, Store::enter);
    until_asleep(1);
    if mortal_process(&store, Store::find_slot).join().unwrap() {
        store.semaphore.give_back(holder, 1);
        return sleeper.join().unwrap();
    }
    let is_over = Arc::new(AtomicBool::new(false));
    let (it, over) = (store.clone(), is_over.clone());
    let doomed = loom::thread::spawn(move || {
        // There may be no slot while another thread recovers the dead one's.
        mortal(1, || it.try_one(Some(Deadline::NEVER)));
        over.store(true, Relaxed);
    });
    // ORDERING: Relaxed, both; no part of the model.
    while sleepers() < 2 && !is_over.load(Relaxed) {
        loom::thread::yield_now();
    }
    store.semaphore.give_back(holder, 1);
    sleeper.join().unwrap();
    doomed.join().unwrap();
    store.rest(1);
}

/// Live processes that hold nothing have all slots that begin biased, less those that are in use
/// already.
fn own_slots_but(store: &Arc<Store>, used: usize) {
    for _ in used..SLOTS {
        process(store, Store::find_slot).join().unwrap();
    }
}

/// The first slot is that of a process that uses it while another one retires it, or the next one.
fn a_slot_is_retired_beside_its_owner() {
    let store = share(Store::new(1));
    let owner = known(&store, Store::enter);
    own_slots_but(&store, 1);
    let owner = owner.go();
    store.enter();
    owner.join().unwrap();
    store.rest(1);
}

/// If it is killed in a slot that is retired, nothing comes back.
fn a_slot_is_retired_beside_its_killed_owner() {
    let store = share(Store::new(1));
    let owner = known_mortal(&store, Store::enter);
    own_slots_but(&store, 1);
    let owner = owner.go();
    store.find_slot();
    owner.join().unwrap();
    store.rest(1);
}

/// It must not use its old slot any more, at which no other process looks.
fn a_killed_process_whose_slot_was_retired_gives_back() {
    let store = share(Store::new(1));
    let owner = known_mortal(&store, Store::enter);
    own_slots_but(&store, 1);
    store.find_slot();
    let owner = owner.go();
    store.enter();
    owner.join().unwrap();
    store.rest(1);
}

fn a_killed_retirer_leaves_the_slot_to_its_owner() {
    let store = share(Store::new(1));
    let owner = known(&store, Store::enter);
    own_slots_but(&store, 1);
    let owner = owner.go();
    let doomed = mortal_process(&store, Store::find_slot);
    owner.join().unwrap();
    doomed.join().unwrap();
    store.enter();
    store.rest(1);
}

fn after_a_killed_retirer_another_one_may_die_too() {
    let store = share(Store::new(1));
    store.find_slot();
    own_slots_but(&store, 1);
    mortal_process(&store, Store::find_slot).join().unwrap();
    let second = second_mortal_process(&store, Store::find_slot);
    second.join().unwrap();
    store.enter();
    store.rest(1);
}

fn two_retire_slots_at_once() {
    let store = share(Store::new(2));
    own_slots_but(&store, 0);
    let other = process(&store, Store::try_one_of_two);
    store.try_one_of_two();
    other.join().unwrap();
    store.rest(2);
}

fn two_retire_slots_at_once_and_one_is_killed() {
    let store = share(Store::new(2));
    own_slots_but(&store, 0);
    let doomed = mortal_process(&store, Store::try_one_of_two);
    store.try_one_of_two();
    doomed.join().unwrap();
    store.rest(2);
}

fn a_killed_user_of_a_shared_slot_gives_back() {
    let store = share(Store::new(1));
    own_slots_but(&store, 0);
    store.find_slot();
    let doomed = known_mortal(&store, Store::enter).go();
    store.enter();
    doomed.join().unwrap();
    store.rest(1);
}

/// The second is to have the slot that the first one had, at the same time or later.
fn two_share_a_slot_and_one_is_killed() {
    let store = share(Store::new(2));
    store.find_slot();
    own_slots_but(&store, 1);
    let doomed = known_mortal(&store, Store::try_one_of_two);
    let other = known(&store, Store::try_one_of_two);
    let (doomed, other) = (doomed.go(), other.go());
    doomed.join().unwrap();
    other.join().unwrap();
    store.rest(2);
}

/// The waiter does not know the slot by which a process holds the permit that is then killed.
fn a_waiter_hears_of_a_shared_slot() {
    let store = share(Store::new(1));
    let holder = store.semaphore.take(1, None).unwrap();
    let sleeper = known(&store, Store::enter);
    own_slots_but(&store, 2);
    let sleeper = sleeper.go();
    until_asleep(1);
    let doomed = mortal_process(&store, Store::enter);
    free_beside(&store, holder, sleeper, doomed);
}

fn without_give_back_it_is_given_back_by_hand() {
    let store = share(Store::keep(1));
    let other = process(&store, Store::enter);
    store.enter();
    other.join().unwrap();
    store.rest(1);
    let holder = store.semaphore.take(1, None).unwrap();
    store.semaphore.forget(holder, 1);
    store.rest(0);
}

/// The second time it follows its own change, unless the other one has come in between.
fn what_was_taken_again_comes_back() {
    let store = share(Store::new(1));
    store.find_slot();
    let doomed = known_mortal(&store, |store: &Store| {
        store.enter();
        store.enter();
    });
    let doomed = doomed.go();
    store.enter();
    doomed.join().unwrap();
    store.rest(1);
}

/// A change by the dead, which they had not recorded, is not overwritten without a witness.
fn second_take_sees_another_in_between() {
    let store = share(Store::new(1));
    let other = known(&store, |store: &Store| {
        store.enter();
        store.enter();
    });
    let doomed = known_mortal(&store, Store::enter).go();
    other.go().join().unwrap();
    doomed.join().unwrap();
    store.rest(1);
}

/// What it took first, and gives back first, is not all that it has.
fn an_account_with_more_is_not_emptied() {
    let store = share(Store::new(2));
    let doomed = known_mortal(&store, |store: &Store| {
        let wait = Some(Deadline::NEVER);
        let one = store.semaphore.take(1, wait).unwrap();
        store.semaphore.give_back(one, 0);
        let two = store.semaphore.take(1, wait).unwrap();
        store.semaphore.give_back(one, 1);
        store.semaphore.give_back(two, 1);
    });
    doomed.go().join().unwrap();
    store.rest(2);
}

fn without_give_back_two_give_back_at_once() {
    let store = share(Store::keep(2));
    let other = process(&store, Store::try_one_of_two);
    store.try_one_of_two();
    other.join().unwrap();
    store.rest(2);
}

/// If it has given back before, the sleeper is woken.
fn without_give_back_a_killed_giver_leaves_no_waiter_asleep() {
    let store = share(Store::keep(1));
    let it = store.clone();
    let doomed = loom::thread::spawn(move || {
        let holder = it.semaphore.take(1, None).unwrap();
        until_asleep(1);
        mortal(0, || it.semaphore.give_back(holder, 1)).is_some()
    });
    loom::thread::yield_now();
    let sleeper = process(&store, |store| {
        let holder = store.semaphore.take(1, Some(Deadline::NEVER)).unwrap();
        store.semaphore.give_back(holder, 1);
    });
    if !doomed.join().unwrap() && store.semaphore.free() == 0 {
        assert!(store.semaphore.add(1));
    }
    sleeper.join().unwrap();
}

/// An added permit has no author: the last change is still this thread's own.
fn take_at_once_sees_what_came_before_an_added_permit() {
    let store = share(Store::new(1));
    store.enter();
    let other = process(&store, |store| {
        store.data.exclusive();
        assert!(store.semaphore.add(1));
    });
    loom::thread::yield_now();
    if let Ok(holder) = store.semaphore.take(2, None) {
        store.data.exclusive();
        store.semaphore.give_back(holder, 2);
    }
    other.join().unwrap();
    store.rest(2);
}

/// Not even if it does so again, at once.
fn taking_nothing_keeps_no_slot() {
    let twice = |store: &Store| {
        store.find_slot();
        store.find_slot();
    };
    let store = share(Store::new(1));
    let other = process(&store, twice);
    live(&*store, twice);
    other.join().unwrap();
    store.rest(1);
}

fn keep_one(store: &Store) {
    store.semaphore.take(1, None).unwrap();
}

/// Live holders have all biased slots but one, and are not to be retired.
fn hold_slots_but_one(store: &Arc<Store>) {
    keep_one(store);
    for _ in 2..SLOTS {
        let it = store.clone();
        let hold = move || keep_one(&it);
        loom::thread::spawn(hold).join().unwrap();
    }
}

fn dead_slot_among_armed_ones_is_claimed() {
    let store = share(Store::new(SLOTS as u32 + 1));
    hold_slots_but_one(&store);
    let doomed = mortal_process(&store, Store::try_one_of_two);
    doomed.join().unwrap();
    process(&store, Store::try_one_of_two).join().unwrap();
}

/// The owner lives when the claim first looks at its slot, and may be dead later, with a permit.
fn claim_beside_a_dying_owner_takes_nothing() {
    let store = share(Store::new(2));
    let doomed = known_mortal(&store, Store::try_one_of_two).go();
    store.find_slot();
    doomed.join().unwrap();
    store.rest(2);
}

/// The sleeper watches no retired slot, so its owner must not come back to it.
fn waiter_hears_of_an_owner_of_a_retired_slot() {
    let store = share(Store::new(1));
    let holder = store.semaphore.take(1, None).unwrap();
    let sleeper = known(&store, Store::enter);
    own_slots_but(&store, 3);
    let doomed = known_mortal(&store, Store::enter);
    let sleeper = sleeper.go();
    until_asleep(1);
    // Of all slots, only that of the doomed process is idle.
    process(&store, Store::find_slot).join().unwrap();
    until_asleep(1);
    let doomed = doomed.go();
    free_beside(&store, holder, sleeper, doomed);
}

/// Also when it remembers the slot.
fn holder_by_a_shared_slot_has_nothing_pending() {
    let twice = |store: &Store| {
        for _ in 0..2 {
            let holder = store.semaphore.take(1, None).unwrap();
            assert!(nothing_is_pending());
            store.semaphore.give_back(holder, 1);
        }
    };
    let store = share(Store::new(2));
    own_slots_but(&store, 0);
    let other = process(&store, twice);
    live(&*store, twice);
    other.join().unwrap();
    store.rest(2);
}

/// The owner has just reserved the only free slot, and arms it for the first time.
fn slot_is_retired_beside_its_killed_new_owner() {
    let store = share(Store::new(SLOTS as u32));
    hold_slots_but_one(&store);
    let doomed = mortal_process(&store, |store| store.try_one(None));
    let retirer = process(&store, |store| {
        // There is no slot if the other one holds its own.
        let _ = store.semaphore.take(0, None);
    });
    retirer.join().unwrap();
    doomed.join().unwrap();
    store.rest(1);
}

/// There is no other slot. The second process, which may take it over from the first, dies, too.
fn shared_slot_of_the_dead_is_claimed() {
    let store = share(Store::new(SLOTS as u32 + 1));
    hold_slots_but_one(&store);
    let last = known(&store, Store::try_one_of_two);
    let first = mortal_process(&store, Store::try_one_of_two);
    first.join().unwrap();
    let second = second_mortal_process(&store, Store::try_one_of_two);
    second.join().unwrap();
    last.go().join().unwrap();
}
