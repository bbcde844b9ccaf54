//! The calling thread's identity: its number, its process's generation, and its robust list.
//!
//! Each thread has a *robust list*, which the C library has registered with the kernel. Its entries
//! name words that hold the thread's number while it holds the locks around them. However the
//! thread ends, the kernel marks these words with `OWNER_DIED` and wakes a waiter on each. The list
//! is the library's own: our entries stand between its robust mutexes, in the same layout
//! ([`Entry`](crate::sys::ipc::robust::Entry)), and neither side notices.
//!
//! This module uses the head of the list as the kernel does. The thread's
//! [block](crate::sys::ipc::block) records its entries.
//!
//! A thread caches all this ([`Known`]) until its process's [stamp](crate::sys::ipc::process)
//! changes.
//!
//! If other code registers another list (`set_robust_list`), the kernel walks that one, and what
//! this thread holds stays held after its death. glibc never does so within a process's life.

use super::list::{RobustList, insert, robust_list};
use crate::sys::Ordering::Relaxed;
use crate::sys::fence;
use crate::sys::ipc::block::Block;
use crate::sys::ipc::held::Held;
use crate::sys::ipc::mapped;
use crate::sys::ipc::process::{NO_PAGE, Page};
use crate::sys::ipc::robust::Entry;
use crate::sys::mortal::AtomicU32;
use std::cell::Cell;
use std::marker::PhantomData;
use std::ops::Range;
use std::ptr;

/// The calling thread.
#[derive(Clone, Copy)]
pub(crate) struct Me {
    block: &'static Block,
    not_send: PhantomData<*const ()>,
}

/// What a thread knows of itself, valid while the page has the same stamp. It is several cells:
/// copying it as a whole took a third of the time of a lock.
struct Known {
    page: Cell<&'static Page>,
    stamp: Cell<u64>,
    /// Mapped pages in which the thread has used locks lately, each at the place that follows from
    /// the page's number. Two regions in turns mostly have two places.
    pages: [Cell<usize>; PAGES],
    /// The piece in which the thread last found a page.
    piece: Cell<(usize, usize)>,
    block: Cell<Option<&'static Block>>,
    /// The generation for which this is valid. (Since a fork, the block may be another thread's.)
    generation: Cell<u32>,
    /// The generation, if other processes' heavy fences reach this one; else 0, which none has.
    at_once: Cell<u32>,
}

const PAGES: usize = 64;

/// The number of the page in which the address is. Never 0: nothing is mapped there.
#[inline]
fn page_of(address: usize) -> usize {
    address / mapped::UNIT
}

/// Whether the heavy fences of others do not reach this process: 1, or 0.
static UNREACHED: AtomicU32 = AtomicU32::new(0);

thread_local! {
    static KNOWN: Known = const {
        Known {
            page: Cell::new(&NO_PAGE),
            stamp: Cell::new(u64::MAX),
            pages: [const { Cell::new(0) }; PAGES],
            piece: Cell::new((0, 0)),
            block: Cell::new(None),
            generation: Cell::new(0),
            at_once: Cell::new(0),
        }
    };
    static LEAVES: Leaves = const { Leaves(Cell::new(None)) };
}

