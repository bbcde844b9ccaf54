//! The registry of biased readers: who reads which lock, written where nobody else writes.
//!
//! Readers that count themselves in a lock's word pull its cache line from core to core, and two of them are slower
//! than one. So while a lock is *biased*, a reader writes the lock's address into a free slot of its own thread's
//! row instead, and a writer looks through the rows. The protocol between them is in [`super::raw`].
//!
//! - **Rows.** Each lies on cache lines of its own and belongs to one thread at a time, from that thread's first
//!   biased read until it ends; then another thread may have it. They are in a static table and never unmapped, for
//!   a writer may be looking. A thread that finds no free row, or whose slots are full, reads the ordinary way.
//! - **Slots.** Only the row's owner writes an address into one, and only the owner takes it out again, for a guard
//!   stays on its thread. (What a forgotten guard leaves, the lock takes out when it is dropped.)
//! - **Order.** Rows are taken lowest first, so a writer may stop at the first that nobody has ever had: a reader that
//!   it must see has taken its row, after all lower ones were taken, before it published itself.
//!
//! Source: BRAVO (D. Dice and A. Kogan, USENIX ATC 2019), which hashes the readers of all threads into one table;
//! rows of threads are as in hazard pointers (M. Michael, 2004).

use crate::fence;
use crate::primitive::Ordering::{Acquire, Relaxed, Release};
use crate::primitive::{AtomicUsize, const_fn, table, thread_locals};
use std::cell::Cell;

#[cfg(loom)]
use crate::primitive::modeled::{Bias, bias};

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

/// States of a row. Nobody goes back to `NEW`.
const NEW: usize = 0;
const TAKEN: usize = 1;
const LEFT: usize = 2;

/// Holds the address of a lock that the row's owner reads, or is about to find out whether it may.
pub(super) struct Slot(AtomicUsize);

/// One thread's slots. Two cache lines, since processors fetch them in pairs.
#[repr(align(128))]
struct Row {
    slots: [Slot; SLOTS],
    state: AtomicUsize,
}

impl Row {
    const_fn! {
        const fn new() -> Self {
            #[cfg(not(loom))]
            let slots = [const { Slot(AtomicUsize::new(FREE)) }; SLOTS];
            #[cfg(loom)]
            let slots = std::array::from_fn(|_| Slot(AtomicUsize::new(FREE)));
            Row {
                slots,
                state: AtomicUsize::new(NEW),
            }
        }
    }
}

table! { fn rows() -> [Row; ROWS], each Row::new() }

thread_locals! {
    // Nothing to drop, so that they can be read until the thread's last instruction.
    static MINE: Cell<Option<&'static Row>> = Cell::new(None);
    static ASKED: Cell<bool> = Cell::new(false);
    static LEASE: Lease = Lease(Cell::new(None));
}

/// Gives the row back when its thread ends.
struct Lease(Cell<Option<&'static Row>>);

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(row) = self.0.get() else { return };
        // A read that outlives this (in another thread-local, or forgotten) keeps the row, for its thread or for good.
        if row.slots.iter().all(Slot::is_free) {
            let _ = MINE.try_with(|mine| mine.set(None));
            // ORDERING: Release pairs with the Acquire of the next owner, who finds the slots free.
            row.state.store(LEFT, Release);
        }
    }
}

/// The first slot of the calling thread, if it has a row.
#[inline(always)]
pub(super) fn first_slot() -> Option<&'static Slot> {
    MINE.with(Cell::get).map(|row| &row.slots[0])
}

/// A slot of the calling thread that it may use, if there is one. It is given a row if it has none yet.
pub(super) fn free_slot() -> Option<&'static Slot> {
    let row = MINE.with(Cell::get).or_else(take_row)?;
    row.slots.iter().find(|slot| slot.is_free())
}

/// The slot in which the calling thread has published that it reads the lock, if it has.
pub(super) fn slot_of(lock: usize) -> Option<&'static Slot> {
    let row = MINE.with(Cell::get)?;
    row.slots.iter().find(|slot| slot.is_mine(lock))
}

