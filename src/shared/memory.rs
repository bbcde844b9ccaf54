//! Memory by name: a value of a type, or bytes.

use super::error::OpenError;
use super::region::{self, Payload, Region};
use super::shareable::{Shareable, fingerprint};
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::NonNull;

/// Who may open what is created: its owner.
pub(super) const OWNER_ONLY: u32 = 0o600;

/// A value in memory that processes share, by name or with the children of a fork.
///
/// What has a name is a file of that name in `/dev/shm`. It lives until [`unlink`](Self::unlink), however many processes
/// come and go, and its memory until the last of them has dropped it. Each process has it at an address of its own.
///
/// If a guard of something in it was forgotten (`mem::forget`), the memory stays mapped when this is dropped, on
/// whatever thread: the lock is still in the list that the kernel walks at the end of the thread that holds it. Once that
/// thread has ended, dropping this unmaps the memory.
///
/// Where a name's file is cut short behind this crate's back, an access ends the process with `SIGBUS`.
///
/// # Examples
/// ```
/// use anteroom::shared::{Mutex, Shared};
///
/// # let name = format!("anteroom-doc-{}", std::process::id());
/// let counter = Shared::create(&name, Mutex::new(0_u64))?;
/// // Another process:
/// let same: Shared<Mutex<u64>> = Shared::open(&name)?;
/// *same.lock().unwrap() += 1;
///
/// assert_eq!(*counter.lock().unwrap(), 1);
/// Shared::<Mutex<u64>>::unlink(&name)?;
/// # Ok::<(), anteroom::shared::OpenError>(())
/// ```
pub struct Shared<T: Shareable> {
    region: Region,
    value: PhantomData<T>,
}

// SAFETY: it gives `&T`, which any thread may use; nobody drops a `T`.
unsafe impl<T: Shareable> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Shareable> Sync for Shared<T> {}

