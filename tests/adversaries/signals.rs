//! A storm of signals, each of which ends the sleep that it finds. No thread may notice: a lock
//! without a limit is not given up, one with a limit not before its time, and what is asleep again
//! is woken when it should be.
//!
//! Adversary 22 (POSIX conformance, pthread_mutex_lock 3-1).
#![cfg(target_os = "linux")]

use anteroom::{Mutex, RwLock, RwLockUpgradableReadGuard};
use common::{must_end, until};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Barrier, Once};
use std::thread;
use std::time::{Duration, Instant};

/// This file's own signal: others of this binary have others.
const SIGNAL: libc::c_int = libc::SIGUSR1;

static HANDLED: AtomicUsize = AtomicUsize::new(0);

extern "C" fn handle(_signal: libc::c_int) {
    HANDLED.fetch_add(1, SeqCst);
}

/// From now on the signal runs `handle`, and system calls that it interrupts are not started again.
fn install_handler() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // SAFETY: all zeros is a valid `sigaction`: no flags, an empty mask.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = handle as *const () as usize;
        // SAFETY: the handler only adds to an atomic, which is safe in a signal handler.
        let result = unsafe { libc::sigaction(SIGNAL, &action, std::ptr::null_mut()) };
        assert_eq!(result, 0);
    });
}

/// Runs each of `tasks` on a thread of its own, and showers them with signals until `enough`, and
/// at least until three thousand were handled; then calls `release` and waits until all have ended.
fn under_signals(tasks: &[&(dyn Fn() + Sync)], enough: impl Fn() -> bool, release: impl FnOnce()) {
    install_handler();
    let threads: Vec<_> = tasks.iter().map(|_| AtomicUsize::new(0)).collect();
    let end = Barrier::new(tasks.len() + 1);
    thread::scope(|s| {
        for (task, thread) in tasks.iter().zip(&threads) {
            let end = &end;
            s.spawn(move || {
                // SAFETY: it only asks.
                let this = unsafe { libc::pthread_self() };
                thread.store(this as usize, SeqCst);
                task();
                // A thread that has ended must not be sent signals.
                end.wait();
            });
        }
        let first = HANDLED.load(SeqCst);
        until(|| {
            for thread in &threads {
                let thread = thread.load(SeqCst);
                if thread != 0 {
                    // SAFETY: the thread lives, since it waits for us at the end.
                    unsafe { libc::pthread_kill(thread as libc::pthread_t, SIGNAL) };
                }
            }
            enough() && HANDLED.load(SeqCst) - first > 3_000
        });
        release();
        end.wait();
    });
}

#[test]
fn signals_do_not_make_a_thread_give_up_waiting_without_a_limit() {
    must_end(|| {
        let (mutex, lock) = (Mutex::new(0), RwLock::new(0));
        let got_in = AtomicUsize::new(0);
        let guards = (mutex.lock(), lock.write());
        let enter = |_: &u32| {
            got_in.fetch_add(1, SeqCst);
        };
        under_signals(
            &[
                &|| enter(&mutex.lock()),
                &|| enter(&lock.read()),
                &|| enter(&lock.write()),
                &|| enter(&lock.upgradable_read()),
            ],
            || true,
            || {
                assert_eq!(got_in.load(SeqCst), 0, "a thread came in beside the holder");
                drop(guards);
            },
        );
        assert_eq!(got_in.load(SeqCst), 4);

        // And those that wait for a reader to leave.
        for wait in [&(|| enter(&lock.write())) as &(dyn Fn() + Sync), &|| {
            enter(&RwLockUpgradableReadGuard::upgrade(lock.upgradable_read()))
        }] {
            got_in.store(0, SeqCst);
            let reader = lock.read();
            under_signals(
                &[wait],
                || true,
                || {
                    assert_eq!(got_in.load(SeqCst), 0, "a writer came in beside a reader");
                    drop(reader);
                },
            );
            assert_eq!(got_in.load(SeqCst), 1);
        }
        assert!(mutex.try_lock().is_some() && lock.try_write().is_some());
    });
}

#[test]
fn signals_do_not_make_a_thread_give_up_before_its_time() {
    const TIME: Duration = Duration::from_millis(100);
    must_end(|| {
        let (mutex, written, read) = (Mutex::new(0), RwLock::new(0), RwLock::new(0));
        let given_up = AtomicUsize::new(0);
        let guards = (mutex.lock(), written.write(), read.read());
        let give_up = |wait: &dyn Fn() -> bool| {
            let start = Instant::now();
            assert!(!wait(), "it came in beside the owner");
            assert!(start.elapsed() >= TIME);
            given_up.fetch_add(1, SeqCst);
        };
        under_signals(
            &[
                &|| give_up(&|| mutex.try_lock_for(TIME).is_some()),
                &|| give_up(&|| mutex.try_lock_until(Instant::now() + TIME).is_some()),
                &|| give_up(&|| written.try_read_for(TIME).is_some()),
                &|| give_up(&|| written.try_write_for(TIME).is_some()),
                &|| give_up(&|| written.try_upgradable_read_for(TIME).is_some()),
                &|| give_up(&|| read.try_write_for(TIME).is_some()),
            ],
            || given_up.load(SeqCst) == 6,
            || drop(guards),
        );
        assert!(mutex.try_lock().is_some());
        assert!(written.try_write().is_some());
        assert!(read.try_write().is_some());
    });
}
