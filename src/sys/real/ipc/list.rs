//! The calling thread's robust list, which is glibc's.

use super::me::Me;
use crate::sys::Ordering::Relaxed;
use crate::sys::in_program_order;
use crate::sys::ipc::held::Bypass;
use crate::sys::ipc::robust::Entry;
use crate::sys::mortal::{AtomicU32, AtomicU64};
use crate::sys::robust_word::OWNER;

/// The distance from the link of an entry, to which a list points, to its word.
pub(crate) const OFFSET: isize = -(std::mem::offset_of!(Entry, next) as isize);

impl Entry {
    /// Makes the entry pending: the kernel looks at it at the thread's end, linked or not.
    #[inline]
    pub(crate) fn pend(&self, me: Me) {
        let list = me.list();
        in_program_order();
        if list.pending() != self.address() {
            list.pend(self.address());
        }
        in_program_order();
    }

    #[inline]
    pub(crate) fn settle(me: Me) {
        in_program_order();
        me.list().pend(0);
        in_program_order();
    }

    /// Links the entry as this thread's newest. The caller holds it and has made it pending; or it
    /// is an entry that no other thread will link.
    #[inline]
    pub(crate) fn link(&self, me: Me) {
        let held = me.held();
        let newest = held.newest();
        // Mostly the link has that value still, from the last time. So this looks first: the store
        // costs as much as the rest of the function.
        // ORDERING: Relaxed, both: only the kernel looks at the links, after this thread's end.
        if self.next.load(Relaxed) != newest as u64 {
            // ORDERING: as above.
            self.next.store(newest as u64, Relaxed);
        }
        in_program_order();
        held.push(self.address(), newest);
        in_program_order();
    }

    /// Unlinks the entry. The caller has made it pending; or it is an entry that no thread holds
    /// and no other thread will link.
    #[inline(always)]
    pub(crate) fn unlink(&self, me: Me) {
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
        // If another process has overwritten that word, another thread may hold the entry. Then the
        // link belongs to that thread's list, and must stay.
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
#[inline]
pub(crate) fn untagged(address: usize) -> usize {
    address & !1
}

/// The link back of the library's entry at this address in a list.
pub(crate) fn back_link_of(address: usize) -> *mut usize {
    std::ptr::with_exposed_provenance_mut(untagged(address) - size_of::<usize>())
}
