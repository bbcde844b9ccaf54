//! A reader slot: how a reader publishes itself in it and leaves it, and how a writer looks. The
//! invariants are those of [`bias`](super).

use super::{STRAYS, counts, strays};
use crate::rwlock::raw::RawRwLock;
use crate::rwlock::word;
use crate::sys::Ordering::{Acquire, Relaxed, Release};
use crate::sys::{AtomicUsize, fence};

/// The content of a free slot: no entry is zero.
pub(super) const FREE: usize = 0;

/// Holds the entry of a lock that the row's owner reads, or is about to look whether it may read.
pub(in crate::rwlock) struct Slot(pub(super) AtomicUsize);

impl Slot {
    #[inline(always)]
    pub(in crate::rwlock) fn is_free(&self) -> bool {
        self.is_mine(FREE)
    }

    /// Whether the entry is here. Only for the slot's owner.
    #[inline(always)]
    pub(in crate::rwlock) fn is_mine(&self, entry: usize) -> bool {
        // ORDERING: Relaxed; only the owner stores entries. (A `purge` that is seen late makes the
        // slot look full, which costs its owner nothing but the use of it.)
        self.0.load(Relaxed) == entry
    }

    /// Publishes the entry, with a full fence after it.
    #[inline(always)]
    pub(in crate::rwlock) fn publish_fenced(&self, entry: usize) {
        // ORDERING: Release, in it; as in `publish_light`.
        fence::store_then_full(&self.0, entry);
    }

    /// Publishes the entry, with a light fence after it.
    #[inline(always)]
    pub(in crate::rwlock) fn publish_light(&self, entry: usize) {
        // ORDERING: Release; a writer that waits for another lock's entry to leave this slot, and
        // sees this one in it, also sees what was read before.
        self.0.store(entry, Release);
        fence::light();
    }

    /// Frees the slot.
    #[inline(always)]
    pub(in crate::rwlock) fn leave(&self) {
        // ORDERING: Release; pairs with the Acquire of a writer that finds the entry gone.
        self.0.store(FREE, Release);
    }

    /// Whether the entry is here. If not, what its reader did happens before this returns.
    pub(in crate::rwlock) fn holds(&self, entry: usize) -> bool {
        // ORDERING: Acquire; pairs with the Release in `leave`.
        self.0.load(Acquire) == entry
    }

    /// Whether an entry of this period is here.
    pub(super) fn is_of_period(&self, period: usize) -> bool {
        // ORDERING: Relaxed; it looks for what was left in slots long ago.
        word::is_of_period(self.0.load(Relaxed), period)
    }

    /// Takes out what a forgotten guard has left.
    pub(super) fn purge(&self, entry: usize) {
        // ORDERING: Relaxed, both; no thread uses the lock any more.
        let _ = self.0.compare_exchange(entry, FREE, Relaxed, Relaxed);
    }

    /// Moves its entry, if any, to the strays, if there is room. Returns whether it is free then.
    pub(super) fn moves_away(&self) -> bool {
        // ORDERING: Relaxed; the caller owns the slot.
        let entry = self.0.load(Relaxed);
        if entry == FREE || STRAYS == 0 {
            return entry == FREE;
        }
        // ORDERING: Relaxed, here and below; the Release in `leave` comes after all of it (B2).
        counts()[1].fetch_add(1, Relaxed);
        let moved = strays().iter().any(|stray| {
            // ORDERING: Acquire; a writer that sees this entry in the place of another one acquires
            // what that one's reader has released, as in `publish_light`.
            let place = stray.0.compare_exchange(FREE, entry, Acquire, Relaxed);
            place.is_ok()
        });
        match moved {
            true => {
                self.leave();
                RawRwLock::left_slot(word::key_of(entry));
            }
            // ORDERING: Relaxed; see above.
            false => drop(counts()[1].fetch_sub(1, Relaxed)),
        }
        moved
    }
}
