//! Models of the reader-writer lock between processes.

use super::{
    Known, Ready, known, known_mortal, live_again, mortal, mortal_process, process,
    second_mortal_process, share, until_asleep,
};
use crate::ipc::rwlock::raw::{RawRwLock, Refused, Written};
use crate::models;
use crate::sys::Ordering::Relaxed;
use crate::sys::deadline::Deadline;
use crate::sys::mortal::AtomicU32;
use std::cell::Cell;
use std::time::Duration;

models! {
    writers_exclude_each_other: 2,
    a_writer_and_a_reader_exclude_each_other: 3,
    a_writer_and_a_reader_exclude_each_other: 2 one_by_one,
    readers_share_and_a_writer_waits_for_both: 1,
    readers_share_and_a_writer_waits_for_both: 1 awake,
    two_readers_wait_for_a_writer: 1,
    a_timed_writer_lets_the_readers_in: 1,
    a_timed_writer_lets_the_readers_in: 1 awake,
    a_killed_writer_is_told_of: 1 mortal,
    a_killed_writer_lets_two_others_in: 0 mortal,
    a_killed_reader_lets_a_writer_in: 1 mortal,
    a_writer_killed_while_it_waits_lets_others_in: 0 mortal,
    a_writer_killed_while_it_waits_lets_others_in: 0 mortal awake,
    a_try_beside_a_killed_writer: 1 mortal,
    a_killed_writer_that_wrote_before_is_told_of: 1 mortal,
    a_killed_reader_that_read_before_lets_a_writer_in: 1 mortal,
    one_after_the_other_may_die: 0 mortals,
    a_killed_reader_that_wanted_to_write_still_read: 0 mortal,
    what_the_dead_wrote_can_be_left_as_it_is: 0 mortal,
    a_descendant_with_the_number_of_the_dead_hears_of_its_death: 0 mortal,
    a_killed_writer_lets_two_sleeping_readers_in: 0 mortal,
    a_killed_writer_lets_two_sleeping_readers_in: 0 mortal awake,
    a_writer_poisons_the_lock_at_once: 1,
}

impl Known for RawRwLock {
    fn find_slot(&self) {
        read(self);
    }
}

const WAIT: Option<Deadline> = Some(Deadline::NEVER);

/// Reads while no thread dies.
fn read(lock: &RawRwLock) {
    lock.unlock_read(lock.read(WAIT).unwrap().expect("no writer died"));
}

/// Repairs what the dead left.
fn write(lock: &RawRwLock) {
    let (holder, _) = lock.write(WAIT).unwrap();
    lock.unlock_write(holder, false);
}

/// When all have ended, a writer comes in at once.
fn rest(lock: &RawRwLock) -> Written {
    let (holder, written) = lock.write(None).expect("it is free");
    lock.unlock_write(holder, false);
    lock.unlock_read(lock.read(None).unwrap().expect("it is repaired"));
    written
}

fn writers_exclude_each_other() {
    let lock = share(RawRwLock::new());
    lock.find_slot();
    let other = known(&lock, write).go();
    write(&lock);
    other.join().unwrap();
    assert_eq!(rest(&lock), Written::Cleanly);
}

fn a_writer_and_a_reader_exclude_each_other() {
    let lock = share(RawRwLock::new());
    lock.find_slot();
    let other = known(&lock, read).go();
    write(&lock);
    other.join().unwrap();
    assert_eq!(rest(&lock), Written::Cleanly);
}

fn readers_share_and_a_writer_waits_for_both() {
    let lock = share(RawRwLock::new());
    lock.find_slot();
    let others = [known(&lock, read), known(&lock, read)].map(Ready::go);
    write(&lock);
    others.into_iter().for_each(|other| other.join().unwrap());
    assert_eq!(rest(&lock), Written::Cleanly);
}

fn two_readers_wait_for_a_writer() {
    let lock = share(RawRwLock::new());
    lock.find_slot();
    let others = [known(&lock, read), known(&lock, read)];
    let (holder, _) = lock.write(WAIT).unwrap();
    let others = others.map(Ready::go);
    lock.unlock_write(holder, false);
    others.into_iter().for_each(|other| other.join().unwrap());
    assert_eq!(rest(&lock), Written::Cleanly);
}

