//! The pipe between processes: its types, over the [ring](crate::ipc::ring).

mod memory;

pub(crate) use memory::Memory;

use crate::ipc::ring::{Amount, Ring};
use crate::ipc::types::shareable::fingerprint;
use crate::sys::deadline::Deadline;
use crate::sys::ipc::Stop;
use crate::sys::ipc::bells::Bells;
use crate::sys::ipc::error::OpenError;
use crate::sys::ipc::region::{Payload, Region};
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

/// How many bytes at most are never torn apart, as POSIX promises of `PIPE_BUF`.
pub(crate) const ATOMIC: usize = 4096;

/// Creates a pipe of this capacity in bytes, for this process and the children that it forks.
///
/// As with `pipe(2)`, both processes have both ends after a fork, and each drops the one that it
/// does not use: a reader that keeps a writing end never sees the end of the file.
///
/// # Errors
/// [`InvalidInput`](ErrorKind::InvalidInput) if the capacity is 0, or more than an address space
/// holds; or the system's, which limits a process's descriptors: an end takes three.
///
/// # Examples
/// ```
/// use std::io::{Read, Write};
///
/// let (mut reader, mut writer) = anteroom::ipc::pipe(1)?;
/// std::thread::spawn(move || writer.write_all(b"one byte after the other"));
/// let mut text = String::new();
/// reader.read_to_string(&mut text)?;
/// assert_eq!(text, "one byte after the other");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn pipe(capacity: usize) -> io::Result<(PipeReader, PipeWriter)> {
    let payload = Payload {
        fingerprint: fingerprint("pipe"),
        align: align_of::<Ring>(),
        size: None,
    };
    let size = size_of::<Ring>()
        .checked_add(capacity)
        .filter(|_| capacity > 0)
        .ok_or(OpenError::SizeOutOfRange)?;
    let region = Region::anonymous(payload, size, |payload| Memory::make_ring(payload, 0))?;
    let memory = Arc::new(Memory::new(region, 0));
    let (readers, writers) = Bells::pair()?;
    Ok((
        PipeReader::new(readers, memory.clone()),
        PipeWriter::new(writers, memory),
    ))
}

/// One end of a pipe in this process. Its fields are dropped in this order.
struct End {
    bells: Bells,
    memory: LeaveNotice,
}

/// What is left to do after the descriptors are closed.
struct LeaveNotice {
    memory: Arc<Memory>,
    is_reader: bool,
}

impl Drop for LeaveNotice {
    fn drop(&mut self) {
        if self.is_reader {
            self.memory.ring().reader_left();
        }
    }
}

impl End {
    fn new(bells: Bells, memory: Arc<Memory>, is_reader: bool) -> Arc<Self> {
        let memory = LeaveNotice { memory, is_reader };
        Arc::new(End { bells, memory })
    }

    #[inline]
    fn memory(&self) -> &Memory {
        &self.memory.memory
    }
}

/// How long a call waits, and its error after that.
#[derive(Clone, Copy)]
enum Limit {
    Forever,
    Until(Deadline),
    None,
}

impl Limit {
    #[inline]
    fn deadline(self) -> Deadline {
        match self {
            Limit::Forever => Deadline::NEVER,
            Limit::Until(deadline) => deadline,
            Limit::None => Deadline::after(Duration::ZERO),
        }
    }

    #[cold]
    fn error(self, stop: Stop) -> io::Error {
        let (kind, text) = match (stop, self) {
            (Stop::Alone, _) => (ErrorKind::BrokenPipe, "the pipe has no reader"),
            (Stop::Damaged, _) => (ErrorKind::InvalidData, "the pipe's memory is damaged"),
            (Stop::TimedOut, Limit::None) => (ErrorKind::WouldBlock, "the call would wait"),
            (Stop::TimedOut, _) => (ErrorKind::TimedOut, "the call has waited for too long"),
            (Stop::System(number), _) => return io::Error::from_raw_os_error(number),
        };
        io::Error::new(kind, text)
    }
}

