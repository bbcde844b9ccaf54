//! glibc's mutex, reader-writer lock, semaphore and condition variable.

use super::*;
use crate::subjects::{Broadcast, Channel, Entry, Lock, Subject};
use libc::{c_int, pthread_cond_t, pthread_mutex_t, pthread_rwlock_t, sem_t};
use std::mem::MaybeUninit;

/// What is held of the C library's, and how it is released.
pub(crate) struct Held<T: 'static>(*mut T, unsafe extern "C" fn(*mut T) -> c_int);

impl<T> Drop for Held<T> {
    fn drop(&mut self) {
        // SAFETY: this thread holds it, or a copy of it.
        unsafe { self.1(self.0) };
    }
}

macro_rules! c_lock {
    ($type:ident, $inner:ty, $death:expr, $hold:path, $enter:path, $try:path, $release:path) => {
        impl Lock for $type {
            type Guard<'a> = Held<$inner>;
            const DEATH: Entry = $death;
            fn hold(&self) -> Self::Guard<'_> {
                c!($hold(self.0.get()));
                Held(self.0.get(), $release)
            }
            fn enter(&self) -> Entry {
                // SAFETY: initialized.
                let entry = match unsafe { $enter(self.0.get()) } {
                    0 => Entry::Cleanly,
                    libc::EOWNERDEAD => {
                        make_consistent(self.0.get().cast());
                        Entry::AfterDeath
                    }
                    error => panic!("error {error}"),
                };
                c!($release(self.0.get()));
                entry
            }
            fn try_enter(&self) -> bool {
                // SAFETY: initialized.
                let entered = unsafe { $try(self.0.get()) } == 0;
                if entered {
                    c!($release(self.0.get()));
                }
                entered
            }
        }
    };
}

/// Only mutexes tell of a death.
fn make_consistent(mutex: *mut pthread_mutex_t) {
    c!(libc::pthread_mutex_consistent(mutex));
}

fn init_robust(mutex: *mut pthread_mutex_t) {
    let mut kind = MaybeUninit::uninit();
    c!(libc::pthread_mutexattr_init(kind.as_mut_ptr()));
    c!(libc::pthread_mutexattr_setpshared(
        kind.as_mut_ptr(),
        libc::PTHREAD_PROCESS_SHARED
    ));
    c!(libc::pthread_mutexattr_setrobust(
        kind.as_mut_ptr(),
        libc::PTHREAD_MUTEX_ROBUST
    ));
    c!(libc::pthread_mutex_init(mutex, kind.as_ptr()));
}

fn init_rwlock(it: &C<pthread_rwlock_t>) {
    let mut kind = MaybeUninit::uninit();
    c!(libc::pthread_rwlockattr_init(kind.as_mut_ptr()));
    c!(libc::pthread_rwlockattr_setpshared(
        kind.as_mut_ptr(),
        libc::PTHREAD_PROCESS_SHARED
    ));
    c!(libc::pthread_rwlock_init(it.get(), kind.as_ptr()));
}

fn init_condvar(it: *mut pthread_cond_t) {
    let mut kind = MaybeUninit::uninit();
    c!(libc::pthread_condattr_init(kind.as_mut_ptr()));
    c!(libc::pthread_condattr_setpshared(
        kind.as_mut_ptr(),
        libc::PTHREAD_PROCESS_SHARED
    ));
    c!(libc::pthread_cond_init(it, kind.as_ptr()));
}

c_peer!(CMutex, pthread_mutex_t, "glibc_mutex", false, |_| ());
c_peer!(
    CWritten,
    pthread_rwlock_t,
    "glibc_rwlock_written",
    false,
    |_| ()
);
c_peer!(CRead, pthread_rwlock_t, "glibc_rwlock_read", false, |_| ());
c_peer!(CSemaphore, sem_t, "glibc_semaphore", false, |it| c!(
    libc::sem_init(it.get(), 0, 1)
));
c_peer!(
    CSharedMutex,
    pthread_mutex_t,
    "glibc_robust_mutex",
    true,
    |it| init_robust(it.get())
);
c_peer!(
    CSharedWritten,
    pthread_rwlock_t,
    "glibc_shared_rwlock_written",
    true,
    init_rwlock
);
c_peer!(
    CSharedRead,
    pthread_rwlock_t,
    "glibc_shared_rwlock_read",
    true,
    init_rwlock
);
c_peer!(
    CSharedSemaphore,
    sem_t,
    "glibc_shared_semaphore",
    true,
    |it| {
        c!(libc::sem_init(it.get(), 1, 1));
    }
);

use libc::{pthread_mutex_lock, pthread_mutex_trylock, pthread_mutex_unlock};
use libc::{pthread_rwlock_rdlock, pthread_rwlock_tryrdlock, pthread_rwlock_trywrlock};
use libc::{pthread_rwlock_unlock, pthread_rwlock_wrlock, sem_post, sem_trywait, sem_wait};

