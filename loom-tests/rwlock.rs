//! Models of the reader-writer lock. What it protects is a loom cell inside it, which loom checks
//! to be read by many or written by one, each after the other.

use crate::model::{Common, Gate, models};
use anteroom::{RwLock, RwLockReadGuard, RwLockUpgradableReadGuard, RwLockWriteGuard};
use std::cell::Cell;
use std::time::Duration;

models! {
    writers_exclude_each_other: any,
    writers_exclude_each_other: any bare,
    writers_exclude_each_other: any weak,
    writers_exclude_each_other: 2 stalled,
    a_reader_and_a_writer_exclude_each_other: any,
    two_readers_and_a_writer: 3,
    two_readers_and_a_writer: 1 bare,
    two_readers_and_a_writer: 2 weak,
    two_readers_and_a_writer: 2 awake,
    a_reader_and_two_writers: 3,
    a_reader_and_two_writers: 3 impatient,
    a_reader_and_two_writers: 1 bare impatient,
    a_reader_and_two_writers: 1 weak impatient,
    a_reader_and_two_writers: 2 awake,
    a_reader_and_two_writers: 1 stalled,
    a_reader_and_two_writers: 0 stalled impatient,
    two_readers_and_two_writers: 1,
    upgradable_readers_exclude_each_other: any,
    an_upgrade_waits_for_readers: any,
    an_upgrade_keeps_what_was_read: 3,
    an_upgrade_keeps_what_was_read: 3 impatient,
    an_upgrade_keeps_what_was_read: 1 bare impatient,
    an_upgrade_keeps_what_was_read: 1 weak,
    an_upgrade_keeps_what_was_read: 2 awake,
    a_timed_upgrade_leaves_no_trace: 3,
    a_timed_writer_leaves_no_trace: 3,
    a_timed_writer_leaves_no_trace: 2 weak,
    a_timed_writer_leaves_no_trace: 2 awake,
    a_timed_writer_leaves_no_trace: 2 impatient,
    a_timed_writer_keeps_a_reader_out_no_longer: 1,
    a_timed_writer_keeps_a_reader_out_no_longer: 2 impatient,
    a_timed_reader_leaves_no_trace: 3,
    a_timed_upgradable_reader_leaves_no_trace: 2,
    a_downgrade_lets_readers_in_but_no_writer: 2,
    a_downgrade_lets_readers_in_but_no_writer: 1 bare,
    a_downgrade_lets_readers_in_but_no_writer: 1 weak,
    a_downgrade_lets_in_more_than_a_batch: 1,
    a_downgrade_lets_in_more_than_a_batch: 1 impatient,
    a_reader_joins_an_upgradable_one_while_a_writer_is_awake: 1,
    a_downgrade_beside_two_writers_one_awake: 1,
    a_downgrade_beside_two_writers_one_awake: 1 impatient,
    a_downgrade_to_upgradable_lets_readers_in: 2,
    a_reader_behind_a_writer_joins_an_upgradable_one: 1,
    a_reader_behind_a_writer_joins_an_upgradable_one: 1 impatient,
    a_reader_joins_an_upgradable_one_that_passed_a_woken_writer: 2 impatient,
    an_upgradable_downgrade_lets_a_writer_come: 1,
    a_recursive_reader_passes_a_waiting_writer: any,
    a_writer_admits_all_readers: 3,
    a_writer_admits_all_readers: 1 bare,
    readers_behind_a_writer_meet_inside: 1,
    a_writer_behind_more_readers_than_a_batch_is_woken: 0 impatient,
    readers_join_an_upgradable_one_that_was_woken: 2,
    readers_join_an_upgradable_one_that_was_woken: 2 impatient,
    readers_join_an_upgradable_one_that_was_woken: 1 bare impatient,
    a_fair_unlock_hands_over: 3,
    a_fair_unlock_hands_over: 1 bare,
    a_fair_unlock_lets_in_a_reader_and_a_writer: 0,
    a_bumping_reader_lets_a_writer_in: 2,
    the_next_writer_may_free_the_lock: 4,
    a_writer_may_free_the_lock_after_readers: 3,
    a_woken_writer_that_is_stopped_keeps_no_other_out: 1 stalled,
    a_woken_writer_that_is_stopped_keeps_no_other_out: 1 stalled impatient,
    a_woken_writer_that_is_stopped_keeps_no_reader_out: 1 stalled,
    a_woken_reader_that_is_stopped_keeps_no_writer_out: 1 stalled,
    a_writer_that_is_next_and_stopped_keeps_no_other_out: 1 stalled,
    lock_kept_for_a_stopped_writer_is_read: 1 stalled,
    lock_kept_for_a_stopped_writer_is_written: 1 stalled,
    lock_kept_for_a_stopped_upgradable_reader_is_taken: 1 stalled,
    a_timed_writer_keeps_no_reader_from_a_downgraded_one: 1,
    a_timed_writer_keeps_no_reader_from_a_downgraded_one: 1 impatient,
    an_upgradable_reader_behind_a_writer_joins_a_reader: 1,
    writers_sleep_beside_a_reader: 0,
    readers_sleep_beside_a_writer: 0,
    upgradable_readers_sleep_beside_a_writer: 0,
    upgradable_readers_sleep_beside_another: 0,
    a_waiter_watches_a_writer_that_is_next: 1 lasting,
    a_waiter_watches_an_upgradable_reader_that_is_next: 1 lasting,
    a_fair_unlock_that_finds_no_waiter_keeps_no_thread_out: 2,
    a_fair_unlock_wakes_a_reader_that_came_behind_a_waiter_that_gives_up: 3,
    a_recursive_reader_needs_no_stopped_one: 0 stalled impatient,
}

