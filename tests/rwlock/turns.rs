//! `RwLock` on real threads: which waiters none passes, which are inside together, and what those
//! that give up leave behind.

use anteroom::{RwLock, RwLockUpgradableReadGuard, RwLockWriteGuard};
use common::open::{OpenTo, open};
use common::{KEPT, asleep, asleep_for_good, must_end, until};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// More threads than the lock wakes at once.
const MANY: usize = 20;

#[test]
fn new_readers_do_not_pass_a_waiting_writer_but_recursive_ones_do() {
    must_end(|| {
        let lock = RwLock::new(0);
        thread::scope(|s| {
            let reader = lock.read();
            let writer = asleep_for_good(s, || *lock.write() += 1);
            assert_eq!(open(&lock), OpenTo::None);
            assert!(lock.try_read_for(Duration::from_millis(5)).is_none());
            assert!(!lock.is_locked_exclusive());
            let recursive = (lock.read_recursive(), lock.try_read_recursive().unwrap());
            assert!(lock.try_read_recursive_for(Duration::ZERO).is_some());
            drop(reader);
            assert_eq!(open(&lock), OpenTo::None);
            assert!(!writer.is_finished());
            drop(recursive);
            writer.join().unwrap();
        });
        assert_eq!(open(&lock), OpenTo::All);
    });
}

#[test]
fn new_readers_do_not_pass_a_waiting_upgrade_but_recursive_ones_do() {
    must_end(|| {
        let lock = RwLock::new(0);
        thread::scope(|s| {
            let reader = lock.read();
            let upgrade = asleep_for_good(s, || {
                *RwLockUpgradableReadGuard::upgrade(lock.upgradable_read()) += 1;
            });
            assert_eq!(open(&lock), OpenTo::None);
            let recursive = lock.read_recursive();
            drop(reader);
            assert!(!upgrade.is_finished());
            drop(recursive);
            upgrade.join().unwrap();
        });
        assert_eq!(lock.into_inner(), 1);
    });
}

/// Phase-fair once they have waited for long enough (then they sleep without a limit), in either
/// order of arrival, and for more readers than one batch.
#[test]
fn readers_that_sleep_come_in_before_the_second_writer() {
    /// Whether the readers came in first. None if one was so late that the lock may no longer have
    /// been kept for it.
    fn are_first(readers_first: bool, readers: usize) -> Option<bool> {
        let lock = RwLock::new(());
        let order = Mutex::new(Vec::new());
        let come = |kind| order.lock().unwrap().push((kind, Instant::now()));
        let released = thread::scope(|s| {
            let (lock, come) = (&lock, &come);
            let guard = lock.write();
            let second_writer = || {
                asleep_for_good(s, || {
                    let _guard = lock.write();
                    come("writer");
                })
            };
            if !readers_first {
                second_writer();
            }
            for _ in 0..readers {
                asleep_for_good(s, || {
                    let _guard = lock.read();
                    come("reader");
                });
            }
            if readers_first {
                second_writer();
            }
            let released = Instant::now();
            drop(guard);
            released
        });
        let order = order.into_inner().unwrap();
        assert_eq!(order.len(), readers + 1);
        let is_first = order.last().is_some_and(|(last, _)| *last == "writer");
        let writer = order.iter().find(|(kind, _)| *kind == "writer");
        let is_in_time = writer.is_some_and(|(_, came_in)| *came_in - released < KEPT);
        (is_first || is_in_time).then_some(is_first)
    }
    must_end(|| {
        for (readers_first, readers) in [(true, 1), (false, 1), (true, MANY), (false, MANY)] {
            until(|| {
                let are_first = are_first(readers_first, readers);
                assert_ne!(are_first, Some(false), "a writer came in before a reader");
                are_first.is_some()
            });
        }
    });
}

/// Adversary 6 (std 121949, on Windows): a reader was let in as if it were a writer.
///
/// `enter` lets readers in, having started those that it is to let in, and may itself stay inside
/// as one more.
fn check_readers_meet(readers: usize, enter: impl Fn(&RwLock<u32>, &dyn Fn(), &Barrier)) {
    let lock = RwLock::new(0);
    let inside = Barrier::new(readers + 1);
    thread::scope(|s| {
        let start_readers = || {
            for _ in 0..readers {
                asleep(s, || {
                    let _guard = lock.read();
                    inside.wait();
                });
            }
        };
        enter(&lock, &start_readers, &inside);
    });
    assert_eq!(open(&lock), OpenTo::All);
}

#[test]
fn all_readers_that_sleep_are_inside_together_after_a_writer() {
    must_end(|| {
        for readers in [1, 5, 8, 9, MANY] {
            check_readers_meet(readers, |lock, start_readers, inside| {
                let guard = lock.write();
                start_readers();
                drop(guard);
                inside.wait();
            });
            check_readers_meet(readers, |lock, start_readers, inside| {
                let guard = lock.write();
                start_readers();
                RwLockWriteGuard::unlock_fair(guard);
                inside.wait();
            });
        }
    });
}

/// Adversary 7 (std 128219): a downgrade miscounted the readers.
#[test]
fn all_readers_that_sleep_are_inside_together_with_whom_was_the_writer() {
    must_end(|| {
        for readers in [0, 1, 5, 8, 9, MANY] {
            check_readers_meet(readers, |lock, start_readers, inside| {
                let guard = lock.write();
                start_readers();
                let _guard = RwLockWriteGuard::downgrade(guard);
                inside.wait();
            });
            check_readers_meet(readers, |lock, start_readers, inside| {
                let guard = lock.write();
                start_readers();
                let _guard = RwLockWriteGuard::downgrade_to_upgradable(guard);
                inside.wait();
            });
            check_readers_meet(readers, |lock, start_readers, inside| {
                let mut guard = lock.upgradable_read();
                RwLockUpgradableReadGuard::with_upgraded(&mut guard, |_| start_readers());
                inside.wait();
            });
        }
    });
}

