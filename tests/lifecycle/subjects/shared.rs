//! The subjects between processes.

use super::*;
use anteroom::ipc::{self, Fifo, LockError, PipeReader, PipeWriter, RwLockError};
use anteroom::ipc::{Selector, Shared};
use std::io::{Read, Write};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

pub(crate) struct SharedMutex(pub(crate) Shared<ipc::Mutex<u64>>);
subject!(SharedMutex, "shared_mutex", ipc::Mutex::new(0), shared);

/// Locks it, repairing it if need be.
pub(crate) fn locked(mutex: &ipc::Mutex<u64>) -> (ipc::MutexGuard<'_, u64>, Entry) {
    match mutex.lock() {
        Ok(guard) => (guard, Entry::Cleanly),
        Err(LockError::OwnerDied(died)) => (died.repair(), Entry::AfterDeath),
        Err(error) => panic!("{error}"),
    }
}

impl Lock for SharedMutex {
    type Guard<'a> = ipc::MutexGuard<'a, u64>;
    const DEATH: Entry = Entry::AfterDeath;
    fn hold(&self) -> Self::Guard<'_> {
        self.0.lock().unwrap()
    }
    fn enter(&self) -> Entry {
        let (mut guard, entry) = locked(&self.0);
        *guard += 1;
        entry
    }
    fn try_enter(&self) -> bool {
        self.0.try_lock().is_ok()
    }
}

/// Writes, repairing it if need be.
fn written(lock: &ipc::RwLock<u64>) -> Entry {
    match lock.write() {
        Ok(mut guard) => {
            *guard += 1;
            Entry::Cleanly
        }
        Err(RwLockError::WriterDied(died)) => {
            *died.repair() += 1;
            Entry::AfterDeath
        }
        Err(error) => panic!("{error}"),
    }
}

/// A reader-writer lock, held by a writer.
pub(crate) struct SharedWritten(pub(crate) Shared<ipc::RwLock<u64>>);
subject!(
    SharedWritten,
    "shared_rwlock_written",
    ipc::RwLock::new(0),
    shared
);

impl Lock for SharedWritten {
    type Guard<'a> = ipc::RwLockWriteGuard<'a, u64>;
    const DEATH: Entry = Entry::AfterDeath;
    fn hold(&self) -> Self::Guard<'_> {
        self.0.write().unwrap()
    }
    fn enter(&self) -> Entry {
        match self.0.read() {
            Ok(_) => Entry::Cleanly,
            Err(RwLockError::WriterDied(())) => written(&self.0),
            Err(error) => panic!("{error}"),
        }
    }
    fn try_enter(&self) -> bool {
        self.0.try_read().is_ok()
    }
}

/// A reader-writer lock, held by a reader.
pub(crate) struct SharedRead(pub(crate) Shared<ipc::RwLock<u64>>);
subject!(
    SharedRead,
    "shared_rwlock_read",
    ipc::RwLock::new(0),
    shared
);

impl Lock for SharedRead {
    type Guard<'a> = ipc::RwLockReadGuard<'a, u64>;
    const DEATH: Entry = Entry::Cleanly;
    fn hold(&self) -> Self::Guard<'_> {
        self.0.read().unwrap()
    }
    fn enter(&self) -> Entry {
        written(&self.0)
    }
    fn try_enter(&self) -> bool {
        self.0.try_write().is_ok()
    }
}

/// A semaphore of one permit.
pub(crate) struct SharedSemaphore(pub(crate) Shared<ipc::Semaphore>);
subject!(
    SharedSemaphore,
    "shared_semaphore",
    ipc::Semaphore::new(1),
    shared
);

impl Lock for SharedSemaphore {
    type Guard<'a> = ipc::SemaphorePermit<'a>;
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
}

anteroom::shareable! {
    /// A number, and a condition variable that tells of it.
    pub(crate) struct Board {
        pub(crate) mutex: ipc::Mutex<u64>,
        pub(crate) condvar: ipc::Condvar,
    }
}

pub(crate) struct SharedCondvar(pub(crate) Shared<Board>);
subject!(
    SharedCondvar,
    "shared_condvar",
    Board {
        mutex: ipc::Mutex::new(0),
        condvar: ipc::Condvar::new(),
    },
    shared
);

