//! The word of a reader-writer lock: which bits mean what.
//!
//! On 64-bit targets:
//!
//! ```text
//! 61     53 52    34 33     10 9                                                              0
//! +--------+--------+---------+---------------------------------------------------------------+
//! |  copy  | period | readers | flags                                                         |
//! +--------+--------+---------+---------------------------------------------------------------+
//! ```
//!
//! - `readers` counts the readers that are in no slot.
//! - `period` and `copy` mean something while `BIASED` or `REVOKING` is set: which bias of the process this is,
//!   and which copy of this crate began it ([`super::bias`]).
//! - While neither is set, the same bits count `tickets`: readers that were woken, and that the next writer
//!   lets in before itself.
//!
//! On other targets the fields are narrower, and no lock is ever biased.

/// A writer holds the lock, or waits for the counted readers to leave.
pub(super) const WRITER: usize = 1;
/// An upgradable reader holds the lock.
pub(super) const UPGRADABLE: usize = 1 << 1;
/// A thread is parked in the queue.
pub(super) const PARKED: usize = 1 << 2;
/// The writer is parked in the drain.
pub(super) const DRAINS: usize = 1 << 3;
/// There is a designated waker: a woken thread that has neither acquired nor parked again.
pub(super) const AWAKE: usize = 1 << 4;
/// `WRITER` or `UPGRADABLE` is set, but by a releaser, for a waiter that has not confirmed it yet.
pub(super) const RESERVED: usize = 1 << 5;
/// Readers publish themselves in slots.
pub(super) const BIASED: usize = 1 << 6;
/// The bias has ended. Readers of its period may still be in their slots.
pub(super) const REVOKING: usize = 1 << 7;
/// Readers of this period publish with a light fence, and writers need a heavy one.
pub(super) const ASYMMETRIC: usize = 1 << 8;

const FLAGS: u32 = 10;

const fn by_width(wide: u32, narrow: u32) -> u32 {
    if usize::BITS == 64 { wide } else { narrow }
}

const READER_BITS: u32 = by_width(24, 17);
pub(super) const PERIOD_BITS: u32 = by_width(19, 3);
const COPY_BITS: u32 = by_width(9, 2);

pub(super) const ONE_READER: usize = 1 << FLAGS;
pub(super) const READERS: usize = ((1 << READER_BITS) - 1) << FLAGS;

const TOP: u32 = FLAGS + READER_BITS;
pub(super) const ONE_TICKET: usize = 1 << TOP;
/// All bits of `period` and `copy`, or of the tickets. (What is above them is zero.)
const TOP_BITS: usize = !(ONE_TICKET - 1);
pub(super) const PERIOD: usize = (1 << PERIOD_BITS) - 1;
const COPY_SHIFT: u32 = TOP + PERIOD_BITS;

/// What tells a reader whether, and how, it may publish itself.
pub(super) const BIAS: usize = BIASED | ASYMMETRIC | TOP_BITS;

/// What an ordinary reader may not bring the count beyond: 2^23 (64-bit targets) or 2^16.
pub(super) const MAX_READERS: usize = 1 << (READER_BITS - 1);
/// What a reader that takes its lock again may not bring the count beyond. The rest is for threads that wake others and
/// count themselves meanwhile: as many as there are threads.
pub(super) const MAX_AGAIN: usize = MAX_READERS + MAX_READERS / 2;
/// More tickets are not given out.
pub(super) const MAX_TICKETS: usize = 1 << (by_width(28, 5) - 1);

pub(super) fn readers(state: usize) -> usize {
    (state & READERS) / ONE_READER
}

/// Whether the top bits name a bias, of which readers may be in their slots.
#[inline(always)]
pub(super) fn is_tagged(state: usize) -> bool {
    state & (BIASED | REVOKING) != 0
}

pub(super) fn tickets(state: usize) -> usize {
    match is_tagged(state) {
        true => 0,
        false => state >> TOP,
    }
}

/// Whether a counted reader is inside, or one is to be let in before the next writer.
pub(super) fn is_read(state: usize) -> bool {
    state & READERS != 0 || tickets(state) != 0
}

/// Everything that names a bias; zero if there is none.
pub(super) fn tag(state: usize) -> usize {
    match is_tagged(state) {
        true => state & (BIASED | REVOKING | ASYMMETRIC | TOP_BITS),
        false => 0,
    }
}

/// The word when the bias is over.
pub(super) fn untagged(state: usize) -> usize {
    state & !tag(state)
}

/// The tag of a bias that begins.
pub(super) fn new_tag(period: usize, copy: usize) -> usize {
    BIASED | (period & PERIOD) << TOP | copy
}

/// The bits of a copy's number, if it fits.
pub(super) fn copy_bits(number: usize) -> Option<usize> {
    (number >> COPY_BITS == 0).then_some(number << COPY_SHIFT)
}

/// The copy that began the bias.
#[inline(always)]
pub(super) fn copy(state: usize) -> usize {
    state & !((1 << COPY_SHIFT) - 1)
}

/// What a slot holds whose owner reads the lock with this key in this state's period: 45 bits of the
/// address, whose low three are zero, and the period. Never zero.
#[inline(always)]
pub(super) fn entry(key: usize, state: usize) -> usize {
    key << (PERIOD_BITS - 3) | ((state >> TOP) & PERIOD)
}

/// Whether [`entry`] keeps the whole address.
pub(super) fn fits(key: usize) -> bool {
    key as u64 >> 48 == 0
}

/// The period of a slot's entry.
pub(super) fn period_of(entry: usize) -> usize {
    entry & PERIOD
}
