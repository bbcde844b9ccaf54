//! A thread gets the number of one that has ended; processes that have ended are not waited for.

use crate::runner::ignore;
use crate::subjects::{Channel, Entry, Lock};
use crate::tools::{Thread, make, this_thread};
use anteroom::ipc::{RwLock, Semaphore};
use common::processes::{Child, counter, state, until};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::SeqCst;

const LAST: &str = "/proc/sys/kernel/ns_last_pid";

/// From now on the kernel gives this number to the next thread or process, if it is free and no
/// other process of the machine is faster.
fn next_is(number: i32) {
    if let Err(error) = fs::write(LAST, (number - 1).to_string()) {
        ignore(&format!("{LAST} cannot be written: {error}"));
    }
}

/// How often to try for a number. Other processes take numbers, too.
const TRIES: usize = 2000;

/// Runs `life` on a thread with this number, which belongs to no thread now.
fn with_number(number: i32, life: impl Fn() + Send + Clone + 'static) {
    for _ in 0..TRIES {
        next_is(number);
        let life = life.clone();
        let done = std::thread::spawn(move || {
            let is_it = this_thread() == number;
            if is_it {
                life();
            }
            is_it
        });
        if done.join().unwrap() {
            return;
        }
    }
    ignore("the number was not to be had");
}

/// A thread that has ended, and its number.
fn ended(life: impl FnOnce() + Send + 'static) -> i32 {
    let thread = Thread::spawn(life);
    let number = thread.id;
    thread.join();
    // `join` waits for less than the number's end.
    until("the number is free", || {
        !fs::exists(format!("/proc/self/task/{number}")).unwrap()
    });
    number
}

/// What a thread has forgotten stays held. Another one with its number does not hold it, and has
/// nothing of its past.
pub(crate) fn of_a_thread<L: Lock>() {
    let (lock, _name) = make::<L>();
    let (other, _name) = make::<L>();
    let number = ended(move || {
        std::mem::forget(lock.hold());
        assert_eq!(other.enter(), Entry::Cleanly);
    });
    with_number(number, move || {
        assert!(!lock.try_enter());
        let guard = other.hold();
        let waiter = Thread::asleep(|| assert_eq!(other.enter(), Entry::Cleanly));
        drop(guard);
        waiter.join();
    });
}

pub(crate) fn of_a_waiter<C: Channel>() {
    let (condvar, _name) = make::<C>();
    let number = ended(|| {
        condvar.signal();
        condvar.wait();
    });
    with_number(number, || {
        let waiter = Thread::asleep(|| condvar.wait());
        condvar.signal();
        waiter.join();
    });
}

/// Runs `life` in a process with this number, which belongs to no process now. Whether it was to be
/// had.
fn in_process_with_number(number: i32, mut life: impl FnMut()) -> bool {
    (0..TRIES).any(|_| {
        let _ = fs::write(LAST, (number - 1).to_string());
        let child = Child::fork(|| {
            if this_thread() == number {
                life();
            }
        });
        let is_it = child.pid() == number;
        child.succeed();
        is_it
    })
}

/// Forks a process that outlives this one. (The runner ends it with the test.)
fn fork_detached(life: impl FnOnce()) {
    // SAFETY: the child runs `life` and ends.
    if unsafe { libc::fork() } == 0 {
        let end = catch_unwind(AssertUnwindSafe(life));
        // SAFETY: ends this process, without its parent's destructors.
        unsafe { libc::_exit(i32::from(end.is_err())) };
    }
}

/// The steps of `of_a_process`, which its processes take in turn.
const HOLDER_IS_GONE: u64 = 1;
const COPY_IS_DROPPED: u64 = 2;
const NO_NUMBER: u64 = 3;

/// A holder forks a child, which has a copy of the guard, and dies. Another process gets the number
/// of the holder, and drops the copy of the guard: it holds nothing.
pub(crate) fn of_a_process<L: Lock>() {
    next_is(this_thread());
    let (lock, _name) = make::<L>();
    let steps = counter();
    let dead = Child::fork(|| {
        let number = this_thread();
        let mut guard = Some(lock.hold());
        fork_detached(|| {
            until("the holder is gone", || {
                steps.load(SeqCst) == HOLDER_IS_GONE
            });
            let had = in_process_with_number(number, || {
                drop(guard.take());
                steps.store(COPY_IS_DROPPED, SeqCst);
            });
            if !had {
                steps.store(NO_NUMBER, SeqCst);
            }
        });
        // SAFETY: ends this process, without dropping the guard.
        unsafe { libc::_exit(0) };
    });
    dead.succeed();
    assert_eq!(lock.enter(), L::DEATH);
    let guard = lock.hold();
    steps.store(HOLDER_IS_GONE, SeqCst);
    until("the copy of the guard is dropped", || {
        steps.load(SeqCst) != HOLDER_IS_GONE
    });
    if steps.load(SeqCst) == NO_NUMBER {
        ignore("the number was not to be had");
    }
    assert!(!lock.try_enter(), "the copy has released it");
    drop(guard);
    assert_eq!(lock.enter(), Entry::Cleanly);
}

/// A process gets the number of one that was killed while it waited.
pub(crate) fn of_a_waiting_process<C: Channel>() {
    next_is(this_thread());
    let (channel, _name) = make::<C>();
    let killed = Child::fork(|| channel.wait());
    let number = killed.pid();
    killed.until_asleep_or_done();
    killed.kill();
    let had = in_process_with_number(number, || {
        channel.signal();
        channel.wait();
        channel.signal();
    });
    if !had {
        ignore("the number was not to be had");
    }
    channel.wait();
    assert!(!channel.try_wait());
}

/// Processes use it, and end, and are not waited for. They do not count as alive.
fn after_zombies(count: usize, life: impl Fn(), check: impl Fn()) {
    let mut zombies = Vec::new();
    for _ in 0..count {
        let zombie = Child::fork(&life);
        until("a zombie", || state(zombie.pid()) == Some('Z'));
        zombies.push(zombie);
    }
    check();
    zombies.into_iter().for_each(Child::succeed);
}

/// In one process they had copies.
pub(crate) fn zombies<L: Lock>() {
    let (lock, _name) = make::<L>();
    let check = || assert_eq!(lock.enter(), Entry::Cleanly);
    after_zombies(20, check, check);
}

/// More of them than a lock has slots for threads.
pub(crate) fn zombies_between<L: Lock>() {
    let most = Semaphore::MAX_THREADS.max(RwLock::<u64>::MAX_THREADS);
    let (lock, _name) = make::<L>();
    let check = || assert_eq!(lock.enter(), Entry::Cleanly);
    after_zombies(most + 10, check, check);
}

pub(crate) fn zombies_of_a_channel<C: Channel>() {
    let (channel, _name) = make::<C>();
    let check = || {
        channel.signal();
        channel.wait();
    };
    after_zombies(130, check, check);
}
