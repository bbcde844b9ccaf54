//! Mutual exclusion and counting between processes: ours, glibc's, System V's.

use std::mem::MaybeUninit;

use anteroom::ipc::{Mutex, Semaphore, Shared};

use super::memory::Placed;
use super::system_v;

/// One process at a time: a mutex, or a semaphore of one permit.
pub trait SharedLock {
    /// What the peer is called in the results.
    const NAME: &'static str;

    /// Free.
    fn new() -> Self;

    /// Runs `section` with the lock held.
    fn with<R>(&self, section: impl FnOnce() -> R) -> R;
}

/// A semaphore that one process waits for and another one posts.
pub trait Signal {
    /// What the peer is called in the results.
    const NAME: &'static str;

    /// Not posted.
    fn new() -> Self;

    fn wait(&self);

    fn post(&self);
}

impl SharedLock for Shared<Mutex<()>> {
    const NAME: &'static str = "anteroom";

    fn new() -> Self {
        Shared::anonymous(Mutex::new(())).unwrap()
    }

    fn with<R>(&self, section: impl FnOnce() -> R) -> R {
        let _guard = self.lock().unwrap();
        section()
    }
}

/// Our semaphore, whose permits come back from the dead if `GIVES_BACK`.
pub struct Permits<const GIVES_BACK: bool>(Shared<Semaphore>);

impl<const GIVES_BACK: bool> Permits<GIVES_BACK> {
    fn with_permits(permits: usize) -> Self {
        let semaphore = match GIVES_BACK {
            true => Semaphore::new(permits),
            false => Semaphore::without_give_back(permits),
        };
        Self(Shared::anonymous(semaphore).unwrap())
    }
}

impl<const GIVES_BACK: bool> SharedLock for Permits<GIVES_BACK> {
    const NAME: &'static str = "anteroom";

    fn new() -> Self {
        Self::with_permits(1)
    }

    fn with<R>(&self, section: impl FnOnce() -> R) -> R {
        let _permit = self.0.acquire().unwrap();
        section()
    }
}

impl Signal for Permits<false> {
    const NAME: &'static str = "anteroom";

    fn new() -> Self {
        Self::with_permits(0)
    }

    fn wait(&self) {
        self.0.acquire().unwrap().forget();
    }

    fn post(&self) {
        self.0.add_permits(1);
    }
}

/// glibc's mutex between processes, robust or not.
pub struct Pthread<const ROBUST: bool>(Placed<libc::pthread_mutex_t>);

impl<const ROBUST: bool> SharedLock for Pthread<ROBUST> {
    const NAME: &'static str = if ROBUST { "robust" } else { "pthread" };

    fn new() -> Self {
        let mut attributes = MaybeUninit::uninit();
        let attributes = attributes.as_mut_ptr();
        // SAFETY: it is good for writes.
        assert_eq!(unsafe { libc::pthread_mutexattr_init(attributes) }, 0);
        let between = libc::PTHREAD_PROCESS_SHARED;
        // SAFETY: initialised just now.
        let set = unsafe { libc::pthread_mutexattr_setpshared(attributes, between) };
        assert_eq!(set, 0);
        if ROBUST {
            let robust = libc::PTHREAD_MUTEX_ROBUST;
            // SAFETY: as above.
            let set = unsafe { libc::pthread_mutexattr_setrobust(attributes, robust) };
            assert_eq!(set, 0);
        }
        // SAFETY: memory for a mutex, which stays where it is; and attributes, which need not be
        // destroyed in glibc.
        Self(Placed::new(|mutex| unsafe {
            libc::pthread_mutex_init(mutex, attributes)
        }))
    }

    fn with<R>(&self, section: impl FnOnce() -> R) -> R {
        // SAFETY: initialised in `new`, and not moved since.
        let locked = unsafe { libc::pthread_mutex_lock(self.0.get()) };
        assert_eq!(locked, 0);
        let result = section();
        // SAFETY: as above, and this thread holds it.
        let unlocked = unsafe { libc::pthread_mutex_unlock(self.0.get()) };
        assert_eq!(unlocked, 0);
        result
    }
}

/// POSIX's semaphore between processes.
pub struct Posix(Placed<libc::sem_t>);

impl Posix {
    fn with_permits(permits: u32) -> Self {
        let between_processes = 1;
        // SAFETY: memory for a semaphore, which stays where it is.
        Self(Placed::new(|semaphore| unsafe {
            libc::sem_init(semaphore, between_processes, permits)
        }))
    }

    fn acquire(&self) {
        // SAFETY: initialised in `with_permits`, and not moved since.
        let acquired = unsafe { libc::sem_wait(self.0.get()) };
        assert_eq!(acquired, 0);
    }

    fn release(&self) {
        // SAFETY: as above.
        let released = unsafe { libc::sem_post(self.0.get()) };
        assert_eq!(released, 0);
    }
}

impl SharedLock for Posix {
    const NAME: &'static str = "sem_t";

    fn new() -> Self {
        Self::with_permits(1)
    }

    fn with<R>(&self, section: impl FnOnce() -> R) -> R {
        self.acquire();
        let result = section();
        self.release();
        result
    }
}

impl Signal for Posix {
    const NAME: &'static str = "sem_t";

    fn new() -> Self {
        Self::with_permits(0)
    }

    fn wait(&self) {
        self.acquire();
    }

    fn post(&self) {
        self.release();
    }
}

/// System V's semaphore, whose permits come back from the dead if `UNDO`.
pub struct SystemV<const UNDO: bool>(system_v::Semaphore);

impl<const UNDO: bool> SystemV<UNDO> {
    const FLAGS: libc::c_int = if UNDO { libc::SEM_UNDO } else { 0 };
}

impl<const UNDO: bool> SharedLock for SystemV<UNDO> {
    const NAME: &'static str = if UNDO { "SEM_UNDO" } else { "semop" };

    fn new() -> Self {
        Self(system_v::Semaphore::new(1))
    }

    fn with<R>(&self, section: impl FnOnce() -> R) -> R {
        self.0.add(-1, Self::FLAGS);
        let result = section();
        self.0.add(1, Self::FLAGS);
        result
    }
}

impl Signal for SystemV<false> {
    const NAME: &'static str = "semop";

    fn new() -> Self {
        Self(system_v::Semaphore::new(0))
    }

    fn wait(&self) {
        self.0.add(-1, 0);
    }

    fn post(&self) {
        self.0.add(1, 0);
    }
}