/// Tells the thread's block that the thread is about to end.
struct Leaves(Cell<Option<&'static Block>>);

impl Drop for Leaves {
    fn drop(&mut self) {
        if let Some(block) = self.0.get() {
            block.leave();
        }
    }
}

impl Me {
    /// The calling thread, for a lock that it holds, or that is in a region by construction.
    ///
    /// # Panics
    /// If this thread's robust list is laid out otherwise than glibc's on a 64-bit machine.
    #[inline]
    pub(crate) fn get() -> Self {
        KNOWN.with(|known| {
            if !known.is_current() {
                known.ask();
            }
            known.me()
        })
    }

    /// The calling thread, if its process is of this generation.
    #[inline]
    pub(crate) fn of(generation: u32) -> Option<Self> {
        KNOWN.with(|known| {
            if !known.is_current() {
                known.ask();
            }
            (known.generation.get() == generation).then(|| known.me())
        })
    }

    /// As [`of`](Self::of), if the thread knows that without asking, and heavy fences reach it.
    #[inline(always)]
    pub(crate) fn of_at_once(generation: u32) -> Option<Self> {
        KNOWN.with(|known| {
            let is_ours = known.is_current() && known.at_once.get() == generation;
            is_ours.then(|| known.me())
        })
    }

    /// The calling thread, for a lock at this address, before any entry of it is linked or pending.
    ///
    /// # Panics
    /// As [`get`](Self::get), and if the lock is not in memory that a region has mapped.
    #[inline]
    pub(crate) fn for_lock<T>(lock: &T, kind: &str) -> Self {
        KNOWN.with(|known| {
            known.inside(lock).unwrap_or_else(|| {
                known.locate(ptr::from_ref(lock).addr(), kind);
                known.me()
            })
        })
    }

    /// As [`for_lock`](Self::for_lock), if the thread has used a lock in that page lately, and
    /// heavy fences reach it: [`light`](Self::light) is [`fence::light`] then.
    #[inline(always)]
    pub(crate) fn for_lock_at_once<T>(lock: &T) -> Option<Self> {
        KNOWN.with(|known| known.inside(lock).filter(|_| known.at_once.get() != 0))
    }

    /// The thread's number, which no other living thread has.
    #[inline]
    pub(crate) fn id(self) -> u32 {
        self.block.thread()
    }

    /// The generation of its process, which no descendant of that process has.
    #[inline]
    pub(crate) fn generation(self) -> u32 {
        self.block.generation()
    }

    /// Whether this thread's list has an entry at these addresses, of which the given one is one.
    pub(crate) fn has_listed(self, _: &Entry, addresses: Range<usize>) -> bool {
        self.held().holds_any_in(&addresses)
    }

    #[inline]
    pub(crate) fn has_room(self) -> bool {
        self.held().has_room()
    }

    /// The light side of an asymmetric fence ([`fence::light`]). Its heavy side is
    /// [`heavy_until`](crate::sys::ipc::kernel::heavy_until).
    #[inline]
    pub(crate) fn light(self) {
        match is_reached() {
            true => fence::light(),
            false => full(),
        }
    }

    #[inline]
    pub(crate) fn list(&self) -> &RobustList {
        // SAFETY: it is this thread's own, and stays until the thread ends.
        unsafe { &*self.block.list() }
    }

    #[inline]
    pub(crate) fn held(self) -> &'static Held {
        &self.block.held
    }
}

impl Known {
    #[inline(always)]
    fn is_current(&self) -> bool {
        self.page.get().stamp() == self.stamp.get()
    }

    /// The calling thread, if it knows the page of the lock.
    #[inline(always)]
    fn inside<T>(&self, lock: &T) -> Option<Me> {
        let page = page_of(ptr::from_ref(lock).addr());
        let is_inside = self.pages[page % PAGES].get() == page;
        (self.is_current() && is_inside).then(|| self.me())
    }

    #[inline]
    fn me(&self) -> Me {
        // SAFETY: `ask` has set it before the stamp.
        let block = unsafe { self.block.get().unwrap_unchecked() };
        Me {
            block,
            not_send: PhantomData,
        }
    }

    /// Learns anew everything that may have changed.
    #[cold]
    fn ask(&self) {
        let page = Page::get();
        // The stamp is read before everything else: see `mapped`.
        let stamp = page.current_stamp();
        self.pages.iter().for_each(|page| page.set(0));
        self.piece.set((0, 0));
        let generation = page.generation();
        if self.generation.get() != generation {
            self.join(generation);
        }
        self.page.set(page);
        self.stamp.set(stamp);
    }

    /// Joins the process, for a new thread or in a new process.
    fn join(&self, generation: u32) {
        let list = robust_list();
        let id = rustix::thread::gettid().as_raw_nonzero().get();
        let id = id.cast_unsigned();
        if !fence::join_others() {
            // ORDERING: Relaxed; each of this process's threads has come here before it reads it.
            UNREACHED.store(1, Relaxed);
        }
        let block = Block::claim(generation, id);
        if LEAVES.try_with(|leaves| leaves.0.set(Some(block))).is_err() {
            block.leave();
        }
        insert(&block.held, list);
        block.set(list, generation);
        self.block.set(Some(block));
        self.generation.set(generation);
        self.at_once.set(if is_reached() { generation } else { 0 });
    }

    /// Finds the address among the mapped pieces, and remembers its page.
    #[cold]
    fn locate(&self, address: usize, kind: &str) {
        if !self.is_current() {
            self.ask();
        }
        let (start, length) = self.piece.get();
        if address.wrapping_sub(start) >= length {
            let Range { start, end } = mapped::find(address).unwrap_or_else(|| {
                panic!("{kind}: it must be in memory that Shared or SharedMemory has mapped")
            });
            self.piece.set((start, end - start));
        }
        let page = page_of(address);
        self.pages[page % PAGES].set(page);
    }
}

/// Whether the heavy fences of other processes reach this one.
#[inline(always)]
fn is_reached() -> bool {
    // ORDERING: Relaxed; this thread has run `join`, which stores 1 unless the process is reached.
    UNREACHED.load(Relaxed) == 0
}

/// Out of line, since hardly any process comes here.
#[cold]
fn full() {
    fence::full();
}
