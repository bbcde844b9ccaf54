//! The mutex between processes: its types, over the algorithm in [`raw`].

use crate::ipc::mutex::raw::{Locked, RawMutex};
use crate::ipc::types::lock_error::{LockError, TryLockError};
use crate::ipc::types::shareable::{Shareable, assert_no_locks, fingerprint, mix_number};
use crate::sys::Ordering::Relaxed;
use crate::sys::deadline::Deadline;
use crate::sys::ipc::me::Me;
use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

/// A mutual exclusion lock between processes that survives its holder's death.
///
/// It must lie in memory that processes share ([`Shared`](crate::ipc::Shared)), and works between
/// the threads of one process as well. An unlocked mutex is forty zero bytes and the data.
///
/// **Deaths.** If a thread ends while it holds the mutex, because its process was killed or for any
/// other reason, the next holder gets [`LockError::OwnerDied`]: an error that holds the mutex. The
/// data is as the dead thread left it. Once it is right again, the holder says so
/// ([`OwnerDied::repair`]). Dropped without that, the mutex is *poisoned* for good, and locking it
/// is [`LockError::Poisoned`]. A waiter that is killed disturbs no other thread, at whatever
/// instruction it dies. A thread that panics while it holds the mutex just releases it.
///
/// **Fairness.** None: a running thread may barge ahead of waiters. These spin, and then sleep.
///
/// **Memory ordering.** Locking acquires what unlocking, or dying, released.
///
/// **Forks.** A child holds nothing that its parent holds. A guard that it inherits does nothing
/// when it is dropped, and must not be used.
///
/// # Panics
/// Every use by `&`, also one that only tries or asks, panics where a lock must not be ([what is
/// checked](crate::ipc#what-is-checked)). Nothing has changed then.
///
/// [`lock`](Self::lock) panics if the calling thread holds the mutex already: else it would
/// deadlock. The other methods report that the mutex is held: [`try_lock`](Self::try_lock) at once,
/// the ones with a time when it is over.
#[repr(C)]
pub struct Mutex<T> {
    raw: RawMutex,
    data: UnsafeCell<T>,
}

// SAFETY: it hands the data to one thread at a time.
unsafe impl<T: Send> Sync for Mutex<T> {}
// SAFETY: it owns the data.
unsafe impl<T: Send> Send for Mutex<T> {}

// SAFETY: only its holder uses the links of its entry, and writes them anew. The rest are numbers,
// of which any are a state: at worst one that a thread holds which does not exist.
unsafe impl<T: Shareable + Send> Shareable for Mutex<T> {
    const FINGERPRINT: u64 = mix_number(fingerprint("Mutex 1"), T::FINGERPRINT);
    const HAS_LOCKS: bool = true;
}

/// The result of locking.
pub type LockResult<'a, T> = Result<MutexGuard<'a, T>, LockError<OwnerDied<'a, T>>>;
/// The result of trying to lock.
pub type TryLockResult<'a, T> = Result<MutexGuard<'a, T>, TryLockError<OwnerDied<'a, T>>>;

/// The value of the note in a poisoned mutex.
const POISONED: u32 = 1;

impl<T> Mutex<T> {
    /// An unlocked mutex.
    pub const fn new(data: T) -> Self {
        Mutex {
            raw: RawMutex::new(),
            data: UnsafeCell::new(data),
        }
    }

