//! What the events happen to: each primitive as something that one thread holds and another enters
//! ([`Lock`]), or as something that one thread waits at and another signals ([`Channel`]).

pub(crate) trait Subject: Send + Sync + Sized + 'static {
    /// As it stands in the names of tests.
    const NAME: &'static str;
    /// Makes it, under this name if it can have one.
    fn make(name: &str) -> Self;
    /// The same one again, by its name; `None` if it has none.
    fn open(name: &str) -> Option<Self> {
        let _ = name;
        None
    }
}

/// What a thread learns that enters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Entry {
    Cleanly,
    /// The last holder died; the thread has repaired it.
    AfterDeath,
}

pub(crate) trait Lock: Subject {
    type Guard<'a>: 'a;
    /// What the next thread to enter learns when a holder has died.
    const DEATH: Entry;
    /// Takes it, for as long as the guard lives.
    fn hold(&self) -> Self::Guard<'_>;
    /// Takes it in a way that no holder allows, waiting for that, and releases it.
    fn enter(&self) -> Entry;
    /// As `enter`, without waiting. Whether that was possible.
    fn try_enter(&self) -> bool;
    /// Whether no thread holds it, as far as can be seen without taking it.
    fn is_free(&self) -> bool {
        self.try_enter()
    }
}

pub(crate) trait Channel: Subject {
    /// Waits for a signal, and takes it.
    fn wait(&self);
    /// Takes a signal if there is one.
    fn try_wait(&self) -> bool;
    /// Gives one signal.
    fn signal(&self);
}

/// A condition variable.
pub(crate) trait Broadcast: Channel {
    /// Gives one signal, and wakes all waiters.
    fn signal_all(&self);
}

/// A channel whose signals need room.
pub(crate) trait Bounded: Channel {
    /// Leaves no room for a signal.
    fn fill(&self);
}

macro_rules! subject {
    ($type:ident, $name:literal, $make:expr) => {
        impl Subject for $type {
            const NAME: &'static str = $name;
            fn make(_: &str) -> Self {
                $type($make)
            }
        }
    };
    ($type:ident, $name:literal, $make:expr, shared) => {
        impl Subject for $type {
            const NAME: &'static str = $name;
            fn make(name: &str) -> Self {
                $type(Shared::create(name, $make).unwrap())
            }
            fn open(name: &str) -> Option<Self> {
                Some($type(Shared::open(name).unwrap()))
            }
        }
    };
}

pub(crate) struct Mutex(pub(crate) anteroom::Mutex<u64>);
subject!(Mutex, "mutex", anteroom::Mutex::new(0));

impl Lock for Mutex {
    type Guard<'a> = anteroom::MutexGuard<'a, u64>;
    const DEATH: Entry = Entry::Cleanly;
    fn hold(&self) -> Self::Guard<'_> {
        self.0.lock()
    }
    fn enter(&self) -> Entry {
        *self.0.lock() += 1;
        Entry::Cleanly
    }
    fn try_enter(&self) -> bool {
        self.0.try_lock().is_some()
    }
    fn is_free(&self) -> bool {
        !self.0.is_locked()
    }
}

/// A reader-writer lock, held by a writer.
pub(crate) struct Written(pub(crate) anteroom::RwLock<u64>);
subject!(Written, "rwlock_written", anteroom::RwLock::new(0));

impl Lock for Written {
    type Guard<'a> = anteroom::RwLockWriteGuard<'a, u64>;
    const DEATH: Entry = Entry::Cleanly;
    fn hold(&self) -> Self::Guard<'_> {
        self.0.write()
    }
    fn enter(&self) -> Entry {
        drop(self.0.read());
        Entry::Cleanly
    }
    fn try_enter(&self) -> bool {
        self.0.try_read().is_some()
    }
}

/// A reader-writer lock, held by a reader.
pub(crate) struct ReadLocked(pub(crate) anteroom::RwLock<u64>);

impl Subject for ReadLocked {
    const NAME: &'static str = "rwlock_read";
    fn make(_: &str) -> Self {
        let lock = anteroom::RwLock::new(0);
        // Enough for the bias.
        for _ in 0..10_000 {
            drop(lock.read());
        }
        ReadLocked(lock)
    }
}

impl Lock for ReadLocked {
    type Guard<'a> = anteroom::RwLockReadGuard<'a, u64>;
    const DEATH: Entry = Entry::Cleanly;
    fn hold(&self) -> Self::Guard<'_> {
        self.0.read()
    }
    fn enter(&self) -> Entry {
        *self.0.write() += 1;
        Entry::Cleanly
    }
    fn try_enter(&self) -> bool {
        self.0.try_write().is_some()
    }
}

/// A semaphore of one permit.
pub(crate) struct Semaphore(pub(crate) anteroom::Semaphore);
subject!(Semaphore, "semaphore", anteroom::Semaphore::new(1));

impl Lock for Semaphore {
    type Guard<'a> = anteroom::SemaphorePermit<'a>;
    const DEATH: Entry = Entry::Cleanly;
    fn hold(&self) -> Self::Guard<'_> {
        self.0.acquire().unwrap()
    }
    fn enter(&self) -> Entry {
        drop(self.0.acquire().unwrap());
        Entry::Cleanly
    }
    fn try_enter(&self) -> bool {
        self.0.try_acquire().is_ok()
    }
    fn is_free(&self) -> bool {
        self.0.available_permits() == 1
    }
}

/// A condition variable, with a number that it tells of.
pub(crate) struct Condvar(
    pub(crate) anteroom::Mutex<u64>,
    pub(crate) anteroom::Condvar,
);

impl Subject for Condvar {
    const NAME: &'static str = "condvar";
    fn make(_: &str) -> Self {
        Condvar(anteroom::Mutex::new(0), anteroom::Condvar::new())
    }
}

impl Channel for Condvar {
    fn wait(&self) {
        let mut signals = self.0.lock();
        self.1.wait_while(&mut signals, |signals| *signals == 0);
        *signals -= 1;
    }
    fn try_wait(&self) -> bool {
        let mut signals = self.0.lock();
        let is_one = *signals > 0;
        *signals -= u64::from(is_one);
        is_one
    }
    fn signal(&self) {
        *self.0.lock() += 1;
        self.1.notify_one();
    }
}

impl Broadcast for Condvar {
    fn signal_all(&self) {
        *self.0.lock() += 1;
        self.1.notify_all();
    }
}

mod shared;

pub(crate) use shared::*;
