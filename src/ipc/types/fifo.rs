//! The FIFO: a pipe with a name, between unrelated processes.
//!
//! The ring is in a [region](crate::sys::ipc::region) of that name. Its two bells are FIFOs of the
//! kernel beside it. [`files`] says how these three come and go together.
//!
//! **Opening** takes the *opening lock*, a robust mutex in the region. Under it, an opener opens
//! the bells, and then locks the one that it will ring: [`presence`] says which lock that is, and
//! how it tells other openers that this side is open. By the same locks the opener sees
//! - whether the other side is open. If not, it waits until that was opened once more, which a word
//!   in the region counts. (If that opener is gone, this end finds itself alone, as with the
//!   kernel's FIFOs.)
//! - whether neither side is open. Then it discards the unread bytes, whose readers are gone.

mod files;
mod presence;

use self::files::{Files, Unfinished};
use self::presence::{Abandoned, Presence};
use crate::ipc::mutex::raw::RawMutex;
use crate::ipc::ring::Ring;
use crate::ipc::types::memory::OWNER_ONLY;
use crate::ipc::types::pipe::{Memory, PipeReader, PipeWriter};
use crate::ipc::types::shareable::fingerprint;
use crate::sys::Ordering::{Acquire, Relaxed};
use crate::sys::deadline::Deadline;
use crate::sys::in_program_order;
use crate::sys::ipc::bells::Bells;
use crate::sys::ipc::error::OpenError;
use crate::sys::ipc::kernel;
use crate::sys::ipc::me::Me;
use crate::sys::ipc::region::{self, Payload, Region};
use crate::sys::mortal::{AtomicU32, AtomicU64};
use rustix::fd::OwnedFd;
use rustix::fs::{FileType, Mode, OFlags, fstat, open};
use rustix::io::Errno;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use files::remove;

/// A [`pipe`](crate::ipc::pipe) by name, between unrelated processes.
///
/// It lives, as files in `/dev/shm`, from [`create`](Self::create) to [`unlink`](Self::unlink),
/// however many processes come and go. Processes that have it open then keep it.
///
/// **Opening** an end waits until another thread or process has opened the other end, as opening a
/// `mkfifo` does. Unread bytes are discarded when neither end is open any more. A reader at the end
/// of the file may read on: with a new writer, there are new bytes.
///
/// **Deaths.** A process that is killed closes its ends, whatever it was doing: see [`PipeReader`]
/// and [`PipeWriter`]. If it was creating, opening or removing a FIFO, the name is as before the
/// call or as after it. It may leave files that belong to no FIFO any more; the next `create` or
/// `unlink` of that name removes them.
///
/// # Examples
/// ```
/// use anteroom::ipc::Fifo;
/// use std::io::{Read, Write};
///
/// # let name = format!("anteroom-doc-fifo-{}", std::process::id());
/// Fifo::create(&name, 4096)?;
/// # let writers = name.clone();
/// // Another process:
/// let writer = std::thread::spawn(move || {
/// #   let name = writers;
///     let mut writer = Fifo::open_writer(&name)?;
///     writer.write_all(b"from far away")
/// });
///
/// let mut text = String::new();
/// Fifo::open_reader(&name)?.read_to_string(&mut text)?;
/// assert_eq!(text, "from far away");
/// Fifo::unlink(&name)?;
/// # writer.join().unwrap()?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub enum Fifo {}

impl Fifo {
    /// Creates a FIFO of `capacity` bytes with this name, for processes of the same user.
    ///
    /// # Errors
    /// [`AlreadyExists`](OpenError::AlreadyExists), [`SizeOutOfRange`](OpenError::SizeOutOfRange)
    /// (zero bytes, or too many), an error of the name (which may have 236 bytes), or the system's.
    pub fn create(name: &str, capacity: usize) -> Result<(), OpenError> {
        Self::create_with_mode(name, OWNER_ONLY, capacity)
    }

    /// As [`create`](Self::create), with these permissions of a file (`0o660`: also for the group),
    /// less the process's umask. Both ends need those to read and to write.
    ///
    /// # Errors
    /// As `create`'s.
    pub fn create_with_mode(name: &str, mode: u32, capacity: usize) -> Result<(), OpenError> {
        let size = HEAD.checked_add(capacity).filter(|_| capacity > 0);
        loop {
            let files = Files::new(name)?;
            let size = size.ok_or(OpenError::SizeOutOfRange)?;
            files::sweep(name);
            if region::owner(name)?.is_some() {
                return Err(OpenError::AlreadyExists);
            }
            let fill = |payload: NonNull<u8>| {
                Memory::make_ring(payload, size_of::<Named>());
                // SAFETY: the payload is aligned and large enough, and not shared yet.
                unsafe { payload.cast().write(Named::new(files.id())) };
            };
            let region = Region::create(&files.unfinished(), mode, PAYLOAD, size, fill)?;
            let (found, me) = (Found::new(region), Me::get());
            let opening_lock = &found.named().opening_lock;
            opening_lock
                .lock(me, Deadline::NEVER)
                .ok_or(OpenError::TimedOut)?;
            let finished = files.finish(mode);
            opening_lock.unlock(me);
            match finished {
                Ok(()) => return Ok(()),
                Err(Unfinished::Swept) => {}
                Err(Unfinished::Refused(error)) => return Err(error),
            }
        }
    }

