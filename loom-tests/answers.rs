//! Models of calls that never wait: tries, which succeed if no thread is in the way, and questions.

use crate::model::{Common, models};
use crate::rwlock::{Lock, new, read_once, rest, write};
use anteroom::{RwLockUpgradableReadGuard, Semaphore, TryAcquireError, sleepers};
use loom::thread::JoinHandle;

models! {
    a_try_write_beside_a_reader: 3,
    a_try_write_beside_a_reader: 3 own_line,
    a_try_write_beside_a_reader: 3 asymmetric,
    a_try_write_beside_a_writer: 3,
    a_try_write_beside_an_upgradable_reader: 3,
    a_try_upgrade_beside_a_reader: any,
    a_try_upgrade_beside_a_reader: 3 own_line,
    a_try_with_upgraded_beside_a_reader: 3,
    a_try_read_beside_a_writer: 3,
    holder_is_told_so: 2,
    holder_is_told_so: 2 own_line,
    no_thread_takes_what_is_reserved: 2 impatient,
}

/// The try has written so much, and now that all other threads have left, another one succeeds.
fn rest_after_try(lock: Common<Lock>, other: JoinHandle<()>, written: usize) {
    other.join().unwrap();
    assert_eq!(lock.try_write().map(|data| *data), Some(written));
    rest(lock, written);
}

fn try_write(lock: &Lock) -> usize {
    lock.try_write().map_or(0, |mut data| {
        *data += 1;
        1
    })
}

fn a_try_write_beside_a_reader() {
    let lock = new();
    let reader = lock.spawn(read_once);
    let written = try_write(&lock);
    rest_after_try(lock, reader, written);
}

fn a_try_write_beside_a_writer() {
    let lock = new();
    let writer = lock.spawn(write);
    let written = try_write(&lock);
    rest_after_try(lock, writer, 1 + written);
}

fn a_try_write_beside_an_upgradable_reader() {
    let lock = new();
    let reader = lock.spawn(|lock| {
        let seen = lock.upgradable_read();
        let before = *seen;
        loom::thread::yield_now();
        assert_eq!(*seen, before, "another thread wrote meanwhile");
    });
    let written = try_write(&lock);
    rest_after_try(lock, reader, written);
}

/// parking_lot 294, 323, std 121626: a missing Acquire where the last reader has left.
fn a_try_upgrade_beside_a_reader() {
    let lock = new();
    let reader = lock.spawn(read_once);
    let upgraded = RwLockUpgradableReadGuard::try_upgrade(lock.upgradable_read());
    let written = upgraded.map_or(0, |mut now| {
        *now += 1;
        1
    });
    reader.join().unwrap();
    assert!(RwLockUpgradableReadGuard::try_upgrade(lock.upgradable_read()).is_ok());
    rest(lock, written);
}

fn a_try_with_upgraded_beside_a_reader() {
    fn try_add_one(lock: &Lock) -> Option<()> {
        let mut seen = lock.upgradable_read();
        let before = *seen;
        let done = RwLockUpgradableReadGuard::try_with_upgraded(&mut seen, |data| *data += 1);
        assert_eq!(*seen, before + done.is_some() as usize);
        done
    }
    let lock = new();
    let reader = lock.spawn(read_once);
    let written = try_add_one(&lock).is_some() as usize;
    reader.join().unwrap();
    assert!(try_add_one(&lock).is_some());
    rest(lock, written + 1);
}

fn a_try_read_beside_a_writer() {
    let lock = new();
    let writer = lock.spawn(write);
    drop(lock.try_read());
    writer.join().unwrap();
    assert_eq!(lock.try_read().map(|data| *data), Some(1));
    rest(lock, 1);
}

fn holder_is_told_so() {
    let lock = new();
    let writer = lock.spawn(|lock| {
        let data = lock.write();
        assert!(lock.is_locked() && lock.is_locked_exclusive());
        drop(data);
    });
    let seen = lock.read();
    assert!(lock.is_locked() && !lock.is_locked_exclusive());
    drop(seen);
    let seen = lock.upgradable_read();
    assert!(lock.is_locked() && !lock.is_locked_exclusive());
    drop(seen);
    writer.join().unwrap();
    assert!(!lock.is_locked() && !lock.is_locked_exclusive());
    rest(lock, 0);
}

/// The batch is asleep in the queue; called; and then asleep in the front queue, and late: both
/// permits are reserved for it.
fn no_thread_takes_what_is_reserved() {
    let semaphore = Common::new(Semaphore::new(0));
    let batch = semaphore.spawn(|semaphore| semaphore.acquire_many(3).unwrap().forget());
    loom::thread::yield_now();
    let is_queued = sleepers() == 1;
    semaphore.add_permits(1);
    loom::thread::yield_now();
    if is_queued && sleepers() == 1 {
        semaphore.add_permits(1);
        let permit = semaphore.try_acquire();
        assert!(matches!(permit, Err(TryAcquireError::NoPermits)));
        assert!(semaphore.try_acquire_many(0).is_ok());
    } else {
        semaphore.add_permits(1);
    }
    semaphore.add_permits(1);
    batch.join().unwrap();
    assert!(!semaphore.is_closed());
    semaphore.into_inner().assert_at_rest();
}