/// The end of a [`pipe`] or a [`Fifo`](crate::ipc::Fifo) from which bytes are read.
///
/// Reading waits until there is a byte. It returns 0, the *end of the file*, when the pipe is empty
/// and no writer is left: all have dropped their ends, exited, or been killed. (A FIFO may get new
/// writers later, and then has bytes again.) Any number of threads and processes may read; each
/// byte goes to one of them.
///
/// A call takes the bytes that are there when it begins, up to the buffer's length, in one piece.
///
/// **Deaths.** A reader that is killed while it reads takes the first bytes of that call with it:
/// all or none of up to 16 KiB, of more whole pieces of 16 KiB. The other readers go on. What a
/// killed writer had written completely is read; what it was writing was never written.
///
/// **Signals** do not end a call.
///
/// A clone is the same end: it is closed when its last clone is dropped.
#[derive(Clone)]
pub struct PipeReader(Arc<End>);

impl PipeReader {
    pub(crate) fn new(bells: Bells, memory: Arc<Memory>) -> Self {
        PipeReader(End::new(bells, memory, true))
    }

    /// Reads what is there without waiting.
    ///
    /// # Errors
    /// [`WouldBlock`](ErrorKind::WouldBlock) if the pipe is empty and has a writer, or if a thread
    /// that is just reading has lost its processor or is stopped (then there may be bytes);
    /// [`InvalidData`](ErrorKind::InvalidData) if its memory is damaged; the system's (`EBADF`) if
    /// other code has closed the pipe's descriptors.
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_with(buffer, Limit::None)
    }

    /// Reads as soon as there is something, within this time.
    ///
    /// # Errors
    /// [`TimedOut`](ErrorKind::TimedOut) after that time; else as [`try_read`](Self::try_read)'s.
    pub fn try_read_for(&self, buffer: &mut [u8], timeout: Duration) -> io::Result<usize> {
        self.read_with(buffer, Limit::Until(Deadline::after(timeout)))
    }

    #[inline]
    fn read_with(&self, buffer: &mut [u8], limit: Limit) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let memory = self.0.memory();
        let amount = Amount {
            least: 1,
            most: buffer.len() as u64,
        };
        let port = memory
            .ring()
            .reader(memory.capacity() as u64, &self.0.bells);
        let passed = port.pass(amount, limit.deadline(), |place, passed, count| {
            let [(one, first), (two, rest)] = memory.parts(place, count as usize);
            let piece = &mut buffer[passed as usize..][..count as usize];
            let (start, end) = piece.split_at_mut(first);
            // SAFETY: in a reader's turn, no thread writes there; `parts` are in the ring.
            unsafe { one.copy_to_nonoverlapping(NonNull::from(start).cast(), first) };
            // SAFETY: as above; the buffer takes as many.
            unsafe { two.copy_to_nonoverlapping(NonNull::from(end).cast(), rest) };
        });
        match passed {
            Ok(count) => Ok(count as usize),
            Err(Stop::Alone) => Ok(0),
            Err(stop) => Err(limit.error(stop)),
        }
    }
}

impl Read for &PipeReader {
    #[inline]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_with(buffer, Limit::Forever)
    }
}

impl Read for PipeReader {
    #[inline]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }
}

/// The end of a [`pipe`] or a [`Fifo`](crate::ipc::Fifo) to which bytes are written.
///
/// As with `pipe(2)`, up to 4096 bytes (or the capacity, if that is less) are *atomic*: they are
/// written as a whole, and no other writer's bytes come between them. [`write`](Write::write) waits
/// until all its bytes are written; it returns fewer only if the last reader leaves meanwhile. More
/// than 4096 bytes go in parts, between which other writers' bytes may come.
///
/// A write for which there is room passes one that needs more. So a large write may wait for as
/// long as small ones take the room.
///
/// Any number of threads and processes may write. If no reader is left, writing is an error,
/// [`BrokenPipe`](ErrorKind::BrokenPipe), and never a `SIGPIPE`. If the last reader was killed
/// while it was not waiting for bytes, up to 4096 bytes may be written before a writer notices.
/// [`flush`](Write::flush) always does.
///
/// **Deaths.** What a writer was writing when it was killed is not written, but for earlier parts.
///
/// **Signals** do not end a call.
///
/// A clone is the same end: it is closed when its last clone is dropped.
#[derive(Clone)]
pub struct PipeWriter(Arc<End>);

