//! Models of fair unlocks and bumps. A waiter that is known to sleep is next: no other thread gets
//! the lock before it.

use crate::model::{Common, Gate, models};
use anteroom::{
    Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockUpgradableReadGuard, RwLockWriteGuard,
    sleepers,
};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

models! {
    of_a_mutex: 2,
    of_a_mutex: 2 impatient,
    of_a_bumped_mutex: 2,
    from_a_writer_to_a_writer: 2,
    from_a_writer_to_an_upgradable_reader: 2,
    from_a_writer_to_a_reader: 2,
    from_an_upgradable_reader_to_a_writer: 2,
    from_a_bumping_writer_to_a_writer: 2,
    from_a_bumping_upgradable_reader_to_a_writer: 2,
    from_a_bumping_reader_to_a_writer: 2,
    from_a_bumping_reader_to_a_writer: 2 own_line,
    a_recursive_reader_keeps_the_lock_for_a_writer: 2 impatient,
    a_recursive_reader_keeps_the_lock_for_a_writer: 2 impatient warming,
    a_recursive_reader_keeps_the_lock_for_a_writer: 1 stalled impatient,
    a_kept_upgrade_leaves_nothing_kept: 1 impatient,
    a_reader_does_not_come_before_the_next_writer: 1,
    upgradable_reader_does_not_come_before_the_next: 1,
    reader_does_not_come_before_an_upgrade: 1 impatient,
    reader_does_not_come_before_an_upgrade: 1 stalled impatient,
    the_first_in_the_queue_comes_first: 1 impatient,
    the_first_reader_in_the_queue_comes_first: 1,
    the_first_reader_in_the_queue_comes_first: 1 impatient,
    a_downgrade_keeps_the_lock_for_a_writer: 1 impatient,
    a_waiting_reader_comes_after_the_next_writer: 1 impatient,
    a_timed_reader_does_not_come_before_the_next_writer: 2,
    a_timed_reader_does_not_come_before_the_next_writer: 2 impatient,
    a_timed_writer_does_not_come_before_the_next: 2,
    writer_does_not_come_before_a_reader_beside_an_upgradable_one: 2 impatient,
    designated_waker_takes_nothing_from_the_next: 0,
}

const A_WHILE: Duration = Duration::from_millis(1);

#[derive(Default)]
struct Locks {
    mutex: Mutex<()>,
    rwlock: RwLock<()>,
    /// Whether the one that waited has had the lock. (No part of the model: it orders nothing.)
    done: AtomicBool,
}

/// `owner` takes a lock, runs what it is given first, and releases the lock fairly, while `other`
/// waits for it. After a bump, the owner runs what it is given last.
fn hands_over(owner: fn(&Locks, &dyn Fn(), &dyn Fn()), other: fn(&Locks)) {
    let locks = Common::new(Locks::default());
    let (thread, asleep) = (Cell::new(None), Cell::new(false));
    let wait = || {
        thread.set(Some(locks.spawn(other)));
        loom::thread::yield_now();
        asleep.set(sleepers() > 0);
    };
    let is_right = || !asleep.get() || locks.done.load(Relaxed);
    owner(&locks, &wait, &|| assert!(is_right(), "it was not let in"));
    let mutex = locks.mutex.try_lock();
    let rwlock = locks.rwlock.try_write();
    if mutex.is_some() && rwlock.is_some() {
        assert!(is_right(), "a thread came in between");
    }
    drop((mutex, rwlock));
    let thread = thread.take().expect("the owner ran it");
    thread.join().unwrap();
    let is_free = locks.mutex.try_lock().is_some() && locks.rwlock.try_write().is_some();
    assert!(is_free, "it is still kept");
    let mut locks = locks.into_inner();
    locks.mutex.assert_at_rest();
    locks.rwlock.assert_at_rest();
}

fn lock(locks: &Locks) {
    let _guard = locks.mutex.lock();
    locks.done.store(true, Relaxed);
}

