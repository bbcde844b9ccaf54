//! Histories of [`Mutex`].

use crate::checker::{Specification, THREADS};
use crate::crew::{self, Player};
use anteroom::{Mutex, MutexGuard};
use common::Random;

/// Each holder counts up what the mutex protects, just before it leaves.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// Begins to wait.
    Wait,
    /// Gives up.
    Leave,
    Lock {
        found: u8,
    },
    Unlock,
    /// It is locked, or kept for a thread that waits: why trying fails.
    Locked,
}

#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Sequential {
    holder: Option<usize>,
    value: u8,
    waiting: [bool; THREADS],
    /// It was released while a thread waited, so it may be kept for that one until it is taken: by
    /// that one, or, some milliseconds later, by any other.
    may_be_kept: bool,
}

impl Sequential {
    fn allows(&self, thread: usize, step: Step) -> bool {
        match step {
            Step::Wait | Step::Leave => true,
            Step::Lock { found } => self.holder.is_none() && found == self.value,
            Step::Unlock => self.holder == Some(thread),
            Step::Locked => self.holder.is_some() || self.may_be_kept,
        }
    }
}

impl Specification for Sequential {
    type Step = Step;

    fn after(&self, thread: usize, step: Step) -> Option<Self> {
        if !self.allows(thread, step) {
            return None;
        }
        let mut next = self.clone();
        match step {
            Step::Wait => next.waiting[thread] = true,
            Step::Leave => next.waiting[thread] = false,
            Step::Lock { .. } => {
                next.holder = Some(thread);
                next.waiting[thread] = false;
                next.may_be_kept = false;
            }
            Step::Unlock => {
                next.holder = None;
                next.value += 1;
                next.may_be_kept = true;
            }
            Step::Locked => {}
        }
        next.may_be_kept &= next.waiting.contains(&true);
        Some(next)
    }
}

pub(crate) struct Subject(Mutex<u8>);

type Held<'a> = Option<MutexGuard<'a, u8>>;

impl Subject {
    fn enter(&self, player: &mut Player<'_, Step>) -> Held<'_> {
        match player.random.below(3) {
            0 => {
                let (call, guard) = player.call(|| self.0.lock());
                player.took(call, &[Step::Wait, Step::Lock { found: *guard }]);
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
                let end = match guard.as_deref().copied() {
                    Some(found) => Step::Lock { found },
                    None => Step::Leave,
                };
                player.took(call, &[Step::Wait, end]);
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
                let lock = Step::Lock { found: *guard };
                player.took(call, &[Step::Unlock, Step::Wait, lock]);
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
    use super::Step::{Leave, Lock, Locked, Unlock, Wait};
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
    fn it_may_be_kept_for_a_thread_that_waits_and_then_taken_by_another() {
        let right = history([
            (0, 0, 1, &[Lock { found: 0 }]),
            (1, 2, 13, &[Wait, Lock { found: 2 }]),
            (0, 3, 4, &[Unlock]),
            (2, 5, 6, &[Locked]),
            (2, 7, 8, &[Lock { found: 1 }]),
            (2, 9, 10, &[Unlock]),
            (2, 11, 12, &[Locked]),
        ]);
        assert!(is_linearizable(Sequential::default(), &right));
    }

    #[test]
    fn a_try_that_fails_when_the_waiter_has_given_up_is_found() {
        let wrong = history([
            (0, 0, 1, &[Lock { found: 0 }]),
            (1, 2, 5, &[Wait, Leave]),
            (0, 3, 4, &[Unlock]),
            (2, 6, 7, &[Locked]),
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
