//! The calling thread, as the kernel knows it: its number, and its list of what is to be released when it dies.
//!
//! Each thread has a *robust list*, which the C library has told the kernel of, of words that hold the thread's number while it holds
//! the locks that they are part of. When the thread ends, however it ends, the kernel marks those words with `OWNER_DIED` and
//! wakes one who sleeps there. The list is the library's own: ours stand between its robust mutexes, in the same layout
//! ([`Entry`](super::robust::Entry)), and neither notices.

use super::robust::{OFFSET, untagged};
use crate::fence;
use crate::primitive::AtomicPtr;
use crate::primitive::Ordering::{AcqRel, Acquire, Relaxed};
use crate::primitive::mortal::AtomicU32;
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
use std::cell::Cell;
use std::ops::Range;
use std::ptr::{self, NonNull};

/// The head of a thread's robust list, as the kernel reads it.
#[repr(C)]
pub(super) struct RobustList {
    /// The address of an entry's link, which holds the next one's, and in the end this one's.
    pub(super) first: Cell<usize>,
    /// From the link to the word.
    offset: isize,
    /// Of an entry that this thread may or may not hold just now.
    pub(super) pending: Cell<usize>,
}

/// `ROBUST_LIST_LIMIT`: how many entries of a list the kernel looks at.
const LONGEST: usize = 2048;

impl RobustList {
    /// Which ends it: the address of its first link.
    #[inline]
    pub(super) fn address(&self) -> usize {
        self.first.as_ptr().expose_provenance()
    }

    /// Whether it names anything in this memory, as far as the kernel would follow it.
    pub(super) fn names_any_in(&self, memory: Range<usize>) -> bool {
        let mut link = untagged(self.first.get());
        for _ in 0..LONGEST {
            if link == self.address() {
                return false;
            }
            if memory.contains(&link) {
                return true;
            }
            // SAFETY: the list holds entries that are mapped as long as they are in it, and an entry's link is first.
            link = untagged(unsafe { *ptr::with_exposed_provenance::<usize>(link) });
        }
        true
    }
}

/// The calling thread.
#[derive(Clone, Copy)]
pub(crate) struct Me {
    list: NonNull<RobustList>,
    id: u32,
}

/// What a thread knows of itself, as long as the page says that it is in this process. Cells each, not copied as a whole:
/// that took a third of the time of a lock.
struct Known {
    page: Cell<&'static AtomicU32>,
    process: Cell<u32>,
    list: Cell<NonNull<RobustList>>,
    id: Cell<u32>,
}

static NOWHERE: AtomicU32 = AtomicU32::new(0);

/// Whether the heavy fences of others do not reach this process: 1, or 0.
static UNREACHED: AtomicU32 = AtomicU32::new(0);

thread_local! {
    static KNOWN: Known = const {
        Known {
            page: Cell::new(&NOWHERE),
            process: Cell::new(1),
            list: Cell::new(NonNull::dangling()),
            id: Cell::new(0),
        }
    };
}

impl Me {
    /// # Panics
    /// If this thread has a robust list whose layout is another than glibc's on a 64-bit machine.
    #[inline]
    pub(crate) fn get() -> Self {
        KNOWN.with(|known| {
            // ORDERING: Relaxed; written by this process only, always the same.
            if known.page.get().load(Relaxed) != known.process.get() {
                known.ask();
            }
            Me {
                list: known.list.get(),
                id: known.id.get(),
            }
        })
    }

    /// Its number, which no other living thread has.
    #[inline]
    pub(super) fn id(self) -> u32 {
        self.id
    }

    /// The side that costs nothing of a pair of fences ([`fence::light`]), the other being [`heavy_until`](super::kernel::heavy_until).
    #[inline]
    pub(super) fn light(self) {
        // ORDERING: Relaxed; this thread has written it, or one before it of which it knows, or as much.
        match UNREACHED.load(Relaxed) {
            0 => fence::light(),
            _ => full(),
        }
    }

    #[inline]
    pub(super) fn list(&self) -> &RobustList {
        // SAFETY: it is this thread's own, and stays until the thread ends.
        unsafe { self.list.as_ref() }
    }
}

impl Known {
    #[cold]
    fn ask(&self) {
        let mut list = ptr::null_mut::<RobustList>();
        let mut size = 0_usize;
        // SAFETY: the call writes a pointer and a size to where it is told to.
        let done =
            unsafe { libc::syscall(libc::SYS_get_robust_list, 0, &raw mut list, &raw mut size) };
        assert_eq!(done, 0, "get_robust_list failed");
        let list = NonNull::new(list).unwrap_or_else(register);
        // SAFETY: it is this thread's own, and stays until the thread ends.
        let offset = unsafe { list.as_ref() }.offset;
        assert_eq!(
            offset, OFFSET,
            "anteroom::shared: this C library's robust mutexes are laid out otherwise"
        );
        let id = rustix::thread::gettid().as_raw_nonzero().get();
        if !fence::join_others() {
            // ORDERING: Relaxed; read by this process's threads, each of which has come here first.
            UNREACHED.store(1, Relaxed);
        }
        let (page, process) = (page(), std::process::id());
        // ORDERING: as in `get`.
        page.store(process, Relaxed);
        self.page.set(page);
        self.process.set(process);
        self.list.set(list);
        self.id.set(id.cast_unsigned());
    }
}

/// Out of line: hardly any process comes here.
#[cold]
fn full() {
    fence::full();
}

/// Where no library has done so: tells the kernel of a list, which is never freed.
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

/// A word that is this process's number, or 0 after a fork, in the child: it is in a page which the kernel empties for it. Not a
/// `OnceLock`: if another thread was filling that during a fork, it would never be filled in the child.
fn page() -> &'static AtomicU32 {
    static PAGE: AtomicPtr<AtomicU32> = AtomicPtr::new(ptr::null_mut());
    // ORDERING: Acquire, here and below, pairs with the Release of whoever put it there: the mapping comes first.
    let mut page = PAGE.load(Acquire);
    if page.is_null() {
        let new = map_page();
        // ORDERING: as above.
        page = match PAGE.compare_exchange(ptr::null_mut(), new, AcqRel, Acquire) {
            Ok(_) => new,
            Err(theirs) => {
                // SAFETY: this thread's own mapping, of which nobody else knows.
                unsafe { munmap(new.cast(), rustix::param::page_size()) }.expect("mapped");
                theirs
            }
        };
    }
    // SAFETY: never unmapped, and zero at first, as it is in the child of a fork.
    unsafe { &*page }
}

fn map_page() -> *mut AtomicU32 {
    let (access, kind) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
    let size = rustix::param::page_size();
    // SAFETY: a new mapping of any address takes nothing from anybody.
    let page = unsafe { mmap_anonymous(ptr::null_mut(), size, access, kind) }.expect("memory");
    // SAFETY: that mapping, as a whole, which is empty.
    unsafe { madvise(page, size, Advice::LinuxWipeOnFork) }.expect("Linux 4.14");
    page.cast()
}
