//! Models of biased readers. In a model there are two rows of one slot each, so a third thread that
//! reads, or a second lock that a thread reads, goes the ordinary way.

use crate::model::{Common, models};
use crate::rwlock::{
    Lock, beside, free, new, read, read_once, rest, timed, upgrade, upgrade_for_a_while, write,
    write_and_stay, write_for_a_while,
};
use anteroom::{RwLock, RwLockReadGuard, Semaphore};
use std::time::Duration;

models! {
    a_reader_publishes_while_a_writer_revokes: 3 own_line,
    a_reader_publishes_while_a_writer_revokes: 3 asymmetric,
    a_reader_publishes_while_a_writer_revokes: 2 bare own_line,
    two_readers_publish_while_a_writer_revokes: 1 own_line,
    two_readers_publish_beside_a_try_write: 2 own_line,
    two_writers_revoke: 2 own_line,
    two_writers_revoke: 1 awake own_line,
    a_reader_comes_back_after_a_writer: 3 own_line,
    a_reader_comes_back_after_a_writer: 2 warming,
    an_upgrade_revokes: 3 own_line,
    an_upgrade_revokes: 2 bare own_line,
    an_upgrade_revokes: 2 awake own_line,
    an_upgrade_and_a_writer_revoke: 2 own_line,
    a_timed_writer_gives_the_bias_back: 2 own_line,
    a_timed_upgrade_gives_the_bias_back: 2 own_line,
    a_downgrade_ends_the_bias: 2 own_line,
    a_row_is_used_by_a_new_thread: 2 own_line,
    a_slot_is_used_for_another_lock: 3 own_line,
    a_slot_is_used_for_another_lock: 3 asymmetric,
    a_reader_without_a_free_slot: 3 own_line,
    a_third_thread_has_no_row: 1 own_line,
    a_recursive_reader_passes_a_revoking_writer: 3 own_line,
    the_recursive_read_outlives_the_other: 3 own_line,
    a_recursive_reader_does_not_pass_a_writer_inside: 3 own_line,
    a_recursive_reader_does_not_pass_a_try_write: 3 own_line,
    a_recursive_reader_passes_a_writer_that_waits_for_another: 2 own_line,
    a_recursive_reader_passes_a_writer_that_waits_for_another: 2 asymmetric,
    a_recursive_reader_does_not_bring_the_bias_back: 3 warming,
    a_biased_reader_sees_the_last_write: 1 warming,
    a_lock_becomes_biased_beside_a_writer: 3 warming,
    a_lock_becomes_biased_beside_a_writer: 2 warming weak,
    a_lock_becomes_asymmetric_beside_a_writer: 3 warming,
    a_writer_may_free_the_lock_after_biased_readers: 3 own_line,
    a_biased_reader_bumps: 3 own_line,
    a_counted_read_leaves_the_bias_as_it_is: 1 warming,
    a_read_that_is_counted_beside_a_revocation_begins_no_bias: 2 warming,
    a_revoker_that_is_late_leaves_the_next_bias: 2 warming,
    a_writer_sees_what_another_ones_revocation_saw: 1 own_line,
    a_woken_writer_that_waits_for_a_slot_wakes_the_next: 0 warming,
    a_reader_that_leaves_takes_its_writers_off_the_count: 1 own_line,
    a_forgotten_reader_outlives_its_thread: any own_line,
    a_row_is_taken_while_its_last_owner_ends: 2 own_line,
    a_row_that_was_left_is_found_free: 2 own_line,
    a_writer_sees_the_readers_of_rows_out_of_use: 1 own_line,
    a_bump_for_a_writer_that_gives_up_keeps_no_reader_out: 3 own_line,
    a_writer_that_gives_up_a_slot_keeps_no_reader_out: 3 own_line,
    a_timed_writer_that_was_next_keeps_no_reader_out: 2 own_line,
    a_writer_that_waits_for_a_slot_keeps_new_readers_out: 2 own_line,
    a_writer_keeps_no_reader_from_an_upgradable_one: 2 own_line,
    a_timed_reader_beside_a_writer_at_a_slot_leaves_no_trace: 2 own_line,
    a_reader_that_outlasts_a_writer_at_a_slot_lets_others_in: 0 own_line lasting,
    a_fair_reader_keeps_the_lock_again_for_a_writer_at_a_slot: 1 own_line lasting,
    a_fair_reader_keeps_the_lock_for_no_other_lock_s_waiter: 1 own_line,
}

