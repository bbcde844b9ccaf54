//! A piece of memory that processes share: a header that says what it holds, and the payload.
//!
//! What has a name is a file in `/dev/shm`, as those of `shm_open` are, and lives until somebody removes the name *and*
//! nobody has it mapped. It is made without a name (`O_TMPFILE`), filled in, and then linked to its name in one step:
//! who opens it never sees it half made, and whoever is killed before that leaves nothing behind.
//!
//! To give a file a name by its descriptor takes a kernel that allows that to all (Linux 6.10), or a capability, or `/proc`.
//!
//! **Whose it is.** [`open`](Region::open) takes what the file's permissions allow, as those of another user may be meant to share it.
//! [`open_or_create`](Region::open_or_create) is for a caller that does not expect anybody else's: in a folder where all may make
//! files, a stranger could put one there first. So it takes only what belongs to the caller, or to root.
//!
//! **PID namespaces.** A lock names its holder by the thread's number, which is another one in each namespace. So the header says in
//! which one the memory was made, as the number of its file in `/proc`, and no process of another one opens it; also not plain
//! bytes, since locks may lie in them. Without `/proc` this cannot be told, and is not checked.
//!
//! Nothing that stands in the file is trusted further than it was checked: how much is mapped is what the file has, and
//! where the payload is follows from what the caller asked for.

use super::block;
use super::error::OpenError;
use super::kernel;
use super::mapped;
use super::me;
use super::process::Page;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{
    AtFlags, CWD, FallocateFlags, Mode, OFlags, fallocate, fstat, fstatvfs, linkat, open, stat,
    statat, unlink,
};
use rustix::io::{Errno, retry_on_intr};
use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};
use rustix::process::{Resource, geteuid, getrlimit};
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::ptr::{self, NonNull};

pub(super) const FOLDER: &str = "/dev/shm";
const MAGIC: u64 = u64::from_le_bytes(*b"anteroom");
/// Of the header, and of every type in here.
const VERSION: u32 = 2;
/// As far as a page's start is aligned on every machine.
pub(super) const MOST_ALIGN: usize = 4096;

/// What stands before the payload. Each process checks it when it opens the region, and not again.
#[repr(C)]
#[derive(Clone, Copy)]
struct Header {
    magic: u64,
    version: u32,
    _reserved: u32,
    fingerprint: u64,
    size: u64,
    align: u64,
    /// The creator's PID namespace, or 0.
    namespace: u64,
}

/// What a payload is.
#[derive(Clone, Copy)]
pub(super) struct Payload {
    pub(super) fingerprint: u64,
    pub(super) align: usize,
    /// In bytes. Nothing: any size, if somebody else made it.
    pub(super) size: Option<usize>,
}

impl Payload {
    /// Where it begins.
    fn start(&self) -> usize {
        size_of::<Header>().next_multiple_of(self.align.max(64))
    }

    /// The size of a region, if it can be mapped at all.
    fn region_size(&self, size: usize) -> Result<usize, OpenError> {
        let whole = size.checked_add(self.start());
        whole
            .filter(|whole| size > 0 && *whole <= isize::MAX as usize && self.align <= MOST_ALIGN)
            .ok_or(OpenError::SizeOutOfRange)
    }

    fn header(&self, size: usize) -> Header {
        Header {
            magic: MAGIC,
            version: VERSION,
            _reserved: 0,
            fingerprint: self.fingerprint,
            size: size as u64,
            align: self.align as u64,
            namespace: pid_namespace(),
        }
    }

    /// Returns the size of what is there, if it is this.
    fn check(&self, header: Header, file: u64) -> Result<usize, OpenError> {
        if header.magic != MAGIC {
            return Err(OpenError::NotShared);
        }
        if header.version != VERSION {
            let (expected, found) = (VERSION, header.version);
            return Err(OpenError::Version { expected, found });
        }
        if header.fingerprint != self.fingerprint {
            let (expected, found) = (self.fingerprint, header.fingerprint);
            return Err(OpenError::Type { expected, found });
        }
        if header.align != self.align as u64 {
            let (expected, found) = (self.align, header.align);
            return Err(OpenError::Align { expected, found });
        }
        let (expected, found) = (pid_namespace(), header.namespace);
        if expected != found && expected != 0 && found != 0 {
            return Err(OpenError::PidNamespace { expected, found });
        }
        if let Some(expected) = self.size
            && header.size != expected as u64
        {
            let found = header.size;
            return Err(OpenError::Size { expected, found });
        }
        let size = usize::try_from(header.size).map_err(|_| OpenError::SizeOutOfRange)?;
        let whole = self.region_size(size)? as u64;
        if whole > file {
            let (expected, found) = (whole, file);
            return Err(OpenError::Truncated { expected, found });
        }
        Ok(size)
    }
}

/// Mapped into this process, until it is dropped.
pub(super) struct Region {
    start: NonNull<u8>,
    mapped: usize,
    payload: usize,
    size: usize,
}