const A_WHILE: Duration = Duration::from_millis(1);

pub(crate) type Lock = RwLock<usize>;

pub(crate) fn new() -> Common<Lock> {
    Common::new(RwLock::new(0))
}

pub(crate) fn rest(lock: Common<Lock>, expected: usize) {
    let mut lock = lock.into_inner();
    lock.assert_at_rest();
    assert_eq!(*lock.get_mut(), expected);
}

pub(crate) fn write(lock: &Lock) {
    *lock.write() += 1;
}

pub(crate) fn read(lock: &Lock) {
    let first = *lock.read();
    assert!(*lock.read() >= first);
}

pub(crate) fn read_once(lock: &Lock) {
    drop(lock.read());
}

/// Runs `others` beside `this`, and expects the data to be `expected` in the end.
pub(crate) fn beside(this: fn(&Lock), others: &[fn(&Lock)], expected: usize) {
    let lock = new();
    let others: Vec<_> = others.iter().map(|other| lock.spawn(*other)).collect();
    this(&lock);
    others.into_iter().for_each(|other| other.join().unwrap());
    rest(lock, expected);
}

fn writers_exclude_each_other() {
    beside(write, &[write], 2);
}

fn a_reader_and_a_writer_exclude_each_other() {
    beside(write, &[read_once], 1);
}

fn two_readers_and_a_writer() {
    beside(write, &[read, read_once], 1);
}

fn a_reader_and_two_writers() {
    beside(write, &[write, read_once], 2);
}

fn two_readers_and_two_writers() {
    beside(write, &[write, read_once, read_once], 2);
}

pub(crate) fn upgrade(lock: &Lock) {
    let seen = lock.upgradable_read();
    let before = *seen;
    let mut now = RwLockUpgradableReadGuard::upgrade(seen);
    assert_eq!(*now, before, "another thread wrote in between");
    *now += 1;
}

fn upgradable_readers_exclude_each_other() {
    beside(upgrade, &[upgrade], 2);
}

fn an_upgrade_waits_for_readers() {
    beside(upgrade, &[read_once], 1);
}

