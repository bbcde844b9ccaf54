//! Whatever else may wake a thread does not wake one that waits on a [`Condvar`] or a
//! [`Semaphore`]: signals, the thread's own unpark token, notifications for its neighbours. And
//! what belongs to others is still theirs afterwards. The numbers are those of
//! `tests/ADVERSARIES.md`.
#![cfg(unix)]

use anteroom::TryAcquireError::TimedOut;
use anteroom::{Condvar, Mutex, RwLock, Semaphore};
use common::{asleep, must_end, until};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Once, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// This file's own signal: others of this binary have others.
const SIGNAL: libc::c_int = libc::SIGUSR2;

/// How many signals have arrived. There is one count for the process, so the tests that shoot take
/// turns.
static ARRIVED: AtomicUsize = AtomicUsize::new(0);
static TURNS: std::sync::Mutex<()> = std::sync::Mutex::new(());

/// From now on the signal interrupts a system call that waits, and is counted.
fn catch_signals() {
    extern "C" fn count(_signal: i32) {
        ARRIVED.fetch_add(1, SeqCst);
    }
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let handler: extern "C" fn(i32) = count;
        // SAFETY: all zeros is a `sigaction`. Without SA_RESTART in its flags, what is interrupted
        // fails.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = handler as usize;
        // SAFETY: the handler does nothing that a handler may not.
        let result = unsafe { libc::sigaction(SIGNAL, &action, std::ptr::null_mut()) };
        assert_eq!(result, 0);
    });
}

/// Lets a thread sleep in `wait` and shoots signals at it until it returns, or until `enough` have
/// arrived; then `end` has to end it. Returns how many have arrived, and what `wait` returned.
fn under_fire<R: Send>(
    enough: usize,
    wait: impl FnOnce() -> R + Send,
    end: impl FnOnce(),
) -> (usize, R) {
    let _turn = TURNS
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    catch_signals();
    ARRIVED.store(0, SeqCst);
    let target = OnceLock::new();
    thread::scope(|s| {
        let victim = asleep(s, || {
            // SAFETY: it only asks.
            target.set(unsafe { libc::pthread_self() }).unwrap();
            wait()
        });
        let target = *target.get().expect("it sleeps, but not in `wait`");
        while !victim.is_finished() && ARRIVED.load(SeqCst) < enough {
            // SAFETY: the thread has not been joined yet.
            assert_eq!(unsafe { libc::pthread_kill(target, SIGNAL) }, 0);
            thread::yield_now();
        }
        let arrived = ARRIVED.load(SeqCst);
        end();
        (arrived, victim.join().unwrap())
    })
}

/// As [`under_fire`], of a wait of this length that ends by itself; longer, until a signal has
/// arrived.
fn under_fire_for<R: Send>(wait: impl Fn(Duration) -> R + Sync) -> (Duration, R) {
    let mut time = Duration::from_millis(50);
    loop {
        let (arrived, result) = under_fire(usize::MAX, || wait(time), || ());
        if arrived > 0 {
            return (time, result);
        }
        time *= 2;
    }
}

/// 22: POSIX conformance, pthread_mutex_lock 3-1, where EINTR escapes from a wait.
macro_rules! signals_change_nothing {
    ($($name:ident: $Lock:ident, $take:ident, $alone:ident, $try_alone:ident;)*) => {
        mod signals_do_not_wake {
            use super::*;

            $(
                #[test]
                fn $name() {
                    must_end(|| {
                        let lock = $Lock::new(());
                        let changed = Condvar::new();
                        let awake = AtomicBool::new(false);
                        let wait = || {
                            let mut guard = lock.$take();
                            changed.wait(&mut guard);
                            awake.store(true, SeqCst);
                            lock.$try_alone().is_none()
                        };
                        let (_, held) = under_fire(200, wait, || {
                            assert!(!awake.load(SeqCst));
                            assert!(changed.notify_one());
                        });
                        assert!(held, "woken without the lock");
                    });
                }
            )*
        }

        mod signals_do_not_shorten_the_wait_of {
            use super::*;

            $(
                #[test]
                fn $name() {
                    must_end(|| {
                        let lock = $Lock::new(());
                        let changed = Condvar::new();
                        let wait = |time| {
                            let mut guard = lock.$take();
                            let start = Instant::now();
                            let rest = changed.wait_for(&mut guard, time);
                            (start.elapsed(), rest, lock.$try_alone().is_none())
                        };
                        let (time, (elapsed, rest, held)) = under_fire_for(wait);
                        assert!(elapsed >= time && rest.timed_out(), "{elapsed:?} {rest:?}");
                        assert!(held, "woken without the lock");
                    });
                }
            )*
        }
    };
}

signals_change_nothing! {
    who_waits_with_a_mutex: Mutex, lock, lock, try_lock;
    who_waits_reading: RwLock, read, write, try_write;
    who_waits_writing: RwLock, write, write, try_write;
}

// 22: as above.
#[test]
fn signals_do_not_wake_who_acquires() {
    must_end(|| {
        let semaphore = Semaphore::new(1);
        let awake = AtomicBool::new(false);
        let acquire = || {
            let permit = semaphore.acquire_many(2);
            awake.store(true, SeqCst);
            permit.map(|permit| permit.num_permits())
        };
        let (_, acquired) = under_fire(200, acquire, || {
            assert!(!awake.load(SeqCst));
            semaphore.add_permits(1);
        });
        assert_eq!(acquired, Ok(2));
        assert_eq!(semaphore.available_permits(), 2);
    });
}

