//! Why a lock between processes was not simply taken.

use std::{error, fmt};

/// Why a lock was not simply taken.
#[non_exhaustive]
pub enum LockError<G> {
    /// Just now, and this holds the lock: the data may be half changed.
    OwnerDied(G),
    /// And somebody else has released it without putting its data right.
    Poisoned,
    /// This thread holds [`MAX_HELD`](super::MAX_HELD) locks. Nothing has changed.
    TooManyHeld,
}

/// Why a lock was not taken that was only tried, or not simply.
#[non_exhaustive]
pub enum TryLockError<G> {
    /// As [`LockError::OwnerDied`].
    OwnerDied(G),
    /// As [`LockError::Poisoned`].
    Poisoned,
    /// As [`LockError::TooManyHeld`].
    TooManyHeld,
    /// Somebody holds it.
    WouldBlock,
    /// Somebody held it for so long.
    TimedOut,
}

impl<G> From<LockError<G>> for TryLockError<G> {
    fn from(error: LockError<G>) -> Self {
        match error {
            LockError::OwnerDied(guard) => Self::OwnerDied(guard),
            LockError::Poisoned => Self::Poisoned,
            LockError::TooManyHeld => Self::TooManyHeld,
        }
    }
}

const OWNER_DIED: &str = "its last owner died while holding the lock";
const POISONED: &str = "an owner died while holding the lock, and nobody has repaired its data";
/// Of all locks.
pub(super) const TOO_MANY_HELD: &str = "this thread holds as many locks as it may (MAX_HELD)";

impl<G> LockError<G> {
    fn text(&self) -> &'static str {
        match self {
            Self::OwnerDied(_) => OWNER_DIED,
            Self::Poisoned => POISONED,
            Self::TooManyHeld => TOO_MANY_HELD,
        }
    }
}

impl<G> TryLockError<G> {
    fn text(&self) -> &'static str {
        match self {
            Self::OwnerDied(_) => OWNER_DIED,
            Self::Poisoned => POISONED,
            Self::TooManyHeld => TOO_MANY_HELD,
            Self::WouldBlock => "somebody holds the lock",
            Self::TimedOut => "somebody held the lock for too long",
        }
    }
}

macro_rules! errors {
    ($($name:ident),*) => {$(
        impl<G> fmt::Debug for $name<G> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.text())
            }
        }

        impl<G> fmt::Display for $name<G> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.text())
            }
        }

        impl<G> error::Error for $name<G> {}
    )*};
}

errors!(LockError, TryLockError);