fn read(locks: &Locks) {
    let _data = locks.rwlock.read();
    locks.done.store(true, Relaxed);
}

fn upgradable_read(locks: &Locks) {
    let _data = locks.rwlock.upgradable_read();
    locks.done.store(true, Relaxed);
}

fn write(locks: &Locks) {
    let _data = locks.rwlock.write();
    locks.done.store(true, Relaxed);
}

fn write_fairly(locks: &Locks, wait: &dyn Fn(), _: &dyn Fn()) {
    let data = locks.rwlock.write();
    wait();
    RwLockWriteGuard::unlock_fair(data);
}

fn of_a_mutex() {
    fn lock_fairly(locks: &Locks, wait: &dyn Fn(), _: &dyn Fn()) {
        let guard = locks.mutex.lock();
        wait();
        MutexGuard::unlock_fair(guard);
    }
    hands_over(lock_fairly, lock);
}

fn of_a_bumped_mutex() {
    fn bump(locks: &Locks, wait: &dyn Fn(), bumped: &dyn Fn()) {
        let mut guard = locks.mutex.lock();
        wait();
        MutexGuard::bump(&mut guard);
        bumped();
    }
    hands_over(bump, lock);
}

fn from_a_writer_to_a_writer() {
    hands_over(write_fairly, write);
}

fn from_a_writer_to_an_upgradable_reader() {
    hands_over(write_fairly, upgradable_read);
}

fn from_a_writer_to_a_reader() {
    hands_over(write_fairly, read);
}

fn from_an_upgradable_reader_to_a_writer() {
    fn read_fairly(locks: &Locks, wait: &dyn Fn(), _: &dyn Fn()) {
        let data = locks.rwlock.upgradable_read();
        wait();
        RwLockUpgradableReadGuard::unlock_fair(data);
    }
    hands_over(read_fairly, write);
}

fn from_a_bumping_writer_to_a_writer() {
    fn bump(locks: &Locks, wait: &dyn Fn(), bumped: &dyn Fn()) {
        let mut data = locks.rwlock.write();
        wait();
        RwLockWriteGuard::bump(&mut data);
        bumped();
    }
    hands_over(bump, write);
}

fn from_a_bumping_upgradable_reader_to_a_writer() {
    fn bump(locks: &Locks, wait: &dyn Fn(), bumped: &dyn Fn()) {
        let mut data = locks.rwlock.upgradable_read();
        wait();
        RwLockUpgradableReadGuard::bump(&mut data);
        bumped();
    }
    hands_over(bump, write);
}

fn from_a_bumping_reader_to_a_writer() {
    fn bump(locks: &Locks, wait: &dyn Fn(), bumped: &dyn Fn()) {
        let mut data = locks.rwlock.read();
        wait();
        RwLockReadGuard::bump(&mut data);
        bumped();
    }
    hands_over(bump, write);
}

/// A writer that has waited for long waits for the readers that are inside, and for no others.
fn a_recursive_reader_keeps_the_lock_for_a_writer() {
    let locks = Common::new(Locks::default());
    let outer = locks.rwlock.read();
    let writer = locks.spawn(write);
    loom::thread::yield_now();
    let is_asleep = sleepers() > 0;
    let inner = locks.rwlock.read_recursive();
    assert!(!is_asleep || locks.rwlock.try_read().is_none());
    drop((outer, inner));
    writer.join().unwrap();
    let mut locks = locks.into_inner();
    locks.rwlock.assert_at_rest();
    locks.mutex.assert_at_rest();
}

fn a_kept_upgrade_leaves_nothing_kept() {
    let locks = Common::new(Locks::default());
    let data = locks.rwlock.read();
    let upgrade = locks.spawn(|locks| {
        drop(RwLockUpgradableReadGuard::upgrade(
            locks.rwlock.upgradable_read(),
        ));
    });
    loom::thread::yield_now();
    drop(data);
    upgrade.join().unwrap();
    assert!(locks.rwlock.try_write().is_some(), "it is still kept");
    locks.into_inner().rwlock.assert_at_rest();
}

