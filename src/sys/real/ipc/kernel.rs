//! System calls between processes: waits and wake-ups on words, and fences that reach others.
//!
//! **Sleeping** is futex(2) without `PRIVATE`: the kernel finds sleeping threads by the page and
//! not by the address, so it works across mappings. A thread that watches several words sleeps in
//! futex_waitv (Linux 5.16).
//!
//! **Sandboxes** may refuse a call. If one does so from the beginning, memory is neither created
//! nor opened ([`check`]). If one begins later, a wait must not panic, since the thread may be half
//! way through a change that others wait for. It looks again every [`NAP`] instead.

use crate::sys::Ordering::Relaxed;
use crate::sys::deadline::Deadline;
use crate::sys::fence;
use crate::sys::ipc::error::OpenError;
use crate::sys::ipc::process::Page;
use crate::sys::mortal::{AtomicU32, AtomicU64};
use rustix::io::Errno;
use rustix::thread::futex::{self, Flags, WaitFlags, WaitPtr, WaitvFlags, WakeOp, WakeOpCmp};
use rustix::time::{ClockId, Timespec, clock_gettime};
use std::time::{Duration, Instant};

/// A word of 32 bits that a thread can sleep on.
pub(crate) trait Watched {
    fn word(&self) -> &AtomicU32;
}

impl Watched for AtomicU32 {
    fn word(&self) -> &AtomicU32 {
        self
    }
}

/// Threads sleep on its low half.
impl Watched for AtomicU64 {
    fn word(&self) -> &AtomicU32 {
        let low = usize::from(cfg!(target_endian = "big"));
        let half = self.as_ptr().cast::<u32>().wrapping_add(low);
        // SAFETY: within an atomic number, and aligned; only the kernel accesses the half alone.
        unsafe { AtomicU32::from_ptr(half) }
    }
}

/// Sleeps while all words have these values, until woken on one, or for no reason. Returns false
/// after the deadline.
///
/// The kernel looks at one word after the other. As soon as it has looked at a word, the thread may
/// be woken on that word, before the kernel has looked at the next. So if other threads change word
/// B and then wake threads on word A, A must stand before B in `words`. A thread that was woken on
/// one word and has not run yet can still absorb a wake-up on another word, which another waiter
/// would have got.
#[cold]
pub(crate) fn wait<W: Watched + ?Sized>(words: &[(&W, u32)], deadline: Deadline) -> bool {
    let left = deadline
        .instant()
        .map(|deadline| deadline.saturating_duration_since(Instant::now()));
    let left = left.map(|left| Timespec::try_from(left).unwrap_or(LONG));
    let end = match words {
        [(word, value)] => futex::wait(word.word(), Flags::empty(), *value, left.as_ref()),
        words => wait_on_many(words, left),
    };
    match end {
        Ok(()) | Err(Errno::AGAIN | Errno::INTR) => true,
        Err(Errno::TIMEDOUT) => false,
        Err(_) => nap(words, deadline),
    }
}

/// How long a thread sleeps between two looks where it may not sleep on several words.
const NAP: Duration = Duration::from_millis(1);

/// Sleeps for at most [`NAP`], on the first word, unless one of the words has changed. The caller
/// looks again and so sees what this missed. Returns as [`wait`] does.
#[cold]
fn nap<W: Watched + ?Sized>(words: &[(&W, u32)], deadline: Deadline) -> bool {
    // ORDERING: Relaxed; the caller looks again.
    let is_same = |(word, value): &(&W, u32)| word.word().load(Relaxed) == *value;
    if let [(word, value), ..] = words
        && words.iter().all(is_same)
    {
        let until = deadline.min(Deadline::after(NAP));
        let left = until.instant().expect("a nap ends");
        let left = left.saturating_duration_since(Instant::now());
        let short = Timespec::try_from(left).expect("a nap is short");
        let slept = futex::wait(word.word(), Flags::empty(), *value, Some(&short));
        if !matches!(
            slept,
            Ok(()) | Err(Errno::AGAIN | Errno::INTR | Errno::TIMEDOUT)
        ) {
            // Even that is refused.
            std::thread::sleep(left);
        }
    }
    !deadline.passed()
}

