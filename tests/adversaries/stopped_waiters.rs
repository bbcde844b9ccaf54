//! A waiter that was woken is stopped before it runs: here by a signal handler, as a garbage
//! collector or a debugger stops threads. It holds nothing, so all others get the lock, though it
//! stays stopped until they have had it.
//!
//! Adversary 40.
#![cfg(target_os = "linux")]

mod rwlock;
mod semaphore;
mod sleeps;

use anteroom::{Condvar, Mutex, MutexGuard, RwLock, Semaphore, TryAcquireError};
use common::alone::alone;
use common::{KEPT, asleep, asleep_for_good, must_end, sleeps_for_good, until};
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex as StdMutex, Once};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

/// This file's own signal: others of this binary have others.
const SIGNAL: libc::c_int = libc::SIGWINCH;

/// How many threads are in the handler.
static STOPPED: AtomicUsize = AtomicUsize::new(0);
static MAY_GO: AtomicBool = AtomicBool::new(false);
/// The handler is one for all tests.
static ONE_TEST: StdMutex<()> = StdMutex::new(());

extern "C" fn stay(_signal: libc::c_int) {
    WAS_STOPPED.store(true, SeqCst);
    STOPPED.fetch_add(1, SeqCst);
    while !MAY_GO.load(SeqCst) {
        // SAFETY: it waits for a millisecond, and is allowed in a handler.
        unsafe { libc::poll(std::ptr::null_mut(), 0, 1) };
    }
    STOPPED.fetch_sub(1, SeqCst);
}

fn install_handler() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // SAFETY: all zeros is a valid `sigaction`: no flags, an empty mask.
        let mut action: libc::sigaction = unsafe { mem::zeroed() };
        action.sa_sigaction = stay as *const () as usize;
        // SAFETY: the handler uses atomics and `poll`, which are safe in a signal handler.
        let result = unsafe { libc::sigaction(SIGNAL, &action, std::ptr::null_mut()) };
        assert_eq!(result, 0);
    });
}

/// Whether any thread has been stopped in this test.
static WAS_STOPPED: AtomicBool = AtomicBool::new(false);

/// Opens the gate for those that are stopped.
struct Gate;

impl Drop for Gate {
    fn drop(&mut self) {
        MAY_GO.store(true, SeqCst);
        until(|| STOPPED.load(SeqCst) == 0);
    }
}

/// What a test has.
struct Stage<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    _gate: Gate,
}

/// A thread that sleeps. It outlives its numbers, which are kept for ever.
struct Waiter {
    id: &'static AtomicI32,
    number: &'static AtomicUsize,
}

impl Waiter {
    fn sleeps_for_good(&self) -> bool {
        sleeps_for_good(self.id.load(SeqCst))
    }

    /// Stops it.
    fn stop(&self) {
        let before = STOPPED.load(SeqCst);
        let thread = self.number.load(SeqCst) as libc::pthread_t;
        // SAFETY: the thread sleeps until it is woken, and does not end before the gate opens.
        assert_eq!(unsafe { libc::pthread_kill(thread, SIGNAL) }, 0);
        until(|| STOPPED.load(SeqCst) == before + 1);
    }
}

impl<'scope> Stage<'scope, '_> {
    /// Starts a thread that does this. It sleeps for good now.
    fn start(&self, work: impl FnOnce() + Send + 'scope) -> Waiter {
        let (id, number) = (leaked(AtomicI32::new(0)), leaked(AtomicUsize::new(0)));
        asleep_for_good(self.scope, move || {
            // SAFETY: it only asks.
            id.store(unsafe { libc::gettid() }, SeqCst);
            // SAFETY: as above.
            number.store(unsafe { libc::pthread_self() } as usize, SeqCst);
            work();
        });
        Waiter { id, number }
    }

    /// As [`start`](Self::start), and stops it.
    fn stopped(&self, work: impl FnOnce() + Send + 'scope) {
        self.start(work).stop();
    }

    /// Starts a thread that does this. It sleeps for good now.
    fn waits(&self, work: impl FnOnce() + Send + 'scope) -> thread::ScopedJoinHandle<'scope, ()> {
        asleep_for_good(self.scope, work)
    }
}

fn on_stage(test: impl for<'scope> FnOnce(&Stage<'scope, '_>) + Send + 'static) {
    must_end(|| {
        let _one = ONE_TEST.lock().unwrap_or_else(|failed| failed.into_inner());
        install_handler();
        MAY_GO.store(false, SeqCst);
        WAS_STOPPED.store(false, SeqCst);
        thread::scope(|scope| {
            let stage = Stage { scope, _gate: Gate };
            test(&stage);
            assert!(WAS_STOPPED.load(SeqCst), "nothing was stopped");
        });
    });
}

/// Made so that it lives as long as any thread.
fn leaked<T>(it: T) -> &'static T {
    Box::leak(Box::new(it))
}

#[test]
fn mutex_waiters_asleep_before_do_not_need_a_stopped_one() {
    on_stage(|stage| {
        let mutex = leaked(Mutex::new(()));
        let guard = mutex.lock();
        stage.stopped(|| drop(mutex.lock()));
        let others = [(); 3].map(|()| stage.waits(|| drop(mutex.lock())));
        drop(guard);
        others.into_iter().for_each(|other| other.join().unwrap());
    });
}

