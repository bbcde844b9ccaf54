//! The registry of biased readers: which thread reads which lock, in a row for each thread.
//!
//! Readers that count themselves in a lock's word pull its cache line from core to core, so that
//! two of them are slower than one. So while a lock is *biased*, a reader writes an
//! [`entry`](super::word::entry) into a free slot of its own thread's row instead, and a writer
//! looks through the rows. [`super::raw`] has the protocol between them.
//!
//! - **Rows.** Each row lies on cache lines of its own. It belongs to one thread at a time, from
//!   that thread's first biased read until the thread ends; then another thread may take it. Rows
//!   are in a static table and never unmapped, because a writer may be looking. A thread that finds
//!   no free row, or whose slots are full, counts itself.
//! - **Slots.** Only the row's owner writes an entry into a slot, and only the owner takes it out,
//!   because a guard stays on its thread. The exception: when a lock is dropped, its thread takes
//!   out the entries that forgotten guards have left of it ([`purge`]).
//! - **Strays.** A row may hold entries when its thread ends: of a guard in another thread-local,
//!   or of a forgotten one. They move to a table of their own, in which all threads exchange.
//! - **Entries are anonymous.** All reads of one lock by one bias have the same entry, and a
//!   published read keeps writers out as a counted one does. So a thread that ends a read takes
//!   away one of its own entries, whichever it finds; else a stray; else it counts one reader less.
//!
//! Invariants, which [`raw`](super::raw) relies on:
//! - **B1.** A row whose slots may hold the entry of a read is below [`rows_in_use`]. Its owner
//!   raised that number before, and no thread lowers it below a row that is taken. Lowering it
//!   releases what the row's owners have read; a writer that looks at fewer rows acquires that.
//! - **B2.** A stray is in its place before it leaves its slot, and the number of strays (see
//!   [`strays_in_use`]) counts it from before that until it is gone. So a thread that looks at rows
//!   first, and then at strays, sees it.
//!
//! Source: BRAVO (D. Dice and A. Kogan, USENIX ATC 2019), which hashes the readers of all threads
//! into one table. Rows of threads are as in hazard pointers (M. Michael, 2004).

mod slot;

use slot::FREE;
pub(super) use slot::Slot;

use super::word;
use crate::policy::worth;
use crate::sys::Ordering::{Acquire, Relaxed, Release};
pub(crate) use crate::sys::sizes::{ROWS, SLOTS, STRAYS};
use crate::sys::{AtomicUsize, array_of, const_fn, copy, table, thread_locals};
use std::cell::Cell;

pub(super) use worth::{Earned, promotes};

/// States of a row.
const VACANT: usize = 0;
const TAKEN: usize = 1;

/// One thread's slots. Two cache lines, because processors fetch them in pairs.
#[repr(align(128))]
struct Row {
    slots: [Slot; SLOTS],
    state: AtomicUsize,
}

impl Row {
    const_fn! {
        const fn new() -> Self {
            Row {
                slots: array_of!(Slot(AtomicUsize::new(FREE))),
                state: AtomicUsize::new(VACANT),
            }
        }
    }
}

table! { fn rows() -> [Row; ROWS], each Row::new() }
table! { fn strays() -> [Slot; STRAYS], each Slot(AtomicUsize::new(FREE)) }
// The numbers of rows in use, of strays, and of biases that have begun.
table! { fn counts() -> [AtomicUsize; 3], each AtomicUsize::new(0) }

/// The calling thread's row, and what a lock's word must say for the thread to publish itself.
#[derive(Clone, Copy)]
pub(super) struct Mine {
    row: Option<&'static Row>,
    biased: usize,
}

/// Without a row: no word has all these bits.
const NONE: Mine = Mine {
    row: None,
    biased: usize::MAX,
};

thread_locals! {
    // Nothing to drop, so that it can be read until the thread's last instruction.
    static MINE: Cell<Mine> = Cell::new(NONE);
    // The number of reads after which the thread asks for a row again, if it needs one.
    static ASKS_IN: Cell<u32> = Cell::new(0);
    static LEASE: Lease = Lease(Cell::new(None));
}