fn an_upgrade_keeps_what_was_read() {
    beside(upgrade, &[write, read_once], 2);
}

/// Whether a timed attempt wrote, beside two others that must get their turn whatever it does.
/// parking_lot 465, 466, 249cb2a.
pub(crate) fn timed(attempt: fn(&Lock) -> usize, others: [fn(&Lock); 2], written_by_others: usize) {
    let lock = new();
    let attempt = lock.spawn(attempt);
    let other = lock.spawn(others[0]);
    others[1](&lock);
    let written = attempt.join().unwrap();
    other.join().unwrap();
    rest(lock, written_by_others + written);
}

pub(crate) fn write_for_a_while(lock: &Lock) -> usize {
    match lock.try_write_for(A_WHILE) {
        Some(mut data) => {
            *data += 1;
            1
        }
        None => 0,
    }
}

fn a_timed_writer_leaves_no_trace() {
    timed(write_for_a_while, [read_once, read_once], 0);
}

/// The reader that is inside waits for another, which waits for a writer that gives up.
fn a_timed_writer_keeps_a_reader_out_no_longer() {
    let lock = new();
    let inside = lock.read();
    let writer = lock.spawn(write_for_a_while);
    let reader = lock.spawn(read_once);
    reader.join().unwrap();
    drop(inside);
    let written = writer.join().unwrap();
    rest(lock, written);
}

fn a_timed_reader_leaves_no_trace() {
    let read_for_a_while = |lock: &Lock| {
        lock.try_read_for(A_WHILE);
        0
    };
    timed(read_for_a_while, [write, read_once], 1);
}

fn a_timed_upgradable_reader_leaves_no_trace() {
    let attempt = |lock: &Lock| {
        lock.try_upgradable_read_for(A_WHILE);
        0
    };
    timed(attempt, [write, upgrade], 2);
}

pub(crate) fn upgrade_for_a_while(lock: &Lock) -> usize {
    let seen = lock.upgradable_read();
    match RwLockUpgradableReadGuard::try_upgrade_for(seen, A_WHILE) {
        Ok(mut now) => {
            *now += 1;
            1
        }
        Err(_) => 0,
    }
}

fn a_timed_upgrade_leaves_no_trace() {
    timed(upgrade_for_a_while, [read_once, read_once], 0);
}

pub(crate) fn write_and_stay(lock: &Lock) {
    let mut data = lock.write();
    *data += 1;
    let mine = *data;
    let data = RwLockWriteGuard::downgrade(data);
    assert_eq!(*data, mine, "another thread wrote in between");
}

fn a_downgrade_lets_readers_in_but_no_writer() {
    beside(write_and_stay, &[read_once, write], 2);
}

fn a_downgrade_lets_in_more_than_a_batch() {
    fn write_and_stay(lock: &Lock) {
        let data = lock.write();
        loom::thread::yield_now();
        drop(RwLockWriteGuard::downgrade(data));
    }
    beside(write_and_stay, &[read_once, read_once], 0);
}

/// Readers are not left to the writer that was woken, for it must wait.
fn a_reader_joins_an_upgradable_one_while_a_writer_is_awake() {
    let lock = new();
    let data = lock.write();
    let writer = lock.spawn(write);
    let reader = lock.spawn(read_once);
    loom::thread::yield_now();
    drop(data);
    let seen = RwLockWriteGuard::downgrade_to_upgradable(lock.write());
    reader.join().unwrap();
    drop(seen);
    writer.join().unwrap();
    rest(lock, 1);
}

fn a_downgrade_beside_two_writers_one_awake() {
    let lock = new();
    let data = lock.write();
    let writers = [lock.spawn(write), lock.spawn(write)];
    loom::thread::yield_now();
    drop(data);
    drop(RwLockWriteGuard::downgrade(lock.write()));
    writers
        .into_iter()
        .for_each(|writer| writer.join().unwrap());
    rest(lock, 2);
}