    /// Acquires the mutex, blocking until no thread holds it.
    ///
    /// # Errors
    /// [`LockError`], if a holder died, or if this thread holds
    /// [`MAX_HELD`](crate::ipc::MAX_HELD) locks.
    ///
    /// # Panics
    /// If this thread holds it already, or if it lies outside a mapped region.
    #[inline]
    pub fn lock(&self) -> LockResult<'_, T> {
        let me = self.me();
        if !me.has_room() {
            return Err(LockError::TooManyHeld);
        }
        let locked = self.raw.lock(me, Deadline::NEVER);
        self.guard(me, locked.expect("there is no deadline"))
    }

    /// Acquires the mutex if no thread holds it.
    ///
    /// # Errors
    /// [`TryLockError::WouldBlock`] if a thread holds it, this one or another; else as
    /// [`lock`](Self::lock)'s.
    #[inline]
    pub fn try_lock(&self) -> TryLockResult<'_, T> {
        let me = self.me();
        if !me.has_room() {
            return Err(TryLockError::TooManyHeld);
        }
        let locked = self.raw.try_lock(me).ok_or(TryLockError::WouldBlock)?;
        Ok(self.guard(me, locked)?)
    }

    /// Acquires the mutex if that is possible within this time. Zero is a try; a time too long for
    /// an `Instant` is for ever.
    ///
    /// # Errors
    /// [`TryLockError::TimedOut`] if it was not, also because this thread holds it itself; else as
    /// [`lock`](Self::lock)'s.
    pub fn try_lock_for(&self, timeout: Duration) -> TryLockResult<'_, T> {
        self.lock_before(Deadline::after(timeout))
    }

    /// As [`try_lock_for`](Self::try_lock_for), until this instant.
    ///
    /// # Errors
    /// As there.
    pub fn try_lock_until(&self, deadline: Instant) -> TryLockResult<'_, T> {
        self.lock_before(Deadline::at(deadline))
    }

    fn lock_before(&self, deadline: Deadline) -> TryLockResult<'_, T> {
        let me = self.me();
        if !me.has_room() {
            return Err(TryLockError::TooManyHeld);
        }
        let locked = match deadline.is_past() {
            true => self.raw.try_lock(me),
            false => self.raw.lock(me, deadline),
        };
        let locked = locked.ok_or(TryLockError::TimedOut)?;
        Ok(self.guard(me, locked)?)
    }

    #[inline]
    fn me(&self) -> Me {
        Me::for_lock(self, "ipc::Mutex")
    }

    /// The guard of the calling thread, which has just locked it.
    #[inline]
    pub(crate) fn guard(&self, me: Me, locked: Locked) -> LockResult<'_, T> {
        let guard = MutexGuard {
            mutex: self,
            owner: me.generation(),
            not_send: PhantomData,
        };
        match locked {
            Locked::Cleanly if !self.is_poisoned() => Ok(guard),
            _ => Err(guard.after_a_death()),
        }
    }

    /// Only the holder may ask.
    #[inline]
    fn is_poisoned(&self) -> bool {
        // ORDERING: Relaxed; only holders write it.
        self.raw.note().load(Relaxed) == POISONED
    }

    /// Releases the mutex without a guard.
    ///
    /// # Safety
    /// This thread holds the mutex, and has forgotten its guard.
    pub unsafe fn force_unlock(&self) {
        self.raw.unlock(Me::get());
    }

    /// The algorithm, without the data.
    pub(crate) fn raw(&self) -> &RawMutex {
        &self.raw
    }

    /// The data, to which `&mut self` gives sole access.
    pub fn get_mut(&mut self) -> &mut T {
        self.data.get_mut()
    }
}

impl<T: fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutex").finish_non_exhaustive()
    }
}

/// Holds a [`Mutex`], and releases it when dropped.
#[must_use = "the mutex is released at once if the guard is not kept"]
pub struct MutexGuard<'a, T> {
    mutex: &'a Mutex<T>,
    /// The generation of the holder's process. The guard stays on its thread, so a thread of that
    /// generation is the holder; a child of a fork, which has the guard too, is of another.
    owner: u32,
    not_send: PhantomData<*const ()>,
}

impl<T> MutexGuard<'_, T> {
    /// The calling thread if it holds the mutex; if not, the guard was inherited over a fork.
    #[inline]
    fn owner(&self) -> Option<Me> {
        Me::of(self.owner)
    }
}

impl<'a, T> MutexGuard<'a, T> {
    /// A holder died, just now or long ago.
    #[cold]
    fn after_a_death(self) -> LockError<OwnerDied<'a, T>> {
        match self.mutex.is_poisoned() {
            true => LockError::Poisoned,
            false => LockError::OwnerDied(OwnerDied { guard: self }),
        }
    }

    /// Whether the guard is that of this thread, which is the calling one.
    pub(crate) fn is_owned(&self, me: Me) -> bool {
        me.generation() == self.owner
    }

    /// The mutex, which stays locked.
    pub(crate) fn forget(self) -> &'a Mutex<T> {
        ManuallyDrop::new(self).mutex
    }
}

// SAFETY: sharing it shares the data.
unsafe impl<T: Sync> Sync for MutexGuard<'_, T> {}

impl<T> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if let Some(me) = self.owner() {
            self.mutex.raw.unlock(me);
        }
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this thread holds the mutex.
        unsafe { &*self.mutex.data.get() }
    }
}

/// Does not compile for data that [has locks](Shareable::HAS_LOCKS).
impl<T: Shareable> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        assert_no_locks::<T>();
        // SAFETY: this thread holds the mutex.
        unsafe { &mut *self.mutex.data.get() }
    }
}

impl<T: fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        T::fmt(self, f)
    }
}

/// Holds a [`Mutex`] whose last holder died. The data may be half changed.
///
/// Dropped without [`repair`](Self::repair), it poisons the mutex.
#[must_use = "the mutex is poisoned if this is not repaired"]
pub struct OwnerDied<'a, T> {
    guard: MutexGuard<'a, T>,
}

impl<'a, T> OwnerDied<'a, T> {
    /// Says that the data is right again.
    pub fn repair(self) -> MutexGuard<'a, T> {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is not dropped, so the guard is moved out once.
        unsafe { std::ptr::read(&this.guard) }
    }
}

impl<T> Drop for OwnerDied<'_, T> {
    fn drop(&mut self) {
        if self.guard.owner().is_some() {
            // ORDERING: Relaxed; unlocking releases it.
            self.guard.mutex.raw.note().store(POISONED, Relaxed);
        }
    }
}

impl<T> Deref for OwnerDied<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

/// Does not compile for data that [has locks](Shareable::HAS_LOCKS).
impl<T: Shareable> DerefMut for OwnerDied<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

impl<T: fmt::Debug> fmt::Debug for OwnerDied<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        T::fmt(self, f)
    }
}
