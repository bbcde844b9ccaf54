//! Unlocking, one machine instruction at a time: as soon as a lock is free it is taken and its
//! memory is taken away, between two instructions of the thread that unlocks. That thread may not
//! touch it any more.
//!
//! Adversary 15 (glibc 12674 and 13690, musl c68de0be), without luck: the processor's trap flag
//! stops the thread after every instruction, and the handler does what any other thread could do at
//! that point.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use anteroom::{
    Condvar, MappedMutexGuard, Mutex, MutexGuard, RwLock, RwLockReadGuard,
    RwLockUpgradableReadGuard, RwLockWriteGuard,
};
use common::alone::alone;
use common::steps::step_through;
use common::untouched::check_untouched;
use common::{asleep_for_good, must_end, until};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering::SeqCst};
use std::time::{Duration, Instant};
use std::{mem, thread};

/// What is stepped.
trait Lock: Default + Sync + 'static {
    /// Takes it for ever, if it is free.
    fn take(&self) -> bool;
}

impl Lock for Mutex<u32> {
    fn take(&self) -> bool {
        self.try_lock().map(mem::forget).is_some()
    }
}

impl Lock for RwLock<u32> {
    fn take(&self) -> bool {
        self.try_write().map(mem::forget).is_some()
    }
}

/// Checks that the lock is free before `unlock` is over, when no thread waits for it, and that it
/// is not touched then.
fn check_alone<L: Lock, G>(lock: impl Fn(&'static L) -> G, unlock: impl Fn(G)) {
    assert!(
        check_untouched(L::default(), lock, unlock, &[], L::take),
        "freed too late"
    );
}

/// The same while threads sleep, which must leave first. On a busy machine they may not have left
/// before the end, so this is repeated until they have.
fn check_with_sleepers<L: Lock, G>(
    lock: impl Fn(&'static L) -> G,
    unlock: impl Fn(G),
    sleeps: &[fn(&L)],
) {
    let freed = (0..100).any(|_| check_untouched(L::default(), &lock, &unlock, sleeps, L::take));
    assert!(freed, "never freed before the end");
}

#[test]
fn a_touch_after_the_release_is_noticed() {
    alone(|| {
        must_end(|| {
            let late_touch = |guard: MutexGuard<'static, u32>| {
                let data: *const u32 = &*guard;
                drop(guard);
                // SAFETY: none; this is the bug. The page is opened again when it is touched.
                unsafe { data.read_volatile() };
            };
            let check = thread::spawn(move || check_alone(Mutex::lock, late_touch)).join();
            let panic = check.expect_err("not noticed");
            assert_eq!(panic.downcast_ref(), Some(&"touched after it was free"));
        });
    });
}

#[test]
fn a_system_call_is_noticed() {
    alone(|| {
        let calls = Cell::new(0);
        let count = |system_call| calls.set(calls.get() + usize::from(system_call));
        // SAFETY: it only asks.
        step_through(|| _ = unsafe { libc::getppid() }, &count);
        assert_eq!(calls.get(), 1);
    });
}

#[test]
fn unlocking_a_mutex_touches_it_no_more_once_it_is_free() {
    alone(|| {
        must_end(|| {
            check_alone(Mutex::lock, drop);
            check_alone(Mutex::lock, MutexGuard::unlock_fair);
            let map = |mutex: &'static Mutex<u32>| MutexGuard::map(mutex.lock(), |data| data);
            check_alone(map, drop);
            check_alone(map, MappedMutexGuard::unlock_fair);
        });
    });
}

#[test]
fn unlocking_a_rwlock_touches_it_no_more_once_it_is_free() {
    alone(|| {
        must_end(|| {
            check_alone(RwLock::read, drop);
            check_alone(RwLock::read, RwLockReadGuard::unlock_fair);
            check_alone(RwLock::write, drop);
            check_alone(RwLock::write, RwLockWriteGuard::unlock_fair);
            check_alone(RwLock::upgradable_read, drop);
            check_alone(
                RwLock::upgradable_read,
                RwLockUpgradableReadGuard::unlock_fair,
            );
            check_alone(RwLock::write, |guard| {
                drop(RwLockWriteGuard::downgrade(guard))
            });
        });
    });
}

#[test]
fn waking_the_waiters_of_a_mutex_touches_it_no_more_once_they_have_left() {
    alone(|| {
        const LOCKS: fn(&Mutex<u32>) = |mutex| *mutex.lock() += 1;
        must_end(|| {
            for sleeps in [&[LOCKS] as &[_], &[LOCKS, LOCKS]] {
                check_with_sleepers(Mutex::lock, drop, sleeps);
                check_with_sleepers(Mutex::lock, MutexGuard::unlock_fair, sleeps);
            }
        });
    });
}

const READS: fn(&RwLock<u32>) = |lock| drop(lock.read());
const WRITES: fn(&RwLock<u32>) = |lock| *lock.write() += 1;
const UPGRADES: fn(&RwLock<u32>) = |lock| {
    *RwLockUpgradableReadGuard::upgrade(lock.upgradable_read()) += 1;
};

#[test]
fn waking_the_waiters_of_a_rwlock_touches_it_no_more_once_they_have_left() {
    alone(|| {
        must_end(|| {
            for sleep in [WRITES, UPGRADES] {
                check_with_sleepers(RwLock::read, drop, &[sleep]);
                check_with_sleepers(RwLock::upgradable_read, drop, &[sleep]);
            }
            for sleep in [READS, WRITES, UPGRADES] {
                check_with_sleepers(RwLock::write, drop, &[sleep]);
                check_with_sleepers(RwLock::write, RwLockWriteGuard::unlock_fair, &[sleep]);
            }
        });
    });
}

#[test]
fn waking_a_crowd_touches_a_rwlock_no_more_once_it_has_left() {
    alone(|| {
        must_end(|| {
            // More than are let in at once.
            check_with_sleepers(RwLock::write, drop, &[READS; 10]);
            let unlock_fair = RwLockWriteGuard::unlock_fair;
            check_with_sleepers(RwLock::write, unlock_fair, &[READS, WRITES, READS]);
        });
    });
}

/// A mutex is unlocked, and freed by its waiters, before the thread that unlocked it
/// comes to waking them. Meanwhile its memory has become a condition variable, whose waiters wake
/// up only when they are notified.
#[test]
fn unlocking_a_mutex_that_has_become_a_condvar_meanwhile_wakes_nobody_there() {
    alone(|| {
        /// The memory changes hands so many instructions after the release. Returns false if it
        /// could not, since the thread that unlocks holds the queue by then.
        fn check(late: usize) -> bool {
            let memory = Box::leak(Box::new([0_usize]));
            let (mutex, condvar) = (
                &raw mut *memory as *mut Mutex<()>,
                &raw mut *memory as *mut _,
            );
            // SAFETY: large and aligned enough, and ours.
            unsafe { mutex.write(Mutex::new(())) };
            // SAFETY: just made; whether it is used after it is gone is what we check.
            let mutex = unsafe { &*mutex };
            let condvar = AtomicPtr::<Condvar>::new(condvar);
            let other_mutex = Mutex::new(());
            let [go, left, changed] = [const { AtomicBool::new(false) }; 3];
            let steps_since_release = Cell::new(None);
            let changed_in_time = Cell::new(false);
            let after_each = |_| {
                let steps = match steps_since_release.get() {
                    None if mutex.is_locked() => return,
                    None => 0,
                    Some(steps) => steps + 1,
                };
                steps_since_release.set(Some(steps));
                if steps == late {
                    let start = Instant::now();
                    go.store(true, SeqCst);
                    while !changed.load(SeqCst) && start.elapsed() < Duration::from_secs(1) {
                        thread::yield_now();
                    }
                    changed_in_time.set(changed.load(SeqCst));
                }
            };
            thread::scope(|s| {
                let guard = mutex.lock();
                asleep_for_good(s, || {
                    drop(mutex.lock());
                    left.store(true, SeqCst);
                });
                let changing = s.spawn(|| {
                    until(|| go.load(SeqCst));
                    // This one's unlock wakes the waiter, and then no thread needs the mutex any
                    // more.
                    drop(mutex.lock());
                    until(|| left.load(SeqCst));
                    let condvar = condvar.load(SeqCst);
                    // SAFETY: the memory is free.
                    unsafe { condvar.write(Condvar::new()) };
                    // SAFETY: just made, in memory that is never freed.
                    let condvar: &'static Condvar = unsafe { &*condvar };
                    asleep_for_good(s, || condvar.wait(&mut other_mutex.lock()));
                    // It may sleep at the queue's door, which the thread that unlocks may hold. It
                    // has let go of this when it is inside.
                    drop(other_mutex.lock());
                    changed.store(true, SeqCst);
                    condvar
                });
                step_through(|| drop(guard), &after_each);
                go.store(true, SeqCst);
                let condvar = changing.join().unwrap();
                assert_eq!(condvar.notify_all(), 1, "woken {late} instructions late");
            });
            changed_in_time.get()
        }
        must_end(|| {
            let checked = (0..1_000).step_by(12).take_while(|&late| check(late));
            assert!(checked.count() > 2, "it was hardly checked");
        });
    });
}
