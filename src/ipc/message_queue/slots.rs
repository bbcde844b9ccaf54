//! Slots: where the messages of a queue stand. All places and lengths that are read are checked.
//!
//! Beside the messages stand two rings of places, with an entry of each in every slot. One says at
//! which place the n-th message was sent, the other which place was the n-th to become free. So
//! each side finds what the other one hands over, though receivers free places in any order.

use super::selector::{KINDS, Message};
use crate::sys::Ordering::Relaxed;
use crate::sys::ipc::slots;
use crate::sys::mortal::{AtomicU32, AtomicU64};
use crate::sys::{guarded, only_in_models};

/// Room for one message, and an entry of each ring.
#[repr(C)]
pub(crate) struct Slot {
    /// How many messages were sent before this one.
    number: AtomicU64,
    kind: AtomicU64,
    length: Guarded,
    /// The places of its neighbours in the receivers' order.
    pub(crate) previous: Guarded,
    pub(crate) next: Guarded,
    /// Entries of the rings: a place, or zero for this slot's own.
    sent: AtomicU32,
    free: AtomicU32,
    _reserved: u32,
}

impl Slot {
    only_in_models! {
        pub(crate) fn new() -> Self {
            Slot {
                number: AtomicU64::new(0),
                kind: AtomicU64::new(0),
                length: Guarded::new(),
                previous: Guarded::new(),
                next: Guarded::new(),
                sent: AtomicU32::new(0),
                free: AtomicU32::new(0),
                _reserved: 0,
            }
    }
    }
}

/// A number that one side at a time accesses. What a dead thread has left in it does not count.
#[repr(transparent)]
pub(crate) struct Guarded(guarded::AtomicU32);

impl Guarded {
    pub(crate) fn new() -> Self {
        Guarded(guarded::AtomicU32::new(0))
    }

    #[inline]
    pub(crate) fn get(&self) -> u32 {
        // ORDERING: Relaxed, as below; a lock or a side's count orders the accesses.
        self.0.load(Relaxed)
    }

    #[inline]
    pub(crate) fn set(&self, value: u32) {
        // ORDERING: as above.
        self.0.store(value, Relaxed);
    }
}

/// The memory's contents are impossible: a process has written there that must not.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Nonsense;

/// No place. Places count from one, so that zero bytes mean this.
pub(crate) const NOWHERE: u32 = 0;

/// How many slots ahead a sender fetches the one to write to. Two and four pass a third more
/// messages than none; eight does not.
const AHEAD: u64 = 4;

/// Where the slots are.
pub(crate) type Memory = slots::Memory<Slot>;

/// All slots of a queue, as this process found them when it opened it.
pub(crate) struct Slots {
    memory: Memory,
    count: u32,
    room: usize,
}

impl Slots {
    /// This many slots, each with room for this many bytes.
    pub(crate) fn new(memory: Memory, count: u32, room: usize) -> Self {
        Slots {
            memory,
            count,
            room,
        }
    }

    /// The number of slots, which is also the last place.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    pub(crate) fn room(&self) -> usize {
        self.room
    }

    #[inline]
    pub(crate) fn at(&self, place: u32) -> Result<&Slot, Nonsense> {
        let index = place.wrapping_sub(1);
        match index < self.count {
            true => Ok(self.memory.slot(index)),
            false => Err(Nonsense),
        }
    }

    /// The slot with this index's entries in the rings, and the slot's place.
    #[inline]
    fn entry(&self, index: u64) -> (&Slot, u32) {
        let index = (index % u64::from(self.count)) as u32;
        (self.memory.slot(index), index + 1)
    }

    /// Fetches the slot that will probably be written to soon after this one. Else each message
    /// would wait for its cache lines to come from the receiver's processor.
    #[inline]
    pub(crate) fn fetch_ahead(&self, index: u64) {
        self.memory
            .fetch(self.entry(index.wrapping_add(AHEAD)).1 - 1);
    }

    /// The place of the message with this index.
    #[inline]
    pub(crate) fn sent(&self, index: u64) -> Result<u32, Nonsense> {
        let (slot, own) = self.entry(index);
        self.ring(&slot.sent, own)
    }

    /// The place that became free with this index.
    #[inline]
    pub(crate) fn free(&self, index: u64) -> Result<u32, Nonsense> {
        let (slot, own) = self.entry(index);
        self.ring(&slot.free, own)
    }

    #[inline]
    fn ring(&self, entry: &AtomicU32, own: u32) -> Result<u32, Nonsense> {
        // ORDERING: Relaxed, here and below; the writer's count, which was acquired, orders it.
        match entry.load(Relaxed) {
            NOWHERE => Ok(own),
            place if place <= self.count => Ok(place),
            _ => Err(Nonsense),
        }
    }

    #[inline]
    pub(crate) fn set_sent(&self, index: u64, place: u32) {
        let (slot, own) = self.entry(index);
        self.set_ring(&slot.sent, own, place);
    }

    #[inline]
    pub(crate) fn set_free(&self, index: u64, place: u32) {
        let (slot, own) = self.entry(index);
        self.set_ring(&slot.free, own, place);
    }

    /// While all messages are received in order, the entry is right already, and stays unchanged.
    #[inline]
    fn set_ring(&self, entry: &AtomicU32, own: u32, place: u32) {
        if self.ring(entry, own) != Ok(place) {
            // ORDERING: as above.
            entry.store(place, Relaxed);
        }
    }

    /// Writes a message, for which there is room, at this place.
    #[inline]
    pub(crate) fn write(
        &self,
        place: u32,
        number: u64,
        kind: i64,
        bytes: &[u8],
    ) -> Result<(), Nonsense> {
        let slot = self.at(place)?;
        assert!(bytes.len() <= self.room);
        // ORDERING: as above, here and below.
        slot.number.store(number, Relaxed);
        // ORDERING: as above.
        slot.kind.store(kind.cast_unsigned(), Relaxed);
        slot.length.set(bytes.len() as u32);
        self.memory.write(place - 1, bytes);
        Ok(())
    }

    /// The index of the message at this place.
    pub(crate) fn number(&self, place: u32) -> Result<u64, Nonsense> {
        // ORDERING: as above.
        Ok(self.at(place)?.number.load(Relaxed))
    }

    /// The recorded type and length of the message at this place.
    #[inline]
    pub(crate) fn message(&self, place: u32) -> Result<Message, Nonsense> {
        let slot = self.at(place)?;
        // ORDERING: Relaxed; as above.
        let kind = slot.kind.load(Relaxed).cast_signed();
        let length = slot.length.get() as usize;
        match KINDS.contains(&kind) && length <= self.room {
            true => Ok(Message { kind, length }),
            false => Err(Nonsense),
        }
    }

    /// Reads the first bytes of the message at this place, as many as `bytes` has.
    #[inline]
    pub(crate) fn read(&self, place: u32, bytes: &mut [u8]) {
        assert!(place.wrapping_sub(1) < self.count && bytes.len() <= self.room);
        self.memory.read(place - 1, bytes);
    }
}
