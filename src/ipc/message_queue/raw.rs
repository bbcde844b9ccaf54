//! The queue's algorithm: two sides, senders and receivers, that hand each other places.
//!
//! A *place* is room for one message. Senders take free places in the order in which they became
//! free, put messages there, and hand them over to the receivers. Receivers take messages out and
//! hand the places back, in whatever order their selectors ask for. Each side has a robust lock of
//! its own, so both work at the same time.
//!
//! (Q1) **Each operation is one store.** A side first writes what it hands over into a ring
//! ([`slots`](super::slots)), and then counts: that store is the message's sending, or its receipt.
//! All else that a side changes follows from the counts and from what was written before them, or
//! does not count yet. So a killed thread leaves no half of a message, and none twice:
//! - *a sender* leaves a half filled place, which is still the next free one;
//! - *a receiver* leaves the order of the messages half changed. The lock's next holder makes it
//!   anew: the messages are in all places that were not handed back, and each has its index.
//!
//! **Waiting** is for a change of the other side's count: see [`side`](super::side).

use super::order::Order;
use super::selector::{Message, Selector};
use super::side::{Attempt, Side, Wish};
use super::slots::{NOWHERE, Nonsense, Slots};
use crate::ipc::mutex::raw::Locked;
use crate::sys::deadline::Deadline;
use crate::sys::ipc::me::Me;

/// A queue without its slots. All zero: an empty one.
#[repr(C)]
pub(crate) struct Head {
    senders: Side,
    receivers: Side,
    order: Order,
}

impl Head {
    pub(crate) fn new() -> Self {
        Head {
            senders: Side::new(),
            receivers: Side::new(),
            order: Order::new(),
        }
    }
}

/// Nothing: there is no room or no such message, or the deadline has passed.
pub(crate) type Outcome<R> = Result<Option<R>, Nonsense>;

/// A selected message.
#[derive(Clone, Copy)]
struct Found {
    place: u32,
    message: Message,
    /// Whether it is in the order; if not, it is the next one to be drawn.
    is_drawn: bool,
}

/// A queue, as this process has it.
#[derive(Clone, Copy)]
pub(crate) struct Queue<'a> {
    pub(crate) head: &'a Head,
    pub(crate) slots: &'a Slots,
}

