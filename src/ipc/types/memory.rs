//! Shared memory, named or not: a value of a type ([`Shared`]), or bytes ([`SharedMemory`]).

use crate::ipc::types::fifo;
use crate::ipc::types::shareable::{Shareable, fingerprint};
use crate::sys::ipc::error::OpenError;
use crate::sys::ipc::region::{Payload, Region};
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::NonNull;

/// The default permissions: only the user that creates the memory may open it.
pub(crate) const OWNER_ONLY: u32 = 0o600;

/// A value in memory that processes share, by name or with the children of a fork.
///
/// With a name, it is a file of that name in `/dev/shm`. The name lives until
/// [`unlink`](Self::unlink), however many processes come and go, and the memory until the last
/// process has dropped it too. Each process maps it at an address of its own.
///
/// If a guard of a lock in it was forgotten (`mem::forget`), dropping this leaves the memory
/// mapped: the lock is still in the list that the kernel walks when its holder ends. Once that
/// thread has ended, dropping this unmaps the memory.
///
/// If another program truncates the file, an access ends the process with `SIGBUS`.
///
/// # Examples
/// ```
/// use anteroom::ipc::{Mutex, Shared};
///
/// # let name = format!("anteroom-doc-{}", std::process::id());
/// let counter = Shared::create(&name, Mutex::new(0_u64))?;
/// // Another process:
/// let same: Shared<Mutex<u64>> = Shared::open(&name)?;
/// *same.lock().unwrap() += 1;
///
/// assert_eq!(*counter.lock().unwrap(), 1);
/// Shared::<Mutex<u64>>::unlink(&name)?;
/// # Ok::<(), anteroom::ipc::OpenError>(())
/// ```
pub struct Shared<T: Shareable> {
    region: Region,
    value: PhantomData<T>,
}

// SAFETY: it gives `&T`, which any thread may use; no `T` is ever dropped.
unsafe impl<T: Shareable> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Shareable> Sync for Shared<T> {}

impl<T: Shareable> Shared<T> {
    /// A region is never empty, so a type without bytes takes one.
    const SIZE: usize = if size_of::<T>() == 0 {
        1
    } else {
        size_of::<T>()
    };
    const PAYLOAD: Payload = Payload {
        fingerprint: T::FINGERPRINT,
        align: align_of::<T>(),
        size: Some(Self::SIZE),
    };

    fn filled(value: T) -> impl Fn(NonNull<u8>) {
        // SAFETY: the payload was made for a `T`; at most one copy is used, and none is dropped.
        move |at| unsafe {
            at.cast::<T>()
                .copy_from_nonoverlapping(NonNull::from(&value), 1)
        }
    }

    /// For a payload of zero bytes.
    fn in_place(mut fill: impl FnMut(&mut T)) -> impl FnMut(NonNull<u8>) {
        // SAFETY: the payload was made for a `T`, of which any bits are one, and is not shared yet.
        move |at| fill(unsafe { at.cast::<T>().as_mut() })
    }

    fn of(region: Region) -> Self {
        Shared {
            region,
            value: PhantomData,
        }
    }

    /// Creates the value with this name, for processes of the same user, complete once it is there.
    ///
    /// # Errors
    /// [`AlreadyExists`](OpenError::AlreadyExists), [`Unsupported`](OpenError::Unsupported), an
    /// error of the name, or the system's (`EFBIG` beyond the limit on files, `RLIMIT_FSIZE`).
    pub fn create(name: &str, value: T) -> Result<Self, OpenError> {
        Self::create_with_mode(name, OWNER_ONLY, value)
    }

    /// As [`create`](Self::create), with these permissions of a file (`0o660`: also for the group),
    /// less the process's umask.
    ///
    /// # Errors
    /// As `create`'s.
    pub fn create_with_mode(name: &str, mode: u32, value: T) -> Result<Self, OpenError> {
        Region::create(name, mode, Self::PAYLOAD, Self::SIZE, Self::filled(value)).map(Self::of)
    }

