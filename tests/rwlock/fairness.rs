//! `RwLock` on real threads: unlocking fairly, letting others go first, and how often a sleeper is
//! passed over.

use anteroom::{RwLock, RwLockReadGuard, RwLockUpgradableReadGuard, RwLockWriteGuard};
use common::open::{OpenTo, open};
use common::{KEPT, asleep_for_good, must_end, times_passed_over, until};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::Instant;

type Sleeper = fn(&RwLock<u32>, &AtomicBool);

const WRITER: Sleeper = |lock, leave| {
    let _guard = lock.write();
    until(|| leave.load(SeqCst));
};
const UPGRADABLE: Sleeper = |lock, leave| {
    let _guard = lock.upgradable_read();
    until(|| leave.load(SeqCst));
};

/// Checks that a thread that sleeps has the lock once the guard has been unlocked fairly.
macro_rules! check_hand_over {
    ($lock:ident: $Guard:ident from $guard:expr, to $sleeper:ident, then open $open:expr) => {
        for _ in 0..5 {
            let leave = AtomicBool::new(false);
            thread::scope(|s| {
                let guard = $guard;
                asleep_for_good(s, || $sleeper(&$lock, &leave));
                $Guard::unlock_fair(guard);
                let open = open(&$lock);
                leave.store(true, SeqCst);
                assert_eq!(open, $open);
            });
            leave.store(false, SeqCst);
            thread::scope(|s| {
                let mut guard = $guard;
                asleep_for_good(s, || $sleeper(&$lock, &leave));
                let open = $Guard::unlocked_fair(&mut guard, || {
                    let open = open(&$lock);
                    leave.store(true, SeqCst);
                    open
                });
                assert_eq!(open, $open);
            });
        }
        assert_eq!(open(&$lock), OpenTo::All);
    };
}

#[test]
fn unlock_fair_hands_over_to_the_writer_or_upgradable_reader_that_sleeps() {
    must_end(|| {
        let lock = RwLock::new(0);
        check_hand_over!(
            lock: RwLockWriteGuard from lock.write(), to WRITER, then open OpenTo::None
        );
        check_hand_over!(
            lock: RwLockWriteGuard from lock.write(), to UPGRADABLE, then open OpenTo::Readers
        );
        check_hand_over!(
            lock: RwLockUpgradableReadGuard from lock.upgradable_read(), to WRITER,
            then open OpenTo::None
        );
        check_hand_over!(
            lock: RwLockUpgradableReadGuard from lock.upgradable_read(), to UPGRADABLE,
            then open OpenTo::Readers
        );
        check_hand_over!(
            lock: RwLockReadGuard from lock.read(), to WRITER, then open OpenTo::None
        );
    });
}

#[test]
fn unlock_fair_serves_writers_in_their_order() {
    must_end(|| {
        let turns = RwLock::new(Vec::new());
        thread::scope(|s| {
            let guard = turns.write();
            for turn in 0..5 {
                let turns = &turns;
                asleep_for_good(s, move || {
                    let mut guard = turns.write();
                    guard.push(turn);
                    RwLockWriteGuard::unlock_fair(guard);
                });
            }
            RwLockWriteGuard::unlock_fair(guard);
        });
        assert_eq!(turns.into_inner(), [0, 1, 2, 3, 4]);
    });
}

/// The queue is longer than what is let in at once, and has several that want the lock for
/// themselves.
#[test]
fn unlock_fair_of_a_long_queue_lets_all_readers_in_before_one_writer() {
    const READERS: usize = 30;
    must_end(|| {
        let mut in_time = 0;
        while in_time < READERS {
            let turns = RwLock::new(Vec::new());
            // Whether each came in before the first writer, and when.
            let reads = Mutex::new(Vec::new());
            let read = || {
                let guard = turns.read();
                reads
                    .lock()
                    .unwrap()
                    .push((guard.is_empty(), Instant::now()));
            };
            let released = thread::scope(|s| {
                let guard = turns.write();
                for turn in 0..3 {
                    for _ in 0..READERS / 3 {
                        asleep_for_good(s, read);
                    }
                    let turns = &turns;
                    asleep_for_good(s, move || {
                        let mut guard = turns.write();
                        guard.push((turn, Instant::now()));
                        RwLockWriteGuard::unlock_fair(guard);
                    });
                }
                let released = Instant::now();
                RwLockWriteGuard::unlock_fair(guard);
                released
            });
            let reads = reads.into_inner().unwrap();
            assert_eq!(reads.len(), READERS);
            assert_eq!(open(&turns), OpenTo::All);
            let turns = turns.into_inner();
            assert_eq!(turns.len(), 3);
            let mut last = released;
            // One may have been late, and then the next came in its place.
            let mut is_in_time = |came_in| came_in - std::mem::replace(&mut last, came_in) < KEPT;
            let mut reads = reads.into_iter();
            let reads_in_time = reads
                .by_ref()
                .take_while(|&(_, came_in)| is_in_time(came_in))
                .inspect(|(is_before, _)| assert!(is_before, "a writer came in before a reader"))
                .count();
            in_time += reads_in_time;
            if reads_in_time == READERS {
                let turns = turns.into_iter().enumerate();
                for (place, (turn, _)) in turns.take_while(|&(_, (_, came_in))| is_in_time(came_in))
                {
                    assert_eq!(turn, place);
                }
            }
        }
    });
}

