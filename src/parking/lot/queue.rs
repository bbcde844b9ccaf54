//! A bucket's queue: the entries of parked threads, and which of them watches. L1 and L2 are
//! invariants of [`lot`](super).

use crate::parking::FilterOp;
use crate::policy::lease;
use crate::sys::Ordering::Relaxed;
use crate::sys::{AtomicU32, AtomicUsize};
use crate::tokens::ParkToken;
use std::cell::Cell;
use std::ptr;
use std::time::Duration;

/// A parked thread.
pub(super) struct Parked {
    pub(super) key: AtomicUsize,
    pub(super) token: ParkToken,
    /// The key under which it looks, or zero.
    pub(super) looks_at: usize,
    pub(super) next: Cell<*const Parked>,
    /// Whether it sleeps until it is woken or told to watch. Under the bucket's lock.
    pub(super) sleeps_for_good: Cell<bool>,
    pub(super) given: AtomicUsize,
    /// The word on which it sleeps. `WOKEN` from when a waker has taken the entry out.
    pub(super) asleep: AtomicU32,
}

pub(super) const WOKEN: u32 = 0;
pub(super) const ASLEEP: u32 = 1;
/// It naps, or is to wake and do so.
pub(super) const WATCHING: u32 = 2;
/// Beside one of these two: its thread does not sleep yet, and will see that it has been woken.
pub(super) const AWAKE: u32 = 4;

impl Parked {
    /// Whether it is parked under this key, and looks there.
    fn looks(&self, key: usize) -> bool {
        // ORDERING: Relaxed; under the bucket's lock (L2).
        self.looks_at == key && self.key.load(Relaxed) == key
    }
}

/// Entries in order of arrival. Each `next` is the following entry, or null in the last.
pub(super) struct Queue {
    first: *const Parked,
    last: *const Parked,
    len: u32,
    watcher: *const Parked,
}

// SAFETY: the entries of a queue are used only under its lock, except for their atomics.
unsafe impl Send for Queue {}

impl Queue {
    pub(super) const fn new() -> Self {
        Queue {
            first: ptr::null(),
            last: ptr::null(),
            len: 0,
            watcher: ptr::null(),
        }
    }

    /// # Safety
    /// `parked` is in no queue, and stays where it is until it is taken out (L1).
    pub(super) unsafe fn push(&mut self, parked: *const Parked) {
        // SAFETY: the caller's promise.
        unsafe { &*parked }.next.set(ptr::null());
        self.append(Queue {
            first: parked,
            last: parked,
            len: 1,
            watcher: ptr::null(),
        });
    }

    /// The first thread under `key` that looks there.
    fn first_that_looks(&mut self, key: usize) -> Option<&Parked> {
        let mut first = ptr::null();
        let find = |parked: &Parked| match parked.looks(key) {
            true => {
                first = parked;
                FilterOp::Stop
            }
            false => FilterOp::Skip,
        };
        self.take(key, find, |_| {});
        // SAFETY: it is in the queue, if there is one (L1).
        unsafe { first.as_ref() }
    }

    /// The last thread under `key` that looks there.
    fn last_that_looks(&mut self, key: usize) -> Option<&Parked> {
        // SAFETY: it is in the queue, if there is one (L1).
        let last = unsafe { self.last.as_ref() };
        if last.is_some_and(|last| last.looks(key)) {
            return last;
        }
        let mut last = ptr::null();
        let find = |parked: &Parked| {
            if parked.looks(key) {
                last = parked;
            }
            FilterOp::Skip
        };
        self.take(key, find, |_| {});
        // SAFETY: it is in the queue, if there is one (L1).
        unsafe { last.as_ref() }
    }

    /// The thread that is known to watch under `key`.
    fn watcher(&self, key: usize) -> Option<&Parked> {
        // SAFETY: it is in the queue, or null (L1).
        unsafe { self.watcher.as_ref() }.filter(|watcher| watcher.looks(key))
    }

