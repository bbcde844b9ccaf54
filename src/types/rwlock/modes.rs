//! How each mode acquires and releases the lock, and how a guard changes its mode.

use super::super::guard::sealed::{Mode, Whole};
use super::super::guard::{Exclusive, Guard, Shared, Upgradable};
use super::RawRwLock;
use crate::sys::deadline::Deadline;
use std::time::{Duration, Instant};

/// Implements a mode.
macro_rules! mode {
    ($mode:ident: $lock:expr, $unlock:expr, $unlock_fair:expr, $waited_for:expr) => {
        impl Mode<RawRwLock> for $mode {
            #[inline]
            fn lock(raw: &RawRwLock) {
                $lock(raw);
            }

            #[inline]
            unsafe fn unlock(raw: &RawRwLock) {
                // SAFETY: the caller holds the lock in this mode.
                unsafe { $unlock(raw) };
            }

            #[inline]
            unsafe fn unlock_fair(raw: &RawRwLock) {
                // SAFETY: see above.
                unsafe { $unlock_fair(raw) };
            }

            #[inline]
            unsafe fn bump(raw: &RawRwLock) {
                if $waited_for(raw) {
                    // SAFETY: see above.
                    unsafe { $unlock_fair(raw) };
                    $lock(raw);
                }
            }
        }
    };
}

mode!(
    Shared: RawRwLock::read_again, RawRwLock::unlock_read,
    RawRwLock::unlock_read_fair, RawRwLock::is_reader_waited_for
);
mode!(
    Exclusive: RawRwLock::write_again, RawRwLock::unlock_write,
    RawRwLock::unlock_write_fair, RawRwLock::is_waited_for
);
mode!(
    Upgradable: |raw: &RawRwLock| raw.upgradable_read(Deadline::NEVER),
    RawRwLock::unlock_upgradable, RawRwLock::unlock_upgradable_fair, RawRwLock::is_waited_for
);

/// Writers of a reader-writer lock. (The guard of a mutex does not have these.)
impl<L: Whole<T, Raw = RawRwLock>, T: ?Sized> Guard<L, Exclusive, T> {
    /// Becomes a reader, with no other writer in between. Waiting readers enter too.
    pub fn downgrade(this: Self) -> Guard<L, Shared, T> {
        // SAFETY: the guard is the writer, and becomes the reader.
        unsafe { this.raw().downgrade() };
        // SAFETY: see above.
        unsafe { this.into_mode() }
    }

    /// Becomes the upgradable reader, with no other writer in between. Waiting readers enter.
    pub fn downgrade_to_upgradable(this: Self) -> Guard<L, Upgradable, T> {
        // SAFETY: the guard is the writer, and becomes the upgradable reader.
        unsafe { this.raw().downgrade_to_upgradable() };
        // SAFETY: see above.
        unsafe { this.into_mode() }
    }
}

/// Upgradable readers.
impl<L: Whole<T, Raw = RawRwLock>, T: ?Sized> Guard<L, Upgradable, T> {
    /// Becomes the writer, blocking until the readers have left. No other writer enters in between.
    /// New readers do, until this has waited for 500 µs, or finds biased readers.
    pub fn upgrade(this: Self) -> Guard<L, Exclusive, T> {
        match Self::upgrade_by(this, Deadline::NEVER) {
            Ok(writer) => writer,
            Err(_) => unreachable!("there is no deadline"),
        }
    }

    /// Becomes the writer if there are no readers; else returns the guard. A thread that is just
    /// about to read counts as a reader.
    pub fn try_upgrade(this: Self) -> Result<Guard<L, Exclusive, T>, Self> {
        // SAFETY: the guard is the upgradable reader.
        if !unsafe { this.raw().try_upgrade() } {
            return Err(this);
        }
        // SAFETY: it is the writer now.
        Ok(unsafe { this.into_mode() })
    }

    /// Becomes the writer if the readers leave within `timeout`; else returns the guard.
    pub fn try_upgrade_for(this: Self, timeout: Duration) -> Result<Guard<L, Exclusive, T>, Self> {
        Self::upgrade_by(this, Deadline::after(timeout))
    }

