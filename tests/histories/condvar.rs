//! Histories of [`Condvar`], with a mutex.

use crate::checker::{Specification, THREADS};
use crate::crew::{self, Player};
use anteroom::{Condvar, Mutex, MutexGuard};
use common::Random;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

/// Each holder counts up what the mutex protects, just before it leaves or waits.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Lock {
        found: u8,
    },
    Unlock,
    /// Becomes the last of the waiters. It still has the mutex.
    Queue,
    /// Was notified.
    Notified,
    /// Was not, and waits no more.
    TimedOut,
    NotifyOne {
        found: bool,
    },
    NotifyAll {
        found: usize,
    },
}

#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Sequential {
    holder: Option<usize>,
    value: u8,
    /// In the order in which they came.
    queue: Vec<usize>,
    notified: [bool; THREADS],
}

impl Sequential {
    fn allows(&self, thread: usize, step: Step) -> bool {
        match step {
            Step::Lock { found } => self.holder.is_none() && found == self.value,
            Step::Unlock | Step::Queue => self.holder == Some(thread),
            Step::Notified => self.notified[thread],
            Step::TimedOut => self.queue.contains(&thread),
            Step::NotifyOne { found } => found != self.queue.is_empty(),
            Step::NotifyAll { found } => found == self.queue.len(),
        }
    }

    /// Notifies the first `threads` of the waiters.
    fn notify(&mut self, threads: usize) {
        for thread in self.queue.drain(..threads) {
            self.notified[thread] = true;
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
            Step::Lock { .. } => next.holder = Some(thread),
            Step::Unlock => {
                next.holder = None;
                next.value += 1;
            }
            Step::Queue => next.queue.push(thread),
            Step::Notified => next.notified[thread] = false,
            Step::TimedOut => next.queue.retain(|&waiter| waiter != thread),
            Step::NotifyOne { found } => next.notify(usize::from(found)),
            Step::NotifyAll { found } => next.notify(found),
        }
        Some(next)
    }
}

pub(crate) struct Subject {
    mutex: Mutex<u8>,
    condvar: Condvar,
    /// How many threads have played their parts.
    done: AtomicUsize,
}

impl Subject {
    fn lock(&self, player: &mut Player<'_, Step>) -> MutexGuard<'_, u8> {
        let (call, guard) = player.call(|| self.mutex.lock());
        player.took(call, &[Step::Lock { found: *guard }]);
        guard
    }

    fn unlock(&self, mut guard: MutexGuard<'_, u8>, player: &mut Player<'_, Step>) {
        *guard += 1;
        let fair = player.random.below(4) == 0;
        let (call, ()) = player.call(|| match fair {
            true => MutexGuard::unlock_fair(guard),
            false => drop(guard),
        });
        player.took(call, &[Step::Unlock]);
    }

    fn notify(&self, player: &mut Player<'_, Step>) {
        if player.random.below(2) == 0 {
            let (call, found) = player.call(|| self.condvar.notify_one());
            player.took(call, &[Step::NotifyOne { found }]);
        } else {
            let (call, found) = player.call(|| self.condvar.notify_all());
            player.took(call, &[Step::NotifyAll { found }]);
        }
    }

    /// The first thread never waits without a limit: it is there for those that do, in the end.
    fn wait(&self, guard: &mut MutexGuard<'_, u8>, player: &mut Player<'_, Step>) {
        **guard += 1;
        let time = (player.thread == 0 || player.random.below(2) == 0).then(|| player.short());
        let (call, timed_out) = player.call(|| match time {
            Some(time) => self.condvar.wait_for(guard, time).timed_out(),
            None => {
                self.condvar.wait(guard);
                false
            }
        });
        let end = if timed_out {
            Step::TimedOut
        } else {
            Step::Notified
        };
        let lock = Step::Lock { found: **guard };
        player.took(call, &[Step::Queue, Step::Unlock, end, lock]);
    }

    /// Goes on notifying until all others have played their parts.
    fn release_all(&self, player: &mut Player<'_, Step>) {
        while self.done.load(SeqCst) < player.threads - 1 {
            let (call, found) = player.call(|| self.condvar.notify_all());
            match found {
                // That is no step worth noting, and there may be thousands.
                0 => thread::yield_now(),
                _ => player.took(call, &[Step::NotifyAll { found }]),
            }
        }
    }
}

impl crew::Subject for Subject {
    type Specification = Sequential;