#[test]
fn bump_keeps_the_lock_when_nobody_waits() {
    must_end(|| {
        let lock = RwLock::new(0);
        let mut guard = lock.write();
        RwLockWriteGuard::bump(&mut guard);
        assert_eq!(open(&lock), OpenTo::None);
        let mut guard = RwLockWriteGuard::downgrade_to_upgradable(guard);
        RwLockUpgradableReadGuard::bump(&mut guard);
        assert_eq!(open(&lock), OpenTo::Readers);
        let mut guard = RwLockUpgradableReadGuard::downgrade(guard);
        RwLockReadGuard::bump(&mut guard);
        assert_eq!(open(&lock), OpenTo::AllButWriters);
        drop(guard);
        assert_eq!(open(&lock), OpenTo::All);
    });
}

/// Runs `bump` until it took less time than the lock is kept for those that slept: where it takes
/// longer, the order is not fixed. It says whether they came first, if it was in time.
fn check_bump(bump: impl Fn() -> Option<bool>) {
    let first = std::iter::repeat_with(bump).find_map(|came_first| came_first);
    assert_eq!(first, Some(true));
}

#[test]
fn bump_of_a_writer_or_upgradable_reader_lets_those_who_sleep_go_first() {
    must_end(|| {
        check_bump(|| {
            let (lock, read) = (RwLock::new(0), AtomicBool::new(false));
            thread::scope(|s| {
                let mut guard = lock.write();
                asleep_for_good(s, || *lock.write() += 1);
                asleep_for_good(s, || read.store(*lock.read() < 2, SeqCst));
                let start = Instant::now();
                RwLockWriteGuard::bump(&mut guard);
                let in_time = start.elapsed() < KEPT;
                assert_eq!(open(&lock), OpenTo::None);
                in_time.then(|| *guard == 1 && read.load(SeqCst))
            })
        });
        check_bump(|| {
            let lock = RwLock::new(0);
            thread::scope(|s| {
                let mut guard = lock.upgradable_read();
                asleep_for_good(s, || *lock.write() += 1);
                let start = Instant::now();
                RwLockUpgradableReadGuard::bump(&mut guard);
                let in_time = start.elapsed() < KEPT;
                assert_eq!(open(&lock), OpenTo::Readers);
                in_time.then_some(*guard == 1)
            })
        });
    });
}

/// Adversary 5 (parking_lot 471): it did nothing while there was more than one reader.
#[test]
fn bump_of_several_readers_lets_a_writer_that_sleeps_go_first() {
    /// Whether the writer came while the lock was kept for it, on a busy machine.
    fn come_in_time(readers: usize) -> bool {
        let (lock, late) = (RwLock::new(0), AtomicBool::new(false));
        let (inside, bump) = (Barrier::new(readers + 1), Barrier::new(readers + 1));
        thread::scope(|s| {
            for _ in 0..readers {
                s.spawn(|| {
                    let mut guard = lock.read();
                    inside.wait();
                    bump.wait();
                    let start = Instant::now();
                    RwLockReadGuard::bump(&mut guard);
                    let is_late = start.elapsed() >= KEPT;
                    assert!(is_late || *guard == 1, "the writer was left outside");
                    late.fetch_or(is_late, SeqCst);
                });
            }
            inside.wait();
            asleep_for_good(s, || *lock.write() += 1);
            bump.wait();
        });
        assert_eq!(open(&lock), OpenTo::All);
        !late.load(SeqCst)
    }
    must_end(|| {
        for readers in [1, 2, 5] {
            while !come_in_time(readers) {}
        }
    });
}

/// Adversary 21 (Go 13086): a thread that locks again as soon as it has unlocked keeps others out
/// for ever.
///
/// One that has slept through a release, and has waited long, is given the lock by the next
/// release.
#[test]
fn a_sleeper_is_passed_over_a_few_times_at_most() {
    must_end(|| {
        let lock = RwLock::new(0);
        for _ in 0..5 {
            let times = [
                times_passed_over(|| lock.write(), || lock.write()),
                times_passed_over(|| lock.write(), || lock.upgradable_read()),
                times_passed_over(|| lock.upgradable_read(), || lock.write()),
                times_passed_over(|| lock.upgradable_read(), || lock.upgradable_read()),
            ];
            assert!(
                times.iter().all(|&times| times < 4),
                "passed over {times:?}"
            );
            // The holder of what the others must wait for cannot keep them out for one turn.
            assert_eq!(times_passed_over(|| lock.write(), || lock.read()), 0);
            assert_eq!(times_passed_over(|| lock.read(), || lock.write()), 0);
        }
    });
}
