//! The layout of a queue's memory, and its size.

use crate::ipc::message_queue::raw::Head;
use crate::ipc::message_queue::slots::Memory;
use crate::ipc::types::shareable::fingerprint;
use crate::sys::Ordering::Relaxed;
use crate::sys::ipc::error::OpenError;
use crate::sys::ipc::region::{Payload, Region};
use crate::sys::mortal::AtomicU64;
use std::ptr::NonNull;

/// Stands before the slots. A process reads the first two numbers only when it opens the queue.
#[repr(C)]
pub(super) struct Front {
    capacity: AtomicU64,
    message_size: AtomicU64,
    pub(super) head: Head,
}

pub(super) const PAYLOAD: Payload = Payload {
    fingerprint: fingerprint("MessageQueue 1"),
    align: align_of::<Front>(),
    size: None,
};

/// How many messages a queue takes, of how many bytes, and how much memory that is.
pub(super) struct Layout {
    pub(super) capacity: u32,
    pub(super) message_size: u32,
    /// The distance of two slots, in bytes.
    pub(super) stride: usize,
    /// The size of everything, in bytes.
    pub(super) size: usize,
}

impl Layout {
    fn of(capacity: usize, message_size: usize) -> Option<Self> {
        let stride = Memory::stride(message_size)?;
        let size = stride
            .checked_mul(capacity)?
            .checked_add(size_of::<Front>())?;
        Some(Layout {
            capacity: u32::try_from(capacity).ok().filter(|count| *count > 0)?,
            message_size: message_size.try_into().ok()?,
            stride,
            size,
        })
    }

    pub(super) fn new(capacity: usize, message_size: usize) -> Result<Self, OpenError> {
        Self::of(capacity, message_size).ok_or(OpenError::SizeOutOfRange)
    }

    /// The layout recorded in the region, if it is possible.
    pub(super) fn found_in(region: &Region) -> Result<Self, OpenError> {
        let too_small = region.size() < size_of::<Front>();
        let front = (!too_small)
            .then(|| front(region))
            .ok_or(OpenError::NotShared)?;
        // ORDERING: Relaxed, here and below; it was written before the region had its name.
        let capacity = front.capacity.load(Relaxed).try_into();
        let message_size = front.message_size.load(Relaxed).try_into();
        let (Ok(capacity), Ok(message_size)) = (capacity, message_size) else {
            return Err(OpenError::NotShared);
        };
        Self::of(capacity, message_size)
            .filter(|layout| layout.size == region.size())
            .ok_or(OpenError::NotShared)
    }

    pub(super) fn fill(&self) -> impl Fn(NonNull<u8>) {
        let (capacity, message_size) = (self.capacity.into(), self.message_size.into());
        move |at| {
            let front = Front {
                capacity: AtomicU64::new(capacity),
                message_size: AtomicU64::new(message_size),
                head: Head::new(),
            };
            // SAFETY: the region is large enough for a `Front`. (The slots are all zero: free.)
            unsafe { at.cast().write(front) };
        }
    }
}

/// The region is large enough for a `Front`.
pub(super) fn front(region: &Region) -> &Front {
    // SAFETY: mapped as long as the region, and aligned; any bits are a `Front`.
    unsafe { region.payload().cast().as_ref() }
}
