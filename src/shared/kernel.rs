//! What memory between processes asks of the kernel: to sleep and to wake on a word, and to be told of deaths.
//!
//! **Sleeping** is futex(2) without `PRIVATE`: the kernel finds the sleepers by the page and not by the address,
//! so it works across mappings. Who watches several words sleeps with futex_waitv (Linux 5.16).
//!
//! **Deaths.** Each thread has a *robust list*, which the C library has told the kernel of, of words that hold the thread's
//! number while it holds the locks that they are part of. When the thread ends, however it ends, the kernel marks those
//! words with `OWNER_DIED` and wakes one who sleeps there. The list is the library's own: ours stand between its
//! robust mutexes, in the same layout ([`Entry`](super::robust::Entry)), and neither notices.

use crate::deadline::Deadline;
use crate::primitive::Ordering::Relaxed;
use crate::primitive::mortal::AtomicU32;
use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous};
use rustix::thread::futex::{self, Flags, WaitFlags, WaitPtr, WaitvFlags, WakeOp, WakeOpCmp};
use rustix::time::{ClockId, Timespec, clock_gettime};
use std::cell::Cell;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;
use std::time::Instant;

/// Sleeps while all words have these values, until somebody wakes one of them. May end for no reason. Returns
/// false if the deadline passed.
#[cold]
pub(super) fn wait(words: &[(&AtomicU32, u32)], deadline: Deadline) -> bool {
    let left = deadline
        .instant()
        .map(|deadline| deadline.saturating_duration_since(Instant::now()));
    let left = left.map(|left| Timespec::try_from(left).unwrap_or(LONG));
    let end = match words {
        [(word, value)] => futex::wait(word, Flags::empty(), *value, left.as_ref()),
        words => wait_on_many(words, left),
    };
    match end {
        Ok(()) | Err(Errno::AGAIN | Errno::INTR) => true,
        Err(Errno::TIMEDOUT) => false,
        Err(error) => panic!("futex: {error}"),
    }
}

/// As good as for ever, and small enough to be added to the time.
const LONG: Timespec = Timespec {
    tv_sec: i32::MAX as i64,
    tv_nsec: 0,
};

fn wait_on_many(words: &[(&AtomicU32, u32)], left: Option<Timespec>) -> Result<(), Errno> {
    let mut waits = [futex::Wait::new(); MOST_WORDS];
    for (wait, (word, value)) in waits.iter_mut().zip(words) {
        wait.val = (*value).into();
        wait.uaddr = WaitPtr::new(ptr::from_ref(*word).cast_mut().cast());
        wait.flags = WaitFlags::SIZE_U32;
    }
    let until = left.map(|left| clock_gettime(ClockId::Monotonic) + left);
    let waits = &waits[..words.len()];
    futex::waitv(
        waits,
        WaitvFlags::empty(),
        until.as_ref(),
        ClockId::Monotonic,
    )
    .map(drop)
}

/// As many as the kernel takes at once.
pub(super) const MOST_WORDS: usize = 128;

/// Wakes so many of those who sleep on the word, at most, and returns how many.
#[cold]
pub(super) fn wake(word: &AtomicU32, count: usize) -> usize {
    let count = count.min(i32::MAX as usize) as u32;
    futex::wake(word, Flags::empty(), count).expect("a mapped word")
}

/// Clears a bit of the word and wakes all who sleep on it. Nobody comes between the two, nor does death.
#[cold]
pub(super) fn clear_and_wake_all(word: &AtomicU32, bit: u32) {
    let number = bit.trailing_zeros() as u16;
    change_and_wake(word, WakeOp::AndNShift, number, usize::MAX);
}

/// Adds one to the word and wakes so many of those who sleep on it, at most. Nobody comes between the two, nor does death.
#[cold]
pub(super) fn add_one_and_wake(word: &AtomicU32, count: usize) {
    change_and_wake(word, WakeOp::Add, 1, count);
}

fn change_and_wake(word: &AtomicU32, change: WakeOp, by: u16, count: usize) {
    let (count, no_more) = (count.min(i32::MAX as usize) as u32, 0);
    let (flags, never) = (Flags::empty(), WakeOpCmp::Lt);
    futex::wake_op(word, flags, count, no_more, word, change, never, by, 0).expect("a mapped word");
}

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

impl RobustList {
    /// Which ends it: the address of its first link.
    #[inline]
    pub(super) fn address(&self) -> usize {
        self.first.as_ptr().expose_provenance()
    }
}

/// The calling thread, as the kernel knows it.
#[derive(Clone, Copy)]
pub(crate) struct Me {
    process: u32,
    id: u32,
    list: NonNull<RobustList>,
}

impl Me {
    /// # Panics
    /// If this thread has a robust list whose layout is another than glibc's on a 64-bit machine.
    #[inline]
    pub(crate) fn get() -> Self {
        thread_local! {
            static ME: Cell<Option<Me>> = const { Cell::new(None) };
        }
        let process = this_process();
        match ME.get() {
            Some(me) if me.process == process => me,
            _ => {
                let me = Me::ask(process);
                ME.set(Some(me));
                me
            }
        }
    }

    #[cold]
    fn ask(process: u32) -> Self {
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
            offset,
            super::robust::OFFSET,
            "anteroom::shared: this C library's robust mutexes are laid out otherwise"
        );
        let id = rustix::thread::gettid()
            .as_raw_nonzero()
            .get()
            .cast_unsigned();
        Me { process, id, list }
    }

    /// Its number, which no other living thread has.
    #[inline]
    pub(super) fn id(self) -> u32 {
        self.id
    }

    #[inline]
    pub(super) fn list(&self) -> &RobustList {
        // SAFETY: it is this thread's own, and stays until the thread ends.
        unsafe { self.list.as_ref() }
    }
}

/// Where no library has done so: tells the kernel of a list, which is never freed.
fn register() -> NonNull<RobustList> {
    let list = Box::leak(Box::new(RobustList {
        first: Cell::new(0),
        offset: super::robust::OFFSET,
        pending: Cell::new(0),
    }));
    list.first.set(ptr::from_ref(list).expose_provenance());
    // SAFETY: the list is empty, and stays.
    let done = unsafe {
        libc::syscall(
            libc::SYS_set_robust_list,
            ptr::from_ref(list),
            size_of::<RobustList>(),
        )
    };
    assert_eq!(done, 0, "set_robust_list failed");
    NonNull::from(list)
}

/// A number that the child of a fork does not share, without asking the kernel each time: it is kept in a page that the kernel
/// empties for the child.
#[inline]
fn this_process() -> u32 {
    static PAGE: OnceLock<&'static AtomicU32> = OnceLock::new();
    let page = PAGE.get_or_init(|| {
        let (access, kind) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
        let size = rustix::param::page_size();
        // SAFETY: a new mapping of any address takes nothing from anybody.
        let page = unsafe { mmap_anonymous(ptr::null_mut(), size, access, kind) }.expect("memory");
        // SAFETY: that mapping, as a whole, which is empty.
        unsafe { madvise(page, size, Advice::LinuxWipeOnFork) }.expect("Linux 4.14");
        // SAFETY: never unmapped, and zero, as it is in the child of a fork.
        unsafe { &*page.cast::<AtomicU32>() }
    });
    // ORDERING: Relaxed; whoever writes it writes the same.
    match page.load(Relaxed) {
        0 => {
            let process = std::process::id();
            // ORDERING: as above.
            page.store(process, Relaxed);
            process
        }
        process => process,
    }
}