/// It closes the lock, waits for a reader, and gives up.
fn a_timed_writer_lets_the_readers_in() {
    let lock = share(RawRwLock::new());
    lock.find_slot();
    let holder = lock.read(WAIT).unwrap().unwrap();
    let timed = known(&lock, |lock| {
        if let Ok((holder, _)) = lock.write(Some(Deadline::after(Duration::ZERO))) {
            lock.unlock_write(holder, false);
        }
    });
    let other = known(&lock, read);
    let (timed, other) = (timed.go(), other.go());
    timed.join().unwrap();
    other.join().unwrap();
    lock.unlock_read(holder);
    assert_eq!(rest(&lock), Written::Cleanly);
}

/// At most once, and not if it lived.
fn a_killed_writer_is_told_of() {
    let lock = share(RawRwLock::new());
    lock.find_slot();
    let doomed = known_mortal(&lock, write).go();
    let (holder, first) = lock.write(WAIT).unwrap();
    lock.unlock_write(holder, false);
    let lived = doomed.join().unwrap();
    let second = rest(&lock);
    assert!(first == Written::Cleanly || second == Written::Cleanly);
    assert!(!lived || first == second);
    assert_eq!(rest(&lock), Written::Cleanly);
}

fn a_killed_writer_lets_two_others_in() {
    let lock = share(RawRwLock::new());
    lock.find_slot();
    let doomed = known_mortal(&lock, write);
    let reader = known(&lock, |lock| {
        if let Some(holder) = lock.read(WAIT).unwrap() {
            lock.unlock_read(holder);
        }
    });
    let (doomed, reader) = (doomed.go(), reader.go());
    write(&lock);
    reader.join().unwrap();
    doomed.join().unwrap();
    rest(&lock);
}

fn a_killed_reader_lets_a_writer_in() {
    let lock = share(RawRwLock::new());
    lock.find_slot();
    let doomed = known_mortal(&lock, read).go();
    write(&lock);
    doomed.join().unwrap();
    assert_eq!(rest(&lock), Written::Cleanly);
}

/// A reader is inside, and another waits behind the writer. A writer that is killed before it is
/// inside has written nothing.
fn a_writer_killed_while_it_waits_lets_others_in() {
    let lock = share(RawRwLock::new());
    lock.find_slot();
    let inside = lock.read(WAIT).unwrap().unwrap();
    let doomed = known_mortal(&lock, |lock| {
        if let Ok((holder, _)) = lock.write(Some(Deadline::after(Duration::ZERO))) {
            lock.unlock_write(holder, false);
        }
    });
    let reader = known(&lock, read);
    let (doomed, reader) = (doomed.go(), reader.go());
    reader.join().unwrap();
    doomed.join().unwrap();
    lock.unlock_read(inside);
    assert_eq!(rest(&lock), Written::Cleanly);
}

fn a_try_beside_a_killed_writer() {
    let lock = share(RawRwLock::new());
    lock.find_slot();
    let doomed = known_mortal(&lock, write).go();
    if let Ok(Some(holder)) = lock.read(None) {
        lock.unlock_read(holder);
    }
    if let Ok((holder, _)) = lock.write(None) {
        lock.unlock_write(holder, false);
    }
    doomed.join().unwrap();
    rest(&lock);
}

/// Each finds what the one before has left, at any of its steps.
fn one_after_the_other_may_die() {
    fn live(lock: &RawRwLock) {
        let readers = [lock.read(WAIT).unwrap(), lock.read(WAIT).unwrap()];
        readers
            .into_iter()
            .flatten()
            .for_each(|reader| lock.unlock_read(reader));
        write(lock);
    }
    let lock = share(RawRwLock::new());
    mortal_process(&lock, live).join().unwrap();
    second_mortal_process(&lock, live).join().unwrap();
    live(&lock);
    assert_eq!(rest(&lock), Written::Cleanly);
}

/// It waits for itself, and gives up.
fn a_killed_reader_that_wanted_to_write_still_read() {
    let lock = share(RawRwLock::new());
    let doomed = mortal_process(&lock, |lock| {
        let holder = lock.read(WAIT).unwrap().unwrap();
        let written = lock.write(Some(Deadline::after(Duration::ZERO)));
        assert_eq!(written.err(), Some(Refused::TimedOut));
        lock.unlock_read(holder);
    });
    doomed.join().unwrap();
    write(&lock);
    assert_eq!(rest(&lock), Written::Cleanly);
}

/// A lock, and how far its writer has come. That is not a part of the model: it survives every
/// death.
struct Page {
    lock: RawRwLock,
    written: AtomicU32,
    is_whole: Cell<bool>,
}

// SAFETY: threads of a model run one at a time.
unsafe impl Send for Page {}
// SAFETY: as above.
unsafe impl Sync for Page {}

