//! The calling process, as its threads recognize it: by two numbers that a fork changes.
//!
//! They stand in a page that the kernel empties in the child of a fork (`MADV_WIPEONFORK`).
//! - The **generation** is the process's own. It is counted in ordinary memory, so a child counts on from
//!   its parent, and no process has the generation of one that it descends from. Guards hold it: a
//!   guard that was inherited belongs to an earlier generation, whatever number the calling thread has.
//! - The **stamp** changes with a fork, too, and when a region is unmapped. What a thread knows is valid as
//!   long as the stamp is the one with which it learnt it.
//!
//! Nothing here waits, so nothing is left half done by a thread that a child does not have.

use crate::primitive::Ordering::{AcqRel, Acquire, Relaxed};
use crate::primitive::{AtomicPtr, AtomicU32, AtomicU64};
use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
use std::ptr;

/// What a fork empties. Zero: no thread has asked yet.
#[repr(C)]
pub(super) struct Page {
    stamp: AtomicU64,
    generation: AtomicU32,
}

/// The last stamp that this process, or one that it descends from, has used.
static LAST_STAMP: AtomicU64 = AtomicU64::new(0);
/// The last generation, likewise.
static LAST_GENERATION: AtomicU32 = AtomicU32::new(0);

/// Where a thread looks that has not found the page yet. The stamp is one that no page has.
pub(super) static NO_PAGE: Page = Page {
    stamp: AtomicU64::new(0),
    generation: AtomicU32::new(0),
};

impl Page {
    /// This process's, which no region is opened without.
    pub(super) fn get() -> &'static Page {
        Self::make().expect("anteroom::shared: the system refuses a page that a fork empties")
    }

    /// This process's, or the system's refusal.
    pub(super) fn make() -> Result<&'static Page, Errno> {
        static PAGE: AtomicPtr<Page> = AtomicPtr::new(ptr::null_mut());
        // ORDERING: Acquire, here and below, pairs with the Release of the thread that put it there: the
        // mapping comes first.
        let mut page = PAGE.load(Acquire);
        if page.is_null() {
            let new = map_page()?;
            // ORDERING: as above.
            page = match PAGE.compare_exchange(ptr::null_mut(), new, AcqRel, Acquire) {
                Ok(_) => new,
                Err(theirs) => {
                    unmap_page(new);
                    theirs
                }
            };
        }
        // SAFETY: never unmapped, and zero at first, as it is in the child of a fork.
        Ok(unsafe { &*page })
    }

    /// The stamp, or 0 if no thread of this process has asked for it.
    #[inline]
    pub(super) fn stamp(&self) -> u64 {
        // ORDERING: Acquire pairs with the Release of the thread that changed it: what it unmapped is in no
        // table any more.
        self.stamp.load(Acquire)
    }

    /// The stamp, which this process has from now on.
    pub(super) fn current_stamp(&self) -> u64 {
        loop {
            match self.stamp() {
                0 => _ = self.restamp(0),
                stamp => return stamp,
            }
        }
    }

    /// Makes all threads forget what they know of mappings.
    pub(super) fn change_stamp(&self) {
        let mut found = self.current_stamp();
        while !self.restamp(found) {
            found = self.current_stamp();
        }
    }

    /// Changes the stamp, unless another thread has done so. Returns whether this one did.
    fn restamp(&self, found: u64) -> bool {
        // ORDERING: Relaxed; a number that differs from all others.
        let next = LAST_STAMP.fetch_add(1, Relaxed) + 1;
        // ORDERING: AcqRel; Release pairs with the Acquire in `stamp`.
        self.stamp
            .compare_exchange(found, next, AcqRel, Relaxed)
            .is_ok()
    }

    /// The generation of this process.
    ///
    /// # Panics
    /// If there have been 2³² of them.
    pub(super) fn generation(&self) -> u32 {
        // ORDERING: Relaxed, all; a number that orders nothing.
        match self.generation.load(Relaxed) {
            0 => self.begin_generation(),
            generation => generation,
        }
    }

    #[cold]
    fn begin_generation(&self) -> u32 {
        // ORDERING: Relaxed; as above. If two threads come here, a number remains unused.
        let last = LAST_GENERATION
            .fetch_update(Relaxed, Relaxed, |last| last.checked_add(1))
            .expect("anteroom::shared: a line of 2^32 forks");
        // ORDERING: as above.
        let begun = self
            .generation
            .compare_exchange(0, last + 1, Relaxed, Relaxed);
        begun.map_or_else(|theirs| theirs, |_| last + 1)
    }
}

fn map_page() -> Result<*mut Page, Errno> {
    let (access, kind) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
    let size = rustix::param::page_size();
    // SAFETY: a new mapping of any address replaces none.
    let page = unsafe { mmap_anonymous(ptr::null_mut(), size, access, kind) }?;
    // SAFETY: that mapping, as a whole, which is empty.
    let advised = unsafe { madvise(page, size, Advice::LinuxWipeOnFork) };
    if advised.is_err() {
        unmap_page(page.cast());
    }
    advised.map(|()| page.cast())
}

/// No other thread knows it.
fn unmap_page(page: *mut Page) {
    let size = rustix::param::page_size();
    // SAFETY: this thread's own mapping, as a whole.
    let unmapped = unsafe { munmap(page.cast(), size) };
    debug_assert!(unmapped.is_ok());
}
