//! Bells: kernel pipes that wake the other side of a ring, and tell when that side is gone.
//!
//! Each side has a *bell*, a kernel pipe that carries no data. Writing a byte rings it; a thread
//! sleeps on it by polling its reading end. The kernel counts, over forks, threads and deaths,
//! which descriptors can still write there: after the last, the bell hangs up. Each end holds
//! - the reading end of its own bell, and only that, or its own bell would never hang up;
//! - both ends of the other side's bell, so that ringing it never raises `SIGPIPE`.

use crate::sys::deadline::Deadline;
use crate::sys::ipc::{Heard, Stop};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::OwnedFd;
use rustix::io::{self, Errno, fcntl_dupfd_cloexec, read, retry_on_intr, write};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::time::Timespec;
use std::time::Instant;

/// The bells of one end. Neither reading nor writing there blocks.
pub(crate) struct Bells {
    /// The reading end of its own bell.
    own: OwnedFd,
    /// The other side's bell: the writing end, or both.
    other: OwnedFd,
    /// The reading end of the other side's bell, if `other` is only the writing end.
    _other_read: Option<OwnedFd>,
}

impl Bells {
    /// The bells of both sides of a new ring.
    pub(crate) fn pair() -> io::Result<(Self, Self)> {
        let flags = PipeFlags::NONBLOCK | PipeFlags::CLOEXEC;
        let (one_read, one_write) = pipe_with(flags)?;
        let (other_read, other_write) = pipe_with(flags)?;
        let one = Bells {
            _other_read: Some(fcntl_dupfd_cloexec(&other_read, 0)?),
            own: one_read,
            other: other_write,
        };
        let other = Bells {
            _other_read: Some(fcntl_dupfd_cloexec(&one.own, 0)?),
            own: other_read,
            other: one_write,
        };
        Ok((one, other))
    }

    /// Bells that are FIFOs with a name: `own` is open to read, `other` to read and write.
    pub(crate) fn of_fifos(own: OwnedFd, other: OwnedFd) -> Self {
        Bells {
            own,
            other,
            _other_read: None,
        }
    }

    #[cold]
    pub(crate) fn ring(&self) -> Result<(), Stop> {
        match retry_on_intr(|| write(&self.other, &[0])) {
            // Full: it was rung long ago.
            Ok(_) | Err(Errno::AGAIN) => Ok(()),
            Err(error) => Err(stop(error)),
        }
    }

    /// Whether no thread or process has the other side open.
    pub(crate) fn is_alone(&self) -> Result<bool, Stop> {
        let now = Timespec::default();
        Ok(self.poll(Some(now))?.contains(PollFlags::HUP))
    }

    /// Sleeps until this side's bell is rung. At most one thread of a side may do so at a time.
    #[cold]
    pub(crate) fn wait(&self, deadline: Deadline) -> Result<Heard, Stop> {
        let left = deadline
            .instant()
            .map(|deadline| deadline.saturating_duration_since(Instant::now()));
        // A time too long for the kernel is for ever.
        let heard = self.poll(left.and_then(|left| Timespec::try_from(left).ok()))?;
        if heard.contains(PollFlags::IN) {
            // All rings so far are heard as one; beyond 64, the next wait hears the rest at once.
            // No other thread of this side can have read them first.
            match read(&self.own, &mut [0; 64]) {
                // The end of another file: a pipe with something to read has not ended.
                Ok(0) => return Err(stop(Errno::BADF)),
                Ok(_) | Err(Errno::AGAIN | Errno::INTR) => {}
                Err(error) => return Err(stop(error)),
            }
        }
        if heard.contains(PollFlags::HUP) {
            return Ok(Heard::HungUp);
        }
        // Also if it was rung: the caller looks once more in any case.
        Ok(match deadline.passed() {
            true => Heard::Deadline,
            false => Heard::Bell,
        })
    }

    fn poll(&self, limit: Option<Timespec>) -> Result<PollFlags, Stop> {
        let mut own = [PollFd::new(&self.own, PollFlags::IN)];
        match poll(&mut own, limit.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(stop(error)),
        }
        let heard = own[0].revents();
        // It was closed, or is another file; without an error it would say the same for ever.
        match heard.intersects(PollFlags::NVAL | PollFlags::ERR) {
            true => Err(stop(Errno::BADF)),
            false => Ok(heard),
        }
    }
}

fn stop(error: Errno) -> Stop {
    Stop::System(error.raw_os_error())
}