/// It waits for `WRITER` only, and the writer before it in the queue for `UPGRADABLE` too.
fn a_reader_behind_a_writer_joins_an_upgradable_one() {
    let lock = new();
    let data = lock.write();
    let writer = lock.spawn(write);
    let reader = lock.spawn(read_once);
    loom::thread::yield_now();
    let seen = RwLockWriteGuard::downgrade_to_upgradable(data);
    reader.join().unwrap();
    drop(seen);
    writer.join().unwrap();
    rest(lock, 1);
}

/// Though the writer was chosen, and the lock kept for it, when the upgradable one had not come.
fn a_reader_joins_an_upgradable_one_that_passed_a_woken_writer() {
    let lock = new();
    let data = lock.write();
    let writer = lock.spawn(write);
    let upgradable = lock.spawn(|lock| {
        let seen = lock.upgradable_read();
        drop(lock.read());
        drop(seen);
    });
    loom::thread::yield_now();
    drop(data);
    upgradable.join().unwrap();
    writer.join().unwrap();
    rest(lock, 1);
}

fn a_downgrade_to_upgradable_lets_readers_in() {
    fn there_and_back(lock: &Lock) {
        let mut data = lock.write();
        *data += 1;
        let mine = *data;
        let seen = RwLockWriteGuard::downgrade_to_upgradable(data);
        let mut data = RwLockUpgradableReadGuard::upgrade(seen);
        assert_eq!(*data, mine, "another thread wrote in between");
        *data += 1;
    }
    beside(there_and_back, &[read_once, write], 3);
}

fn an_upgradable_downgrade_lets_a_writer_come() {
    fn look(lock: &Lock) {
        let seen = lock.upgradable_read();
        let before = *seen;
        let seen = RwLockUpgradableReadGuard::downgrade(seen);
        assert_eq!(*seen, before, "another thread wrote in between");
    }
    beside(look, &[write, upgrade], 2);
}

fn a_recursive_reader_passes_a_waiting_writer() {
    fn read_twice(lock: &Lock) {
        let outer = lock.read();
        let inner = lock.read_recursive();
        assert_eq!(*outer, *inner);
    }
    beside(read_twice, &[write], 1);
}

/// With a batch of one, a leaving writer admits the readers one by one, and must not lose the lock
/// meanwhile.
fn a_writer_admits_all_readers() {
    beside(write, &[read_once, read_once], 1);
}

/// std on Windows 121949.
fn readers_behind_a_writer_meet_inside() {
    let lock = new();
    let data = lock.write();
    let other = lock.spawn(read_once);
    let reader = lock.spawn(|lock| {
        let seen = lock.read();
        other.join().unwrap();
        drop(seen);
    });
    loom::thread::yield_now();
    drop(data);
    reader.join().unwrap();
    rest(lock, 0);
}

fn a_writer_behind_more_readers_than_a_batch_is_woken() {
    fn write_at_leisure(lock: &Lock) {
        let mut data = lock.write();
        // All three sleep now, or are about to.
        loom::thread::yield_now();
        *data += 1;
    }
    beside(write_at_leisure, &[read_once, read_once, write], 2);
}

/// A releaser wakes no waiter while a thread is awake. A review found that readers then slept for
/// as long as the upgradable one stayed.
fn readers_join_an_upgradable_one_that_was_woken() {
    let lock = new();
    let guard = lock.write();
    let reader = lock.spawn(read_once);
    let upgradable = lock.spawn(|lock| {
        let seen = lock.upgradable_read();
        reader.join().unwrap();
        drop(seen);
    });
    drop(guard);
    write(&lock);
    upgradable.join().unwrap();
    rest(lock, 1);
}

fn a_fair_unlock_hands_over() {
    fn write_fairly(lock: &Lock) {
        let mut data = lock.write();
        *data += 1;
        RwLockWriteGuard::unlock_fair(data);
    }
    beside(write_fairly, &[write_fairly, read_once], 2);
}

