//! A region: a mapping of shared memory, which begins with a header that says what the payload is.
//!
//! With a name, it is a file in `/dev/shm`, as those of `shm_open` are. It lives until its name is
//! removed *and* no process has it mapped. A region is made without a name (`O_TMPFILE`), filled
//! in, and then linked to its name in one step. So no process opens it half made, and a creator
//! that is killed before leaves nothing behind. Linking a file by its descriptor takes Linux 6.10,
//! a capability, or `/proc`.
//!
//! **Owners.** [`open`](Region::open) goes by the file's permissions: another user may mean to
//! share its file. [`open_or_create`](Region::open_or_create) is for a caller that expects no other
//! user's file. In a folder where all users may make files, a stranger could put one there first.
//! So it takes only files of the caller's user and of root.
//!
//! **PID namespaces.** A lock names its holder by the thread's number, which differs between
//! namespaces. So the header names the creator's namespace by the number of its file in `/proc`,
//! and no process of another one opens the region; not plain bytes either, since locks may lie in
//! them. Without `/proc` this is not checked.
//!
//! **Trust.** No number in the file is used unchecked: as much is mapped as the file has, and the
//! payload's place follows from what the caller asked for.

use super::list;
use crate::sys::ipc::block;
use crate::sys::ipc::error::OpenError;
use crate::sys::ipc::kernel;
use crate::sys::ipc::mapped;
use crate::sys::ipc::process::Page;
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

pub(crate) const FOLDER: &str = "/dev/shm";
const MAGIC: u64 = u64::from_le_bytes(*b"anteroom");
/// Of the header, and of every shared type of this crate.
const VERSION: u32 = 2;
/// The alignment of a mapping on every machine.
pub(crate) const MOST_ALIGN: usize = 4096;

/// Stands before the payload. Each process checks it when it opens the region, and never again.
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
pub(crate) struct Payload {
    pub(crate) fingerprint: u64,
    pub(crate) align: usize,
    /// In bytes; if there is none, any size fits.
    pub(crate) size: Option<usize>,
}

impl Payload {
    /// The offset of the payload.
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

    /// Returns the payload's size, if the header describes this payload.
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
pub(crate) struct Region {
    start: NonNull<u8>,
    mapped: usize,
    payload: usize,
    size: usize,
}

// SAFETY: memory, which any thread may unmap.
unsafe impl Send for Region {}
// SAFETY: as above; the region's owner decides which thread accesses its memory when.
unsafe impl Sync for Region {}

impl Region {
    /// Creates a region with a name, with the permissions of `mode` (less the process's umask).
    /// `fill` writes the payload, which is zero, before any other thread can see it.
    pub(crate) fn create(
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
    pub(crate) fn open(name: &str, payload: Payload) -> Result<Self, OpenError> {
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

    /// Maps the region with this name, if it is this process's user's or root's, or creates it.
    pub(crate) fn open_or_create(
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
                // Another process was faster.
                Err(OpenError::AlreadyExists) => {}
                done => return done,
            }
        }
    }

    /// Makes a region without a name, for this process and its future children.
    pub(crate) fn anonymous(
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

    /// Maps it. No lock in it works before [`admit_locks`](Self::admit_locks).
    fn map(file: Option<&OwnedFd>, payload: Payload, size: usize) -> Result<Self, OpenError> {
        let mapped = payload.region_size(size)?;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let start = match file {
            // SAFETY: a new mapping of any address replaces none.
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

    /// From now on, the locks in it work. They do not while `fill` has them by `&mut`: it could
    /// overwrite a lock that a thread holds, and with it the thread's list.
    fn admit_locks(&self) -> Result<(), OpenError> {
        Ok(mapped::add(&range(self.start, self.mapped))?)
    }

    fn fill(&self, payload: Payload, mut fill: impl FnMut(NonNull<u8>)) {
        fill(self.payload());
        // SAFETY: the region is large and aligned enough, and no other thread has seen it.
        unsafe { self.start.cast().write(payload.header(self.size)) };
    }

    pub(crate) fn payload(&self) -> NonNull<u8> {
        // SAFETY: within the mapping.
        unsafe { self.start.add(self.payload) }
    }

    /// The payload's size in bytes.
    pub(crate) fn size(&self) -> usize {
        self.size
    }
}

fn range(start: NonNull<u8>, mapped: usize) -> Range<usize> {
    let start = start.addr().get();
    start..start + mapped
}

impl Drop for Region {
    fn drop(&mut self) {
        let (memory, page) = (range(self.start, self.mapped), Page::get());
        if block::is_any_held_in(&memory, page.generation()) {
            // A guard was forgotten: the memory stays, as its lock is in a list that the kernel
            // walks.
            return;
        }
        list::settle_in(&memory, page.generation());
        mapped::remove(&memory);
        page.change_stamp();
        // SAFETY: `map` mapped it as a whole; no borrow of it is left, and no list leads into it.
        let unmapped = unsafe { munmap(self.start.as_ptr().cast(), self.mapped) };
        debug_assert!(unmapped.is_ok());
    }
}

/// Allocates all the file's memory now, so that a full disk is an error and no signal later.
fn allocate(file: &OwnedFd, whole: u64) -> Result<(), OpenError> {
    /// In bytes, for one call; zeroing them takes about 0.1 ms. Where a signal interrupts a call,
    /// the kernel undoes it: so frequent signals cannot stop the whole.
    const AT_ONCE: u64 = 1 << 20;
    let disk = fstatvfs(file)?;
    // A file system without a limit has no blocks. What is too large for this one is not begun.
    if disk.f_blocks != 0 && whole.div_ceil(disk.f_frsize.max(1)) > disk.f_bavail {
        return Err(Errno::NOSPC.into());
    }
    // Beyond the process's limit on files, the call would send a signal that kills.
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
        // Not allowed, which systems report in several ways.
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

/// Whether this process's user, or root, has made the file.
fn belongs_to_us(file: &OwnedFd) -> Result<(), OpenError> {
    match fstat(file)?.st_uid {
        0 => Ok(()),
        owner if owner == geteuid().as_raw() => Ok(()),
        found => Err(OpenError::OtherOwner { found }),
    }
}

/// Removes the name. Processes that have the memory mapped keep it.
pub(crate) fn remove(name: &str) -> Result<(), OpenError> {
    unlink(path(name)?)?;
    Ok(())
}

/// The number of the user that owns the file of this name, if there is one.
pub(crate) fn owner(name: &str) -> Result<Option<u32>, OpenError> {
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

/// The path of the file with this name.
pub(crate) fn path(name: &str) -> Result<String, OpenError> {
    /// In bytes; every file system takes as many.
    const MOST: usize = 255;
    match name {
        "" | "." | ".." => Err(OpenError::NameEmpty),
        name if name.len() > MOST => Err(OpenError::NameTooLong { most: MOST }),
        name if name.contains('/') => Err(OpenError::NameHasSlash),
        name if name.contains('\0') => Err(OpenError::NameHasNul),
        name => Ok(format!("{FOLDER}/{name}")),
    }
}
