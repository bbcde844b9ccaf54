//! Biased readers: which threads read which lock, each written where no other thread writes.
//!
//! Readers that count themselves in a lock's word pull its cache line from core to core, and two of them are slower
//! than one. So while a lock is *biased*, a reader publishes itself: it writes the lock's address and the bias's
//! period into a free slot of its own thread's row. A writer looks through the rows. The protocol between
//! them is in [`super::raw`].
//!
//! - **Rows.** Each lies on cache lines of its own and belongs to one thread at a time, from that thread's first
//!   biased read until it ends. They are in a static table and never unmapped, for a writer may be looking. A thread
//!   that finds no free row, or whose slots are full, counts itself.
//! - **Slots.** A slot belongs to one thread, which alone writes to it. When a thread ends inside (a guard in another
//!   thread-local, or a forgotten one), it keeps the slots that hold its reads; the row and the other slots go
//!   to the next thread at once. That thread never touches a slot that was taken when it got the row.
//! - **Periods.** A period tells a bias from all others of this process, as long as slots remember them: no
//!   bias begins with a period that is in any slot. So what a forgotten guard has left in a slot concerns its own
//!   lock only, wherever that lock or its memory goes. There are 2^19 periods, drawn one after the other.
//! - **Copies.** Two copies of this crate in one process (a plugin) have two tables, and neither sees the
//!   other's readers. So each copy has a number, which stands in the word while it has biased a lock.
//! - **Order.** A row's bits are set before its owner publishes itself, so a writer that must see
//!   a reader sees the bits of its row.
//!
//! Source: BRAVO (D. Dice and A. Kogan, USENIX ATC 2019), which hashes the readers of all threads into one table;
//! rows of threads are as in hazard pointers (M. Michael, 2004).

use super::word;
use crate::fence;
use crate::primitive::Ordering::{AcqRel, Acquire, Relaxed, Release};
use crate::primitive::{AtomicUsize, const_fn, table, thread_locals};
use std::cell::Cell;
use std::iter;

#[cfg(loom)]
use crate::primitive::modeled::{Bias, bias};

/// Whether locks are ever biased. Elsewhere an address and a period have no room in a word, or
/// thread-locals are emulated: those are gone before the last guard of a thread is.
pub(super) const HERE: bool = cfg!(all(
    target_pointer_width = "64",
    not(anteroom_unbiased),
    any(
        all(
            target_os = "linux",
            any(target_env = "gnu", target_env = "musl")
        ),
        target_os = "macos",
        target_os = "freebsd"
    )
));

/// Threads that can be biased readers at once. The table takes 128 KiB that stay untouched, and so need no memory,
/// until there are that many.
#[cfg(not(loom))]
const ROWS: usize = 1024;
#[cfg(loom)]
const ROWS: usize = 2;

/// Locks that one thread can read at once by bias.
#[cfg(not(loom))]
const SLOTS: usize = 7;
#[cfg(loom)]
const SLOTS: usize = 1;

/// What a free slot holds: no lock has this address.
const FREE: usize = 0;

/// Holds which lock its owner reads, or is about to find out whether it may, and in which period.
pub(super) struct Slot(AtomicUsize);

/// One thread's slots. Two cache lines, since processors fetch them in pairs.
#[repr(align(128))]
struct Row([Slot; SLOTS]);

impl Row {
    const_fn! {
        const fn new() -> Self {
            #[cfg(not(loom))]
            let slots = [const { Slot(AtomicUsize::new(FREE)) }; SLOTS];
            #[cfg(loom)]
            let slots = std::array::from_fn(|_| Slot(AtomicUsize::new(FREE)));
            Row(slots)
        }
    }
}

table! { fn rows() -> [Row; ROWS], each Row::new() }

// Two bits for each row: whether a thread owns it …
const TAKEN: usize = 1;
/// … and whether a writer must look at it: it is taken, or a slot of it may not be free.
const IN_USE: usize = 2;