    /// Tells a thread that looks under `key` to watch, if there is one and none is known to watch.
    /// It picks the first thread if that sleeps until it is woken, for it may be the only one that
    /// is not stopped; else the last, which will watch for longest. Returns the word to wake it by.
    pub(super) fn call_watcher(&mut self, key: usize) -> Option<*const AtomicU32> {
        if !lease::may_stall() || self.watcher(key).is_some() {
            return None;
        }
        let sleeps_for_good = |first: &&Parked| first.sleeps_for_good.get();
        let watcher = match self.first_that_looks(key).filter(sleeps_for_good) {
            Some(first) => ptr::from_ref(first),
            None => ptr::from_ref(self.last_that_looks(key)?),
        };
        self.watcher = watcher;
        // SAFETY: it is in the queue (L1).
        let watcher = unsafe { &*watcher };
        watcher.sleeps_for_good.set(false);
        // ORDERING: Relaxed; under the bucket's lock, and it orders nothing.
        let before = watcher.asleep.swap(WATCHING, Relaxed);
        (before == ASLEEP).then_some(&raw const watcher.asleep)
    }

    /// How the calling thread, which is in the queue, sleeps next: whether it watches, and for how
    /// long (`None`: until it is woken). If another thread watches, it does so too only if it
    /// `may_not_rely` on that one.
    pub(super) fn next_nap(
        &mut self,
        parked: &Parked,
        key: usize,
        expects: impl Fn() -> bool,
        may_not_rely: bool,
    ) -> (u32, Option<Duration>) {
        if !parked.looks(key) {
            return (ASLEEP, None);
        }
        let is_expected = expects() && lease::may_stall();
        let is_left_to_another = self
            .watcher(key)
            .is_some_and(|watcher| !ptr::eq(watcher, parked) && !may_not_rely);
        if is_expected && !is_left_to_another {
            self.watcher = parked;
            parked.sleeps_for_good.set(false);
            return (WATCHING, Some(lease::LONGEST));
        }
        if ptr::eq(self.watcher, parked) {
            self.watcher = ptr::null();
        }
        let first = self.first_that_looks(key);
        let is_first = first.is_some_and(|first| ptr::eq(first, parked));
        parked.sleeps_for_good.set(is_first);
        (ASLEEP, (!is_first).then(|| self.len * lease::ROUND))
    }

    pub(super) fn append(&mut self, others: Queue) {
        if others.first.is_null() {
            return;
        }
        // SAFETY: the last entry, if there is one, is in the queue (L1).
        match unsafe { self.last.as_ref() } {
            Some(last) => last.next.set(others.first),
            None => self.first = others.first,
        }
        self.last = others.last;
        self.len += others.len;
    }

    /// Goes through the threads that are parked under `key`, takes out those that `choose` picks,
    /// and gives each to `taken`. Returns whether others stay under the key.
    pub(super) fn take(
        &mut self,
        key: usize,
        mut choose: impl FnMut(&Parked) -> FilterOp,
        mut taken: impl FnMut(*const Parked),
    ) -> bool {
        let mut others = false;
        let mut previous: Option<&Parked> = None;
        let mut current = self.first;
        // SAFETY: an entry stays where it is while it is in the queue (L1).
        while let Some(parked) = unsafe { current.as_ref() } {
            let next = parked.next.get();
            // ORDERING: Relaxed; under the bucket's lock (L2).
            let op = match parked.key.load(Relaxed) == key {
                true => choose(parked),
                false => FilterOp::Skip,
            };
            // ORDERING: Relaxed; under the bucket's lock (L2).
            others |= op != FilterOp::Unpark && parked.key.load(Relaxed) == key;
            match op {
                FilterOp::Unpark => {
                    match previous {
                        Some(previous) => previous.next.set(next),
                        None => self.first = next,
                    }
                    if next.is_null() {
                        self.last = previous.map_or(ptr::null(), ptr::from_ref);
                    }
                    self.len -= 1;
                    if ptr::eq(self.watcher, current) {
                        self.watcher = ptr::null();
                    }
                    taken(current);
                }
                FilterOp::Skip => previous = Some(parked),
                FilterOp::Stop => break,
            }
            current = next;
        }
        others
    }
}