/// Not even between the release of the lock and the wake-up.
fn a_reader_does_not_come_before_the_next_writer() {
    let locks = Common::new((Locks::default(), AtomicBool::new(false)));
    let data = locks.0.rwlock.write();
    let writer = locks.spawn(|(locks, _)| write(locks));
    loom::thread::yield_now();
    locks.1.store(sleepers() > 0, Relaxed);
    let reader = locks.spawn(|(locks, is_asleep)| {
        let lock = &locks.rwlock;
        if lock.try_read_recursive().is_some() || lock.try_read().is_some() {
            assert!(!is_asleep.load(Relaxed) || locks.done.load(Relaxed));
        }
    });
    RwLockWriteGuard::unlock_fair(data);
    writer.join().unwrap();
    reader.join().unwrap();
    locks.into_inner().0.rwlock.assert_at_rest();
}

/// The lock is kept for the next one, though a reader is inside.
fn upgradable_reader_does_not_come_before_the_next() {
    let locks = Common::new((Locks::default(), AtomicBool::new(false)));
    let reader = locks.0.rwlock.read();
    let data = locks.0.rwlock.upgradable_read();
    let next = locks.spawn(|(locks, _)| upgradable_read(locks));
    loom::thread::yield_now();
    locks.1.store(sleepers() > 0, Relaxed);
    let other = locks.spawn(|(locks, is_asleep)| {
        if locks.rwlock.try_upgradable_read().is_some() {
            assert!(!is_asleep.load(Relaxed) || locks.done.load(Relaxed));
        }
    });
    RwLockUpgradableReadGuard::unlock_fair(data);
    next.join().unwrap();
    other.join().unwrap();
    drop(reader);
    locks.into_inner().0.rwlock.assert_at_rest();
}

/// The upgrade has waited for long, and only for the reader that leaves.
fn reader_does_not_come_before_an_upgrade() {
    let locks = Common::new(Locks::default());
    let data = locks.rwlock.read();
    let upgrade = locks.spawn(|locks| {
        let data = locks.rwlock.upgradable_read();
        let _data = RwLockUpgradableReadGuard::upgrade(data);
        locks.done.store(true, Relaxed);
    });
    loom::thread::yield_now();
    let is_asleep = sleepers() > 0;
    drop(data);
    let comes = locks.rwlock.try_read().is_some();
    assert!(!is_asleep || !comes || locks.done.load(Relaxed));
    upgrade.join().unwrap();
    locks.into_inner().rwlock.assert_at_rest();
}

/// Whatever it is, and though a writer behind it has waited for long.
fn first_comes_first(first: fn(&Locks)) {
    let locks = Common::new((Locks::default(), AtomicBool::new(false)));
    let data = locks.0.rwlock.write();
    let first = locks.spawn(move |(locks, _)| first(locks));
    loom::thread::yield_now();
    let is_first = sleepers() == 1;
    let writer = locks.spawn(|(locks, is_second)| {
        let _data = locks.rwlock.write();
        assert!(!is_second.load(Relaxed) || locks.done.load(Relaxed));
    });
    loom::thread::yield_now();
    locks.1.store(is_first && sleepers() == 2, Relaxed);
    RwLockWriteGuard::unlock_fair(data);
    first.join().unwrap();
    writer.join().unwrap();
    locks.into_inner().0.rwlock.assert_at_rest();
}

fn the_first_in_the_queue_comes_first() {
    first_comes_first(upgradable_read);
}

fn the_first_reader_in_the_queue_comes_first() {
    first_comes_first(read);
}