const ROWS_A_WORD: usize = usize::BITS as usize / 2;
/// The bit [`TAKEN`] of all rows of a word.
const ALL_TAKEN: usize = usize::MAX / 3;

table! { fn uses() -> [AtomicUsize; ROWS.div_ceil(ROWS_A_WORD)], each AtomicUsize::new(0) }

// The last period that was drawn.
table! { fn last_period() -> [AtomicUsize; 1], each AtomicUsize::new(0) }

/// The word of a row's bits, and its shift there.
fn use_of(row: usize) -> (&'static AtomicUsize, usize) {
    (&uses()[row / ROWS_A_WORD], row % ROWS_A_WORD * 2)
}

/// Takes the row if it is free.
fn take(row: usize) -> bool {
    let (bits, shift) = use_of(row);
    let take = |bits| (bits & TAKEN << shift == 0).then_some(bits | (TAKEN | IN_USE) << shift);
    // ORDERING: Acquire pairs with the Release in `give_back`: the last owner has left its slots. That `IN_USE` is set
    // before we publish ourselves is for the fences between us and a writer to order.
    bits.fetch_update(AcqRel, Relaxed, take).is_ok()
}

/// Gives a row back that the calling thread has taken. Slots of threads that have ended may still be taken.
fn give_back(row: usize) {
    let (bits, shift) = use_of(row);
    let all_free = rows()[row].0.iter().all(Slot::is_free);
    let gone = if all_free { TAKEN | IN_USE } else { TAKEN };
    // ORDERING: Release pairs with the Acquire in `take`.
    bits.fetch_and(!(gone << shift), Release);
}

/// What a thread has of a row.
#[derive(Clone, Copy)]
struct Mine {
    row: Option<usize>,
    /// Which slots are the thread's, as bits.
    slots: usize,
    /// The thread is ending: the slots are those that still hold its reads, and the row is not its own.
    ended: bool,
}

impl Mine {
    /// The thread's slots for which `is` says so, with their bits.
    fn find(self, is: impl Fn(&Slot) -> bool) -> Option<(&'static Slot, usize)> {
        let slots = rows()[self.row?].0.iter().enumerate();
        let mut mine = slots.map(|(n, slot)| (slot, 1 << n));
        mine.find(|(slot, bit)| self.slots & bit != 0 && is(slot))
    }
}

thread_locals! {
    // Nothing to drop, so that they can be read until the thread's last instruction.
    static FIRST: Cell<Option<&'static Slot>> = Cell::new(None);
    static MINE: Cell<Mine> = Cell::new(Mine { row: None, slots: 0, ended: false });
    static LEASE: Lease = Lease;
    // How many more times the thread reads without a row before it asks again.
    static DO_NOT_ASK: Cell<u32> = Cell::new(0);
}

/// Gives the row back when its thread ends.
struct Lease;

impl Drop for Lease {
    fn drop(&mut self) {
        let _ = MINE.try_with(|mine| {
            let had = mine.get();
            let Some(row) = had.row else { return };
            let _ = FIRST.try_with(|first| first.set(None));
            // A read that outlives this (in another thread-local, or forgotten) keeps its slot.
            let taken = rows()[row].0.iter().enumerate();
            let taken = taken.map(|(n, slot)| usize::from(!slot.is_free()) << n);
            let slots = had.slots & taken.sum::<usize>();
            mine.set(Mine {
                row: (slots != 0).then_some(row),
                slots,
                ended: true,
            });
            give_back(row);
        });
    }
}

/// The slot of the calling thread that it uses first, if it has a row.
#[inline(always)]
pub(super) fn first_slot() -> Option<&'static Slot> {
    FIRST.with(Cell::get)
}

/// A slot of the calling thread that it may use, if there is one. It is given a row if it has none yet.
pub(super) fn free_slot() -> Option<&'static Slot> {
    let mut mine = MINE.with(Cell::get);
    if mine.row.is_none() {
        mine = find_row()?;
    }
    match mine.ended {
        true => None,
        false => mine.find(Slot::is_free).map(|(slot, _)| slot),
    }
}

