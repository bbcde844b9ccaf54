//! What every kind of guard can do: narrow itself to a part, unlock for a while, leak, print, and
//! end well when something panics.

mod by_hand;
mod mapped;

use anteroom::{
    ArcMutexGuard, ArcRwLockReadGuard, ArcRwLockUpgradableReadGuard, ArcRwLockWriteGuard, Guard,
    MappedMutexGuard, MappedRwLockReadGuard, MappedRwLockWriteGuard, Mutex, MutexGuard, RwLock,
    RwLockReadGuard, RwLockUpgradableReadGuard, RwLockWriteGuard,
};
use common::must_end;
use common::open::{OpenTo, open};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;

/// Panics, without a message on the terminal.
fn quiet_panic() -> ! {
    resume_unwind(Box::new("on purpose"))
}

/// Runs `f`, which panics by [`quiet_panic`].
#[track_caller]
fn panics<R>(f: impl FnOnce() -> R) {
    let result = catch_unwind(AssertUnwindSafe(f));
    let payload = result.err().expect("it did not panic");
    assert_eq!(payload.downcast_ref(), Some(&"on purpose"));
}

// ---- Parts.

// ---- Unlocked for a while.

#[test]
fn unlocked_frees_the_mutex_meanwhile_and_returns_what_the_closure_does() {
    must_end(|| {
        let mutex = Arc::new(Mutex::new(0));
        let mut guard = mutex.lock();
        let others = || {
            *mutex.try_lock().expect("it is free") += 1;
            "done"
        };
        assert_eq!(MutexGuard::unlocked(&mut guard, others), "done");
        assert_eq!(MutexGuard::unlocked_fair(&mut guard, others), "done");
        assert!(mutex.is_locked());
        assert_eq!(*guard, 2);
        drop(guard);

        let mut guard = mutex.lock_arc();
        assert_eq!(ArcMutexGuard::unlocked(&mut guard, others), "done");
        assert_eq!(ArcMutexGuard::unlocked_fair(&mut guard, others), "done");
        assert!(mutex.is_locked());
        assert_eq!(*guard, 4);
    });
}

/// Checks that a guard of `lock` gives it up in `unlocked` and `unlocked_fair`, has it again after,
/// and lets it go when it is dropped.
macro_rules! check_unlocked {
    ($lock:expr, $guard:expr, $Guard:ident, held: $held:expr) => {{
        let mut guard = $guard;
        let before = *guard;
        let others = || {
            *$lock.try_write().expect("no thread is inside") += 1;
            "done"
        };
        assert_eq!($Guard::unlocked(&mut guard, others), "done");
        assert_eq!(open(&$lock), $held);
        assert_eq!($Guard::unlocked_fair(&mut guard, others), "done");
        assert_eq!(open(&$lock), $held);
        assert_eq!(*guard, before + 2);
        panics(|| $Guard::unlocked(&mut guard, || quiet_panic()));
        assert_eq!(open(&$lock), $held);
        panics(|| $Guard::unlocked_fair(&mut guard, || quiet_panic()));
        assert_eq!(open(&$lock), $held);
        drop(guard);
        assert_eq!(open(&$lock), OpenTo::All);
    }};
}

/// Adversary 24, where the closure panics: the guard holds its lock again all the same.
#[test]
fn unlocked_gives_the_mode_back_that_it_takes_away_also_after_a_panic() {
    must_end(|| {
        let lock = Arc::new(RwLock::new(0));
        check_unlocked!(lock, lock.read(), RwLockReadGuard, held: OpenTo::AllButWriters);
        check_unlocked!(lock, lock.write(), RwLockWriteGuard, held: OpenTo::None);
        check_unlocked!(
            lock, lock.upgradable_read(), RwLockUpgradableReadGuard, held: OpenTo::Readers
        );
        check_unlocked!(lock, lock.read_arc(), ArcRwLockReadGuard, held: OpenTo::AllButWriters);
        check_unlocked!(lock, lock.write_arc(), ArcRwLockWriteGuard, held: OpenTo::None);
        check_unlocked!(
            lock, lock.upgradable_read_arc(), ArcRwLockUpgradableReadGuard, held: OpenTo::Readers
        );
    });
}

#[test]
fn a_panic_in_unlocked_leaves_the_mutex_with_its_guard() {
    must_end(|| {
        let mutex = Mutex::new(1);
        let mut guard = mutex.lock();
        panics(|| MutexGuard::unlocked(&mut guard, || quiet_panic()));
        panics(|| MutexGuard::unlocked_fair(&mut guard, || quiet_panic()));
        assert!(mutex.is_locked());
        assert_eq!(*guard, 1);
        drop(guard);
        assert!(!mutex.is_locked());
    });
}

// ---- Panics.

#[test]
fn a_guard_that_a_panic_drops_unlocks_and_the_data_stays_as_it_was_left() {
    must_end(|| {
        let mutex = Arc::new(Mutex::new(0));
        panics(|| {
            *mutex.lock() = 1;
            let mut guard = mutex.lock();
            *guard += 1;
            quiet_panic();
        });
        assert_eq!(*mutex.try_lock().unwrap(), 2);
        panics(|| {
            let mut guard = mutex.lock_arc();
            *guard += 1;
            quiet_panic();
        });
        assert_eq!(Arc::into_inner(mutex).unwrap().into_inner(), 3);

        let lock = RwLock::new(0);
        let reader = lock.read();
        panics(|| {
            let _guards = (lock.read(), lock.upgradable_read());
            quiet_panic();
        });
        assert_eq!(open(&lock), OpenTo::AllButWriters);
        drop(reader);
        panics(|| {
            let _guard = lock.write();
            quiet_panic();
        });
        assert_eq!(open(&lock), OpenTo::All);
    });
}

