//! A semaphore that serves its waiters strictly in the order of their coming: what one writes where
//! order is all that matters, and the measure of what a large request costs at least.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Acquire, Ordering::Release};
use std::thread::{self, Thread};

use super::permits::Permits;

/// Permits under a mutex, and a queue of threads that wait.
pub struct PlainQueue(Mutex<State>);

struct State {
    permits: usize,
    waiters: VecDeque<Waiter>,
}

struct Waiter {
    wanted: usize,
    thread: Thread,
    /// On the stack of the waiter, which stays until this is set.
    granted: *const AtomicBool,
}

// SAFETY: the pointer is used only while the waiter it belongs to waits, and what it points to is
// atomic.
unsafe impl Send for Waiter {}

impl State {
    /// Serves the waiters in front while there are permits for them.
    fn serve(&mut self) {
        while let Some(front) = self.waiters.front()
            && front.wanted <= self.permits
            && let Some(waiter) = self.waiters.pop_front()
        {
            self.permits -= waiter.wanted;
            // SAFETY: the waiter does not return before this is stored, and the thread's handle
            // outlives it.
            let granted = unsafe { &*waiter.granted };
            // ORDERING: Release pairs with the Acquire load of the waiter.
            granted.store(true, Release);
            waiter.thread.unpark();
        }
    }
}

impl Permits for PlainQueue {
    const NAME: &'static str = "plain queue";

    fn new(permits: usize) -> Self {
        let waiters = VecDeque::new();
        Self(Mutex::new(State { permits, waiters }))
    }

    fn with_many<R>(&self, wanted: usize, section: impl FnOnce() -> R) -> R {
        let granted = AtomicBool::new(false);
        let mut state = self.0.lock().unwrap();
        if state.waiters.is_empty() && state.permits >= wanted {
            state.permits -= wanted;
            drop(state);
        } else {
            state.waiters.push_back(Waiter {
                wanted,
                thread: thread::current(),
                granted: &raw const granted,
            });
            drop(state);
            // ORDERING: Acquire pairs with the Release store of the thread that grants.
            while !granted.load(Acquire) {
                thread::park();
            }
        }
        let result = section();
        let mut state = self.0.lock().unwrap();
        state.permits += wanted;
        state.serve();
        drop(state);
        result
    }

    fn available(&self) -> usize {
        self.0.lock().unwrap().permits
    }
}