/// The slot in which the calling thread has published this, if it has. The caller leaves that slot, and calls
/// [`has_left`] then.
pub(super) fn slot_of(entry: usize) -> Option<&'static Slot> {
    let mine = MINE.with(Cell::get);
    let (slot, bit) = mine.find(|slot| slot.is_mine(entry))?;
    if mine.ended {
        // Once it is free, it belongs to the next owner of the row.
        let slots = mine.slots & !bit;
        MINE.with(|all| all.set(Mine { slots, ..mine }));
    }
    Some(slot)
}

/// The calling thread has left a slot. If it has ended, perhaps its last one: the row is in use no more if no other
/// thread has it.
pub(super) fn has_left() {
    let mine = MINE.with(Cell::get);
    if let (true, Some(row)) = (mine.ended, mine.row)
        && take(row)
    {
        give_back(row);
    }
}

#[cold]
fn find_row() -> Option<Mine> {
    /// About as long as it takes to look through all rows.
    const PAUSE: u32 = if cfg!(loom) { u32::MAX } else { 1 << 10 };

    let wait = DO_NOT_ASK.with(Cell::get);
    if wait > 0 {
        DO_NOT_ASK.with(|not| not.set(wait - 1));
        return None;
    }
    let free_slots = |row: usize| {
        let slots = rows()[row].0.iter().enumerate();
        let free = slots.map(|(n, slot)| usize::from(slot.is_free()) << n);
        free.sum::<usize>()
    };
    // There is no lease to be had when the thread is ending.
    let row = LEASE.try_with(|_| {
        // (Slots that are taken now are those of threads that have ended, which only become free.)
        let is_free = |row: &usize| free_slots(*row) != 0 && take(*row);
        (0..ROWS).find(is_free)
    });
    let Some(row) = row.ok().flatten() else {
        DO_NOT_ASK.with(|not| not.set(PAUSE));
        return None;
    };
    let slots = free_slots(row);
    let mine = Mine {
        row: Some(row),
        slots,
        ended: false,
    };
    MINE.with(|all| all.set(mine));
    let first = mine.find(Slot::is_free);
    FIRST.with(|all| all.set(first.map(|(slot, _)| slot)));
    Some(mine)
}

/// The slots of all rows in use.
pub(super) fn slots() -> impl Iterator<Item = &'static Slot> {
    let of_word = |(n, bits): (usize, &AtomicUsize)| {
        // ORDERING: Relaxed; the fence before it, with that of a reader that has published itself, decides what it sees.
        let mut left = (bits.load(Relaxed) / IN_USE) & ALL_TAKEN;
        iter::from_fn(move || {
            let next = left.trailing_zeros() as usize / 2;
            left &= left.wrapping_sub(1);
            (next < ROWS_A_WORD).then(|| &rows()[n * ROWS_A_WORD + next])
        })
    };
    let used = uses().iter().enumerate().flat_map(of_word);
    used.flat_map(|row| &row.0)
}

/// In the child of a fork: the reads of other threads, which are not here, are over.
#[cfg(all(unix, not(any(loom, miri))))]
pub(super) fn begin_child() {
    let mine = MINE.get();
    for (row, it) in rows().iter().enumerate() {
        let (bits, shift) = use_of(row);
        let is_mine = mine.row == Some(row);
        // ORDERING: Relaxed, all; there is one thread.
        if bits.load(Relaxed) >> shift & (TAKEN | IN_USE) == 0 {
            continue;
        }
        for (n, slot) in it.0.iter().enumerate() {
            if !(is_mine && mine.slots & 1 << n != 0) {
                // ORDERING: as above.
                slot.0.store(FREE, Relaxed);
            }
        }
        let stays = match (is_mine, mine.ended) {
            (true, false) => TAKEN | IN_USE,
            (true, true) => IN_USE,
            (false, _) => 0,
        };
        let gone = (TAKEN | IN_USE) & !stays;
        // ORDERING: as above.
        bits.fetch_and(!(gone << shift), Relaxed);
    }
}