const A_WHILE: Duration = Duration::from_millis(1);

fn a_reader_publishes_while_a_writer_revokes() {
    beside(write, &[read_once], 1);
}

fn two_readers_publish_while_a_writer_revokes() {
    beside(write, &[read_once, read_once], 1);
}

/// Each in a row of its own, and the writer looks at both.
fn two_readers_publish_beside_a_try_write() {
    fn try_read(lock: &Lock) {
        drop(lock.try_read());
    }
    fn try_write(lock: &Lock) {
        drop(lock.try_write());
    }
    beside(try_read, &[try_read, try_write], 0);
}

fn two_writers_revoke() {
    beside(write, &[write, read_once], 2);
}

/// The second read may find the bias on, or off, or the row's slot just left.
fn a_reader_comes_back_after_a_writer() {
    beside(write, &[read], 1);
}

fn an_upgrade_revokes() {
    beside(upgrade, &[read_once], 1);
}

fn an_upgrade_and_a_writer_revoke() {
    beside(upgrade, &[write, read_once], 2);
}

/// If the reader stays where it is, the next writer must still look for it.
fn a_timed_writer_gives_the_bias_back() {
    timed(write_for_a_while, [read_once, write], 1);
}

fn a_timed_upgrade_gives_the_bias_back() {
    timed(upgrade_for_a_while, [read_once, write], 1);
}

fn a_downgrade_ends_the_bias() {
    beside(write_and_stay, &[read_once, write], 2);
}

/// A writer may look while the row is taken, left and taken again.
fn a_row_is_used_by_a_new_thread() {
    let lock = new();
    let writer = lock.spawn(write);
    lock.spawn(read_once).join().unwrap();
    lock.spawn(read_once).join().unwrap();
    writer.join().unwrap();
    rest(lock, 1);
}

/// A writer that waits for one lock to leave a slot finds the other there, and must see what was
/// read before.
fn a_slot_is_used_for_another_lock() {
    let locks = Common::new((RwLock::new(0), RwLock::new(0)));
    let reader = locks.spawn(|(one, other)| {
        drop(one.read());
        drop(other.read());
    });
    *locks.0.write() += 1;
    reader.join().unwrap();
    let (mut one, mut other) = locks.into_inner();
    one.assert_at_rest();
    other.assert_at_rest();
}

fn a_reader_without_a_free_slot() {
    let locks = Common::new((RwLock::new(0), RwLock::new(0)));
    let reader = locks.spawn(|(one, other)| {
        let _one = one.read();
        drop(other.read());
    });
    *locks.1.write() += 1;
    *locks.0.write() += 1;
    reader.join().unwrap();
    let (mut one, mut other) = locks.into_inner();
    one.assert_at_rest();
    other.assert_at_rest();
}

fn a_third_thread_has_no_row() {
    let lock = new();
    drop(lock.read());
    let others = [lock.spawn(read_once), lock.spawn(read_once)];
    write(&lock);
    others.into_iter().for_each(|other| other.join().unwrap());
    rest(lock, 1);
}

fn a_recursive_reader_passes_a_revoking_writer() {
    fn read_twice(lock: &Lock) {
        let outer = lock.read();
        let inner = lock.read_recursive();
        assert_eq!(*outer, *inner);
    }
    beside(read_twice, &[write], 1);
}

/// The inner read is counted, and the writer must wait for it after it has seen the slot left.
fn the_recursive_read_outlives_the_other() {
    fn read_twice(lock: &Lock) {
        let outer = lock.read();
        let inner = lock.read_recursive();
        drop(outer);
        assert!(*inner <= 1);
    }
    beside(read_twice, &[write], 1);
}

/// It passes while the bias lasts, so the writer must end that before it looks whether readers are
/// counted.
fn a_recursive_reader_does_not_pass_a_writer_inside() {
    let lock = new();
    drop(lock.read());
    let reader = lock.spawn(|lock| *lock.read_recursive());
    write(&lock);
    assert!(reader.join().unwrap() <= 1);
    rest(lock, 1);
}

fn a_recursive_reader_does_not_pass_a_try_write() {
    let lock = new();
    drop(lock.read());
    let reader = lock.spawn(|lock| *lock.read_recursive());
    let written = lock.try_write().map_or(0, |mut data| {
        *data += 1;
        1
    });
    reader.join().unwrap();
    rest(lock, written);
}

