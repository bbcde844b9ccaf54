//! What the tests of other libraries ask of mutexes, reader-writer locks and their guards, and no
//! other file here does.
//! `CONFORMANCE.md` has all of it.

use anteroom::{
    ArcMutexGuard, ArcRwLockReadGuard, ArcRwLockUpgradableReadGuard, ArcRwLockWriteGuard, Condvar,
    MappedMutexGuard, MappedRwLockReadGuard, MappedRwLockWriteGuard, Mutex, MutexGuard, RwLock,
    RwLockReadGuard, RwLockUpgradableReadGuard, RwLockWriteGuard, Semaphore,
};
use common::open::{OpenTo, open};
use common::{must_end, until};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::thread;

/// Runs `f` with a closure that panics, without a message on the terminal, and lets that panic go
/// no further.
#[track_caller]
fn survive<R>(f: impl FnOnce(fn()) -> R) {
    let result = catch_unwind(AssertUnwindSafe(|| {
        f(|| resume_unwind(Box::new("on purpose")))
    }));
    let payload = result.err().expect("it did not panic");
    assert_eq!(payload.downcast_ref(), Some(&"on purpose"));
}

#[test]
fn a_mutex_in_a_mutex_is_locked_for_itself() {
    must_end(|| {
        let outer = Mutex::new(Arc::new(Mutex::new(1)));
        let inner = outer.lock().clone();
        let guard = outer.lock();
        *guard.lock() += 1;
        assert_eq!(inner.try_lock().as_deref(), Some(&2));
        let inside = guard.lock();
        drop(outer.try_lock().is_none().then_some(inside));
        assert!(outer.is_locked() && !inner.is_locked());
    });
}

/// A guard that was mapped before, in all four ways: the closure that panics takes the lock with
/// it, once.
#[test]
fn a_panic_in_mapping_a_mapped_guard_releases_the_lock_once() {
    must_end(|| {
        let mutex = Mutex::new(0);
        let mapped = || MutexGuard::map(mutex.lock(), |n| n);
        survive(|panic| MappedMutexGuard::try_map(mapped(), |n| Some(n).inspect(|_| panic())));
        assert!(!mutex.is_locked());

        let lock = RwLock::new(0);
        let writer = || RwLockWriteGuard::map(lock.write(), |n| n);
        survive(|panic| RwLockWriteGuard::try_map(lock.write(), |n| Some(n).inspect(|_| panic())));
        assert_eq!(open(&lock), OpenTo::All);
        survive(|panic| {
            MappedRwLockWriteGuard::try_map(writer(), |n| Some(n).inspect(|_| panic()))
        });
        assert_eq!(open(&lock), OpenTo::All);
        survive(|panic| {
            MappedRwLockWriteGuard::map(writer(), |n| {
                panic();
                n
            })
        });
        assert_eq!(open(&lock), OpenTo::All);

        // Of two readers one stays, which a second release would take away.
        let other = lock.read();
        let reader = || RwLockReadGuard::map(lock.read(), |n| n);
        survive(|panic| MappedRwLockReadGuard::try_map(reader(), |n| Some(n).inspect(|_| panic())));
        survive(|panic| MappedRwLockReadGuard::map(reader(), |n| (n, panic()).0));
        assert_eq!(open(&lock), OpenTo::AllButWriters);
        drop(other);
        assert_eq!(open(&lock), OpenTo::All);
    });
}

#[test]
fn cloning_through_a_guard_clones_the_data() {
    must_end(|| {
        let data = Arc::new(1);
        let (mutex, lock) = (Mutex::new(data.clone()), RwLock::new(data.clone()));
        // One statement each, so that no guard lives on.
        let mut clones: Vec<Arc<i32>> = vec![mutex.lock().clone()];
        clones.push(lock.read().clone());
        clones.push(lock.upgradable_read().clone());
        clones.push(lock.write().clone());
        assert_eq!(Arc::strong_count(&data), 3 + clones.len());
    });
}

#[test]
fn the_data_of_a_reader_writer_lock_is_dropped_once() {
    let data = Arc::new(());
    drop(RwLock::new(data.clone()));
    assert_eq!(Arc::strong_count(&data), 1);
    let taken_out = RwLock::new(data.clone()).into_inner();
    assert_eq!(Arc::strong_count(&data), 2);
    drop(taken_out);
    let lock = RwLock::new(data.clone());
    *lock.write() = Arc::default();
    assert_eq!(Arc::strong_count(&data), 1);
}

/// Many at once: no thread writes between a look and the write that it leads to, nor between a
/// write and the look at it.
#[test]
fn an_upgrade_finds_what_was_read_and_a_downgrade_what_was_written() {
    const THREADS: i32 = 6;
    const TIMES: i32 = 300;
    must_end(|| {
        let lock = RwLock::new(0);
        // Negative while it is being written.
        let write = |guard: &mut RwLockWriteGuard<'_, i32>| {
            let before = std::mem::replace(&mut **guard, -1);
            thread::yield_now();
            **guard = before + 1;
            before
        };
        thread::scope(|s| {
            for thread in 0..THREADS {
                let (lock, write) = (&lock, &write);
                s.spawn(move || {
                    for _ in 0..TIMES {
                        let mut writer = if thread % 2 == 0 {
                            let reader = lock.upgradable_read();
                            let read = *reader;
                            thread::yield_now();
                            let writer = RwLockUpgradableReadGuard::upgrade(reader);
                            assert_eq!(*writer, read, "a writer came before the upgrade");
                            writer
                        } else {
                            lock.write()
                        };
                        let written = write(&mut writer) + 1;
                        let reader = RwLockWriteGuard::downgrade(writer);
                        thread::yield_now();
                        assert_eq!(*reader, written, "a writer came after the downgrade");
                        drop(reader);
                        assert!(*lock.read() >= written, "half of a write was read");
                    }
                });
            }
        });
        assert_eq!(*lock.read(), THREADS * TIMES);
    });
}

