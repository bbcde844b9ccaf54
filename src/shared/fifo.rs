//! Pipes by name, between processes that have nothing else in common.
//!
//! The ring is in a [region](super::region) of that name. Its two bells are FIFOs of the kernel beside it, whose names end with a
//! number that the region has: so what is made under the same name later has other bells.
//!
//! **Opening** goes through a *door*, a robust mutex in the region. Behind it one makes the bells if they are missing, opens
//! them, and says with `flock(2)` on the one that it will ring that its side is open, as long as that descriptor or one inherited from
//! it lives. By the same locks it sees
//! - whether the other side is open. If not, it waits until that has been opened once more, which a word in the region counts. (If whoever did that
//!   is gone by then, this end finds a pipe with nobody left. It is so with the kernel's own FIFOs.)
//! - whether nobody has either side open. Then the bytes that nobody has read are forgotten: they were for somebody
//!   else.
//!
//! **Removing** goes through the door too: the region says that it is removed, the bells go, then the name.
//!
//! **Deaths.** Who is killed behind the door leaves bells that the next one finds made, or a region that says it is removed: whoever
//! finds that, whatever it was going to do, first finishes the removal.

use super::bells::Bells;
use super::error::OpenError;
use super::kernel;
use super::me::Me;
use super::mutex::raw::RawMutex;
use super::pipe::{Memory, PipeReader, PipeWriter};
use super::region::{self, Payload, Region};
use super::ring::Ring;
use super::shareable::fingerprint;
use crate::deadline::Deadline;
use crate::primitive::Ordering::{Acquire, Relaxed};
use crate::primitive::mortal::{AtomicU32, AtomicU64};
use rustix::fd::OwnedFd;
use rustix::fs::{
    CWD, FileType, FlockOperation, Mode, OFlags, flock, fstat, mknodat, open, stat, unlink,
};
use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

/// A [`pipe`](super::pipe) by name, between unrelated processes.
///
/// It lives, as files in `/dev/shm`, from [`create`](Self::create) to [`unlink`](Self::unlink), however many processes come and
/// go. Those who have it open then keep it; what is created under the same name is another one.
///
/// **Opening** an end waits until somebody has opened the other one, as opening a `mkfifo` does. What was written and not
/// read is forgotten when nobody has either end open. A reader that has come to the end of the file may read on: when there is a new
/// writer, there are new bytes.
///
/// **Deaths.** A process that is killed closes its ends, whatever it was doing: see [`PipeReader`] and [`PipeWriter`].
/// One that is killed while it creates, opens or removes a FIFO leaves one that is as if it had not begun, or one whose removal
/// the next call with that name finishes.
///
/// # Examples
/// ```
/// use anteroom::shared::Fifo;
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
    /// Creates one of so many bytes with this name, for processes of the same user.
    ///
    /// # Errors
    /// [`AlreadyExists`](OpenError::AlreadyExists), [`SizeOutOfRange`](OpenError::SizeOutOfRange) (no byte, or too many), one of
    /// those of names (which may have 236 bytes), or the system's.
    pub fn create(name: &str, capacity: usize) -> Result<(), OpenError> {
        Self::create_with_mode(name, 0o600, capacity)
    }

    /// As [`create`](Self::create), with the permissions of a file (`0o660`: also for the group), less the process's umask. Each
    /// end needs those to read and to write.
    ///
    /// # Errors
    /// As `create`'s.
    pub fn create_with_mode(name: &str, mode: u32, capacity: usize) -> Result<(), OpenError> {
        let id = new_id()?;
        bell(name, id, Side::Readers)?;
        let size = HEAD
            .checked_add(capacity)
            .filter(|_| capacity > 0)
            .ok_or(OpenError::SizeOutOfRange)?;
        let fill = |payload: NonNull<u8>| {
            Memory::make_ring(payload, size_of::<Named>());
            // SAFETY: the payload is aligned and large enough, and nobody else sees it yet.
            unsafe { payload.cast().write(Named::new(id)) };
        };
        let region = loop {
            match Region::create(name, mode, PAYLOAD, size, fill) {
                Err(OpenError::AlreadyExists) => {
                    match Found::open(name).and_then(Found::greet) {
                        // Its removal is over now.
                        Err(OpenError::NotFound) => {}
                        _ => return Err(OpenError::AlreadyExists),
                    }
                }
                done => break done?,
            }
        };
        let found = Found::new(name, region);
        let made = found.behind_the_door(Deadline::NEVER, || found.make_bells());
        if made.is_err() {
            let _ = Self::unlink(name);
        }
        made
    }

    /// Removes the name. Who has an end open keeps it.
    ///
    /// # Errors
    /// [`NotFound`](OpenError::NotFound), [`PermissionDenied`](OpenError::PermissionDenied), the one that says what is there if it is no
    /// FIFO, one of those of names, or the system's.
    pub fn unlink(name: &str) -> Result<(), OpenError> {
        let found = Found::open(name)?;
        found.behind_the_door(Deadline::NEVER, || found.remove())
    }

    /// Opens it to read, when somebody opens it to write.
    ///
    /// # Errors
    /// As [`unlink`](Self::unlink)'s.
    pub fn open_reader(name: &str) -> Result<PipeReader, OpenError> {
        Self::reader_before(name, Deadline::NEVER)
    }

    /// As [`open_reader`](Self::open_reader), if a writer comes within this time. Zero: if there is one.
    ///
    /// # Errors
    /// [`TimedOut`](OpenError::TimedOut) if there was none; else as there.
    pub fn try_open_reader_for(name: &str, timeout: Duration) -> Result<PipeReader, OpenError> {
        Self::reader_before(name, Deadline::after(timeout))
    }

    fn reader_before(name: &str, deadline: Deadline) -> Result<PipeReader, OpenError> {
        let (bells, memory) = Found::open(name)?.join(Side::Readers, deadline)?;
        Ok(PipeReader::new(bells, memory))
    }

    /// Opens it to write, when somebody opens it to read.
    ///
    /// # Errors
    /// As [`unlink`](Self::unlink)'s.
    pub fn open_writer(name: &str) -> Result<PipeWriter, OpenError> {
        Self::writer_before(name, Deadline::NEVER)
    }

    /// As [`open_writer`](Self::open_writer), if a reader comes within this time. Zero: if there is one.
    ///
    /// # Errors
    /// [`TimedOut`](OpenError::TimedOut) if there was none; else as there.
    pub fn try_open_writer_for(name: &str, timeout: Duration) -> Result<PipeWriter, OpenError> {
        Self::writer_before(name, Deadline::after(timeout))
    }

    fn writer_before(name: &str, deadline: Deadline) -> Result<PipeWriter, OpenError> {
        let (bells, memory) = Found::open(name)?.join(Side::Writers, deadline)?;
        Ok(PipeWriter::new(bells, memory))
    }
}

