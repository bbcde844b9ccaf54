//! The two sides of a queue: those who send and those who receive. Each waits for the other.
//!
//! Each side has its own lock, and a count of what it has handed over to the other side ([`done`](Side::done)): messages, or
//! places that are free again. Whoever hands over stores that count, last of all, and *opens* the other side's gate.
//!
//! **Waiting.** Whoever waits sleeps at its side's gate. To be woken there and to take what one was woken for are two things, and in between
//! is a lock, behind which the dead cannot pass a wake-up on any more. So of those who want the same thing only one is at the
//! gate: it holds the side's *turn*, a robust mutex, for which the others wait. However it ends, the kernel gives the turn
//! to the next, who looks for itself. A thread that is stopped while it has the turn passes nothing
//! on: so the others, too, look for themselves at times ([`behind`](awake::behind)). Those who want
//! something particular do not wait for their turn; with them about, and always, *all* who are at
//! the gate are woken.
//!
//! Somebody who dies after it has stored the count, and before opening the gate, has it pending: the kernel wakes one there, who finds the
//! gate unopened, and opens it for the others. (It has the gate pending meanwhile, in case it is killed too.) If nobody slept yet, the
//! count keeps them from it.

use super::slots::Nonsense;
use crate::deadline::Deadline;
use crate::primitive::Ordering::{Acquire, Relaxed, Release};
use crate::primitive::mortal::AtomicU64;
use crate::shared::awake;
use crate::shared::gate::Gate;
use crate::shared::me::Me;
use crate::shared::mutex::raw::RawMutex;

/// Keeps what different sides write off each other's cache lines, and off their neighbours, which processors fetch along.
#[repr(C, align(128))]
struct Apart<T>(T);

/// All zero: it has done nothing, and nobody waits.
#[repr(C)]
pub(super) struct Side {
    own: Apart<Own>,
    /// How much this side has handed over, since the beginning. Its lock's holder writes it.
    done: Apart<AtomicU64>,
    waiting: Apart<Waiting>,
}

#[repr(C)]
struct Own {
    lock: RawMutex,
    /// The other side's count, as this one last saw it. For the lock's holder.
    seen: AtomicU64,
}

#[repr(C)]
struct Waiting {
    gate: Gate,
    turn: RawMutex,
}

/// Who waits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// What any other may want as well.
    Any,
    /// Something particular.
    Particular,
}

/// What one gets who tries something: it, or nothing as long as the other side's count is this.
pub(super) enum Attempt<R> {
    Done(R),
    Refused(u64),
}

impl Side {
    pub(super) fn new() -> Self {
        Side {
            own: Apart(Own {
                lock: RawMutex::new(),
                seen: AtomicU64::new(0),
            }),
            done: Apart(AtomicU64::new(0)),
            waiting: Apart(Waiting {
                gate: Gate::new(),
                turn: RawMutex::new(),
            }),
        }
    }

    #[inline]
    pub(super) fn lock(&self) -> &RawMutex {
        &self.own.0.lock
    }

    /// How much this side has handed over. With it one sees all that was done before.
    #[inline]
    pub(super) fn done(&self) -> u64 {
        // ORDERING: Acquire pairs with the Release in `hand_over`.
        self.done.0.load(Acquire)
    }

    /// How much the other side has handed over beyond this, and at most so much. For the lock's holder. It looks at the other
    /// side's line only if it knows of nothing.
    #[inline]
    pub(super) fn ready(&self, other: &Side, beyond: u64, most: u64) -> Result<u64, Nonsense> {
        let seen = &self.own.0.seen;
        // ORDERING: Relaxed, here and below; the lock orders it, and with it what was acquired by whoever wrote it.
        let ready = seen.load(Relaxed).wrapping_sub(beyond);
        if (1..=most).contains(&ready) {
            return Ok(ready);
        }
        let done = other.done();
        // ORDERING: as above.
        seen.store(done, Relaxed);
        match done.wrapping_sub(beyond) {
            ready if ready <= most => Ok(ready),
            _ => Err(Nonsense),
        }
    }

    /// Hands over one more to the other side, and wakes whom it has to. For the lock's holder.
    #[inline]
    pub(super) fn hand_over(&self, me: Me, other: &Side) {
        let gate = &other.waiting.0.gate;
        gate.pend(me);
        // ORDERING: Relaxed; only the lock's holder writes it.
        let done = self.done.0.load(Relaxed);
        // ORDERING: Release pairs with the Acquire in `done`.
        self.done.0.store(done.wrapping_add(1), Release);
        gate.open_for_all(me);
    }

    /// Makes attempts until one succeeds, or the deadline passes.
    pub(super) fn until<R>(
        &self,
        other: &Side,
        me: Me,
        wish: Wish,
        deadline: Deadline,
        mut attempt: impl FnMut() -> Option<Attempt<R>>,
    ) -> Option<R> {
        loop {
            match attempt()? {
                Attempt::Done(result) => return Some(result),
                Attempt::Refused(count) => {
                    if !awake::wait(|| other.done().wrapping_sub(count), 1, deadline) {
                        return self.wait(other, me, wish, count, deadline, attempt);
                    }
                }
            }
        }
    }

    /// As [`until`](Self::until), asleep, after an attempt that was refused at that count.
    #[cold]
    fn wait<R>(
        &self,
        other: &Side,
        me: Me,
        wish: Wish,
        mut refused: u64,
        deadline: Deadline,
        mut attempt: impl FnMut() -> Option<Attempt<R>>,
    ) -> Option<R> {
        let Waiting { gate, turn } = &self.waiting.0;
        if wish == Wish::Any {
            while turn.lock(me, awake::behind(deadline)).is_none() {
                if deadline.passed() {
                    return None;
                }
                // The turn's holder may be stopped.
                if other.done() != refused {
                    match attempt()? {
                        Attempt::Done(result) => return Some(result),
                        Attempt::Refused(count) => refused = count,
                    }
                }
            }
        }
        let end = loop {
            let seen = gate.approach();
            let count = match attempt() {
                Some(Attempt::Refused(count)) => count,
                Some(Attempt::Done(result)) => break Some(result),
                None => break None,
            };
            gate.pend(me);
            let in_time = gate.sleep(seen, &[(&other.done.0, count as u32)], deadline);
            if in_time && !gate.is_opened_since(seen) {
                gate.open_for_all(me);
            }
            Gate::settle(me);
            // Also if it has not slept at all, because what it slept on is not as it should be.
            if deadline.passed() {
                break None;
            }
        };
        if wish == Wish::Any {
            turn.unlock(me);
        }
        end
    }
}
