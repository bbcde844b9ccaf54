//! Waking: which thread in the queue is next, and what it is given. The invariants are those of
//! [`raw`](super::super).

use super::{Given, Kind, Waiter, keep_for};
use crate::parking::{self, FilterOp};
use crate::rwlock::raw::RawRwLock;
use crate::rwlock::word::{DESIGNATED, NEXT, OTHER_NEXT, PARKED, WRITER_NEXT};
use crate::sys::Ordering::Relaxed;
use crate::tokens::{ParkToken, UnparkToken};
use std::cell::Cell;
use std::ptr;

/// The groups of waiters, in the order in which they are woken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    /// Starved writers, if the lock is kept for them: they wait for readers to leave.
    Writers,
    /// All readers, so that they wait for one writer at most.
    Readers,
    /// All kinds, readers too: after the search for readers, one may have joined the queue, because
    /// a fair release has kept the lock for another thread.
    All,
}

impl Group {
    fn is_of(self, waiter: Waiter, state: usize) -> bool {
        match self {
            Group::Writers => {
                waiter.is_starved_writer() && state & (WRITER_NEXT | OTHER_NEXT) == WRITER_NEXT
            }
            Group::Readers => matches!(waiter.kind, Kind::Reader | Kind::RecursiveReader),
            Group::All => true,
        }
    }
}

impl RawRwLock {
    /// Wakes the next thread in the queue that may enter, if there is no designated waker. If
    /// `fair`, it does so in any case, and keeps the lock for the woken thread.
    ///
    /// # Safety
    /// `key` is that of a reader-writer lock. It may be gone.
    #[cold]
    pub(in crate::rwlock) unsafe fn wake(key: usize, fair: bool) {
        for group in [Group::Writers, Group::Readers, Group::All] {
            // SAFETY: the caller's promise is the same.
            if unsafe { Self::wake_one(key, fair, group) } {
                return;
            }
        }
    }

    /// Wakes the first thread of this group. Returns whether there is nothing more to do.
    ///
    /// # Safety
    /// As for [`wake`](Self::wake).
    unsafe fn wake_one(key: usize, fair: bool, group: Group) -> bool {
        let lock = ptr::with_exposed_provenance::<Self>(key);
        let picked = Cell::new(None);
        let is_left_to_another = Cell::new(false);
        let writer_waits = Cell::new(None);
        let choose = |token| {
            let ParkToken::RwLock(waiter) = token else {
                return FilterOp::Skip;
            };
            if picked.get().is_some() {
                return FilterOp::Stop;
            }
            // SAFETY: this waiter parked with our token here, so it borrows a lock (RW6).
            let lock = unsafe { &*lock };
            // ORDERING: Relaxed; a thread that changes the word later comes here, if need be (RW3).
            let state = lock.state.load(Relaxed);
            if state & DESIGNATED != 0 && !fair {
                is_left_to_another.set(true);
                return FilterOp::Stop;
            }
            if !group.is_of(waiter, state) {
                return FilterOp::Skip;
            }
            if waiter.is_due(state) {
                picked.set(Some(waiter));
                return FilterOp::Unpark;
            }
            if waiter.is_starved_writer() && !waiter.kind.is_excluded(state) {
                writer_waits.set(Some(waiter.kind));
            }
            FilterOp::Skip
        };
        let callback = |_, more| {
            let change = |next: &dyn Fn(usize) -> usize| {
                // SAFETY: called only where a waiter was found, as above. That waiter has not been
                // told yet that it is woken, or it is in the queue, which is locked.
                let lock = unsafe { &*lock };
                // ORDERING: Relaxed, both; the woken thread does not own anything by this, the
                // queue's lock orders `PARKED`, and the other flags order nothing.
                let before = lock.state.fetch_update(Relaxed, Relaxed, |s| Some(next(s)));
                before.unwrap_or_else(|state| state)
            };
            let Some(waiter) = picked.get() else {
                if let Some(kind) = writer_waits.get()
                    && group == Group::All
                {
                    change(&|state| keep_for(kind, state));
                }
                return UnparkToken::Nothing;
            };
            let is_next = fair || waiter.starved;
            let before = change(&|state| {
                // The lock is not kept any more for a thread that was chosen earlier.
                let state = state & !NEXT & if more { !0 } else { !PARKED } | DESIGNATED;
                match is_next {
                    true => keep_for(waiter.kind, state),
                    false => state,
                }
            });
            let given = Given {
                designation: !before & DESIGNATED,
                is_next,
            };
            given.token()
        };
        // SAFETY: the lock may be gone, but `choose` picks only tokens of reader-writer locks.
        unsafe { parking::unpark_some(key, choose, callback) };
        picked.get().is_some()
            || is_left_to_another.get()
            || group == Group::Writers && writer_waits.get().is_some()
    }
}