#[test]
fn a_panic_in_with_upgraded_leaves_the_upgradable_read_with_its_guard() {
    must_end(|| {
        let lock = RwLock::new(1);
        let mut guard = lock.upgradable_read();
        let fail = |n: &mut i32| -> () {
            *n += 1;
            quiet_panic()
        };
        panics(|| RwLockUpgradableReadGuard::with_upgraded(&mut guard, fail));
        assert_eq!(open(&lock), OpenTo::Readers);
        panics(|| RwLockUpgradableReadGuard::try_with_upgraded(&mut guard, fail));
        assert_eq!(open(&lock), OpenTo::Readers);
        let second = std::time::Duration::from_secs(1);
        panics(|| RwLockUpgradableReadGuard::try_with_upgraded_for(&mut guard, second, fail));
        assert_eq!(open(&lock), OpenTo::Readers);
        let deadline = std::time::Instant::now() + second;
        panics(|| RwLockUpgradableReadGuard::try_with_upgraded_until(&mut guard, deadline, fail));
        assert_eq!(open(&lock), OpenTo::Readers);
        assert_eq!(*guard, 5);
        drop(guard);
        assert_eq!(open(&lock), OpenTo::All);
    });
}

#[test]
fn a_destructor_that_runs_in_a_panic_can_use_locks() {
    must_end(|| {
        struct Count<'a>(&'a Mutex<u32>, &'a RwLock<u32>);
        impl Drop for Count<'_> {
            fn drop(&mut self) {
                assert!(thread::panicking());
                *self.0.lock() += 1;
                let read = *self.1.read();
                *self.1.write() += read;
                *RwLockUpgradableReadGuard::upgrade(self.1.upgradable_read()) += 1;
            }
        }
        let (mutex, lock) = (Mutex::new(0), RwLock::new(1));
        panics(|| {
            let _count = Count(&mutex, &lock);
            let _guards = (mutex.lock(), lock.write());
            quiet_panic();
        });
        assert_eq!(mutex.try_lock().as_deref(), Some(&1));
        assert_eq!(open(&lock), OpenTo::All);
    });
}

/// Adversary 24: a mutex that is released twice lets a thread in beside the one that came after the
/// first release.
#[test]
fn panics_beside_other_threads_never_let_two_in() {
    must_end(|| {
        let mutex = Mutex::new(0_u32);
        let (inside, done) = (AtomicUsize::new(0), AtomicBool::new(false));
        let alone = |guard: &mut u32| {
            assert_eq!(inside.fetch_add(1, SeqCst), 0, "two are inside");
            *guard += 1;
            assert_eq!(inside.fetch_sub(1, SeqCst), 1, "two are inside");
        };
        thread::scope(|s| {
            for _ in 0..2 {
                s.spawn(|| {
                    while !done.load(SeqCst) {
                        alone(&mut mutex.lock());
                    }
                });
            }
            for _ in 0..5_000 {
                panics(|| {
                    let mut guard = mutex.lock();
                    alone(&mut guard);
                    quiet_panic();
                });
                panics(|| {
                    MutexGuard::map(mutex.lock(), |data| -> &mut u32 {
                        alone(data);
                        quiet_panic();
                    })
                });
                panics(|| {
                    let mut guard = mutex.lock();
                    panics(|| MutexGuard::unlocked(&mut guard, || quiet_panic()));
                    alone(&mut guard);
                    panics(|| MutexGuard::unlocked_fair(&mut guard, || quiet_panic()));
                    alone(&mut guard);
                    quiet_panic();
                });
            }
            done.store(true, SeqCst);
        });
        assert!(!mutex.is_locked());
    });
}

// ---- Leaks, references, text.

#[test]
fn a_leaked_guard_gives_its_data_and_never_unlocks() {
    must_end(|| {
        let mutex = Mutex::new(1);
        let data: &mut i32 = MutexGuard::leak(mutex.lock());
        *data += 1;
        assert!(mutex.try_lock().is_none());
        assert_eq!(*data, 2);

        let lock = RwLock::new([1, 2]);
        let data: &mut [i32; 2] = RwLockWriteGuard::leak(lock.write());
        data[0] = 10;
        assert_eq!(open(&lock), OpenTo::None);
        assert_eq!(lock.into_inner(), [10, 2]);
    });
}

#[test]
fn a_borrowed_guard_is_read_by_other_threads() {
    must_end(|| {
        let mutex = Mutex::new(5);
        let guard = mutex.lock();
        let lock = RwLock::new(6);
        let reader = lock.read();
        thread::scope(|s| {
            s.spawn(|| assert_eq!((*guard, *reader), (5, 6)));
        });
    });
}

#[test]
fn every_guard_prints_as_its_data() {
    must_end(|| {
        let mutex = Arc::new(Mutex::new("text"));
        assert_eq!(format!("{0} {0:?}", mutex.lock()), r#"text "text""#);
        assert_eq!(format!("{0} {0:?}", mutex.lock_arc()), r#"text "text""#);
        let mapped = MutexGuard::map(mutex.lock(), |text| text);
        assert_eq!(format!("{mapped:>6} {mapped:?}"), r#"  text "text""#);

        let lock = Arc::new(RwLock::new(7));
        assert_eq!(format!("{0} {0:?}", lock.read()), "7 7");
        assert_eq!(format!("{0} {0:?}", lock.write_arc()), "7 7");
        assert_eq!(format!("{0:02} {0:?}", lock.upgradable_read()), "07 7");
        let mapped = RwLockReadGuard::map(lock.read(), |n| n);
        assert_eq!(format!("{mapped} {mapped:?}"), "7 7");
    });
}
