//! Bugs that other mutexes and reader-writer locks had: stolen park tokens, lost flags, hogs, too
//! many readers. The numbers are those of `tests/ADVERSARIES.md`.

use anteroom::{Mutex, RwLock, RwLockReadGuard, RwLockUpgradableReadGuard};
use common::{asleep, asleep_for_good, must_end, until};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

/// A thread's wish for one of two locks.
type Turn = fn(&Mutex<u32>, &RwLock<u32>);

const LOCKS: Turn = |mutex, _| *mutex.lock() += 1;
const READS: Turn = |_, lock| drop(lock.read());
const WRITES: Turn = |_, lock| *lock.write() += 1;
const READS_UPGRADABLY: Turn = |_, lock| drop(lock.upgradable_read());
const UPGRADES: Turn = |_, lock| {
    *RwLockUpgradableReadGuard::upgrade(lock.upgradable_read()) += 1;
};

/// Adversary 8 (std 145816): a lock that sleeps by `thread::park` eats the token that the program
/// has put there.
#[test]
fn waiting_leaves_the_park_token_of_the_thread_alone() {
    must_end(|| {
        let (mutex, lock) = (&Mutex::new(0), &RwLock::new(0));
        thread::scope(|s| {
            let guards = (mutex.lock(), lock.write());
            for turn in [LOCKS, READS, WRITES, READS_UPGRADABLY, UPGRADES] {
                asleep_for_good(s, move || {
                    thread::current().unpark();
                    turn(mutex, lock);
                    // Returns at once, or never.
                    thread::park();
                });
            }
            drop(guards);
        });
    });
}

/// Every way to try, none of which waits.
fn try_everything(lock: &RwLock<u32>) {
    let readers = (lock.try_read(), lock.try_read_recursive());
    drop(readers);
    drop(lock.try_write());
    drop(lock.try_read_for(Duration::ZERO));
    drop(lock.try_write_for(Duration::ZERO));
    drop(lock.try_upgradable_read_for(Duration::ZERO));
    if let Some(guard) = lock.try_upgradable_read()
        && let Err(guard) = RwLockUpgradableReadGuard::try_upgrade(guard)
    {
        let guard = RwLockUpgradableReadGuard::try_upgrade_for(guard, Duration::ZERO);
        drop(guard);
    }
}

/// Adversary 16 (glibc 23844, 23861): a try overwrote the flag that says that a thread waits, or
/// the readers' count.
#[test]
fn tries_do_not_make_an_unlock_forget_those_who_sleep() {
    must_end(|| {
        for _ in 0..30 {
            let (mutex, lock) = (&Mutex::new(0), &RwLock::new(0));
            let woken = &AtomicUsize::new(0);
            let hammer = || {
                while woken.load(Relaxed) < 1 {
                    drop((mutex.try_lock(), mutex.is_locked()));
                    drop(mutex.try_lock_for(Duration::ZERO));
                }
                while woken.load(Relaxed) < 5 {
                    try_everything(lock);
                }
            };
            thread::scope(|s| {
                let (guard, writer) = (mutex.lock(), lock.write());
                for turn in [LOCKS, READS, WRITES, READS_UPGRADABLY, UPGRADES] {
                    asleep_for_good(s, move || {
                        turn(mutex, lock);
                        woken.fetch_add(1, Relaxed);
                    });
                }
                for _ in 0..2 {
                    s.spawn(hammer);
                }
                (0..100).for_each(|_| try_everything(lock));
                drop(guard);
                until(|| woken.load(Relaxed) >= 1);
                (0..100).for_each(|_| try_everything(lock));
                drop(writer);
            });
            // A writer and an upgrade that wait for readers to leave.
            for turn in [WRITES, UPGRADES] {
                thread::scope(|s| {
                    let reader = lock.read();
                    asleep_for_good(s, move || turn(mutex, lock));
                    (0..100).for_each(|_| try_everything(lock));
                    drop(reader);
                });
            }
        }
    });
}