/// A writer's death within the write is told. The next writer does not repair the data.
fn what_the_dead_wrote_can_be_left_as_it_is() {
    let page = share(Page {
        lock: RawRwLock::new(),
        written: AtomicU32::new(0),
        is_whole: Cell::new(true),
    });
    let doomed = mortal_process(&page, |page| {
        let (holder, _) = page.lock.write(WAIT).unwrap();
        page.is_whole.set(false);
        // ORDERING: Relaxed; the lock orders it.
        page.written.store(1, Relaxed);
        page.is_whole.set(true);
        page.lock.unlock_write(holder, false);
    });
    doomed.join().unwrap();
    let lock = &page.lock;
    if !page.is_whole.get() {
        assert!(lock.read(None).unwrap().is_none());
    }
    let (holder, written) = lock.write(None).unwrap();
    assert!(page.is_whole.get() || written == Written::WriterDied);
    lock.unlock_write(holder, true);
    for wait in [None, WAIT] {
        assert_eq!(lock.read(wait).err(), Some(Refused::Poisoned));
        assert_eq!(lock.write(wait).err(), Some(Refused::Poisoned));
    }
}

/// It has inherited the memory of the dead thread's slot, too.
fn a_descendant_with_the_number_of_the_dead_hears_of_its_death() {
    let lock = share(RawRwLock::new());
    lock.find_slot();
    let is_whole = Cell::new(true);
    let lived = mortal(0, || {
        let (holder, _) = lock.write(WAIT).unwrap();
        is_whole.set(false);
        // ORDERING: Relaxed; no other thread looks. It is a step at which the writer can die.
        AtomicU32::new(0).store(1, Relaxed);
        is_whole.set(true);
        lock.unlock_write(holder, false);
    });
    if lived.is_none() {
        live_again();
    }
    let (holder, written) = lock.write(None).expect("no living thread holds it");
    assert!(is_whole.get() || written == Written::WriterDied);
    lock.unlock_write(holder, false);
    assert_eq!(rest(&lock), Written::Cleanly);
}

/// A reader that the kernel wakes instead of the writer wakes the other.
fn a_killed_writer_lets_two_sleeping_readers_in() {
    let lock = share(RawRwLock::new());
    let (is_in, until_in) = loom::sync::mpsc::channel();
    let (go, until_go) = loom::sync::mpsc::channel();
    let writer = lock.clone();
    let doomed = loom::thread::spawn(move || {
        let (holder, _) = writer.write(WAIT).unwrap();
        is_in.send(()).unwrap();
        until_go.recv().unwrap();
        mortal(0, || writer.unlock_write(holder, false));
    });
    until_in.recv().unwrap();
    let readers = [(); 2].map(|()| {
        process(&lock, |lock| {
            if let Some(holder) = lock.read(WAIT).unwrap() {
                lock.unlock_read(holder);
            }
        })
    });
    until_asleep(2);
    go.send(()).unwrap();
    doomed.join().unwrap();
    readers.into_iter().for_each(|it| it.join().unwrap());
}

/// The second time it follows its own change, unless the other one has come in between.
fn a_killed_writer_that_wrote_before_is_told_of() {
    let lock = share(RawRwLock::new());
    lock.find_slot();
    let doomed = known_mortal(&lock, |lock: &RawRwLock| {
        write(lock);
        write(lock);
    });
    let doomed = doomed.go();
    write(&lock);
    let lived = doomed.join().unwrap();
    let written = rest(&lock);
    assert!(!lived || written == Written::Cleanly);
}

/// As above.
fn a_killed_reader_that_read_before_lets_a_writer_in() {
    let lock = share(RawRwLock::new());
    lock.find_slot();
    let doomed = known_mortal(&lock, |lock: &RawRwLock| {
        read(lock);
        read(lock);
    });
    let doomed = doomed.go();
    write(&lock);
    doomed.join().unwrap();
    assert_eq!(rest(&lock), Written::Cleanly);
}

/// No other thread has changed anything since it came in.
fn a_writer_poisons_the_lock_at_once() {
    let lock = share(RawRwLock::new());
    write(&lock);
    let other = process(&lock, |lock| match lock.read(WAIT) {
        Ok(holder) => lock.unlock_read(holder.expect("no writer died")),
        Err(refused) => assert_eq!(refused, Refused::Poisoned),
    });
    let (holder, _) = lock.write(WAIT).unwrap();
    lock.unlock_write(holder, true);
    other.join().unwrap();
    assert_eq!(lock.read(None).err(), Some(Refused::Poisoned));
    assert_eq!(lock.write(WAIT).err(), Some(Refused::Poisoned));
}