    /// As [`create`](Self::create), but makes the value in place: it is all zeros, and `fill`
    /// changes it. This is for values that are too large for the stack. The locks in it do not work
    /// before `fill` has returned: using one there panics, as outside of shared memory.
    ///
    /// All zeros are a number that is 0, a lock that is free, a semaphore without permits.
    ///
    /// # Errors
    /// As `create`'s.
    ///
    /// # Examples
    /// ```
    /// use anteroom::ipc::{Mutex, Shared};
    ///
    /// # let name = format!("anteroom-doc-large-{}", std::process::id());
    /// type Table = [Mutex<[u64; 64]>; 10_000];
    /// let table = Shared::<Table>::create_with(&name, |table| table[7].get_mut()[1] = 5)?;
    /// assert_eq!(table[7].lock().unwrap()[..3], [0, 5, 0]);
    /// # Shared::<Table>::unlink(&name)?;
    /// # Ok::<(), anteroom::ipc::OpenError>(())
    /// ```
    pub fn create_with(name: &str, fill: impl FnOnce(&mut T)) -> Result<Self, OpenError> {
        Self::create_with_mode_and(name, OWNER_ONLY, fill)
    }

    /// As [`create_with`](Self::create_with), with the permissions of
    /// [`create_with_mode`](Self::create_with_mode).
    ///
    /// # Errors
    /// As `create`'s.
    pub fn create_with_mode_and(
        name: &str,
        mode: u32,
        fill: impl FnOnce(&mut T),
    ) -> Result<Self, OpenError> {
        let fill = Self::in_place(once(fill));
        Region::create(name, mode, Self::PAYLOAD, Self::SIZE, fill).map(Self::of)
    }

    /// Opens the value that another process, or this one, has created.
    ///
    /// # Errors
    /// [`NotFound`](OpenError::NotFound), [`PermissionDenied`](OpenError::PermissionDenied), the
    /// error that says what is there if it is not a `T`, [`PidNamespace`](OpenError::PidNamespace),
    /// [`Unsupported`](OpenError::Unsupported), an error of the name, or the system's.
    pub fn open(name: &str) -> Result<Self, OpenError> {
        Region::open(name, Self::PAYLOAD).map(Self::of)
    }

    /// Opens the value with this name, or creates it if there is none. It refuses another user's
    /// value, unless that user is root: all users can make files in `/dev/shm`.
    /// ([`open`](Self::open) takes it, if the permissions allow.)
    ///
    /// # Errors
    /// As those of [`create`](Self::create) and [`open`](Self::open), or
    /// [`OtherOwner`](OpenError::OtherOwner).
    pub fn open_or_create(name: &str, value: T) -> Result<Self, OpenError> {
        let fill = Self::filled(value);
        Region::open_or_create(name, OWNER_ONLY, Self::PAYLOAD, Self::SIZE, fill).map(Self::of)
    }

    /// As [`open_or_create`](Self::open_or_create), but makes the value in place: see
    /// [`create_with`](Self::create_with). `fill` runs again if another process removes the name.
    ///
    /// # Errors
    /// As there.
    pub fn open_or_create_with(name: &str, fill: impl FnMut(&mut T)) -> Result<Self, OpenError> {
        let fill = Self::in_place(fill);
        Region::open_or_create(name, OWNER_ONLY, Self::PAYLOAD, Self::SIZE, fill).map(Self::of)
    }

    /// Creates a value without a name, for this process and the children that it forks.
    ///
    /// A child in another PID namespace must not use what it inherits: this is not checked.
    ///
    /// # Errors
    /// The system's.
    pub fn anonymous(value: T) -> Result<Self, OpenError> {
        Region::anonymous(Self::PAYLOAD, Self::SIZE, Self::filled(value)).map(Self::of)
    }

