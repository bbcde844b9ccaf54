//! What the table says of std, parking_lot, glibc and the kernel was seen by running the same tests
//! with their primitives: `ANTEROOM_LIFECYCLE_PEERS=1 cargo test --test lifecycle -- peers::`. A
//! test that fails there, or that hangs, says what they do at that event. (glibc's are told apart
//! by where they are: in one process, or in shared memory, the mutex being robust there.)

use crate::subjects::{Broadcast, Channel, Entry, Lock, Subject};
use libc::{c_int, pthread_cond_t, pthread_mutex_t, pthread_rwlock_t, sem_t};
use std::cell::UnsafeCell;
use std::ffi::CString;
use std::mem::MaybeUninit;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

/// Calls a function of the C library, which must succeed.
macro_rules! c {
    ($call:expr) => {{
        // SAFETY: the object was initialized, and lives as long as the process.
        let result = unsafe { $call };
        assert_eq!(result, 0, stringify!($call));
    }};
}

/// A subject of std's or parking_lot's.
macro_rules! peer {
    ($type:ident, $name:literal, $inner:ty, $guard:ty, $hold:expr, $enter:expr, $try:expr) => {
        pub(crate) struct $type($inner);

        impl Subject for $type {
            const NAME: &'static str = $name;
            fn make(_: &str) -> Self {
                $type(Default::default())
            }
        }

        impl Lock for $type {
            type Guard<'a> = $guard;
            const DEATH: Entry = Entry::Cleanly;
            fn hold(&self) -> Self::Guard<'_> {
                $hold(&self.0)
            }
            fn enter(&self) -> Entry {
                drop($enter(&self.0));
                Entry::Cleanly
            }
            fn try_enter(&self) -> bool {
                $try(&self.0)
            }
        }
    };
}

type StdM = std::sync::Mutex<u64>;
type StdRw = std::sync::RwLock<u64>;

fn std_lock(it: &StdM) -> std::sync::MutexGuard<'_, u64> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}

fn std_read(it: &StdRw) -> std::sync::RwLockReadGuard<'_, u64> {
    it.read().unwrap_or_else(PoisonError::into_inner)
}

fn std_write(it: &StdRw) -> std::sync::RwLockWriteGuard<'_, u64> {
    it.write().unwrap_or_else(PoisonError::into_inner)
}

type PlM = parking_lot::Mutex<u64>;
type PlRw = parking_lot::RwLock<u64>;

peer!(
    StdMutex,
    "std_mutex",
    StdM,
    std::sync::MutexGuard<'a, u64>,
    std_lock,
    std_lock,
    |it: &StdM| it.try_lock().is_ok()
);
peer!(
    StdWritten,
    "std_rwlock_written",
    StdRw,
    std::sync::RwLockWriteGuard<'a, u64>,
    std_write,
    std_read,
    |it: &StdRw| it.try_read().is_ok()
);
peer!(
    StdRead,
    "std_rwlock_read",
    StdRw,
    std::sync::RwLockReadGuard<'a, u64>,
    std_read,
    std_write,
    |it: &StdRw| it.try_write().is_ok()
);
peer!(
    PlMutex,
    "parking_lot_mutex",
    PlM,
    parking_lot::MutexGuard<'a, u64>,
    PlM::lock,
    PlM::lock,
    |it: &PlM| it.try_lock().is_some()
);
peer!(
    PlWritten,
    "parking_lot_rwlock_written",
    PlRw,
    parking_lot::RwLockWriteGuard<'a, u64>,
    PlRw::write,
    PlRw::read,
    |it: &PlRw| it.try_read().is_some()
);
peer!(
    PlRead,
    "parking_lot_rwlock_read",
    PlRw,
    parking_lot::RwLockReadGuard<'a, u64>,
    PlRw::read,
    PlRw::write,
    |it: &PlRw| it.try_write().is_some()
);

/// A condition variable with a number, of std's or parking_lot's.
macro_rules! condvar {
    ($type:ident, $name:literal, $mutex:ty, $condvar:ty, $lock:expr, $wait:expr) => {
        pub(crate) struct $type($mutex, $condvar);

        impl Subject for $type {
            const NAME: &'static str = $name;
            fn make(_: &str) -> Self {
                $type(Default::default(), Default::default())
            }
        }

        impl Channel for $type {
            fn wait(&self) {
                let mut signals = $lock(&self.0);
                while *signals == 0 {
                    signals = $wait(&self.1, signals);
                }
                *signals -= 1;
            }
            fn try_wait(&self) -> bool {
                let mut signals = $lock(&self.0);
                let is_one = *signals > 0;
                *signals -= u64::from(is_one);
                is_one
            }
            fn signal(&self) {
                *$lock(&self.0) += 1;
                self.1.notify_one();
            }
        }

        impl Broadcast for $type {
            fn signal_all(&self) {
                *$lock(&self.0) += 1;
                self.1.notify_all();
            }
        }
    };
}