    /// Becomes the writer if the readers leave until `deadline`; else returns the guard.
    pub fn try_upgrade_until(
        this: Self,
        deadline: Instant,
    ) -> Result<Guard<L, Exclusive, T>, Self> {
        Self::upgrade_by(this, Deadline::at(deadline))
    }

    fn upgrade_by(this: Self, deadline: Deadline) -> Result<Guard<L, Exclusive, T>, Self> {
        // SAFETY: the guard is the upgradable reader.
        if !unsafe { this.raw().upgrade_by(deadline) } {
            return Err(this);
        }
        // SAFETY: it is the writer now.
        Ok(unsafe { this.into_mode() })
    }

    /// Becomes a reader, so that writers and other upgradable readers may enter.
    ///
    /// # Panics
    /// If there are too many readers already: see [`RwLock`](super::RwLock).
    pub fn downgrade(this: Self) -> Guard<L, Shared, T> {
        // SAFETY: the guard is the upgradable reader, and becomes a reader.
        unsafe { this.raw().downgrade_upgradable() };
        // SAFETY: see above.
        unsafe { this.into_mode() }
    }

    /// Runs `f` with write access, once the readers have left. Then reads upgradably, also after a
    /// panic.
    ///
    /// # Examples
    /// ```
    /// # use anteroom::RwLock;
    /// let lock = RwLock::new(1);
    /// let mut guard = lock.upgradable_read();
    /// let old = guard.with_upgraded(|n| std::mem::replace(n, 2));
    /// assert_eq!((old, *guard), (1, 2));
    /// ```
    pub fn with_upgraded<R>(&mut self, f: impl FnOnce(&mut T) -> R) -> R {
        match self.with_upgraded_by(RawUpgrade::By(Deadline::NEVER), f) {
            Some(result) => result,
            None => unreachable!("there is no deadline"),
        }
    }

    /// As [`with_upgraded`](Self::with_upgraded), if there are no readers.
    pub fn try_with_upgraded<R>(&mut self, f: impl FnOnce(&mut T) -> R) -> Option<R> {
        self.with_upgraded_by(RawUpgrade::AtOnce, f)
    }

    /// As [`with_upgraded`](Self::with_upgraded), if the readers leave within `timeout`.
    pub fn try_with_upgraded_for<R>(
        &mut self,
        timeout: Duration,
        f: impl FnOnce(&mut T) -> R,
    ) -> Option<R> {
        self.with_upgraded_by(RawUpgrade::By(Deadline::after(timeout)), f)
    }

    /// As [`with_upgraded`](Self::with_upgraded), if the readers leave by `deadline`.
    pub fn try_with_upgraded_until<R>(
        &mut self,
        deadline: Instant,
        f: impl FnOnce(&mut T) -> R,
    ) -> Option<R> {
        self.with_upgraded_by(RawUpgrade::By(Deadline::at(deadline)), f)
    }

    fn with_upgraded_by<R>(&mut self, how: RawUpgrade, f: impl FnOnce(&mut T) -> R) -> Option<R> {
        struct Downgrade<'a>(&'a RawRwLock);
        impl Drop for Downgrade<'_> {
            fn drop(&mut self) {
                // SAFETY: it exists only while the guard is the writer.
                unsafe { self.0.downgrade_to_upgradable() };
            }
        }
        let upgraded = match how {
            // SAFETY: the guard is the upgradable reader.
            RawUpgrade::AtOnce => unsafe { self.raw().try_upgrade() },
            // SAFETY: see above.
            RawUpgrade::By(deadline) => unsafe { self.raw().upgrade_by(deadline) },
        };
        if !upgraded {
            return None;
        }
        let data = self.data();
        let _downgrade = Downgrade(self.raw());
        // SAFETY: the lock is held exclusively until `_downgrade` is dropped, and the guard is
        // borrowed.
        Some(f(unsafe { &mut *data }))
    }
}

enum RawUpgrade {
    AtOnce,
    By(Deadline),
}
