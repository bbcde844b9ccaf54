//! Histories of [`RwLock`]: the programs. The specification is in [`sequential`].

mod sequential;

use crate::crew::{self, Player};
use anteroom::{RwLock, RwLockReadGuard, RwLockUpgradableReadGuard, RwLockWriteGuard};
use common::Random;
use sequential::{Sequential, Step};
use std::ops::Deref;

pub(crate) struct Subject(RwLock<u8>);

/// What a thread holds.
enum Held<'a> {
    Nothing,
    /// Several times, if it reads recursively.
    Reads(Vec<RwLockReadGuard<'a, u8>>),
    ReadsUpgradably(RwLockUpgradableReadGuard<'a, u8>),
    Writes(RwLockWriteGuard<'a, u8>),
}

impl<'a> From<Option<RwLockReadGuard<'a, u8>>> for Held<'a> {
    fn from(guard: Option<RwLockReadGuard<'a, u8>>) -> Self {
        guard.map_or(Held::Nothing, |guard| Held::Reads(vec![guard]))
    }
}

impl<'a> From<Option<RwLockUpgradableReadGuard<'a, u8>>> for Held<'a> {
    fn from(guard: Option<RwLockUpgradableReadGuard<'a, u8>>) -> Self {
        guard.map_or(Held::Nothing, Held::ReadsUpgradably)
    }
}

impl<'a> From<Option<RwLockWriteGuard<'a, u8>>> for Held<'a> {
    fn from(guard: Option<RwLockWriteGuard<'a, u8>>) -> Self {
        guard.map_or(Held::Nothing, Held::Writes)
    }
}

/// A thread in a history of a lock.
struct Actor<'a, 'p> {
    lock: &'a RwLock<u8>,
    player: &'a mut Player<'p, Step>,
}

