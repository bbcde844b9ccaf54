//! The specifications that users' models run on (`src/spec.rs`): each does what the real primitive
//! does, and a deadline is a choice. `cargo loom-spec` runs it.
#![cfg(all(loom, not(anteroom_models)))]

use anteroom::{Condvar, Mutex, RwLock, RwLockUpgradableReadGuard, RwLockWriteGuard, Semaphore};
use loom::model::Builder;
use loom::thread;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

const A_WHILE: Duration = Duration::from_millis(1);

/// Explores the model, and checks that just these are its outcomes.
fn outcomes<R: Ord + Debug + Send + 'static>(
    model: impl Fn() -> R + Send + Sync + 'static,
    expected: impl IntoIterator<Item = R>,
) {
    let seen = Arc::new(std::sync::Mutex::new(BTreeSet::new()));
    let sink = seen.clone();
    let mut builder = Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(move || {
        let outcome = model();
        sink.lock().unwrap().insert(outcome);
    });
    let expected = BTreeSet::from_iter(expected);
    assert_eq!(*seen.lock().unwrap(), expected);
}

/// Runs `f` on another thread of the model.
fn beside<T: Send + Sync + 'static, R: 'static>(
    it: &Arc<T>,
    f: impl FnOnce(&T) -> R + 'static,
) -> thread::JoinHandle<R> {
    let it = it.clone();
    thread::spawn(move || f(&it))
}

#[test]
fn a_mutex_excludes_and_a_deadline_is_a_choice() {
    let model = || {
        let mutex = Arc::new(Mutex::new(0));
        let other = beside(&mutex, |mutex| *mutex.lock() += 1);
        let timely = mutex.try_lock_for(A_WHILE).map(|mut count| *count += 1);
        other.join().unwrap();
        let count = *mutex.lock();
        assert_eq!(count, if timely.is_some() { 2 } else { 1 });
        timely.is_some()
    };
    outcomes(model, [true, false]);
}

#[test]
fn a_mutex_is_locked_while_it_is() {
    let model = || {
        let mutex = Arc::new(Mutex::new(()));
        let other = beside(&mutex, |mutex| drop(mutex.lock()));
        let seen = mutex.is_locked();
        other.join().unwrap();
        assert!(!mutex.is_locked());
        seen
    };
    outcomes(model, [true, false]);
}

#[test]
fn readers_share_and_a_writer_excludes() {
    let model = || {
        let lock = Arc::new(RwLock::new(0));
        let writer = beside(&lock, |lock| *lock.write() += 1);
        let reader = beside(&lock, |lock| *lock.read());
        let first = lock.read();
        // The other reader may be inside too, or has found the writer waiting for us to leave.
        let together = lock.try_read().is_some();
        let read = *first;
        drop(first);
        writer.join().unwrap();
        let other = reader.join().unwrap();
        assert!(read <= 1 && other <= 1 && *lock.read() == 1);
        together
    };
    outcomes(model, [true, false]);
}

#[test]
fn an_upgrade_waits_for_readers_or_gives_up() {
    let model = || {
        let lock = Arc::new(RwLock::new(0));
        let reader = beside(&lock, |lock| *lock.read());
        let upgradable = lock.upgradable_read();
        let upgraded = match RwLockUpgradableReadGuard::try_upgrade_for(upgradable, A_WHILE) {
            Ok(mut write) => {
                *write = 1;
                let read = RwLockWriteGuard::downgrade(write);
                assert_eq!(*read, 1);
                true
            }
            Err(upgradable) => {
                assert_eq!(*upgradable, 0);
                false
            }
        };
        (upgraded, reader.join().unwrap())
    };
    outcomes(model, [(true, 0), (true, 1), (false, 0)]);
}

#[test]
fn a_semaphore_lets_in_as_many_as_it_has_permits() {
    let model = || {
        let semaphore = Arc::new(Semaphore::new(1));
        let other = beside(&semaphore, |semaphore| semaphore.acquire().is_ok());
        let mine = semaphore.try_acquire_for(A_WHILE).is_ok();
        assert!(other.join().unwrap());
        assert_eq!(semaphore.available_permits(), 1);
        mine
    };
    outcomes(model, [true, false]);
}

#[test]
fn closing_refuses_waiters() {
    let model = || {
        let semaphore = Arc::new(Semaphore::new(0));
        let other = beside(&semaphore, |semaphore| semaphore.acquire().is_ok());
        semaphore.add_permits(1);
        semaphore.close();
        other.join().unwrap()
    };
    outcomes(model, [true, false]);
}

#[test]
fn a_notification_and_a_timeout_agree() {
    let model = || {
        let both = Arc::new((Mutex::new(false), Condvar::new()));
        let other = beside(&both, |(ready, changed)| {
            *ready.lock() = true;
            changed.notify_one()
        });
        let mut ready = both.0.lock();
        let timed_out = !*ready && both.1.wait_for(&mut ready, A_WHILE).timed_out();
        drop(ready);
        let notified = other.join().unwrap();
        assert!(!(timed_out && notified));
        (timed_out, notified)
    };
    outcomes(model, [(true, false), (false, true), (false, false)]);
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_missing_notification_is_a_deadlock() {
    let model = || {
        let both = Arc::new((Mutex::new(false), Condvar::new()));
        let other = beside(&both, |(ready, _)| *ready.lock() = true);
        both.1.wait_while(&mut both.0.lock(), |ready| !*ready);
        other.join().unwrap();
    };
    outcomes(model, [()]);
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_failed_model_may_hold_locks() {
    let model = || {
        let lock = Arc::new((RwLock::new(()), Semaphore::new(1)));
        let _read = lock.0.read();
        let _permit = lock.1.acquire();
        let other = beside(&lock, |(lock, _)| drop(lock.write()));
        other.join().unwrap();
    };
    outcomes(model, [()]);
}

#[test]
fn a_panic_releases_what_it_held() {
    let model = || {
        let lock = Arc::new(RwLock::new(0));
        let panics = || {
            let _write = lock.write();
            std::panic::resume_unwind(Box::new(()));
        };
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics)).is_err());
        let other = beside(&lock, |lock| *lock.write() += 1);
        other.join().unwrap();
        assert_eq!(*lock.read(), 1);
    };
    outcomes(model, [()]);
}
