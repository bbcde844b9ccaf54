//! Any sequence of steps that do not wait, against a model of the threads inside: three numbers.

use anteroom::{RwLock, RwLockReadGuard, RwLockUpgradableReadGuard, RwLockWriteGuard};
use common::must_end;
use proptest::prelude::*;
use std::time::Duration;

#[derive(Clone, Copy, Debug)]
enum Step {
    TryRead,
    TryReadRecursive,
    TryUpgradableRead,
    TryWrite,
    LeaveReading,
    LeaveUpgradable,
    LeaveWriting,
    LeaveFairly,
    TryUpgrade,
    TryUpgradeInNoTime,
    TryWithUpgraded,
    Downgrade,
    DowngradeToUpgradable,
    DowngradeUpgradable,
    Unlocked,
    Bump,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    use Step::*;
    let step = prop::sample::select(vec![
        TryRead,
        TryReadRecursive,
        TryUpgradableRead,
        TryWrite,
        LeaveReading,
        LeaveUpgradable,
        LeaveWriting,
        LeaveFairly,
        TryUpgrade,
        TryUpgradeInNoTime,
        TryWithUpgraded,
        Downgrade,
        DowngradeToUpgradable,
        DowngradeUpgradable,
        Unlocked,
        Bump,
    ]);
    prop::collection::vec(step, 1..60)
}

/// The guards of one lock that are alive.
#[derive(Default)]
struct Held<'a> {
    readers: Vec<RwLockReadGuard<'a, u32>>,
    upgradable: Option<RwLockUpgradableReadGuard<'a, u32>>,
    writer: Option<RwLockWriteGuard<'a, u32>>,
}

impl<'a> Held<'a> {
    fn take(&mut self, lock: &'a RwLock<u32>, step: Step) {
        // Without guards, what needs one does nothing.
        match step {
            Step::TryRead => self.readers.extend(lock.try_read()),
            Step::TryReadRecursive => self.readers.extend(lock.try_read_recursive()),
            Step::TryUpgradableRead => {
                let guard = lock.try_upgradable_read();
                self.upgradable = self.upgradable.take().or(guard);
            }
            Step::TryWrite => {
                let guard = lock.try_write();
                self.writer = self.writer.take().or(guard);
            }
            Step::LeaveReading => drop(self.readers.pop()),
            Step::LeaveUpgradable => self.upgradable = None,
            Step::LeaveWriting => self.writer = None,
            Step::LeaveFairly => {
                let writer = self.writer.take().into_iter();
                writer.for_each(RwLockWriteGuard::unlock_fair);
                let upgradable = self.upgradable.take().into_iter();
                upgradable.for_each(RwLockUpgradableReadGuard::unlock_fair);
                let reader = self.readers.pop().into_iter();
                reader.for_each(RwLockReadGuard::unlock_fair);
            }
            Step::TryUpgrade | Step::TryUpgradeInNoTime => {
                let Some(guard) = self.upgradable.take() else {
                    return;
                };
                let result = match step {
                    Step::TryUpgrade => RwLockUpgradableReadGuard::try_upgrade(guard),
                    _ => RwLockUpgradableReadGuard::try_upgrade_for(guard, Duration::ZERO),
                };
                match result {
                    Ok(guard) => self.writer = Some(guard),
                    Err(guard) => self.upgradable = Some(guard),
                }
            }
            Step::TryWithUpgraded => {
                let alone = self.readers.is_empty();
                if let Some(guard) = &mut self.upgradable {
                    let done = RwLockUpgradableReadGuard::try_with_upgraded(guard, |n| *n += 1);
                    assert_eq!(done.is_some(), alone);
                }
            }
            Step::Downgrade => {
                let guard = self.writer.take().map(RwLockWriteGuard::downgrade);
                self.readers.extend(guard);
            }
            Step::DowngradeToUpgradable => {
                if let Some(guard) = self.writer.take() {
                    self.upgradable = Some(RwLockWriteGuard::downgrade_to_upgradable(guard));
                }
            }
            Step::DowngradeUpgradable => {
                let guard = self.upgradable.take();
                self.readers
                    .extend(guard.map(RwLockUpgradableReadGuard::downgrade));
            }
            Step::Unlocked => {
                for guard in &mut self.readers {
                    RwLockReadGuard::unlocked(guard, || ());
                }
                if let Some(guard) = &mut self.upgradable {
                    RwLockUpgradableReadGuard::unlocked(guard, || ());
                }
                if let Some(guard) = &mut self.writer {
                    RwLockWriteGuard::unlocked_fair(guard, || ());
                }
            }
            Step::Bump => {
                self.readers.iter_mut().for_each(RwLockReadGuard::bump);
                self.upgradable
                    .iter_mut()
                    .for_each(RwLockUpgradableReadGuard::bump);
                self.writer.iter_mut().for_each(RwLockWriteGuard::bump);
            }
        }
    }
}

/// Readers, upgradable readers and writers, after the step.
fn model(
    (readers, upgradable, writers): (usize, usize, usize),
    step: Step,
) -> (usize, usize, usize) {
    let alone = readers == 0;
    match step {
        Step::TryRead | Step::TryReadRecursive if writers == 0 => {
            (readers + 1, upgradable, writers)
        }
        Step::TryUpgradableRead if writers + upgradable == 0 => (readers, 1, 0),
        Step::TryWrite if readers + upgradable + writers == 0 => (0, 0, 1),
        Step::LeaveReading => (readers.saturating_sub(1), upgradable, writers),
        Step::LeaveUpgradable => (readers, 0, writers),
        Step::LeaveWriting => (readers, upgradable, 0),
        Step::LeaveFairly => (readers.saturating_sub(1), 0, 0),
        Step::TryUpgrade | Step::TryUpgradeInNoTime if upgradable == 1 && alone => (0, 0, 1),
        Step::Downgrade => (readers + writers, upgradable, 0),
        Step::DowngradeToUpgradable => (readers, upgradable + writers, 0),
        Step::DowngradeUpgradable => (readers + upgradable, 0, writers),
        _ => (readers, upgradable, writers),
    }
}

#[test]
fn steps_that_do_not_wait_agree_with_the_model() {
    must_end(|| {
        let config = ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::default()
        };
        proptest!(config, |(steps in steps())| {
            let lock = RwLock::new(0);
            let mut held = Held::default();
            let mut expected = (0, 0, 0);
            for step in steps {
                held.take(&lock, step);
                expected = model(expected, step);
                let inside = (
                    held.readers.len(),
                    usize::from(held.upgradable.is_some()),
                    usize::from(held.writer.is_some()),
                );
                prop_assert_eq!(inside, expected, "after {:?}", step);
                prop_assert_eq!(lock.is_locked(), inside != (0, 0, 0));
                prop_assert_eq!(lock.is_locked_exclusive(), inside.2 == 1);
            }
            drop(held);
            prop_assert!(lock.try_write().is_some());
        });
    });
}
