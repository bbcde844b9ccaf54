//! What no program can bring about in reasonable time: counts at their limits, another copy of the
//! crate, threads that never come.

mod biased;

use super::queue::Given;
use super::*;
use crate::rwlock::bias::{self, Earned};
use crate::rwlock::word::{
    ASYMMETRIC, BIASED, MAX_AGAIN, MAX_READERS, ONE_READER, ONE_REVOKER, OTHER_NEXT, REVOKED, copy,
    entry, period, with_lease, with_revoker,
};
use crate::sys::deadline::Deadline;
use crate::sys::fork;
use crate::waiters;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

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

/// The bias of this copy, or else of another one, with a period of its own.
fn name_of(own: bool) -> Option<usize> {
    let mine = bias::numbered_copy()?;
    let other = copy(if mine == copy(3)? { 4 } else { 3 })?;
    Some(period(17) | if own { mine } else { other })
}

/// A lock whose next readers publish themselves, if there is a bias here.
fn biased() -> Option<RawRwLock> {
    Some(with(BIASED | name_of(true)?))
}

#[test]
fn too_many_readers_are_refused_by_every_way_in() {
    let full = MAX_READERS * ONE_READER;
    let what = "more than";
    for flags in [0, UPGRADABLE, with_lease(OTHER_NEXT)] {
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

/// Whether `wait` panics and says `what`, on a thread that sleeps in the queue until `release` is
/// called.
fn refused_in_the_queue<R>(
    lock: &RawRwLock,
    what: &str,
    wait: impl Fn() -> R + Sync,
    release: impl FnOnce(),
) -> bool {
    thread::scope(|s| {
        let waiter = s.spawn(|| {
            let panic = catch_unwind(AssertUnwindSafe(&wait)).err()?;
            let text = panic.downcast_ref::<String>().map(String::as_str);
            text.or_else(|| panic.downcast_ref::<&str>().copied())
                .map(String::from)
        });
        // (It is starved by then, so that the lock is kept for it when it is woken.)
        while state(lock) & PARKED == 0 && !waiter.is_finished() {
            thread::yield_now();
        }
        thread::sleep(Duration::from_millis(20));
        release();
        let said = waiter.join().unwrap();
        said.is_some_and(|said| said.contains(what))
    })
}

#[test]
fn waiter_that_is_refused_gives_up_what_it_was_given() {
    // Readers, behind a writer that a word of so many readers cannot have.
    let full = MAX_READERS * ONE_READER;
    for recursive in [false, true] {
        let lock = with(full | WRITER);
        let wait = || lock.read(recursive, Deadline::NEVER);
        // SAFETY: as the word says.
        let release = || unsafe { lock.unlock_write() };
        assert!(refused_in_the_queue(&lock, "more than", wait, release));
        assert_eq!(state(&lock), full);
    }
    // A writer, behind an upgradable reader, of a lock that another copy has biased.
    let Some(name) = name_of(false) else { return };
    let lock = with(BIASED | name | UPGRADABLE);
    let wait = || lock.write(Deadline::NEVER);
    // SAFETY: as the word says.
    let release = || unsafe { lock.unlock_upgradable() };
    assert!(refused_in_the_queue(&lock, "another copy", wait, release));
    assert_eq!(state(&lock), BIASED | name);
}

#[test]
fn read_taken_again_at_the_limit_aborts() {
    const CHILD: &str = "ANTEROOM_TEST_ABORTS";
    const NAME: &str = "rwlock::raw::tests::read_taken_again_at_the_limit_aborts";

    if std::env::var_os(CHILD).is_some() {
        return with(MAX_AGAIN * ONE_READER).read_again();
    }
    let child = common::alone::this_program()
        .args(["--exact", NAME, "--nocapture"])
        .env(CHILD, "1")
        .output()
        .expect("it runs once more");
    // (A test that panics ends with 101.)
    assert!(!child.status.success() && child.status.code() != Some(101));
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

/// A waiter that the lock is kept for does not come: others have it after 6 ms, also by a try.
#[test]
fn lock_that_is_kept_is_free_after_its_lease() {
    let kept = [WRITER_NEXT, OTHER_NEXT, WRITER_NEXT | OTHER_NEXT];
    let attempts: [fn(&RawRwLock) -> bool; 3] = [
        |lock| lock.try_read(false),
        RawRwLock::try_write,
        RawRwLock::try_upgradable_read,
    ];
    for next in kept {
        for (which, attempt) in attempts.iter().enumerate() {
            let lock = with(with_lease(next | DESIGNATED));
            let keeps_out = which > 0 || next & WRITER_NEXT != 0;
            let refused = std::iter::repeat_with(|| attempt(&lock)).take_while(|taken| !taken);
            assert_eq!(refused.count() > 0, keeps_out, "{next} {which}");
        }
        for wait in [
            |lock: &RawRwLock| lock.read(false, Deadline::NEVER),
            |lock: &RawRwLock| lock.write(Deadline::NEVER),
            |lock: &RawRwLock| lock.upgradable_read(Deadline::NEVER),
        ] {
            let lock = with(with_lease(next | DESIGNATED));
            assert!(wait(&lock));
        }
    }
}

/// Its row may be another thread's by then.
#[test]
fn reader_whose_thread_ends_is_counted() {
    struct Late(Arc<RawRwLock>);
    impl Drop for Late {
        fn drop(&mut self) {
            let before = state(&self.0);
            assert!(self.0.try_read(false));
            assert_eq!(state(&self.0), before + ONE_READER);
            // SAFETY: it was just taken.
            unsafe { self.0.unlock_read() };
        }
    }
    thread_local! { static LATE: RefCell<Option<Late>> = const { RefCell::new(None) }; }

    let Some(lock) = biased() else { return };
    let lock = Arc::new(lock);
    let reader = lock.clone();
    let end = thread::spawn(move || {
        // Made first, so dropped last.
        LATE.set(Some(Late(reader.clone())));
        assert!(reader.try_read(false));
        assert_eq!(state(&reader) & READERS, 0, "it is published");
        // SAFETY: it was just taken.
        unsafe { reader.unlock_read() };
    });
    end.join().unwrap();
    assert_eq!(Arc::strong_count(&lock), 1, "it was dropped");
}

/// The waiters of another lock may share a slot of the table with those that wait for a slot here.
#[test]
fn fair_reader_keeps_the_lock_for_a_waiting_writer_only() {
    let Some(name) = name_of(true) else { return };
    let lock = with(BIASED | name);
    assert!(lock.try_read(false));
    // A writer came, and gave up.
    assert!(lock.try_revoke().is_err() && state(&lock) & REVOKED != 0);
    waiters::add(queue::revocation_key(lock.key()), 1);
    assert!(lock.is_reader_waited_for());
    // SAFETY: it was just taken.
    unsafe { lock.unlock_read_fair() };
    assert!(lock.try_read(false), "it is kept");
    waiters::remove(queue::revocation_key(lock.key()));
    // SAFETY: as above.
    unsafe { lock.unlock_read() };
}

/// The upgradable reader leaves a lock that others read. The only thread in the queue gives up at
/// that moment, so that there is none for which the lock could be kept.
#[test]
fn fair_unlock_beside_readers_keeps_no_reader_out() {
    let lock = with(UPGRADABLE | ONE_READER | PARKED | DESIGNATED);
    // SAFETY: as the word says.
    unsafe { lock.unlock_upgradable_fair() };
    assert!(lock.try_read(false), "it is kept for a writer");
}

#[test]
fn token_tells_what_was_given() {
    for designation in [0, DESIGNATED] {
        for is_next in [false, true] {
            let given = Given {
                designation,
                is_next,
            };
            let told = Given::of(given.token());
            assert!(told.designation == designation && told.is_next == is_next);
        }
    }
}

/// How many lone reads make a lock biased, where the locks are read in the order of their keys.
fn lone_reads_until_a_bias_begins(keys: usize) -> usize {
    let _other_lock = bias::begins(usize::MAX, Earned::Alone);
    let begins = |read: &usize| bias::begins(1 + read % keys, Earned::Alone);
    (1..1 << 16).find(begins).expect("no bias begins")
}

#[test]
fn lone_reads_of_locks_in_turn_earn_less_but_earn_a_bias() {
    let _earned_before = lone_reads_until_a_bias_begins(1);
    let of_one = lone_reads_until_a_bias_begins(1);
    let of_two = lone_reads_until_a_bias_begins(2);
    assert!(4 * of_one < of_two, "{of_one} and {of_two} reads");
}