#[test]
fn no_writer_comes_between_a_write_and_what_it_is_downgraded_to() {
    must_end(|| {
        let lock = RwLock::new(0);
        thread::scope(|s| {
            let mut guard = lock.write();
            let others = [
                asleep_for_good(s, || *lock.write() += 10),
                asleep_for_good(s, || {
                    *RwLockUpgradableReadGuard::upgrade(lock.upgradable_read()) += 10;
                }),
            ];
            *guard += 1;
            let guard = RwLockWriteGuard::downgrade_to_upgradable(guard);
            assert_eq!((*guard, open(&lock)), (1, OpenTo::Readers));
            let mut guard = RwLockUpgradableReadGuard::upgrade(guard);
            *guard += 1;
            let guard = RwLockWriteGuard::downgrade(guard);
            assert_eq!(*guard, 2);
            drop(guard);
            others.into_iter().for_each(|other| other.join().unwrap());
        });
        assert_eq!(lock.into_inner(), 22);
    });
}

#[test]
fn an_upgradable_reader_that_becomes_a_reader_lets_the_next_one_in() {
    must_end(|| {
        let lock = RwLock::new(0);
        let inside = Barrier::new(2);
        thread::scope(|s| {
            let guard = lock.upgradable_read();
            asleep_for_good(s, || {
                let _guard = lock.upgradable_read();
                inside.wait();
            });
            let _guard = RwLockUpgradableReadGuard::downgrade(guard);
            inside.wait();
        });
        assert_eq!(open(&lock), OpenTo::All);
    });
}

/// Adversary 2 (parking_lot 101).
#[test]
fn readers_pass_an_upgradable_reader_that_waits_for_another() {
    must_end(|| {
        let lock = RwLock::new(0);
        thread::scope(|s| {
            let first = lock.upgradable_read();
            asleep_for_good(s, || drop(lock.upgradable_read()));
            assert_eq!(open(&lock), OpenTo::Readers);
            drop((lock.read(), lock.read_recursive()));
            drop(first);
        });
    });
}

/// Adversary 9 (litebox 809): writers that hand the lock to each other left the readers asleep.
#[test]
fn a_reader_comes_in_while_writers_hand_over_to_each_other() {
    must_end(|| {
        let lock = RwLock::new(0);
        let done = AtomicBool::new(false);
        thread::scope(|s| {
            for _ in 0..2 {
                s.spawn(|| {
                    while !done.load(SeqCst) {
                        RwLockWriteGuard::unlock_fair(lock.write());
                    }
                });
            }
            for _ in 0..200 {
                let _guard = lock.read();
                thread::yield_now();
            }
            done.store(true, SeqCst);
        });
    });
}

/// Adversaries 1 and 2 (parking_lot 465, 466, 249cb2a).
#[test]
fn timed_out_writer_leaves_no_trace() {
    must_end(|| {
        for others in [1, 9] {
            let lock = RwLock::new(0);
            let inside = Barrier::new(others + 2);
            thread::scope(|s| {
                let _reader = lock.read();
                let writer = asleep(s, || {
                    lock.try_write_for(Duration::from_millis(100)).is_none()
                });
                // Those that come later sleep behind the writer; none is left asleep when it goes.
                for _ in 0..others {
                    asleep(s, || {
                        let _guard = lock.read();
                        inside.wait();
                    });
                }
                asleep(s, || {
                    let _guard = lock.upgradable_read();
                    inside.wait();
                });
                inside.wait();
                assert!(writer.join().unwrap());
            });
            assert_eq!(open(&lock), OpenTo::All);
        }
    });
}

#[test]
fn timed_out_upgrade_leaves_no_trace() {
    must_end(|| {
        let lock = RwLock::new(0);
        let (inside, leave) = (Barrier::new(3), Barrier::new(2));
        thread::scope(|s| {
            let reader = lock.read();
            s.spawn(|| {
                let time = Duration::from_millis(100);
                let guard =
                    RwLockUpgradableReadGuard::try_upgrade_for(lock.upgradable_read(), time)
                        .expect_err("there is a reader");
                inside.wait();
                leave.wait();
                drop(guard);
            });
            until(|| lock.try_upgradable_read().is_none());
            let next = asleep(s, || drop(lock.upgradable_read()));
            asleep(s, || {
                let _guard = lock.read();
                inside.wait();
            });
            inside.wait();
            assert_eq!(open(&lock), OpenTo::Readers);
            drop(reader);
            assert!(!next.is_finished());
            leave.wait();
        });
        assert_eq!(open(&lock), OpenTo::All);
    });
}

#[test]
fn those_who_give_up_in_the_queue_leave_the_others_to_be_served() {
    must_end(|| {
        let lock = RwLock::new(0);
        thread::scope(|s| {
            let guard = lock.write();
            const TIME: Duration = Duration::from_millis(30);
            let leavers = [
                asleep(s, || lock.try_write_for(TIME).is_none()),
                asleep(s, || lock.try_upgradable_read_for(TIME).is_none()),
                asleep(s, || lock.try_read_for(TIME).is_none()),
            ];
            asleep(s, || *lock.write() += 1);
            asleep(s, || drop(lock.read()));
            let late = asleep(s, || lock.try_write_for(TIME).is_none());
            assert!(leavers.into_iter().all(|leaver| leaver.join().unwrap()));
            assert!(late.join().unwrap());
            drop(guard);
        });
        assert_eq!(open(&lock), OpenTo::All);
        assert_eq!(lock.into_inner(), 1);
    });
}
