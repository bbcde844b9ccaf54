//! Mutual exclusion: anteroom, std, parking_lot, usync, pthread, and the least that any lock can
//! do.
#![allow(clippy::disallowed_types, reason = "a benchmark is never modelled")]

use std::cell::UnsafeCell;
use std::hint;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// A lock around a count of the critical sections that it has guarded.
pub trait Lock: Default + Sync {
    /// What the peer is called in the results.
    const NAME: &'static str;

    /// Runs `section` with the lock held.
    fn with<R>(&self, section: impl FnOnce(&mut u64) -> R) -> R;
}

macro_rules! without_poison {
    ($($peer:ident),*) => {$(
        impl Lock for $peer::Mutex<u64> {
            const NAME: &'static str = stringify!($peer);

            fn with<R>(&self, section: impl FnOnce(&mut u64) -> R) -> R {
                section(&mut self.lock())
            }
        }
    )*};
}

without_poison!(anteroom, parking_lot, usync);

impl Lock for std::sync::Mutex<u64> {
    const NAME: &'static str = "std";

    fn with<R>(&self, section: impl FnOnce(&mut u64) -> R) -> R {
        section(&mut self.lock().unwrap())
    }
}

/// The floor: one compare-exchange to lock, one plain store to unlock, and no thread ever sleeps.
#[derive(Default)]
pub struct Bare {
    locked: AtomicBool,
    count: UnsafeCell<u64>,
}

// SAFETY: `count` is touched only between a successful exchange of `locked` to true and the store
// of false, so by one thread at a time.
unsafe impl Sync for Bare {}

impl Lock for Bare {
    const NAME: &'static str = "bare";

    fn with<R>(&self, section: impl FnOnce(&mut u64) -> R) -> R {
        // ORDERING: Acquire pairs with the Release store below, by the last holder.
        while self
            .locked
            .compare_exchange_weak(false, true, Acquire, Relaxed)
            .is_err()
        {
            hint::spin_loop();
        }
        // SAFETY: this thread has set `locked` and has not cleared it yet.
        let result = section(unsafe { &mut *self.count.get() });
        // ORDERING: Release pairs with the Acquire exchange above, by the next holder.
        self.locked.store(false, Release);
        result
    }
}

/// libc's mutex of the default kind.
pub struct Pthread {
    mutex: UnsafeCell<libc::pthread_mutex_t>,
    count: UnsafeCell<u64>,
}

// SAFETY: the mutex is made to be called from many threads; `count` is touched only by its holder.
unsafe impl Sync for Pthread {}

impl Default for Pthread {
    fn default() -> Self {
        Self {
            mutex: UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER),
            count: UnsafeCell::new(0),
        }
    }
}

impl Lock for Pthread {
    const NAME: &'static str = "pthread";

    fn with<R>(&self, section: impl FnOnce(&mut u64) -> R) -> R {
        // SAFETY: initialised, and not moved from its first use on, for `self` is borrowed.
        let locked = unsafe { libc::pthread_mutex_lock(self.mutex.get()) };
        assert_eq!(locked, 0);
        // SAFETY: this thread holds the mutex.
        let result = section(unsafe { &mut *self.count.get() });
        // SAFETY: as above, and this thread holds it.
        let unlocked = unsafe { libc::pthread_mutex_unlock(self.mutex.get()) };
        assert_eq!(unlocked, 0);
        result
    }
}