/// Once a thread.
#[cold]
fn take_row() -> Option<&'static Row> {
    if ASKED.with(|asked| asked.replace(true)) {
        return None;
    }
    let take = |(_, row): &(usize, &Row)| {
        let free = |state| (state != TAKEN).then_some(TAKEN);
        // ORDERING: Acquire, also where the row is somebody's: that it was taken happens before what we publish, and
        // so a writer that sees that does not stop before this row. And it pairs with the Release of a row's last
        // owner.
        row.state.fetch_update(Acquire, Acquire, free).is_ok()
    };
    // There is no lease to be had when the thread is ending.
    let lease = |lease: &Lease| {
        let (_index, row) = rows().iter().enumerate().find(take)?;
        lease.0.set(Some(row));
        // ORDERING: Relaxed; a number that spreads costs, and orders nothing.
        #[cfg(not(loom))]
        IN_USE.fetch_max(_index + 1, Relaxed);
        Some(row)
    };
    let row = LEASE.try_with(lease).ok().flatten();
    MINE.with(|mine| mine.set(row));
    row
}

/// The slots of all rows that anybody has ever had.
pub(super) fn slots() -> impl Iterator<Item = &'static Slot> {
    // ORDERING: Relaxed; the fence before it, with that of a reader that has published itself, decides what it sees.
    let used = rows()
        .iter()
        .take_while(|row| row.state.load(Relaxed) != NEW);
    used.flat_map(|row| &row.slots)
}

impl Slot {
    #[inline(always)]
    pub(super) fn is_free(&self) -> bool {
        self.is_mine(FREE)
    }

    /// Whether the lock is published here. To be asked by the slot's owner.
    #[inline(always)]
    pub(super) fn is_mine(&self, lock: usize) -> bool {
        // ORDERING: Relaxed; only the owner stores.
        self.0.load(Relaxed) == lock
    }

    /// Publishes the lock, with a full fence after it.
    #[inline(always)]
    pub(super) fn publish_fenced(&self, lock: usize) {
        // ORDERING: Release (in it), as in `publish_light`.
        fence::store_then_full(&self.0, lock);
    }

    /// Publishes the lock, with a light fence after it.
    #[inline(always)]
    pub(super) fn publish_light(&self, lock: usize) {
        // ORDERING: Release, so that a writer who waits for another lock to leave this slot, and sees this one in it,
        // also sees what was read before.
        self.0.store(lock, Release);
        fence::light();
    }

    /// Frees the slot.
    #[inline(always)]
    pub(super) fn leave(&self) {
        // ORDERING: Release pairs with the Acquire of the writer that sees the slot without its lock.
        self.0.store(FREE, Release);
    }

    /// Whether the lock is published here. If not, what its reader did happens before what the caller does next.
    pub(super) fn holds(&self, lock: usize) -> bool {
        // ORDERING: Acquire pairs with the Release in `leave`.
        self.0.load(Acquire) == lock
    }

    /// Takes out what a forgotten guard has left.
    pub(super) fn purge(&self, lock: usize) {
        // ORDERING: Relaxed, both; nobody uses the lock any more.
        let _ = self.0.compare_exchange(lock, FREE, Relaxed, Relaxed);
    }
}

/// How many rows anybody has ever had.
#[cfg(not(loom))]
static IN_USE: AtomicUsize = AtomicUsize::new(0);

/// Whether there is a bias at all. A row is found through a thread-local variable. Where those are
/// emulated, a guard in another one may be dropped after it is gone, and would not find its slot.
#[cfg(not(loom))]
const HERE: bool = cfg!(any(
    all(
        target_os = "linux",
        any(target_env = "gnu", target_env = "musl")
    ),
    target_vendor = "apple",
    target_os = "freebsd",
    all(windows, target_env = "msvc"),
));

/// Whether the calling thread's ordinary read is to make its lock biased. The more rows there are, the longer a writer
/// looks, and the more of their owners may have lost their processor while they read. So one read in some does, and in the
/// fewer, the more rows: at sixteen it is every third, at a thousand hardly any.
#[cfg(not(loom))]
pub(super) fn begins() -> bool {
    /// Chosen by the rows `growth, rwlock, …` of the `contention` benchmark.
    const SHARE: usize = 128;
    thread_locals! {
        static ORDINARY: Cell<usize> = Cell::new(0);
    }
    // ORDERING: as in `take_row`.
    let rows = IN_USE.load(Relaxed);
    let reads = 1 + rows * rows / SHARE;
    let is_its_turn = || {
        let ordinary = ORDINARY.get().wrapping_add(1);
        ORDINARY.set(ordinary);
        ordinary.is_multiple_of(reads)
    };
    HERE && (reads == 1 || is_its_turn())
}

#[cfg(loom)]
pub(super) fn begins() -> bool {
    bias() != Bias::Never
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
