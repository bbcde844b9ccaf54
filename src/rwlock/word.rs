//! The reader-writer lock's word: its bits, and which threads they admit.
//!
//! ```text
//! 31     10 9     6     5        4          3         2          1          0
//! +---------+-------+-------+--------+------------+--------+------------+--------+
//! | readers | lease | OTHER | WRITER | DESIGNATED | PARKED | UPGRADABLE | WRITER |
//! |         |       | _NEXT | _NEXT  |            |        |            |        |
//! +---------+-------+-------+--------+------------+--------+------------+--------+
//! 63     48 47  40 39      35      34          33       32
//! +--------+------+----------+------------+---------+--------+
//! | period | copy | revokers | ASYMMETRIC | REVOKED | BIASED |
//! +--------+------+----------+------------+---------+--------+
//! ```
//!
//! A word of 32 bits has no second half, and no bias. [`raw`](super::raw) says what the bits mean.

use crate::policy::lease;

pub(super) const WRITER: usize = 1;
pub(super) const UPGRADABLE: usize = 2;
pub(super) const PARKED: usize = 4;
pub(super) const DESIGNATED: usize = 8;
pub(super) const WRITER_NEXT: usize = 16;
pub(super) const OTHER_NEXT: usize = 32;
const LEASE: Field = Field::new(6, 4);
const LEASES: u32 = 16;
/// The kind of thread that the lock is kept for, and since when.
pub(super) const NEXT: usize = WRITER_NEXT | OTHER_NEXT | LEASE.mask;

/// Whether a word has room for a bias.
pub(super) const HAS_BIAS: bool = usize::BITS == 64;

/// The first bit of the bias's half of the word.
const HALF: u32 = 32;

/// A flag of the bias, if there is one.
const fn bias_flag(bit: u32) -> usize {
    if HAS_BIAS { 1 << (HALF + bit) } else { 0 }
}

/// A field of the bias, if there is one.
const fn bias_field(bit: u32, bits: u32) -> Field {
    if HAS_BIAS {
        Field::new(HALF + bit, bits)
    } else {
        Field { shift: 0, mask: 0 }
    }
}

pub(crate) const BIASED: usize = bias_flag(0);
pub(super) const REVOKED: usize = bias_flag(1);
pub(crate) const ASYMMETRIC: usize = bias_flag(2);
const REVOKERS: Field = bias_field(3, 5);
const COPY: Field = bias_field(8, 8);
const PERIOD: Field = bias_field(16, 16);

const COUNT: Field = Field::new(10, 22);
pub(super) const READERS: usize = COUNT.mask;
pub(super) const ONE_READER: usize = COUNT.one();
pub(super) const ONE_REVOKER: usize = if HAS_BIAS { REVOKERS.one() } else { 0 };
/// The word of a new lock that is never biased (RW10).
pub(crate) const UNBIASED: usize = ONE_REVOKER;

/// All that a bias leaves in the word, but for the count of revokers.
pub(super) const BIAS: usize = BIASED | REVOKED | ASYMMETRIC | COPY.mask | PERIOD.mask;
/// What a reader must find to publish itself: a bias of its copy of the crate.
pub(super) const BIASED_BY: usize = BIASED | COPY.mask;

/// Half of what the word can count. The other half is for readers that must not be refused: those
/// that acquire their lock again after a wait, and writers that downgrade. There are at most as
/// many of them as threads.
pub(crate) const MAX_READERS: usize = (READERS / ONE_READER).div_ceil(2);

/// The limit of a read that is acquired again, which must not panic.
pub(crate) const MAX_AGAIN: usize = READERS / ONE_READER - (1 << 16);

/// Neighbouring bits of the word.
#[derive(Clone, Copy)]
struct Field {
    shift: u32,
    mask: usize,
}

impl Field {
    const fn new(shift: u32, bits: u32) -> Self {
        Field {
            shift,
            mask: ((1 << bits) - 1) << shift,
        }
    }

    const fn one(self) -> usize {
        1 << self.shift
    }

    fn of(self, state: usize) -> usize {
        (state & self.mask) >> self.shift
    }