/// Gives the row back when its thread ends. (It keeps what it needs for that, because a model's
/// tables may be gone by then. It is no lease of [`policy::lease`](crate::policy::lease): only the
/// thread's end ends it.)
struct Lease(Cell<Option<(&'static Row, Registry)>>);

/// The rows, and how many are in use.
#[derive(Clone, Copy)]
struct Registry {
    rows: &'static [Row; ROWS],
    in_use: &'static AtomicUsize,
}

fn registry() -> Registry {
    Registry {
        rows: rows(),
        in_use: &counts()[0],
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some((row, registry)) = self.0.get() else {
            return;
        };
        // If its slots are free, the thread has no row from here on, and counts itself as a reader.
        let moved = row.slots.iter().all(Slot::moves_away);
        if moved {
            let _ = MINE.try_with(|mine| mine.set(NONE));
            // ORDERING: Release; pairs with the Acquire of the next owner, which finds free slots.
            row.state.store(VACANT, Release);
            registry.lower();
        }
    }
}

/// The calling thread's first slot, if it may publish itself for a lock with this word.
#[inline(always)]
pub(super) fn first_slot(state: usize) -> Option<&'static Slot> {
    let mine = MINE.with(Cell::get);
    let row = mine.row?;
    (state & word::BIASED_BY == mine.biased).then_some(&row.slots[0])
}

/// The calling thread's first slot, if this copy of the crate has biased a lock with this word,
/// also if a writer has revoked that.
#[inline(always)]
pub(super) fn own_first_slot(state: usize) -> Option<&'static Slot> {
    let mine = MINE.with(Cell::get);
    let row = mine.row?;
    (word::copy_of(state) == word::copy_of(mine.biased)).then_some(&row.slots[0])
}

/// A free slot of the calling thread, if there is one. Gives the thread a row if it has none yet.
pub(super) fn free_slot(state: usize) -> Option<&'static Slot> {
    if is_foreign(state) {
        return None;
    }
    let row = MINE.with(Cell::get).row.or_else(take_row)?;
    row.slots.iter().find(|slot| slot.is_free())
}

/// The slot in which the calling thread has published that it reads the lock, if there is one.
pub(super) fn slot_of(entry: usize) -> Option<&'static Slot> {
    let row = MINE.with(Cell::get).row?;
    row.slots.iter().find(|slot| slot.is_mine(entry))
}

/// Takes away a read that outlives its thread's row. False if there is none.
pub(super) fn take_stray(entry: usize) -> bool {
    strays_in_use().any(|stray| {
        // (A look first: an exchange would take the cache line from other threads.)
        if !stray.holds(entry) {
            return false;
        }
        // ORDERING: Release; as in `leave`. Acquire, on failure and in `holds`: if another thread
        // has taken this stray, there is another one with this entry in the rest of the table, and
        // the search must see it there.
        let taken = stray.0.compare_exchange(entry, FREE, Release, Acquire);
        if taken.is_ok() {
            // ORDERING: Release; pairs with the Acquire in `strays_in_use`. A writer that finds no
            // strays does not look, and still sees what this read has seen (B2).
            counts()[1].fetch_sub(1, Release);
        }
        taken.is_ok()
    })
}

/// Gives the calling thread a row, once in its life. If no row is free, the thread asks again only
/// after some thousands of reads.
#[cold]
fn take_row() -> Option<&'static Row> {
    /// In reads. Where no row is free, a look at all of them costs about 10 µs: a tenth of what so
    /// many reads cost.
    const PAUSE: u32 = 1 << 14;

    let pause = |reads: &Cell<u32>| reads.replace(reads.get().checked_sub(1).unwrap_or(PAUSE)) != 0;
    if ASKS_IN.with(pause) {
        return None;
    }
    let copy = numbered_copy()?;
    let take = |(_, row): &(usize, &Row)| {
        // (A look first: an exchange would take the cache line from the row's owner.)
        // ORDERING: Relaxed; the exchange orders.
        row.state.load(Relaxed) == VACANT && {
            // ORDERING: Acquire; pairs with the Release of the row's last owner.
            let taken = row.state.compare_exchange(VACANT, TAKEN, Acquire, Relaxed);
            taken.is_ok()
        }
    };
    // A thread that is ending gets no lease.
    let lease = |lease: &Lease| {
        let registry = registry();
        let (index, row) = registry.rows.iter().enumerate().find(take)?;
        registry.raise(index + 1);
        lease.0.set(Some((row, registry)));
        Some(row)
    };
    let row = LEASE.try_with(lease).ok().flatten()?;
    let biased = word::BIASED | copy;
    let mine = Mine {
        row: Some(row),
        biased,
    };
    MINE.with(|cell| cell.set(mine));
    Some(row)
}

// The number of rows in use shares a word with a number that changes each time that a row is taken.
// So it is not lowered while a thread takes a row.
const ROWS_IN_USE: usize = (1 << 16) - 1;