impl<'a> Actor<'a, '_> {
    /// Calls what takes the lock, and notes the steps if it does, or if not.
    fn call<G: Deref<Target = u8>, T: AsRef<[Step]>>(
        &mut self,
        take: impl FnOnce(&'a RwLock<u8>) -> Option<G>,
        took: impl FnOnce(u8) -> T,
        failed: &[Step],
    ) -> Option<G> {
        let (call, guard) = self.player.call(|| take(self.lock));
        match guard.as_deref() {
            Some(&found) => self.player.took(call, took(found).as_ref()),
            None => self.player.took(call, failed),
        }
        guard
    }

    fn read(
        &mut self,
        recursive: bool,
        take: impl FnOnce(&'a RwLock<u8>) -> Option<RwLockReadGuard<'a, u8>>,
        failed: &[Step],
    ) -> Option<RwLockReadGuard<'a, u8>> {
        let took = |found| [Step::Approach, Step::Read { found, recursive }];
        self.call(take, took, failed)
    }

    /// Reads, though it reads already.
    fn read_again(&mut self) -> Option<RwLockReadGuard<'a, u8>> {
        let time = self.player.short();
        match self.player.random.below(4) {
            0 => self.read(true, |lock| Some(lock.read_recursive()), &[]),
            1 => self.read(true, RwLock::try_read_recursive, &Step::refused(true)),
            2 => self.read(false, RwLock::try_read, &Step::refused(false)),
            _ => self.read(false, |lock| lock.try_read_for(time), &Step::LEFT),
        }
    }

    fn enter(&mut self) -> Held<'a> {
        let upgradably = |found| [Step::ReadUpgradably { found }];
        let time = self.player.short();
        match self.player.random.below(12) {
            0 => self.read(false, |lock| Some(lock.read()), &[]).into(),
            1 => self
                .read(true, |lock| Some(lock.read_recursive()), &[])
                .into(),
            2 => self
                .read(false, RwLock::try_read, &Step::refused(false))
                .into(),
            3 => self
                .read(true, RwLock::try_read_recursive, &Step::refused(true))
                .into(),
            4 => self
                .read(false, |lock| lock.try_read_for(time), &Step::LEFT)
                .into(),
            5 => {
                let take = |lock: &'a RwLock<_>| lock.try_read_recursive_for(time);
                self.read(true, take, &Step::LEFT).into()
            }
            6 => self
                .call(|lock| Some(lock.upgradable_read()), upgradably, &[])
                .into(),
            7 => self
                .call(
                    RwLock::try_upgradable_read,
                    upgradably,
                    &[Step::RefusedUpgradable],
                )
                .into(),
            8 => {
                let take = |lock: &'a RwLock<_>| lock.try_upgradable_read_for(time);
                self.call(take, upgradably, &[]).into()
            }
            9 => self
                .call(|lock| Some(lock.write()), Step::wrote, &[])
                .into(),
            10 => self
                .call(RwLock::try_write, Step::wrote, &Step::REFUSED_WRITE)
                .into(),
            _ => self
                .call(
                    |lock| lock.try_write_for(time),
                    Step::wrote,
                    &Step::LATE_WRITE,
                )
                .into(),
        }
    }

    /// Releases what it holds, or changes how it holds it.
    fn go_on(&mut self, held: Held<'a>) -> Held<'a> {
        self.player.stay();
        match held {
            Held::Nothing => self.enter(),
            Held::Reads(guards) => self.stop_reading(guards),
            Held::ReadsUpgradably(guard) => self.upgrade(guard),
            Held::Writes(guard) => self.stop_writing(guard),
        }
    }

    fn stop_reading(&mut self, mut guards: Vec<RwLockReadGuard<'a, u8>>) -> Held<'a> {
        if self.player.random.below(3) == 0 {
            guards.extend(self.read_again());
        } else if let Some(guard) = guards.pop() {
            self.unlock(guard, RwLockReadGuard::unlock_fair);
        }
        match guards.is_empty() {
            true => Held::Nothing,
            false => Held::Reads(guards),
        }
    }

    fn upgrade(&mut self, guard: RwLockUpgradableReadGuard<'a, u8>) -> Held<'a> {
        use RwLockUpgradableReadGuard as Guard;
        let time = self.player.short();
        let how = self.player.random.below(6);
        if how == 0 {
            let (call, guard) = self.player.call(|| Guard::downgrade(guard));
            self.player.took(call, &[Step::Downgrade]);
            return Held::Reads(vec![guard]);
        }
        if how < 3 {
            self.unlock(guard, Guard::unlock_fair);
            return Held::Nothing;
        }
        let (call, result) = self.player.call(|| match how {
            3 => Ok(Guard::upgrade(guard)),
            4 => Guard::try_upgrade(guard),
            _ => Guard::try_upgrade_for(guard, time),
        });
        match result {
            Ok(guard) => {
                self.player.took(call, &Step::wrote(*guard));
                Held::Writes(guard)
            }
            Err(guard) => {
                let steps = if how == 4 {
                    Step::REFUSED_WRITE
                } else {
                    Step::LATE_WRITE
                };
                self.player.took(call, &steps);
                Held::ReadsUpgradably(guard)
            }
        }
    }

    fn stop_writing(&mut self, mut guard: RwLockWriteGuard<'a, u8>) -> Held<'a> {
        *guard += 1;
        match self.player.random.below(4) {
            0 => {
                let (call, guard) = self.player.call(|| RwLockWriteGuard::downgrade(guard));
                self.player.took(call, &[Step::Downgrade]);
                Held::Reads(vec![guard])
            }
            1 => {
                let downgrade = RwLockWriteGuard::downgrade_to_upgradable;
                let (call, guard) = self.player.call(|| downgrade(guard));
                self.player.took(call, &[Step::DowngradeToUpgradable]);
                Held::ReadsUpgradably(guard)
            }
            _ => {
                self.unlock(guard, RwLockWriteGuard::unlock_fair);
                Held::Nothing
            }
        }
    }

    fn unlock<G>(&mut self, guard: G, fairly: fn(G)) {
        let (unlock, step) = match self.player.random.below(3) {
            0 => (fairly, Step::UnlockFairly),
            _ => (drop as fn(G), Step::Unlock),
        };
        let (call, ()) = self.player.call(|| unlock(guard));
        self.player.took(call, &[step, Step::Leave]);
    }
}

impl crew::Subject for Subject {
    type Specification = Sequential;

    /// Not biased, biased, or, after many reads, asymmetric.
    fn new(random: &mut Random) -> Self {
        let lock = RwLock::new(0);
        let reads = match random.below(4) {
            0 => 0,
            1 => random.below(4),
            2 => 10,
            _ => 1_100,
        };
        (0..reads).for_each(|_| drop(lock.read()));
        Subject(lock)
    }

    fn start(&self) -> Sequential {
        Sequential::default()
    }

    fn play(&self, player: &mut Player<'_, Step>) {
        let calls = player.calls();
        let mut actor = Actor {
            lock: &self.0,
            player,
        };
        let mut held = Held::Nothing;
        for _ in 0..calls {
            held = actor.go_on(held);
        }
        while !matches!(held, Held::Nothing) {
            held = actor.go_on(held);
        }
    }

    fn look(&self, player: &mut Player<'_, Step>) {
        let (call, guard) = player.call(|| self.0.try_write().expect("all have left"));
        player.took(call, &Step::wrote(*guard));
    }
}
