//! Histories of [`Semaphore`].

use crate::checker::{Specification, THREADS};
use crate::crew::{self, Player};
use anteroom::{Semaphore, SemaphorePermit, TryAcquireError};
use common::Random;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// Has waited too long, and keeps others from taking permits; until it has not run for some
    /// milliseconds, perhaps.
    Reserve,
    Acquire(usize),
    /// Gives up, and what it has reserved.
    Leave,
    /// Releases, or adds.
    Add(usize),
    Forget {
        wanted: usize,
        forgotten: usize,
    },
    Close,
    /// There are fewer permits than this, or not for this thread.
    NoPermits(usize),
    Closed,
    Available(usize),
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Sequential {
    permits: usize,
    /// Which threads have reserved: one after the other, or one of which the time is over beside
    /// another.
    reserved: [bool; THREADS],
    closed: bool,
}

impl Sequential {
    fn with(permits: usize) -> Self {
        Sequential {
            permits,
            reserved: [false; THREADS],
            closed: false,
        }
    }

    fn allows(&self, thread: usize, step: Step) -> bool {
        let for_others = (0..THREADS).any(|other| other != thread && self.reserved[other]);
        match step {
            Step::Reserve | Step::Leave | Step::Add(_) | Step::Close => true,
            // What is reserved is so for some milliseconds only, and no clock is here.
            Step::Acquire(permits) => !self.closed && permits <= self.permits,
            Step::Forget { wanted, forgotten } => forgotten == wanted.min(self.permits),
            Step::NoPermits(permits) => permits > self.permits || for_others,
            Step::Closed => self.closed,
            Step::Available(permits) => permits == self.permits,
        }
    }
}

impl Specification for Sequential {
    type Step = Step;

    /// Most have enough patience.
    fn is_optional(step: Step) -> bool {
        matches!(step, Step::Reserve)
    }

    fn after(&self, thread: usize, step: Step) -> Option<Self> {
        if !self.allows(thread, step) {
            return None;
        }
        let mut next = self.clone();
        match step {
            Step::Reserve => next.reserved[thread] = true,
            Step::Acquire(permits) => {
                next.permits -= permits;
                next.reserved[thread] = false;
            }
            Step::Leave => next.reserved[thread] = false,
            Step::Add(permits) => next.permits += permits,
            Step::Forget { forgotten, .. } => next.permits -= forgotten,
            Step::Close => next.closed = true,
            Step::NoPermits(_) | Step::Closed | Step::Available(_) => {}
        }
        Some(next)
    }
}

pub(crate) struct Subject {
    semaphore: Semaphore,
    permits: usize,
    /// Permits get lost, so that the first thread, which never waits without a limit, has to close
    /// the semaphore in the end for the sake of those that do. If not, all permits come back, and
    /// they need no such help.
    lossy: bool,
}

/// A thread in a history of a semaphore.
struct Actor<'a, 'p> {
    subject: &'a Subject,
    player: &'a mut Player<'p, Step>,
    held: Vec<SemaphorePermit<'a>>,
}

impl<'a> Actor<'a, '_> {
    fn act(&mut self) {
        self.player.stay();
        match self.player.random.below(12) {
            0..4 => self.acquire(),
            4..7 => self.try_acquire(),
            7..9 => self.release(),
            9 => self.add(),
            10 => self.look(),
            _ if self.subject.lossy => self.lose(),
            _ => self.release(),
        }
    }

    /// Waits, and without a limit only if it holds nothing that others may need.
    fn acquire(&mut self) {
        let semaphore = &self.subject.semaphore;
        let endless = self.held.is_empty() && !(self.subject.lossy && self.player.thread == 0);
        let time = self.player.short();
        let (call, wanted, result) = if endless && self.player.random.below(2) == 0 {
            // More than there are to begin with may never come.
            let wanted = 1 + self.player.random.below(self.subject.permits as u64) as u32;
            let (call, result) = self.player.call(|| match wanted {
                1 => semaphore.acquire(),
                _ => semaphore.acquire_many(wanted),
            });
            (call, wanted, result.map_err(|_| TryAcquireError::Closed))
        } else {
            let wanted = self.player.random.below(4) as u32;
            let (call, result) = self.player.call(|| match wanted {
                1 => semaphore.try_acquire_for(time),
                _ => semaphore.try_acquire_many_for(wanted, time),
            });
            (call, wanted, result)
        };
        let outcome = match &result {
            Ok(_) => Step::Acquire(wanted as usize),
            Err(TryAcquireError::Closed) => Step::Closed,
            Err(TryAcquireError::TimedOut) => Step::Leave,
            Err(TryAcquireError::NoPermits) => unreachable!("it waits"),
        };
        self.player
            .took(call, &[Step::Reserve, outcome, Step::Leave]);
        self.held.extend(result);
    }

    fn try_acquire(&mut self) {
        let semaphore = &self.subject.semaphore;
        let wanted = self.player.random.below(4) as u32;
        let (call, result) = self.player.call(|| match wanted {
            1 => semaphore.try_acquire(),
            _ => semaphore.try_acquire_many(wanted),
        });
        let outcome = match &result {
            Ok(_) => Step::Acquire(wanted as usize),
            Err(TryAcquireError::Closed) => Step::Closed,
            Err(TryAcquireError::NoPermits) => Step::NoPermits(wanted as usize),
            Err(TryAcquireError::TimedOut) => unreachable!("it does not wait"),
        };
        self.player.took(call, &[outcome]);
        self.held.extend(result);
    }

    fn release(&mut self) {
        let Some(permit) = self.held.pop() else {
            return;
        };
        let permits = permit.num_permits();
        let (call, ()) = self.player.call(|| drop(permit));
        self.player.took(call, &[Step::Add(permits)]);
    }

    fn add(&mut self) {
        let permits = self.player.random.below(3) as usize;
        let (call, ()) = self
            .player
            .call(|| self.subject.semaphore.add_permits(permits));
        self.player.took(call, &[Step::Add(permits)]);
    }

    fn look(&mut self) {
        let (call, permits) = self
            .player
            .call(|| self.subject.semaphore.available_permits());
        self.player.took(call, &[Step::Available(permits)]);
    }

    fn lose(&mut self) {
        let semaphore = &self.subject.semaphore;
        match self.player.random.below(6) {
            0 => self.close(),
            1 | 2 => self
                .held
                .pop()
                .into_iter()
                .for_each(SemaphorePermit::forget),
            _ => {
                let wanted = self.player.random.below(3) as usize;
                let (call, forgotten) = self.player.call(|| semaphore.forget_permits(wanted));
                self.player
                    .took(call, &[Step::Forget { wanted, forgotten }]);
            }
        }
    }

    fn close(&mut self) {
        let (call, ()) = self.player.call(|| self.subject.semaphore.close());
        self.player.took(call, &[Step::Close]);
    }
}

