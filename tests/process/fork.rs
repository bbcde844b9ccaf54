//! Forking while other threads hold, want, and wait for locks: what works in the child, as with the
//! locks of std.
//!
//! Each child has a minute. In it, a lock that the forking thread held, or that no thread held,
//! must serve threads of the child's own, which spin for it, sleep, and are woken.
#![cfg(target_os = "linux")]

mod inherited_waits;

use anteroom::{Condvar, Mutex, MutexGuard, RwLock, RwLockWriteGuard, Semaphore, SemaphorePermit};
use common::processes::{Child, End};
use common::{Random, asleep_for_good};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::Duration;

/// A lock of any kind, as something that one thread has at a time.
trait Lock: Sync {
    type Guard<'a>
    where
        Self: 'a;

    fn take(&self) -> Self::Guard<'_>;
    fn is_free(&self) -> bool;

    /// What the forking thread must hold beside its guard, so that no other thread holds it.
    fn hold_rest(&self) -> Option<MutexGuard<'_, bool>> {
        None
    }
}

impl Lock for Mutex<()> {
    type Guard<'a> = MutexGuard<'a, ()>;

    fn take(&self) -> Self::Guard<'_> {
        self.lock()
    }

    fn is_free(&self) -> bool {
        self.try_lock().is_some()
    }
}

/// With one permit.
impl Lock for Semaphore {
    type Guard<'a> = SemaphorePermit<'a>;

    fn take(&self) -> Self::Guard<'_> {
        self.acquire().expect("it is open")
    }

    fn is_free(&self) -> bool {
        self.try_acquire().is_ok()
    }
}

/// Written by its holder.
impl Lock for RwLock<()> {
    type Guard<'a> = RwLockWriteGuard<'a, ()>;

    fn take(&self) -> Self::Guard<'_> {
        self.write()
    }

    fn is_free(&self) -> bool {
        self.try_write().is_some()
    }
}

/// A lock whose waiters wait for a condition.
struct WithCondvar {
    is_taken: Mutex<bool>,
    is_free: Condvar,
}

struct Taken<'a>(&'a WithCondvar);

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        *self.0.is_taken.lock() = false;
        self.0.is_free.notify_one();
    }
}

impl Lock for WithCondvar {
    type Guard<'a> = Taken<'a>;

    fn take(&self) -> Taken<'_> {
        let mut is_taken = self.is_taken.lock();
        while *is_taken {
            self.is_free.wait(&mut is_taken);
        }
        *is_taken = true;
        Taken(self)
    }

    fn is_free(&self) -> bool {
        self.is_taken.try_lock().is_some_and(|is_taken| !*is_taken)
    }

    fn hold_rest(&self) -> Option<MutexGuard<'_, bool>> {
        Some(self.is_taken.lock())
    }
}

/// Whether a child cannot have threads here: then the test is skipped.
#[track_caller]
fn cannot_fork() -> bool {
    let cannot = common::emulator().is_some();
    if cannot {
        common::skip("qemu's user mode ends a child that starts threads");
    }
    cannot
}

/// Threads of this process want the lock all at once, and sleep for it.
fn use_with_others(lock: &impl Lock) {
    const TURNS: usize = 10;
    let turns = AtomicUsize::new(0);
    let take_turns = || {
        for turn in 0..TURNS {
            let _guard = lock.take();
            turns.store(turns.load(Relaxed) + 1, Relaxed);
            // The others spin out, and in every other turn their first sleep is over, too.
            let stay = if turn.is_multiple_of(2) { 100 } else { 2000 };
            thread::sleep(Duration::from_micros(stay));
        }
    };
    thread::scope(|s| {
        s.spawn(take_turns);
        s.spawn(take_turns);
        take_turns();
    });
    assert_eq!(turns.load(Relaxed), 3 * TURNS);
}