/// The reader is told that it is inside.
fn a_fair_unlock_lets_in_a_reader_and_a_writer() {
    fn write_fairly(lock: &Lock) {
        let data = lock.write();
        loom::thread::yield_now();
        RwLockWriteGuard::unlock_fair(data);
    }
    beside(write_fairly, &[read_once, write], 1);
}

/// parking_lot 471: with more than one reader, nothing happened.
fn a_bumping_reader_lets_a_writer_in() {
    fn bump(lock: &Lock) {
        let mut data = lock.read();
        RwLockReadGuard::bump(&mut data);
        assert!(*data <= 1);
    }
    beside(bump, &[bump, write], 1);
}

/// The thread that finds all done frees the lock, while another may still be about to return from
/// its unlock.
fn free_if_last(lock: &Lock, all: usize) {
    let mut data = lock.write();
    *data += 1;
    let last = *data == all;
    drop(data);
    if last {
        free(lock);
    }
}

pub(crate) fn free(lock: &Lock) {
    let lock = (&raw const *lock).cast_mut();
    // SAFETY: no thread takes it any more; if one still touches it, loom reports that.
    let lock = unsafe { &mut *lock };
    lock.assert_at_rest();
}

fn the_next_writer_may_free_the_lock() {
    let lock = new();
    let other = lock.spawn(|lock| free_if_last(lock, 2));
    free_if_last(&lock, 2);
    other.join().unwrap();
}

/// The last reader wakes the writer after it has left, when the writer may be gone already.
fn a_writer_may_free_the_lock_after_readers() {
    let lock = new();
    let outer = lock.read();
    let reader = {
        let inner = lock.read();
        std::mem::forget(inner);
        // SAFETY: it is the forgotten guard's read that is given back. (On another thread, which
        // would be wrong if the lock were biased.)
        lock.spawn(|lock| unsafe { lock.force_unlock_read() })
    };
    let writer = lock.spawn(|lock| {
        drop(lock.write());
        free(lock);
    });
    drop(outer);
    reader.join().unwrap();
    writer.join().unwrap();
}

