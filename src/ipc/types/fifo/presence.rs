//! Presence: which sides of a FIFO are open, told by locks that live as long as descriptors.
//!
//! An open end has locked one byte of the bell that it rings. The byte's number is the end's
//! *ticket*, which no other end of the FIFO has. The lock belongs to the open file description
//! (`F_OFD_SETLK`), so every process that inherits the descriptor over a fork has it, too. The
//! kernel releases it when the last of them closes the descriptor or is dead. Looking for such
//! locks takes none, so no opener is in another one's way meanwhile.
//!
//! **Deaths.** The kernel releases a dead opener's opening lock first. It closes the descriptors
//! after it has freed the memory, which takes 100 ms for a gigabyte, and a child that another
//! thread has forked keeps them. So the next opener could see the lock of an end that was never
//! open. Therefore an opener writes its ticket into the region before it takes its byte's lock, and
//! clears it as its last step under the opening lock: with that, its end is open. An opener that
//! finds another one's ticket there notes it as *abandoned*: its lock no longer counts.

use crate::sys::Ordering::Relaxed;
use crate::sys::ipc::error::OpenError;
use crate::sys::mortal::AtomicU64;
use rustix::fd::{AsRawFd, OwnedFd};
use std::io;

/// How many abandoned tickets are remembered. A ticket is forgotten when its lock is gone, so only
/// openers count that were killed under the opening lock within the time that a death takes.
const MOST: usize = 8;

/// The tickets of openers that died under the opening lock, or 0. For its holder.
pub(super) struct Abandoned([AtomicU64; MOST]);

impl Abandoned {
    pub(super) fn new() -> Self {
        Abandoned([const { AtomicU64::new(0) }; MOST])
    }

    /// Notes an abandoned ticket. Its lock may be on each of `bells`.
    pub(super) fn note(&self, ticket: u64, bells: [&OwnedFd; 2]) -> Result<(), OpenError> {
        let mut place = &self.0[ticket as usize % MOST];
        for it in &self.0 {
            // ORDERING: Relaxed, here and below; the opening lock orders it.
            let other = it.load(Relaxed);
            if other == 0 || !is_any_locked(bells, other, Some(other.wrapping_add(1)))? {
                place = it;
            }
        }
        // ORDERING: as above.
        place.store(ticket, Relaxed);
        Ok(())
    }
}

/// The locks on one bell: which ends can ring it.
pub(super) struct Presence<'a> {
    pub(super) bell: &'a OwnedFd,
    pub(super) abandoned: &'a Abandoned,
}

impl Presence<'_> {
    /// Whether another end that has its lock here is open.
    pub(super) fn is_any_open(&self) -> Result<bool, OpenError> {
        // ORDERING: as in `note`.
        let mut abandoned = self.abandoned.0.each_ref().map(|it| it.load(Relaxed));
        abandoned.sort_unstable();
        let mut start = 1;
        for ticket in abandoned.into_iter().filter(|it| *it != 0) {
            if start < ticket && is_any_locked([self.bell], start, Some(ticket))? {
                return Ok(true);
            }
            start = ticket.wrapping_add(1);
        }
        is_any_locked([self.bell], start, None)
    }

    pub(super) fn enter(&self, ticket: u64) -> Result<(), OpenError> {
        ask(
            self.bell,
            libc::F_OFD_SETLK,
            ticket,
            Some(ticket.wrapping_add(1)),
        )
        .map(drop)
    }
}

/// Whether another description has locked a byte of a bell from `start` on, up to `end` if given.
fn is_any_locked<const N: usize>(
    bells: [&OwnedFd; N],
    start: u64,
    end: Option<u64>,
) -> Result<bool, OpenError> {
    for bell in bells {
        if ask(bell, libc::F_OFD_GETLK, start, end)? != libc::F_UNLCK {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Asks for an exclusive lock. Returns the type of another description's lock, or none.
fn ask(bell: &OwnedFd, command: i32, start: u64, end: Option<u64>) -> Result<i32, OpenError> {
    // SAFETY: numbers, of which all may be zero.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = libc::F_WRLCK as _;
    lock.l_whence = libc::SEEK_SET as _;
    // An impossible ticket is an error of the kernel's.
    lock.l_start = start.cast_signed();
    lock.l_len = end.map_or(0, |end| end.wrapping_sub(start).cast_signed());
    // SAFETY: the kernel writes only the lock.
    let done = unsafe { libc::fcntl(bell.as_raw_fd(), command, &raw mut lock) };
    match done {
        -1 => Err(OpenError::System(io::Error::last_os_error())),
        _ => Ok(lock.l_type.into()),
    }
}
