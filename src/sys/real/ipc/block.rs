//! Blocks: where each thread of this process records the locks that it holds.
//!
//! A thread claims a block with its first lock. The block is its own until the kernel has walked
//! its robust list. All blocks stand in a chain that only grows, so any thread can look through all
//! of them ([`is_any_held_in`]). Blocks are used again and never unmapped.
//!
//! **The claim** is a word that names the process generation of the block's thread, counts how
//! often the block was claimed, and has two flags:
//! - `CLAIMED`: a thread is making the block its own. Nothing is held in it.
//! - `LEAVING`: the thread's destructors are running, or have run. Once the kernel does not know
//!   the thread any more, it has walked the list, and the block is free.
//!
//! In the child of a fork, every block is of an earlier generation, hence free, whatever its flags.

use super::list::RobustList;
use crate::sys::Ordering::{AcqRel, Acquire, Relaxed, Release};
use crate::sys::ipc::held::Held;
use crate::sys::{AtomicPtr, AtomicU32, AtomicU64};
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};
use std::ops::Range;
use std::ptr::{self, NonNull};

/// All zero bytes are a block of no generation.
#[repr(C)]
pub(crate) struct Block {
    list: AtomicPtr<RobustList>,
    /// The generation of the thread's process, as its guards know it.
    generation: AtomicU32,
    thread: AtomicU32,
    pub(crate) held: Held,
    claim: AtomicU64,
    /// The block that was made before this one.
    next: AtomicPtr<Block>,
}

static NEWEST: AtomicPtr<Block> = AtomicPtr::new(ptr::null_mut());

const CLAIMED: u64 = 1;
const LEAVING: u64 = 2;
const COUNT: u64 = 4;
const GENERATION_SHIFT: u32 = 32;

impl Block {
    /// Claims an empty block for the calling thread, which has this number.
    pub(crate) fn claim(generation: u32, thread: u32) -> &'static Self {
        all()
            .find(|block| block.try_claim(generation, thread))
            .unwrap_or_else(|| Self::make(generation, thread))
    }

    fn try_claim(&self, generation: u32, thread: u32) -> bool {
        // ORDERING: Acquire pairs with the Release below: the thread's number is this claim's.
        let found = self.claim.load(Acquire);
        if self.may_hold(found, generation) {
            return false;
        }
        if found & CLAIMED != 0 && is_of(found, generation) {
            return false;
        }
        let count = (found as u32 & !(CLAIMED | LEAVING) as u32).wrapping_add(COUNT as u32);
        let claim = u64::from(generation) << GENERATION_SHIFT | u64::from(count);
        // ORDERING: AcqRel; if the claim has not changed since it was read, its thread has ended.
        let claimed = self
            .claim
            .compare_exchange(found, claim | CLAIMED, AcqRel, Relaxed);
        if claimed.is_err() {
            return false;
        }
        // ORDERING: Relaxed; the store below releases it.
        self.thread.store(thread, Relaxed);
        self.held.reset();
        // ORDERING: Release pairs with the Acquires in `try_claim` and `is_any_held_in`.
        self.claim.store(claim, Release);
        true
    }

    /// Whether the thread that made this claim can hold anything.
    fn may_hold(&self, claim: u64, generation: u32) -> bool {
        match claim & (CLAIMED | LEAVING) {
            _ if !is_of(claim, generation) => false,
            0 => true,
            // ORDERING: Relaxed; the claim's store, which the caller acquired, releases it.
            LEAVING => !has_ended(self.thread.load(Relaxed)),
            _ => false,
        }
    }

    #[cold]
    fn make(generation: u32, thread: u32) -> &'static Self {
        let (access, kind) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
        // SAFETY: a new mapping of any address replaces none.
        let block = unsafe { mmap_anonymous(ptr::null_mut(), size_of::<Self>(), access, kind) };
        let block = block.expect("memory").cast::<Self>();
        // SAFETY: as large as a block, aligned to a page, never unmapped; zero bytes are a block.
        let made = unsafe { &*block };
        assert!(
            made.try_claim(generation, thread),
            "no other thread knows it"
        );
        // ORDERING: Relaxed; the exchange confirms it.
        let mut newest = NEWEST.load(Relaxed);
        loop {
            // ORDERING: Relaxed; the exchange releases it.
            made.next.store(newest, Relaxed);
            // ORDERING: Release pairs with the Acquire in `all`.
            match NEWEST.compare_exchange(newest, block, Release, Relaxed) {
                Ok(_) => return made,
                Err(found) => newest = found,
            }
        }
    }

    /// Records the calling thread's robust list and its process's generation. The block is its own.
    pub(crate) fn set(&self, list: NonNull<RobustList>, generation: u32) {
        // ORDERING: Relaxed, here and below; only the thread itself reads them.
        self.list.store(list.as_ptr(), Relaxed);
        // ORDERING: as above.
        self.generation.store(generation, Relaxed);
    }

    #[inline]
    pub(crate) fn list(&self) -> *const RobustList {
        // ORDERING: Relaxed; only the thread itself writes and reads it.
        self.list.load(Relaxed)
    }

    #[inline]
    pub(crate) fn generation(&self) -> u32 {
        // ORDERING: Relaxed; only the thread itself writes and reads it.
        self.generation.load(Relaxed)
    }

    #[inline]
    pub(crate) fn thread(&self) -> u32 {
        // ORDERING: Relaxed; the thread itself has written it.
        self.thread.load(Relaxed)
    }

    /// Says that the calling thread, which has this block, is about to end.
    pub(crate) fn leave(&self) {
        // ORDERING: Relaxed; the system call in `has_ended` orders what the thread held last.
        self.claim.fetch_or(LEAVING, Relaxed);
    }
}

fn is_of(claim: u64, generation: u32) -> bool {
    claim >> GENERATION_SHIFT == u64::from(generation)
}

fn all() -> impl Iterator<Item = &'static Block> {
    // ORDERING: Acquire pairs with the Release in `make`, which acquired the blocks further down.
    let newest = NEWEST.load(Acquire);
    // SAFETY: blocks are never unmapped.
    let at = |block: *mut Block| unsafe { block.as_ref() };
    // ORDERING: Relaxed; written before the block was in the chain.
    std::iter::successors(at(newest), move |block| at(block.next.load(Relaxed)))
}

/// Whether a thread of this process holds a lock in this memory, which no thread uses any more.
pub(crate) fn is_any_held_in(memory: &Range<usize>, generation: u32) -> bool {
    all().any(|block| {
        // The claim is read before what is held: these may be a later claim's by now.
        // ORDERING: Acquire; as in `try_claim`.
        let claim = block.claim.load(Acquire);
        is_of(claim, generation)
            && block.held.holds_any_in(memory)
            && block.may_hold(claim, generation)
    })
}

/// Whether this process has no thread of this number (any more).
fn has_ended(thread: u32) -> bool {
    let process = std::process::id();
    // SAFETY: signal 0 is never delivered; the call only asks.
    let asked = unsafe { libc::syscall(libc::SYS_tgkill, process, thread, 0) };
    asked != 0 && std::io::Error::last_os_error().raw_os_error() == Some(libc::ESRCH)
}