condvar!(
    StdCondvar,
    "std_condvar",
    StdM,
    std::sync::Condvar,
    std_lock,
    |it: &std::sync::Condvar, guard| it.wait(guard).unwrap_or_else(PoisonError::into_inner)
);
condvar!(
    PlCondvar,
    "parking_lot_condvar",
    PlM,
    parking_lot::Condvar,
    PlM::lock,
    |it: &parking_lot::Condvar, mut guard| {
        it.wait(&mut guard);
        guard
    }
);

/// An object of the C library's, and a number.
pub(crate) struct C<T>(UnsafeCell<T>, UnsafeCell<u64>);

// SAFETY: they are for all threads; the number is a mutex's.
unsafe impl<T> Sync for C<T> {}

impl<T> C<T> {
    fn get(&self) -> *mut T {
        self.0.get()
    }
}

/// Memory for it, which stays: shared with the children of a fork, or with all processes by its
/// name.
fn place<T>(shared: Option<(&str, bool)>) -> &'static C<T> {
    let Some((name, create)) = shared else {
        let zeros = MaybeUninit::<C<T>>::zeroed();
        // SAFETY: of these types any bytes are values, and zeros are what they are before they are
        // initialized.
        return Box::leak(Box::new(unsafe { zeros.assume_init() }));
    };
    let name = CString::new(format!("/{name}")).unwrap();
    let flags = libc::O_RDWR | if create { libc::O_CREAT } else { 0 };
    // SAFETY: a name that ends with a zero byte.
    let file = unsafe { libc::shm_open(name.as_ptr(), flags, 0o600) };
    let size = size_of::<C<T>>();
    let access = libc::PROT_READ | libc::PROT_WRITE;
    c!(libc::ftruncate(file, size as libc::off_t));
    // SAFETY: a new mapping, wherever there is room.
    let start = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            size,
            access,
            libc::MAP_SHARED,
            file,
            0,
        )
    };
    assert_ne!(start, libc::MAP_FAILED);
    // SAFETY: mapped for ever, large enough, and zeros at first.
    unsafe { &*start.cast() }
}

/// What a kind of object of the C library's is.
macro_rules! c_peer {
    ($type:ident, $inner:ty, $name:literal, $shared:expr, $init:expr) => {
        pub(crate) struct $type(&'static C<$inner>);

        impl Subject for $type {
            const NAME: &'static str = $name;
            fn make(name: &str) -> Self {
                let it = place($shared.then_some((name, true)));
                let init: fn(&C<$inner>) = $init;
                init(it);
                $type(it)
            }
            fn open(name: &str) -> Option<Self> {
                $shared.then(|| $type(place(Some((name, false)))))
            }
        }
    };
}

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

c_peer!(KernelMemory, AtomicU64, "kernel_memory", true, |_| ());

impl Channel for KernelMemory {
    fn wait(&self) {
        while !self.try_wait() {
            std::thread::sleep(Duration::from_micros(200));
        }
    }
    fn try_wait(&self) -> bool {
        let less = |signals: u64| signals.checked_sub(1);
        // SAFETY: mapped for ever; a number that all threads may change.
        let number = unsafe { &*self.0.get() };
        number.fetch_update(SeqCst, SeqCst, less).is_ok()
    }
    fn signal(&self) {
        // SAFETY: as above.
        unsafe { &*self.0.get() }.fetch_add(1, SeqCst);
    }
}

/// `pipe(2)`, both ends.
pub(crate) struct KernelPipe(c_int, c_int);

impl Subject for KernelPipe {
    const NAME: &'static str = "kernel_pipe";
    fn make(_: &str) -> Self {
        let mut ends = [0; 2];
        c!(libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC));
        KernelPipe(ends[0], ends[1])
    }
}

/// A FIFO of the kernel's, in the folder of shared memory.
pub(crate) struct KernelFifo(c_int);

