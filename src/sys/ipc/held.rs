//! The entries that a thread has in its robust list, recorded in memory of its own process.
//!
//! The kernel walks the list through shared memory, where any process may write. This process never
//! follows a link there: every address that it stores through stands here.
//!
//! The thread's entries stand between two *sentinels*, which are private and stay in the list for
//! good: head → the C library's entries → first sentinel → ours, newest first → last sentinel → the
//! library's older entries → head. So no entry of the library is ever next to one of ours, and
//! neither side writes into the other's entries.
//!
//! The first sentinel's link names the newest entry. The others stand in `below[..count]`, oldest
//! first. So a single lock is recorded by one store, to that link. (The newest may stand in
//! `below[count]` too: if it was below a newer one, or if an older one has been removed.)
//!
//! **Other threads look in here** before they unmap memory ([`holds_any_in`](Held::holds_any_in)),
//! while the owner locks and unlocks locks elsewhere. A thread that looks wants to know whether an
//! entry in that memory is held. A guard borrows the mapping, so only a forgotten guard can hold
//! one there by now; such an entry is held from before the look until after it. We show that a look
//! finds each of these. An entry's *place* is the number of older entries that the owner holds.
//! - (H1) Until a newer entry is linked for the first time, the link names the entry.
//! - (H2) From then on the entry stands at its place in `below`, also when it is the newest again.
//!   That place is `count` at most.
//! - (H3) Its place never grows. It shrinks when an older one is removed, and then the entry stands
//!   at its new place before anything else is stored at the old one.
//! - (H4) A look reads the link first: if the link names another entry, H2 holds by now. Then it
//!   reads `count`, and then the places from `count` down to 0. Suppose that an entry has left its
//!   place before the look reads that. What the look finds there was stored (Release) after the
//!   entry was stored at a lower place. The look (Acquire) reads that lower place later.
//! - (H5) Once an entry has been removed, the link does not name it, and it stands at no place up
//!   to `count`. So a look does not find what is not held.
//!
//! Hence no lock, no version, no store to the owner's memory. (Models:
//! `loom-tests/ipc/held.rs`.)

use crate::sys::Ordering::{Acquire, Relaxed, Release};
use crate::sys::{AtomicUsize, in_program_order, only_in_models, sizes};
use std::ops::Range;

/// How many locks a thread can hold at once. A mutex counts as one; so does a semaphore or a
/// reader-writer lock, however much of it the thread holds.
///
/// The kernel looks at the first 2,048 entries of a thread's robust list. Those that are left
/// are for the robust mutexes of the C library.
pub const MAX_HELD: usize = sizes::MAX_HELD;

/// How many entries a call links at most, beyond those that its thread holds when it returns.
const WITHIN_A_CALL: usize = sizes::WITHIN_A_CALL;

const CAPACITY: usize = MAX_HELD + WITHIN_A_CALL;

/// An entry of the list that no thread ever holds. Laid out as [`Entry`](super::robust::Entry).
#[repr(C)]
struct Sentinel {
    /// Always 0.
    word: [u32; 6],
    /// The C library writes it when an entry of its own comes or goes in front of this one.
    previous: AtomicUsize,
    next: AtomicUsize,
}

/// All zero until [`reset`](Self::reset).
#[repr(C)]
pub(crate) struct Held {
    first: Sentinel,
    last: Sentinel,
    /// How many are held besides the newest.
    count: AtomicUsize,
    below: [AtomicUsize; CAPACITY],
}

/// The store by which an entry leaves the list: the address of a link, and its new value.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Bypass {
    pub(crate) link: usize,
    pub(crate) next: usize,
}

impl Held {
    /// The last sentinel's address, as it stands in the list.
    #[inline]
    fn end(&self) -> usize {
        (&raw const self.last.next).expose_provenance()
    }

    pub(crate) fn reset(&self) {
        // ORDERING: Relaxed, all; nothing is held here now, and the claim's store releases this to
        // threads that look (`block`).
        self.count.store(0, Relaxed);
        for place in &self.below {
            // ORDERING: as above.
            if place.load(Relaxed) == 0 {
                break;
            }
            // ORDERING: as above.
            place.store(0, Relaxed);
        }
        // ORDERING: as above.
        self.first.next.store(self.end(), Relaxed);
    }

    /// Puts both sentinels in front of a list that begins with `next`. Returns its new first
    /// address.
    pub(crate) fn precede(&self, head: usize, next: usize) -> usize {
        let first = (&raw const self.first.next).expose_provenance();
        // ORDERING: Relaxed, all; only the owner and the kernel look at them.
        self.first.previous.store(head, Relaxed);
        // ORDERING: as above.
        self.last.previous.store(first, Relaxed);
        // ORDERING: as above.
        self.last.next.store(next, Relaxed);
        first
    }

    /// The address of the last sentinel's link, which the next entry of the library points back to.
    pub(crate) fn last(&self) -> usize {
        self.end()
    }

