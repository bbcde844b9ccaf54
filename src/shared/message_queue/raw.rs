//! The queue: slots, their order, a lock, and two ends. Untyped, and not concerned with where the slots are.
//!
//! **A message is there as long as its slot has a number.** The sender writes the message into a free slot, and then its number:
//! one store, before which there is nothing and after which it is sent. The receiver copies the message, and then writes
//! zero: one store, before which it is there and after which it is received. All else that is in the queue follows from the
//! numbers, and is changed before that store: what can go wrong has gone wrong by then. So whoever is killed, wherever,
//! leaves no half of a message, and none twice.
//!
//! **The lock** is robust. Who gets it from the dead makes the order anew, which is all that they can have left half done.
//!
//! **Waiting.** Who changes something announces it at the other end, makes the change (that one store), and opens the
//! gate there: see [`end`](super::end). All of that under the lock, so that whoever looks and then sleeps is either seen at the gate or
//! sees the change.

use super::end::{End, Wish};
use super::order::Order;
use super::selector::{Message, Selector};
use super::slots::{Guarded, Nonsense, Slots};
use crate::deadline::Deadline;
use crate::primitive::Ordering::Release;
use crate::shared::me::Me;
use crate::shared::mutex::raw::{Locked, RawMutex};

/// What a queue is besides its slots. All zero: an empty one.
#[repr(C, align(64))]
pub(crate) struct Head {
    lock: RawMutex,
    order: Order,
    /// How many messages there are.
    count: Guarded,
    receivers: End,
    senders: End,
}

impl Head {
    pub(crate) fn new() -> Self {
        Head {
            lock: RawMutex::new(),
            order: Order::new(),
            count: Guarded::new(),
            receivers: End::new(),
            senders: End::new(),
        }
    }
}

/// Nothing: there is no room, or no such message, or the time is over.
pub(crate) type Outcome<R> = Result<Option<R>, Nonsense>;

/// A queue, as a process has it.
#[derive(Clone, Copy)]
pub(crate) struct Queue<'a> {
    pub(crate) head: &'a Head,
    pub(crate) slots: &'a Slots,
}

impl Queue<'_> {
    /// Sends a message that has room, if there is a slot for it.
    #[inline]
    pub(crate) fn try_send(self, kind: i64, bytes: &[u8]) -> Outcome<()> {
        let me = Me::get();
        self.locked(me, Deadline::NEVER, || self.put(me, kind, bytes))
    }

    /// Sends a message that has room, when there is a slot for it.
    #[inline]
    pub(crate) fn send(self, kind: i64, bytes: &[u8], deadline: Deadline) -> Outcome<()> {
        let me = Me::get();
        let attempt = || {
            let put = || self.put(me, kind, bytes);
            self.locked(me, deadline, put).transpose()
        };
        let end = self.head.senders.until(me, Wish::Any, deadline, attempt);
        end.transpose()
    }

    /// Receives a message, if there is such a one. If the buffer is too small for it, it stays.
    #[inline]
    pub(crate) fn try_receive(self, selector: Selector, buffer: &mut [u8]) -> Outcome<Message> {
        let me = Me::get();
        self.locked(me, Deadline::NEVER, || self.take(me, selector, buffer))
    }

    /// Receives a message, when there is such a one. If the buffer is too small for it, it stays.
    #[inline]
    pub(crate) fn receive(
        self,
        selector: Selector,
        buffer: &mut [u8],
        deadline: Deadline,
    ) -> Outcome<Message> {
        let me = Me::get();
        let attempt = || {
            let take = || self.take(me, selector, buffer);
            self.locked(me, deadline, take).transpose()
        };
        let wish = match selector {
            Selector::Any => Wish::Any,
            _ => Wish::Particular,
        };
        let end = self.head.receivers.until(me, wish, deadline, attempt);
        end.transpose()
    }

    /// How many messages there are.
    pub(crate) fn len(self) -> u32 {
        let count = || Ok(Some(self.head.count.get().min(self.slots.count())));
        let counted = self.locked(Me::get(), Deadline::NEVER, count);
        counted.ok().flatten().expect("it is counted without fail")
    }

    /// Does something with the order while holding the lock.
    #[inline]
    fn locked<R>(
        self,
        me: Me,
        deadline: Deadline,
        mut change: impl FnMut() -> Outcome<R>,
    ) -> Outcome<R> {
        let lock = &self.head.lock;
        let Some(locked) = lock.lock(me, deadline) else {
            return Ok(None);
        };
        if locked == Locked::OwnerDied {
            self.rebuild();
        }
        let mut outcome = change();
        if outcome.is_err() {
            self.rebuild();
            outcome = change();
        }
        lock.unlock(me);
        outcome
    }

    fn rebuild(self) {
        let count = self.head.order.rebuild(self.slots);
        self.head.count.set(count);
    }

    #[inline]
    fn put(self, me: Me, kind: i64, bytes: &[u8]) -> Outcome<()> {
        let Head { order, count, .. } = self.head;
        let Some(place) = order.take_free(self.slots)? else {
            return Ok(None);
        };
        let (slot, number) = (self.slots.at(place)?, order.next_number(self.slots)?);
        self.slots.write(place, kind, bytes)?;
        order.append(self.slots, place)?;
        count.set(count.get().wrapping_add(1));
        self.head.receivers.announce(me);
        // Now it is sent.
        // ORDERING: Release, for whoever finds it after this one's death; else the lock does it.
        slot.number.store(number, Release);
        self.head.receivers.open(me);
        Ok(Some(()))
    }

    #[inline]
    fn take(self, me: Me, selector: Selector, buffer: &mut [u8]) -> Outcome<Message> {
        let Head { order, count, .. } = self.head;
        let Some((place, message)) = order.find(self.slots, selector)? else {
            return Ok(None);
        };
        let Some(bytes) = buffer.get_mut(..message.length) else {
            return Ok(Some(message));
        };
        let slot = self.slots.at(place)?;
        self.slots.read(place, bytes);
        order.remove(self.slots, place)?;
        count.set(count.get().wrapping_sub(1));
        self.head.senders.announce(me);
        // Now it is received.
        // ORDERING: Release, as above: the bytes have been read.
        slot.number.store(0, Release);
        self.head.senders.open(me);
        Ok(Some(message))
    }
}
