//! In which order the messages are, and which slots are free: lists through the slots.
//!
//! All of this follows from the slots' own numbers, and is here only to be found quickly. Whoever holds the queue's lock changes
//! it; if that one dies meanwhile, or if it cannot be as it is, it is made anew ([`rebuild`](Order::rebuild)).

use super::selector::{Message, Selector};
use super::slots::{Guarded, NOWHERE, Nonsense, Slots};
use crate::primitive::Ordering::{Relaxed, Release};

/// No message's number comes so far: with a thousand million a second, in 292 years.
const MOST: u64 = i64::MAX as u64;

/// All zero: no messages.
#[repr(C)]
pub(super) struct Order {
    /// The places of the first message and of the last.
    first: Guarded,
    last: Guarded,
    /// That of the first of the free slots that have been used before.
    free: Guarded,
    /// How many slots have been used, from the first place on.
    used: Guarded,
}

impl Order {
    pub(super) fn new() -> Self {
        Order {
            first: Guarded::new(),
            last: Guarded::new(),
            free: Guarded::new(),
            used: Guarded::new(),
        }
    }

    /// A slot for the next message, which leaves the list of free ones, if there is one.
    #[inline]
    pub(super) fn take_free(&self, slots: &Slots) -> Result<Option<u32>, Nonsense> {
        let (free, used) = (self.free.get(), self.used.get());
        let place = match free {
            NOWHERE if used == slots.count() => return Ok(None),
            NOWHERE => used.wrapping_add(1),
            free => free,
        };
        let slot = slots.at(place)?;
        if slot.is_taken() {
            return Err(Nonsense);
        }
        match free {
            NOWHERE => self.used.set(place),
            _ => self.free.set(slot.next.get()),
        }
        Ok(Some(place))
    }

    /// The number for the next message: above the last one's.
    #[inline]
    pub(super) fn next_number(&self, slots: &Slots) -> Result<u64, Nonsense> {
        match self.last.get() {
            NOWHERE => Ok(1),
            last => {
                // ORDERING: Relaxed; written by holders of the lock.
                let number = slots.at(last)?.number.load(Relaxed);
                match (1..MOST).contains(&number) {
                    true => Ok(number + 1),
                    false => Err(Nonsense),
                }
            }
        }
    }

    /// Puts the slot there, which is to be a message, behind the last one.
    #[inline]
    pub(super) fn append(&self, slots: &Slots, place: u32) -> Result<(), Nonsense> {
        let (slot, last) = (slots.at(place)?, self.last.get());
        slot.previous.set(last);
        slot.next.set(NOWHERE);
        match last {
            NOWHERE => self.first.set(place),
            last => slots.at(last)?.next.set(place),
        }
        self.last.set(place);
        Ok(())
    }

    /// The message to receive, and its place.
    #[inline]
    pub(super) fn find(
        &self,
        slots: &Slots,
        selector: Selector,
    ) -> Result<Option<(u32, Message)>, Nonsense> {
        let mut best: Option<(u32, Message)> = None;
        let mut place = self.first.get();
        for _ in 0..slots.count() {
            if place == NOWHERE {
                break;
            }
            let slot = slots.at(place)?;
            let message = slots.message(place)?;
            if !slot.is_taken() {
                return Err(Nonsense);
            }
            if selector.prefers(message.kind, best.map(|(_, best)| best.kind)) {
                best = Some((place, message));
                if selector.is_content(message.kind) {
                    return Ok(best);
                }
            }
            place = slot.next.get();
        }
        match place {
            NOWHERE => Ok(best),
            _ => Err(Nonsense),
        }
    }

    /// Takes the message there out of the order, and makes its slot a free one.
    #[inline]
    pub(super) fn remove(&self, slots: &Slots, place: u32) -> Result<(), Nonsense> {
        let slot = slots.at(place)?;
        // What the first one has for a previous one is left from other times.
        let before = match self.first.get() {
            first if first == place => NOWHERE,
            _ => slot.previous.get(),
        };
        let next = slot.next.get();
        match before {
            NOWHERE => self.first.set(next),
            before => slots.at(before)?.next.set(next),
        }
        match next {
            NOWHERE => self.last.set(before),
            next if before != NOWHERE => slots.at(next)?.previous.set(before),
            _ => {}
        }
        slot.next.set(self.free.get());
        self.free.set(place);
        Ok(())
    }

    /// Makes all of it anew from the slots' numbers, and returns how many messages there are. What can be none is made none.
    #[cold]
    pub(super) fn rebuild(&self, slots: &Slots) -> u32 {
        let mut messages = Vec::new();
        self.used.set(slots.count());
        self.free.set(NOWHERE);
        for place in (1..=slots.count()).rev() {
            let slot = slots.at(place).expect("all places there are");
            // ORDERING: Relaxed; written by holders of the lock.
            let number = slot.number.load(Relaxed);
            if (1..MOST).contains(&number) && slots.message(place).is_ok() {
                messages.push((number, place));
                continue;
            }
            if number != 0 {
                // ORDERING: Release, as where a message is received.
                slot.number.store(0, Release);
            }
            slot.next.set(self.free.get());
            self.free.set(place);
        }
        messages.sort_unstable();
        self.first.set(NOWHERE);
        self.last.set(NOWHERE);
        for (_, place) in &messages {
            self.append(slots, *place).expect("all places there are");
        }
        messages.len() as u32
    }
}