    fn new(_: &mut Random) -> Self {
        Subject {
            mutex: Mutex::new(0),
            condvar: Condvar::new(),
            done: AtomicUsize::new(0),
        }
    }

    fn start(&self) -> Sequential {
        Sequential::default()
    }

    fn play(&self, player: &mut Player<'_, Step>) {
        let mut held = None;
        for _ in 0..player.calls() {
            player.stay();
            held = match (held, player.random.below(4)) {
                (guard, 0) => {
                    self.notify(player);
                    guard
                }
                (None, _) => Some(self.lock(player)),
                (Some(guard), 1) => {
                    self.unlock(guard, player);
                    None
                }
                (Some(mut guard), _) => {
                    self.wait(&mut guard, player);
                    Some(guard)
                }
            };
        }
        if let Some(guard) = held {
            self.unlock(guard, player);
        }
        match player.thread {
            0 => self.release_all(player),
            _ => drop(self.done.fetch_add(1, SeqCst)),
        }
    }

    fn look(&self, player: &mut Player<'_, Step>) {
        let (call, found) = player.call(|| self.condvar.notify_all());
        player.took(call, &[Step::NotifyAll { found }]);
        drop(self.lock(player));
    }
}

#[cfg(test)]
mod tests {
    use super::Sequential;
    use super::Step::{self, *};
    use crate::checker::{self, history};

    fn wait(before: u8, end: Step) -> [Step; 4] {
        [Queue, Unlock, end, Lock { found: before + 1 }]
    }

    fn is_right<const N: usize>(calls: [(usize, u32, u32, &[Step]); N]) -> bool {
        checker::is_linearizable(Sequential::default(), &history(calls))
    }

    #[test]
    fn whoever_is_notified_goes_on() {
        assert!(is_right([
            (0, 0, 1, &[Lock { found: 0 }]),
            (0, 2, 5, &wait(0, Notified)),
            (1, 3, 4, &[NotifyOne { found: true }]),
        ]));
    }

    #[test]
    fn a_spurious_wake_up_is_found() {
        assert!(!is_right([
            (0, 0, 1, &[Lock { found: 0 }]),
            (0, 2, 5, &wait(0, Notified)),
            (1, 3, 4, &[NotifyOne { found: false }]),
        ]));
    }

    #[test]
    fn a_notification_that_is_lost_is_found() {
        assert!(!is_right([
            (0, 0, 1, &[Lock { found: 0 }]),
            (0, 2, 9, &wait(1, TimedOut)),
            (1, 3, 4, &[Lock { found: 1 }]),
            (1, 5, 6, &[NotifyOne { found: true }]),
            (1, 7, 8, &[Unlock]),
        ]));
    }

    #[test]
    fn a_waiter_that_is_not_seen_is_found() {
        assert!(!is_right([
            (0, 0, 1, &[Lock { found: 0 }]),
            (0, 2, 11, &wait(1, Notified)),
            (1, 3, 4, &[Lock { found: 1 }]),
            (1, 5, 6, &[NotifyAll { found: 0 }]),
            (1, 7, 8, &[Unlock]),
            (1, 9, 10, &[NotifyAll { found: 1 }]),
        ]));
    }

    #[test]
    fn a_waiter_that_is_passed_over_is_found() {
        assert!(!is_right([
            (0, 0, 1, &[Lock { found: 0 }]),
            (0, 2, 9, &wait(1, TimedOut)),
            (1, 3, 4, &[Lock { found: 1 }]),
            (1, 5, 8, &wait(2, Notified)),
            (2, 6, 7, &[NotifyOne { found: true }]),
        ]));
    }
}