    /// The state with this value in the field, if it fits.
    fn with(self, state: usize, value: usize) -> Option<usize> {
        let shifted = value << self.shift;
        let fits = shifted & !self.mask == 0 && shifted >> self.shift == value;
        fits.then_some(state & !self.mask | shifted)
    }
}

#[inline(always)]
pub(super) fn readers(state: usize) -> usize {
    COUNT.of(state)
}

/// Whether there is a bias, or one that was revoked: readers may be in their slots.
#[inline(always)]
pub(super) fn is_named(state: usize) -> bool {
    state & (BIASED | REVOKED) != 0
}

/// Whether the lock is still biased exactly as in `before`, a biased word. If so, no thread had
/// begun to revoke the bias.
#[inline(always)]
pub(super) fn is_biased_as(before: usize, state: usize) -> bool {
    !HAS_BIAS || (before ^ state) >> (HALF % usize::BITS) == 0
}

/// Whether two words, which have names, have the same.
pub(super) fn has_same_name(one: usize, other: usize) -> bool {
    (one ^ other) & (COPY.mask | PERIOD.mask) == 0
}

/// Whether there is a revoker: a thread that looks whether it may take the name away (RW7).
pub(super) fn is_being_revoked(state: usize) -> bool {
    revokers(state) != 0
}

/// The bits that count the revokers.
pub(super) fn revokers(state: usize) -> usize {
    state & REVOKERS.mask
}

/// The state with one more revoker, if there is room for one.
pub(super) fn with_revoker(state: usize) -> Option<usize> {
    REVOKERS.with(state, REVOKERS.of(state) + 1)
}

/// What a copy of the crate with this number writes in words that it biases, if that fits.
pub(crate) fn copy(number: usize) -> Option<usize> {
    COPY.with(0, number).filter(|copy| *copy != 0)
}

/// Which copy of the crate began the bias.
#[inline(always)]
pub(super) fn copy_of(state: usize) -> usize {
    state & COPY.mask
}

/// The bits of the period with this number. They are never all zero, as they are without a bias.
pub(super) fn period(number: usize) -> usize {
    let most = PERIOD.mask >> PERIOD.shift;
    (number % most.max(1) + 1) << PERIOD.shift
}

/// Whether an entry is of a read in a period with these bits, of any lock.
pub(super) fn is_of_period(entry: usize, period: usize) -> bool {
    HAS_BIAS && (entry << PERIOD.shift) == period
}

/// The number of low bits of an address that are zero: the word's alignment.
const ZEROS: u32 = 3;

/// Whether an entry has room for this whole address.
pub(super) fn fits(key: usize) -> bool {
    key >> (PERIOD.shift + ZEROS) == 0
}

/// The entry of a read of the lock at this address: the address, without the low bits that are
/// zero, and the period. It is never zero.
#[inline(always)]
pub(super) fn entry(key: usize, state: usize) -> usize {
    if HAS_BIAS {
        (key << (usize::BITS - PERIOD.shift - ZEROS)) | PERIOD.of(state)
    } else {
        key
    }
}

/// The address of the lock that this entry is of.
pub(super) fn key_of(entry: usize) -> usize {
    if HAS_BIAS {
        entry >> (usize::BITS - PERIOD.shift) << ZEROS
    } else {
        entry
    }
}

/// The state with a lease that begins now.
pub(super) fn with_lease(state: usize) -> usize {
    let begun = lease::begin(LEASES) as usize;
    LEASE.with(state, begun).unwrap_or(state)
}

/// Whether the lock is kept for a writer that waits for threads inside to leave.
fn next_waits(state: usize) -> bool {
    state & WRITER_NEXT != 0 && state & (READERS | UPGRADABLE) != 0
}

/// Whether the lease is over, and the thread that the lock is kept for has not come. False as long
/// as it is kept for a writer beside readers, or for the upgradable reader inside.
pub(super) fn is_abandoned(state: usize) -> bool {
    !next_waits(state) && lease::is_over(LEASE.of(state) as u32, LEASES)
}