impl crew::Subject for Subject {
    type Specification = Sequential;

    fn new(random: &mut Random) -> Self {
        let permits = 1 + random.below(3) as usize;
        Subject {
            semaphore: Semaphore::new(permits),
            permits,
            lossy: random.below(2) == 0,
        }
    }

    fn start(&self) -> Sequential {
        Sequential::with(self.permits)
    }

    fn play(&self, player: &mut Player<'_, Step>) {
        let calls = player.calls();
        let mut actor = Actor {
            subject: self,
            player,
            held: Vec::new(),
        };
        (0..calls).for_each(|_| actor.act());
        while !actor.held.is_empty() {
            actor.release();
        }
        if self.lossy && actor.player.thread == 0 {
            actor.close();
        }
    }

    fn look(&self, player: &mut Player<'_, Step>) {
        let (call, permits) = player.call(|| self.semaphore.available_permits());
        player.took(call, &[Step::Available(permits)]);
    }
}

#[cfg(test)]
mod tests {
    use super::Sequential;
    use super::Step::{self, *};
    use crate::checker::{self, history};

    fn is_right<const N: usize>(calls: [(usize, u32, u32, &[Step]); N]) -> bool {
        checker::is_linearizable(Sequential::with(2), &history(calls))
    }

    #[test]
    fn permits_may_be_reserved_by_one_that_waits_and_gives_up() {
        assert!(is_right([
            (0, 0, 3, &[Reserve, Leave]),
            (1, 1, 2, &[NoPermits(2)]),
            (1, 4, 5, &[Acquire(2)]),
        ]));
    }

    #[test]
    fn what_was_reserved_may_be_taken_by_another_some_time() {
        assert!(is_right([
            (0, 0, 7, &[Reserve, Acquire(2), Leave]),
            (1, 1, 2, &[NoPermits(2)]),
            (1, 3, 4, &[Acquire(1)]),
            (1, 5, 6, &[Add(1)]),
        ]));
    }

    #[test]
    fn a_refusal_with_no_thread_waiting_is_found() {
        assert!(!is_right([
            (0, 0, 1, &[Reserve, Acquire(1), Leave]),
            (1, 2, 3, &[NoPermits(1)]),
        ]));
    }

    #[test]
    fn a_permit_too_many_is_found() {
        assert!(!is_right([
            (0, 0, 1, &[Acquire(1)]),
            (1, 2, 3, &[Acquire(2)]),
            (0, 4, 5, &[Add(1)]),
        ]));
    }

    #[test]
    fn a_permit_that_is_lost_is_found() {
        assert!(!is_right([
            (0, 0, 1, &[Acquire(1)]),
            (0, 2, 3, &[Add(1)]),
            (1, 4, 5, &[NoPermits(2)]),
        ]));
    }

    #[test]
    fn a_semaphore_that_opens_again_is_found() {
        assert!(!is_right([(0, 0, 1, &[Close]), (1, 2, 3, &[Acquire(1)]),]));
    }

    #[test]
    fn a_refusal_before_it_is_closed_is_found() {
        assert!(!is_right([(1, 0, 1, &[Closed]), (0, 2, 3, &[Close]),]));
    }
}