// SAFETY: memory, which any thread may unmap.
unsafe impl Send for Region {}
// SAFETY: as above; who reads and writes what is in it is the business of whoever owns the region.
unsafe impl Sync for Region {}

impl Region {
    /// Makes one of this size with this name, for whom `mode` says (less the process's umask). `fill` writes the payload, which is
    /// zero, before anybody else can see it.
    pub(super) fn create(
        name: &str,
        mode: u32,
        payload: Payload,
        size: usize,
        fill: impl FnMut(NonNull<u8>),
    ) -> Result<Self, OpenError> {
        let path = path(name)?;
        let whole = payload.region_size(size)?;
        kernel::check()?;
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let file = match open(FOLDER, flags, Mode::from_raw_mode(mode)) {
            Ok(file) => file,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::ISDIR | Errno::OPNOTSUPP) => {
                let call = "open(2) of a file without a name in /dev/shm, which is to be a tmpfs";
                return Err(OpenError::Unsupported { call });
            }
            Err(error) => return Err(error.into()),
        };
        allocate(&file, whole as u64)?;
        let region = Self::map(Some(&file), payload, size)?;
        region.fill(payload, fill);
        region.admit_locks()?;
        link(&file, &path)?;
        Ok(region)
    }

    /// Maps what has this name.
    pub(super) fn open(name: &str, payload: Payload) -> Result<Self, OpenError> {
        Self::open_if(name, payload, |_| Ok(()))
    }

    fn open_if(
        name: &str,
        payload: Payload,
        is_right: impl Fn(&OwnedFd) -> Result<(), OpenError>,
    ) -> Result<Self, OpenError> {
        kernel::check()?;
        let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = match open(path(name)?, flags, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::LOOP | Errno::ISDIR | Errno::NXIO) => return Err(OpenError::NotShared),
            Err(error) => return Err(error.into()),
        };
        is_right(&file)?;
        let size = payload.check(read_header(&file)?, length(&file)?)?;
        let region = Self::map(Some(&file), payload, size)?;
        region.admit_locks()?;
        Ok(region)
    }

    /// Maps what has this name, if it belongs to this process's user or to root, or makes one.
    pub(super) fn open_or_create(
        name: &str,
        mode: u32,
        payload: Payload,
        size: usize,
        mut fill: impl FnMut(NonNull<u8>),
    ) -> Result<Self, OpenError> {
        loop {
            match Self::open_if(name, payload, belongs_to_us) {
                Err(OpenError::NotFound) => {}
                done => return done,
            }
            match Self::create(name, mode, payload, size, &mut fill) {
                // Another was faster.
                Err(OpenError::AlreadyExists) => {}
                done => return done,
            }
        }
    }

    /// Makes one without a name, for this process and those that it forks.
    pub(super) fn anonymous(
        payload: Payload,
        size: usize,
        fill: impl FnMut(NonNull<u8>),
    ) -> Result<Self, OpenError> {
        payload.region_size(size)?;
        kernel::check()?;
        let region = Self::map(None, payload, size)?;
        region.fill(payload, fill);
        region.admit_locks()?;
        Ok(region)
    }

    /// No lock works in it before [`admit_locks`](Self::admit_locks).
    fn map(file: Option<&OwnedFd>, payload: Payload, size: usize) -> Result<Self, OpenError> {
        let mapped = payload.region_size(size)?;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let start = match file {
            // SAFETY: a new mapping of any address takes nothing from anybody.
            Some(file) => unsafe {
                mmap(ptr::null_mut(), mapped, access, MapFlags::SHARED, file, 0)
            },
            // SAFETY: as above.
            None => unsafe { mmap_anonymous(ptr::null_mut(), mapped, access, MapFlags::SHARED) },
        }?;
        let start = NonNull::new(start.cast::<u8>()).expect("no mapping begins at zero");
        Ok(Region {
            start,
            mapped,
            payload: payload.start(),
            size,
        })
    }

    /// From now on the locks in it work. Not while `fill` has it by `&mut`: that could overwrite a lock
    /// which a thread holds, and with it the thread's list.
    fn admit_locks(&self) -> Result<(), OpenError> {
        Ok(mapped::add(&range(self.start, self.mapped))?)
    }

    fn fill(&self, payload: Payload, mut fill: impl FnMut(NonNull<u8>)) {
        fill(self.payload());
        // SAFETY: the region is large and aligned enough, and nobody else has seen it.
        unsafe { self.start.cast().write(payload.header(self.size)) };
    }

    /// Where the payload is.
    pub(super) fn payload(&self) -> NonNull<u8> {
        // SAFETY: within the mapping.
        unsafe { self.start.add(self.payload) }
    }

    /// How many bytes it has.
    pub(super) fn size(&self) -> usize {
        self.size
    }
}

/// The addresses of a mapping.
fn range(start: NonNull<u8>, mapped: usize) -> Range<usize> {
    let start = start.addr().get();
    start..start + mapped
}

