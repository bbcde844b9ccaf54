//! `RwLock` on real threads: how one way of holding it becomes another.

use anteroom::{
    ArcRwLockUpgradableReadGuard, ArcRwLockWriteGuard, RwLock, RwLockUpgradableReadGuard,
    RwLockWriteGuard,
};
use common::must_end;
use common::open::{OpenTo, open};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longer than any test runs.
const LONG: Duration = Duration::from_secs(600);

fn an_hour_ago() -> Instant {
    Instant::now()
        .checked_sub(Duration::from_secs(3600))
        .unwrap_or_else(Instant::now)
}

type Guard<'a> = RwLockUpgradableReadGuard<'a, u32>;
type Upgraded<'a> = Result<RwLockWriteGuard<'a, u32>, Guard<'a>>;

#[test]
fn a_writer_downgrades_to_either_kind_of_reader() {
    must_end(|| {
        let lock = Arc::new(RwLock::new(0));
        let reader = RwLockWriteGuard::downgrade(lock.write());
        assert_eq!(open(&lock), OpenTo::AllButWriters);
        drop(reader);
        assert_eq!(open(&lock), OpenTo::All);
        let upgradable = RwLockWriteGuard::downgrade_to_upgradable(lock.write());
        assert_eq!(open(&lock), OpenTo::Readers);
        let reader = RwLockUpgradableReadGuard::downgrade(upgradable);
        assert_eq!(open(&lock), OpenTo::AllButWriters);
        let upgradable = lock.upgradable_read();
        assert_eq!(open(&lock), OpenTo::Readers);
        drop((reader, upgradable));
        assert_eq!(open(&lock), OpenTo::All);

        let reader = ArcRwLockWriteGuard::downgrade(lock.write_arc());
        assert_eq!(open(&lock), OpenTo::AllButWriters);
        drop(reader);
        let upgradable = ArcRwLockWriteGuard::downgrade_to_upgradable(lock.write_arc());
        assert_eq!(open(&lock), OpenTo::Readers);
        let reader = ArcRwLockUpgradableReadGuard::downgrade(upgradable);
        assert_eq!(open(&lock), OpenTo::AllButWriters);
        drop(reader);
        assert_eq!(open(&lock), OpenTo::All);
    });
}

#[test]
fn an_upgradable_reader_alone_becomes_the_writer_by_every_form() {
    must_end(|| {
        let lock = Arc::new(RwLock::new(0));
        let soon = Instant::now() + LONG;
        let upgrades: [fn(Guard<'_>, Instant) -> RwLockWriteGuard<'_, u32>; 6] = [
            |guard, _| Guard::upgrade(guard),
            |guard, _| Guard::try_upgrade(guard).unwrap(),
            |guard, _| Guard::try_upgrade_for(guard, Duration::ZERO).unwrap(),
            |guard, _| Guard::try_upgrade_for(guard, LONG).unwrap(),
            |guard, soon| Guard::try_upgrade_until(guard, soon).unwrap(),
            |guard, _| Guard::try_upgrade_until(guard, an_hour_ago()).unwrap(),
        ];
        for upgrade in upgrades {
            let mut writer = upgrade(lock.upgradable_read(), soon);
            assert_eq!(open(&lock), OpenTo::None);
            *writer += 1;
            drop(writer);
            assert_eq!(open(&lock), OpenTo::All);
        }
        drop(ArcRwLockUpgradableReadGuard::upgrade(
            lock.upgradable_read_arc(),
        ));
        assert_eq!(open(&lock), OpenTo::All);
        assert_eq!(*lock.read(), 6);
    });
}

#[test]
fn an_upgrade_that_fails_gives_the_upgradable_reader_back() {
    const TIME: Duration = Duration::from_millis(5);
    must_end(|| {
        let lock = Arc::new(RwLock::new(0));
        let reader = lock.read();
        let mut guard = lock.upgradable_read();
        let tries: [fn(Guard<'_>) -> Upgraded<'_>; 3] = [
            |guard| Guard::try_upgrade(guard),
            |guard| Guard::try_upgrade_for(guard, Duration::ZERO),
            |guard| Guard::try_upgrade_until(guard, an_hour_ago()),
        ];
        for try_upgrade in tries {
            guard = try_upgrade(guard).expect_err("there is a reader");
            assert_eq!(open(&lock), OpenTo::Readers);
        }
        let start = Instant::now();
        guard = Guard::try_upgrade_for(guard, TIME).expect_err("there is a reader");
        guard = Guard::try_upgrade_until(guard, start + 2 * TIME).expect_err("there is a reader");
        assert!(start.elapsed() >= 2 * TIME);
        assert_eq!(open(&lock), OpenTo::Readers);
        drop(reader);
        assert_eq!(open(&lock), OpenTo::Readers);
        drop(guard);
        assert_eq!(open(&lock), OpenTo::All);
    });
}

#[test]
fn with_upgraded_writes_and_goes_back_if_there_are_no_readers() {
    must_end(|| {
        let lock = Arc::new(RwLock::new(0));
        let soon = Instant::now() + LONG;
        let mut guard = lock.upgradable_read();
        let write = |n: &mut u32| {
            assert_eq!(open(&lock), OpenTo::None);
            *n += 1;
            *n
        };
        assert_eq!(Guard::with_upgraded(&mut guard, write), 1);
        assert_eq!(open(&lock), OpenTo::Readers);
        assert_eq!(Guard::try_with_upgraded(&mut guard, write), Some(2));
        assert_eq!(
            Guard::try_with_upgraded_for(&mut guard, LONG, write),
            Some(3)
        );
        assert_eq!(
            Guard::try_with_upgraded_until(&mut guard, soon, write),
            Some(4)
        );
        assert_eq!(open(&lock), OpenTo::Readers);

        let reader = lock.read();
        let never = |_: &mut u32| -> () { panic!("there is a reader") };
        assert_eq!(Guard::try_with_upgraded(&mut guard, never), None);
        let time = Duration::from_millis(5);
        assert_eq!(Guard::try_with_upgraded_for(&mut guard, time, never), None);
        let past = an_hour_ago();
        assert_eq!(
            Guard::try_with_upgraded_until(&mut guard, past, never),
            None
        );
        assert_eq!(open(&lock), OpenTo::Readers);
        drop(reader);
        assert_eq!(*guard, 4);
        drop(guard);
        let mut guard = lock.upgradable_read_arc();
        assert_eq!(
            ArcRwLockUpgradableReadGuard::with_upgraded(&mut guard, write),
            5
        );
        drop(guard);
        assert_eq!(open(&lock), OpenTo::All);
    });
}