#[derive(Clone, Copy)]
enum Side {
    Readers,
    Writers,
}

impl Side {
    fn other(self) -> Self {
        match self {
            Side::Readers => Side::Writers,
            Side::Writers => Side::Readers,
        }
    }
}

/// What a FIFO has beside its ring, and before it.
#[repr(C, align(128))]
struct Named {
    door: RawMutex,
    is_removed: AtomicU32,
    /// How often each side was opened.
    opened: [AtomicU32; 2],
    /// Of which the bells' names are made.
    id: AtomicU64,
}

const PAYLOAD: Payload = Payload {
    fingerprint: fingerprint("fifo"),
    align: align_of::<Named>(),
    size: None,
};

/// What comes before the bytes.
const HEAD: usize = size_of::<Named>() + size_of::<Ring>();

impl Named {
    fn new(id: u64) -> Self {
        Named {
            door: RawMutex::new(),
            is_removed: AtomicU32::new(0),
            opened: [AtomicU32::new(0), AtomicU32::new(0)],
            id: AtomicU64::new(id),
        }
    }
}

fn new_id() -> Result<u64, OpenError> {
    let mut id = [0; size_of::<u64>()];
    getrandom(&mut id, GetRandomFlags::empty())?;
    Ok(u64::from_ne_bytes(id))
}

/// Where the bell of this side is.
fn bell(name: &str, id: u64, side: Side) -> Result<String, OpenError> {
    let ending = match side {
        Side::Readers => format!(".{id:016x}.r"),
        Side::Writers => format!(".{id:016x}.w"),
    };
    region::path(name)?;
    region::path(&format!("{name}{ending}")).map_err(|error| match error {
        OpenError::NameTooLong { most } => OpenError::NameTooLong {
            most: most - ending.len(),
        },
        error => error,
    })
}

/// A FIFO under its name.
struct Found<'a> {
    name: &'a str,
    memory: Arc<Memory>,
}

impl<'a> Found<'a> {
    fn new(name: &'a str, region: Region) -> Self {
        let memory = Arc::new(Memory::new(region, size_of::<Named>()));
        Found { name, memory }
    }