/// No thread holds the lock at the fork, but a thread that slept has just been woken for it.
fn fork_when_a_waiter_was_just_woken(lock: &impl Lock) {
    if cannot_fork() {
        return;
    }
    const HELD: i32 = 3;
    const WANTED: usize = 10;
    let mut free = 0;
    for _ in 0..500 {
        let end = thread::scope(|s| {
            let guard = lock.take();
            asleep_for_good(s, || drop(lock.take()));
            drop(guard);
            let child = Child::fork(|| {
                if !lock.is_free() {
                    // SAFETY: ends the child.
                    unsafe { libc::_exit(HELD) };
                }
                use_with_others(lock);
            });
            child.wait()
        });
        if end != End::Exited(HELD) {
            assert_eq!(end, End::Exited(0));
            free += 1;
        }
        if free == WANTED {
            return;
        }
    }
    panic!("in {free} of 500 children only was the lock free at the fork");
}

/// The forking thread holds the lock, and others sleep.
fn fork_when_waiters_are_queued(lock: &impl Lock) {
    if cannot_fork() {
        return;
    }
    for _ in 0..3 {
        thread::scope(|s| {
            let guard = lock.take();
            for _ in 0..3 {
                asleep_for_good(s, || drop(lock.take()));
            }
            // Either process drops the guard.
            let child = Child::fork(|| {
                drop(guard);
                use_with_others(lock);
            });
            child.succeed();
        });
    }
}

/// The forking thread holds the lock; others are anywhere: they spin, go to sleep, sleep, or wake
/// up.
fn fork_when_others_come_and_go(lock: &impl Lock, forks: usize, then: impl Fn()) {
    if cannot_fork() {
        return;
    }
    let stop = AtomicBool::new(false);
    thread::scope(|s| {
        for number in 0..3 {
            let stop = &stop;
            s.spawn(move || {
                let mut dice = Random(number);
                while !stop.load(Relaxed) {
                    let guard = lock.take();
                    dice.pause(10_000);
                    drop(guard);
                    dice.pause(1000);
                }
            });
        }
        let mut dice = Random(9);
        for _ in 0..forks {
            let guard = lock.take();
            dice.pause(100_000);
            let rest = lock.hold_rest();
            let child = Child::fork(|| {
                drop((rest, guard));
                use_with_others(lock);
                then();
            });
            child.succeed();
        }
        stop.store(true, Relaxed);
    });
}

macro_rules! for_each_lock {
    ($($name:ident: $new:expr;)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn works_in_a_child_when_a_waiter_was_just_woken() {
                fork_when_a_waiter_was_just_woken(&$new);
            }

            #[test]
            fn works_in_a_child_when_waiters_are_queued() {
                fork_when_waiters_are_queued(&$new);
            }

            #[test]
            fn works_in_a_child_when_others_come_and_go() {
                fork_when_others_come_and_go(&$new, 50, || {});
            }

            #[test]
            fn works_in_a_child_of_a_child() {
                let lock = $new;
                fork_when_others_come_and_go(&lock, 3, || {
                    fork_when_a_waiter_was_just_woken(&lock);
                    fork_when_waiters_are_queued(&lock);
                    fork_when_others_come_and_go(&lock, 10, || {});
                });
            }
        }
    )*};
}

for_each_lock! {
    mutex: Mutex::new(());
    rwlock: RwLock::new(());
    semaphore: Semaphore::new(1);
    condvar: WithCondvar { is_taken: Mutex::new(false), is_free: Condvar::new() };
}

/// Other threads read by bias at the fork, and the forking thread has what one of them gave it.
/// In the child it may use that for ever, whatever threads come and go there.
#[test]
fn child_writes_nothing_that_a_thread_of_the_parent_reads() {
    if cannot_fork() {
        return;
    }
    const READS: usize = 20_000;
    let lock = &RwLock::new(0);
    let other = &RwLock::new(0);
    let read = |lock: &RwLock<usize>| (0..READS).for_each(|_| assert_eq!(*lock.read(), 0));
    let may_go = &Barrier::new(4);
    thread::scope(|s| {
        // One after the other, so that the row of the last one is the last.
        for number in 0..3 {
            let (reads, have_read) = mpsc::channel::<()>();
            s.spawn(move || {
                read(lock);
                let guard = (number == 2).then(|| lock.read());
                drop(reads);
                may_go.wait();
                drop(guard);
            });
            assert!(have_read.recv().is_err());
        }
        let life = || {
            for _ in 0..3 {
                thread::scope(|s| drop(s.spawn(|| read(other))));
                assert!(lock.try_write().is_none());
            }
        };
        Child::fork(life).succeed();
        may_go.wait();
    });
    assert!(lock.try_write().is_some());
}
