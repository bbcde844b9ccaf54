//! The identity of the calling process: two numbers that tell a thread whether a fork came between.
//!
//! They stand in a page that the kernel empties in the child of a fork (`MADV_WIPEONFORK`).
//! - The **generation** identifies the process. It is counted in ordinary memory, so a child counts
//!   on from its parent, and no process has the generation of an ancestor. A guard records it: an
//!   inherited guard belongs to an earlier generation, even if the calling thread has the holder's
//!   number.
//! - The **stamp** changes with a fork, too, and when a region is unmapped. What a thread knows
//!   about mappings is valid as long as the stamp equals the one that it read before it learnt it.
//!
//! Nothing here waits, so no thread that the child lacks can have left anything half done.

use crate::sys::Ordering::{AcqRel, Acquire, Relaxed};
use crate::sys::{AtomicPtr, AtomicU32, AtomicU64};
use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
use std::ptr;

/// What a fork empties. Zero means that no thread of the process has asked yet.
#[repr(C)]
pub(crate) struct Page {
    stamp: AtomicU64,
    generation: AtomicU32,
}

/// The last stamp that this process or an ancestor has used.
static LAST_STAMP: AtomicU64 = AtomicU64::new(0);
/// The last generation that this process or an ancestor has used.
static LAST_GENERATION: AtomicU32 = AtomicU32::new(0);

/// The page of a thread that has not found the real one yet. No real page has its stamp.
pub(crate) static NO_PAGE: Page = Page {
    stamp: AtomicU64::new(0),
    generation: AtomicU32::new(0),
};

impl Page {
    /// This process's page. Without it, no region could have been opened.
    pub(crate) fn get() -> &'static Page {
        Self::make().expect("anteroom::ipc: the system refuses a page that a fork empties")
    }

    /// This process's page, or the system's refusal.
    pub(crate) fn make() -> Result<&'static Page, Errno> {
        static PAGE: AtomicPtr<Page> = AtomicPtr::new(ptr::null_mut());
        // ORDERING: Acquire, here and below, pairs with the Release below: the page is mapped.
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
        // SAFETY: never unmapped; zero at first, and again in the child of a fork.
        Ok(unsafe { &*page })
    }

    /// The stamp, or 0 if no thread of this process has asked for it.
    #[inline]
    pub(crate) fn stamp(&self) -> u64 {
        // ORDERING: Acquire pairs with the Release in `restamp`: what was unmapped is in no table.
        self.stamp.load(Acquire)
    }

    /// The stamp, which is given to the process if it has none.
    pub(crate) fn current_stamp(&self) -> u64 {
        loop {
            match self.stamp() {
                0 => _ = self.restamp(0),
                stamp => return stamp,
            }
        }
    }

    /// Invalidates what all threads of this process know about mappings.
    pub(crate) fn change_stamp(&self) {
        let mut found = self.current_stamp();
        while !self.restamp(found) {
            found = self.current_stamp();
        }
    }

    /// Changes the stamp, unless another thread has done so. Returns whether this one did.
    fn restamp(&self, found: u64) -> bool {
        // ORDERING: Relaxed; the number only has to differ from all others.
        let next = LAST_STAMP.fetch_add(1, Relaxed) + 1;
        // ORDERING: AcqRel; Release pairs with the Acquire in `stamp`.
        self.stamp
            .compare_exchange(found, next, AcqRel, Relaxed)
            .is_ok()
    }

    /// The generation of this process.
    ///
    /// # Panics
    /// If its ancestors had used up all 2³² generations.
    pub(crate) fn generation(&self) -> u32 {
        // ORDERING: Relaxed, all; the number orders nothing.
        match self.generation.load(Relaxed) {
            0 => self.begin_generation(),
            generation => generation,
        }
    }

    #[cold]
    fn begin_generation(&self) -> u32 {
        // ORDERING: Relaxed; as above. If two threads come here, one number remains unused.
        let last = LAST_GENERATION
            .fetch_update(Relaxed, Relaxed, |last| last.checked_add(1))
            .expect("anteroom::ipc: a line of 2^32 forks");
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
    // SAFETY: the new mapping, as a whole; nothing is in it.
    let advised = unsafe { madvise(page, size, Advice::LinuxWipeOnFork) };
    if advised.is_err() {
        unmap_page(page.cast());
    }
    advised.map(|()| page.cast())
}

/// The calling thread has mapped it, and no other thread knows it.
fn unmap_page(page: *mut Page) {
    let size = rustix::param::page_size();
    // SAFETY: this thread's own mapping, as a whole.
    let unmapped = unsafe { munmap(page.cast(), size) };
    debug_assert!(unmapped.is_ok());
}
