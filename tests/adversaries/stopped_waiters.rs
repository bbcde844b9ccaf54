//! A waiter that was woken is stopped before it runs: here by a signal handler, as a garbage
//! collector or a debugger stops threads. It holds nothing, so all others get the lock, though it
//! stays stopped until they have had it.
//!
//! Adversary 40.
#![cfg(target_os = "linux")]

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
fn semaphore_waiters_do_not_need_any_number_of_stopped_ones() {
    for is_stopped in MANY_STOPPED {
        static SEMAPHORE: Semaphore = Semaphore::new(0);
        check_that_many_may_be_stopped(
            is_stopped,
            || drop(SEMAPHORE.acquire()),
            || SEMAPHORE.add_permits(1),
        );
        // Those that were stopped have gone on by now.
        assert_eq!(SEMAPHORE.forget_permits(2), 1);
    }
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

#[test]
fn rwlock_waiters_do_not_need_any_number_of_stopped_ones_when_a_writer_leaves() {
    for is_stopped in MANY_STOPPED {
        static LOCK: RwLock<()> = RwLock::new(());
        mem::forget(LOCK.write());
        check_that_many_may_be_stopped(
            is_stopped,
            || take_in_some_mode(&LOCK),
            // SAFETY: the guard was forgotten.
            || unsafe { LOCK.force_unlock_write() },
        );
    }
}

#[test]
fn writers_do_not_need_any_number_of_stopped_ones_when_a_reader_leaves() {
    for is_stopped in MANY_STOPPED {
        static LOCK: RwLock<()> = RwLock::new(());
        mem::forget(LOCK.read());
        check_that_many_may_be_stopped(
            is_stopped,
            || drop(LOCK.write()),
            // SAFETY: the guard was forgotten. (On another thread: it is counted, for no thread has
            // read this lock often.)
            || unsafe { LOCK.force_unlock_read() },
        );
    }
}

/// The one that sleeps first is not the first to be woken: readers are.
#[test]
fn a_writer_that_sleeps_first_does_not_need_a_reader_and_the_last_one_that_are_stopped() {
    on_stage(|stage| {
        let lock: &RwLock<()> = leaked(RwLock::new(()));
        let guard = lock.write();
        let first = stage.waits(|| drop(lock.write()));
        stage.stopped(|| drop(lock.read()));
        stage.stopped(|| drop(lock.write()));
        drop(guard);
        first.join().unwrap();
    });
}

/// The one in its turn sleeps in another queue than the others.
#[test]
fn first_semaphore_waiter_needs_no_stopped_ones_around_it() {
    on_stage(|stage| {
        let semaphore: &Semaphore = leaked(Semaphore::new(3));
        let [one, other] = [(); 2].map(|()| semaphore.acquire().unwrap());
        let in_turn = stage.start(|| drop(semaphore.acquire_many(3).unwrap()));
        drop(one);
        until(|| in_turn.sleeps_for_good() && semaphore.try_acquire().is_err());
        let first = stage.waits(|| drop(semaphore.acquire().unwrap()));
        let last = stage.start(|| drop(semaphore.acquire().unwrap()));
        in_turn.stop();
        last.stop();
        drop(other);
        first.join().unwrap();
    });
}

/// How often the waiters of a held lock have run may not depend on how many they are.
fn check_that_waiters_sleep(wait: impl Fn() + Sync, release: impl FnOnce()) {
    const WAITERS: usize = 40;
    const A_SECOND: Duration = Duration::from_secs(1);
    fn runs() -> u64 {
        let threads = std::fs::read_dir("/proc/self/task").unwrap();
        let status = |thread: std::fs::DirEntry| {
            std::fs::read_to_string(thread.path().join("status")).unwrap_or_default()
        };
        let of = |status: String| {
            let mut lines = status.lines();
            let line = lines.find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            line.map_or(0, |times| times.trim().parse::<u64>().unwrap())
        };
        threads.map(|thread| of(status(thread.unwrap()))).sum()
    }
    let _one = ONE_TEST.lock().unwrap_or_else(|failed| failed.into_inner());
    thread::scope(|s| {
        for _ in 0..WAITERS {
            asleep_for_good(s, &wait);
        }
        // Nothing else runs in this process. The process itself makes one thread sleep.
        let mut least = u64::MAX;
        for _ in 0..3 {
            let (before, start) = (runs(), Instant::now());
            thread::sleep(A_SECOND);
            let seconds = start.elapsed().as_millis() as u64 / 1000 + 1;
            least = least.min((runs() - before) / seconds);
        }
        release();
        assert!(least <= 20, "{least} times in a second");
    });
}

#[test]
fn waiters_of_a_held_mutex_sleep() {
    alone(|| {
        must_end(|| {
            let mutex = Mutex::new(());
            let guard = mutex.lock();
            check_that_waiters_sleep(|| drop(mutex.lock()), || drop(guard));
        });
    });
}

#[test]
fn waiters_of_a_held_rwlock_sleep() {
    alone(|| {
        must_end(|| {
            let lock = RwLock::new(());
            let guard = lock.write();
            check_that_waiters_sleep(|| take_in_some_mode(&lock), || drop(guard));
            let guard = lock.read();
            check_that_waiters_sleep(|| drop(lock.write()), || drop(guard));
        });
    });
}

#[test]
fn waiters_of_a_semaphore_sleep() {
    alone(|| {
        must_end(|| {
            let semaphore = Semaphore::new(0);
            check_that_waiters_sleep(|| drop(semaphore.acquire()), || semaphore.add_permits(1));
        });
    });
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

/// It keeps new readers out, until others need the lock more than a thread that does not run.
#[test]
fn readers_do_not_need_a_stopped_writer_that_waits_for_a_biased_one() {
    on_stage(|stage| {
        let lock = leaked(RwLock::new(()));
        (0..10_000).for_each(|_| drop(lock.read()));
        let guard = lock.read();
        stage.stopped(|| drop(lock.write()));
        stage.waits(|| drop(lock.read())).join().unwrap();
        drop(guard);
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

#[test]
fn semaphore_waiters_do_not_need_a_stopped_one() {
    on_stage(|stage| {
        let semaphore = leaked(Semaphore::new(0));
        stage.stopped(|| drop(semaphore.acquire()));
        let others = [(); 3].map(|()| stage.waits(|| drop(semaphore.acquire())));
        semaphore.add_permits(1);
        others.into_iter().for_each(|other| other.join().unwrap());
    });
}

#[test]
fn a_semaphore_waiter_that_comes_later_does_not_need_a_stopped_one() {
    on_stage(|stage| {
        let semaphore = leaked(Semaphore::new(0));
        stage.stopped(|| drop(semaphore.acquire()));
        semaphore.add_permits(1);
        let permit = semaphore.acquire().unwrap();
        let others = [(); 3].map(|()| asleep(stage.scope, || drop(semaphore.acquire())));
        drop(permit);
        others.into_iter().for_each(|other| other.join().unwrap());
    });
}

/// A semaphore with one permit, and two threads on its chair that want so many. (The first was
/// stopped when it was called, so that its turn was ended, and the second was called; then it went
/// on.) `then` gets the second, and how many have been served.
fn with_two_in_turn(wanted: [u32; 2], then: fn(&'static Semaphore, Waiter, &'static AtomicUsize)) {
    on_stage(move |stage| {
        let semaphore = leaked(Semaphore::new(0));
        let served = leaked(AtomicUsize::new(0));
        let start = |permits| {
            stage.start(move || {
                semaphore.acquire_many(permits).unwrap().forget();
                served.fetch_add(1, SeqCst);
            })
        };
        let [first, second] = wanted.map(start);
        first.stop();
        semaphore.add_permits(1);
        // Some time the second is called, sits down, and has reserved.
        until(|| {
            let is_reserved = semaphore.try_acquire().is_err();
            if !is_reserved && semaphore.forget_permits(1) == 1 {
                semaphore.add_permits(1);
            }
            is_reserved && second.sleeps_for_good()
        });
        MAY_GO.store(true, SeqCst);
        until(|| STOPPED.load(SeqCst) == 0 && first.sleeps_for_good());
        MAY_GO.store(false, SeqCst);
        assert_eq!(served.load(SeqCst), 0);
        then(semaphore, second, served);
        until(|| served.load(SeqCst) == 2);
        assert_eq!(semaphore.available_permits(), 0);
    });
}

#[test]
fn permits_do_not_wait_for_a_stopped_thread_beside_another_in_turn() {
    with_two_in_turn([2, 2], |semaphore, second, served| {
        second.stop();
        semaphore.add_permits(1);
        until(|| served.load(SeqCst) == 1);
        semaphore.add_permits(2);
        let newcomer = semaphore.try_acquire_for(Duration::from_secs(50));
        newcomer.expect("it is stopped, and has reserved").forget();
        semaphore.add_permits(1);
        MAY_GO.store(true, SeqCst);
    });
}

#[test]
fn permits_too_few_for_one_thread_in_turn_go_to_another_and_it_stays_in_turn() {
    with_two_in_turn([2, 3], |semaphore, _, served| {
        semaphore.add_permits(1);
        until(|| served.load(SeqCst) == 1);
        semaphore.add_permits(2);
        let newcomer = semaphore.try_acquire();
        assert_eq!(newcomer.map(drop), Err(TryAcquireError::NoPermits));
        semaphore.add_permits(1);
    });
}

/// Each round frees a lock at a time, in the middle of a wait for at most half a millisecond.
/// Returns how many waits failed though it was free at their end.
fn failed_at_the_end<G>(
    lock: impl Fn() -> G,
    lock_until: impl Fn(Instant) -> bool + Sync,
) -> usize {
    const WAIT: Duration = Duration::from_micros(500);
    let (mut rounds, mut failed) = (0, 0);
    until(|| {
        let begun = StdMutex::new(None);
        let guard = lock();
        let (released, locked) = thread::scope(|s| {
            let waiter = s.spawn(|| {
                let end = Instant::now() + WAIT;
                *begun.lock().unwrap() = Some(end);
                lock_until(end)
            });
            until(|| begun.lock().unwrap().is_some());
            let end = begun.lock().unwrap().unwrap();
            while Instant::now() + WAIT / 2 < end {
                std::hint::spin_loop();
            }
            drop(guard);
            (Instant::now() < end, waiter.join().unwrap())
        });
        if released {
            rounds += 1;
            failed += usize::from(!locked);
        }
        rounds == 300
    });
    failed
}

#[test]
fn a_mutex_that_is_free_at_the_deadline_is_taken() {
    must_end(|| {
        let mutex = Mutex::new(());
        let failed = failed_at_the_end(|| mutex.lock(), |end| mutex.try_lock_until(end).is_some());
        assert_eq!(failed, 0);
    });
}

#[test]
fn a_permit_that_is_free_at_the_deadline_is_taken() {
    must_end(|| {
        let semaphore = Semaphore::new(1);
        let failed = failed_at_the_end(
            || semaphore.acquire().unwrap(),
            |end| semaphore.try_acquire_until(end).is_ok(),
        );
        assert_eq!(failed, 0);
    });
}

#[test]
fn a_timed_waiter_takes_the_permit_that_a_stopped_one_was_called_for() {
    on_stage(|stage| {
        let semaphore = leaked(Semaphore::new(0));
        stage.stopped(|| drop(semaphore.acquire()));
        let timed = stage
            .scope
            .spawn(|| semaphore.try_acquire_for(Duration::from_secs(50)).is_ok());
        semaphore.add_permits(1);
        assert!(timed.join().unwrap());
    });
}

/// How often the calling thread gave up its processor of its own accord meanwhile.
fn pauses(work: impl FnOnce()) -> i64 {
    fn asked() -> i64 {
        // SAFETY: all zeros is a valid `rusage`, which the call fills in.
        let mut usage: libc::rusage = unsafe { mem::zeroed() };
        // SAFETY: it writes there.
        let result = unsafe { libc::getrusage(libc::RUSAGE_THREAD, &mut usage) };
        assert_eq!(result, 0);
        usage.ru_nvcsw
    }
    let before = asked();
    work();
    asked() - before
}

#[test]
fn a_timeout_of_zero_never_sleeps() {
    must_end(|| {
        let mutex = Mutex::new(());
        let semaphore = Semaphore::new(0);
        let guard = mutex.lock();
        let past = Instant::now();
        let slept = pauses(|| {
            for _ in 0..100 {
                assert!(mutex.try_lock_for(Duration::ZERO).is_none());
                assert!(mutex.try_lock_until(past).is_none());
                let permit = semaphore.try_acquire_for(Duration::ZERO);
                assert_eq!(permit.map(mem::drop), Err(TryAcquireError::TimedOut));
                let permit = semaphore.try_acquire_many_until(3, past);
                assert_eq!(permit.map(mem::drop), Err(TryAcquireError::TimedOut));
            }
        });
        assert_eq!(slept, 0);
        drop(guard);
        let changed = Condvar::new();
        let mut guard = mutex.lock();
        let slept = pauses(|| {
            for _ in 0..100 {
                assert!(changed.wait_for(&mut guard, Duration::ZERO).timed_out());
                assert!(changed.wait_until(&mut guard, past).timed_out());
            }
        });
        assert_eq!(slept, 0);
    });
}

#[test]
fn a_condvar_wait_of_zero_lets_go_of_the_lock() {
    must_end(|| {
        let (mutex, changed) = (Mutex::new(0), Condvar::new());
        thread::scope(|s| {
            let mut guard = mutex.lock();
            asleep_for_good(s, || *mutex.lock() += 1);
            until(|| {
                changed.wait_for(&mut guard, Duration::ZERO);
                *guard == 1
            });
        });
    });
}
