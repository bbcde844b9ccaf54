//! Models of the reader-writer lock that is never biased: any thread releases what another read.

use crate::model::models;
use anteroom::{ArcSendRwLockReadGuard, ArcSendRwLockUpgradableReadGuard, SendRwLock};
use loom::thread;
use std::sync::Arc;

models! {
    a_read_that_was_sent_keeps_a_writer_out: 3,
    a_read_that_was_sent_keeps_a_writer_out: 3 warming,
    a_read_that_was_sent_keeps_a_writer_out: 2 own_line,
    a_read_that_was_sent_keeps_a_writer_out: 2 bare impatient,
    two_reads_that_were_sent_and_a_writer: 2 warming,
    two_reads_that_were_sent_and_a_writer: 2 impatient,
    an_upgradable_read_that_was_sent_is_upgraded: 2 warming,
    a_write_that_was_sent_is_released: 3,
    a_reader_and_a_writer_exclude_each_other: 3,
    two_readers_and_a_writer: 2 impatient,
}

type Lock = Arc<SendRwLock<usize>>;

fn new() -> Lock {
    // As for what is `Common`.
    assert!(anteroom::no_thread_waits());
    Arc::new(SendRwLock::new(0))
}

fn rest(lock: Lock, expected: usize) {
    assert!(anteroom::no_thread_waits(), "a thread is counted, but gone");
    let mut lock = Arc::into_inner(lock).expect("all threads have ended");
    lock.assert_at_rest();
    assert_eq!(*lock.get_mut(), expected);
}

fn write(lock: &Lock) {
    *lock.write() += 1;
}

/// Another thread releases the read.
fn send(seen: ArcSendRwLockReadGuard<usize>) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        assert_eq!(*seen, 0);
        drop(seen);
    })
}

fn a_read_that_was_sent_keeps_a_writer_out() {
    let lock = new();
    let reader = send(lock.read_arc());
    write(&lock);
    reader.join().unwrap();
    rest(lock, 1);
}

fn two_reads_that_were_sent_and_a_writer() {
    let lock = new();
    let readers = [send(lock.read_arc()), send(lock.read_arc())];
    write(&lock);
    readers.into_iter().for_each(|it| it.join().unwrap());
    rest(lock, 1);
}

fn an_upgradable_read_that_was_sent_is_upgraded() {
    let lock = new();
    let seen = lock.upgradable_read_arc();
    let reader = send(lock.read_arc());
    let upgrade = thread::spawn(move || {
        let before = *seen;
        let mut data = ArcSendRwLockUpgradableReadGuard::upgrade(seen);
        assert_eq!(*data, before, "another thread wrote in between");
        *data += 1;
    });
    write(&lock);
    upgrade.join().unwrap();
    reader.join().unwrap();
    rest(lock, 2);
}

fn a_write_that_was_sent_is_released() {
    let lock = new();
    let mut data = lock.write_arc();
    let writer = thread::spawn(move || *data += 1);
    write(&lock);
    writer.join().unwrap();
    rest(lock, 2);
}

/// Runs `others` beside a writer.
fn beside_a_writer(others: &[fn(&Lock)]) {
    let lock = new();
    let spawn = |other: &fn(&Lock)| {
        let (other, lock) = (*other, lock.clone());
        thread::spawn(move || other(&lock))
    };
    let others: Vec<_> = others.iter().map(spawn).collect();
    write(&lock);
    others.into_iter().for_each(|it| it.join().unwrap());
    rest(lock, 1);
}

fn read(lock: &Lock) {
    let first = *lock.read();
    assert!(*lock.read() >= first);
}

fn a_reader_and_a_writer_exclude_each_other() {
    beside_a_writer(&[read]);
}

fn two_readers_and_a_writer() {
    beside_a_writer(&[|lock| drop(lock.read()), |lock| drop(lock.read_recursive())]);
}
