//! Locking, waiting and waking allocate nothing, not even when a thread waits for the first time.
//! (Elsewhere than on Linux, a thread's first sleep may.)
//!
//! The allocator of this binary counts for each thread what that thread asks for.

use anteroom::{Condvar, Mutex, MutexGuard, RwLock, RwLockUpgradableReadGuard, Semaphore};
use common::{asleep_for_good, must_end};
use std::cell::Cell;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

/// Counts an allocation of this thread. It does not allocate: the cell has no initializer to run
/// and no destructor.
pub(crate) fn count() {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
}

/// How often this thread allocates while it runs `work`.
fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

/// Makes this thread wait for the first time, where that may allocate.
fn warm_up() {
    if cfg!(target_os = "linux") {
        return;
    }
    let mutex = Mutex::new(());
    let _guard = mutex.lock();
    assert!(mutex.try_lock_for(Duration::from_micros(1)).is_none());
}

/// Runs `work` in `threads` threads, and checks that it allocates in none.
fn check_contended(threads: usize, work: impl Fn() + Sync) {
    let start = Barrier::new(threads);
    thread::scope(|s| {
        for _ in 0..threads {
            s.spawn(|| {
                warm_up();
                start.wait();
                assert_eq!(allocations(&work), 0);
            });
        }
    });
}

#[test]
fn the_allocator_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
    assert_eq!(allocations(|| drop(std::hint::black_box(vec![0; 9]))), 1);
}

#[test]
fn a_lock_that_nobody_waits_for_never_allocates() {
    // On a thread that has never waited.
    let none = allocations(|| {
        let mutex = Mutex::new(1);
        *mutex.lock() += 1;
        drop((mutex.try_lock(), mutex.is_locked()));
        MutexGuard::unlock_fair(mutex.lock());
        drop(mutex.try_lock_for(Duration::from_secs(1)));
        let lock = RwLock::new(1);
        drop((lock.read(), lock.read_recursive()));
        drop(RwLockUpgradableReadGuard::upgrade(lock.upgradable_read()));
        drop(lock.try_write_for(Duration::from_secs(1)));
        let condvar = Condvar::new();
        condvar.notify_one();
        condvar.notify_all();
        let semaphore = Semaphore::new(2);
        drop(semaphore.acquire_many(2));
        drop(semaphore.try_acquire());
        semaphore.close();
    });
    assert_eq!(none, 0);
}

/// Long enough, with two cores or one, for others to find the lock taken and fall asleep.
fn stay() {
    thread::sleep(Duration::from_micros(100));
}

#[test]
fn a_contended_mutex_does_not_allocate() {
    must_end(|| {
        let mutex = Mutex::new(0);
        check_contended(8, || {
            for _ in 0..20 {
                let mut guard = mutex.lock();
                stay();
                MutexGuard::bump(&mut guard);
                MutexGuard::unlocked_fair(&mut guard, thread::yield_now);
                stay();
                drop(guard);
                drop(mutex.try_lock_for(Duration::from_micros(200)));
            }
        });
    });
}

#[test]
fn a_contended_rwlock_does_not_allocate() {
    must_end(|| {
        let lock = RwLock::new(0);
        let turn = AtomicUsize::new(0);
        // More than are woken in one batch.
        check_contended(20, || {
            for _ in 0..10 {
                match turn.fetch_add(1, SeqCst) % 5 {
                    0 => drop((lock.write(), stay())),
                    1 => {
                        let guard = RwLockUpgradableReadGuard::upgrade(lock.upgradable_read());
                        drop((guard, stay()));
                    }
                    2 => drop(lock.try_write_for(Duration::from_micros(200))),
                    _ => drop((lock.read(), stay())),
                }
            }
        });
    });
}

/// Checks that `wake` allocates nothing, nor does `wait` in any of twenty threads, which sleep in
/// it.
fn check_twenty(wait: impl Fn() + Sync, wake: impl FnOnce()) {
    thread::scope(|s| {
        let start_waiter = |_| {
            asleep_for_good(s, || {
                warm_up();
                allocations(&wait)
            })
        };
        let waiters: Vec<_> = (0..20).map(start_waiter).collect();
        warm_up();
        assert_eq!(allocations(wake), 0, "waking");
        for waiter in waiters {
            assert_eq!(waiter.join().unwrap(), 0, "waiting");
        }
    });
}

#[test]
fn twenty_readers_are_let_in_without_allocating() {
    must_end(|| {
        let lock = RwLock::new(());
        let guard = lock.write();
        check_twenty(|| drop(lock.read()), || drop(guard));
    });
}

#[test]
fn twenty_waiters_of_a_condvar_are_notified_without_allocating() {
    must_end(|| {
        let (mutex, lock, all) = (Mutex::new(()), RwLock::new(()), Condvar::new());
        let notify_all = || assert_eq!(all.notify_all(), 20);
        check_twenty(|| all.wait(&mut mutex.lock()), notify_all);
        // No waiter can be requeued to a reader-writer lock.
        check_twenty(|| all.wait(&mut lock.write()), notify_all);
        check_twenty(|| all.wait(&mut lock.read()), notify_all);
        let notify_each = || (0..20).for_each(|_| assert!(all.notify_one()));
        check_twenty(|| all.wait(&mut mutex.lock()), notify_each);
    });
}

#[test]
fn twenty_waiters_of_a_semaphore_are_served_or_refused_without_allocating() {
    must_end(|| {
        let semaphore = Semaphore::new(0);
        check_twenty(
            || drop(semaphore.acquire().unwrap()),
            || semaphore.add_permits(20),
        );
        assert_eq!(semaphore.forget_permits(20), 20);
        check_twenty(
            || assert!(semaphore.acquire().is_err()),
            || semaphore.close(),
        );
    });
}
