//! Where the slots of a modelled message queue are.

use crate::sys::Ordering::Relaxed;
use crate::sys::mortal::AtomicU64;

/// Slots with messages of at most eight bytes, which are written in one step.
pub(crate) struct Memory<Slot>(Vec<(Slot, AtomicU64)>);

impl<Slot> Memory<Slot> {
    pub(crate) fn new(count: u32, new: impl Fn() -> Slot) -> Self {
        let slot = |_| (new(), AtomicU64::new(0));
        Memory((0..count).map(slot).collect())
    }

    pub(crate) fn slot(&self, index: u32) -> &Slot {
        &self.0[index as usize].0
    }

    pub(crate) fn fetch(&self, _: u32) {}

    pub(crate) fn write(&self, index: u32, bytes: &[u8]) {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        // ORDERING: Relaxed; bytes.
        self.0[index as usize]
            .1
            .store(u64::from_le_bytes(word), Relaxed);
    }

    pub(crate) fn read(&self, index: u32, bytes: &mut [u8]) {
        // ORDERING: as above.
        let word = self.0[index as usize].1.load(Relaxed).to_le_bytes();
        bytes.copy_from_slice(&word[..bytes.len()]);
    }
}