impl Registry {
    fn raise(self, least: usize) {
        let raise = |count: usize| {
            let rows = (count & ROWS_IN_USE).max(least);
            Some((count & !ROWS_IN_USE).wrapping_add(ROWS_IN_USE + 1) | rows)
        };
        // ORDERING: Release; for `lower`, which then sees that the row is taken. A writer that sees
        // the row's owner publish sees this too, by the fences between (B1).
        let _ = self.in_use.fetch_update(Release, Relaxed, raise);
    }

    fn lower(self) {
        let lower = |count: usize| {
            let last = self.rows.get((count & ROWS_IN_USE).wrapping_sub(1))?;
            // ORDERING: Acquire; pairs with the Release of the row's last owner, whose reads the
            // Release below passes on. A row that is taken later changes the count.
            (last.state.load(Acquire) == VACANT).then_some(count.wrapping_sub(1))
        };
        // ORDERING: Acquire; pairs with the Release above. Release; pairs with the Acquire in
        // `rows_in_use`, for a writer that does not look at the row any more (B1).
        while self.in_use.fetch_update(Release, Acquire, lower).is_ok() {}
    }
}

/// Whether another copy of the crate has biased a lock with this word. Then its readers are not in
/// this copy's rows (RW9).
pub(super) fn is_foreign(state: usize) -> bool {
    word::is_named(state) && Some(word::copy_of(state)) != copy::own()
}

/// This copy's bits in a word that it has biased. Gives the copy a number if it has none yet.
pub(super) fn numbered_copy() -> Option<usize> {
    copy::numbered(word::copy)
}

/// Whether the calling thread, which has just counted itself, is to make the lock with this key
/// biased.
#[inline(always)]
pub(super) fn begins(key: usize, earned: Earned) -> bool {
    worth::begins(key, earned, rows_in_use)
}

/// The number of rows in use: no row beyond it has an entry. (A row is taken before this number is
/// raised.)
fn rows_in_use() -> usize {
    // ORDERING: Acquire; pairs with the Release in `lower`. The fence before it, and that of a
    // reader that has published itself, decide what it sees (B1).
    counts()[0].load(Acquire) & ROWS_IN_USE
}

/// All strays, if there are any.
fn strays_in_use() -> impl Iterator<Item = &'static Slot> {
    // ORDERING: Acquire; a thread that sees an entry gone from a slot has acquired what the move
    // released before (B2), and this must not be read earlier.
    let some = STRAYS != 0 && counts()[1].load(Acquire) != 0;
    strays().iter().take(if some { STRAYS } else { 0 })
}

/// The slots that may hold the entry of a read.
pub(super) fn slots() -> impl Iterator<Item = &'static Slot> {
    let rows = rows().iter().take(rows_in_use());
    let strays = std::iter::once(()).flat_map(|()| strays_in_use());
    rows.flat_map(|row| &row.slots).chain(strays)
}

/// Takes out what forgotten guards have left of a lock that is gone.
pub(super) fn purge(entry: usize) {
    rows()
        .iter()
        .take(rows_in_use())
        .flat_map(|row| &row.slots)
        .for_each(|slot| slot.purge(entry));
    while take_stray(entry) {}
}

/// A period for a bias that begins, of which no slot has an entry (RW8).
///
/// A forgotten guard leaves an entry with the address at which its lock was. Another lock that is
/// biased already may be moved to that address. So it is not enough that no entry with this lock's
/// address has the period: no entry with any address may have it. (Should all tries fail, which
/// takes entries that come and go during the search, the last period is used.)
pub(super) fn new_period() -> usize {
    /// There are fewer slots and strays (8,192) than this, and each excludes one period.
    const TRIES: usize = 1 << 14;

    let mut period = 0;
    for _ in 0..TRIES {
        // ORDERING: Relaxed; a number that no other thread gets.
        period = word::period(counts()[2].fetch_add(1, Relaxed));
        if !slots().any(|slot| slot.is_of_period(period)) {
            break;
        }
    }
    period
}

/// In the child of a fork: the rows of other threads have no owners. A row with an entry stays
/// taken, for good: the forking thread may rely on that read, which keeps writers out.
#[allow(dead_code, reason = "only where there is fork")]
pub(crate) fn begin_child() {
    let mine = MINE.try_with(Cell::get).unwrap_or(NONE).row;
    let is_mine = |row: &Row| mine.is_some_and(|mine| std::ptr::eq(mine, row));
    for row in rows().iter().take(rows_in_use()) {
        if !is_mine(row) && row.slots.iter().all(Slot::is_free) {
            // ORDERING: Relaxed; there is one thread.
            row.state.store(VACANT, Relaxed);
        }
    }
}