    /// As [`anonymous`](Self::anonymous), but makes the value in place: see
    /// [`create_with`](Self::create_with).
    ///
    /// # Errors
    /// As there.
    pub fn anonymous_with(fill: impl FnOnce(&mut T)) -> Result<Self, OpenError> {
        let fill = Self::in_place(once(fill));
        Region::anonymous(Self::PAYLOAD, Self::SIZE, fill).map(Self::of)
    }

    /// Removes the name, whatever has it. Processes that have opened it keep it.
    ///
    /// # Errors
    /// [`NotFound`](OpenError::NotFound), [`PermissionDenied`](OpenError::PermissionDenied), an
    /// error of the name, or the system's.
    pub fn unlink(name: &str) -> Result<(), OpenError> {
        fifo::remove(name)
    }
}

/// Makes an `FnMut`, which is called only once, of `fill`.
fn once<A: ?Sized>(fill: impl FnOnce(&mut A)) -> impl FnMut(&mut A) {
    let mut fill = Some(fill);
    move |it| fill.take().expect("called once")(it)
}

impl<T: Shareable> Deref for Shared<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: mapped as long as this lives, checked to be a `T`, of which any bits are one.
        unsafe { self.region.payload().cast().as_ref() }
    }
}

impl<T: Shareable + fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        T::fmt(self, f)
    }
}

/// Bytes that processes share: as [`Shared`], but of a size that is decided at their creation.
///
/// Its users must agree on when each accesses the bytes: with a lock that they share, say.
pub struct SharedMemory {
    region: Region,
}

impl SharedMemory {
    const PAYLOAD: Payload = Payload {
        fingerprint: fingerprint("bytes"),
        align: 64,
        size: None,
    };

    /// Creates `size` zero bytes, for processes of the same user.
    ///
    /// # Errors
    /// As [`Shared::create`]'s, and [`SizeOutOfRange`](OpenError::SizeOutOfRange).
    pub fn create(name: &str, size: usize) -> Result<Self, OpenError> {
        Self::create_with_mode(name, OWNER_ONLY, size)
    }

    /// As [`create`](Self::create), with the permissions of a file, less the process's umask.
    ///
    /// # Errors
    /// As `create`'s.
    pub fn create_with_mode(name: &str, mode: u32, size: usize) -> Result<Self, OpenError> {
        let region = Region::create(name, mode, Self::PAYLOAD, size, |_| ())?;
        Ok(SharedMemory { region })
    }

    /// Opens bytes that were created with this name, however many.
    ///
    /// # Errors
    /// As [`Shared::open`]'s.
    pub fn open(name: &str) -> Result<Self, OpenError> {
        let region = Region::open(name, Self::PAYLOAD)?;
        Ok(SharedMemory { region })
    }

    /// Opens the bytes with this name, however many, or creates them. As
    /// [`Shared::open_or_create`].
    ///
    /// # Errors
    /// As those of [`create`](Self::create) and [`open`](Self::open), or
    /// [`OtherOwner`](OpenError::OtherOwner).
    pub fn open_or_create(name: &str, size: usize) -> Result<Self, OpenError> {
        let region = Region::open_or_create(name, OWNER_ONLY, Self::PAYLOAD, size, |_| ())?;
        Ok(SharedMemory { region })
    }

    /// Creates it without a name.
    ///
    /// # Errors
    /// As [`create`](Self::create)'s, but for the name.
    pub fn anonymous(size: usize) -> Result<Self, OpenError> {
        let region = Region::anonymous(Self::PAYLOAD, size, |_| ())?;
        Ok(SharedMemory { region })
    }

    /// Removes the name, whatever has it.
    ///
    /// # Errors
    /// As [`Shared::unlink`]'s.
    pub fn unlink(name: &str) -> Result<(), OpenError> {
        fifo::remove(name)
    }

    /// The address of the bytes in this process, valid as long as this lives: aligned to 64.
    #[must_use]
    pub fn as_ptr(&self) -> NonNull<u8> {
        self.region.payload()
    }

    /// The number of bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.region.size()
    }
}

impl fmt::Debug for SharedMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.size();
        f.debug_struct("SharedMemory").field("size", &size).finish()
    }
}