    /// Removes the name. Processes that have an end open keep it. If a file replaces the FIFO after
    /// this call has looked at it, that file is removed instead: the system removes by name only.
    ///
    /// # Errors
    /// [`NotFound`](OpenError::NotFound), [`PermissionDenied`](OpenError::PermissionDenied), the
    /// error that says what is there if it is no FIFO, an error of the name, or the system's.
    pub fn unlink(name: &str) -> Result<(), OpenError> {
        match Found::open(name) {
            Ok(_) => remove(name),
            // Its mode does not even let its own user open it, but that user may remove it.
            Err(OpenError::PermissionDenied) if files::is_own(name) => remove(name),
            Err(error) => {
                if matches!(error, OpenError::NotFound) {
                    files::sweep(name);
                }
                Err(error)
            }
        }
    }

    /// Opens the FIFO to read, blocking until another thread or process opens it to write.
    ///
    /// # Errors
    /// As [`unlink`](Self::unlink)'s.
    pub fn open_reader(name: &str) -> Result<PipeReader, OpenError> {
        Self::reader_before(name, Deadline::NEVER)
    }

    /// As [`open_reader`](Self::open_reader), if there is a writer within this time. Zero is a try.
    ///
    /// # Errors
    /// [`TimedOut`](OpenError::TimedOut) if there was no writer; else as there.
    pub fn try_open_reader_for(name: &str, timeout: Duration) -> Result<PipeReader, OpenError> {
        Self::reader_before(name, Deadline::after(timeout))
    }

    fn reader_before(name: &str, deadline: Deadline) -> Result<PipeReader, OpenError> {
        let (bells, memory) = Found::open(name)?.join(name, Side::Readers, deadline)?;
        Ok(PipeReader::new(bells, memory))
    }

    /// Opens the FIFO to write, blocking until another thread or process opens it to read.
    ///
    /// # Errors
    /// As [`unlink`](Self::unlink)'s.
    pub fn open_writer(name: &str) -> Result<PipeWriter, OpenError> {
        Self::writer_before(name, Deadline::NEVER)
    }

    /// As [`open_writer`](Self::open_writer), if there is a reader within this time. Zero is a try.
    ///
    /// # Errors
    /// [`TimedOut`](OpenError::TimedOut) if there was no reader; else as there.
    pub fn try_open_writer_for(name: &str, timeout: Duration) -> Result<PipeWriter, OpenError> {
        Self::writer_before(name, Deadline::after(timeout))
    }

    fn writer_before(name: &str, deadline: Deadline) -> Result<PipeWriter, OpenError> {
        let (bells, memory) = Found::open(name)?.join(name, Side::Writers, deadline)?;
        Ok(PipeWriter::new(bells, memory))
    }
}

#[derive(Clone, Copy)]
enum Side {
    Readers,
    Writers,
}

impl Side {
    const BOTH: [Side; 2] = [Side::Readers, Side::Writers];

    fn other(self) -> Self {
        match self {
            Side::Readers => Side::Writers,
            Side::Writers => Side::Readers,
        }
    }

    fn ending(self) -> &'static str {
        match self {
            Side::Readers => ".r",
            Side::Writers => ".w",
        }
    }
}

/// Stands before a FIFO's ring.
#[repr(C, align(128))]
struct Named {
    opening_lock: RawMutex,
    opened: [AtomicU32; 2],
    /// The FIFO's id, which is part of its files' names.
    id: AtomicU64,
    /// How many openers have held the opening lock. The number of each is its ticket.
    tickets: AtomicU64,
    /// The ticket of the opener that is opening its end, or 0.
    opening: AtomicU64,
    abandoned: Abandoned,
}

const PAYLOAD: Payload = Payload {
    fingerprint: fingerprint("fifo"),
    align: align_of::<Named>(),
    size: None,
};

/// How many bytes stand before those of the ring.
const HEAD: usize = size_of::<Named>() + size_of::<Ring>();