    fn open(name: &'a str) -> Result<Self, OpenError> {
        let region = Region::open(name, PAYLOAD)?;
        if region.size() <= HEAD {
            let (expected, found) = (HEAD + 1, region.size() as u64);
            return Err(OpenError::Size { expected, found });
        }
        Ok(Self::new(name, region))
    }

    fn named(&self) -> &Named {
        // SAFETY: at the start of the payload, which is large enough for it, and mapped as long as this is borrowed; it is numbers.
        unsafe { self.memory.payload().cast().as_ref() }
    }

    fn id(&self) -> u64 {
        // ORDERING: Relaxed; written before anybody else saw it.
        self.named().id.load(Relaxed)
    }

    fn bell(&self, side: Side) -> Result<String, OpenError> {
        bell(self.name, self.id(), side)
    }

    /// Runs `f` while nobody else opens or removes it, unless it is removed.
    fn behind_the_door<R>(
        &self,
        deadline: Deadline,
        f: impl FnOnce() -> Result<R, OpenError>,
    ) -> Result<R, OpenError> {
        let (me, named) = (Me::get(), self.named());
        // It does not matter whether the last one died.
        named.door.lock(me, deadline).ok_or(OpenError::TimedOut)?;
        // ORDERING: Relaxed; behind the door.
        let result = match named.is_removed.load(Relaxed) {
            0 => f(),
            // Or half removed, by one who was killed.
            _ => self.remove().and(Err(OpenError::NotFound)),
        };
        named.door.unlock(me);
        result
    }

    /// Whether it is there.
    fn greet(self) -> Result<(), OpenError> {
        self.behind_the_door(Deadline::NEVER, || Ok(()))
    }

    /// Behind the door.
    fn remove(&self) -> Result<(), OpenError> {
        // ORDERING: Relaxed; behind the door.
        self.named().is_removed.store(1, Relaxed);
        for side in [Side::Readers, Side::Writers] {
            match unlink(self.bell(side)?) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // Whoever removed it before may have been killed after that, and the name may be another one's.
        match Found::open(self.name) {
            Ok(there) if there.id() == self.id() => region::remove(self.name),
            Ok(_) | Err(OpenError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Behind the door: those that are missing.
    fn make_bells(&self) -> Result<(), OpenError> {
        let mode = Mode::from_raw_mode(stat(region::path(self.name)?)?.st_mode & 0o777);
        for side in [Side::Readers, Side::Writers] {
            match mknodat(CWD, self.bell(side)?, FileType::Fifo, mode, 0) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn open_bell(&self, side: Side, access: OFlags) -> Result<OwnedFd, OpenError> {
        let flags = access | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let bell = open(self.bell(side)?, flags, Mode::empty())?;
        match FileType::from_raw_mode(fstat(&bell)?.st_mode) {
            FileType::Fifo => Ok(bell),
            _ => Err(OpenError::NotShared),
        }
    }

    /// Opens this side, and waits until the other one has been opened.
    fn join(self, side: Side, deadline: Deadline) -> Result<(Bells, Arc<Memory>), OpenError> {
        let (bells, openings) = self.behind_the_door(deadline, || self.enter(side))?;
        let word = &self.named().opened[side.other() as usize];
        // ORDERING: Acquire, for what was done by whoever opened it.
        while openings == Some(word.load(Acquire)) {
            let openings = openings.expect("as compared");
            if !kernel::wait(&[(word, openings)], deadline) && deadline.passed() {
                return Err(OpenError::TimedOut);
            }
        }
        Ok((bells, self.memory))
    }

    /// Opens this side, behind the door. If the other one is not open, returns how often it has been.
    fn enter(&self, side: Side) -> Result<(Bells, Option<u32>), OpenError> {
        self.make_bells()?;
        let own = self.open_bell(side, OFlags::RDONLY)?;
        let other = self.open_bell(side.other(), OFlags::RDWR)?;
        let is_alone = is_unlocked(&own)?;
        if is_unlocked(&other)? && is_alone {
            self.memory.ring().discard();
        }
        flock(&own, FlockOperation::Unlock)?;
        flock(&other, FlockOperation::NonBlockingLockShared)?;
        let opened = &self.named().opened;
        // ORDERING: Relaxed; behind the door.
        let openings = opened[side.other() as usize].load(Relaxed);
        kernel::add_one_and_wake(&opened[side as usize], usize::MAX);
        Ok((Bells::of_fifos(own, other), is_alone.then_some(openings)))
    }
}

/// Whether nobody else has a lock on it. If so, this one has.
fn is_unlocked(bell: &OwnedFd) -> Result<bool, OpenError> {
    match flock(bell, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::AGAIN) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
