//! The two sides of a queue, senders and receivers: each waits for the other one's count.
//!
//! Each side has its own lock, and counts what it has handed over to the other side
//! ([`done`](Side::done)): messages, or places that are free again. A thread that hands over stores
//! that count last, and then *opens* the other side's gate.
//!
//! **Waiting.** A waiter sleeps at its side's gate. Between its wake-up and its attempt it must
//! take a lock, behind which a dead waiter cannot pass a wake-up on any more. So of the waiters
//! that want the same thing, only one is at the gate: the holder of the side's *turn*, a robust
//! mutex, for which the others wait. However that holder ends, the kernel gives the turn to the
//! next, which looks for itself. A holder that is stopped passes nothing on; so the others, too,
//! look at times ([`behind`](awake::behind)). Receivers that want a particular message do not wait
//! for a turn. For their sake, *all* waiters at the gate are woken each time.
//!
//! **Deaths.** If a thread dies after it has stored the count and before it has opened the gate,
//! the gate is pending for it. The kernel wakes one waiter, which finds the gate unopened and opens
//! it for the others. (The gate is pending for that one meanwhile, in case it is killed too.) A
//! waiter that did not sleep yet sees the count and does not sleep.

use super::slots::Nonsense;
use crate::ipc::gate::Gate;
use crate::ipc::mutex::raw::RawMutex;
use crate::sys::Ordering::{Acquire, Relaxed, Release};
use crate::sys::deadline::Deadline;
use crate::sys::ipc::awake;
use crate::sys::ipc::me::Me;
use crate::sys::mortal::AtomicU64;
use std::ptr;

/// Keeps the sides' writes two cache lines apart: processors fetch a line's neighbour along.
#[repr(C, align(128))]
struct Apart<T>(T);

/// All zero: it has handed over nothing, and no thread waits.
#[repr(C)]
pub(crate) struct Side {
    own: Apart<Own>,
    /// How much this side has handed over since the beginning. Only its lock's holder writes it.
    done: Apart<AtomicU64>,
    waiting: Apart<Waiting>,
}

#[repr(C)]
struct Own {
    lock: RawMutex,
    /// The other side's count as this side last saw it. For the lock's holder.
    seen: AtomicU64,
}

#[repr(C)]
struct Waiting {
    gate: Gate,
    turn: RawMutex,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Whatever comes, as other waiters do.
    Any,
    /// A particular message.
    Particular,
}

/// The result of an attempt: done, or refused as long as the other side's count is this.
pub(crate) enum Attempt<R> {
    Done(R),
    Refused(u64),
}

impl Side {
    pub(crate) fn new() -> Self {
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
    pub(crate) fn lock(&self) -> &RawMutex {
        &self.own.0.lock
    }

    /// How much this side has handed over. What was done before that is seen.
    #[inline]
    pub(crate) fn done(&self) -> u64 {
        // ORDERING: Acquire pairs with the Release in `hand_over`.
        self.done.0.load(Acquire)
    }

    /// How much the other side has handed over beyond this count, and at most `most`. For the
    /// lock's holder. It reads the other side's cache line only if it knows of nothing to take.
    #[inline]
    pub(crate) fn ready(&self, other: &Side, beyond: u64, most: u64) -> Result<u64, Nonsense> {
        let seen = &self.own.0.seen;
        // ORDERING: Relaxed, here and below; the lock orders it, with what its writer acquired.
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

    /// Hands over one more to the other side, and opens that side's gate. For the lock's holder.
    #[inline]
    pub(crate) fn hand_over(&self, me: Me, other: &Side) {
        let gate = &other.waiting.0.gate;
        gate.pend(me);
        // ORDERING: Relaxed; only the lock's holder writes it.
        let done = self.done.0.load(Relaxed);
        // ORDERING: Release pairs with the Acquire in `done`.
        self.done.0.store(done.wrapping_add(1), Release);
        gate.open_for_all(me);
    }

    /// Attempts until an attempt succeeds, or the deadline passes.
    pub(crate) fn until<R>(
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
                    let ready = || other.done().wrapping_sub(count);
                    if !awake::wait(ptr::from_ref(self).addr(), ready, 1, deadline) {
                        return self.wait(other, me, wish, count, deadline, attempt);
                    }
                }
            }
        }
    }

    /// As [`until`](Self::until), asleep, after an attempt that was refused at this count.
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
            // Also if it has not slept at all, because a word had changed.
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
