//! The calling thread's robust list, which is glibc's.

use super::me::Me;
use crate::sys::AtomicUsize;
use crate::sys::Ordering::Relaxed;
use crate::sys::in_program_order;
use crate::sys::ipc::held::Bypass;
use crate::sys::ipc::held::Held;
use crate::sys::ipc::robust::Entry;
use crate::sys::mortal::{AtomicU32, AtomicU64};
use crate::sys::robust_word::OWNER;
use std::cell::Cell;
use std::ops::Range;
use std::ptr::{self, NonNull};

/// The distance from the link of an entry, to which a list points, to its word.
const OFFSET: isize = -(std::mem::offset_of!(Entry, next) as isize);

/// The head of a thread's robust list, as the kernel reads it.
#[repr(C)]
pub(crate) struct RobustList {
    /// The address of the first entry's link, which holds the next one's; the last holds this.
    first: Cell<usize>,
    /// The distance from an entry's link to its word, in bytes.
    offset: isize,
    /// The link of an entry that this thread may or may not hold just now.
    pending: Cell<usize>,
}

impl RobustList {
    /// The address that ends the list: that of `first`.
    fn address(&self) -> usize {
        self.first.as_ptr().expose_provenance()
    }

    #[inline]
    pub(crate) fn pending(&self) -> usize {
        self.pending.get()
    }

    #[inline]
    pub(crate) fn pend(&self, address: usize) {
        self.pending.set(address);
    }
}

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
        // ORDERING: Relaxed, both: only the kernel follows the links, after this thread's end.
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
fn untagged(address: usize) -> usize {
    address & !1
}

/// The link back of the library's entry at this address in a list.
fn back_link_of(address: usize) -> *mut usize {
    std::ptr::with_exposed_provenance_mut(untagged(address) - size_of::<usize>())
}

/// The list that the library has registered for this process's thread of this number (0: for the
/// calling thread), if any; or the system's refusal.
fn registered_list(thread: u32) -> Result<Option<NonNull<RobustList>>, ()> {
    let mut list = ptr::null_mut::<RobustList>();
    let mut size = 0_usize;
    // SAFETY: the call writes a pointer and a size to where it is told to.
    let done = unsafe {
        libc::syscall(
            libc::SYS_get_robust_list,
            thread,
            &raw mut list,
            &raw mut size,
        )
    };
    match done {
        0 => Ok(NonNull::new(list)),
        _ => Err(()),
    }
}

/// Clears what is pending in this memory, which is about to be unmapped and in which nothing is
/// held. The child of a fork inherits what was pending for the thread that forked, and glibc leaves
/// it so. At the end of the child's first thread, the kernel would look there, whatever is mapped
/// by then. Any thread of the child may unmap the memory.
pub(crate) fn settle_in(memory: &Range<usize>, generation: u32) {
    /// Of a process without ancestors that have used this module: it has inherited nothing.
    const FIRST_GENERATION: u32 = 1;

    if generation == FIRST_GENERATION {
        return;
    }
    // The child's first thread has the number of its process. (If it has ended, it has no list.)
    if let Ok(Some(list)) = registered_list(std::process::id()) {
        // SAFETY: its thread lives, or is the process's first, whose memory stays.
        let list = unsafe { list.as_ref() };
        // SAFETY: a word of the list, which is aligned. Its thread stores whole words there, as for
        // the kernel. By now it may have another entry pending, elsewhere.
        let word = unsafe { AtomicUsize::from_ptr(list.pending.as_ptr()) };
        // ORDERING: Relaxed, here and below; the kernel looks after that thread's end.
        let pending = word.load(Relaxed);
        if list.offset == OFFSET && memory.contains(&pending) {
            // ORDERING: as above.
            let _ = word.compare_exchange(pending, 0, Relaxed, Relaxed);
        }
    }
}

/// The list that the kernel walks when this thread ends, registered if there was none.
pub(super) fn robust_list() -> NonNull<RobustList> {
    let list = registered_list(0).expect("get_robust_list failed");
    let list = list.unwrap_or_else(register);
    // SAFETY: it is this thread's own, and stays until the thread ends.
    let offset = unsafe { list.as_ref() }.offset;
    assert_eq!(
        offset, OFFSET,
        "anteroom::ipc: this C library's robust mutexes are laid out otherwise"
    );
    list
}

/// Registers a list, never freed, where no library has (in a child made by a bare system call).
fn register() -> NonNull<RobustList> {
    let list = Box::leak(Box::new(RobustList {
        first: Cell::new(0),
        offset: OFFSET,
        pending: Cell::new(0),
    }));
    list.first.set(list.address());
    let (list, size) = (NonNull::from(list), size_of::<RobustList>());
    // SAFETY: the list is empty, and stays.
    let done = unsafe { libc::syscall(libc::SYS_set_robust_list, list.as_ptr(), size) };
    assert_eq!(done, 0, "set_robust_list failed");
    list
}

/// Puts the thread's sentinels in front of the library's entries, for good.
pub(super) fn insert(held: &Held, list: NonNull<RobustList>) {
    // SAFETY: it is this thread's own, and stays until the thread ends.
    let list = unsafe { list.as_ref() };
    let (head, next) = (list.address(), list.first.get());
    let first = held.precede(head, next);
    if untagged(next) != head {
        // SAFETY: a mutex of the library's that this thread holds, so it is mapped.
        unsafe { back_link_of(next).write(held.last()) };
    }
    in_program_order();
    list.first.set(first);
}