impl Channel for SharedCondvar {
    fn wait(&self) {
        let (mut signals, _) = locked(&self.0.mutex);
        while *signals == 0 {
            signals = match self.0.condvar.wait(signals) {
                Ok(guard) => guard,
                Err(LockError::OwnerDied(died)) => died.repair(),
                Err(error) => panic!("{error}"),
            };
        }
        *signals -= 1;
    }
    fn try_wait(&self) -> bool {
        let (mut signals, _) = locked(&self.0.mutex);
        let is_one = *signals > 0;
        *signals -= u64::from(is_one);
        is_one
    }
    fn signal(&self) {
        *locked(&self.0.mutex).0 += 1;
        self.0.condvar.notify_one();
    }
}

pub(crate) struct Queue(pub(crate) ipc::MessageQueue);

impl Subject for Queue {
    const NAME: &'static str = "shared_queue";
    fn make(name: &str) -> Self {
        Queue(ipc::MessageQueue::create(name, 100, 8).unwrap())
    }
    fn open(name: &str) -> Option<Self> {
        Some(Queue(ipc::MessageQueue::open(name).unwrap()))
    }
}

impl Channel for Queue {
    fn wait(&self) {
        self.0.receive(Selector::Any, &mut [0; 8]).unwrap();
    }
    fn try_wait(&self) -> bool {
        self.0.try_receive(Selector::Any, &mut [0; 8]).is_ok()
    }
    fn signal(&self) {
        self.0.send(1, b"signal").unwrap();
    }
}

impl Bounded for Queue {
    fn fill(&self) {
        while self.0.try_send(1, b"signal").is_ok() {}
    }
}

/// Both ends of a pipe.
pub(crate) struct Pipe(pub(crate) PipeReader, pub(crate) PipeWriter);

impl Subject for Pipe {
    const NAME: &'static str = "shared_pipe";
    fn make(_: &str) -> Self {
        let (reader, writer) = ipc::pipe(100).unwrap();
        Pipe(reader, writer)
    }
}

/// Both ends of a FIFO.
pub(crate) struct Named(pub(crate) PipeReader, pub(crate) PipeWriter);

impl Subject for Named {
    const NAME: &'static str = "shared_fifo";
    fn make(name: &str) -> Self {
        Fifo::create(name, 100).unwrap();
        Self::open(name).unwrap()
    }
    fn open(name: &str) -> Option<Self> {
        let ends = std::thread::scope(|s| {
            let reader = s.spawn(|| Fifo::open_reader(name).unwrap());
            let writer = Fifo::open_writer(name).unwrap();
            Named(reader.join().unwrap(), writer)
        });
        Some(ends)
    }
}

macro_rules! channel_of_bytes {
    ($type:ident) => {
        impl Channel for $type {
            fn wait(&self) {
                assert_eq!((&self.0).read(&mut [0]).unwrap(), 1);
            }
            fn try_wait(&self) -> bool {
                self.0.try_read(&mut [0]).is_ok_and(|bytes| bytes == 1)
            }
            fn signal(&self) {
                assert_eq!((&self.1).write(&[1]).unwrap(), 1);
            }
        }

        impl Bounded for $type {
            fn fill(&self) {
                while self.1.try_write(&[1]).is_ok_and(|bytes| bytes == 1) {}
            }
        }
    };
}

channel_of_bytes!(Pipe);
channel_of_bytes!(Named);

/// A number in shared memory. A thread that waits for it looks again and again.
pub(crate) struct Memory(pub(crate) Shared<AtomicU64>);
subject!(Memory, "shared_memory", AtomicU64::new(0), shared);

impl Channel for Memory {
    fn wait(&self) {
        while !self.try_wait() {
            std::thread::sleep(Duration::from_micros(200));
        }
    }
    fn try_wait(&self) -> bool {
        let less = |signals: u64| signals.checked_sub(1);
        self.0.fetch_update(SeqCst, SeqCst, less).is_ok()
    }
    fn signal(&self) {
        self.0.fetch_add(1, SeqCst);
    }
}
