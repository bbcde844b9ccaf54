//! The order of the messages that the receivers have drawn: a linked list through the slots.
//!
//! Receivers that select a message need it. The holder of the receivers' lock changes it. If that
//! one dies meanwhile, or the list is impossible, it is [made anew](Order::rebuild).

use super::slots::{Guarded, NOWHERE, Nonsense, Slots};
use crate::sys::Ordering::Relaxed;
use crate::sys::mortal::AtomicU64;
use std::ops::Range;

/// All zero: no messages.
#[repr(C, align(128))]
pub(crate) struct Order {
    /// The places of the first message and of the last.
    first: Guarded,
    last: Guarded,
    /// How many messages have been drawn since the beginning.
    drawn: AtomicU64,
}

impl Order {
    pub(crate) fn new() -> Self {
        Order {
            first: Guarded::new(),
            last: Guarded::new(),
            drawn: AtomicU64::new(0),
        }
    }

    /// The place of the first message, or nowhere.
    #[inline]
    pub(crate) fn first(&self) -> u32 {
        self.first.get()
    }

    #[inline]
    pub(crate) fn drawn(&self) -> u64 {
        // ORDERING: Relaxed; only holders of the receivers' lock access it.
        self.drawn.load(Relaxed)
    }

    /// Draws the next message that senders have handed over, at this place, and appends it.
    #[inline]
    pub(crate) fn draw(&self, slots: &Slots, place: u32) -> Result<(), Nonsense> {
        self.append(slots, place)?;
        self.skip();
        Ok(())
    }

    /// Counts the next message that senders have handed over as drawn, without appending it.
    #[inline]
    pub(crate) fn skip(&self) {
        // ORDERING: as in `drawn`.
        self.drawn.store(self.drawn().wrapping_add(1), Relaxed);
    }

    #[inline]
    fn append(&self, slots: &Slots, place: u32) -> Result<(), Nonsense> {
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

    #[inline]
    pub(crate) fn remove(&self, slots: &Slots, place: u32) -> Result<(), Nonsense> {
        let slot = slots.at(place)?;
        let (before, next) = (slot.previous.get(), slot.next.get());
        match before {
            NOWHERE => self.first.set(next),
            before => slots.at(before)?.next.set(next),
        }
        match next {
            NOWHERE => self.last.set(before),
            next => slots.at(next)?.previous.set(before),
        }
        Ok(())
    }

    /// Makes the order anew: messages are in all places but the free ones, at these indices.
    #[cold]
    pub(crate) fn rebuild(
        &self,
        slots: &Slots,
        sent: u64,
        free: Range<u64>,
    ) -> Result<(), Nonsense> {
        let mut numbers = vec![None; slots.count() as usize];
        for (index, number) in numbers.iter_mut().enumerate() {
            *number = Some(slots.number(index as u32 + 1)?);
        }
        for index in free {
            numbers[slots.free(index)? as usize - 1] = None;
        }
        let numbered = (1..).zip(numbers);
        let messages = numbered.filter_map(|(place, number)| Some((number?, place)));
        let mut messages = Vec::from_iter(messages);
        messages.sort_unstable();
        self.first.set(NOWHERE);
        self.last.set(NOWHERE);
        for (_, place) in messages {
            self.append(slots, place)?;
        }
        // ORDERING: as in `drawn`.
        self.drawn.store(sent, Relaxed);
        Ok(())
    }
}