/// Also when a closure panics.
#[test]
fn an_arc_guard_holds_one_arc_whatever_is_done_with_it() {
    /// Does each of these with the guard, which holds an `Arc` before and after, and none when it
    /// is gone.
    macro_rules! check {
        ($lock:expr, $guard:ident = $new:expr; $($step:expr;)*) => {{
            let mut $guard = $new;
            assert_eq!(Arc::strong_count($lock), 2);
            $(
                $step;
                assert_eq!(Arc::strong_count($lock), 2);
            )*
            drop($guard);
            assert_eq!(Arc::strong_count($lock), 1);
        }};
    }
    must_end(|| {
        let mutex = &Arc::new(Mutex::new(0));
        check! { mutex, guard = mutex.lock_arc();
            ArcMutexGuard::unlocked(&mut guard, || ());
            ArcMutexGuard::unlocked_fair(&mut guard, || ());
            ArcMutexGuard::bump(&mut guard);
            survive(|panic| ArcMutexGuard::unlocked(&mut guard, panic));
            assert!(mutex.try_lock_arc().is_none());
        }
        ArcMutexGuard::unlock_fair(mutex.lock_arc());
        assert_eq!(Arc::strong_count(mutex), 1);

        let lock = &Arc::new(RwLock::new(0));
        check! { lock, guard = Some(lock.upgradable_read_arc());
            ArcRwLockUpgradableReadGuard::with_upgraded(guard.as_mut().unwrap(), |n| *n += 1);
            ArcRwLockUpgradableReadGuard::with_upgraded(guard.as_mut().unwrap(), |n| *n += 1);
            survive(|panic| {
                ArcRwLockUpgradableReadGuard::with_upgraded(guard.as_mut().unwrap(), |_| panic());
            });
        }
        check! { lock, guard = ArcRwLockUpgradableReadGuard::upgrade(lock.upgradable_read_arc());
            ArcRwLockWriteGuard::bump(&mut guard);
        }
        check! { lock, guard = ArcRwLockWriteGuard::downgrade_to_upgradable(lock.write_arc());
            ArcRwLockUpgradableReadGuard::bump(&mut guard);
        }
        check! { lock, guard = ArcRwLockWriteGuard::downgrade(lock.write_arc());
            ArcRwLockReadGuard::bump(&mut guard);
        }
        let reader = lock.read();
        let refused = ArcRwLockUpgradableReadGuard::try_upgrade(lock.upgradable_read_arc());
        assert!(refused.is_err());
        assert_eq!(Arc::strong_count(lock), 2);
        drop((reader, refused));
        assert_eq!(Arc::strong_count(lock), 1);
        assert_eq!(*lock.read(), 2);
    });
}

/// What a thread does at its very end, among the destructors of its thread-local variables.
struct AtTheEnd(RefCell<Option<Box<dyn FnOnce()>>>);

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        if let Some(last) = self.0.take() {
            last();
        }
    }
}

thread_local! {
    static AT_THE_END: AtTheEnd = const { AtTheEnd(RefCell::new(None)) };
}

/// parking_lot 203: the locks' own thread-local variables may be gone by then. (Those made first
/// are destroyed last.)
#[test]
fn a_thread_that_ends_can_still_wait_for_every_lock() {
    #[derive(Default)]
    struct House {
        mutex: Mutex<u32>,
        lock: RwLock<u32>,
        changed: [Condvar; 3],
    }

    impl House {
        fn wait_everywhere(&self, semaphore: &Semaphore) {
            let mut guard = self.mutex.lock();
            self.changed[0].wait(&mut guard);
            *guard += 1;
            drop(guard);
            self.changed[1].wait(&mut self.lock.read());
            self.changed[2].wait(&mut self.lock.write());
            *self.lock.write() += 1;
            // So many that its readers are biased again, of which each keeps a row.
            (0..100).for_each(|_| drop(self.lock.read()));
            semaphore.acquire().unwrap().forget();
        }

        fn wake_everywhere(&self, semaphore: &Semaphore) {
            // With the mutex held, so that a woken waiter has to wait again, for the mutex.
            until(|| {
                let _held = self.mutex.lock();
                self.changed[0].notify_one()
            });
            until(|| self.changed[1].notify_all() == 1);
            until(|| self.changed[2].notify_one());
            semaphore.add_permits(1);
        }
    }

    for locks_come_first in [false, true] {
        must_end(move || {
            let house = Arc::new((House::default(), Semaphore::new(0)));
            let other = house.clone();
            let thread = thread::spawn(move || {
                let last = other.clone();
                let last = Box::new(move || last.0.wait_everywhere(&last.1));
                if locks_come_first {
                    other.0.wait_everywhere(&other.1);
                    AT_THE_END.with(|end| end.0.replace(Some(last)));
                } else {
                    AT_THE_END.with(|end| end.0.replace(Some(last)));
                    other.0.wait_everywhere(&other.1);
                }
            });
            house.0.wake_everywhere(&house.1);
            house.0.wake_everywhere(&house.1);
            thread.join().unwrap();
            assert_eq!((*house.0.mutex.lock(), *house.0.lock.read()), (2, 2));
            assert_eq!(open(&house.0.lock), OpenTo::All);
        });
    }
}
