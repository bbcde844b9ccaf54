//! The condition variable: the tickets of its waiters, in the order in which they were drawn.

use super::Monitor;
use super::mutex::RawMutex;
use super::rwlock::RawRwLock;
use crate::raw::{Requeue, Waits, used_with_two_locks};
use crate::sys::deadline::Deadline;
use crate::sys::only_in_models;
use std::collections::VecDeque;

pub(crate) struct RawCondvar {
    monitor: Monitor<Waiters>,
}

#[derive(Clone)]
struct Waiters {
    /// The key of the lock that they all have.
    key: usize,
    tickets: VecDeque<usize>,
    next: usize,
}

impl Waiters {
    const NONE: Self = Waiters {
        key: 0,
        tickets: VecDeque::new(),
        next: 0,
    };

    fn draw(&mut self, key: usize) -> Option<usize> {
        if self.tickets.is_empty() {
            self.key = key;
        }
        (self.key == key).then(|| {
            self.next += 1;
            self.tickets.push_back(self.next);
            self.next
        })
    }

    /// Returns whether the ticket was still there.
    fn leave(&mut self, ticket: usize) -> bool {
        let here = self.tickets.iter().position(|&other| other == ticket);
        here.map(|here| self.tickets.remove(here)).is_some()
    }
}

impl RawCondvar {
    pub(crate) const fn new() -> Self {
        RawCondvar {
            monitor: Monitor::new(Waiters::NONE),
        }
    }

    pub(crate) fn notify_one(&self) -> bool {
        self.monitor
            .change(|waiters| waiters.tickets.pop_front().is_some())
    }

    pub(crate) fn notify_all(&self) -> usize {
        self.monitor
            .change(|waiters| std::mem::take(&mut waiters.tickets).len())
    }

    only_in_models! {
        pub(crate) fn assert_at_rest(&mut self) {
            self.monitor
                .assert_at_rest(|waiters| waiters.tickets.is_empty());
        }
    }

    /// Waits. Returns whether the caller was notified before its time was up.
    pub(crate) fn wait<G: Waits>(&self, guard: &mut G, deadline: Deadline) -> bool {
        let key = guard.raw_lock().queue_key();
        let ticket = self.monitor.change(|waiters| waiters.draw(key));
        let ticket = ticket.unwrap_or_else(|| used_with_two_locks());
        // SAFETY: the guard holds the lock; we acquire it again below.
        unsafe { guard.unlock() };
        let notified = |waiters: &mut Waiters| (!waiters.tickets.contains(&ticket)).then_some(true);
        let notified = self
            .monitor
            .wait(deadline, notified, |waiters| !waiters.leave(ticket));
        guard.relock();
        notified
    }
}

impl Requeue for RawMutex {
    fn queue_key(&self) -> usize {
        self.key()
    }
}

impl Requeue for RawRwLock {
    fn queue_key(&self) -> usize {
        self.key()
    }
}