/// Whether the thread that is on its way counts as late. If the lock is kept for it, it is late
/// when the lease is over. A designated waker for which nothing is kept has no lease: it counts as
/// late from the beginning. So does a writer that waits for readers while the lock is kept for it.
pub(super) fn is_late(state: usize) -> bool {
    next_waits(state) || !is_kept(state)
}

/// Whether a writer or upgradable reader is kept out, because the lock is kept for another thread.
fn is_kept(state: usize) -> bool {
    state & (WRITER_NEXT | OTHER_NEXT) != 0 && !is_abandoned(state)
}

/// Whether any reader may count itself, and has nothing else to do: the usual case.
#[inline(always)]
pub(super) fn admits_any_reader(state: usize) -> bool {
    const { assert!(MAX_READERS.is_power_of_two()) };
    let full = MAX_READERS * ONE_READER;
    state & (WRITER | NEXT | BIASED | REVOKED | full) == 0
}

/// Whether a reader may count itself. A `recursive` reader passes a writer that waits for readers
/// to leave. A reader that is `next` takes what is kept.
#[inline]
pub(super) fn admits_reader(state: usize, recursive: bool, next: bool) -> bool {
    match state & (WRITER | WRITER_NEXT) {
        0 => true,
        WRITER_NEXT => {
            next || (recursive && (state & READERS != 0 || is_named(state))) || is_abandoned(state)
        }
        _ => false,
    }
}

/// Whether a thread may become the upgradable reader; or the writer, once no reader is inside.
#[inline]
pub(super) fn admits_upgradable(state: usize, next: bool) -> bool {
    state & (WRITER | UPGRADABLE) == 0 && (next || !is_kept(state))
}

#[inline]
pub(super) fn admits_writer(state: usize, next: bool) -> bool {
    admits_upgradable(state, next) && has_no_readers(state)
}

/// Whether no reader can be inside: none is counted, and there is no name.
#[inline]
pub(super) fn has_no_readers(state: usize) -> bool {
    state & READERS == 0 && !is_named(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_do_not_overlap() {
        let flags = [
            WRITER,
            UPGRADABLE,
            PARKED,
            DESIGNATED,
            WRITER_NEXT,
            OTHER_NEXT,
            BIASED,
            REVOKED,
            ASYMMETRIC,
        ];
        let fields = [LEASE, REVOKERS, COUNT, COPY, PERIOD].map(|field| field.mask);
        let all = flags.into_iter().chain(fields);
        let sum = all.fold(0, |sum, bits| {
            assert_eq!(sum & bits, 0);
            sum | bits
        });
        assert_eq!(sum, usize::MAX);
    }

    #[test]
    fn entry_is_the_whole_address_and_the_period() {
        if !HAS_BIAS {
            return;
        }
        let last = (1 << (PERIOD.shift + ZEROS)) - 8;
        assert!(fits(last) && !fits(last + 8));
        let mut entries = std::collections::HashSet::new();
        let keys = (ZEROS..PERIOD.shift + ZEROS).map(|bit| 1 << bit);
        for key in keys.chain([last]) {
            for number in [0, 1, 1 << 15, (1 << 16) - 2] {
                let entry = entry(key, period(number) | READERS | PARKED | COPY.mask);
                assert!(entry != 0 && entries.insert(entry), "{key:x} {number}");
                assert_eq!(key_of(entry), key);
                assert!(is_of_period(entry, period(number)));
                assert!(!is_of_period(entry, period(number + 1)));
                assert!(!is_of_period(0, period(number)));
            }
        }
    }

    #[test]
    fn number_of_a_copy_that_does_not_fit_is_refused() {
        assert_eq!(copy(0), None);
        if HAS_BIAS {
            assert!(copy(1).is_some() && copy(255).is_some() && copy(256).is_none());
        }
    }

    #[test]
    fn revokers_are_counted_to_a_limit() {
        if !HAS_BIAS {
            return;
        }
        let mut state = BIASED;
        for _ in 0..31 {
            state = with_revoker(state).expect("there is room");
        }
        assert_eq!(with_revoker(state), None);
        assert_eq!(state - 31 * ONE_REVOKER, BIASED);
    }
}