impl Subject for KernelFifo {
    const NAME: &'static str = "kernel_fifo";
    fn make(name: &str) -> Self {
        let path = CString::new(format!("/dev/shm/{name}")).unwrap();
        c!(libc::mkfifo(path.as_ptr(), 0o600));
        Self::open(name).unwrap()
    }
    fn open(name: &str) -> Option<Self> {
        let path = CString::new(format!("/dev/shm/{name}")).unwrap();
        // SAFETY: a path that ends with a zero byte.
        let file = unsafe { libc::open(path.as_ptr(), libc::O_RDWR | libc::O_CLOEXEC) };
        assert!(file >= 0);
        Some(KernelFifo(file))
    }
}

macro_rules! kernel_channel {
    ($type:ident, $writer:tt) => {
        impl Channel for $type {
            fn wait(&self) {
                let mut byte = 0_u8;
                // SAFETY: one byte, of this function's own.
                let count = unsafe { libc::read(self.0, (&raw mut byte).cast(), 1) };
                assert_eq!(count, 1, "{}", std::io::Error::last_os_error());
            }
            fn try_wait(&self) -> bool {
                let mut ready = libc::pollfd {
                    fd: self.0,
                    events: libc::POLLIN,
                    revents: 0,
                };
                // SAFETY: one of them.
                let is_one = unsafe { libc::poll(&raw mut ready, 1, 0) } == 1;
                if is_one {
                    self.wait();
                }
                is_one
            }
            fn signal(&self) {
                // SAFETY: one byte.
                let count = unsafe { libc::write(self.$writer, c"x".as_ptr().cast(), 1) };
                assert_eq!(count, 1);
            }
        }
    };
}

kernel_channel!(KernelPipe, 1);
kernel_channel!(KernelFifo, 0);

/// A message queue of the kernel's, `mq_open(3)`.
pub(crate) struct KernelQueue(libc::mqd_t);

fn open_queue(name: &str, flags: c_int) -> KernelQueue {
    let name = CString::new(format!("/{name}")).unwrap();
    let mut sizes = MaybeUninit::<libc::mq_attr>::zeroed();
    // SAFETY: zeros are a value of it.
    let sizes = unsafe { sizes.assume_init_mut() };
    (sizes.mq_maxmsg, sizes.mq_msgsize) = (10, 8);
    // SAFETY: a name that ends with a zero byte, and what the flags want.
    let queue = unsafe { libc::mq_open(name.as_ptr(), flags, 0o600, &raw mut *sizes) };
    assert!(queue >= 0, "{}", std::io::Error::last_os_error());
    KernelQueue(queue)
}

/// Removes the queues that a test's process has named.
pub(crate) fn remove_queues(process: i32) {
    for number in 0..200 {
        let name = format!("/anteroom-test-lifecycle-{process}-{number}");
        let name = CString::new(name).unwrap();
        // SAFETY: a name that ends with a zero byte.
        if unsafe { libc::mq_unlink(name.as_ptr()) } != 0 {
            break;
        }
    }
}

impl Subject for KernelQueue {
    const NAME: &'static str = "kernel_queue";
    fn make(name: &str) -> Self {
        open_queue(name, libc::O_RDWR | libc::O_CREAT | libc::O_EXCL)
    }
    fn open(name: &str) -> Option<Self> {
        Some(open_queue(name, libc::O_RDWR))
    }
}

impl Drop for KernelQueue {
    fn drop(&mut self) {
        c!(libc::mq_close(self.0));
    }
}

impl Channel for KernelQueue {
    fn wait(&self) {
        let mut bytes = [0; 8];
        // SAFETY: as many bytes as a message may have.
        let count =
            unsafe { libc::mq_receive(self.0, bytes.as_mut_ptr(), 8, std::ptr::null_mut()) };
        assert!(count >= 0, "{}", std::io::Error::last_os_error());
    }
    fn try_wait(&self) -> bool {
        let past = MaybeUninit::<libc::timespec>::zeroed();
        let mut bytes = [0; 8];
        // SAFETY: as above; a time in the past is a try.
        let count = unsafe {
            libc::mq_timedreceive(
                self.0,
                bytes.as_mut_ptr(),
                8,
                std::ptr::null_mut(),
                past.as_ptr(),
            )
        };
        count >= 0
    }
    fn signal(&self) {
        c!(libc::mq_send(self.0, c"signal".as_ptr(), 6, 0));
    }
}
