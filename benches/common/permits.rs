//! Counting semaphores: anteroom, POSIX `sem_t`, and one made of std's mutex and condition
//! variable.

use std::cell::UnsafeCell;

use super::monitor::{self, Monitor};

/// A counting semaphore.
pub trait Permits: Sync {
    /// What the peer is called in the results.
    const NAME: &'static str;

    /// Starts with so many permits to give.
    fn new(permits: usize) -> Self;

    /// Runs `section` with one permit acquired.
    fn with<R>(&self, section: impl FnOnce() -> R) -> R {
        self.with_many(1, section)
    }

    /// Runs `section` with so many permits acquired.
    fn with_many<R>(&self, permits: usize, section: impl FnOnce() -> R) -> R;

    /// How many permits are left to give.
    fn available(&self) -> usize;
}

impl Permits for anteroom::Semaphore {
    const NAME: &'static str = "anteroom";

    fn new(permits: usize) -> Self {
        Self::new(permits)
    }

    fn with<R>(&self, section: impl FnOnce() -> R) -> R {
        let _permit = self.acquire().unwrap();
        section()
    }

    fn with_many<R>(&self, permits: usize, section: impl FnOnce() -> R) -> R {
        let _permits = self.acquire_many(permits as u32).unwrap();
        section()
    }

    fn available(&self) -> usize {
        self.available_permits()
    }
}

/// What one writes with std, which has no semaphore: the count under a mutex, and a condition
/// variable to wait on while it is zero.
pub struct MutexAndCondvar(monitor::Std);

impl Permits for MutexAndCondvar {
    const NAME: &'static str = "std";

    fn new(permits: usize) -> Self {
        Self(((permits as u64).into(), Default::default()))
    }

    fn with<R>(&self, section: impl FnOnce() -> R) -> R {
        let mut permits = self.0.lock();
        while *permits == 0 {
            permits = self.0.wait(permits);
        }
        *permits -= 1;
        drop(permits);
        let result = section();
        *self.0.lock() += 1;
        self.0.notify_one();
        result
    }

    /// Where waiters want different numbers, all of them have to look.
    fn with_many<R>(&self, wanted: usize, section: impl FnOnce() -> R) -> R {
        let wanted = wanted as u64;
        let mut permits = self.0.lock();
        while *permits < wanted {
            permits = self.0.wait(permits);
        }
        *permits -= wanted;
        drop(permits);
        let result = section();
        *self.0.lock() += wanted;
        self.0.notify_all();
        result
    }

    fn available(&self) -> usize {
        *self.0.lock() as usize
    }
}

/// POSIX's semaphore, boxed because it may not move once initialised.
pub struct Posix(Box<UnsafeCell<libc::sem_t>>);

// SAFETY: a `sem_t` is made to be called from many threads.
unsafe impl Sync for Posix {}

impl Posix {
    fn wait(&self) {
        // SAFETY: initialised in `new`, and not moved since.
        let acquired = unsafe { libc::sem_wait(self.0.get()) };
        assert_eq!(acquired, 0);
    }

    fn post(&self) {
        // SAFETY: as above.
        let released = unsafe { libc::sem_post(self.0.get()) };
        assert_eq!(released, 0);
    }
}

impl Permits for Posix {
    const NAME: &'static str = "sem_t";

    fn new(permits: usize) -> Self {
        // SAFETY: a `sem_t` is plain bytes, which `sem_init` gives a meaning.
        let semaphore = Box::new(UnsafeCell::new(unsafe { std::mem::zeroed() }));
        // SAFETY: the pointer is good for writes, and the semaphore stays in its box from here on.
        let initialised = unsafe { libc::sem_init(semaphore.get(), 0, permits as u32) };
        assert_eq!(initialised, 0);
        Self(semaphore)
    }

    fn with<R>(&self, section: impl FnOnce() -> R) -> R {
        self.wait();
        let result = section();
        self.post();
        result
    }

    /// It knows no more than one at a time; with one thread that asks for many, that is enough.
    fn with_many<R>(&self, permits: usize, section: impl FnOnce() -> R) -> R {
        (0..permits).for_each(|_| self.wait());
        let result = section();
        (0..permits).for_each(|_| self.post());
        result
    }

    fn available(&self) -> usize {
        let mut value = 0;
        // SAFETY: as above, and `value` is good for writes.
        let read = unsafe { libc::sem_getvalue(self.0.get(), &mut value) };
        assert_eq!(read, 0);
        value as usize
    }
}