impl Slot {
    #[inline(always)]
    pub(super) fn is_free(&self) -> bool {
        self.is_mine(FREE)
    }

    /// Whether this is published here. To be asked by the slot's owner.
    #[inline(always)]
    pub(super) fn is_mine(&self, entry: usize) -> bool {
        // ORDERING: Relaxed; only the owner stores.
        self.0.load(Relaxed) == entry
    }

    /// Publishes the lock, with a full fence after it.
    #[inline(always)]
    pub(super) fn publish_fenced(&self, entry: usize) {
        // ORDERING: Release (in it), as in `publish_light`.
        fence::store_then_full(&self.0, entry);
    }

    /// Publishes the lock, with a light fence after it.
    #[inline(always)]
    pub(super) fn publish_light(&self, entry: usize) {
        // ORDERING: Release, so that a writer that waits for another lock to leave this slot, and sees this one in it,
        // also sees what was read before.
        self.0.store(entry, Release);
        fence::light();
    }

    /// Frees the slot.
    #[inline(always)]
    pub(super) fn leave(&self) {
        // ORDERING: Release pairs with the Acquire of the writer that sees the slot without its lock.
        self.0.store(FREE, Release);
    }

    /// Whether this is published here. If not, what its reader did happens before what the caller does next.
    pub(super) fn holds(&self, entry: usize) -> bool {
        // ORDERING: Acquire pairs with the Release in `leave`.
        self.0.load(Acquire) == entry
    }
}

/// A period that is in no slot, for a bias that begins.
pub(super) fn new_period() -> Option<usize> {
    /// Forgotten guards may take some periods; that they take so many in a row is not to be expected.
    const TRIES: usize = 16;

    let draw = || {
        // ORDERING: Relaxed; a number that is drawn once, and orders nothing.
        last_period()[0].fetch_add(1, Relaxed).wrapping_add(1) & word::PERIOD
    };
    let is_gone = |period: &usize| {
        // ORDERING: Relaxed; it looks for what was left in slots long ago.
        let mut entries = slots().map(|slot| slot.0.load(Relaxed));
        !entries.any(|entry| entry != FREE && word::period_of(entry) == *period)
    };
    iter::repeat_with(draw).take(TRIES).find(is_gone)
}

/// Before the copy has a number, and if there is none to be had. No word has these bits.
#[cfg(not(loom))]
const NO_COPY: usize = usize::MAX;

#[cfg(not(loom))]
static COPY: AtomicUsize = AtomicUsize::new(NO_COPY);

/// This copy's bits in a word that it has biased.
#[cfg(not(loom))]
#[inline(always)]
pub(super) fn own_copy() -> usize {
    // ORDERING: Relaxed; a number by itself, which never changes once a lock is biased.
    COPY.load(Relaxed)
}

#[cfg(loom)]
pub(super) fn own_copy() -> usize {
    word::copy_bits(1).unwrap_or_default()
}

/// As [`own_copy`], given a number if it has none yet.
///
/// The number is that of a key for thread-local data, which the C library gives to one caller of
/// the process at a time. This one is never given back.
pub(super) fn numbered_copy() -> Option<usize> {
    #[cfg(loom)]
    return Some(own_copy());
    #[cfg(all(unix, not(loom)))]
    {
        if own_copy() == NO_COPY {
            let mut key = 0;
            // SAFETY: it writes the key, and there is no destructor.
            if unsafe { libc::pthread_key_create(&mut key, None) } != 0 {
                return None;
            }
            let bits = word::copy_bits(key as usize);
            let other = match bits {
                // ORDERING: Relaxed, both, as in `own_copy`.
                Some(bits) => COPY.compare_exchange(NO_COPY, bits, Relaxed, Relaxed).err(),
                None => Some(NO_COPY),
            };
            if other.is_some() {
                // SAFETY: the key is ours, and no thread has used it.
                unsafe { libc::pthread_key_delete(key) };
            }
        }
        Some(own_copy()).filter(|copy| *copy != NO_COPY)
    }
    #[cfg(not(any(unix, loom)))]
    None
}