impl<T: Shareable> Shared<T> {
    /// A type without bytes has one here: a region is never empty.
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
        // SAFETY: the payload was made for a `T`, of which one copy at most comes to be used, and none is dropped.
        move |at| unsafe {
            at.cast::<T>()
                .copy_from_nonoverlapping(NonNull::from(&value), 1)
        }
    }

    /// Where all bytes are zero.
    fn in_place(mut fill: impl FnMut(&mut T)) -> impl FnMut(NonNull<u8>) {
        // SAFETY: the payload was made for a `T`, of which any bits are one, and nobody else sees it yet.
        move |at| fill(unsafe { at.cast::<T>().as_mut() })
    }

    fn of(region: Region) -> Self {
        Shared {
            region,
            value: PhantomData,
        }
    }

    /// Creates the value with this name, for processes of the same user. Nobody can open it before it is complete.
    ///
    /// # Errors
    /// [`AlreadyExists`](OpenError::AlreadyExists), [`Unsupported`](OpenError::Unsupported), one of those of names, or the
    /// system's: among them `EFBIG` for more than the process's limit on files (`RLIMIT_FSIZE`).
    pub fn create(name: &str, value: T) -> Result<Self, OpenError> {
        Self::create_with_mode(name, OWNER_ONLY, value)
    }

    /// As [`create`](Self::create), with the permissions of a file (`0o660`: also for the group), less the process's umask.
    ///
    /// # Errors
    /// As `create`'s.
    pub fn create_with_mode(name: &str, mode: u32, value: T) -> Result<Self, OpenError> {
        Region::create(name, mode, Self::PAYLOAD, Self::SIZE, Self::filled(value)).map(Self::of)
    }

    /// As [`create`](Self::create), of a value that is made where it is to be: it is all zeros, and `fill` changes that as it
    /// likes. For what is too large for the stack, on which `create` takes it. The locks in it do not work
    /// before `fill` has returned: to use one there panics, as it does outside of shared memory.
    ///
    /// All zeros are a number that is 0, a lock that is free, a semaphore without permits.
    ///
    /// # Errors
    /// As `create`'s.
    ///
    /// # Examples
    /// ```
    /// use anteroom::shared::{Mutex, Shared};
    ///
    /// # let name = format!("anteroom-doc-large-{}", std::process::id());
    /// type Table = [Mutex<[u64; 64]>; 10_000];
    /// let table = Shared::<Table>::create_with(&name, |table| table[7].get_mut()[1] = 5)?;
    /// assert_eq!(table[7].lock().unwrap()[..3], [0, 5, 0]);
    /// # Shared::<Table>::unlink(&name)?;
    /// # Ok::<(), anteroom::shared::OpenError>(())
    /// ```
    pub fn create_with(name: &str, fill: impl FnOnce(&mut T)) -> Result<Self, OpenError> {
        Self::create_with_mode_and(name, OWNER_ONLY, fill)
    }

    /// As [`create_with`](Self::create_with), with the permissions of [`create_with_mode`](Self::create_with_mode).
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

    /// Opens what another process, or this one, has created.
    ///
    /// # Errors
    /// [`NotFound`](OpenError::NotFound), [`PermissionDenied`](OpenError::PermissionDenied), the one that says what is there
    /// if it is not a `T`, [`PidNamespace`](OpenError::PidNamespace), [`Unsupported`](OpenError::Unsupported), one of those of
    /// names, or the system's.
    pub fn open(name: &str) -> Result<Self, OpenError> {
        Region::open(name, Self::PAYLOAD).map(Self::of)
    }

    /// Opens what has the name, or creates it if nothing has. What another user has put there is refused, unless that is root: all
    /// users can make files in `/dev/shm`. ([`open`](Self::open) takes it, if the permissions allow.)
    ///
    /// # Errors
    /// As those of [`create`](Self::create) and [`open`](Self::open), or [`OtherOwner`](OpenError::OtherOwner).
    pub fn open_or_create(name: &str, value: T) -> Result<Self, OpenError> {
        let fill = Self::filled(value);
        Region::open_or_create(name, OWNER_ONLY, Self::PAYLOAD, Self::SIZE, fill).map(Self::of)
    }

    /// As [`open_or_create`](Self::open_or_create), of a value that is made where it is to be:
    /// see [`create_with`](Self::create_with). `fill` may be called more than once, if another process removes the name meanwhile.
    ///
    /// # Errors
    /// As there.
    pub fn open_or_create_with(name: &str, fill: impl FnMut(&mut T)) -> Result<Self, OpenError> {
        let fill = Self::in_place(fill);
        Region::open_or_create(name, OWNER_ONLY, Self::PAYLOAD, Self::SIZE, fill).map(Self::of)
    }

    /// Creates it without a name: for this process, and the children that it forks from now on.
    ///
    /// A child in another PID namespace must not use what it inherits, which is not checked: there, threads have other numbers.
    ///
    /// # Errors
    /// The system's.
    pub fn anonymous(value: T) -> Result<Self, OpenError> {
        Region::anonymous(Self::PAYLOAD, Self::SIZE, Self::filled(value)).map(Self::of)
    }

    /// As [`anonymous`](Self::anonymous), of a value that is made where it is to be: see [`create_with`](Self::create_with).
    ///
    /// # Errors
    /// As there.
    pub fn anonymous_with(fill: impl FnOnce(&mut T)) -> Result<Self, OpenError> {
        let fill = Self::in_place(once(fill));
        Region::anonymous(Self::PAYLOAD, Self::SIZE, fill).map(Self::of)
    }

    /// Removes the name, whatever has it. Who has opened it keeps it.
    ///
    /// # Errors
    /// [`NotFound`](OpenError::NotFound), [`PermissionDenied`](OpenError::PermissionDenied), one of those of names, or the
    /// system's.
    pub fn unlink(name: &str) -> Result<(), OpenError> {
        region::remove(name)
    }
}

/// What is called once.
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

/// Bytes that processes share, by name or with the children of a fork. As [`Shared`], but how many there are is decided
/// when they are created.
///
/// Who reads and writes them when, its users must agree on: with a lock that they share, say.
pub struct SharedMemory {
    region: Region,
}

impl SharedMemory {
    const PAYLOAD: Payload = Payload {
        fingerprint: fingerprint("bytes"),
        align: 64,
        size: None,
    };

    /// Creates so many zero bytes, for processes of the same user.
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

    /// Opens what somebody has created, of any size.
    ///
    /// # Errors
    /// As [`Shared::open`]'s.
    pub fn open(name: &str) -> Result<Self, OpenError> {
        let region = Region::open(name, Self::PAYLOAD)?;
        Ok(SharedMemory { region })
    }

    /// Opens what has the name, of any size, or creates it. As [`Shared::open_or_create`].
    ///
    /// # Errors
    /// As those of [`create`](Self::create) and [`open`](Self::open), or [`OtherOwner`](OpenError::OtherOwner).
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
        region::remove(name)
    }

    /// Where the bytes are in this process, as long as this lives: aligned to 64.
    #[must_use]
    pub fn as_ptr(&self) -> NonNull<u8> {
        self.region.payload()
    }

    /// How many there are.
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
