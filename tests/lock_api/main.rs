//! The untyped locks under the types of lock_api, 0.5 and 0.4: every mode, with and without a
//! limit, fairly or not. Each check is written once, and run for both.

use common::must_end;
use static_assertions::{assert_impl_all, assert_not_impl_any};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const MS: Duration = Duration::from_millis(1);

/// The checks that both versions have in common.
macro_rules! checks {
    ($api:ident) => {
        use super::*;
        use anteroom::{RawMutex, RawRwLock, RawSendRwLock, RawThreadId};
        use $api::{
            Mutex, MutexGuard, ReentrantMutex, RwLock, RwLockReadGuard,
            RwLockUpgradableReadGuard, RwLockWriteGuard,
        };

        static IN_A_STATIC: Mutex<RawMutex, u32> = Mutex::new(0);

        assert_not_impl_any!(MutexGuard<'static, RawMutex, u8>: Send);
        assert_not_impl_any!(RwLockReadGuard<'static, RawRwLock, u8>: Send);
        assert_impl_all!(RwLockReadGuard<'static, RawSendRwLock, u8>: Send);
        assert_impl_all!(RwLockWriteGuard<'static, RawSendRwLock, u8>: Send);
        assert_impl_all!(RwLockUpgradableReadGuard<'static, RawSendRwLock, u8>: Send);

        #[test]
        fn mutex_locks_in_each_way() {
            must_end(|| {
                thread::scope(|s| {
                    for _ in 0..4 {
                        s.spawn(|| (0..1000).for_each(|_| *IN_A_STATIC.lock() += 1));
                    }
                });
                let mut data = IN_A_STATIC.try_lock().expect("it is free");
                assert_eq!(*data, 4000);
                assert!(IN_A_STATIC.is_locked());
                assert!(IN_A_STATIC.try_lock_for(MS).is_none());
                assert!(IN_A_STATIC.try_lock_until(Instant::now()).is_none());
                MutexGuard::bump(&mut data);
                let unlocked = || IN_A_STATIC.try_lock_for(MS).is_some();
                assert!(MutexGuard::unlocked(&mut data, unlocked));
                assert!(MutexGuard::unlocked_fair(&mut data, unlocked));
                MutexGuard::unlock_fair(data);
                assert!(!IN_A_STATIC.is_locked());
            });
        }

        #[test]
        fn reentrant_mutex_is_locked_again_by_its_thread_only() {
            must_end(|| {
                let mutex = ReentrantMutex::<RawMutex, RawThreadId, _>::new(1);
                let outer = mutex.lock();
                let inner = mutex.try_lock().expect("it is this thread's");
                let is_locked = || thread::scope(|s| {
                    s.spawn(|| mutex.try_lock().is_none()).join().unwrap()
                });
                assert!(is_locked());
                drop(inner);
                assert!(is_locked());
                drop(outer);
                assert!(!is_locked());
            });
        }

        fn check_each_mode<R>(lock: &RwLock<R, u32>)
        where
            R: $api::RawRwLockUpgradeTimed<Duration = Duration, Instant = Instant>
                + $api::RawRwLockUpgradeFair
                + $api::RawRwLockUpgradeDowngrade,
        {
            let mut seen = lock.read();
            assert!(lock.try_read().is_some());
            assert!(lock.try_read_for(MS).is_some());
            assert!(lock.try_read_until(Instant::now()).is_some());
            assert!(lock.try_write().is_none());
            assert!(lock.try_write_for(MS).is_none());
            assert!(lock.try_write_until(Instant::now()).is_none());
            assert!(lock.is_locked() && !lock.is_locked_exclusive());
            RwLockReadGuard::bump(&mut seen);
            assert!(RwLockReadGuard::unlocked(&mut seen, || lock.try_write().is_some()));
            RwLockReadGuard::unlock_fair(seen);

            let mut data = lock.write();
            *data += 1;
            assert!(lock.is_locked_exclusive());
            assert!(lock.try_read().is_none() && lock.try_upgradable_read().is_none());
            RwLockWriteGuard::bump(&mut data);
            let seen = RwLockWriteGuard::downgrade(data);
            assert!(lock.try_read().is_some() && lock.try_write().is_none());
            drop(seen);
            RwLockWriteGuard::unlock_fair(lock.write());

            let mut seen = lock.upgradable_read();
            assert!(lock.try_read().is_some());
            assert!(lock.try_upgradable_read().is_none());
            assert!(lock.try_upgradable_read_for(MS).is_none());
            assert!(lock.try_upgradable_read_until(Instant::now()).is_none());
            RwLockUpgradableReadGuard::bump(&mut seen);
            let reader = lock.read();
            let seen = RwLockUpgradableReadGuard::try_upgrade(seen).err().expect("it is read");
            let seen = RwLockUpgradableReadGuard::try_upgrade_for(seen, MS).err().unwrap();
            let now = Instant::now();
            let seen = RwLockUpgradableReadGuard::try_upgrade_until(seen, now).err().unwrap();
            drop(reader);
            let data = RwLockUpgradableReadGuard::try_upgrade(seen).ok().expect("it is free");
            let seen = RwLockWriteGuard::downgrade_to_upgradable(data);
            let mut data = RwLockUpgradableReadGuard::upgrade(seen);
            *data += 1;
            let seen = RwLockWriteGuard::downgrade_to_upgradable(data);
            let seen = RwLockUpgradableReadGuard::downgrade(seen);
            assert!(lock.try_upgradable_read().is_some());
            assert_eq!(*seen, 2);
            drop(seen);
            RwLockUpgradableReadGuard::unlock_fair(lock.upgradable_read());
            assert!(!lock.is_locked());
        }

        #[test]
        fn reader_writer_locks_have_each_mode() {
            must_end(|| {
                check_each_mode(&RwLock::<RawRwLock, _>::new(0));
                check_each_mode(&RwLock::<RawSendRwLock, _>::new(0));
            });
        }

        #[test]
        fn read_is_released_by_another_thread() {
            must_end(|| {
                let lock = RwLock::<RawSendRwLock, _>::new(0);
                thread::scope(|s| {
                    let seen = lock.read();
                    s.spawn(move || drop(seen));
                    *lock.write() += 1;
                });
                assert_eq!(lock.into_inner(), 1);
            });
        }
    };
}

mod v5 {
    checks! { lock_api }

    #[test]
    fn condvar_wakes_and_times_out() {
        type Condvar = lock_api::Condvar<anteroom::RawCondvar>;
        must_end(|| {
            let pair = Arc::new((Mutex::<RawMutex, _>::new(false), Condvar::new()));
            let (ready, changed) = &*pair;
            assert!(!changed.notify_one());
            assert_eq!(changed.notify_all(), 0);
            let mut data = ready.lock();
            assert!(changed.wait_for(&mut data, MS).timed_out());
            assert!(changed.wait_until(&mut data, Instant::now()).timed_out());
            let other = thread::spawn({
                let pair = pair.clone();
                move || {
                    *pair.0.lock() = true;
                    pair.1.notify_one()
                }
            });
            changed.wait_while(&mut data, |ready| !*ready);
            assert!(other.join().unwrap());
            assert!(
                !changed
                    .wait_while_for(&mut data, |ready| !*ready, MS)
                    .timed_out()
            );
        });
    }
}

mod v4 {
    checks! { lock_api_04 }

    #[test]
    fn recursive_reader_passes_a_waiting_writer() {
        must_end(|| {
            let lock = RwLock::<RawRwLock, _>::new(0);
            thread::scope(|s| {
                let outer = lock.read();
                let writer = common::asleep(s, || *lock.write() += 1);
                let later = Instant::now() + Duration::from_secs(600);
                drop(lock.read_recursive());
                drop(lock.try_read_recursive().expect("it passes"));
                drop(lock.try_read_recursive_for(MS * 60_000).expect("it passes"));
                drop(lock.try_read_recursive_until(later).expect("it passes"));
                drop(outer);
                writer.join().unwrap();
            });
            assert_eq!(lock.into_inner(), 1);
        });
    }
}