/// A thread that reads recursively, and that a waiting thread relies on, must not wait for ever
/// because of a writer.
fn a_recursive_reader_passes_a_writer_that_waits_for_another() {
    let lock = new();
    let outer = lock.read();
    let writer = lock.spawn(write);
    let inner = lock.spawn(|lock| *lock.read_recursive());
    assert_eq!(inner.join().unwrap(), *outer);
    drop(outer);
    writer.join().unwrap();
    rest(lock, 1);
}

/// Where it passes a waiting writer, it must leave the bias off, or the next one passes it when it
/// is inside.
fn a_recursive_reader_does_not_bring_the_bias_back() {
    fn read_thrice(lock: &Lock) {
        let outer = lock.read();
        drop(lock.read_recursive());
        drop(outer);
        drop(lock.read_recursive());
    }
    beside(write, &[read_thrice], 1);
}

/// Though others have come, and have made the lock biased, since then.
fn a_biased_reader_sees_the_last_write() {
    beside(write, &[read, read_once], 1);
}

/// The second of two reads turns the bias on, and the third uses it.
fn a_lock_becomes_biased_beside_a_writer() {
    let lock = new();
    drop(lock.read());
    let reader = lock.spawn(read);
    write(&lock);
    reader.join().unwrap();
    rest(lock, 1);
}

fn a_lock_becomes_asymmetric_beside_a_writer() {
    let lock = new();
    drop(lock.read());
    drop(lock.read());
    let reader = lock.spawn(read_once);
    write(&lock);
    reader.join().unwrap();
    rest(lock, 1);
}

fn a_writer_may_free_the_lock_after_biased_readers() {
    let lock = new();
    let reader = lock.spawn(|lock| {
        let data = lock.read();
        let written = *data;
        drop(data);
        written
    });
    drop(lock.write());
    // A reader from before the write has left the lock, though it may not have returned from its
    // unlock.
    if reader.join().unwrap() == 0 {
        free(&lock);
    }
}

fn a_biased_reader_bumps() {
    fn bump(lock: &Lock) {
        let mut data = lock.read();
        RwLockReadGuard::bump(&mut data);
        assert!(*data <= 1);
    }
    beside(write, &[bump], 1);
}

/// It finds its slot taken. Were it to begin a bias of another period, the writer would not find
/// the slot.
fn a_counted_read_leaves_the_bias_as_it_is() {
    let lock = new();
    drop(lock.read());
    let outer = lock.read();
    let inner = lock.read_recursive();
    let writer = lock.spawn(write);
    drop(inner);
    assert_eq!(*outer, 0);
    drop(outer);
    writer.join().unwrap();
    rest(lock, 1);
}

/// It would have a period of its own, by which no reader is known that is in a slot already.
fn a_read_that_is_counted_beside_a_revocation_begins_no_bias() {
    let locks = Common::new((RwLock::new(0), RwLock::new(())));
    drop(locks.0.read());
    let outer = locks.0.read();
    let writer = locks.spawn(|(lock, _)| lock.try_write_for(A_WHILE).is_some());
    let reader = locks.spawn(|(lock, other)| {
        drop(other.read());
        drop(lock.read());
    });
    reader.join().unwrap();
    assert!(!writer.join().unwrap());
    assert_eq!(*outer, 0);
    drop(outer);
    *locks.0.write() = 1;
    let (mut lock, mut other) = locks.into_inner();
    lock.assert_at_rest();
    other.assert_at_rest();
}

/// It has looked at the slots before a reader is there, and is to take a name away that is gone.
fn a_revoker_that_is_late_leaves_the_next_bias() {
    fn try_write(lock: &Lock) {
        if let Some(mut data) = lock.try_write() {
            *data += 1;
        }
    }
    let lock = new();
    drop(lock.read());
    let late = lock.spawn(try_write);
    loom::thread::yield_now();
    try_write(&lock);
    drop(lock.read());
    let data = lock.read();
    let before = *data;
    assert_eq!(write_for_a_while(&lock), 0);
    late.join().unwrap();
    assert_eq!(*data, before, "a thread wrote meanwhile");
    drop(data);
    rest(lock, before);
}