/// What an ordinary read earns if it was alone: the unit, some three nanoseconds.
pub(super) const ALONE: u32 = 1;
/// What an ordinary read earns that met others at the word: it pulls the cache line from another core.
pub(super) const MET_OTHERS: u32 = 16;

/// How much a thread must have missed by reading in the ordinary way before it makes a lock biased: some ten times what
/// ending a bias costs a writer, so that whatever comes, at most a tenth is lost.
#[cfg(not(loom))]
const PRICE: u32 = 256;
/// The same for each row in use, at which a writer looks.
#[cfg(not(loom))]
const PRICE_A_ROW: u32 = 32;
#[cfg(loom)]
const PRICE: u32 = 2;

thread_locals! {
    // What the thread has still to earn.
    static LEFT: Cell<u32> = Cell::new(PRICE);
}

/// The calling thread has read in the ordinary way. Whether it is to make the lock biased now.
#[inline(always)]
pub(super) fn earns(gain: u32) -> bool {
    #[cfg(loom)]
    if bias() == Bias::Never {
        return false;
    }
    let left = LEFT.with(Cell::get).saturating_sub(gain.min(PRICE / 2));
    LEFT.with(|all| all.set(left));
    left == 0
}

/// The calling thread has made a lock biased, or has found that it must not.
pub(super) fn spend() {
    #[cfg(not(loom))]
    let price = {
        // ORDERING: Relaxed; a number by itself.
        let taken = |bits: &AtomicUsize| (bits.load(Relaxed) & ALL_TAKEN).count_ones();
        PRICE + PRICE_A_ROW * uses().iter().map(taken).sum::<u32>()
    };
    #[cfg(loom)]
    let price = PRICE;
    LEFT.with(|left| left.set(price));
}

/// What a thread remembers of its reads with full fences.
#[cfg(not(loom))]
#[derive(Clone, Copy)]
struct Reads {
    all: u32,
    /// In a row, of one lock.
    run: u32,
    lock: usize,
}

#[cfg(not(loom))]
thread_locals! {
    static READS: Cell<Reads> = Cell::new(Reads { all: 0, run: 0, lock: FREE });
}

/// Whether the lock, which the calling thread has just published with a full fence, is to become asymmetric: it has been
/// read so for [`RUN`] times in a row, or it is the one read in [`DRAW`] of all that falls on it.
#[cfg(not(loom))]
#[inline(always)]
pub(super) fn promotes(lock: usize) -> bool {
    /// What a full fence costs more than a light one, so many times, is about what a heavy one costs the next writer.
    /// So whatever comes, this never costs more than twice what knowing the future would.
    const RUN: u32 = 1 << 10;
    /// For threads that read many locks in turn. Spread over so many reads, a heavy fence is a tenth of their time.
    const DRAW: u32 = 1 << 16;

    let mut reads = READS.with(Cell::get);
    reads.all = reads.all.wrapping_add(1);
    reads.run = if reads.lock == lock { reads.run + 1 } else { 1 };
    reads.lock = lock;
    let promotes = reads.run == RUN || reads.all.is_multiple_of(DRAW);
    if promotes {
        reads.run = 0;
    }
    READS.with(|all| all.set(reads));
    promotes
}

#[cfg(loom)]
pub(super) fn promotes(_: usize) -> bool {
    bias() == Bias::Warming
}

/// The calling thread has found its lock not biased, or has ended the bias: it counts anew.
#[cfg(not(loom))]
pub(super) fn restart() {
    READS.with(|all| {
        all.set(Reads {
            run: 0,
            ..all.get()
        })
    });
}

#[cfg(loom)]
pub(super) fn restart() {}
