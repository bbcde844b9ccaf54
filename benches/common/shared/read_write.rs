//! Reader-writer locks between processes: ours, and glibc's.

use std::mem::MaybeUninit;

use anteroom::ipc::{RwLock, Shared};

use super::memory::Placed;

/// Many processes read, or one writes.
pub trait SharedReadWrite {
    /// What the peer is called in the results.
    const NAME: &'static str;

    /// Free.
    fn new() -> Self;

    /// Runs `section` among other readers.
    fn read<R>(&self, section: impl FnOnce() -> R) -> R;

    /// Runs `section` alone.
    fn write<R>(&self, section: impl FnOnce() -> R) -> R;
}

impl SharedReadWrite for Shared<RwLock<()>> {
    const NAME: &'static str = "anteroom";

    fn new() -> Self {
        Shared::anonymous(RwLock::new(())).unwrap()
    }

    fn read<R>(&self, section: impl FnOnce() -> R) -> R {
        let _guard = RwLock::read(self).unwrap();
        section()
    }

    fn write<R>(&self, section: impl FnOnce() -> R) -> R {
        let _guard = RwLock::write(self).unwrap();
        section()
    }
}

/// glibc's, which does not notice its holder's death.
pub struct Pthread(Placed<libc::pthread_rwlock_t>);

impl Pthread {
    fn unlock(&self) {
        // SAFETY: initialised in `new`, not moved since, and this thread holds it.
        assert_eq!(unsafe { libc::pthread_rwlock_unlock(self.0.get()) }, 0);
    }
}

impl SharedReadWrite for Pthread {
    const NAME: &'static str = "pthread";

    fn new() -> Self {
        let mut attributes = MaybeUninit::uninit();
        let attributes = attributes.as_mut_ptr();
        // SAFETY: it is good for writes.
        let initialised = unsafe { libc::pthread_rwlockattr_init(attributes) };
        assert_eq!(initialised, 0);
        let between = libc::PTHREAD_PROCESS_SHARED;
        // SAFETY: initialised just now.
        let set = unsafe { libc::pthread_rwlockattr_setpshared(attributes, between) };
        assert_eq!(set, 0);
        // SAFETY: memory for a lock, which stays where it is; and attributes, which need not be
        // destroyed in glibc.
        Self(Placed::new(|lock| unsafe {
            libc::pthread_rwlock_init(lock, attributes)
        }))
    }

    fn read<R>(&self, section: impl FnOnce() -> R) -> R {
        // SAFETY: initialised in `new`, and not moved since.
        assert_eq!(unsafe { libc::pthread_rwlock_rdlock(self.0.get()) }, 0);
        let result = section();
        self.unlock();
        result
    }

    fn write<R>(&self, section: impl FnOnce() -> R) -> R {
        // SAFETY: as in `read`.
        assert_eq!(unsafe { libc::pthread_rwlock_wrlock(self.0.get()) }, 0);
        let result = section();
        self.unlock();
        result
    }
}
