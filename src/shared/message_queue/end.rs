//! The two ends of a queue, at which processes wait: receivers while it is empty, senders while it is full.
//!
//! Whoever waits at an end sleeps at its gate. To be woken there and to take what one was woken for are two things, and in between
//! is a lock, behind which the dead cannot pass a wake-up on any more. So of those who want the same thing only one is at the
//! gate: it holds the end's *turn*, a robust mutex, for which the others wait. However it ends, the kernel gives the turn
//! to the next, who looks for itself. Those who want something particular do not wait for their turn; with them about,
//! and always, *all* who are at the gate are woken.
//!
//! Somebody who dies after a change, and before opening the gate, has it pending: the kernel wakes one there, who finds the gate
//! unopened, and opens it for the others. (It has the gate pending meanwhile, in case it is killed too.) If nobody slept yet, the
//! count of changes keeps them from it.

use crate::deadline::Deadline;
use crate::primitive::Ordering::Relaxed;
use crate::primitive::mortal::AtomicU32;
use crate::shared::gate::Gate;
use crate::shared::me::Me;
use crate::shared::mutex::raw::RawMutex;
use crate::spin::Spin;

/// All zero: nobody waits.
#[repr(C, align(64))]
pub(super) struct End {
    gate: Gate,
    turn: RawMutex,
    /// How many changes there were that somebody here may wait for, or nearly: it is counted before it is made.
    changes: AtomicU32,
}

/// Who waits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// What any other may want as well.
    Any,
    /// Something particular.
    Particular,
}

impl End {
    pub(super) fn new() -> Self {
        End {
            gate: Gate::new(),
            turn: RawMutex::new(),
            changes: AtomicU32::new(0),
        }
    }

    /// Before a change for which [`open`](Self::open) follows, all while holding the queue's lock.
    #[inline]
    pub(super) fn announce(&self, me: Me) {
        self.gate.pend(me);
        // ORDERING: Relaxed; whoever counts holds the queue's lock, and the kernel looks at it.
        let changes = self.changes.load(Relaxed);
        // ORDERING: as above.
        self.changes.store(changes.wrapping_add(1), Relaxed);
    }

    /// The change has been made.
    #[inline]
    pub(super) fn open(&self, me: Me) {
        self.gate.open_for_all(me);
    }

    /// Makes attempts, which hold the queue's lock meanwhile, until one comes to an end, or the deadline.
    pub(super) fn until<R>(
        &self,
        me: Me,
        wish: Wish,
        deadline: Deadline,
        mut attempt: impl FnMut() -> Option<R>,
    ) -> Option<R> {
        if let Some(end) = attempt() {
            return Some(end);
        }
        // Only now, since the other end writes there.
        let mut spin = Spin::unyielding();
        loop {
            let seen = self.changes();
            if let Some(end) = attempt() {
                return Some(end);
            }
            while self.changes() == seen {
                if !spin.again() {
                    return self.wait(me, wish, deadline, attempt);
                }
            }
        }
    }

    fn changes(&self) -> u32 {
        // ORDERING: Relaxed; what has changed is seen by an attempt.
        self.changes.load(Relaxed)
    }

    #[cold]
    fn wait<R>(
        &self,
        me: Me,
        wish: Wish,
        deadline: Deadline,
        mut attempt: impl FnMut() -> Option<R>,
    ) -> Option<R> {
        if wish == Wish::Any {
            self.turn.lock(me, deadline)?;
        }
        let end = loop {
            let changes = self.changes();
            let seen = self.gate.approach();
            if let Some(end) = attempt() {
                break Some(end);
            }
            self.gate.pend(me);
            let in_time = self.gate.sleep(seen, &[(&self.changes, changes)], deadline);
            if in_time && !self.gate.is_opened_since(seen) {
                self.gate.open_for_all(me);
            }
            Gate::settle(me);
            // Also if it has not slept at all, because what it slept on is not as it should be.
            if !in_time || deadline.passed() {
                break None;
            }
        };
        if wish == Wish::Any {
            self.turn.unlock(me);
        }
        end
    }
}
