//! Numbers for messages, each of which must arrive once.

use crate::storm::Toll;
use anteroom::ipc::Shared;
use common::processes::shared;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// How many there are, 64 in a word.
const WORDS: usize = 64;

/// As many bytes as a message has that carries one.
pub(crate) const BYTES: usize = 24;

/// Which numbers are of messages that have been sent, or almost, and not been received, or not
/// quite.
pub(crate) struct Numbers(Shared<[AtomicU64; WORDS]>);

impl Numbers {
    pub(crate) fn new() -> Self {
        Numbers(shared([const { AtomicU64::new(0) }; WORDS]))
    }

    /// A message with a number that no other has which is on the way.
    pub(crate) fn depart(&self) -> (u64, [u8; BYTES]) {
        loop {
            let (word, bit) = (fastrand::usize(..WORDS), fastrand::u64(..64));
            if self.0[word].fetch_or(1 << bit, SeqCst) & 1 << bit == 0 {
                let number = 64 * word as u64 + bit;
                let parts = [number, !number, number].map(u64::to_ne_bytes);
                return (number, parts.as_flattened().try_into().expect("as many"));
            }
        }
    }

    /// A message has come. Returns its number.
    pub(crate) fn arrive(&self, bytes: [u8; BYTES]) -> u64 {
        let parts: [[u8; 8]; 3] = bytes.as_chunks().0.try_into().expect("three");
        let [number, inverse, again] = parts.map(u64::from_ne_bytes);
        assert_eq!((inverse, again), (!number, number), "torn");
        let (word, bit) = ((number / 64) as usize, 1 << (number % 64));
        let before = self.0[word].fetch_and(!bit, SeqCst);
        assert_ne!(before & bit, 0, "{number} came twice, or from nowhere");
        number
    }

    /// Nothing is on the way any more, but for what the dead had in their hands: one each.
    pub(crate) fn check(&self, toll: &Toll) {
        let lost = self.0.iter().map(|word| word.swap(0, SeqCst).count_ones());
        let lost = u64::from(lost.sum::<u32>());
        assert!(lost <= toll.inside, "{lost} lost, {} died", toll.inside);
    }
}
