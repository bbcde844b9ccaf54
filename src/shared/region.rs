//! A piece of memory that processes share: a header that says what it holds, and the payload.
//!
//! What has a name is a file in `/dev/shm`, as those of `shm_open` are, and lives until somebody removes the name *and*
//! nobody has it mapped. It is made without a name (`O_TMPFILE`), filled in, and then linked to its name in one step:
//! who opens it never sees it half made, and whoever is killed before that leaves nothing behind.
//!
//! Nothing that stands in the file is trusted further than it was checked: how much is mapped is what the file has, and
//! where the payload is follows from what the caller asked for.

use super::error::OpenError;
use super::me::Me;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{
    AtFlags, CWD, FallocateFlags, Mode, OFlags, fallocate, fstat, linkat, open, statat, unlink,
};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};
use std::ptr::{self, NonNull};

pub(super) const FOLDER: &str = "/dev/shm";
const MAGIC: u64 = u64::from_le_bytes(*b"anteroom");
/// Of the header, and of every type in here.
const VERSION: u32 = 1;
/// As far as a page's start is aligned on every machine.
const MOST_ALIGN: usize = 4096;

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
        fill: impl Fn(NonNull<u8>),
    ) -> Result<Self, OpenError> {
        let path = path(name)?;
        let whole = payload.region_size(size)?;
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let file = open(FOLDER, flags, Mode::from_raw_mode(mode))?;
        // All of it now: a full disk is an error here, and not a signal at some later access.
        fallocate(&file, FallocateFlags::empty(), 0, whole as u64)?;
        let region = Self::map(Some(&file), payload, size)?;
        region.fill(payload, fill);
        let nameless = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
        linkat(CWD, nameless, CWD, path, AtFlags::SYMLINK_FOLLOW)?;
        Ok(region)
    }

    /// Maps what has this name.
    pub(super) fn open(name: &str, payload: Payload) -> Result<Self, OpenError> {
        let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = match open(path(name)?, flags, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::LOOP | Errno::ISDIR | Errno::NXIO) => return Err(OpenError::NotShared),
            Err(error) => return Err(error.into()),
        };
        let size = payload.check(read_header(&file)?, length(&file)?)?;
        Self::map(Some(&file), payload, size)
    }

    /// The first of those, or the second.
    pub(super) fn open_or_create(
        name: &str,
        mode: u32,
        payload: Payload,
        size: usize,
        fill: impl Fn(NonNull<u8>),
    ) -> Result<Self, OpenError> {
        loop {
            match Self::open(name, payload) {
                Err(OpenError::NotFound) => {}
                done => return done,
            }
            match Self::create(name, mode, payload, size, &fill) {
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
        fill: impl Fn(NonNull<u8>),
    ) -> Result<Self, OpenError> {
        payload.region_size(size)?;
        let region = Self::map(None, payload, size)?;
        region.fill(payload, fill);
        Ok(region)
    }

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
        Ok(Region {
            start: NonNull::new(start.cast()).expect("no mapping begins at zero"),
            mapped,
            payload: payload.start(),
            size,
        })
    }

    fn fill(&self, payload: Payload, fill: impl Fn(NonNull<u8>)) {
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

impl Drop for Region {
    fn drop(&mut self) {
        let start = self.start.addr().get();
        if Me::get().list().names_any_in(start..start + self.mapped) {
            // A guard was forgotten, so its lock is still in this thread's list. It stays, and so must the memory.
            return;
        }
        // SAFETY: mapped as a whole by `map`; whoever borrowed from it is gone.
        let unmapped = unsafe { munmap(self.start.as_ptr().cast(), self.mapped) };
        debug_assert!(unmapped.is_ok());
    }
}

/// Removes the name. Processes that have the memory mapped keep it.
pub(super) fn remove(name: &str) -> Result<(), OpenError> {
    unlink(path(name)?)?;
    // If that was a FIFO, it has more files.
    super::fifo::sweep(name);
    Ok(())
}

/// Whether anything has this name.
pub(super) fn exists(name: &str) -> Result<bool, OpenError> {
    match statat(CWD, path(name)?, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(_) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
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
