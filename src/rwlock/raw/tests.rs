//! What no program can bring about in reasonable time: counts at their limits, and another copy of the crate.

use super::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

fn with(state: usize) -> RawRwLock {
    let lock = RawRwLock::new();
    // ORDERING: Relaxed, here and below; a test with one thread.
    lock.state.store(state, Relaxed);
    lock
}

fn state(lock: &RawRwLock) -> usize {
    // ORDERING: as above.
    lock.state.load(Relaxed)
}

/// Whether it panics and says `what`, and leaves the lock as it is.
fn is_refused<R>(lock: &RawRwLock, what: &str, f: impl FnOnce() -> R) -> bool {
    let before = state(lock);
    let Err(panic) = catch_unwind(AssertUnwindSafe(f)) else {
        return false;
    };
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let said = text.or_else(|| panic.downcast_ref::<&str>().copied());
    said.is_some_and(|said| said.contains(what)) && state(lock) == before
}

#[test]
fn too_many_readers_are_refused_by_every_way_in() {
    let full = MAX_READERS * ONE_READER;
    let what = "more than";
    for flags in [0, UPGRADABLE] {
        let lock = with(full | flags);
        assert!(is_refused(&lock, what, || lock.try_read(false)));
        assert!(is_refused(&lock, what, || lock.try_read(true)));
        assert!(is_refused(&lock, what, || lock.read(false, Deadline::NEVER)));
        assert!(is_refused(&lock, what, || lock.read(true, Deadline::NEVER)));
    }
    let lock = with(full | UPGRADABLE);
    // SAFETY: as the word says, and if not, that is what the test finds.
    let downgrade = || unsafe { lock.downgrade_upgradable() };
    assert!(is_refused(&lock, what, downgrade));
}

#[test]
fn read_taken_again_at_the_limit_aborts() {
    const CHILD: &str = "ANTEROOM_TEST_ABORTS";
    const NAME: &str = "rwlock::raw::tests::read_taken_again_at_the_limit_aborts";

    if std::env::var_os(CHILD).is_some() {
        return with(MAX_AGAIN * ONE_READER).read_again();
    }
    let this = std::env::current_exe().expect("a test is a program");
    let child = std::process::Command::new(this)
        .args(["--exact", NAME, "--nocapture"])
        .env(CHILD, "1")
        .output()
        .expect("it runs once more");
    assert!(!child.status.success());
    let said = String::from_utf8_lossy(&child.stderr);
    assert!(said.contains("readers: aborting"), "{said}");
}

/// There is room for them above the limit, so that a guard's `unlocked` does not unwind.
#[test]
fn reader_that_takes_its_lock_again_is_counted_beyond_the_limit() {
    let lock = with(MAX_READERS * ONE_READER);
    lock.read_again();
    assert_eq!(state(&lock), (MAX_READERS + 1) * ONE_READER);
    const { assert!(MAX_AGAIN * ONE_READER < READERS && MAX_READERS < MAX_AGAIN) };
}

/// A word that another copy has biased, or is being revoked there.
#[test]
fn lock_biased_by_another_copy_is_refused_and_left_as_it_is() {
    if !bias::HERE {
        return;
    }
    let own = bias::numbered_copy().expect("a key is left");
    let other = copy_bits(if own == copy_bits(3).unwrap() { 4 } else { 3 }).unwrap();
    let what = "another copy";
    let biased = new_tag(17, other);
    for tag in [biased, biased & !BIASED | REVOKING, biased | ASYMMETRIC] {
        for more in [0, ONE_READER, UPGRADABLE] {
            let lock = with(tag | more);
            assert!(lock.is_locked(), "it cannot know better");
            if more == 0 {
                assert!(is_refused(&lock, what, || lock.try_write()));
            }
            if more & UPGRADABLE == 0 {
                assert!(is_refused(&lock, what, || lock.write(Deadline::NEVER)));
            } else {
                // SAFETY: as the word says.
                assert!(is_refused(&lock, what, || unsafe { lock.try_upgrade() }));
                // SAFETY: as the word says.
                let upgrade = || unsafe { lock.upgrade(Deadline::NEVER) };
                assert!(is_refused(&lock, what, upgrade));
            }
            if tag & BIASED != 0 {
                assert!(is_refused(&lock, what, || lock.try_read(false)));
                assert!(is_refused(&lock, what, || lock.read(true, Deadline::NEVER)));
            }
            // What cannot unwind counts itself, which is right in any case.
            lock.read_again();
            assert_eq!(state(&lock), (tag | more) + ONE_READER);
            // SAFETY: it was just counted.
            unsafe { lock.unlock_read() };
            assert_eq!(state(&lock), tag | more);
        }
    }
}