/// Adversary 21 (Go 13086).
#[test]
fn hogs_do_not_keep_a_polite_thread_out() {
    /// Three threads do nothing but `hog`, until one that now and then wants to be `polite` has
    /// been that.
    fn check(hog: impl Fn() + Sync, polite: impl Fn()) {
        let done = AtomicBool::new(false);
        thread::scope(|s| {
            for _ in 0..3 {
                s.spawn(|| {
                    while !done.load(Relaxed) {
                        hog();
                    }
                });
            }
            for _ in 0..50 {
                polite();
                thread::yield_now();
            }
            done.store(true, Relaxed);
        });
    }

    fn work() {
        (0..2_000).for_each(|_| std::hint::spin_loop());
    }

    must_end(|| {
        let mutex = Mutex::new(());
        let hog = || {
            let _guard = mutex.lock();
            work();
        };
        check(hog, || drop(mutex.lock()));
        let lock = RwLock::new(());
        let writing_hog = || {
            let _guard = lock.write();
            work();
        };
        let reading_hog = || {
            let _guard = lock.read();
            work();
        };
        check(writing_hog, || drop(lock.read()));
        check(writing_hog, || drop(lock.write()));
        check(writing_hog, || drop(lock.upgradable_read()));
        check(reading_hog, || drop(lock.write()));
        check(reading_hog, || {
            drop(RwLockUpgradableReadGuard::upgrade(lock.upgradable_read()))
        });
    });
}

/// Panics with a message that names the method and the limit.
#[track_caller]
fn refuses<R>(read: impl FnOnce() -> R) {
    let panic = catch_unwind(AssertUnwindSafe(read))
        .err()
        .expect("one more than the limit was let in");
    let message = panic.downcast::<String>().expect("it has a message");
    assert!(
        message.contains("RwLock::read") && message.contains("2097152"),
        "{message}"
    );
}

/// Adversary 18 (spin 123; Go's 2³⁰ readers). It takes a second.
#[test]
fn one_reader_too_many_is_refused_and_nothing_has_changed() {
    let lock = RwLock::new(5);
    // Of 22 bits for the readers one is kept for those that cannot be refused. Seven more are not
    // counted, where there is a bias: they fill the thread's row of biased readers.
    let biased = if common::HAS_BIAS { 7 } else { 0 };
    for _ in 0..(1 << 21) + biased {
        mem::forget(lock.try_read());
    }
    let refuse_all = || {
        refuses(|| lock.read());
        refuses(|| lock.try_read());
        refuses(|| lock.read_recursive());
        refuses(|| lock.try_read_for(Duration::from_secs(1)));
        assert!(lock.try_write().is_none());
    };
    refuse_all();
    refuse_all();

    // Nor is a reader admitted that was parked behind a writer that gives up.
    thread::scope(|s| {
        let writer = asleep(s, || {
            lock.try_write_for(Duration::from_millis(100)).is_none()
        });
        let reader = s.spawn(|| refuses(|| lock.read()));
        assert!(writer.join().unwrap());
        reader.join().unwrap();
    });
    refuse_all();

    // Nor does an upgradable reader become one more; it has left.
    let upgradable = lock.try_upgradable_read().expect("no thread writes");
    refuses(|| RwLockUpgradableReadGuard::downgrade(upgradable));
    assert!(lock.try_upgradable_read().is_some());
    refuse_all();

    // The biased ones make no room: they are not counted, and the bias is over.
    for _ in 0..biased + 1 {
        // SAFETY: a read guard was forgotten.
        unsafe { lock.force_unlock_read() };
    }
    let mut last = lock.try_read().expect("there is room for one");
    refuse_all();
    // A reader that gave its place up for a while gets in again, though another has taken it.
    RwLockReadGuard::unlocked(&mut last, || mem::forget(lock.try_read().expect("room")));
    assert_eq!(*last, 5);
    refuse_all();
    drop(last);
    assert!(lock.is_locked() && !lock.is_locked_exclusive());
}