/// The other one looks at the slots, and this one takes the lock without a look.
fn a_writer_sees_what_another_ones_revocation_saw() {
    let lock = new();
    let data = lock.read();
    let tries = lock.spawn(|lock| {
        lock.try_write().map_or(0, |mut data| {
            *data += 1;
            1
        })
    });
    let writer = lock.spawn(write);
    assert_eq!(*data, 0);
    drop(data);
    writer.join().unwrap();
    let written = 1 + tries.join().unwrap();
    rest(lock, written);
}

/// It keeps the lock for itself, so those behind it come in only after it.
fn a_woken_writer_that_waits_for_a_slot_wakes_the_next() {
    let lock = new();
    let data = lock.write();
    let writer = lock.spawn(write);
    // Behind the writer: other readers would be woken before it.
    let upgradable = lock.spawn(|lock| drop(lock.upgradable_read()));
    loom::thread::yield_now();
    drop(data);
    drop(lock.read());
    let outer = lock.read();
    drop(outer);
    upgradable.join().unwrap();
    writer.join().unwrap();
    rest(lock, 1);
}

/// And no waiter of another lock, which shares the place of its count with it.
fn a_reader_that_leaves_takes_its_writers_off_the_count() {
    let locks = Common::new((RwLock::new(()), anteroom::Mutex::new(())));
    let (data, guard) = (locks.0.read(), locks.1.lock());
    let others = [
        locks.spawn(|(_, mutex)| drop(mutex.lock())),
        locks.spawn(|(lock, _)| drop(lock.write())),
    ];
    loom::thread::yield_now();
    drop(data);
    drop(guard);
    others.into_iter().for_each(|other| other.join().unwrap());
    let (mut lock, mut mutex) = locks.into_inner();
    lock.assert_at_rest();
    mutex.assert_at_rest();
}

/// What it refers to may still be in use.
fn a_forgotten_reader_outlives_its_thread() {
    let lock = new();
    let reader = lock.spawn(|lock| std::mem::forget(lock.read()));
    drop(lock.try_write());
    reader.join().unwrap();
    assert!(lock.try_write().is_none());
    assert!(lock.try_write_for(A_WHILE).is_none());
}

/// A writer must look at the row, though another thread is about to leave it out.
fn a_row_is_taken_while_its_last_owner_ends() {
    let lock = new();
    drop(lock.read());
    let last = lock.spawn(read_once);
    let next = lock.spawn(|lock| {
        let data = lock.read();
        let before = *data;
        loom::thread::yield_now();
        assert_eq!(*data, before, "a thread wrote meanwhile");
    });
    last.join().unwrap();
    let written = lock.try_write().map_or(0, |mut data| {
        *data += 1;
        1
    });
    next.join().unwrap();
    rest(lock, written);
}

/// Of the entries of its last owner, which may have read the same lock.
fn a_row_that_was_left_is_found_free() {
    let lock = new();
    let readers = [lock.spawn(read_once), lock.spawn(read_once)];
    readers
        .into_iter()
        .for_each(|reader| reader.join().unwrap());
    write(&lock);
    rest(lock, 1);
}

/// The thread that reads last ends first. The other one takes both rows out of use, and the writer
/// looks at none.
fn a_writer_sees_the_readers_of_rows_out_of_use() {
    fn read_slowly(lock: &Lock) {
        let data = lock.read();
        loom::thread::yield_now();
        drop(data);
    }
    fn read_and_stay(lock: &Lock) {
        drop(lock.read());
        loom::thread::yield_now();
    }
    let lock = new();
    let readers = [lock.spawn(read_slowly), lock.spawn(read_and_stay)];
    loom::thread::yield_now();
    anteroom::pause_after_fences();
    let written = lock.try_write().map_or(0, |mut data| {
        *data += 1;
        1
    });
    readers
        .into_iter()
        .for_each(|reader| reader.join().unwrap());
    rest(lock, written);
}

/// The reader that comes then must not wait for the one that stays.
fn a_bump_for_a_writer_that_gives_up_keeps_no_reader_out() {
    let lock = new();
    let guard = lock.read();
    let writer = lock.spawn(write_for_a_while);
    let mut other = lock.read();
    RwLockReadGuard::bump(&mut other);
    lock.spawn(read_once).join().unwrap();
    let written = writer.join().unwrap();
    drop((guard, other));
    rest(lock, written);
}

