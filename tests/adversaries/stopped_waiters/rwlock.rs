//! Waiters of a reader-writer lock that are stopped.

use super::*;

#[test]
fn rwlock_waiters_do_not_need_any_number_of_stopped_ones_when_a_writer_leaves() {
    for is_stopped in MANY_STOPPED {
        static LOCK: RwLock<()> = RwLock::new(());
        mem::forget(LOCK.write());
        check_that_many_may_be_stopped(
            is_stopped,
            || take_in_some_mode(&LOCK),
            // SAFETY: the guard was forgotten.
            || unsafe { LOCK.force_unlock_write() },
        );
    }
}

#[test]
fn writers_do_not_need_any_number_of_stopped_ones_when_a_reader_leaves() {
    for is_stopped in MANY_STOPPED {
        static LOCK: RwLock<()> = RwLock::new(());
        mem::forget(LOCK.read());
        check_that_many_may_be_stopped(
            is_stopped,
            || drop(LOCK.write()),
            // SAFETY: the guard was forgotten. (On another thread: it is counted, for no thread has
            // read this lock often.)
            || unsafe { LOCK.force_unlock_read() },
        );
    }
}

/// The one that sleeps first is not the first to be woken: readers are.
#[test]
fn a_writer_that_sleeps_first_does_not_need_a_reader_and_the_last_one_that_are_stopped() {
    on_stage(|stage| {
        let lock: &RwLock<()> = leaked(RwLock::new(()));
        let guard = lock.write();
        let first = stage.waits(|| drop(lock.write()));
        stage.stopped(|| drop(lock.read()));
        stage.stopped(|| drop(lock.write()));
        drop(guard);
        first.join().unwrap();
    });
}

/// It keeps new readers out, until others need the lock more than a thread that does not run. (With
/// 32 bits no lock is biased.)
#[test]
#[cfg(target_pointer_width = "64")]
fn readers_do_not_need_a_stopped_writer_that_waits_for_a_biased_one() {
    on_stage(|stage| {
        let lock = leaked(RwLock::new(()));
        (0..10_000).for_each(|_| drop(lock.read()));
        let guard = lock.read();
        stage.stopped(|| drop(lock.write()));
        stage.waits(|| drop(lock.read())).join().unwrap();
        drop(guard);
    });
}
