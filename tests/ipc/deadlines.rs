//! Timed calls between processes at the ends of time: zero only tries, and the last `Instant` there
//! is does no harm.
//!
//! Adversary 23.
use anteroom::ipc::{
    AcquireError, Condvar, MessageQueue, Mutex, RwLock, RwLockError, Selector, Semaphore,
    TryLockError,
};
use common::processes::{Child, counter, shared, until};
use common::sandbox::{Refusal, refuse};
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

fn last_instant() -> Instant {
    let (mut last, mut step) = (Instant::now(), Duration::from_secs(1 << 62));
    while !step.is_zero() {
        match last.checked_add(step) {
            Some(later) => last = later,
            None => step /= 2,
        }
    }
    last
}

/// A zero timeout neither spins, nor fences, nor sleeps, nor closes a lock to others.
#[test]
fn zero_and_the_past_only_try() {
    let (mutex, lock, semaphore) = (
        shared(Mutex::new(0)),
        shared(RwLock::new(0)),
        shared(Semaphore::new(1)),
    );
    let _held = mutex.lock().unwrap();
    let read = lock.read().unwrap();
    let try_all = |past: bool| {
        let (zero, at) = (Duration::ZERO, Instant::now());
        let locked = match past {
            true => mutex.try_lock_until(at),
            false => mutex.try_lock_for(zero),
        };
        assert!(matches!(locked, Err(TryLockError::TimedOut)));
        let written = match past {
            true => lock
                .try_write_until(at)
                .map(drop)
                .map_err(|it| it.to_string()),
            false => lock
                .try_write_for(zero)
                .map(drop)
                .map_err(|it| it.to_string()),
        };
        let late = RwLockError::<()>::TimedOut.to_string();
        assert_eq!(written.unwrap_err(), late);
        for permits in [2, 3] {
            let taken = match past {
                true => semaphore.try_acquire_many_until(permits, at),
                false => semaphore.try_acquire_many_for(permits, zero),
            };
            assert_eq!(taken.unwrap_err(), AcquireError::TimedOut);
        }
        // What can be had is had.
        assert!(semaphore.try_acquire_for(zero).is_ok());
        assert!(lock.try_read_for(zero).is_ok());
    };
    Child::fork(|| {
        try_all(false);
        let calls = [libc::SYS_futex, libc::SYS_futex_waitv, libc::SYS_membarrier];
        refuse(&calls.map(|call| (call, None)), Refusal::Kills);
        try_all(false);
        try_all(true);
    })
    .succeed();
    drop(read);
    Child::fork(|| {
        let _writes = lock.write().unwrap();
        std::thread::scope(|s| {
            let late = s.spawn(|| lock.try_read_for(Duration::ZERO).map(drop));
            assert!(matches!(late.join().unwrap(), Err(RwLockError::TimedOut)));
        });
    })
    .succeed();
}

/// A wait whose end is the last `Instant` is one without an end. (A panic in the middle of it would
/// leave the lock closed.)
#[test]
fn the_last_instant_is_for_ever() {
    let (mutex, changed) = (shared(Mutex::new(0)), shared(Condvar::new()));
    let (lock, semaphore) = (shared(RwLock::new(0)), shared(Semaphore::new(0)));
    let queue = MessageQueue::anonymous(1, 8).unwrap();
    let done = counter();
    let waits: [&dyn Fn(Instant); 6] = [
        &|end| drop(mutex.try_lock_until(end).unwrap()),
        &|end| drop(lock.try_write_until(end).unwrap()),
        &|end| drop(lock.try_read_until(end).unwrap()),
        &|end| drop(semaphore.try_acquire_many_until(2, end).unwrap()),
        &|end| {
            let guard = mutex.lock().unwrap();
            assert!(!changed.wait_until(guard, end).1.timed_out());
        },
        &|end| {
            let received = queue.try_receive_until(Selector::Any, &mut [], end);
            assert!(received.is_ok());
        },
    ];
    for (number, waits) in waits.into_iter().enumerate() {
        let mutex_held = (number == 0).then(|| mutex.lock().unwrap());
        let reads = (number == 1).then(|| lock.read().unwrap());
        let writes = (number == 2).then(|| lock.write().unwrap());
        let child = Child::fork(|| {
            waits(last_instant());
            done.fetch_add(1, SeqCst);
        });
        child.until_asleep_or_done();
        assert!(!child.has_ended(), "{number}");
        drop((mutex_held, reads, writes));
        match number {
            3 => semaphore.add_permits(2),
            4 => changed.notify_all(),
            5 => queue.send(1, &[]).unwrap(),
            _ => {}
        }
        child.succeed();
        until("done", || done.load(SeqCst) == number as u64 + 1);
    }
}
