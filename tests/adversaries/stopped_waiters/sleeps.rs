//! When waiters sleep, although another one may be stopped: nearly always, and not past a deadline.

use super::*;

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

/// How often the calling thread gave up its processor of its own accord meanwhile.
fn pauses(work: impl FnOnce()) -> libc::c_long {
    fn asked() -> libc::c_long {
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
