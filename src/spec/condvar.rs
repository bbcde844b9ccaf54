//! The condition variable: the tickets of its waiters, in the order in which they were drawn.

use super::super::types::condvar::waitable::Waitable;
use super::Monitor;
use super::mutex::RawMutex;
use super::rwlock::RawRwLock;
use crate::deadline::Deadline;
use std::collections::VecDeque;

pub(crate) struct RawCondvar {
    monitor: Monitor<Waiters>,
}

#[derive(Default)]
struct Waiters {
    /// The key of the lock that they all have.
    key: usize,
    tickets: VecDeque<usize>,
    next: usize,
}

impl Waiters {
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
    pub(crate) fn new() -> Self {
        RawCondvar {
            monitor: Monitor::new(Waiters::default()),
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

    #[cfg(anteroom_models)]
    pub(crate) fn assert_at_rest(&mut self) {
        self.monitor
            .assert_at_rest(|waiters| waiters.tickets.is_empty());
    }

    /// Waits. Returns whether the caller was notified before its time was up.
    pub(crate) fn wait<G: Waitable>(&self, guard: &mut G, deadline: Deadline) -> bool {
        let key = guard.raw_lock().queue_key();
        let ticket = self.monitor.change(|waiters| waiters.draw(key));
        let ticket = ticket.expect(
            "Condvar::wait: other threads are waiting on this condition variable with another lock",
        );
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

/// A lock that waiters release and acquire again.
pub trait Requeue {
    /// An address that identifies this lock.
    fn queue_key(&self) -> usize;
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
