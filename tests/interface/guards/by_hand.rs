//! A guard gives its lock, and a lock gives a guard for what is held by other means.

use super::*;
use std::mem;

/// Forgets the guard, makes one again by hand, and releases what a forgotten guard holds.
macro_rules! check_by_hand {
    (
        $lock:ident, $acquire:ident, $acquire_arc:ident, $make:ident, $make_arc:ident;
        $unlock:ident, $unlock_fair:ident, held: $held:expr
    ) => {{
        mem::forget($lock.$acquire());
        assert_eq!(open(&*$lock), $held);
        // SAFETY: the guard was forgotten.
        drop(unsafe { $lock.$make() });
        assert_eq!(open(&*$lock), OpenTo::All);

        mem::forget($lock.$acquire());
        // SAFETY: see above.
        let guard = unsafe { $lock.$make_arc() };
        assert_eq!(Arc::strong_count(&$lock), 2);
        drop(guard);
        assert_eq!(open(&*$lock), OpenTo::All);

        for unlock in [RwLock::$unlock, RwLock::$unlock_fair] {
            mem::forget($lock.$acquire());
            // SAFETY: see above.
            unsafe { unlock(&$lock) };
            assert_eq!(open(&*$lock), OpenTo::All);
        }
        let guard = $lock.$acquire_arc();
        assert_eq!(open(&*$lock), $held);
        let kept = Guard::into_arc(guard);
        assert!(Arc::ptr_eq(&kept, &$lock));
        assert_eq!(open(&*$lock), OpenTo::All);
    }};
}

#[test]
fn a_lock_gives_a_guard_for_each_mode_that_is_held() {
    must_end(|| {
        let lock = Arc::new(RwLock::new(0));
        check_by_hand!(
            lock, read, read_arc, make_read_guard_unchecked, make_arc_read_guard_unchecked;
            force_unlock_read, force_unlock_read_fair, held: OpenTo::AllButWriters
        );
        check_by_hand!(
            lock, write, write_arc, make_write_guard_unchecked, make_arc_write_guard_unchecked;
            force_unlock_write, force_unlock_write_fair, held: OpenTo::None
        );
        check_by_hand!(
            lock, upgradable_read, upgradable_read_arc,
            make_upgradable_guard_unchecked, make_arc_upgradable_guard_unchecked;
            force_unlock_upgradable_read, force_unlock_upgradable_read_fair,
            held: OpenTo::Readers
        );
    });
}

#[test]
fn a_mutex_gives_a_guard_if_it_is_locked() {
    must_end(|| {
        let mutex = Arc::new(Mutex::new(1));
        mem::forget(mutex.lock());
        // SAFETY: the guard was forgotten.
        let mut guard = unsafe { mutex.make_guard_unchecked() };
        *guard += 1;
        drop(guard);
        mem::forget(mutex.lock());
        // SAFETY: see above.
        let guard = unsafe { mutex.make_arc_guard_unchecked() };
        assert!(mutex.is_locked());
        assert_eq!(*guard, 2);
        let kept = ArcMutexGuard::into_arc(guard);
        assert!(!kept.is_locked());
        assert!(Arc::ptr_eq(&kept, &mutex));
    });
}

#[test]
fn a_guard_gives_its_lock_for_as_long_as_that_is_borrowed() {
    must_end(|| {
        let mutex = Arc::new(Mutex::new(1));
        let found: &Mutex<i32> = MutexGuard::mutex(&mutex.lock());
        assert!(std::ptr::eq(found, &*mutex));
        let guard = mutex.lock_arc();
        assert!(Arc::ptr_eq(ArcMutexGuard::mutex(&guard), &mutex));

        let lock = Arc::new(RwLock::new(1));
        let found: &RwLock<i32> = RwLockReadGuard::rwlock(&lock.read());
        assert!(std::ptr::eq(found, &*lock));
        let found = RwLockWriteGuard::rwlock(&lock.write());
        assert!(std::ptr::eq(found, &*lock));
        let found = RwLockUpgradableReadGuard::rwlock(&lock.upgradable_read());
        assert!(std::ptr::eq(found, &*lock));
        assert_eq!(open(&*lock), OpenTo::All);
        let guard = lock.write_arc();
        assert!(Arc::ptr_eq(ArcRwLockWriteGuard::rwlock(&guard), &lock));
        let guard = ArcRwLockWriteGuard::downgrade(guard);
        assert!(Arc::ptr_eq(ArcRwLockReadGuard::rwlock(&guard), &lock));
    });
}