/// `unlock` unlocks for a thread that is stopped when it has been woken, and for another one, which
/// must not need the first.
fn does_not_need_the_first(
    first: fn(&Lock),
    other: fn(&Lock),
    unlock: fn(RwLockWriteGuard<'_, usize>),
    written: usize,
) {
    let gate = Gate::default();
    let lock = new();
    let closed = gate.lock().unwrap();
    let data = lock.write();
    let stopped = lock.spawn_stoppable(&gate, first);
    loom::thread::yield_now();
    let other = lock.spawn(other);
    loom::thread::yield_now();
    unlock(data);
    other.join().unwrap();
    drop(closed);
    stopped.join().unwrap();
    rest(lock, written);
}

fn a_woken_writer_that_is_stopped_keeps_no_other_out() {
    does_not_need_the_first(write, write, |data| drop(data), 2);
}

fn a_woken_writer_that_is_stopped_keeps_no_reader_out() {
    does_not_need_the_first(write, read_once, |data| drop(data), 1);
}

fn a_woken_reader_that_is_stopped_keeps_no_writer_out() {
    does_not_need_the_first(read_once, write, |data| drop(data), 1);
}

fn a_writer_that_is_next_and_stopped_keeps_no_other_out() {
    fn unlock_fair(data: RwLockWriteGuard<'_, usize>) {
        RwLockWriteGuard::unlock_fair(data);
    }
    does_not_need_the_first(write, write, unlock_fair, 2);
}

/// The lock is kept for a thread that is stopped. Its lease is over, so a thread that only tries
/// takes it.
fn is_kept_no_longer(
    first: fn(&Lock),
    unlock: fn(&Lock, [&dyn Fn(); 2]),
    attempt: fn(&Lock) -> bool,
) {
    let gate = Gate::default();
    let lock = new();
    let closed = gate.lock().unwrap();
    let (stopped, is_asleep) = (Cell::new(None), Cell::new(false));
    let wait = || {
        stopped.set(Some(lock.spawn_stoppable(&gate, first)));
        loom::thread::yield_now();
        is_asleep.set(anteroom::sleepers() > 0);
    };
    let try_it = || assert!(attempt(&lock) || !is_asleep.get());
    unlock(&lock, [&wait, &try_it]);
    drop(closed);
    stopped.take().expect("it waits").join().unwrap();
    let mut lock = lock.into_inner();
    lock.assert_at_rest();
}

fn write_and_unlock_fairly(lock: &Lock, [wait, try_it]: [&dyn Fn(); 2]) {
    let data = lock.write();
    wait();
    RwLockWriteGuard::unlock_fair(data);
    try_it();
}

fn lock_kept_for_a_stopped_writer_is_read() {
    is_kept_no_longer(write, write_and_unlock_fairly, |lock| {
        lock.try_read().is_some()
    });
}

fn lock_kept_for_a_stopped_writer_is_written() {
    is_kept_no_longer(write, write_and_unlock_fairly, |lock| {
        lock.try_write().is_some()
    });
}

/// Also while a reader is inside: no upgradable reader waits for that one.
fn lock_kept_for_a_stopped_upgradable_reader_is_taken() {
    fn unlock(lock: &Lock, [wait, try_it]: [&dyn Fn(); 2]) {
        let _reader = lock.read();
        let data = lock.upgradable_read();
        wait();
        RwLockUpgradableReadGuard::unlock_fair(data);
        try_it();
    }
    let first = |lock: &Lock| drop(lock.upgradable_read());
    is_kept_no_longer(first, unlock, |lock| lock.try_upgradable_read().is_some());
}

/// What a timed writer has not kept itself keeps no reader out when the writer gives up.
fn a_timed_writer_keeps_no_reader_from_a_downgraded_one() {
    let lock = new();
    let data = lock.write();
    let writer = lock.spawn(write_for_a_while);
    loom::thread::yield_now();
    let seen = RwLockWriteGuard::downgrade(data);
    lock.spawn(read_once).join().unwrap();
    drop(seen);
    let written = writer.join().unwrap();
    rest(lock, written);
}

fn an_upgradable_reader_behind_a_writer_joins_a_reader() {
    let lock = new();
    let data = lock.write();
    let writer = lock.spawn(write);
    let upgradable = lock.spawn(|lock| drop(lock.upgradable_read()));
    loom::thread::yield_now();
    let seen = RwLockWriteGuard::downgrade(data);
    upgradable.join().unwrap();
    drop(seen);
    writer.join().unwrap();
    rest(lock, 1);
}

/// Two others wait while `hold` runs. If they woke each other in turn, this would not end.
fn sleep_beside(lock: &Common<Lock>, other: fn(&Lock), hold: impl FnOnce()) {
    let others = [lock.spawn(other), lock.spawn(other)];
    loom::thread::yield_now();
    hold();
    others.into_iter().for_each(|other| other.join().unwrap());
}

fn writers_sleep_beside_a_reader() {
    let lock = new();
    let data = lock.write();
    sleep_beside(&lock, write, || {
        let seen = RwLockWriteGuard::downgrade(data);
        loom::thread::yield_now();
        drop(seen);
    });
    rest(lock, 2);
}

fn sleep_beside_a_writer(other: fn(&Lock)) {
    let lock = new();
    let data = lock.write();
    sleep_beside(&lock, other, || {
        drop(data);
        let data = lock.write();
        loom::thread::yield_now();
        drop(data);
    });
    rest(lock, 0);
}

fn readers_sleep_beside_a_writer() {
    sleep_beside_a_writer(read_once);
}

fn upgradable_readers_sleep_beside_a_writer() {
    sleep_beside_a_writer(|lock| drop(lock.upgradable_read()));
}

fn upgradable_readers_sleep_beside_another() {
    let lock = new();
    let data = lock.write();
    let other = |lock: &Lock| drop(lock.upgradable_read());
    sleep_beside(&lock, other, || {
        drop(data);
        let seen = lock.upgradable_read();
        loom::thread::yield_now();
        drop(seen);
    });
    rest(lock, 0);
}

/// The lock is kept for `next`, which is stopped. A writer was woken before, and sleeps again: then
/// there is no designated waker.
fn watches_what_is_next(next: fn(&Lock)) {
    let gate = Gate::default();
    let lock = new();
    let closed = gate.lock().unwrap();
    let data = lock.write();
    let writer = lock.spawn(write);
    loom::thread::yield_now();
    let stopped = lock.spawn_stoppable(&gate, next);
    loom::thread::yield_now();
    drop(data);
    RwLockWriteGuard::unlock_fair(lock.write());
    writer.join().unwrap();
    drop(closed);
    stopped.join().unwrap();
    lock.into_inner().assert_at_rest();
}

fn a_waiter_watches_a_writer_that_is_next() {
    watches_what_is_next(write);
}

fn a_waiter_watches_an_upgradable_reader_that_is_next() {
    watches_what_is_next(|lock| drop(lock.upgradable_read()));
}

/// Though the lock is kept for a writer, which waits for the reader that is inside.
fn a_recursive_reader_needs_no_stopped_one() {
    let gate = Gate::default();
    let lock = new();
    let closed = gate.lock().unwrap();
    let data = lock.write();
    let stopped = lock.spawn_stoppable(&gate, read_once);
    loom::thread::yield_now();
    // (Since it has timed out once, it lets others run before it looks.)
    let recursive = lock.spawn(|lock| {
        let data = lock.try_read_recursive_for(A_WHILE);
        drop(data.unwrap_or_else(|| lock.read_recursive()));
    });
    loom::thread::yield_now();
    let seen = RwLockWriteGuard::downgrade(data);
    let writer = lock.spawn(write);
    recursive.join().unwrap();
    drop(seen);
    drop(closed);
    stopped.join().unwrap();
    writer.join().unwrap();
    rest(lock, 1);
}

/// A fair unlock keeps the lock for the next in the queue, where the only waiter has just given up.
/// The designated waker of an earlier unlock has not entered yet.
fn a_fair_unlock_that_finds_no_waiter_keeps_no_thread_out() {
    let gate = Gate::default();
    let lock = new();
    let closed = gate.lock().unwrap();
    let unlocks = lock.spawn({
        let gate = gate.clone();
        move |lock| {
            let data = lock.write();
            drop(gate.lock().unwrap());
            drop(data);
            if let Some(data) = lock.try_write() {
                RwLockWriteGuard::unlock_fair(data);
            }
        }
    });
    loom::thread::yield_now();
    let awake = lock.spawn(write);
    loom::thread::yield_now();
    drop(closed);
    drop(lock.try_write_for(A_WHILE));
    awake.join().unwrap();
    unlocks.join().unwrap();
    lock.into_inner().assert_at_rest();
}

/// A fair unlock keeps the lock for the only waiter, which gives up while the unlocker looks for it.
/// Meanwhile a reader, which is refused, has joined the queue.
fn a_fair_unlock_wakes_a_reader_that_came_behind_a_waiter_that_gives_up() {
    let gate = Gate::default();
    let lock = new();
    let closed = gate.lock().unwrap();
    let unlocks = lock.spawn({
        let gate = gate.clone();
        move |lock| {
            let data = lock.write();
            drop(gate.lock().unwrap());
            RwLockWriteGuard::unlock_fair(data);
        }
    });
    loom::thread::yield_now();
    let reader = lock.spawn(read_once);
    drop(closed);
    drop(lock.try_write_for(A_WHILE));
    reader.join().unwrap();
    unlocks.join().unwrap();
    lock.into_inner().assert_at_rest();
}
