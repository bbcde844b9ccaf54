//! One processor; threads of SCHED_FIFO beside normal ones.

use crate::runner::ignore;
use crate::subjects::{Channel, Entry, Lock};
use crate::tools::{Event, Thread, make, sleeps, this_thread};
use common::processes::until;
use rustix::time::{ClockId, clock_gettime};
use std::mem::zeroed;

/// From now on this process has one processor: that on which it runs.
fn one_processor() {
    // SAFETY: all zeros is an empty set.
    let mut set: libc::cpu_set_t = unsafe { zeroed() };
    // SAFETY: it only asks.
    let processor = unsafe { libc::sched_getcpu() };
    let processor = usize::try_from(processor).expect("Linux knows where it runs");
    // SAFETY: a processor's number.
    unsafe { libc::CPU_SET(processor, &mut set) };
    // SAFETY: a set of that size.
    let done = unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) };
    if done != 0 {
        ignore("sched_setaffinity is refused");
    }
}

/// From now on the calling thread runs before all normal ones.
fn real_time() -> bool {
    let priority = libc::sched_param { sched_priority: 1 };
    // SAFETY: a valid priority, of the calling thread.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const priority) == 0 }
}

/// Whether this may be done is found out on another thread.
fn check_real_time() {
    let may = std::thread::spawn(real_time).join().unwrap();
    if !may {
        ignore("SCHED_FIFO is refused");
    }
}

/// Three threads share it, though no two run at the same time.
pub(crate) fn on_one_processor<L: Lock>() {
    one_processor();
    let (lock, _name) = make::<L>();
    let threads: Vec<_> = (0..3)
        .map(|_| {
            Thread::spawn(|| {
                for round in 0..2000 {
                    let guard = lock.hold();
                    if round % 50 == 0 {
                        // Others find it held.
                        std::thread::yield_now();
                    }
                    drop(guard);
                    assert_eq!(lock.enter(), Entry::Cleanly);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(Thread::join);
    assert!(lock.try_enter());
}

pub(crate) fn channel_on_one_processor<C: Channel>() {
    one_processor();
    let (there, _name) = make::<C>();
    let (back, _name) = make::<C>();
    let other = Thread::spawn(|| {
        for _ in 0..500 {
            there.wait();
            back.signal();
        }
    });
    for _ in 0..500 {
        there.signal();
        back.wait();
    }
    other.join();
}

/// How much work the calling thread has done, in milliseconds.
fn work() -> i64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec * 1000 + time.tv_nsec / 1_000_000
}

/// More than a waiter may work while a normal thread holds what it waits for, in milliseconds: it
/// keeps that thread from running. (The kernel lets normal threads run after 950.)
const TOO_MUCH: i64 = 500;

/// A thread of SCHED_FIFO waits for a normal one, on the same processor: it must sleep for that one
/// to run. And the other way round.
pub(crate) fn beside_real_time<L: Lock>() {
    check_real_time();
    one_processor();
    let (lock, _name) = make::<L>();
    for _ in 0..10 {
        let guard = lock.hold();
        let real_time = Thread::spawn(move || {
            assert!(real_time());
            assert_eq!(lock.enter(), Entry::Cleanly);
            let work = work();
            assert!(work < TOO_MUCH, "it has worked for {work} ms");
        });
        real_time.until_asleep();
        drop(guard);
        real_time.join();
    }
    for _ in 0..10 {
        let (held, go) = (Event::new(), Event::new());
        let (told, may) = (held.clone(), go.clone());
        let holder = Thread::spawn(move || {
            assert!(real_time());
            let guard = lock.hold();
            told.happen();
            // A normal thread runs only while this one sleeps.
            while !may.has_happened() {
                std::thread::sleep(std::time::Duration::from_micros(100));
            }
            drop(guard);
        });
        held.wait();
        let waiter = Thread::asleep(|| assert_eq!(lock.enter(), Entry::Cleanly));
        go.happen();
        holder.join();
        waiter.join();
    }
}

/// As above: a thread of SCHED_FIFO waits for a normal one's signal, and gives one.
pub(crate) fn channel_beside_real_time<C: Channel>() {
    check_real_time();
    one_processor();
    let (there, _name) = make::<C>();
    let (back, _name) = make::<C>();
    let other = Thread::spawn(|| {
        assert!(real_time());
        for _ in 0..50 {
            there.wait();
            back.signal();
        }
        let work = work();
        assert!(work < TOO_MUCH, "it has worked for {work} ms");
    });
    for _ in 0..50 {
        // It sleeps, or this thread would not run.
        until("asleep", || sleeps(other.id));
        there.signal();
        back.wait();
    }
    other.join();
    let _ = this_thread();
}