/// What it has kept for itself.
fn a_writer_that_gives_up_a_slot_keeps_no_reader_out() {
    let lock = new();
    let guard = lock.read();
    let writer = lock.spawn(write_for_a_while);
    lock.spawn(read_once).join().unwrap();
    let written = writer.join().unwrap();
    drop(guard);
    rest(lock, written);
}

/// The writer has waited for a slot, and waits for a counted reader then, which waits for another.
fn a_timed_writer_that_was_next_keeps_no_reader_out() {
    let lock = new();
    let outer = lock.read();
    let writer = lock.spawn(write_for_a_while);
    loom::thread::yield_now();
    let inner = lock.read_recursive();
    drop(outer);
    lock.spawn(read_once).join().unwrap();
    drop(inner);
    let written = writer.join().unwrap();
    rest(lock, written);
}

fn a_writer_that_waits_for_a_slot_keeps_new_readers_out() {
    let lock = new();
    let inside = lock.read();
    let writer = lock.spawn(write);
    loom::thread::yield_now();
    let is_asleep = anteroom::sleepers() > 0;
    assert!(!is_asleep || lock.try_read().is_none());
    drop(inside);
    writer.join().unwrap();
    rest(lock, 1);
}

/// The writer has seen a slot when the upgradable reader comes in.
fn a_writer_keeps_no_reader_from_an_upgradable_one() {
    let lock = new();
    let inside = lock.read();
    let writer = lock.spawn(write);
    if let Some(seen) = lock.try_upgradable_read() {
        lock.spawn(read_once).join().unwrap();
        drop(seen);
    }
    drop(inside);
    writer.join().unwrap();
    rest(lock, 1);
}

/// The writer is in a queue of its own.
fn a_timed_reader_beside_a_writer_at_a_slot_leaves_no_trace() {
    let lock = new();
    let inside = lock.read();
    let writer = lock.spawn(write);
    loom::thread::yield_now();
    drop(lock.try_read_for(A_WHILE));
    drop(inside);
    writer.join().unwrap();
    rest(lock, 1);
}

/// It comes when the writer's lease is over, and no thread is on its way to wake those that wait.
fn a_reader_that_outlasts_a_writer_at_a_slot_lets_others_in() {
    let lock = new();
    let inside = lock.read();
    let writer = lock.spawn(write);
    loom::thread::yield_now();
    let other = lock.spawn(|lock| {
        // Since it has timed out once, it lets others run before it looks.
        assert!(Semaphore::new(0).try_acquire_for(A_WHILE).is_err());
        drop(lock.read());
    });
    loom::thread::yield_now();
    anteroom::outlast_leases();
    let late = lock.try_read();
    other.join().unwrap();
    drop((late, inside));
    writer.join().unwrap();
    rest(lock, 1);
}

/// The writer's lease was over for another reader, which has taken what was kept.
fn a_fair_reader_keeps_the_lock_again_for_a_writer_at_a_slot() {
    let lock = new();
    let inside = lock.read();
    let writer = lock.spawn(write);
    loom::thread::yield_now();
    let is_asleep = anteroom::sleepers() > 0;
    let late = lock.spawn(|lock| {
        anteroom::outlast_leases();
        drop(lock.try_read());
    });
    late.join().unwrap();
    RwLockReadGuard::unlock_fair(inside);
    if let Some(data) = lock.try_read() {
        assert!(!is_asleep || *data == 1, "a reader came before the writer");
    }
    writer.join().unwrap();
    rest(lock, 1);
}

/// Which shares the place of its count with the lock's writers. None of these waits.
fn a_fair_reader_keeps_the_lock_for_no_other_lock_s_waiter() {
    let locks = Common::new((RwLock::new(()), anteroom::Mutex::new(())));
    let guard = locks.1.lock();
    let inside = locks.0.read();
    let waiter = locks.spawn(|(_, mutex)| drop(mutex.lock()));
    loom::thread::yield_now();
    assert!(locks.0.try_write_for(A_WHILE).is_none());
    RwLockReadGuard::unlock_fair(inside);
    assert!(locks.0.try_read().is_some(), "it is kept");
    drop(guard);
    waiter.join().unwrap();
    let (mut lock, mut mutex) = locks.into_inner();
    lock.assert_at_rest();
    mutex.assert_at_rest();
}
