//! Guards that are sent to other threads, and raw locks that another thread releases.

use anteroom::{
    ArcSendRwLockReadGuard, MappedSendRwLockReadGuard, MappedSendRwLockWriteGuard, RawCondvar,
    RawMutex, RawRwLock, RawSendRwLock, SendRwLock, SendRwLockReadGuard,
    SendRwLockUpgradableReadGuard, SendRwLockWriteGuard,
};
use common::{asleep, must_end};
use static_assertions::{assert_impl_all, assert_not_impl_any};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

assert_impl_all!(SendRwLock<u8>: Send, Sync, Unpin, Default, From<u8>, std::fmt::Debug);
assert_not_impl_any!(SendRwLock<Cell<u8>>: Sync);
assert_not_impl_any!(SendRwLock<Rc<u8>>: Send, Sync);
assert_impl_all!(SendRwLockReadGuard<'static, u8>: Send, Sync);
assert_impl_all!(SendRwLockWriteGuard<'static, u8>: Send, Sync);
assert_impl_all!(SendRwLockUpgradableReadGuard<'static, u8>: Send, Sync);
assert_impl_all!(MappedSendRwLockReadGuard<'static, u8>: Send, Sync);
assert_impl_all!(MappedSendRwLockWriteGuard<'static, u8>: Send, Sync);
assert_impl_all!(ArcSendRwLockReadGuard<u8>: Send, Sync);
assert_not_impl_any!(SendRwLockReadGuard<'static, Cell<u8>>: Send, Sync);
assert_not_impl_any!(MappedSendRwLockReadGuard<'static, Cell<u8>>: Send, Sync);
assert_not_impl_any!(ArcSendRwLockReadGuard<Rc<u8>>: Send, Sync);
assert_impl_all!(RawSendRwLock: Send, Sync, Default);
assert_impl_all!(RawCondvar: Send, Sync, Default);

const LONG: Duration = Duration::from_secs(600);

/// So many reads would make an `RwLock` biased, so that another thread could not release them.
const READS: usize = 10_000;

#[test]
fn reads_are_released_by_other_threads() {
    must_end(|| {
        let lock = Arc::new(SendRwLock::new(0));
        for _ in 0..READS {
            drop(lock.read());
        }
        let kept: Vec<_> = (0..100).map(|_| lock.read_arc()).collect();
        assert!(lock.try_write().is_none());
        thread::spawn(move || kept.into_iter().for_each(drop))
            .join()
            .unwrap();
        assert!(!lock.is_locked());
        *lock.write() += 1;
        assert_eq!(*lock.read(), 1);
    });
}

#[test]
fn reader_on_another_thread_lets_the_waiting_writer_in() {
    must_end(|| {
        let lock = SendRwLock::new(0);
        thread::scope(|s| {
            let seen = lock.read();
            let writer = asleep(s, || *lock.write() += 1);
            s.spawn(move || assert_eq!(*seen, 0));
            writer.join().unwrap();
        });
        assert_eq!(lock.into_inner(), 1);
    });
}

#[test]
fn each_mode_is_sent_mapped_upgraded_and_downgraded_elsewhere() {
    must_end(|| {
        let mut lock = SendRwLock::new((1, 2));
        thread::scope(|s| {
            let data = lock.write();
            let second = SendRwLockWriteGuard::map(data, |pair| &mut pair.1);
            s.spawn(move || {
                let mut second = second;
                *second = 3;
            });
        });
        thread::scope(|s| {
            let seen = lock.upgradable_read();
            s.spawn(move || {
                let mut data = SendRwLockUpgradableReadGuard::upgrade(seen);
                data.0 += 1;
                let seen = SendRwLockWriteGuard::downgrade(data);
                let first = SendRwLockReadGuard::map(seen, |pair| &pair.0);
                s.spawn(move || assert_eq!(*first, 2));
            });
        });
        assert!(!lock.is_locked() && !lock.is_locked_exclusive());
        assert_eq!(format!("{lock:?}"), "SendRwLock { data: (2, 3) }");
        assert_eq!(*lock.get_mut(), (2, 3));
    });
}

#[test]
fn raw_mutex_is_unlocked_by_another_thread() {
    must_end(|| {
        let mutex = RawMutex::new();
        mutex.lock();
        assert!(mutex.is_locked() && !mutex.try_lock());
        assert!(!mutex.try_lock_for(Duration::from_millis(1)));
        assert!(!mutex.try_lock_until(Instant::now()));
        thread::scope(|s| {
            let waiter = asleep(s, || mutex.try_lock_for(LONG));
            // SAFETY: this thread has left it to that one.
            s.spawn(|| unsafe { mutex.unlock_fair() });
            assert!(waiter.join().unwrap());
        });
        // SAFETY: the waiter has ended, and left it to this thread.
        unsafe { mutex.bump() };
        // SAFETY: see above.
        unsafe { mutex.unlock() };
        assert!(!mutex.is_locked());
    });
}

#[test]
fn raw_condvar_wakes_what_waits_with_a_raw_mutex() {
    must_end(|| {
        let (mutex, changed) = (RawMutex::new(), RawCondvar::new());
        assert!(!changed.notify_one());
        mutex.lock();
        // SAFETY: it is locked, here and below.
        assert!(unsafe { changed.wait_for(&mutex, Duration::from_millis(1)) });
        // SAFETY: see above.
        assert!(unsafe { changed.wait_until(&mutex, Instant::now()) });
        thread::scope(|s| {
            let other = s.spawn(|| {
                mutex.lock();
                let number = changed.notify_all();
                // SAFETY: see above.
                unsafe { mutex.unlock() };
                number
            });
            // SAFETY: see above.
            unsafe { changed.wait(&mutex) };
            assert_eq!(other.join().unwrap(), 1);
        });
        assert!(mutex.is_locked());
    });
}

/// What both raw reader-writer locks do.
macro_rules! raw_modes {
    ($module:ident, $Raw:ident) => {
        mod $module {
            use anteroom::$Raw;
            use std::time::{Duration, Instant};

            /// The modes that a raw lock admits: shared, upgradable, exclusive.
            fn admitted(lock: &$Raw) -> [bool; 3] {
                let shared: [fn(&$Raw) -> bool; 6] = [
                    $Raw::try_lock_shared,
                    $Raw::try_lock_shared_recursive,
                    |lock| lock.try_lock_shared_for(Duration::ZERO),
                    |lock| lock.try_lock_shared_until(Instant::now()),
                    |lock| lock.try_lock_shared_recursive_for(Duration::ZERO),
                    |lock| lock.try_lock_shared_recursive_until(Instant::now()),
                ];
                let upgradable: [fn(&$Raw) -> bool; 3] = [
                    $Raw::try_lock_upgradable,
                    |lock| lock.try_lock_upgradable_for(Duration::ZERO),
                    |lock| lock.try_lock_upgradable_until(Instant::now()),
                ];
                let exclusive: [fn(&$Raw) -> bool; 3] = [
                    $Raw::try_lock_exclusive,
                    |lock| lock.try_lock_exclusive_for(Duration::ZERO),
                    |lock| lock.try_lock_exclusive_until(Instant::now()),
                ];
                let all = |ways: &[fn(&$Raw) -> bool], unlock: unsafe fn(&$Raw)| {
                    let taken = ways.iter().filter(|way| {
                        let taken = way(lock);
                        if taken {
                            // SAFETY: just acquired in this mode.
                            unsafe { unlock(lock) };
                        }
                        taken
                    });
                    let number = taken.count();
                    assert!(number == 0 || number == ways.len(), "they differ");
                    number != 0
                };
                [
                    all(&shared, $Raw::unlock_shared),
                    all(&upgradable, $Raw::unlock_upgradable),
                    all(&exclusive, $Raw::unlock_exclusive),
                ]
            }

            /// Goes through all modes of it.
            pub(super) fn check(lock: &$Raw) {
                const FREE: [bool; 3] = [true; 3];
                const READ: [bool; 3] = [true, true, false];
                const READ_UPGRADABLY: [bool; 3] = [true, false, false];
                const WRITTEN: [bool; 3] = [false; 3];

                assert_eq!(admitted(lock), FREE);
                for acquire in [$Raw::lock_shared, $Raw::lock_shared_recursive] {
                    acquire(lock);
                    assert_eq!(admitted(lock), READ);
                    // SAFETY: this thread reads, here and below.
                    unsafe { lock.bump_shared() };
                    assert_eq!(admitted(lock), READ);
                    // SAFETY: see above.
                    unsafe { lock.unlock_shared_fair() };
                    assert_eq!(admitted(lock), FREE);
                }
                lock.lock_exclusive();
                // SAFETY: this thread writes.
                unsafe { lock.bump_exclusive() };
                assert_eq!(admitted(lock), WRITTEN);
                assert!(lock.is_locked_exclusive());
                // SAFETY: see above.
                unsafe { lock.downgrade() };
                assert_eq!(admitted(lock), READ);
                // SAFETY: it reads.
                unsafe { lock.unlock_shared() };
                lock.lock_exclusive();
                // SAFETY: it writes.
                unsafe { lock.downgrade_to_upgradable() };
                // SAFETY: it reads upgradably, here and below.
                unsafe { lock.bump_upgradable() };
                assert_eq!(admitted(lock), READ_UPGRADABLY);
                let ways: [unsafe fn(&$Raw) -> bool; 3] = [
                    $Raw::try_upgrade,
                    |lock| {
                        // SAFETY: see above.
                        unsafe { lock.try_upgrade_for(Duration::ZERO) }
                    },
                    |lock| {
                        // SAFETY: see above.
                        unsafe { lock.try_upgrade_until(Instant::now()) }
                    },
                ];
                for way in ways {
                    lock.lock_shared();
                    // SAFETY: see above.
                    assert!(!unsafe { way(lock) });
                    // SAFETY: it reads.
                    unsafe { lock.unlock_shared() };
                    // SAFETY: see above.
                    assert!(unsafe { way(lock) });
                    // SAFETY: it writes.
                    unsafe { lock.downgrade_to_upgradable() };
                }
                // SAFETY: see above.
                unsafe { lock.upgrade() };
                assert_eq!(admitted(lock), WRITTEN);
                // SAFETY: it writes.
                unsafe { lock.downgrade_to_upgradable() };
                // SAFETY: it reads upgradably.
                unsafe { lock.downgrade_upgradable() };
                assert_eq!(admitted(lock), READ);
                // SAFETY: it reads.
                unsafe { lock.unlock_shared() };
                lock.lock_upgradable();
                // SAFETY: it reads upgradably.
                unsafe { lock.unlock_upgradable_fair() };
                lock.lock_exclusive();
                // SAFETY: it writes.
                unsafe { lock.unlock_exclusive_fair() };
                assert_eq!(admitted(lock), FREE);
                assert!(!lock.is_locked());
            }
        }
    };
}

raw_modes! { raw, RawRwLock }
raw_modes! { raw_send, RawSendRwLock }

#[test]
fn raw_locks_have_every_mode() {
    must_end(|| {
        raw::check(&RawRwLock::new());
        raw_send::check(&RawSendRwLock::new());
    });
}