/// The writer slept before, when there was a writer, so it had not kept the lock itself.
fn a_downgrade_keeps_the_lock_for_a_writer() {
    let locks = Common::new(Locks::default());
    let data = locks.rwlock.write();
    let writer = locks.spawn(write);
    loom::thread::yield_now();
    let is_asleep = sleepers() > 0;
    let seen = RwLockWriteGuard::downgrade(data);
    assert!(!is_asleep || locks.rwlock.try_read().is_none());
    drop(seen);
    writer.join().unwrap();
    locks.into_inner().rwlock.assert_at_rest();
}

fn a_waiting_reader_comes_after_the_next_writer() {
    let locks = Common::new((Locks::default(), AtomicBool::new(false)));
    let seen = locks.0.rwlock.read();
    let writer = locks.spawn(|(locks, _)| write(locks));
    loom::thread::yield_now();
    let is_first = sleepers() == 1;
    let reader = locks.spawn(|(locks, is_second)| {
        let _data = locks.rwlock.read();
        assert!(!is_second.load(Relaxed) || locks.done.load(Relaxed));
    });
    loom::thread::yield_now();
    locks.1.store(is_first && sleepers() == 2, Relaxed);
    drop(seen);
    writer.join().unwrap();
    reader.join().unwrap();
    locks.into_inner().0.rwlock.assert_at_rest();
}

/// Nor when it has given up: the lock stays kept.
fn does_not_come_before_the_next_writer(attempt: fn(&Locks) -> bool) {
    let locks = Common::new(Locks::default());
    let data = locks.rwlock.write();
    let writer = locks.spawn(write);
    loom::thread::yield_now();
    let is_asleep = sleepers() > 0;
    RwLockWriteGuard::unlock_fair(data);
    let comes = attempt(&locks) || locks.rwlock.try_read().is_some();
    assert!(!comes || !is_asleep || locks.done.load(Relaxed));
    writer.join().unwrap();
    locks.into_inner().rwlock.assert_at_rest();
}

fn a_timed_reader_does_not_come_before_the_next_writer() {
    does_not_come_before_the_next_writer(|locks| locks.rwlock.try_read_for(A_WHILE).is_some());
}

fn a_timed_writer_does_not_come_before_the_next() {
    does_not_come_before_the_next_writer(|locks| locks.rwlock.try_write_for(A_WHILE).is_some());
}

/// The reader has waited for long, so the lock is kept for it, also when the upgradable one leaves.
fn writer_does_not_come_before_a_reader_beside_an_upgradable_one() {
    fn downgrade(locks: &Locks, wait: &dyn Fn(), _: &dyn Fn()) {
        let data = locks.rwlock.write();
        wait();
        drop(RwLockWriteGuard::downgrade_to_upgradable(data));
    }
    hands_over(downgrade, read);
}

/// An upgradable reader is next. The designated waker, a writer, cannot enter, and passes that on.
fn designated_waker_takes_nothing_from_the_next() {
    let (gate, gate_of_next) = (Gate::default(), Gate::default());
    let locks = Common::new(Locks::default());
    let (closed, closed_to_next) = (gate.lock().unwrap(), gate_of_next.lock().unwrap());
    let data = locks.rwlock.write();
    let designated = locks.spawn_stoppable(&gate, |locks| drop(locks.rwlock.write()));
    loom::thread::yield_now();
    let is_stopped = sleepers() == 1;
    drop(data);
    let seen = locks.rwlock.upgradable_read();
    let inside = locks.rwlock.read();
    let next = locks.spawn_stoppable(&gate_of_next, upgradable_read);
    loom::thread::yield_now();
    let writer = locks.spawn(|locks| drop(locks.rwlock.write()));
    loom::thread::yield_now();
    let is_asleep = is_stopped && sleepers() == 2;
    RwLockUpgradableReadGuard::unlock_fair(seen);
    drop(closed);
    loom::thread::yield_now();
    let comes = locks.rwlock.try_upgradable_read().is_some();
    assert!(!comes || !is_asleep || locks.done.load(Relaxed));
    drop((inside, closed_to_next));
    for thread in [designated, next, writer] {
        thread.join().unwrap();
    }
    locks.into_inner().rwlock.assert_at_rest();
}