macro_rules! c_mutex {
    ($type:ident, $death:expr) => {
        c_lock!(
            $type,
            pthread_mutex_t,
            $death,
            pthread_mutex_lock,
            pthread_mutex_lock,
            pthread_mutex_trylock,
            pthread_mutex_unlock
        );
    };
}
macro_rules! c_rwlock {
    ($type:ident, $hold:path, $enter:path, $try:path) => {
        c_lock!(
            $type,
            pthread_rwlock_t,
            Entry::Cleanly,
            $hold,
            $enter,
            $try,
            pthread_rwlock_unlock
        );
    };
}
macro_rules! c_semaphore {
    ($type:ident) => {
        c_lock!(
            $type,
            sem_t,
            Entry::Cleanly,
            sem_wait,
            sem_wait,
            sem_trywait,
            sem_post
        );
    };
}

c_mutex!(CMutex, Entry::Cleanly);
c_mutex!(CSharedMutex, Entry::AfterDeath);
c_rwlock!(
    CWritten,
    pthread_rwlock_wrlock,
    pthread_rwlock_rdlock,
    pthread_rwlock_tryrdlock
);
c_rwlock!(
    CSharedWritten,
    pthread_rwlock_wrlock,
    pthread_rwlock_rdlock,
    pthread_rwlock_tryrdlock
);
c_rwlock!(
    CRead,
    pthread_rwlock_rdlock,
    pthread_rwlock_wrlock,
    pthread_rwlock_trywrlock
);
c_rwlock!(
    CSharedRead,
    pthread_rwlock_rdlock,
    pthread_rwlock_wrlock,
    pthread_rwlock_trywrlock
);
c_semaphore!(CSemaphore);
c_semaphore!(CSharedSemaphore);

/// A mutex and a condition variable.
#[repr(C)]
pub(crate) struct Pair {
    mutex: pthread_mutex_t,
    condvar: pthread_cond_t,
}

c_peer!(CCondvar, Pair, "glibc_condvar", false, |_| ());
c_peer!(CSharedCondvar, Pair, "glibc_shared_condvar", true, |it| {
    // SAFETY: within the object, of which no reference is made.
    init_robust(unsafe { &raw mut (*it.get()).mutex });
    // SAFETY: as above.
    init_condvar(unsafe { &raw mut (*it.get()).condvar });
});

macro_rules! c_condvar {
    ($type:ident) => {
        impl $type {
            fn mutex(&self) -> *mut pthread_mutex_t {
                // SAFETY: within the object, of which no reference is made.
                unsafe { &raw mut (*self.0.get()).mutex }
            }
            fn condvar(&self) -> *mut pthread_cond_t {
                // SAFETY: as above.
                unsafe { &raw mut (*self.0.get()).condvar }
            }
            /// The number, with the mutex held.
            fn with<R>(&self, act: impl FnOnce(&mut u64) -> R) -> R {
                // SAFETY: initialized.
                if unsafe { pthread_mutex_lock(self.mutex()) } == libc::EOWNERDEAD {
                    make_consistent(self.mutex());
                }
                // SAFETY: the mutex is held.
                let result = act(unsafe { &mut *self.0.1.get() });
                c!(pthread_mutex_unlock(self.mutex()));
                result
            }
        }

        impl Channel for $type {
            fn wait(&self) {
                self.with(|signals| {
                    while *signals == 0 {
                        let (condvar, mutex) = (self.condvar(), self.mutex());
                        // SAFETY: initialized, and the mutex is held.
                        let woken = unsafe { libc::pthread_cond_wait(condvar, mutex) };
                        match woken {
                            0 => {}
                            libc::EOWNERDEAD => make_consistent(self.mutex()),
                            error => panic!("error {error}"),
                        }
                    }
                    *signals -= 1;
                });
            }
            fn try_wait(&self) -> bool {
                self.with(|signals| {
                    let is_one = *signals > 0;
                    *signals -= u64::from(is_one);
                    is_one
                })
            }
            fn signal(&self) {
                self.with(|signals| *signals += 1);
                c!(libc::pthread_cond_signal(self.condvar()));
            }
        }

        impl Broadcast for $type {
            fn signal_all(&self) {
                self.with(|signals| *signals += 1);
                c!(libc::pthread_cond_broadcast(self.condvar()));
            }
        }
    };
}

/// A condition variable whose mutex its notifier may keep.
pub(crate) trait SignalsAndHolds: Channel {
    /// Signals with the mutex held, and does not release it.
    fn signal_and_hold(&self);
}

impl SignalsAndHolds for CSharedCondvar {
    fn signal_and_hold(&self) {
        c!(pthread_mutex_lock(self.mutex()));
        // SAFETY: the mutex is held.
        unsafe { *self.0.1.get() += 1 };
        c!(libc::pthread_cond_signal(self.condvar()));
    }
}

c_condvar!(CCondvar);
c_condvar!(CSharedCondvar);
