//! Each public name of parking_lot, used once; in both versions where both have it.

use std::cell::RefCell;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

const MS: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(600);

/// Panics, without a message on the terminal.
fn quiet_panic() -> ! {
    std::panic::resume_unwind(Box::new("on purpose"))
}

/// Runs `f` on another thread, and returns whether it panicked.
fn panics(f: impl FnOnce() + Send) -> bool {
    thread::scope(|s| s.spawn(f).join().is_err())
}

/// What both versions have.
macro_rules! checks {
    ($($version:tt)+) => {
        use super::*;
        use $($version)+::*;

        #[cfg(feature = "send_guard")]
        #[test]
        fn guards_are_sent_with_the_feature() {
            fn is_send<T: Send>() {}
            is_send::<MutexGuard<'static, ()>>();
            is_send::<MappedMutexGuard<'static, ()>>();
            is_send::<FairMutexGuard<'static, ()>>();
            is_send::<RwLockReadGuard<'static, ()>>();
            is_send::<RwLockWriteGuard<'static, ()>>();
            is_send::<RwLockUpgradableReadGuard<'static, ()>>();
            is_send::<MappedRwLockReadGuard<'static, ()>>();
            let lock = RwLock::new(1);
            thread::scope(|s| {
                let seen = lock.read();
                s.spawn(move || drop(seen));
            });
            assert!(!lock.is_locked());
        }

        #[cfg(not(feature = "send_guard"))]
        const _: () = {
            static_assertions::assert_not_impl_any!(MutexGuard<'static, ()>: Send);
            static_assertions::assert_not_impl_any!(FairMutexGuard<'static, ()>: Send);
            static_assertions::assert_not_impl_any!(RwLockReadGuard<'static, ()>: Send);
            static_assertions::assert_not_impl_any!(RwLockWriteGuard<'static, ()>: Send);
        };

        #[test]
        fn mutexes_count() {
            static COUNT: Mutex<u32> = Mutex::new(0);
            static FAIR: FairMutex<u32> = FairMutex::new(0);
            thread::scope(|s| {
                for _ in 0..4 {
                    s.spawn(|| {
                        for _ in 0..500 {
                            *COUNT.lock() += 1;
                            *FAIR.lock() += 1;
                        }
                    });
                }
            });
            assert_eq!((*COUNT.lock(), *FAIR.lock()), (2000, 2000));
            let held = COUNT.lock();
            assert!(COUNT.is_locked() && COUNT.try_lock().is_none());
            assert!(COUNT.try_lock_for(MS).is_none());
            assert!(COUNT.try_lock_until(Instant::now()).is_none());
            MutexGuard::unlock_fair(held);
            assert!(COUNT.try_lock_for(LONG).is_some());
        }

        #[test]
        fn guards_are_mapped() {
            let pair = Mutex::new((1, 2));
            let first: MappedMutexGuard<'_, i32> = MutexGuard::map(pair.lock(), |p| &mut p.0);
            assert_eq!(*first, 1);
            drop(first);
            let pair = FairMutex::new((1, 2));
            let mut second: MappedFairMutexGuard<'_, i32> =
                FairMutexGuard::map(pair.lock(), |p| &mut p.1);
            *second += 1;
            drop(second);
            assert_eq!(pair.into_inner(), (1, 3));
            let lock = RwLock::new((1, 2));
            let first: MappedRwLockReadGuard<'_, i32> =
                RwLockReadGuard::map(lock.read(), |p| &p.0);
            assert!(lock.try_read().is_some() && lock.try_write().is_none());
            drop(first);
            let mut second: MappedRwLockWriteGuard<'_, i32> =
                RwLockWriteGuard::map(lock.write(), |p| &mut p.1);
            *second += 1;
            drop(second);
            assert_eq!(*lock.read(), (1, 3));
        }

        #[test]
        fn reentrant_mutex_is_its_threads() {
            let mutex = ReentrantMutex::new(RefCell::new((0, 1)));
            let outer: ReentrantMutexGuard<'_, _> = mutex.lock();
            let inner = mutex.lock();
            inner.borrow_mut().0 += 1;
            let mapped: MappedReentrantMutexGuard<'_, _> =
                ReentrantMutexGuard::map(inner, |data| data);
            assert_eq!(mapped.borrow().0, 1);
            thread::scope(|s| {
                s.spawn(|| assert!(mutex.try_lock().is_none()));
            });
            drop((mapped, outer));
            thread::scope(|s| {
                s.spawn(|| assert!(mutex.try_lock().is_some()));
            });
        }

        #[test]
        fn lock_is_upgraded_and_downgraded() {
            let lock = RwLock::new(0);
            let seen: RwLockUpgradableReadGuard<'_, _> = lock.upgradable_read();
            let reader = lock.read();
            let seen = RwLockUpgradableReadGuard::try_upgrade_for(seen, MS)
                .err()
                .expect("it is read");
            drop(reader);
            let mut data = RwLockUpgradableReadGuard::upgrade(seen);
            *data += 1;
            let seen = RwLockWriteGuard::downgrade(data);
            assert!(lock.try_read().is_some() && lock.try_write().is_none());
            drop(seen);
            let mut seen = lock.upgradable_read();
            RwLockUpgradableReadGuard::with_upgraded(&mut seen, |data| *data += 1);
            assert_eq!(*seen, 2);
            assert!(lock.try_write_for(MS).is_none());
        }

        #[test]
        fn condvar_wakes_one_and_all() {
            let pair = (Mutex::new(0), Condvar::new());
            let (arrived, changed) = &pair;
            assert_eq!(format!("{changed:?}"), "Condvar { .. }");
            assert!(!changed.notify_one());
            assert_eq!(changed.notify_all(), 0);
            let woken = AtomicUsize::new(0);
            thread::scope(|s| {
                for _ in 0..3 {
                    s.spawn(|| {
                        let mut data = arrived.lock();
                        *data += 1;
                        changed.wait(&mut data);
                        woken.fetch_add(1, SeqCst);
                    });
                }
                while *arrived.lock() < 3 {
                    thread::yield_now();
                }
                assert!(changed.notify_one());
                assert_eq!(changed.notify_all(), 2);
            });
            assert_eq!(woken.into_inner(), 3);
            let mut data = arrived.lock();
            assert!(changed.wait_for(&mut data, MS).timed_out());
            assert!(changed.wait_until(&mut data, Instant::now() + MS).timed_out());
            assert!(changed.wait_while_for(&mut data, |_| true, MS).timed_out());
            let now = Instant::now();
            let result: WaitTimeoutResult =
                changed.wait_while_until(&mut data, |data| *data < 3, now);
            assert!(!result.timed_out());
            changed.wait_while(&mut data, |data| *data < 3);
            assert!(!changed.wait_while_for(&mut data, |_| false, Duration::MAX).timed_out());
        }

        #[test]
        fn condvar_refuses_a_second_mutex() {
            let (one, other, changed) = (Mutex::new(false), Mutex::new(()), Condvar::new());
            thread::scope(|s| {
                let mut held = one.lock();
                s.spawn(|| {
                    while !*one.lock() {
                        thread::yield_now();
                    }
                    assert!(panics(|| changed.wait(&mut other.lock())));
                    assert!(!other.is_locked());
                    changed.notify_all();
                });
                *held = true;
                changed.wait(&mut held);
            });
        }

        #[test]
        fn once_runs_one_closure() {
            static ONCE: Once = Once::new();
            static RUNS: AtomicUsize = AtomicUsize::new(0);
            assert_eq!(ONCE.state(), OnceState::New);
            assert_eq!(format!("{ONCE:?}"), "Once { state: New }");
            thread::scope(|s| {
                for _ in 0..8 {
                    s.spawn(|| {
                        ONCE.call_once(|| {
                            assert_eq!(ONCE.state(), OnceState::InProgress);
                            RUNS.fetch_add(1, SeqCst);
                        });
                        assert_eq!(RUNS.load(SeqCst), 1);
                    });
                }
                s.spawn(|| ONCE.wait());
                s.spawn(|| ONCE.wait_force());
            });
            assert!(ONCE.state().done() && ONCE.is_completed());
            ONCE.call_once_force(|_| unreachable!());
            Once::new_completed().call_once(|| unreachable!());
        }

        #[test]
        fn once_is_poisoned_until_one_ignores_it() {
            let once = Once::default();
            static_assertions::assert_impl_all!(Once: UnwindSafe, RefUnwindSafe);
            assert!(panics(|| once.call_once(|| quiet_panic())));
            assert!(once.state().poisoned());
            assert!(panics(|| once.call_once(|| ())));
            assert!(panics(|| once.wait()));
            thread::scope(|s| {
                s.spawn(|| once.wait_force());
                assert!(panics(|| once.call_once_force(|_| quiet_panic())));
                once.call_once_force(|state| assert!(state.is_poisoned()));
            });
            once.call_once(|| unreachable!());
            once.wait();
        }

        #[cfg(feature = "arc_lock")]
        #[test]
        fn guards_keep_an_arc() {
            let mutex = Arc::new(Mutex::new(1));
            let guard: ArcMutexGuard<RawMutex, i32> = mutex.lock_arc();
            assert_eq!((*guard, Arc::strong_count(&mutex)), (1, 2));
            drop(guard);
            let lock = Arc::new(RwLock::new(1));
            let seen: ArcRwLockUpgradableReadGuard<RawRwLock, i32> = lock.upgradable_read_arc();
            let data: ArcRwLockWriteGuard<RawRwLock, i32> =
                ArcRwLockUpgradableReadGuard::upgrade(seen);
            let seen: ArcRwLockReadGuard<RawRwLock, i32> = ArcRwLockWriteGuard::downgrade(data);
            assert_eq!(*seen, 1);
            let mutex = Arc::new(ReentrantMutex::new(1));
            let guard: ArcReentrantMutexGuard<RawMutex, RawThreadId, i32> = mutex.lock_arc();
            assert_eq!(*guard, 1);
        }

        #[cfg(feature = "serde")]
        #[test]
        fn locks_are_serialized_as_their_data() {
            use serde_test::{Token, assert_ser_tokens};
            assert_ser_tokens(&Mutex::new(1_u8), &[Token::U8(1)]);
            assert_ser_tokens(&FairMutex::new(1_u8), &[Token::U8(1)]);
            assert_ser_tokens(&ReentrantMutex::new(1_u8), &[Token::U8(1)]);
            assert_ser_tokens(&RwLock::new(1_u8), &[Token::U8(1)]);
        }

        #[test]
        fn locks_print_their_data() {
            assert_eq!(format!("{:?}", Mutex::new(1)), "Mutex { data: 1 }");
            assert_eq!(format!("{:?}", RwLock::new(1)), "RwLock { data: 1 }");
            let mutex = Arc::new(Mutex::new(1));
            let _held = mutex.lock();
            assert_eq!(format!("{mutex:?}"), "Mutex { data: <locked> }");
        }
    };
}

#[cfg(feature = "v0_12")]
mod v0_12 {
    checks! { anteroom_parking_lot::v0_12 }

    #[test]
    fn locks_are_made_in_constants() {
        static MUTEX: Mutex<u8> = const_mutex(1);
        static FAIR: FairMutex<u8> = const_fair_mutex(2);
        static REENTRANT: ReentrantMutex<u8> = const_reentrant_mutex(3);
        static LOCK: RwLock<u8> = const_rwlock(4);
        assert_eq!(
            (*MUTEX.lock(), *FAIR.lock(), *REENTRANT.lock(), *LOCK.read()),
            (1, 2, 3, 4)
        );
        assert_eq!(*LOCK.read_recursive(), 4);
    }

    /// As there: 0.13 looks once more.
    #[test]
    fn condition_is_not_looked_at_after_the_time_is_up() {
        let (mutex, changed) = (Mutex::new(0), Condvar::new());
        let mut looks = mutex.lock();
        let condition = |looks: &mut i32| {
            *looks += 1;
            true
        };
        let now = Instant::now();
        assert!(
            changed
                .wait_while_until(&mut looks, condition, now)
                .timed_out()
        );
        assert_eq!(*looks, 1);
    }
}

#[cfg(feature = "v0_13")]
mod v0_13 {
    checks! { anteroom_parking_lot::v0_13 }

    #[test]
    fn condition_is_looked_at_after_the_time_is_up() {
        let (mutex, changed) = (Mutex::new(0), Condvar::new());
        let mut looks = mutex.lock();
        let condition = |looks: &mut i32| {
            *looks += 1;
            *looks < 2
        };
        let now = Instant::now();
        assert!(
            !changed
                .wait_while_until(&mut looks, condition, now)
                .timed_out()
        );
        assert_eq!(*looks, 2);
    }

    /// Also while a writer waits, and also again after the read was released for a while.
    #[test]
    fn recursive_lock_is_read_again_beside_a_waiting_writer() {
        let lock = RecursiveRwLock::new((1, 2));
        let outer: RecursiveRwLockReadGuard<'_, _> = lock.read();
        thread::scope(|s| {
            let writer = s.spawn(|| lock.write().0 += 1);
            // It keeps other readers out when it has waited for a while.
            for _ in 0..1000 {
                let mut inner = lock.read();
                RecursiveRwLockReadGuard::bump(&mut inner);
                RecursiveRwLockReadGuard::unlocked(&mut inner, thread::yield_now);
                assert!(lock.try_read_for(LONG).is_some());
                let mapped: MappedRecursiveRwLockReadGuard<'_, _> =
                    RecursiveRwLockReadGuard::map(inner, |pair| &pair.1);
                assert_eq!(*mapped, 2);
            }
            drop(outer);
            writer.join().unwrap();
        });
        let seen: RecursiveRwLockUpgradableReadGuard<'_, _> = lock.upgradable_read();
        let data: RecursiveRwLockWriteGuard<'_, _> =
            RecursiveRwLockUpgradableReadGuard::upgrade(seen);
        let second: MappedRecursiveRwLockWriteGuard<'_, _> =
            RecursiveRwLockWriteGuard::map(data, |pair| &mut pair.0);
        assert_eq!(*second, 2);
    }

    #[test]
    fn raw_locks_have_a_const_parameter() {
        use lock_api::RawRwLock as _;
        static RAW: RawRwLockRecursive = RawRwLockRecursive::INIT;
        let state = RAW.lock_exclusive();
        assert!(RAW.is_locked_exclusive());
        // SAFETY: just acquired.
        unsafe { RAW.unlock_exclusive(state) };
        static CHANGED: RawCondvar = <RawCondvar as lock_api::RawCondvar>::INIT;
        assert!(!lock_api::RawCondvar::notify_one(&CHANGED));
    }
}
