//! A lock may be freed by the thread that acquires it last, as soon as it has it: the thread that
//! unlocked touches it no more, and neither its wake-ups nor its looks at a queue mind what the
//! memory has become.
//!
//! Adversary 15 (glibc 12674 and 13690, musl c68de0be). Each lock here lies on a page of its own,
//! which is taken away when the lock is freed, so that a late touch is a fault. The threads below
//! do what programs do; that a touch comes late there takes luck, so `stepped_unlocks` looks
//! between every two instructions instead.
#![cfg(target_os = "linux")]

use anteroom::{
    Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockUpgradableReadGuard, RwLockWriteGuard,
};
use common::page::Page;
use common::{Random, must_end, until};
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

/// Takes and releases the lock, and calls back while it is inside.
type User<L> = fn(&L, &dyn Fn());

/// Takes the lock alone; keeps it for ever, and returns true, if the answer is yes.
type Last<L> = fn(&L, &dyn Fn() -> bool) -> bool;

/// In every round, lets each of `users` into a new lock once, and frees it when all have been
/// inside, as soon as one of `last` has got it then.
fn check_freed<L: Sync>(rounds: usize, make: fn() -> L, users: &[User<L>], last: &[Last<L>]) {
    let pages: Vec<Page> = (0..16).map(|_| Page::new()).collect();
    let lock_of = |round: usize| pages[round % pages.len()].start().cast::<L>();
    let (round, entered, left) = (
        AtomicUsize::new(0),
        AtomicUsize::new(0),
        AtomicUsize::new(0),
    );
    thread::scope(|s| {
        for (seed, user) in users.iter().enumerate() {
            let (lock_of, round, entered, left) = (&lock_of, &round, &entered, &left);
            s.spawn(move || {
                let mut random = Random(seed as u64);
                for this in 1..=rounds {
                    until(|| round.load(SeqCst) == this);
                    random.pause(300);
                    // SAFETY: the lock lives until we have been inside and it is acquired by
                    // another thread.
                    let lock = unsafe { &*lock_of(this) };
                    user(lock, &|| {
                        entered.fetch_add(1, SeqCst);
                    });
                    left.fetch_add(1, SeqCst);
                }
            });
        }
        let mut random = Random(u64::MAX);
        for this in 1..=rounds {
            let page = &pages[this % pages.len()];
            page.open();
            // SAFETY: the page is ours, open, and large and aligned enough for any lock.
            unsafe { lock_of(this).write(make()) };
            round.store(this, SeqCst);
            let all_were_inside = || entered.load(SeqCst) == users.len() * this;
            let last = last[this % last.len()];
            // SAFETY: no other thread frees it.
            let lock = unsafe { &*lock_of(this) };
            while !last(lock, &all_were_inside) {
                random.pause(300);
                thread::yield_now();
            }
            page.close();
            until(|| left.load(SeqCst) == users.len() * this);
        }
    });
}

/// Keeps what was taken for ever if `keep` says so.
fn keep_if<G>(keep: &dyn Fn() -> bool, guard: G) -> bool {
    let kept = keep();
    if kept {
        mem::forget(guard);
    }
    kept
}

#[test]
fn a_mutex_is_freed_by_the_next_owner() {
    const LAST: [Last<Mutex<u64>>; 2] = [
        |mutex, keep| keep_if(keep, mutex.lock()),
        |mutex, keep| mutex.try_lock().is_some_and(|guard| keep_if(keep, guard)),
    ];
    const LOCKS: User<Mutex<u64>> = |mutex, inside| {
        let _guard = mutex.lock();
        inside();
    };
    const UNLOCKS_FAIRLY: User<Mutex<u64>> = |mutex, inside| {
        let guard = mutex.lock();
        inside();
        MutexGuard::unlock_fair(guard);
    };
    must_end(|| {
        let make = || Mutex::new(0);
        check_freed(3_000, make, &[LOCKS], &LAST);
        check_freed(3_000, make, &[UNLOCKS_FAIRLY], &LAST);
        check_freed(2_000, make, &[LOCKS, UNLOCKS_FAIRLY, LOCKS], &LAST);
    });
}

type Lock = RwLock<u64>;

const LAST_WRITER: [Last<Lock>; 3] = [
    |lock, keep| keep_if(keep, lock.write()),
    |lock, keep| lock.try_write().is_some_and(|guard| keep_if(keep, guard)),
    |lock, keep| {
        let guard = lock.upgradable_read();
        keep_if(keep, RwLockUpgradableReadGuard::upgrade(guard))
    },
];
const READS: User<Lock> = |lock, inside| {
    let _guard = lock.read();
    inside();
};
const WRITES: User<Lock> = |lock, inside| {
    let _guard = lock.write();
    inside();
};
const WRITES_FAIRLY: User<Lock> = |lock, inside| {
    let guard = lock.write();
    inside();
    RwLockWriteGuard::unlock_fair(guard);
};
const DOWNGRADES: User<Lock> = |lock, inside| {
    let guard = RwLockWriteGuard::downgrade(lock.write());
    inside();
    RwLockReadGuard::unlock_fair(guard);
};
const READS_UPGRADABLY: User<Lock> = |lock, inside| {
    let _guard = lock.upgradable_read();
    inside();
};

#[test]
fn a_rwlock_is_freed_by_the_next_writer() {
    must_end(|| {
        let make = || RwLock::new(0);
        check_freed(3_000, make, &[READS], &LAST_WRITER);
        check_freed(3_000, make, &[WRITES], &LAST_WRITER);
        check_freed(2_000, make, &[READS, READS], &LAST_WRITER);
        check_freed(2_000, make, &[READS_UPGRADABLY, DOWNGRADES], &LAST_WRITER);
        check_freed(
            1_000,
            make,
            &[WRITES_FAIRLY, READS, READS_UPGRADABLY],
            &LAST_WRITER,
        );
    });
}

#[test]
fn a_rwlock_is_freed_after_a_writer_that_let_in_more_than_a_batch_of_readers() {
    must_end(|| {
        let mut users = vec![READS; 10];
        users.extend([WRITES, DOWNGRADES]);
        check_freed(200, || RwLock::new(0), &users, &LAST_WRITER);
    });
}
