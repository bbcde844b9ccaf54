//! Locks in processes that are refused system calls, and how threads are scheduled there.
//!
//! What a process finds out once, it finds out at its first wait. So each test has a process of its
//! own, forked by one that never waits for a lock of this crate.
#![cfg(all(target_os = "linux", target_endian = "little"))]

use anteroom::{Condvar, Mutex, RwLock, Semaphore};
use common::alone::alone;
use common::processes::{Child, End};
use common::sandbox::Refusal::{Fails, Kills};
use common::sandbox::refuse;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

/// Runs the test in a process of its own, where a process may make a sandbox for itself.
fn in_sandboxes(test: impl FnOnce()) {
    if common::emulator().is_some() {
        return common::skip("no seccomp under an emulator");
    }
    alone(test);
}

/// Uses each primitive in three threads, which spin, nap and sleep for it, with time limits and
/// without.
fn use_all() {
    let mutex = Mutex::new(0);
    let lock = RwLock::new(0);
    let semaphore = Semaphore::new(1);
    let (flag, changed) = (Mutex::new(0), Condvar::new());
    let work = |number: usize| {
        let stay = |turn: usize| {
            let stay = if turn.is_multiple_of(2) { 100 } else { 2500 };
            thread::sleep(Duration::from_micros(stay));
        };
        for turn in 0..10 {
            *mutex.lock() += 1;
            let guard = mutex.try_lock_for(Duration::from_micros(200));
            stay(turn);
            drop(guard);
            let guard = lock.write();
            stay(turn);
            drop(guard);
            drop(lock.try_write_for(Duration::from_micros(200)));
            (0..3000).for_each(|_| drop(lock.read()));
            let permit = semaphore.acquire().unwrap();
            stay(turn);
            drop(permit);
            let mut guard = flag.lock();
            *guard += 1;
            changed.notify_all();
            changed.wait_while(&mut guard, |done| *done < 3 * turn + number + 1);
        }
    };
    thread::scope(|s| {
        let work = &work;
        for number in 0..3 {
            s.spawn(move || work(number));
        }
    });
    assert_eq!(mutex.into_inner(), 30);
}

#[test]
fn membarrier_is_registered_when_the_program_is_loaded() {
    alone(|| {
        drop(Mutex::new(()).lock());
        let membarrier = |command: libc::c_int| {
            // SAFETY: it runs a barrier in this process.
            unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) }
        };
        assert_eq!(membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED), 0);
        // A child has it too.
        Child::fork(|| assert_eq!(membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED), 0)).succeed();
    });
}

/// It takes milliseconds, once there are other threads.
#[test]
fn no_thread_registers_with_membarrier_while_it_waits() {
    in_sandboxes(|| {
        let register = libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED as u32;
        Child::fork(|| {
            refuse(&[(libc::SYS_membarrier, Some((0, register)))], Kills);
            use_all();
        })
        .succeed();
    });
}

#[test]
fn waiters_do_without_membarrier() {
    in_sandboxes(|| {
        for error in [libc::EPERM, libc::ENOSYS] {
            Child::fork(|| {
                refuse(&[(libc::SYS_membarrier, None)], Fails(error));
                use_all();
            })
            .succeed();
        }
    });
}

#[test]
fn waiters_do_without_membarrier_when_it_is_refused_later() {
    in_sandboxes(|| {
        for error in [libc::EPERM, libc::ENOSYS] {
            Child::fork(|| {
                use_all();
                refuse(&[(libc::SYS_membarrier, None)], Fails(error));
                use_all();
            })
            .succeed();
        }
    });
}

#[test]
fn waiting_opens_no_file() {
    in_sandboxes(|| {
        let open = [
            // Newer architectures do without it.
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            libc::SYS_open,
            libc::SYS_openat,
            libc::SYS_openat2,
        ]
        .map(|call| (call, None));
        Child::fork(|| {
            refuse(&open, Kills);
            use_all();
        })
        .succeed();
    });
}

/// A lock whose readers have come to rely on it has one more writer at least.
#[test]
fn a_writer_does_without_membarrier_when_it_is_refused_later() {
    in_sandboxes(|| {
        Child::fork(|| {
            let lock = RwLock::new(0);
            let read = || (0..3000).for_each(|_| drop(lock.read()));
            read();
            refuse(&[(libc::SYS_membarrier, None)], Fails(libc::EPERM));
            let stop = AtomicBool::new(false);
            thread::scope(|s| {
                s.spawn(|| {
                    while !stop.load(Relaxed) {
                        read();
                    }
                });
                for _ in 0..10 {
                    *lock.write() += 1;
                    read();
                    while lock.try_write().map(|mut guard| *guard += 1).is_none() {}
                    read();
                }
                stop.store(true, Relaxed);
            });
            assert_eq!(lock.into_inner(), 20);
        })
        .succeed();
    });
}

/// A yield would give up the rest of the thread's period.
#[test]
fn a_thread_that_is_scheduled_by_deadline_does_not_yield() {
    in_sandboxes(|| {
        let life = |by_deadline: bool| {
            Child::fork(move || {
                if by_deadline {
                    schedule_by_deadline();
                }
                refuse(&[(libc::SYS_sched_yield, None)], Kills);
                let mutex = Mutex::new(());
                let _guard = mutex.lock();
                for _ in 0..3 {
                    assert!(mutex.try_lock_for(Duration::from_millis(1)).is_none());
                }
            })
            .wait()
        };
        assert_eq!(life(false), End::Killed(libc::SIGSYS), "others do yield");
        assert_eq!(life(true), End::Exited(0));
    });
}

/// The calling thread.
fn schedule_by_deadline() {
    let mut attributes = libc::sched_attr {
        size: size_of::<libc::sched_attr>() as u32,
        sched_policy: libc::SCHED_DEADLINE as u32,
        sched_flags: 0,
        sched_nice: 0,
        sched_priority: 0,
        sched_runtime: 10_000_000,
        sched_deadline: 100_000_000,
        sched_period: 100_000_000,
    };
    // SAFETY: it reads the attributes.
    let done = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw mut attributes, 0) };
    if done != 0 {
        let error = std::io::Error::last_os_error();
        common::skip(format_args!(
            "this machine permits no SCHED_DEADLINE: {error}"
        ));
        // SAFETY: ends the child.
        unsafe { libc::_exit(0) };
    }
}
