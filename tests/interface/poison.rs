//! `anteroom::poison`: std's face. Each method does what std's does, and a panic poisons.

mod condvar;
mod traits;

use anteroom::poison::{
    LockResult, MappedMutexGuard, MappedRwLockReadGuard, MappedRwLockWriteGuard, Mutex, MutexGuard,
    PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError, TryLockResult,
};
use common::must_end;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::thread;

/// Runs `f`, which returns what a panic is to drop, and panics.
fn panics_with<R>(f: impl FnOnce() -> R) {
    let result = catch_unwind(AssertUnwindSafe(|| {
        let _dropped = f();
        resume_unwind(Box::new("on purpose"))
    }));
    let payload: Box<dyn std::any::Any + Send> = result.expect_err("it panics");
    assert_eq!(payload.downcast_ref(), Some(&"on purpose"));
}

fn poisoned_mutex<T>(value: T) -> Mutex<T> {
    let mutex = Mutex::new(value);
    panics_with(|| mutex.lock().unwrap());
    assert!(mutex.is_poisoned());
    mutex
}

fn poisoned_lock<T>(value: T) -> RwLock<T> {
    let lock = RwLock::new(value);
    panics_with(|| lock.write().unwrap());
    assert!(lock.is_poisoned());
    lock
}

fn would_block<G>(result: TryLockResult<G>) -> bool {
    matches!(result, Err(TryLockError::WouldBlock))
}

#[test]
fn static_locks_are_made_in_constants_and_locked() {
    static MUTEX: Mutex<Vec<u8>> = Mutex::new(Vec::new());
    static LOCK: RwLock<u8> = RwLock::new(0);
    must_end(|| {
        thread::scope(|s| {
            for _ in 0..2 {
                s.spawn(|| {
                    MUTEX.lock().unwrap().push(1);
                    *LOCK.write().unwrap() += 1;
                });
            }
        });
        assert_eq!(*MUTEX.lock().unwrap(), [1, 1]);
        assert_eq!(*LOCK.read().unwrap(), 2);
    });
}

#[test]
fn tries_fail_while_the_lock_is_held() {
    let mutex = Mutex::new(1);
    let guard = mutex.try_lock().unwrap();
    assert!(would_block(mutex.try_lock()));
    drop(guard);
    *mutex.try_lock().unwrap() += 1;
    assert_eq!(mutex.into_inner().unwrap(), 2);

    let lock = RwLock::new(1);
    let reader = lock.try_read().unwrap();
    assert!(lock.try_read().is_ok());
    assert!(would_block(lock.try_write()));
    drop(reader);
    let mut writer = lock.try_write().unwrap();
    *writer += 1;
    assert!(would_block(lock.try_read()) && would_block(lock.try_write()));
    drop(writer);
    assert_eq!(lock.into_inner().unwrap(), 2);
}

#[test]
fn every_guard_that_writes_poisons_when_a_panic_drops_it() {
    macro_rules! poisons {
        ($lock:expr, $guard:expr) => {
            panics_with(|| $guard);
            assert!($lock.is_poisoned(), stringify!($guard));
            $lock.clear_poison();
            assert!(!$lock.is_poisoned());
        };
    }
    let mutex = Mutex::new((1, 2));
    poisons!(mutex, mutex.lock().unwrap());
    poisons!(mutex, mutex.try_lock().unwrap());
    let part = || MutexGuard::map(mutex.lock().unwrap(), |data| &mut data.0);
    poisons!(mutex, part());
    poisons!(mutex, MappedMutexGuard::map(part(), |part| part));
    assert_eq!(mutex.into_inner().unwrap(), (1, 2));

    let lock = RwLock::new((1, 2));
    poisons!(lock, lock.write().unwrap());
    poisons!(lock, lock.try_write().unwrap());
    let part = || RwLockWriteGuard::map(lock.write().unwrap(), |data| &mut data.0);
    poisons!(lock, part());
    poisons!(lock, MappedRwLockWriteGuard::map(part(), |part| part));
    assert_eq!(lock.into_inner().unwrap(), (1, 2));
}

#[test]
fn no_guard_that_reads_poisons_when_a_panic_drops_it() {
    let lock = RwLock::new((1, 2));
    let part = || RwLockReadGuard::map(lock.read().unwrap(), |data| &data.0);
    panics_with(|| lock.read().unwrap());
    panics_with(|| lock.try_read().unwrap());
    panics_with(part);
    panics_with(|| MappedRwLockReadGuard::map(part(), |part| part));
    panics_with(|| RwLockWriteGuard::downgrade(lock.write().unwrap()));
    assert!(!lock.is_poisoned());
    assert!(lock.try_write().is_ok());
}