/// Whether the system has the calls without which no lock in shared memory can wait or survive a
/// death. Asked each time: a child of a fork may be in a sandbox in which its parent is not.
///
/// It also makes other processes' heavy fences reach this one, which may take tens of milliseconds
/// beside other threads. So it happens here, and not within the first call on a lock, which may
/// have a deadline.
pub(crate) fn check() -> Result<(), OpenError> {
    fence::join_others();
    // If the call exists, waiting for no word is invalid.
    let waits = futex::waitv(&[], WaitvFlags::empty(), None, ClockId::Monotonic);
    if waits.err() != Some(Errno::INVAL) {
        let call = "futex_waitv(2), of Linux 5.16";
        return Err(OpenError::Unsupported { call });
    }
    let (mut list, mut size) = (std::ptr::null_mut::<u8>(), 0_usize);
    // SAFETY: the call writes a pointer and a size to where it is told to.
    let got = unsafe { libc::syscall(libc::SYS_get_robust_list, 0, &raw mut list, &raw mut size) };
    if got != 0 {
        let call = "get_robust_list(2)";
        return Err(OpenError::Unsupported { call });
    }
    match Page::make() {
        Ok(_) => Ok(()),
        Err(Errno::NOMEM) => Err(Errno::NOMEM.into()),
        Err(_) => {
            let call = "madvise(2) with MADV_WIPEONFORK, of Linux 4.14";
            Err(OpenError::Unsupported { call })
        }
    }
}

/// As good as for ever, and small enough to be added to the current time.
const LONG: Timespec = Timespec {
    tv_sec: i32::MAX as i64,
    tv_nsec: 0,
};

fn wait_on_many<W: Watched + ?Sized>(
    words: &[(&W, u32)],
    left: Option<Timespec>,
) -> Result<(), Errno> {
    match words.len() <= FEW_WORDS {
        true => wait_on_up_to::<FEW_WORDS, W>(words, left),
        false => wait_on_up_to::<MOST_WORDS, W>(words, left),
    }
}

/// Not inline: 128 words take 3 KiB of stack, which is all that some threads have left.
#[inline(never)]
fn wait_on_up_to<const N: usize, W: Watched + ?Sized>(
    words: &[(&W, u32)],
    left: Option<Timespec>,
) -> Result<(), Errno> {
    let mut waits = [futex::Wait::new(); N];
    for (wait, (word, value)) in waits.iter_mut().zip(words) {
        wait.val = (*value).into();
        wait.uaddr = WaitPtr::new(word.word().as_ptr().cast());
        wait.flags = WaitFlags::SIZE_U32;
    }
    // What lies beyond the clock's last time is for ever.
    let until = left.and_then(|left| clock_gettime(ClockId::Monotonic).checked_add(left));
    let waits = &waits[..words.len()];
    futex::waitv(
        waits,
        WaitvFlags::empty(),
        until.as_ref(),
        ClockId::Monotonic,
    )
    .map(drop)
}

/// The kernel's limit for one call.
pub(crate) const MOST_WORDS: usize = 128;

/// How many words a waiter watches, at most, if it watches no ledger.
pub(crate) const FEW_WORDS: usize = 4;

/// Wakes at most `count` of the threads that sleep on the word. Returns how many it woke.
#[cold]
pub(crate) fn wake(word: &AtomicU32, count: usize) -> usize {
    let count = count.min(i32::MAX as usize) as u32;
    futex::wake(word, Flags::empty(), count).expect("a mapped word")
}

/// Clears a flag and wakes all that sleep on the word, in one step: no death comes between.
#[cold]
pub(crate) fn clear_and_wake_all(flag: &AtomicU32, word: &AtomicU32) {
    change_and_wake(flag, WakeOp::Set, 0, word, usize::MAX);
}

/// Adds one to the word and wakes `count` sleepers at most, in one step: no death comes between.
#[cold]
pub(crate) fn add_one_and_wake(word: &AtomicU32, count: usize) {
    change_and_wake(word, WakeOp::Add, 1, word, count);
}

fn change_and_wake(changed: &AtomicU32, change: WakeOp, by: u16, word: &AtomicU32, count: usize) {
    let (count, no_more) = (count.min(i32::MAX as usize) as u32, 0);
    // The comparison only decides whether threads on the second word are woken, too. There are none
    // to wake, so any comparison serves.
    let (flags, either) = (Flags::empty(), WakeOpCmp::Lt);
    futex::wake_op(word, flags, count, no_more, changed, change, either, by, 0)
        .expect("a mapped word");
}

/// Runs the heavy side of [`Me::light`](crate::sys::ipc::me::Me::light), which reaches all
/// processes. A thread that relies on it may sleep until the returned time: for ever, or 1 ms where
/// the system refuses such fences.
#[cold]
pub(crate) fn heavy_until() -> Deadline {
    match fence::heavy_for_others() {
        true => Deadline::NEVER,
        false => Deadline::after(std::time::Duration::from_millis(1)),
    }
}

/// Whether a thread of this number lives, or is dead and has not been waited for (a zombie).
#[cold]
pub(crate) fn is_alive(id: u32) -> bool {
    // SAFETY: signal 0 is never delivered; the call only asks.
    let asked = unsafe { libc::syscall(libc::SYS_tkill, id, 0) };
    asked == 0 || std::io::Error::last_os_error().raw_os_error() != Some(libc::ESRCH)
}