impl PipeWriter {
    pub(crate) fn new(bells: Bells, memory: Arc<Memory>) -> Self {
        PipeWriter(End::new(bells, memory, false))
    }

    /// Writes without waiting: up to 4096 bytes (or the capacity, if that is less) all or nothing;
    /// of more, as many as there is room for.
    ///
    /// # Errors
    /// [`WouldBlock`](ErrorKind::WouldBlock) if there is no room, or if a thread that is just
    /// writing has lost its processor or is stopped (then there may be room);
    /// [`BrokenPipe`](ErrorKind::BrokenPipe) if no reader is left;
    /// [`InvalidData`](ErrorKind::InvalidData) if the pipe's memory is damaged; the system's
    /// (`EBADF`) if other code has closed the pipe's descriptors.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.write_with(bytes, Limit::None)
    }

    /// Writes as soon as there is room, within this time: up to 4096 bytes (or the capacity, if
    /// that is less) all or nothing; of more, as many as there is room for then.
    ///
    /// # Errors
    /// [`TimedOut`](ErrorKind::TimedOut) after that time; else as [`try_write`](Self::try_write)'s.
    pub fn try_write_for(&self, bytes: &[u8], timeout: Duration) -> io::Result<usize> {
        self.write_with(bytes, Limit::Until(Deadline::after(timeout)))
    }

    #[inline]
    fn write_with(&self, bytes: &[u8], limit: Limit) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let written = self.write_part(bytes, limit);
        match written {
            Ok(count) if count < bytes.len() && matches!(limit, Limit::Forever) => {
                Ok(self.write_rest(bytes, count))
            }
            Ok(count) => Ok(count),
            Err(stop) => Err(limit.error(stop)),
        }
    }

    /// Waits until all is written, or cannot be, as the next call finds, too. Returns how much.
    #[cold]
    fn write_rest(&self, bytes: &[u8], mut written: usize) -> usize {
        while written < bytes.len() {
            match self.write_part(&bytes[written..], Limit::Forever) {
                Ok(count) => written += count,
                Err(_) => break,
            }
        }
        written
    }

    /// Writes as much as there is room for, once there is enough.
    #[inline]
    fn write_part(&self, bytes: &[u8], limit: Limit) -> Result<usize, Stop> {
        let memory = self.0.memory();
        let whole = ATOMIC.min(memory.capacity());
        let amount = Amount {
            least: match limit {
                // A call that waits for more anyway waits for as much as is worth a turn.
                Limit::Forever => bytes.len().min(whole) as u64,
                _ if bytes.len() <= whole => bytes.len() as u64,
                _ => 1,
            },
            most: bytes.len() as u64,
        };
        let port = memory
            .ring()
            .writer(memory.capacity() as u64, &self.0.bells);
        let passed = port.pass(amount, limit.deadline(), |place, passed, count| {
            let [(one, first), (two, rest)] = memory.parts(place, count as usize);
            let piece = &bytes[passed as usize..][..count as usize];
            let (start, end) = piece.split_at(first);
            // SAFETY: in a writer's turn, no other thread accesses these; `parts` are in the ring.
            unsafe { one.copy_from_nonoverlapping(NonNull::from(start).cast(), first) };
            // SAFETY: as above; there are as many.
            unsafe { two.copy_from_nonoverlapping(NonNull::from(end).cast(), rest) };
        });
        passed.map(|count| count as usize)
    }
}

impl Write for &PipeWriter {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_with(bytes, Limit::Forever)
    }

    /// Asks whether there is a reader left for what was written.
    fn flush(&mut self) -> io::Result<()> {
        match self.0.bells.is_alone() {
            Ok(false) => Ok(()),
            Ok(true) => Err(Limit::Forever.error(Stop::Alone)),
            Err(stop) => Err(Limit::Forever.error(stop)),
        }
    }
}

impl Write for PipeWriter {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self).flush()
    }
}

macro_rules! debug {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let capacity = self.0.memory().capacity();
                f.debug_struct(stringify!($name))
                    .field("capacity", &capacity)
                    .finish_non_exhaustive()
            }
        }
    )*};
}

debug!(PipeReader, PipeWriter);
