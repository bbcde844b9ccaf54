//! What holds permits of a [`Semaphore`], and gives them back.

use super::{AcquireError, Semaphore, TryAcquireError};
use crate::sys::deadline::Deadline;
use std::ops::Deref;
use std::sync::Arc;

/// Holds permits of a semaphore, reached through `S`, and gives them back when dropped.
///
/// # Panics
/// When dropped, if the semaphore would then have more than
/// [`MAX_PERMITS`](Semaphore::MAX_PERMITS), because permits were added meanwhile. Then these
/// permits are lost.
#[must_use = "the permits are given back at once if this is not kept"]
#[derive(Debug)]
pub struct Permit<S: Deref<Target = Semaphore>> {
    semaphore: S,
    permits: u32,
}

/// Holds permits of a borrowed [`Semaphore`].
///
/// # Examples
/// ```
/// use anteroom::{Semaphore, SemaphorePermit};
///
/// let semaphore = Semaphore::new(3);
/// let mut two: SemaphorePermit<'_> = semaphore.acquire_many(2)?;
/// drop(two.split(1)); // gives one back
/// assert_eq!(semaphore.available_permits(), 2);
/// # Ok::<(), anteroom::AcquireError>(())
/// ```
pub type SemaphorePermit<'a> = Permit<&'a Semaphore>;

/// Holds permits of a [`Semaphore`] behind an `Arc`, which it keeps alive.
pub type OwnedSemaphorePermit = Permit<Arc<Semaphore>>;

impl<S: Deref<Target = Semaphore>> Permit<S> {
    #[inline]
    pub(super) fn acquire(semaphore: S, permits: u32) -> Result<Self, AcquireError> {
        match semaphore.raw.take(permits, Deadline::NEVER) {
            Ok(()) => Ok(Permit { semaphore, permits }),
            Err(_) => Err(AcquireError(())),
        }
    }

    #[inline]
    pub(super) fn try_acquire(semaphore: S, permits: u32) -> Result<Self, TryAcquireError> {
        semaphore.raw.try_take(permits)?;
        Ok(Permit { semaphore, permits })
    }

    pub(super) fn acquire_by(
        semaphore: S,
        permits: u32,
        deadline: Deadline,
    ) -> Result<Self, TryAcquireError> {
        semaphore.raw.take(permits, deadline)?;
        Ok(Permit { semaphore, permits })
    }

    /// The number of permits that this holds.
    pub fn num_permits(&self) -> usize {
        self.permits as usize
    }

    /// The semaphore of these permits.
    pub fn semaphore(&self) -> &S {
        &self.semaphore
    }

    /// Never gives the permits back: the semaphore has fewer from now on.
    pub fn forget(mut self) {
        self.permits = 0;
    }

    /// Adds the permits of `other` to these.
    ///
    /// # Panics
    /// If they are of two semaphores, or more than a `u32` counts. Then both give theirs back.
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        assert!(
            std::ptr::eq(&*self.semaphore, &*other.semaphore),
            "Permit::merge: permits of two semaphores"
        );
        self.permits = self
            .permits
            .checked_add(other.permits)
            .expect("Permit::merge: more than u32::MAX permits");
        other.permits = 0;
    }

    /// Splits off `permits` of these; `None` if there are fewer.
    pub fn split(&mut self, permits: usize) -> Option<Self>
    where
        S: Clone,
    {
        let permits = u32::try_from(permits).ok()?;
        self.permits = self.permits.checked_sub(permits)?;
        Some(Permit {
            semaphore: self.semaphore.clone(),
            permits,
        })
    }
}

impl<S: Deref<Target = Semaphore>> Drop for Permit<S> {
    #[inline]
    fn drop(&mut self) {
        if self.permits != 0 {
            self.semaphore.raw.give_back(self.permits);
        }
    }
}