#[test]
fn a_panic_in_a_closure_that_maps_a_guard_poisons_where_it_could_write() {
    fn part<T, U>(_: T) -> Option<U> {
        resume_unwind(Box::new("in the closure"))
    }
    let fails = |f: &dyn Fn()| assert!(catch_unwind(AssertUnwindSafe(f)).is_err());
    let mutex = Mutex::new(1);
    fails(&|| {
        drop(MutexGuard::map(mutex.lock().unwrap(), |n| {
            part::<_, &mut i32>(n).unwrap()
        }))
    });
    assert!(mutex.is_poisoned());
    mutex.clear_poison();
    fails(&|| {
        drop(MutexGuard::filter_map(mutex.lock().unwrap(), |n| {
            part::<_, &mut i32>(n)
        }))
    });
    assert!(mutex.is_poisoned());

    let lock = RwLock::new(1);
    fails(&|| {
        drop(RwLockReadGuard::map(lock.read().unwrap(), |n| {
            part::<_, &i32>(n).unwrap()
        }))
    });
    assert!(!lock.is_poisoned());
    fails(&|| {
        drop(RwLockWriteGuard::filter_map(lock.write().unwrap(), |n| {
            part::<_, &mut i32>(n)
        }))
    });
    assert!(lock.is_poisoned());
    assert!(!would_block(mutex.try_lock()) && !would_block(lock.try_write()));
}

/// The panic did not interrupt this section: it had begun before.
#[test]
fn a_guard_that_a_destructor_acquires_in_a_panic_does_not_poison() {
    struct Uses<'a>(&'a Mutex<u32>, &'a RwLock<u32>);
    impl Drop for Uses<'_> {
        fn drop(&mut self) {
            assert!(thread::panicking());
            *self.0.lock().unwrap() += 1;
            *self.1.write().unwrap() += 1;
            *MutexGuard::map(self.0.lock().unwrap(), |n| n) += 1;
        }
    }
    let (mutex, lock) = (Mutex::new(0), RwLock::new(0));
    panics_with(|| Uses(&mutex, &lock));
    assert_eq!(
        (mutex.into_inner().unwrap(), lock.into_inner().unwrap()),
        (2, 1)
    );
}

#[test]
fn a_panic_on_another_thread_poisons() {
    must_end(|| {
        let mutex = Arc::new(Mutex::new(0));
        let held = mutex.clone();
        let other = thread::spawn(move || {
            let mut guard = held.lock().unwrap();
            *guard = 1;
            resume_unwind(Box::new("with the mutex held"));
        });
        assert!(other.join().is_err());
        let guard = mutex.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(*guard, 1);
    });
}

#[test]
fn a_poisoned_mutex_gives_its_data_in_the_error() {
    fn in_error<T>(result: LockResult<T>) -> T {
        result.err().expect("it is poisoned").into_inner()
    }
    let mut mutex = poisoned_mutex(1);
    *in_error(mutex.lock()) += 1;
    match mutex.try_lock() {
        Err(TryLockError::Poisoned(error)) => assert_eq!(**error.get_ref(), 2),
        other => panic!("{other:?}"),
    }
    *in_error(mutex.get_mut()) += 1;
    assert_eq!(mutex.set(7).unwrap_err().into_inner(), 7);
    assert_eq!(in_error(mutex.replace(8)), 8);
    assert_eq!(mutex.get_cloned().unwrap_err().into_inner(), ());
    assert_eq!(in_error(mutex.into_inner()), 3);

    let mut lock = poisoned_lock(1);
    *in_error(lock.write()) += 1;
    assert_eq!(*in_error(lock.read()), 2);
    assert!(matches!(lock.try_read(), Err(TryLockError::Poisoned(_))));
    assert!(matches!(lock.try_write(), Err(TryLockError::Poisoned(_))));
    *in_error(lock.get_mut()) += 1;
    assert_eq!(lock.set(7).unwrap_err().into_inner(), 7);
    assert_eq!(in_error(lock.replace(8)), 8);
    assert_eq!(lock.get_cloned().unwrap_err().into_inner(), ());
    assert_eq!(in_error(lock.into_inner()), 3);
}

#[test]
fn errors_are_those_of_std_and_convert() {
    fn all<T>(mutex: &Mutex<T>) -> Result<MutexGuard<'_, T>, TryLockError<MutexGuard<'_, T>>> {
        Ok(mutex.lock()?)
    }
    let mutex = poisoned_mutex(1);
    let error: std::sync::TryLockError<_> = all(&mutex).unwrap_err();
    assert_eq!(
        error.to_string(),
        std::sync::PoisonError::new(()).to_string()
    );
    drop(error);
    fn boxed(mutex: &'static Mutex<u8>) -> Result<u8, Box<dyn std::error::Error>> {
        Ok(*mutex.lock()?)
    }
    static MUTEX: Mutex<u8> = Mutex::new(3);
    assert_eq!(boxed(&MUTEX).unwrap(), 3);
}

