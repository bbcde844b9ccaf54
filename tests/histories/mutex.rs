//! Histories of [`Mutex`].

use crate::checker::Specification;
use crate::common::Random;
use crate::crew::{self, Player};
use anteroom::{Mutex, MutexGuard};

/// Each holder counts up what the mutex protects, just before it leaves.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Lock {
        found: u8,
    },
    Unlock,
    /// It is locked: why trying fails.
    Locked,
}

#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Sequential {
    holder: Option<usize>,
    value: u8,
}

impl Specification for Sequential {
    type Step = Step;

    fn after(&self, thread: usize, step: Step) -> Option<Self> {
        let Sequential { holder, value } = *self;
        match step {
            Step::Lock { found } if holder.is_none() && found == value => Some(Sequential {
                holder: Some(thread),
                value,
            }),
            Step::Unlock if holder == Some(thread) => Some(Sequential {
                holder: None,
                value: value + 1,
            }),
            Step::Locked if holder.is_some() => Some(self.clone()),
            _ => None,
        }
    }
}

pub(crate) struct Subject(Mutex<u8>);

type Held<'a> = Option<MutexGuard<'a, u8>>;

impl Subject {
    fn enter(&self, player: &mut Player<'_, Step>) -> Held<'_> {
        match player.random.below(3) {
            0 => {
                let (call, guard) = player.call(|| self.0.lock());
                player.took(call, &[Step::Lock { found: *guard }]);
                Some(guard)
            }
            1 => {
                let (call, guard) = player.call(|| self.0.try_lock());
                let found = guard.as_deref().copied();
                player.took(
                    call,
                    &[found.map_or(Step::Locked, |found| Step::Lock { found })],
                );
                guard
            }
            _ => {
                let time = player.short();
                let (call, guard) = player.call(|| self.0.try_lock_for(time));
                if let Some(found) = guard.as_deref().copied() {
                    player.took(call, &[Step::Lock { found }]);
                }
                guard
            }
        }
    }

    fn leave<'a>(&self, mut guard: MutexGuard<'a, u8>, player: &mut Player<'_, Step>) -> Held<'a> {
        player.stay();
        *guard += 1;
        match player.random.below(4) {
            0 => {
                let (call, ()) = player.call(|| MutexGuard::bump(&mut guard));
                player.took(call, &[Step::Unlock, Step::Lock { found: *guard }]);
                return Some(guard);
            }
            1 => {
                let (call, ()) = player.call(|| MutexGuard::unlock_fair(guard));
                player.took(call, &[Step::Unlock]);
            }
            _ => {
                let (call, ()) = player.call(|| drop(guard));
                player.took(call, &[Step::Unlock]);
            }
        }
        None
    }
}

impl crew::Subject for Subject {
    type Specification = Sequential;

    fn new(_: &mut Random) -> Self {
        Subject(Mutex::new(0))
    }

    fn start(&self) -> Sequential {
        Sequential::default()
    }

    fn play(&self, player: &mut Player<'_, Step>) {
        let mut held = None;
        for _ in 0..player.calls() {
            held = match held {
                None => self.enter(player),
                Some(guard) => self.leave(guard, player),
            };
        }
        while let Some(guard) = held {
            held = self.leave(guard, player);
        }
    }

    fn look(&self, player: &mut Player<'_, Step>) {
        let (call, guard) = player.call(|| self.0.try_lock().expect("all have left"));
        player.took(call, &[Step::Lock { found: *guard }]);
    }
}

#[cfg(test)]
mod tests {
    use super::Sequential;
    use super::Step::{Lock, Locked, Unlock};
    use crate::checker::{history, is_linearizable};

    #[test]
    fn one_after_the_other_is_right_however_long_their_calls_take() {
        let right = history([
            (0, 0, 5, &[Lock { found: 1 }]),
            (1, 1, 2, &[Lock { found: 0 }]),
            (2, 3, 6, &[Locked]),
            (1, 4, 7, &[Unlock]),
            (0, 8, 9, &[Unlock]),
        ]);
        // The first one's call ends before the second one's unlock begins, or not.
        assert!(is_linearizable(Sequential::default(), &right));
    }

    #[test]
    fn two_inside_are_found() {
        let wrong = history([
            (0, 0, 1, &[Lock { found: 0 }]),
            (1, 2, 3, &[Lock { found: 0 }]),
            (0, 4, 5, &[Unlock]),
            (1, 6, 7, &[Unlock]),
        ]);
        assert!(!is_linearizable(Sequential::default(), &wrong));
    }

    #[test]
    fn work_that_the_next_one_did_not_see_is_found() {
        let wrong = history([
            (0, 0, 1, &[Lock { found: 0 }]),
            (0, 2, 5, &[Unlock]),
            (1, 3, 4, &[Lock { found: 0 }]),
        ]);
        assert!(!is_linearizable(Sequential::default(), &wrong));
    }

    #[test]
    fn a_try_that_fails_with_nobody_inside_is_found() {
        let wrong = history([
            (0, 0, 1, &[Lock { found: 0 }]),
            (0, 2, 3, &[Unlock]),
            (1, 4, 7, &[Locked]),
            (0, 8, 9, &[Lock { found: 1 }]),
        ]);
        assert!(!is_linearizable(Sequential::default(), &wrong));
    }
}