impl Named {
    fn new(id: u64) -> Self {
        Named {
            opening_lock: RawMutex::new(),
            opened: [AtomicU32::new(0), AtomicU32::new(0)],
            id: AtomicU64::new(id),
            tickets: AtomicU64::new(0),
            opening: AtomicU64::new(0),
            abandoned: Abandoned::new(),
        }
    }
}

/// A FIFO that this process has mapped.
struct Found {
    memory: Arc<Memory>,
}

/// An end that was opened under the opening lock.
struct Entered {
    bells: Bells,
    /// If the other side is not open, how often it has been opened.
    openings: Option<u32>,
}

impl Found {
    fn new(region: Region) -> Self {
        let memory = Arc::new(Memory::new(region, size_of::<Named>()));
        Found { memory }
    }

    fn open(name: &str) -> Result<Self, OpenError> {
        let region = Region::open(name, PAYLOAD)?;
        if region.size() <= HEAD {
            let (expected, found) = (HEAD + 1, region.size() as u64);
            return Err(OpenError::Size { expected, found });
        }
        Ok(Self::new(region))
    }

    fn named(&self) -> &Named {
        // SAFETY: it begins the payload, large enough and mapped while borrowed; any bits are one.
        unsafe { self.memory.payload().cast().as_ref() }
    }

    fn id(&self) -> u64 {
        // ORDERING: Relaxed; written before any other thread saw it.
        self.named().id.load(Relaxed)
    }

    /// Opens this side, and waits until the other one was opened.
    fn join(
        self,
        name: &str,
        side: Side,
        deadline: Deadline,
    ) -> Result<(Bells, Arc<Memory>), OpenError> {
        let (me, named) = (Me::get(), self.named());
        named
            .opening_lock
            .lock(me, deadline)
            .ok_or(OpenError::TimedOut)?;
        let entered = self.enter(Files::of(name, self.id()), side);
        named.opening_lock.unlock(me);
        let Entered { bells, openings } = entered?;
        // Outside the opening lock: an opener that dies there has not been opened.
        kernel::add_one_and_wake(&named.opened[side as usize], usize::MAX);
        let word = &named.opened[side.other() as usize];
        // ORDERING: Acquire, for what the opener of the other side did before.
        while openings == Some(word.load(Acquire)) {
            let openings = openings.expect("as compared");
            if !kernel::wait(&[(word, openings)], deadline) && deadline.passed() {
                return Err(OpenError::TimedOut);
            }
        }
        Ok((bells, self.memory))
    }

    /// Opens this side. The caller holds the opening lock.
    fn enter(&self, files: Files<'_>, side: Side) -> Result<Entered, OpenError> {
        let named = self.named();
        let own = open_bell(files, side, OFlags::RDONLY)?;
        let other = open_bell(files, side.other(), OFlags::RDWR)?;
        // ORDERING: Relaxed, here and below; the opening lock orders it.
        let dead = named.opening.load(Relaxed);
        if dead != 0 {
            named.abandoned.note(dead, [&own, &other])?;
        }
        // ORDERING: as above.
        named.opening.store(0, Relaxed);

        let [others, ours] = [&own, &other].map(|bell| Presence {
            bell,
            abandoned: &named.abandoned,
        });
        let is_alone = !others.is_any_open()?;
        if is_alone && !ours.is_any_open()? {
            self.memory.ring().discard();
        }
        // ORDERING: as above.
        let openings = named.opened[side.other() as usize].load(Relaxed);
        // ORDERING: as above.
        let ticket = named.tickets.load(Relaxed).wrapping_add(1);
        // ORDERING: as above.
        named.tickets.store(ticket, Relaxed);
        // ORDERING: Relaxed; a dead opener has done all of this in program order.
        named.opening.store(ticket, Relaxed);
        in_program_order();
        ours.enter(ticket)?;
        in_program_order();
        // ORDERING: as above.
        named.opening.store(0, Relaxed);
        Ok(Entered {
            bells: Bells::of_fifos(own, other),
            openings: is_alone.then_some(openings),
        })
    }
}

fn open_bell(files: Files<'_>, side: Side, access: OFlags) -> Result<OwnedFd, OpenError> {
    let flags = access | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let bell = match open(files.bell(side)?, flags, Mode::empty()) {
        // It was removed just now, or lacks its bells.
        Err(Errno::NOENT) if files.has_name() => return Err(OpenError::NotShared),
        bell => bell?,
    };
    match FileType::from_raw_mode(fstat(&bell)?.st_mode) {
        FileType::Fifo => Ok(bell),
        _ => Err(OpenError::NotShared),
    }
}