    /// Whether the owner may hold one more when its call returns.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        // ORDERING: Relaxed; only the owner writes it.
        self.count.load(Relaxed) < MAX_HELD - 1
    }

    /// The newest of the owner's entries, or the last sentinel.
    #[inline]
    pub(crate) fn newest(&self) -> usize {
        // ORDERING: Relaxed; only the owner writes it.
        self.first.next.load(Relaxed)
    }

    /// Links an entry as the newest. Its own link names `newest`, which was the newest before.
    #[inline]
    pub(crate) fn push(&self, entry: usize, newest: usize) {
        if newest != self.end() {
            // ORDERING: Relaxed; only the owner writes it.
            let count = self.count.load(Relaxed);
            // ORDERING: Release, both; they pair with the Acquires in `holds_any_in` (H2).
            self.below[count].store(newest, Release);
            // ORDERING: as above.
            self.count.store(count + 1, Release);
        }
        in_program_order();
        // ORDERING: Release pairs with the Acquire in `holds_any_in` (H4). The kernel looks after
        // this thread's end, and so sees the program's order.
        self.first.next.store(entry, Release);
    }

    /// Unlinks the only entry, if this is it. Returns whether it was; else
    /// [`remove`](Self::remove).
    #[inline(always)]
    pub(crate) fn pop(&self, entry: usize) -> bool {
        // ORDERING: Relaxed; only the owner writes it.
        let is_only = self.newest() == entry && self.count.load(Relaxed) == 0;
        if is_only {
            self.pop_last();
        }
        is_only
    }

    /// Unlinks the only entry.
    #[inline]
    fn pop_last(&self) {
        // ORDERING: Relaxed, all; no entry stays held that another thread could look for.
        self.first.next.store(self.end(), Relaxed);
        in_program_order();
        // ORDERING: as above.
        if self.below[0].load(Relaxed) != 0 {
            // The entry had been below a newer one, or above one that was removed (H5).
            // ORDERING: as above.
            self.below[0].store(0, Relaxed);
        }
    }

    fn pop_newest(&self, count: usize) {
        // ORDERING: Release, all; pairs with the Acquire in `holds_any_in` (H3).
        self.first.next.store(self.older_than(count), Release);
        in_program_order();
        // ORDERING: Relaxed; only the owner writes it.
        if self.below[count].load(Relaxed) != 0 {
            // It had been below a newer one, or above one that was removed (H5).
            // ORDERING: as above.
            self.below[count].store(0, Release);
        }
        // ORDERING: as above.
        self.count.store(count - 1, Release);
    }

    /// The entry below this place, or the last sentinel.
    #[inline]
    fn older_than(&self, place: usize) -> usize {
        match place.checked_sub(1) {
            // ORDERING: Relaxed; only the owner writes it.
            Some(older) => self.below[older].load(Relaxed),
            None => self.end(),
        }
    }

    /// Removes an entry, if it is there. If it was, and was not the newest, returns the store that
    /// bypasses it.
    pub(crate) fn remove(&self, entry: usize) -> Option<Bypass> {
        // ORDERING: Relaxed, here and below, for loads: only the owner writes what they read.
        let count = self.count.load(Relaxed);
        if self.newest() == entry {
            match count {
                0 => self.pop_last(),
                _ => self.pop_newest(count),
            }
            return None;
        }
        // ORDERING: as above.
        let at = |place: usize| match place == count {
            true => self.newest(),
            false => self.below[place].load(Relaxed),
        };
        let place = (0..count).rev().find(|place| at(*place) == entry)?;
        let bypass = Bypass {
            link: at(place + 1),
            next: self.older_than(place),
        };
        for newer in place + 1..=count {
            // ORDERING: Release, all; pairs with the Acquire in `holds_any_in`: an entry is stored
            // at its new place before its old place is overwritten (H3).
            self.below[newer - 1].store(at(newer), Release);
        }
        // ORDERING: as above.
        self.below[count].store(0, Release);
        // ORDERING: as above.
        self.count.store(count - 1, Release);
        Some(bypass)
    }

    /// Whether an entry in this memory is held. Any thread may ask. The answer is exact for entries
    /// that stay held meanwhile; for others it was right at some moment of the call.
    pub(crate) fn holds_any_in(&self, memory: &Range<usize>) -> bool {
        // ORDERING: Acquire, all; pairs with the owner's Releases (H4).
        let newest = self.first.next.load(Acquire);
        // ORDERING: as above.
        let count = self.count.load(Acquire);
        let is_inside = |entry| memory.contains(&entry);
        is_inside(newest)
            || (0..=count)
                .rev()
                // ORDERING: as above.
                .any(|place| is_inside(self.below[place].load(Acquire)))
    }

    only_in_models! {
        /// It must be [reset](Self::reset) once it is where it stays.
        pub(crate) fn new() -> Self {
            let sentinel = || Sentinel {
                word: [0; 6],
                previous: AtomicUsize::new(0),
                next: AtomicUsize::new(0),
            };
            Held {
                first: sentinel(),
                last: sentinel(),
                count: AtomicUsize::new(0),
                below: std::array::from_fn(|_| AtomicUsize::new(0)),
            }
        }
    }
}
