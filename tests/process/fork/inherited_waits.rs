//! A thread of the parent waits at the fork, and the child does not have that thread.

use super::*;
use anteroom::{Condvar, Mutex, RwLock, RwLockUpgradableReadGuard, Semaphore};
use common::processes::Child;
use common::{asleep, asleep_for_good, until};
use std::thread;
use std::time::Duration;

/// No thread holds a permit at the fork, and one waits for more than there are, and has reserved
/// them.
#[test]
fn permits_that_were_reserved_at_the_fork_are_free_in_the_child() {
    if cannot_fork() {
        return;
    }
    let semaphore = &Semaphore::new(1);
    let lives: [&dyn Fn(); 5] = [
        &|| semaphore.try_acquire_many(2).unwrap().forget(),
        &|| semaphore.acquire().unwrap().forget(),
        &|| {
            semaphore
                .try_acquire_for(Duration::from_secs(50))
                .unwrap()
                .forget()
        },
        &|| {
            semaphore.add_permits(10);
            semaphore.acquire_many(12).unwrap().forget();
        },
        &|| {
            thread::scope(|s| {
                let waiter = asleep(s, || semaphore.acquire_many(4).unwrap().forget());
                let next = asleep(s, || semaphore.acquire_many(5).unwrap().forget());
                semaphore.add_permits(7);
                waiter.join().unwrap();
                next.join().unwrap();
            });
            semaphore.add_permits(1);
            use_with_others(semaphore);
        },
    ];
    thread::scope(|s| {
        asleep_for_good(s, || semaphore.acquire_many(5).unwrap().forget());
        semaphore.add_permits(1);
        until(|| semaphore.try_acquire().is_err());
        for life in lives {
            // A moment later it sits on the chair, for good.
            thread::sleep(Duration::from_millis(20));
            assert!(semaphore.try_acquire().is_err(), "it is not reserved");
            Child::fork(life).succeed();
        }
        semaphore.add_permits(3);
    });
    assert_eq!(semaphore.available_permits(), 0);
}

/// A thread of the parent waits with one lock. The child does not have that thread, and waits with
/// others, one after the other.
#[test]
fn child_waits_with_another_lock_than_a_thread_of_the_parent() {
    if cannot_fork() {
        return;
    }
    static CONDVAR: Condvar = Condvar::new();
    /// 1 from when the thread waits, 2 when it may end.
    static STATE: Mutex<u32> = Mutex::new(0);
    let condvar = &CONDVAR;
    let (other, third) = (&Mutex::new(false), &RwLock::new(false));
    let lives: [&dyn Fn(); 3] = [
        &|| {
            assert!(
                condvar
                    .wait_for(&mut other.lock(), Duration::ZERO)
                    .timed_out()
            )
        },
        &|| {
            thread::scope(|s| {
                let waiter = asleep(s, || condvar.wait_while(&mut other.lock(), |done| !*done));
                *other.lock() = true;
                condvar.notify_one();
                waiter.join().unwrap();
            });
        },
        &|| {
            thread::scope(|s| {
                let waiter = asleep(s, || condvar.wait_while(&mut third.write(), |done| !*done));
                *third.write() = true;
                condvar.notify_all();
                waiter.join().unwrap();
            });
        },
    ];
    // (It outlives a failure.)
    let waiter = thread::spawn(|| {
        let mut state = STATE.lock();
        *state = 1;
        CONDVAR.wait_while(&mut state, |state| *state != 2);
    });
    until(|| *STATE.lock() == 1);
    for life in lives {
        Child::fork(life).succeed();
    }
    *STATE.lock() = 2;
    condvar.notify_one();
    waiter.join().unwrap();
}

/// The forking thread reads, and a writer waits that the child does not have. In the child other
/// threads read beside it.
#[test]
fn child_reads_though_a_writer_waited_in_the_parent() {
    if cannot_fork() {
        return;
    }
    let lock = &RwLock::new(());
    let lives: [&dyn Fn(); 3] = [
        &|| assert!(lock.try_read().is_some()),
        &|| {
            let seen = lock.upgradable_read();
            assert!(lock.try_upgradable_read().is_none());
            drop(seen);
        },
        &|| {
            let read = || drop(lock.read());
            thread::scope(|s| (0..3).for_each(|_| drop(s.spawn(read))));
        },
    ];
    let guard = lock.read();
    thread::scope(|s| {
        let writer = asleep_for_good(s, || drop(lock.write()));
        for life in lives {
            until(|| lock.try_read().is_none());
            let child = || {
                life();
                // Its own writers wait for it as ever.
                thread::scope(|s| {
                    asleep_for_good(s, || drop(lock.write()));
                    (0..2).for_each(|_| assert!(lock.try_read().is_none()));
                    // SAFETY: ends the child, whose writer still waits.
                    unsafe { libc::_exit(0) };
                });
            };
            Child::fork(child).succeed();
        }
        drop(guard);
        writer.join().unwrap();
    });
}

/// The upgradable reader, which the child does not have, waits in the parent for the forking
/// thread.
#[test]
fn child_reads_though_an_upgrade_waited_in_the_parent() {
    if cannot_fork() {
        return;
    }
    let lock = &RwLock::new(());
    std::mem::forget(lock.read());
    thread::scope(|s| {
        let upgrade = asleep_for_good(s, || {
            drop(RwLockUpgradableReadGuard::upgrade(lock.upgradable_read()));
        });
        until(|| lock.try_read().is_none());
        let life = || {
            // SAFETY: it is the forgotten guard's read, of this thread, that is given back.
            unsafe { lock.force_unlock_read() };
            assert!(lock.try_read().is_some());
            assert!(lock.try_upgradable_read().is_none(), "it stays held");
        };
        Child::fork(life).succeed();
        // SAFETY: as above.
        unsafe { lock.force_unlock_read() };
        upgrade.join().unwrap();
    });
}