#[test]
fn a_mutex_waiter_that_comes_later_does_not_need_a_stopped_one() {
    on_stage(|stage| {
        let mutex = leaked(Mutex::new(()));
        let guard = mutex.lock();
        stage.stopped(|| drop(mutex.lock()));
        drop(guard);
        let guard = mutex.lock();
        let others = [(); 3].map(|()| asleep(stage.scope, || drop(mutex.lock())));
        drop(guard);
        others.into_iter().for_each(|other| other.join().unwrap());
    });
}

#[test]
fn mutex_waiters_do_not_need_two_stopped_ones() {
    on_stage(|stage| {
        let mutex = leaked(Mutex::new(()));
        let guard = mutex.lock();
        stage.stopped(|| drop(mutex.lock()));
        stage.stopped(|| drop(mutex.lock()));
        let other = stage.waits(|| drop(mutex.lock()));
        drop(guard);
        other.join().unwrap();
    });
}

/// Of ten waiters those are stopped for which `is_stopped` says so; then the lock is released.
fn check_that_many_may_be_stopped(
    is_stopped: fn(usize) -> bool,
    take_and_release: fn(),
    release: fn(),
) {
    on_stage(move |stage| {
        let mut others = Vec::new();
        for number in 0..10 {
            if is_stopped(number) {
                stage.stopped(take_and_release);
            } else {
                others.push(stage.waits(take_and_release));
            }
        }
        release();
        others.into_iter().for_each(|other| other.join().unwrap());
    });
}

/// Which of ten are stopped.
const MANY_STOPPED: [fn(usize) -> bool; 3] = [
    // The one that is woken, and the one that is called to watch.
    |number| number == 0 || number == 9,
    |number| number != 5,
    |number| number % 2 == 0,
];

#[test]
fn mutex_waiters_do_not_need_any_number_of_stopped_ones() {
    for is_stopped in MANY_STOPPED {
        static MUTEX: Mutex<()> = Mutex::new(());
        mem::forget(MUTEX.lock());
        check_that_many_may_be_stopped(
            is_stopped,
            || drop(MUTEX.lock()),
            // SAFETY: the guard was forgotten.
            || unsafe { MUTEX.force_unlock() },
        );
    }
}

#[test]
fn waiters_do_not_need_any_number_of_stopped_ones_when_a_mutex_is_unlocked_fairly() {
    for is_stopped in MANY_STOPPED {
        static MUTEX: Mutex<()> = Mutex::new(());
        mem::forget(MUTEX.lock());
        check_that_many_may_be_stopped(
            is_stopped,
            || drop(MUTEX.lock()),
            // SAFETY: the guard was forgotten.
            || unsafe { MUTEX.force_unlock_fair() },
        );
    }
}

#[test]
fn a_mutex_unlocked_fairly_for_a_stopped_thread_is_free_for_others() {
    on_stage(|stage| {
        let mutex = leaked(Mutex::new(()));
        let guard = mutex.lock();
        stage.stopped(|| drop(mutex.lock()));
        let others = [(); 2].map(|()| stage.waits(|| drop(mutex.lock())));
        MutexGuard::unlock_fair(guard);
        others.into_iter().for_each(|other| other.join().unwrap());
    });
}

#[test]
fn try_lock_takes_what_is_kept_for_a_stopped_thread() {
    on_stage(|stage| {
        let mutex = leaked(Mutex::new(()));
        let guard = mutex.lock();
        stage.stopped(|| drop(mutex.lock()));
        let released = Instant::now();
        MutexGuard::unlock_fair(guard);
        let is_kept = mutex.try_lock().is_none();
        assert!(is_kept || released.elapsed() >= KEPT);
        until(|| !mutex.is_locked());
        until(|| mutex.try_lock().is_some());
    });
}

#[test]
fn a_bump_to_a_stopped_thread_returns() {
    on_stage(|stage| {
        let mutex = leaked(Mutex::new(()));
        let mut guard = mutex.lock();
        stage.stopped(|| drop(mutex.lock()));
        MutexGuard::bump(&mut guard);
        MutexGuard::unlocked_fair(&mut guard, || ());
    });
}

/// Starts two waiters of which the first is stopped, and notifies all.
fn check_notify_all(notify: fn(&'static Mutex<bool>, &'static Condvar)) {
    on_stage(move |stage| {
        let (mutex, changed) = (leaked(Mutex::new(false)), leaked(Condvar::new()));
        let wait = || changed.wait_while(&mut mutex.lock(), |may_go| !*may_go);
        stage.stopped(wait);
        let others = [(); 3].map(|()| stage.waits(wait));
        notify(mutex, changed);
        others.into_iter().for_each(|other| other.join().unwrap());
    });
}

#[test]
fn notify_all_without_the_lock_does_not_need_a_stopped_waiter() {
    check_notify_all(|mutex, changed| {
        *mutex.lock() = true;
        assert_eq!(changed.notify_all(), 4);
    });
}

#[test]
fn notify_all_with_the_lock_does_not_need_a_stopped_waiter() {
    check_notify_all(|mutex, changed| {
        let mut may_go = mutex.lock();
        *may_go = true;
        assert_eq!(changed.notify_all(), 4);
    });
}

/// How many have come.
static COME: AtomicUsize = AtomicUsize::new(0);

/// A reader, a writer or an upgradable reader, by turns.
fn take_in_some_mode(lock: &RwLock<()>) {
    match COME.fetch_add(1, SeqCst) % 3 {
        0 => drop(lock.read()),
        1 => drop(lock.write()),
        _ => drop(lock.upgradable_read()),
    }
}
