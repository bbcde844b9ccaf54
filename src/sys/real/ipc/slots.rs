//! Where the slots of a message queue are.

use std::marker::PhantomData;
use std::ptr::NonNull;

/// A cache line, in bytes: no two slots share one.
const LINE: usize = 64;

/// The slots one after the other, each followed by its message's bytes.
pub(crate) struct Memory<Slot> {
    first: NonNull<u8>,
    stride: usize,
    slots: PhantomData<Slot>,
}

impl<Slot> Memory<Slot> {
    /// The distance of two slots, if that is a possible size.
    pub(crate) fn stride(room: usize) -> Option<usize> {
        size_of::<Slot>()
            .checked_add(room)?
            .checked_next_multiple_of(LINE)
    }

    /// # Safety
    /// As long as this is used, there are as many slots as will be asked for, aligned as a
    /// slot, and [`stride`](Self::stride) bytes apart. All bytes are a slot.
    pub(crate) unsafe fn new(first: NonNull<u8>, stride: usize) -> Self {
        Memory {
            first,
            stride,
            slots: PhantomData,
        }
    }

    fn start(&self, index: u32) -> NonNull<u8> {
        // SAFETY: there is a slot, as `new` was promised; all callers have checked the index.
        unsafe { self.first.add(index as usize * self.stride) }
    }

    #[inline]
    pub(crate) fn slot(&self, index: u32) -> &Slot {
        // SAFETY: there is one, and any bytes are one, as `new` was promised.
        unsafe { self.start(index).cast().as_ref() }
    }

    fn bytes(&self, index: u32) -> NonNull<u8> {
        // SAFETY: they follow the slot.
        unsafe { self.start(index).add(size_of::<Slot>()) }
    }

    /// Fetches the slot for writing.
    #[inline]
    pub(crate) fn fetch(&self, index: u32) {
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
        #[cfg(not(all(target_arch = "x86_64", not(miri))))]
        let _ = index;
    }

    #[inline]
    pub(crate) fn write(&self, index: u32, bytes: &[u8]) {
        // SAFETY: the caller has checked the room; no other thread accesses the bytes.
        unsafe {
            NonNull::from(bytes)
                .cast()
                .copy_to_nonoverlapping(self.bytes(index), bytes.len())
        };
    }

    #[inline]
    pub(crate) fn read(&self, index: u32, bytes: &mut [u8]) {
        // SAFETY: as above.
        unsafe {
            self.bytes(index)
                .copy_to_nonoverlapping(NonNull::from(&mut *bytes).cast(), bytes.len())
        };
    }
}