impl Queue<'_> {
    /// Sends a message that is not too large, if there is a free place.
    #[inline]
    pub(crate) fn try_send(self, kind: i64, bytes: &[u8]) -> Outcome<()> {
        let sent = self.put_locked(Me::get(), kind, bytes, Deadline::NEVER);
        now(sent)
    }

    /// Sends a message that is not too large, once there is a free place.
    #[inline]
    pub(crate) fn send(self, kind: i64, bytes: &[u8], deadline: Deadline) -> Outcome<()> {
        let Head {
            senders, receivers, ..
        } = self.head;
        let me = Me::get();
        let attempt = || self.put_locked(me, kind, bytes, deadline);
        let end = senders.until(receivers, me, Wish::Any, deadline, attempt);
        end.transpose()
    }

    /// Receives the selector's message, if there is one. If the buffer is too small, it stays.
    #[inline]
    pub(crate) fn try_receive(self, selector: Selector, buffer: &mut [u8]) -> Outcome<Message> {
        let received = self.take_locked(Me::get(), selector, buffer, Deadline::NEVER);
        now(received)
    }

    /// Receives the selector's message, once there is one. If the buffer is too small, it stays.
    #[inline]
    pub(crate) fn receive(
        self,
        selector: Selector,
        buffer: &mut [u8],
        deadline: Deadline,
    ) -> Outcome<Message> {
        let Head {
            senders, receivers, ..
        } = self.head;
        let me = Me::get();
        let attempt = || self.take_locked(me, selector, buffer, deadline);
        let wish = match selector {
            Selector::Any => Wish::Any,
            _ => Wish::Particular,
        };
        let end = receivers.until(senders, me, wish, deadline, attempt);
        end.transpose()
    }

    pub(crate) fn len(self) -> u32 {
        let Head {
            senders, receivers, ..
        } = self.head;
        let mut received = receivers.done();
        loop {
            let sent = senders.done();
            let still = receivers.done();
            if still == received {
                return sent.wrapping_sub(received).min(self.capacity()) as u32;
            }
            received = still;
        }
    }

    fn capacity(self) -> u64 {
        self.slots.count().into()
    }

    /// Returns nothing if the deadline passes before the lock is free.
    #[inline]
    fn put_locked(
        self,
        me: Me,
        kind: i64,
        bytes: &[u8],
        deadline: Deadline,
    ) -> Option<Attempt<Result<(), Nonsense>>> {
        let lock = self.head.senders.lock();
        // A dead predecessor has left nothing to repair (Q1).
        lock.lock(me, deadline)?;
        let sent = self.put(me, kind, bytes);
        lock.unlock(me);
        Some(Attempt::of(sent))
    }

    #[inline]
    fn put(self, me: Me, kind: i64, bytes: &[u8]) -> Result<Attempt<()>, Nonsense> {
        let (
            Head {
                senders, receivers, ..
            },
            slots,
        ) = (self.head, self.slots);
        let (sent, capacity) = (senders.done(), self.capacity());
        let freed = sent.wrapping_sub(capacity);
        if senders.ready(receivers, freed, capacity)? == 0 {
            return Ok(Attempt::Refused(freed));
        }

        slots.fetch_ahead(sent);
        let place = slots.free(sent)?;
        slots.write(place, sent, kind, bytes)?;
        slots.set_sent(sent, place);
        senders.hand_over(me, receivers);
        Ok(Attempt::Done(()))
    }

    /// As [`put_locked`](Self::put_locked).
    #[inline]
    fn take_locked(
        self,
        me: Me,
        selector: Selector,
        buffer: &mut [u8],
        deadline: Deadline,
    ) -> Option<Attempt<Result<Message, Nonsense>>> {
        let lock = self.head.receivers.lock();
        let mut received = match lock.lock(me, deadline)? {
            Locked::Cleanly => self.take(me, selector, buffer),
            Locked::OwnerDied => Err(Nonsense),
        };
        if received.is_err() {
            received = self
                .rebuild()
                .and_then(|()| self.take(me, selector, buffer));
        }
        lock.unlock(me);
        Some(Attempt::of(received))
    }

    #[inline]
    fn take(
        self,
        me: Me,
        selector: Selector,
        buffer: &mut [u8],
    ) -> Result<Attempt<Message>, Nonsense> {
        let (
            Head {
                senders,
                receivers,
                order,
            },
            slots,
        ) = (self.head, self.slots);
        let Some(Found {
            place,
            message,
            is_drawn,
        }) = self.find(selector)?
        else {
            return Ok(Attempt::Refused(order.drawn()));
        };
        let Some(bytes) = buffer.get_mut(..message.length) else {
            return Ok(Attempt::Done(message));
        };
        slots.read(place, bytes);
        match is_drawn {
            true => order.remove(slots, place)?,
            false => order.skip(),
        }
        slots.set_free(receivers.done(), place);
        receivers.hand_over(me, senders);
        Ok(Attempt::Done(message))
    }

    /// The message to receive. All before it are drawn.
    #[inline]
    fn find(self, selector: Selector) -> Result<Option<Found>, Nonsense> {
        let (order, slots) = (&self.head.order, self.slots);
        let mut best: Option<Found> = None;
        let mut place = order.first();
        for _ in 0..=slots.count() {
            let is_drawn = place != NOWHERE;
            if !is_drawn {
                match self.next()? {
                    Some(next) => place = next,
                    None => return Ok(best),
                }
            }
            let message = slots.message(place)?;
            let found = Found {
                place,
                message,
                is_drawn,
            };
            let is_best = selector.prefers(message.kind, best.map(|it| it.message.kind));
            if is_best && selector.is_content(message.kind) {
                return Ok(Some(found));
            }
            if !is_drawn {
                order.draw(slots, place)?;
            }
            if is_best {
                best = Some(Found {
                    is_drawn: true,
                    ..found
                });
            }
            place = slots.at(place)?.next.get();
        }
        // There cannot be as many.
        Err(Nonsense)
    }

    /// The place of the next message to be drawn.
    #[inline]
    fn next(self) -> Outcome<u32> {
        let Head {
            senders,
            receivers,
            order,
        } = self.head;
        let drawn = order.drawn();
        match receivers.ready(senders, drawn, self.capacity())? {
            0 => Ok(None),

            _ => self.slots.sent(drawn).map(Some),
        }
    }

    /// Makes the order anew. For the holder of the receivers' lock.
    #[cold]
    fn rebuild(self) -> Result<(), Nonsense> {
        let Head {
            senders,
            receivers,
            order,
        } = self.head;
        let (sent, capacity) = (senders.done(), self.capacity());
        let free = sent..receivers.done().wrapping_add(capacity);
        match free.end.wrapping_sub(sent) <= capacity {
            true => order.rebuild(self.slots, sent, free),
            false => Err(Nonsense),
        }
    }
}

impl<R> Attempt<Result<R, Nonsense>> {
    /// Nonsense ends the attempts, too.
    fn of(tried: Result<Attempt<R>, Nonsense>) -> Self {
        match tried {
            Ok(Attempt::Done(result)) => Attempt::Done(Ok(result)),
            Ok(Attempt::Refused(count)) => Attempt::Refused(count),
            Err(nonsense) => Attempt::Done(Err(nonsense)),
        }
    }
}

/// The result of an attempt that is the only one.
#[inline]
fn now<R>(tried: Option<Attempt<Result<R, Nonsense>>>) -> Outcome<R> {
    match tried {
        Some(Attempt::Done(result)) => result.map(Some),
        _ => Ok(None),
    }
}