#[test]
fn value_accessors_get_set_and_replace() {
    let mutex = Mutex::new(String::from("one"));
    assert_eq!(mutex.get_cloned().unwrap(), "one");
    mutex.set(String::from("two")).unwrap();
    assert_eq!(mutex.replace(String::from("three")).unwrap(), "two");
    assert_eq!(mutex.into_inner().unwrap(), "three");

    let lock = RwLock::from(1);
    assert_eq!(lock.get_cloned().unwrap(), 1);
    lock.set(2).unwrap();
    assert_eq!(lock.replace(3).unwrap(), 2);
    // SAFETY: no thread holds the lock.
    assert_eq!(unsafe { *lock.data_ptr() }, 3);
}

/// A destructor may lock the mutex from which its value was set away.
#[test]
fn set_drops_the_old_value_after_the_lock_is_released() {
    struct Locks(Arc<All>);
    type All = (Mutex<Option<Locks>>, RwLock<Option<Locks>>, AtomicU32);
    impl Drop for Locks {
        fn drop(&mut self) {
            let (mutex, lock, count) = &*self.0;
            assert!(mutex.try_lock().is_ok() && lock.try_write().is_ok());
            count.fetch_add(1, SeqCst);
        }
    }
    must_end(|| {
        let all = Arc::new((Mutex::new(None), RwLock::new(None), AtomicU32::new(0)));
        all.0.set(Some(Locks(all.clone()))).unwrap();
        all.1.set(Some(Locks(all.clone()))).unwrap();
        all.0.set(None).unwrap();
        all.1.set(None).unwrap();
        assert_eq!(all.2.load(SeqCst), 2);
    });
}

#[test]
fn mapped_guards_hold_the_lock_and_write_their_part() {
    let mutex = Mutex::new((1, [2, 3]));
    let pair = MutexGuard::map(mutex.lock().unwrap(), |data| &mut data.1);
    let mut last = MappedMutexGuard::map(pair, |pair| &mut pair[1]);
    *last += 10;
    assert!(would_block(mutex.try_lock()));
    let same = MappedMutexGuard::filter_map(last, |_| None::<&mut ()>).unwrap_err();
    let same = MappedMutexGuard::filter_map(same, |n| Some(n)).unwrap();
    assert_eq!(*same, 13);
    drop(same);
    let whole = MutexGuard::filter_map(mutex.lock().unwrap(), |_| None::<&mut ()>).unwrap_err();
    let slice = MutexGuard::filter_map(whole, |data| data.1.get_mut(..1)).unwrap();
    assert_eq!(*slice, [2]);
    drop(slice);
    assert!(mutex.try_lock().is_ok());

    let lock = RwLock::new((1, [2, 3]));
    let pair = RwLockWriteGuard::map(lock.write().unwrap(), |data| &mut data.1);
    let mut last = MappedRwLockWriteGuard::map(pair, |pair| &mut pair[1]);
    *last += 10;
    assert!(would_block(lock.try_read()));
    let same = MappedRwLockWriteGuard::filter_map(last, |_| None::<&mut ()>).unwrap_err();
    drop(MappedRwLockWriteGuard::filter_map(same, |n| Some(n)).unwrap());
    let whole = RwLockWriteGuard::filter_map(lock.write().unwrap(), |_| None::<&mut ()>);
    let slice = RwLockWriteGuard::filter_map(whole.unwrap_err(), |data| data.1.get_mut(..1));
    drop(slice.unwrap());
    let pair = RwLockReadGuard::map(lock.read().unwrap(), |data| &data.1);
    let last = MappedRwLockReadGuard::map(pair, |pair| &pair[1]);
    assert!(lock.try_read().is_ok() && would_block(lock.try_write()));
    let same = MappedRwLockReadGuard::filter_map(last, |_| None::<&()>).unwrap_err();
    assert_eq!(
        *MappedRwLockReadGuard::filter_map(same, |n| Some(n)).unwrap(),
        13
    );
    let whole = RwLockReadGuard::filter_map(lock.read().unwrap(), |_| None::<&()>).unwrap_err();
    assert_eq!(
        *RwLockReadGuard::filter_map(whole, |data| data.1.get(..1)).unwrap(),
        [2]
    );
    assert!(lock.try_write().is_ok());
}

#[test]
fn downgrade_lets_readers_in_and_keeps_writers_out() {
    let lock = RwLock::new(1);
    let mut writer = lock.write().unwrap();
    *writer = 2;
    let reader = RwLockWriteGuard::downgrade(writer);
    assert_eq!((*reader, *lock.try_read().unwrap()), (2, 2));
    assert!(would_block(lock.try_write()));
    drop(reader);
    assert!(lock.try_write().is_ok());
}
