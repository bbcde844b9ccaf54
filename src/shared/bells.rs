//! How those on the two sides of a ring wake each other, and how they learn that nobody is left there: by kernel pipes.
//!
//! Each side has a *bell*, a kernel pipe that carries no data. Who rings it writes a byte; who sleeps on it polls its reading end.
//! The kernel counts, over forks, threads and deaths, who could still write there: when the last of them is gone, it
//! hangs up. Each one on a side holds
//! - the reading end of its own bell, and only that, or its own bell would never hang up;
//! - both ends of the other side's: the last reader whom it rings may be gone, and nobody is to get a `SIGPIPE`.

use super::ring::{Heard, Stop};
use crate::deadline::Deadline;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::OwnedFd;
use rustix::io::{self, Errno, fcntl_dupfd_cloexec, read, retry_on_intr, write};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::time::Timespec;
use std::time::Instant;

/// What one on a side holds. Neither reading nor writing there blocks.
pub(super) struct Bells {
    /// The reading end of its own.
    own: OwnedFd,
    /// The other side's: the writing end, or both.
    other: OwnedFd,
    /// The reading end of that, if it is not both.
    _other_read: Option<OwnedFd>,
}

impl Bells {
    /// Of the two sides of a new ring.
    pub(super) fn pair() -> io::Result<(Self, Self)> {
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

    /// Of FIFOs by name: its own, open to read, and the other side's, open to read and write.
    pub(super) fn of_fifos(own: OwnedFd, other: OwnedFd) -> Self {
        Bells {
            own,
            other,
            _other_read: None,
        }
    }

    /// Wakes the other side's sleeper.
    #[cold]
    pub(super) fn ring(&self) -> Result<(), Stop> {
        match retry_on_intr(|| write(&self.other, &[0])) {
            // Full: it has been rung for long.
            Ok(_) | Err(Errno::AGAIN) => Ok(()),
            Err(error) => Err(stop(error)),
        }
    }

    /// Whether no thread or process has the other side open.
    pub(super) fn is_alone(&self) -> Result<bool, Stop> {
        let now = Timespec::default();
        Ok(self.poll(Some(now))?.contains(PollFlags::HUP))
    }

    /// Sleeps until the bell of this side is rung. One thread of a side at a time.
    #[cold]
    pub(super) fn wait(&self, deadline: Deadline) -> Result<Heard, Stop> {
        let left = deadline
            .instant()
            .map(|deadline| deadline.saturating_duration_since(Instant::now()));
        // Too long for the kernel is for ever.
        let heard = self.poll(left.and_then(|left| Timespec::try_from(left).ok()))?;
        if heard.contains(PollFlags::IN) {
            // What has been rung so far is heard once; what is more than this, at once again. No
            // other thread on this side can have been faster.
            match read(&self.own, &mut [0; 64]) {
                // The end of another file: a pipe that has something to read has not ended.
                Ok(0) => return Err(stop(Errno::BADF)),
                Ok(_) | Err(Errno::AGAIN | Errno::INTR) => {}
                Err(error) => return Err(stop(error)),
            }
        }
        if heard.contains(PollFlags::HUP) {
            return Ok(Heard::Nobody);
        }
        // Also if it was rung: the caller looks once more in any case.
        Ok(match deadline.passed() {
            true => Heard::Deadline,
            false => Heard::Bell,
        })
    }

    /// What the own bell says, within this time.
    fn poll(&self, limit: Option<Timespec>) -> Result<PollFlags, Stop> {
        let mut own = [PollFd::new(&self.own, PollFlags::IN)];
        match poll(&mut own, limit.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(stop(error)),
        }
        let heard = own[0].revents();
        // It was closed, or is another file: else it would say the same for ever.
        match heard.intersects(PollFlags::NVAL | PollFlags::ERR) {
            true => Err(stop(Errno::BADF)),
            false => Ok(heard),
        }
    }
}

fn stop(error: Errno) -> Stop {
    Stop::System(error.raw_os_error())
}
