//! Of the bias: another copy of the crate, forgotten guards, too many revokers, rows that come
//! back.

use super::*;
use crate::sys::deadline::Deadline;

#[test]
fn lock_biased_by_another_copy_is_read_and_never_written() {
    let Some(name) = name_of(false) else { return };
    let what = "another copy";
    for flags in [BIASED, REVOKED, BIASED | ASYMMETRIC] {
        for more in [0, UPGRADABLE, ONE_READER] {
            let lock = with(name | flags | more);
            let before = state(&lock);
            if more == UPGRADABLE {
                // SAFETY: as the word says.
                assert!(is_refused(&lock, what, || unsafe { lock.try_upgrade() }));
                // SAFETY: as the word says.
                let upgrade = || unsafe { lock.upgrade_by(Deadline::NEVER) };
                assert!(is_refused(&lock, what, upgrade));
            } else {
                assert!(more != 0 || is_refused(&lock, what, || lock.try_write()));
                assert!(is_refused(&lock, what, || lock.write(Deadline::NEVER)));
            }
            // Its writers see readers that are counted.
            assert!(lock.try_read(false) && lock.read(true, Deadline::NEVER));
            lock.read_again();
            assert_eq!(state(&lock), before + 3 * ONE_READER);
            for _ in 0..3 {
                // SAFETY: it was just counted.
                unsafe { lock.unlock_read() };
            }
            assert_eq!(state(&lock), before);
        }
    }
}

/// The thread has left a guard's entry of the same period behind, where another lock was.
#[test]
fn reader_of_a_foreign_bias_leaves_its_own_slots_alone() {
    let (Some(own), Some(other)) = (name_of(true), name_of(false)) else {
        return;
    };
    for flags in [BIASED, REVOKED] {
        let lock = with(BIASED | own);
        assert!(lock.try_read(false));
        // ORDERING: Relaxed; a test with one thread.
        lock.state.store(flags | other, Relaxed);
        for unlock in [RawRwLock::unlock_read, RawRwLock::unlock_read_fair] {
            assert!(lock.try_read(false));
            assert_eq!(state(&lock) & READERS, ONE_READER, "it is counted");
            // SAFETY: it was just counted.
            unsafe { unlock(&lock) };
            assert_eq!(state(&lock), flags | other);
        }
        // ORDERING: as above.
        lock.state.store(BIASED | own, Relaxed);
        // SAFETY: it was published at first.
        unsafe { lock.unlock_read() };
        assert!(lock.try_write(), "it was in its slot all the time");
    }
}

#[test]
fn period_that_a_forgotten_guard_has_is_not_used_again() {
    let Some(lock) = biased() else { return };
    let key = lock.key();
    assert!(lock.try_read(false));
    assert_eq!(state(&lock) & READERS, 0, "it is published");
    // Nor for another lock, which may be moved to where this one is.
    let published = entry(key + 8, state(&lock));
    let drawn = |_| entry(key + 8, bias::new_period());
    // All of them are drawn, each once, but for that. (Other tests draw some, too.)
    let all: std::collections::HashSet<_> = (0..(1 << 16) - 1).map(drawn).collect();
    assert!(all.len() >= (1 << 16) - 1000 && !all.contains(&published));
    // SAFETY: it was just taken.
    unsafe { lock.unlock_read() };
}

/// As many revokers as can be counted are stopped: a writer waits for one, or until its deadline.
#[test]
fn writer_beside_too_many_revokers_waits() {
    let Some(lock) = biased() else { return };
    let mut crowded = state(&lock);
    while let Some(more) = with_revoker(crowded) {
        crowded = more;
    }
    // ORDERING: Relaxed; no other thread uses it yet.
    lock.state.store(crowded, Relaxed);
    assert!(!lock.try_write());
    assert!(!lock.write(Deadline::after(Duration::from_millis(5))));
    assert_eq!(state(&lock), crowded);
    thread::scope(|scope| {
        let writer = scope.spawn(|| lock.write(Deadline::NEVER));
        // (Nothing tells that it waits.)
        thread::sleep(Duration::from_millis(5));
        assert!(!writer.is_finished());
        // ORDERING: Relaxed, as a revoker that has found nothing it can take away.
        lock.state.fetch_sub(ONE_REVOKER, Relaxed);
        assert!(writer.join().unwrap());
    });
    assert_eq!(state(&lock) & (WRITER | BIASED | REVOKED), WRITER);
}

/// As many revokers as can be counted are in the parent of a fork.
#[test]
fn writer_beside_too_many_inherited_revokers_writes() {
    let Some(lock) = biased() else { return };
    let mut crowded = state(&lock);
    while let Some(more) = with_revoker(crowded) {
        crowded = more;
    }
    // ORDERING: Relaxed; no other thread uses it.
    lock.state.store(crowded, Relaxed);
    fork::watch();
    let wrote = fork::tests::is_true_in_a_child(|| {
        let wrote = lock.try_write();
        wrote && state(&lock) & (WRITER | BIASED | REVOKED) == WRITER
    });
    assert!(wrote);
    assert!(!lock.try_write(), "they are here");
}

/// A writer waits until its time is up. The reader leaves before, unnoticed, during a nap.
#[test]
fn writer_looks_for_its_reader_once_more_when_its_time_is_up() {
    let Some(name) = name_of(true) else { return };
    let lock = with(BIASED | name);
    assert!(lock.try_read(false));
    let slot = bias::slot_of(entry(lock.key(), state(&lock))).expect("it is published");
    let sleeps = || waiters::any(queue::revocation_key(lock.key()));
    thread::scope(|s| {
        let writer = s.spawn(|| lock.write(Deadline::after(Duration::from_millis(300))));
        while !sleeps() && !writer.is_finished() {
            thread::yield_now();
        }
        slot.leave();
        assert!(writer.join().unwrap());
    });
}

/// More threads than there are rows, one after the other, each with a read that outlives its row,
/// and is given back or not. Rows are used again, and writers do not look at those that are free.
#[test]
fn rows_come_back_from_threads_that_end_inside() {
    struct Kept(Arc<RawRwLock>);
    impl Drop for Kept {
        fn drop(&mut self) {
            // SAFETY: it is dropped on the thread that has read.
            unsafe { self.0.unlock_read() };
        }
    }
    thread_local! { static KEPT: RefCell<Option<Kept>> = const { RefCell::new(None) }; }

    let Some(lock) = biased() else { return };
    let lock = Arc::new(lock);
    for forgets in [false, true] {
        for _ in 0..1_100 {
            let reader = lock.clone();
            let read = move || {
                let lock = reader;
                // Made first, so dropped last.
                KEPT.with_borrow(|kept| assert!(kept.is_none()));
                assert!(lock.try_read(false));
                if !forgets {
                    assert_eq!(state(&lock) & READERS, 0, "there is no row");
                    KEPT.set(Some(Kept(lock)));
                }
            };
            thread::spawn(read).join().unwrap();
            if !forgets {
                assert!(!lock.is_locked());
            }
        }
    }
    assert!(lock.is_locked() && !lock.try_write());
    drop(Arc::into_inner(lock));
    let others = biased().expect("as above");
    assert!(others.try_read(false));
    assert_eq!(state(&others) & READERS, 0, "there is no row");
    // (Other tests run, too.)
    assert!(bias::slots().count() < 500 * 7, "{}", bias::slots().count());
    // SAFETY: it was just taken.
    unsafe { others.unlock_read() };
}
