//! Slots: where the messages of a queue stand. All places and lengths that are read are checked.
//!
//! Beside the messages stand two rings of places, with an entry of each in every slot. One says at
//! which place the n-th message was sent, the other which place was the n-th to become free. So
//! each side finds what the other one hands over, though receivers free places in any order.

use super::selector::{KINDS, Message};
use crate::sys::Ordering::Relaxed;
use crate::sys::guarded;
use crate::sys::mortal::{AtomicU32, AtomicU64};
pub(crate) use memory::Memory;

/// Room for one message, and an entry of each ring.
#[repr(C)]
pub(crate) struct Slot {
    /// How many messages were sent before this one.
    number: AtomicU64,
    kind: AtomicU64,
    length: Guarded,
    /// The places of its neighbours in the receivers' order.
    pub(super) previous: Guarded,
    pub(super) next: Guarded,
    /// Entries of the rings: a place, or zero for this slot's own.
    sent: AtomicU32,
    free: AtomicU32,
    _reserved: u32,
}

impl Slot {
    #[cfg(anteroom_models)]
    fn new() -> Self {
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

/// A number that one side at a time accesses. What a dead thread has left in it does not count.
#[repr(transparent)]
pub(crate) struct Guarded(guarded::AtomicU32);

impl Guarded {
    pub(super) fn new() -> Self {
        Guarded(guarded::AtomicU32::new(0))
    }

    #[inline]
    pub(super) fn get(&self) -> u32 {
        // ORDERING: Relaxed, as below; a lock or a side's count orders the accesses.
        self.0.load(Relaxed)
    }

    #[inline]
    pub(super) fn set(&self, value: u32) {
        // ORDERING: as above.
        self.0.store(value, Relaxed);
    }
}

/// The memory's contents are impossible: a process has written there that must not.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Nonsense;

/// No place. Places count from one, so that zero bytes mean this.
pub(super) const NOWHERE: u32 = 0;

/// How many slots ahead a sender fetches the one to write to. Two and four pass a third more
/// messages than none; eight does not.
const AHEAD: u64 = 4;

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

    #[cfg(not(anteroom_models))]
    pub(super) fn room(&self) -> usize {
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
    pub(super) fn fetch_ahead(&self, index: u64) {
        self.memory
            .fetch(self.entry(index.wrapping_add(AHEAD)).1 - 1);
    }

    /// The place of the message with this index.
    #[inline]
    pub(super) fn sent(&self, index: u64) -> Result<u32, Nonsense> {
        let (slot, own) = self.entry(index);
        self.ring(&slot.sent, own)
    }

    /// The place that became free with this index.
    #[inline]
    pub(super) fn free(&self, index: u64) -> Result<u32, Nonsense> {
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
    pub(super) fn set_sent(&self, index: u64, place: u32) {
        let (slot, own) = self.entry(index);
        self.set_ring(&slot.sent, own, place);
    }

    #[inline]
    pub(super) fn set_free(&self, index: u64, place: u32) {
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
    pub(super) fn write(
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
    pub(super) fn number(&self, place: u32) -> Result<u64, Nonsense> {
        // ORDERING: as above.
        Ok(self.at(place)?.number.load(Relaxed))
    }

    /// The recorded type and length of the message at this place.
    #[inline]
    pub(super) fn message(&self, place: u32) -> Result<Message, Nonsense> {
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
    pub(super) fn read(&self, place: u32, bytes: &mut [u8]) {
        assert!(place.wrapping_sub(1) < self.count && bytes.len() <= self.room);
        self.memory.read(place - 1, bytes);
    }
}

#[cfg(not(anteroom_models))]
mod memory {
    use super::Slot;
    use std::ptr::NonNull;

    /// A cache line, in bytes: no two slots share one.
    const LINE: usize = 64;

    /// The slots one after the other, each followed by its message's bytes.
    pub(crate) struct Memory {
        first: NonNull<u8>,
        stride: usize,
    }

    impl Memory {
        /// The distance of two slots, if that is a possible size.
        pub(crate) fn stride(room: usize) -> Option<usize> {
            size_of::<Slot>()
                .checked_add(room)?
                .checked_next_multiple_of(LINE)
        }

        /// # Safety
        /// As long as this is used, there are as many slots as will be asked for, aligned as a
        /// slot, and [`stride`](Self::stride) bytes apart.
        pub(crate) unsafe fn new(first: NonNull<u8>, stride: usize) -> Self {
            Memory { first, stride }
        }

        fn start(&self, index: u32) -> NonNull<u8> {
            // SAFETY: there is a slot, as `new` was promised; all callers have checked the index.
            unsafe { self.first.add(index as usize * self.stride) }
        }

        #[inline]
        pub(super) fn slot(&self, index: u32) -> &Slot {
            // SAFETY: there is one. It is atomic numbers, of which any are a slot.
            unsafe { self.start(index).cast().as_ref() }
        }

        fn bytes(&self, index: u32) -> NonNull<u8> {
            // SAFETY: they follow the slot.
            unsafe { self.start(index).add(size_of::<Slot>()) }
        }

        /// Fetches the slot for writing.
        #[inline]
        pub(super) fn fetch(&self, index: u32) {
            #[cfg(all(target_arch = "x86_64", not(miri)))]
            // SAFETY: a hint, which changes nothing and takes any address.
            unsafe {
                std::arch::asm!(
                    "prefetchw [{slot}]",
                    "prefetchw [{slot} + 64]",
                    slot = in(reg) self.start(index).as_ptr(),
                    options(nostack, preserves_flags),
                );
            }
        }

        #[inline]
        pub(super) fn write(&self, index: u32, bytes: &[u8]) {
            // SAFETY: the caller has checked the room; no other thread accesses the bytes.
            unsafe {
                NonNull::from(bytes)
                    .cast()
                    .copy_to_nonoverlapping(self.bytes(index), bytes.len())
            };
        }

        #[inline]
        pub(super) fn read(&self, index: u32, bytes: &mut [u8]) {
            // SAFETY: as above.
            unsafe {
                self.bytes(index)
                    .copy_to_nonoverlapping(NonNull::from(&mut *bytes).cast(), bytes.len())
            };
        }
    }
}

#[cfg(anteroom_models)]
mod memory {
    use super::Slot;
    use crate::sys::Ordering::Relaxed;
    use crate::sys::mortal::AtomicU64;

    /// Slots with messages of at most eight bytes, which are written in one step.
    pub(crate) struct Memory(Vec<(Slot, AtomicU64)>);

    impl Memory {
        pub(crate) fn new(count: u32) -> Self {
            let slot = |_| (Slot::new(), AtomicU64::new(0));
            Memory((0..count).map(slot).collect())
        }

        pub(super) fn slot(&self, index: u32) -> &Slot {
            &self.0[index as usize].0
        }

        pub(super) fn fetch(&self, _: u32) {}

        pub(super) fn write(&self, index: u32, bytes: &[u8]) {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            // ORDERING: Relaxed; bytes.
            self.0[index as usize]
                .1
                .store(u64::from_le_bytes(word), Relaxed);
        }

        pub(super) fn read(&self, index: u32, bytes: &mut [u8]) {
            // ORDERING: as above.
            let word = self.0[index as usize].1.load(Relaxed).to_le_bytes();
            bytes.copy_from_slice(&word[..bytes.len()]);
        }
    }
}
