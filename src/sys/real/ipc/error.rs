//! [`OpenError`]: what can be wrong with a name, or with what is found under it.

use rustix::io::Errno;
use std::{error, fmt, io};

/// Why memory could not be created, opened or removed. Nothing was changed.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The name is empty, `.` or `..`.
    NameEmpty,
    /// The name has more bytes than a file's may have.
    NameTooLong {
        /// The limit, in bytes.
        most: usize,
    },
    /// The name has a slash.
    NameHasSlash,
    /// The name has a zero byte.
    NameHasNul,
    /// Nothing has this name.
    NotFound,
    /// Something has this name already.
    AlreadyExists,
    /// The permissions do not allow it.
    PermissionDenied,
    /// What has this name was not made by this crate, or is damaged.
    NotShared,
    /// It was made by a version of this crate that lays memory out otherwise.
    Version {
        /// This version's number.
        expected: u32,
        /// The number found.
        found: u32,
    },
    /// It holds another type.
    Type {
        /// The fingerprint of the type asked for.
        expected: u64,
        /// The fingerprint that was found.
        found: u64,
    },
    /// It has another size than the type asked for.
    Size {
        /// The type's size, in bytes.
        expected: usize,
        /// The size that is recorded there, in bytes.
        found: u64,
    },
    /// It has another alignment than the type asked for.
    Align {
        /// The type's alignment, in bytes.
        expected: usize,
        /// The alignment that is recorded there, in bytes.
        found: u64,
    },
    /// The file is shorter than its recorded size.
    Truncated {
        /// The recorded size, in bytes.
        expected: u64,
        /// The file's size, in bytes.
        found: u64,
    },
    /// The size asked for is zero, or more than an address space holds.
    SizeOutOfRange,
    /// Its creator is in another PID namespace, so its locks would take one thread for another.
    PidNamespace {
        /// The number of this process's namespace.
        expected: u64,
        /// The number of the creator's namespace.
        found: u64,
    },
    /// It belongs to another user, which may have put it there on purpose. Only from calls that
    /// would create it otherwise.
    OtherOwner {
        /// The user's number.
        found: u32,
    },
    /// The system lacks a necessary call, or refuses it (in a sandbox, or without `/dev/shm`).
    Unsupported {
        /// The call, and since when Linux has it.
        call: &'static str,
    },
    /// No other process or thread opened the other end in time.
    TimedOut,
    /// The system refused for another reason.
    System(io::Error),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameEmpty => write!(f, "the name is empty, or stands for a folder"),
            Self::NameTooLong { most } => write!(f, "the name has more than {most} bytes"),
            Self::NameHasSlash => write!(f, "the name has a slash"),
            Self::NameHasNul => write!(f, "the name has a zero byte"),
            Self::NotFound => write!(f, "nothing has this name"),
            Self::AlreadyExists => write!(f, "something has this name already"),
            Self::PermissionDenied => write!(f, "the permissions do not allow it"),
            Self::NotShared => write!(f, "what has this name was not made by anteroom"),
            Self::Version { expected, found } => {
                write!(f, "its layout has version {found}, not {expected}")
            }
            Self::Type { expected, found } => {
                write!(
                    f,
                    "it holds another type: {found:016x}, not {expected:016x}"
                )
            }
            Self::Size { expected, found } => write!(f, "it holds {found} bytes, not {expected}"),
            Self::Align { expected, found } => {
                write!(f, "it is aligned to {found} bytes, not {expected}")
            }
            Self::Truncated { expected, found } => {
                write!(f, "it has {found} bytes, but should have {expected}")
            }
            Self::PidNamespace { expected, found } => {
                write!(f, "it belongs to PID namespace {found}, not {expected}")
            }
            Self::OtherOwner { found } => write!(f, "it belongs to user {found}"),
            Self::Unsupported { call } => write!(f, "the system refuses {call}"),
            Self::SizeOutOfRange => write!(f, "so many bytes cannot be shared"),
            Self::TimedOut => write!(f, "the other end was not opened in time"),
            Self::System(error) => write!(f, "{error}"),
        }
    }
}

impl error::Error for OpenError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::System(error) => Some(error),
            _ => None,
        }
    }
}

impl From<Errno> for OpenError {
    fn from(error: Errno) -> Self {
        match error {
            Errno::NOENT => Self::NotFound,
            Errno::EXIST => Self::AlreadyExists,
            Errno::ACCESS | Errno::PERM => Self::PermissionDenied,
            other => Self::System(other.into()),
        }
    }
}

impl From<OpenError> for io::Error {
    fn from(error: OpenError) -> Self {
        use io::ErrorKind::{self, *};
        let kind: ErrorKind = match error {
            OpenError::System(error) => return error,
            OpenError::NotFound => NotFound,
            OpenError::AlreadyExists => AlreadyExists,
            OpenError::PermissionDenied | OpenError::OtherOwner { .. } => PermissionDenied,
            OpenError::Unsupported { .. } => Unsupported,
            OpenError::TimedOut => TimedOut,
            OpenError::NameEmpty
            | OpenError::NameTooLong { .. }
            | OpenError::NameHasSlash
            | OpenError::NameHasNul
            | OpenError::SizeOutOfRange => InvalidInput,
            _ => InvalidData,
        };
        io::Error::new(kind, error)
    }
}
