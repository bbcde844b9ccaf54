//! What the locks offer beside guards, and the guards that peers' users asked for.

use anteroom::{
    ArcMutexGuard, ArcRwLockReadGuard, ArcRwLockWriteGuard, ArcSendRwLockReadGuard,
    MappedArcMutexGuard, MappedArcRwLockReadGuard, MappedArcRwLockWriteGuard,
    MappedRwLockReadGuard, MappedRwLockUpgradableReadGuard, Mutex, MutexGuard, RwLock,
    RwLockReadGuard, RwLockUpgradableReadGuard, RwLockWriteGuard, SendRwLock,
};
use common::must_end;
use common::open::{OpenTo, open};
use static_assertions::{assert_impl_all, assert_not_impl_any};
use std::cell::Cell;
use std::panic::{RefUnwindSafe, UnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

#[test]
fn values_are_read_set_and_replaced_in_one_call() {
    macro_rules! check {
        ($lock:expr) => {{
            let mut lock = $lock;
            assert_eq!(lock.get_cloned(), "one");
            lock.set(String::from("two"));
            assert_eq!(lock.replace(String::from("three")), "two");
            assert_eq!(lock.with(|text| text.len()), 5);
            assert_eq!(lock.with_mut(|text| text.pop()), Some('e'));
            assert_eq!(lock.get_mut(), "thre");
        }};
    }
    check!(Mutex::new(String::from("one")));
    check!(RwLock::new(String::from("one")));
    check!(SendRwLock::new(String::from("one")));
    let slice: &Mutex<[u8]> = &Mutex::new([1, 2]);
    slice.with_mut(|slice| slice[0] = 3);
    assert_eq!(slice.with(|slice| slice.to_vec()), [3, 2]);
}

#[test]
fn with_reads_beside_readers_and_with_mut_alone() {
    must_end(|| {
        let lock = RwLock::new(1);
        let reader = lock.read();
        assert_eq!(lock.with(|_| open(&lock)), OpenTo::AllButWriters);
        drop(reader);
        assert_eq!(lock.with_mut(|_| open(&lock)), OpenTo::None);
        let mutex = Mutex::new(1);
        assert!(mutex.with(|_| mutex.is_locked()));
        assert!(mutex.with_mut(|_| mutex.is_locked()));
        assert!(!mutex.is_locked());
    });
}

/// A destructor may lock the lock from which its value was set away.
#[test]
fn set_drops_the_old_value_after_the_lock_is_released() {
    struct Looks(Rc<Mutex<Option<Looks>>>, Rc<Cell<u32>>);
    impl Drop for Looks {
        fn drop(&mut self) {
            assert!(!self.0.is_locked());
            self.1.set(self.1.get() + 1);
        }
    }
    let (mutex, drops) = (Rc::new(Mutex::new(None)), Rc::new(Cell::new(0)));
    mutex.set(Some(Looks(mutex.clone(), drops.clone())));
    mutex.set(None);
    assert_eq!(drops.get(), 1);
}

#[test]
fn a_written_sendable_lock_prints_that_it_is_locked() {
    let lock = SendRwLock::new(5);
    assert_eq!(format!("{lock:?}"), "SendRwLock { data: 5 }");
    let _guard = lock.write();
    assert_eq!(format!("{lock:?}"), "SendRwLock { data: <locked> }");
}

assert_impl_all!(Mutex<Cell<u8>>: UnwindSafe, RefUnwindSafe);
assert_impl_all!(RwLock<Cell<u8>>: UnwindSafe, RefUnwindSafe);
assert_impl_all!(SendRwLock<Cell<u8>>: UnwindSafe, RefUnwindSafe);

#[test]
fn a_closure_that_may_panic_borrows_locks() {
    let (mutex, lock) = (Mutex::new(1), RwLock::new(1));
    let result = catch_unwind(|| {
        let _guards = (mutex.lock(), lock.write());
        resume_unwind(Box::new(()))
    });
    let _: Box<dyn std::any::Any + Send> = result.map(|never: ()| never).unwrap_err();
    assert!(!mutex.is_locked() && !lock.is_locked());
}

#[test]
fn map_takes_the_types_of_part_and_closure() {
    let mutex = Mutex::new((1, 2));
    drop(MutexGuard::map::<i32, _>(mutex.lock(), |pair| &mut pair.0));
    drop(MutexGuard::try_map::<i32, _>(mutex.lock(), |pair| Some(&mut pair.0)).unwrap());
    let lock = RwLock::new((1, 2));
    drop(RwLockReadGuard::map::<i32, _>(lock.read(), |pair| &pair.0));
    drop(RwLockReadGuard::try_map::<i32, _>(lock.read(), |pair| Some(&pair.0)).unwrap());
    assert_eq!(open(&lock), OpenTo::All);
}

#[test]
fn try_map_or_err_gives_the_part_or_the_guard_and_the_error() {
    must_end(|| {
        let mutex = Mutex::new((1, 2));
        let refused = MutexGuard::try_map_or_err(mutex.lock(), |_| Err::<&mut i32, _>("no"));
        let (guard, error) = refused.unwrap_err();
        assert!(error == "no" && mutex.is_locked());
        let part = MutexGuard::try_map_or_err(guard, |pair| Ok::<_, ()>(&mut pair.1));
        *part.map_err(drop).unwrap() += 1;
        assert_eq!(mutex.into_inner(), (1, 3));

        let lock = RwLock::new((1, 2));
        let refused = RwLockReadGuard::try_map_or_err(lock.read(), |_| Err::<&i32, _>("no"));
        let (guard, error) = refused.unwrap_err();
        assert_eq!((error, open(&lock)), ("no", OpenTo::AllButWriters));
        let part = RwLockReadGuard::try_map_or_err(guard, |pair| Ok::<_, ()>(&pair.1));
        assert_eq!(*part.map_err(drop).unwrap(), 2);
        assert_eq!(open(&lock), OpenTo::All);
    });
}

#[test]
fn a_mapped_guard_keeps_its_arc_and_its_lock() {
    must_end(|| {
        let mutex = Arc::new(Mutex::new((1, [2, 3])));
        let pair: MappedArcMutexGuard<_, [i32; 2]> =
            ArcMutexGuard::map(mutex.lock_arc(), |data| &mut data.1);
        let mut last = MappedArcMutexGuard::map(pair, |pair| &mut pair[1]);
        let weak = Arc::downgrade(&mutex);
        drop(mutex);
        *last += 1;
        assert_eq!(*last, 4);
        assert!(weak.upgrade().unwrap().is_locked());
        drop(last);
        assert!(weak.upgrade().is_none());

        let lock = Arc::new(RwLock::new((1, [2, 3])));
        let part: MappedArcRwLockReadGuard<_, i32> =
            ArcRwLockReadGuard::map(lock.read_arc(), |data| &data.1[0]);
        assert_eq!((*part, open(&lock)), (2, OpenTo::AllButWriters));
        drop(part);
        let mut part: MappedArcRwLockWriteGuard<_, i32> =
            ArcRwLockWriteGuard::map(lock.write_arc(), |data| &mut data.0);
        *part += 1;
        assert_eq!(open(&lock), OpenTo::None);
        drop(part);
        assert_eq!(Arc::into_inner(lock).unwrap().into_inner(), (2, [2, 3]));
    });
}

#[test]
fn a_mapped_upgradable_guard_lets_readers_in() {
    must_end(|| {
        let lock = RwLock::new((1, 2));
        let part: MappedRwLockUpgradableReadGuard<'_, i32> =
            RwLockUpgradableReadGuard::map(lock.upgradable_read(), |pair| &pair.1);
        assert_eq!((*part, open(&lock)), (2, OpenTo::Readers));
        drop(part);
        assert_eq!(open(&lock), OpenTo::All);
    });
}

#[test]
fn a_mapped_guard_of_a_sendable_lock_is_released_on_another_thread() {
    must_end(|| {
        let lock = Arc::new(SendRwLock::new((1, 2)));
        let part = ArcSendRwLockReadGuard::map(lock.read_arc(), |pair| &pair.1);
        thread::spawn(move || assert_eq!(*part, 2)).join().unwrap();
        assert!(!lock.is_locked());
    });
}

/// Compiles, because a guard of a part that only reads is covariant. (That of the whole is not: it
/// gives its lock, into which a writer could put what does not live long enough.)
#[test]
fn a_mapped_read_guard_of_longer_lived_data_is_one_of_shorter_lived_data() {
    fn shorter<'a, 'b>(
        guard: MappedRwLockReadGuard<'a, &'static str>,
        _: &'b str,
    ) -> MappedRwLockReadGuard<'a, &'b str> {
        guard
    }
    let (lock, local) = (RwLock::new("text"), String::new());
    let part = RwLockReadGuard::map(lock.read(), |text| text);
    assert_eq!(*shorter(part, &local), "text");
}

#[test]
fn upgrading_for_a_while_is_a_method() {
    let lock = RwLock::new(1);
    let mut guard = lock.upgradable_read();
    guard.with_upgraded(|n| *n += 1);
    assert_eq!(guard.try_with_upgraded(|n| *n), Some(2));
    drop(guard);
    RwLockWriteGuard::unlock_fair(lock.write());
}

assert_not_impl_any!(MappedArcMutexGuard<u8, u8>: Send);
assert_impl_all!(MappedArcMutexGuard<u8, u8>: Sync);
assert_not_impl_any!(MappedRwLockUpgradableReadGuard<'static, u8>: Send);
