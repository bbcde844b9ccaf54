//! Errors of the locks between processes: a holder's death, and the reasons for not locking.

use std::{error, fmt};

/// Why a lock was not acquired cleanly.
#[non_exhaustive]
pub enum LockError<G> {
    /// The last holder has died. This holds the lock, and the data may be half changed.
    OwnerDied(G),
    /// A holder died, and a later one released the lock without repairing the data.
    Poisoned,
    /// This thread holds [`MAX_HELD`](crate::ipc::MAX_HELD) locks already. Nothing has changed.
    TooManyHeld,
}

/// Why a lock was not acquired cleanly, or not at all.
#[non_exhaustive]
pub enum TryLockError<G> {
    /// As [`LockError::OwnerDied`].
    OwnerDied(G),
    /// As [`LockError::Poisoned`].
    Poisoned,
    /// As [`LockError::TooManyHeld`].
    TooManyHeld,
    /// The lock is held, by another thread or by this one.
    WouldBlock,
    /// The lock was held until the deadline, by other threads or by this one.
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
const POISONED: &str = "an owner died while holding the lock, and its data was not repaired";
/// Of all locks between processes.
pub(crate) const TOO_MANY_HELD: &str = "this thread holds as many locks as it may (MAX_HELD)";

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
            Self::WouldBlock => "the lock is held",
            Self::TimedOut => "the lock was held until the deadline",
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