impl Drop for Region {
    fn drop(&mut self) {
        let (memory, page) = (range(self.start, self.mapped), Page::get());
        if block::is_any_held_in(&memory, page.generation()) {
            // A guard was forgotten, so its lock is still in some thread's robust list, which the kernel
            // walks. It stays there, and so must the memory.
            return;
        }
        me::settle_in(&memory);
        mapped::remove(&memory);
        page.change_stamp();
        // SAFETY: mapped as a whole by `map`; no borrow of it is left, and no list leads into it.
        let unmapped = unsafe { munmap(self.start.as_ptr().cast(), self.mapped) };
        debug_assert!(unmapped.is_ok());
    }
}

/// Gives the file all its memory now: a full disk is an error here, and not a signal at some later access.
fn allocate(file: &OwnedFd, whole: u64) -> Result<(), OpenError> {
    /// A kernel that lets signals interrupt the call takes back what it has done of it. So that signals which come all the time do
    /// not keep it from ending, each call is for this many bytes, whose zeroing takes about 0.1 ms.
    const AT_ONCE: u64 = 1 << 20;
    let disk = fstatvfs(file)?;
    // A file system without a limit has no blocks. What is too large for this one is not even begun.
    if disk.f_blocks != 0 && whole.div_ceil(disk.f_frsize.max(1)) > disk.f_bavail {
        return Err(Errno::NOSPC.into());
    }
    // For a file that is larger than the process's limit, the call would send a signal, which kills.
    let limit = getrlimit(Resource::Fsize).current;
    if limit.is_some_and(|limit| whole > limit) {
        return Err(Errno::FBIG.into());
    }
    for from in (0..whole).step_by(AT_ONCE as usize) {
        let length = AT_ONCE.min(whole - from);
        retry_on_intr(|| fallocate(file, FallocateFlags::empty(), from, length))?;
    }
    Ok(())
}

/// Gives the file a name, which no other file has.
fn link(file: &OwnedFd, path: &str) -> Result<(), OpenError> {
    match linkat(file, "", CWD, path, AtFlags::EMPTY_PATH) {
        Ok(()) => return Ok(()),
        Err(Errno::EXIST) => return Err(OpenError::AlreadyExists),
        // Not allowed, which systems say in several ways.
        Err(_) => {}
    }
    let nameless = format!("/proc/self/fd/{}", file.as_raw_fd());
    match linkat(CWD, nameless, CWD, path, AtFlags::SYMLINK_FOLLOW) {
        Err(Errno::NOENT) => {
            let call = "linkat(2) by a descriptor, as Linux 6.10 allows, and there is no /proc";
            Err(OpenError::Unsupported { call })
        }
        linked => Ok(linked?),
    }
}

/// The number of this process's PID namespace, or 0 if `/proc` does not tell.
fn pid_namespace() -> u64 {
    stat("/proc/self/ns/pid").map_or(0, |it| it.st_ino)
}

/// Nobody else has made the file, but for root.
fn belongs_to_us(file: &OwnedFd) -> Result<(), OpenError> {
    match fstat(file)?.st_uid {
        0 => Ok(()),
        owner if owner == geteuid().as_raw() => Ok(()),
        found => Err(OpenError::OtherOwner { found }),
    }
}

/// Removes the name. Processes that have the memory mapped keep it.
pub(super) fn remove(name: &str) -> Result<(), OpenError> {
    unlink(path(name)?)?;
    // If that was a FIFO, it has more files.
    super::fifo::sweep(name);
    Ok(())
}

/// The number of the user to whom the file of this name belongs, if there is one.
pub(super) fn owner(name: &str) -> Result<Option<u32>, OpenError> {
    match statat(CWD, path(name)?, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(file) => Ok(Some(file.st_uid)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn read_header(file: impl AsFd) -> Result<Header, OpenError> {
    let mut bytes = [0; size_of::<Header>()];
    match rustix::io::pread(file, &mut bytes, 0) {
        Ok(read) if read == bytes.len() => {}
        Ok(_) | Err(Errno::SPIPE | Errno::ISDIR) => return Err(OpenError::NotShared),
        Err(error) => return Err(error.into()),
    }
    // SAFETY: a header is numbers, and the bytes are as many.
    Ok(unsafe { bytes.as_ptr().cast::<Header>().read_unaligned() })
}

fn length(file: impl AsFd) -> Result<u64, OpenError> {
    Ok(fstat(file)?.st_size.cast_unsigned())
}

/// Where the file of this name is.
pub(super) fn path(name: &str) -> Result<String, OpenError> {
    /// As many as every file system takes.
    const MOST: usize = 255;
    match name {
        "" | "." | ".." => Err(OpenError::NameEmpty),
        name if name.len() > MOST => Err(OpenError::NameTooLong { most: MOST }),
        name if name.contains('/') => Err(OpenError::NameHasSlash),
        name if name.contains('\0') => Err(OpenError::NameHasNul),
        name => Ok(format!("{FOLDER}/{name}")),
    }
}