// 22: as above.
#[test]
fn signals_do_not_shorten_a_timed_acquire() {
    must_end(|| {
        let semaphore = Semaphore::new(0);
        let acquire = |time| {
            let start = Instant::now();
            let none = semaphore.try_acquire_for(time).map(drop);
            (start.elapsed(), none)
        };
        let (time, (elapsed, none)) = under_fire_for(acquire);
        assert!(elapsed >= time, "{elapsed:?}");
        assert_eq!(none, Err(TimedOut));
    });
}

/// 8: std 145816, a primitive that sleeps by `thread::park` takes the token that `thread::unpark`
/// left for the program's own use. Were it taken, the last line of the waiter would sleep for ever.
macro_rules! unpark_tokens_are_the_programs_own {
    ($($name:ident: $wait:expr, $wake:expr;)*) => {$(
        #[test]
        fn $name() {
            must_end(|| {
                let (lock, changed) = (Mutex::new(()), Condvar::new());
                let semaphore = Semaphore::new(0);
                let wait: fn(&Mutex<()>, &Condvar, &Semaphore) = $wait;
                let wake: fn(&Condvar, &Semaphore) = $wake;
                let awake = AtomicUsize::new(0);
                thread::scope(|s| {
                    let waiter = asleep(s, || {
                        for _ in 0..2 {
                            // One that is there before it sleeps, and below some that come when it
                            // does.
                            thread::current().unpark();
                            wait(&lock, &changed, &semaphore);
                            awake.fetch_add(1, SeqCst);
                            thread::park();
                        }
                    });
                    for _ in 0..100 {
                        waiter.thread().unpark();
                        thread::yield_now();
                    }
                    assert_eq!(awake.load(SeqCst), 0, "the program's token woke it");
                    wake(&changed, &semaphore);
                    until(|| awake.load(SeqCst) == 1);
                    until(|| {
                        wake(&changed, &semaphore);
                        waiter.is_finished()
                    });
                });
            });
        }
    )*};
}

unpark_tokens_are_the_programs_own! {
    condvar_neither_takes_nor_heeds_the_threads_unpark_token:
        |lock, changed, _| changed.wait(&mut lock.lock()), |changed, _| { changed.notify_one(); };
    timed_condvar_neither_takes_nor_heeds_the_threads_unpark_token:
        |lock, changed, _| { changed.wait_for(&mut lock.lock(), Duration::MAX); },
        |changed, _| { changed.notify_all(); };
    semaphore_neither_takes_nor_heeds_the_threads_unpark_token:
        |_, _, semaphore| semaphore.acquire().unwrap().forget(),
        |_, semaphore| semaphore.add_permits(1);
}

// Primitives that lie side by side have neighbouring keys in the table of sleepers.
#[test]
fn neighbours_do_not_wake_each_other() {
    must_end(|| {
        const NEIGHBOURS: usize = 8;
        #[derive(Default)]
        struct Room {
            lock: Mutex<()>,
            mutex_changed: Condvar,
            rwlock: RwLock<()>,
            rwlock_changed: Condvar,
        }
        let rooms: [Room; NEIGHBOURS] = Default::default();
        let awake = [const { AtomicUsize::new(0) }; NEIGHBOURS];
        thread::scope(|s| {
            for (room, awake) in rooms.iter().zip(&awake) {
                asleep(s, || {
                    room.mutex_changed.wait(&mut room.lock.lock());
                    awake.fetch_add(1, SeqCst);
                });
                asleep(s, || {
                    room.rwlock_changed.wait(&mut room.rwlock.read());
                    awake.fetch_add(1, SeqCst);
                });
            }
            for (number, room) in rooms.iter().enumerate() {
                let woken = |n: usize| awake[n].load(SeqCst);
                assert_eq!(room.mutex_changed.notify_all(), 1);
                until(|| woken(number) == 1);
                assert!(!room.mutex_changed.notify_one());
                assert_eq!(room.rwlock_changed.notify_all(), 1);
                until(|| woken(number) == 2);
                assert!(!room.rwlock_changed.notify_one());
                assert!((number + 1..NEIGHBOURS).all(|n| woken(n) == 0));
            }
        });
    });
}

#[test]
fn permits_of_one_semaphore_do_not_reach_the_waiters_of_the_next() {
    must_end(|| {
        let semaphores = [const { Semaphore::new(0) }; 8];
        let served = AtomicUsize::new(0);
        thread::scope(|s| {
            let (odd, even): (Vec<_>, Vec<_>) =
                semaphores.iter().enumerate().partition(|(n, _)| n % 2 == 1);
            for (_, semaphore) in &odd {
                asleep(s, || {
                    semaphore.acquire().unwrap().forget();
                    served.fetch_add(1, SeqCst);
                });
            }
            for (_, semaphore) in even {
                semaphore.add_permits(7);
                semaphore.close();
            }
            assert_eq!(served.load(SeqCst), 0);
            for (number, (_, semaphore)) in odd.iter().enumerate() {
                semaphore.add_permits(1);
                until(|| served.load(SeqCst) == number + 1);
            }
        });
    });
}