#[test]
fn entries_keep_the_whole_address_and_the_period() {
    if !bias::HERE {
        return;
    }
    let last = (1 << 48) - 8;
    assert!(fits(last) && !fits(last + 8));
    let copy = copy_bits(511).unwrap();
    assert!(copy_bits(512).is_none());
    let mut entries = std::collections::HashSet::new();
    let keys = (3..48).map(|bit| 1 << bit).chain([last]);
    for key in keys {
        for period in [0, 1, 1 << 18, (1 << 19) - 1] {
            let entry = entry(key, new_tag(period, copy) | READERS | PARKED);
            assert_ne!(entry, 0);
            assert_eq!(period_of(entry), period);
            assert!(entries.insert(entry), "{key:x} {period}");
        }
    }
}

/// Starved readers were woken, and do not come: their tickets keep a writer out for a nap, not for ever.
#[test]
fn writer_revokes_tickets_of_readers_that_do_not_come() {
    let lock = with(2 * ONE_TICKET);
    assert!(!lock.try_write());
    assert!(lock.write(Deadline::NEVER));
    assert_eq!(state(&lock), WRITER);
    // SAFETY: it is the writer.
    unsafe { lock.unlock_write() };
}

/// A waiter for which a bit was reserved does not come.
#[test]
fn reservation_is_taken_after_a_nap() {
    for bit in [WRITER, UPGRADABLE] {
        let lock = with(bit | RESERVED);
        assert!(!lock.try_write());
        assert!(lock.write(Deadline::NEVER));
        assert_eq!(state(&lock), WRITER);
        let lock = with(bit | RESERVED | AWAKE);
        assert!(lock.upgradable_read(Deadline::NEVER));
        assert_eq!(state(&lock), UPGRADABLE);
        let lock = with(bit | RESERVED);
        assert!(lock.read(false, Deadline::NEVER));
    }
}

/// More threads than there are rows, one after the other, each with a guard in a thread-local, or forgotten. Rows are
/// used again, and writers do not look at those that are free.
#[test]
fn rows_come_back_from_threads_that_end_inside() {
    use std::cell::RefCell;
    use std::sync::Arc;
    use std::thread;

    struct Kept(Arc<RawRwLock>);
    impl Drop for Kept {
        fn drop(&mut self) {
            // SAFETY: it is dropped on the thread that has read.
            unsafe { self.0.unlock_read() };
        }
    }
    thread_local! { static KEPT: RefCell<Option<Kept>> = const { RefCell::new(None) }; }

    if !bias::HERE {
        return;
    }
    let copy = bias::numbered_copy().expect("a key is left");
    let lock = Arc::new(with(new_tag(bias::new_period().unwrap(), copy)));
    let slots_in_use = || bias::slots().count();
    let before = slots_in_use();
    for forgets in [false, true] {
        for _ in 0..1_100 {
            let reader = lock.clone();
            let read = move || {
                let lock = reader;
                // Made first, so dropped last.
                KEPT.with_borrow(|kept| assert!(kept.is_none()));
                assert!(bias::free_slot().is_some(), "there is no row");
                assert!(lock.try_read(false));
                assert_eq!(state(&lock) & READERS, 0, "it is published");
                if !forgets {
                    KEPT.set(Some(Kept(lock)));
                }
            };
            thread::spawn(read).join().unwrap();
            if !forgets {
                assert!(!lock.is_locked());
            }
        }
        // (Other tests run, too.)
        let most = if forgets { 200 * 7 } else { before + 50 * 7 };
        assert!(slots_in_use() < most, "{} slots", slots_in_use());
    }
    assert!(lock.is_locked() && !lock.try_write());
}
