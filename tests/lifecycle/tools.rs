//! What the tests of all events use.

use crate::subjects::Subject;
use common::processes::{Child, Name, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering::SeqCst};
use std::thread::{self, JoinHandle};

/// A subject that lives as long as the process, which is this test's own, and its name.
pub(crate) fn make<S: Subject>() -> (&'static S, Name) {
    let name = Name::new("lifecycle");
    (Box::leak(Box::new(S::make(&name))), name)
}

/// The kernel's number of the calling thread.
pub(crate) fn this_thread() -> i32 {
    // SAFETY: it only asks.
    unsafe { libc::gettid() }
}

/// Whether the thread, of this process or of another one, sleeps in the kernel.
pub(crate) fn sleeps(thread: i32) -> bool {
    common::processes::is_asleep(thread)
}

/// A thread of this process.
pub(crate) struct Thread {
    pub(crate) id: i32,
    handle: JoinHandle<()>,
}

impl Thread {
    pub(crate) fn spawn(work: impl FnOnce() + Send + 'static) -> Self {
        let id = Arc::new(AtomicI32::new(0));
        let told = id.clone();
        let handle = thread::spawn(move || {
            told.store(this_thread(), SeqCst);
            work();
        });
        until("a thread's number", || id.load(SeqCst) != 0);
        Thread {
            id: id.load(SeqCst),
            handle,
        }
    }

    /// Starts `work`, and returns when it sleeps or is done.
    pub(crate) fn asleep(work: impl FnOnce() + Send + 'static) -> Self {
        let thread = Self::spawn(work);
        thread.until_asleep();
        thread
    }

    /// Waits until it sleeps, and goes on doing so for some looks, or is done.
    pub(crate) fn until_asleep(&self) {
        let mut looks = 0;
        until("asleep", || {
            looks = if sleeps(self.id) { looks + 1 } else { 0 };
            looks > 50 || self.handle.is_finished()
        });
    }

    pub(crate) fn is_done(&self) -> bool {
        self.handle.is_finished()
    }

    /// Waits for its end. The test fails if the thread has panicked.
    pub(crate) fn join(self) {
        self.handle.join().unwrap();
    }
}

/// Sends a thread of this process SIGUSR1.
pub(crate) fn interrupt(thread: &Thread) {
    let process = i32::try_from(std::process::id()).expect("a process's number");
    // SAFETY: a thread of this process, or none.
    unsafe { libc::syscall(libc::SYS_tgkill, process, thread.id, libc::SIGUSR1) };
}

/// Something that happens once, between threads.
#[derive(Clone, Default)]
pub(crate) struct Event(Arc<AtomicBool>);

impl Event {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn happen(&self) {
        self.0.store(true, SeqCst);
    }

    pub(crate) fn has_happened(&self) -> bool {
        self.0.load(SeqCst)
    }

    pub(crate) fn wait(&self) {
        until("an event", || self.has_happened());
    }
}

/// A child whose end shows which of the outcomes it saw: its exit code.
pub(crate) fn fork_with_outcome(life: impl FnOnce() -> i32) -> Child {
    Child::fork(|| {
        let outcome = life();
        // SAFETY: ends this process, without its parent's destructors.
        unsafe { libc::_exit(outcome) }
    })
}
