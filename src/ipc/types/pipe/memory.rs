//! The memory of a pipe or FIFO: a ring, and its bytes.

use crate::ipc::ring::Ring;
use crate::sys::ipc::region::Region;
use std::ptr::NonNull;

/// A ring and its bytes, which end the region.
pub(crate) struct Memory {
    region: Region,
    /// The ring's offset in the payload.
    ring: usize,
}

impl Memory {
    /// The ring begins at this offset of the payload, and its bytes follow it.
    pub(crate) fn new(region: Region, ring: usize) -> Self {
        assert!(region.size() > ring + size_of::<Ring>(), "no bytes");
        Memory { region, ring }
    }

    /// Makes the ring in a new region, at this offset.
    pub(crate) fn make_ring(payload: NonNull<u8>, before: usize) {
        // SAFETY: the payload is larger than that.
        let ring = unsafe { payload.byte_add(before) };
        // SAFETY: it is aligned as a ring, as `before` is, large enough, and not shared yet.
        unsafe { ring.cast().write(Ring::new()) };
    }

    #[inline]
    pub(crate) fn payload(&self) -> NonNull<u8> {
        self.region.payload()
    }

    #[inline]
    pub(crate) fn ring(&self) -> &Ring {
        // SAFETY: within the region, as `new` has checked.
        let ring = unsafe { self.payload().byte_add(self.ring) };
        // SAFETY: mapped as long as this is borrowed; it is numbers.
        unsafe { ring.cast().as_ref() }
    }

    /// The ring's capacity in bytes.
    #[inline]
    pub(super) fn capacity(&self) -> usize {
        self.region.size() - self.ring - size_of::<Ring>()
    }

    /// The bytes from this place on, in two parts, each as an address and a length.
    #[inline]
    pub(super) fn parts(&self, place: u64, count: usize) -> [(NonNull<u8>, usize); 2] {
        let (capacity, offset) = (self.capacity(), self.ring + size_of::<Ring>());
        let start = (place % capacity as u64) as usize;
        let first = count.min(capacity - start);
        // SAFETY: within the region, as is what comes after it.
        let bytes = unsafe { self.payload().byte_add(offset) };
        // SAFETY: the start is within the bytes.
        let from_start = unsafe { bytes.byte_add(start) };
        [(from_start, first), (bytes, count - first)]
    }
}
