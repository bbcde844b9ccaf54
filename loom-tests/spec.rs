//! The specifications that users' models run on (`src/sys/spec`): each does what the real primitive
//! does, and a deadline is a choice. `cargo loom-spec` runs it.
#![cfg(all(feature = "loom", not(anteroom_models)))]

use anteroom::poison;
use anteroom::{Condvar, Mutex, RwLock, RwLockUpgradableReadGuard, RwLockWriteGuard, Semaphore};
use loom::model::Builder;
use loom::thread;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
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

#[test]
fn a_wait_with_a_poisonable_mutex_is_notified_or_timed_out() {
    let model = || {
        let both = Arc::new((poison::Mutex::new(false), poison::Condvar::new()));
        let other = beside(&both, |(ready, changed)| {
            *ready.lock().unwrap() = true;
            changed.notify_one();
        });
        let ready = both.0.lock().unwrap();
        let waited = both.1.wait_timeout_while(ready, A_WHILE, |ready| !*ready);
        let (ready, result) = waited.unwrap();
        assert_eq!(result.timed_out(), !*ready);
        drop(ready);
        other.join().unwrap();
        result.timed_out()
    };
    outcomes(model, [true, false]);
}

#[test]
fn a_panic_poisons_in_a_model() {
    let model = || {
        let lock = Arc::new(poison::RwLock::new(0));
        let panics = || {
            let _write = lock.write();
            std::panic::resume_unwind(Box::new(()));
        };
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics)).is_err());
        let other = beside(&lock, |lock| lock.write().map(drop).is_err());
        assert!(lock.read().map(drop).is_err());
        assert!(other.join().unwrap());
    };
    outcomes(model, [()]);
}

/// Runs the model beside another thread, so that there is more than one execution.
fn beside_another_thread(model: impl Fn() + Send + Sync + 'static) {
    let executions = Arc::new(AtomicUsize::new(0));
    let counted = executions.clone();
    loom::model(move || {
        counted.fetch_add(1, Relaxed);
        let mutex = Arc::new(Mutex::new(()));
        let other = beside(&mutex, |mutex| drop(mutex.lock()));
        model();
        drop(mutex.lock());
        other.join().unwrap();
    });
    assert!(executions.load(Relaxed) > 1);
}

#[test]
fn a_static_lock_is_free_at_the_beginning_of_each_execution() {
    static MUTEX: Mutex<()> = Mutex::new(());
    static LOCK: RwLock<()> = RwLock::new(());
    static PERMITS: Semaphore = Semaphore::new(2);

    beside_another_thread(|| {
        assert!(!MUTEX.is_locked() && !LOCK.is_locked());
        assert_eq!(PERMITS.available_permits(), 2);
        std::mem::forget((MUTEX.lock(), LOCK.write(), PERMITS.acquire()));
        assert!(MUTEX.is_locked() && LOCK.is_locked());
        assert_eq!(PERMITS.available_permits(), 1);
    });
}

#[test]
fn a_static_lock_blocks_the_other_threads_of_an_execution() {
    static COUNT: Mutex<u32> = Mutex::new(0);
    static CHANGED: Condvar = Condvar::new();

    loom::model(|| {
        *COUNT.lock() = 0;
        let add = || {
            *COUNT.lock() += 1;
            CHANGED.notify_one();
        };
        let others = [thread::spawn(add), thread::spawn(add)];
        let mut count = COUNT.lock();
        CHANGED.wait_while(&mut count, |count| *count < 2);
        drop(count);
        others.into_iter().for_each(|other| other.join().unwrap());
    });
}

#[test]
fn a_static_lock_is_free_after_a_model_that_failed() {
    static MUTEX: Mutex<()> = Mutex::new(());

    let deadlock = || {
        loom::model(|| {
            std::mem::forget(MUTEX.lock());
            drop(MUTEX.lock());
        });
    };
    assert!(std::panic::catch_unwind(deadlock).is_err());
    beside_another_thread(|| drop(MUTEX.lock()));
}

#[test]
fn a_static_lock_serves_one_of_several_models_that_run_at_once() {
    static INSIDE: Mutex<Vec<usize>> = Mutex::new(Vec::new());

    fn add(which: usize) {
        let mut inside = INSIDE.lock();
        inside.push(which);
        assert!(inside.iter().all(|other| *other == which), "{inside:?}");
    }
    let model = |which: usize| {
        move || {
            INSIDE.lock().clear();
            let other = thread::spawn(move || add(which));
            add(which);
            other.join().unwrap();
            INSIDE.lock().clear();
        }
    };
    std::thread::scope(|s| {
        for which in 0..3 {
            s.spawn(move || loom::model(model(which)));
        }
    });
}

/// Each of two models waits for a lock that the other one uses.
#[test]
fn models_that_would_wait_for_each_other_panic() {
    static ONE: Mutex<()> = Mutex::new(());
    static OTHER: Mutex<()> = Mutex::new(());

    let both_run = Arc::new(std::sync::Barrier::new(2));
    let run = |first: &'static Mutex<()>, second: &'static Mutex<()>| {
        let both_run = both_run.clone();
        std::thread::spawn(move || {
            loom::model(move || {
                drop(first.lock());
                both_run.wait();
                drop(second.lock());
            });
        })
    };
    let models = [run(&ONE, &OTHER), run(&OTHER, &ONE)];
    let panicked = models.map(|model| model.join().is_err());
    assert_eq!(panicked.into_iter().filter(|panicked| *panicked).count(), 1);
}

#[test]
fn a_thread_may_use_a_lock_first_when_the_models_main_thread_has_ended() {
    static MUTEX: Mutex<u32> = Mutex::new(0);

    loom::model(|| {
        let mutex = Arc::new(Mutex::new(0));
        for _ in 0..2 {
            let mutex = mutex.clone();
            thread::spawn(move || {
                *mutex.lock() += 1;
                assert!(*mutex.lock() <= 2);
                *MUTEX.lock() += 1;
            });
        }
    });
}

#[test]
fn a_lock_may_move_between_two_uses() {
    loom::model(|| {
        let lock = RwLock::new(1);
        *lock.write() += 1;
        let moved = Arc::new(lock);
        let other = beside(&moved, |lock| *lock.read());
        let upgradable = moved.upgradable_read();
        assert_eq!(*upgradable, 2);
        drop(upgradable);
        assert_eq!(other.join().unwrap(), 2);
    });
}
