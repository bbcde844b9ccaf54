//! Robust entries: words that the kernel looks at when the thread that holds them ends.
//!
//! A thread that takes such a word announces it twice, so that the kernel knows of it after every
//! instruction. First the list's head names the entry as *pending*; then the word gets the thread's
//! number; then the entry is linked into the list. Releasing runs backwards.
//!
//! A pending entry may be held or not: the kernel looks at its word. If no thread holds it, the
//! kernel wakes a waiter there, since the dead thread may have been woken to take it, or about to
//! wake another. A thread has at most one pending entry. A linked entry may stay pending, or
//! another one be pending beside it.
//!
//! The links are addresses of the process that holds the entry. Only the kernel reads them, at the
//! thread's end: the process records its entries in private memory ([`held`](super::held)). The
//! links of a released entry mean nothing.
//!
//! Source: the kernel's `Documentation/locking/robust-futexes.rst` (I. Molnár, 2006), and glibc.

use crate::sys::const_fn;
use crate::sys::mortal::{AtomicU32, AtomicU64};
#[cfg(not(anteroom_models))]
use crate::sys::{Ordering::Relaxed, in_program_order};

#[cfg(not(anteroom_models))]
use super::held::Bypass;
use super::me::Me;
#[cfg(anteroom_models)]
use crate::sys::mortal;
#[cfg(not(anteroom_models))]
use crate::sys::robust_word::OWNER;

/// Laid out as glibc's robust mutex on 64-bit machines: the word, twenty bytes for the primitive
/// that it is part of, an unused link back, and a link on, which is the entry's address in lists.
#[repr(C)]
pub(super) struct Entry {
    pub(super) word: AtomicU32,
    pub(super) own: [AtomicU32; 5],
    _previous: AtomicU64,
    next: AtomicU64,
}

/// The distance from the link of an entry, to which a list points, to its word.
#[cfg(not(anteroom_models))]
pub(super) const OFFSET: isize = -(std::mem::offset_of!(Entry, next) as isize);

impl Entry {
    const_fn! {
        /// All bytes zero: no thread holds it.
        pub(super) const fn new() -> Self {
            Entry {
                word: AtomicU32::new(0),
                own: [
                    AtomicU32::new(0),
                    AtomicU32::new(0),
                    AtomicU32::new(0),
                    AtomicU32::new(0),
                    AtomicU32::new(0),
                ],
                _previous: AtomicU64::new(0),
                next: AtomicU64::new(0),
            }
        }
    }
}

/// On real threads, the list is glibc's.
#[cfg(not(anteroom_models))]
impl Entry {
    /// Makes the entry pending: the kernel looks at it at the thread's end, linked or not.
    #[inline]
    pub(super) fn pend(&self, me: Me) {
        let list = me.list();
        in_program_order();
        if list.pending() != self.address() {
            list.pend(self.address());
        }
        in_program_order();
    }

    #[inline]
    pub(super) fn settle(me: Me) {
        in_program_order();
        me.list().pend(0);
        in_program_order();
    }

    /// Links the entry as this thread's newest. It is pending and held; or no other will link it.
    #[inline]
    pub(super) fn link(&self, me: Me) {
        let held = me.held();
        let newest = held.newest();
        // Mostly that address stands there still. The store costs as much as all the rest of this.
        // ORDERING: Relaxed, both: only the kernel looks at the links, after this thread's end.
        if self.next.load(Relaxed) != newest as u64 {
            // ORDERING: as above.
            self.next.store(newest as u64, Relaxed);
        }
        in_program_order();
        held.push(self.address(), newest);
        in_program_order();
    }

    /// Unlinks the entry. It is pending; or no thread holds it and no other will link it.
    #[inline(always)]
    pub(super) fn unlink(&self, me: Me) {
        match me.held().pop(self.address()) {
            true => in_program_order(),
            false => self.unlink_beside_others(me),
        }
    }

    #[inline(never)]
    fn unlink_beside_others(&self, me: Me) {
        let Some(Bypass { link, next }) = me.held().remove(self.address()) else {
            return in_program_order();
        };
        let newer = link.wrapping_add_signed(OFFSET);
        let newer = std::ptr::with_exposed_provenance::<AtomicU32>(newer);
        let link = std::ptr::with_exposed_provenance::<AtomicU64>(link);
        // SAFETY: the word of an entry that this thread holds, so its memory stays mapped.
        let newer = unsafe { &*newer };
        // SAFETY: the link of that entry.
        let link = unsafe { &*link };
        // If the word was overwritten, another thread may hold it: the link is of its list then.
        // ORDERING: Relaxed, both; as in `link`. Only this thread writes its number.
        if newer.load(Relaxed) & OWNER == me.id() {
            // ORDERING: as above.
            link.store(next as u64, Relaxed);
        }
        in_program_order();
    }

    /// The address by which lists know it.
    #[inline]
    fn address(&self) -> usize {
        (&raw const self.next).expose_provenance()
    }
}

/// An address in a list without its lowest bit, the C library's mark of priority inheritance.
#[cfg(not(anteroom_models))]
#[inline]
pub(super) fn untagged(address: usize) -> usize {
    address & !1
}

/// The link back of the library's entry at this address in a list.
#[cfg(not(anteroom_models))]
pub(super) fn back_link_of(address: usize) -> *mut usize {
    std::ptr::with_exposed_provenance_mut(untagged(address) - size_of::<usize>())
}

/// In a model, the list is the modelled kernel's.
#[cfg(anteroom_models)]
impl Entry {
    pub(super) fn pend(&self, _: Me) {
        mortal::pend(Some(&self.word));
    }

    pub(super) fn settle(_: Me) {
        mortal::pend(None);
    }

    pub(super) fn link(&self, _: Me) {
        mortal::link(&self.word);
    }

    pub(super) fn unlink(&self, _: Me) {
        mortal::unlink(&self.word);
    }
}
