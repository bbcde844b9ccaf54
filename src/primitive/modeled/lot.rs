//! The parking lot of a model: the same names as parking_lot_core has, whose documentation says what each does. The parent
//! module says what is modelled, and what is not.

use crate::primitive::model::sync::Mutex;
use crate::primitive::model::sync::atomic::AtomicUsize;
use crate::primitive::model::sync::atomic::Ordering::{Acquire, Release};
use crate::primitive::model::thread::{self, Thread};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ParkToken(pub(crate) usize);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct UnparkToken(pub(crate) usize);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ParkResult {
    Unparked(UnparkToken),
    Invalid,
    TimedOut,
}

#[derive(Clone, Copy, Default)]
pub(crate) struct UnparkResult {
    pub(crate) unparked_threads: usize,
    pub(crate) requeued_threads: usize,
    pub(crate) have_more_threads: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum FilterOp {
    Unpark,
    Skip,
    Stop,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequeueOp {
    Abort,
    UnparkOneRequeueRest,
    RequeueAll,
}

crate::primitive::thread_locals! {
    /// How often the calling thread has timed out since it was woken.
    static NAPS: std::cell::Cell<usize> = std::cell::Cell::new(0);
}

/// A parked thread, in the queue of its key. The std mutexes are never held across a step of the model.
struct Parked {
    thread: Thread,
    token: ParkToken,
    key: std::sync::Mutex<usize>,
    asleep: std::sync::Mutex<bool>,
    woken: std::sync::Mutex<Option<UnparkToken>>,
    /// Orders what came before the wake-up before what comes after the park, as a real wake-up does.
    bell: AtomicUsize,
}

impl Parked {
    fn key(&self) -> usize {
        *self.key.lock().unwrap()
    }

    fn wake(&self, token: UnparkToken) {
        if super::bare_wakes() {
            *self.woken.lock().unwrap() = Some(token);
            return;
        }
        // ORDERING: Release pairs with the Acquire in `wait`.
        self.bell.fetch_add(1, Release);
        *self.woken.lock().unwrap() = Some(token);
        // Loom takes an unpark for the end of whatever the thread is blocked on: only if that is `wait`.
        if *self.asleep.lock().unwrap() {
            self.thread.unpark();
        }
    }

    fn wait(&self) -> UnparkToken {
        while super::bare_wakes() {
            if let Some(token) = *self.woken.lock().unwrap() {
                return token;
            }
            thread::yield_now();
        }
        let mut strays = false;
        loop {
            if let Some(token) = *self.woken.lock().unwrap() {
                // ORDERING: Acquire pairs with the Release in `wake`.
                self.bell.fetch_add(1, Acquire);
                if strays {
                    // It was the model's own unpark, which the model will want to see.
                    self.thread.unpark();
                }
                return token;
            }
            *self.asleep.lock().unwrap() = true;
            thread::park();
            *self.asleep.lock().unwrap() = false;
            strays |= self.woken.lock().unwrap().is_none();
        }
    }
}

type Queue = Arc<Mutex<Vec<Arc<Parked>>>>;

crate::primitive::model::lazy_static! {
    static ref QUEUES: std::sync::Mutex<BTreeMap<usize, Queue>> = Default::default();
}

fn queue(key: usize) -> Queue {
    QUEUES.lock().unwrap().entry(key).or_default().clone()
}

/// Whether no thread is parked.
pub(crate) fn is_empty() -> bool {
    let queues = QUEUES.lock().unwrap().clone();
    queues
        .values()
        .all(|queue| queue.lock().unwrap().is_empty())
}

/// How many threads sleep for good: until somebody wakes them, which nobody has begun to do. (None with bare wakes.)
pub fn sleepers() -> usize {
    let queues = QUEUES.lock().unwrap().clone();
    let sleeps = |parked: &&Arc<Parked>| *parked.asleep.lock().unwrap();
    let of_queue = |queue: &Queue| queue.lock().unwrap().iter().filter(sleeps).count();
    queues.values().map(of_queue).sum()
}

/// # Safety
/// As parking_lot_core's.
pub(crate) unsafe fn park(
    key: usize,
    validate: impl FnOnce() -> bool,
    before_sleep: impl FnOnce(),
    timed_out: impl FnOnce(usize, bool),
    token: ParkToken,
    timeout: Option<Instant>,
) -> ParkResult {
    let look = None::<fn() -> bool>;
    // SAFETY: the caller's promise is the same.
    unsafe { park_looking(key, validate, before_sleep, timed_out, token, timeout, look) }
}

/// # Safety
/// As that of `src/parking/lot.rs`.
pub(crate) unsafe fn park_looking(
    key: usize,
    validate: impl FnOnce() -> bool,
    before_sleep: impl FnOnce(),
    timed_out: impl FnOnce(usize, bool),
    token: ParkToken,
    timeout: Option<Instant>,
    look: Option<impl FnMut() -> bool>,
) -> ParkResult {
    let parked = {
        let queue = queue(key);
        let mut queue = queue.lock().unwrap();
        if !validate() {
            return ParkResult::Invalid;
        }
        let parked = Arc::new(Parked {
            thread: thread::current(),
            token,
            key: key.into(),
            asleep: false.into(),
            woken: None.into(),
            bell: AtomicUsize::new(0),
        });
        queue.push(parked.clone());
        parked
    };
    before_sleep();

    let is_woken = || parked.woken.lock().unwrap().is_some();
    let is_up = timeout.is_some()
        || super::looking() && look.is_some_and(|look| looks_until(look, is_woken));
    if is_up {
        loop {
            let key = parked.key();
            let queue = queue(key);
            let mut queue = queue.lock().unwrap();
            if parked.key() != key {
                continue; // It was moved meanwhile.
            }
            let Some(here) = queue.iter().position(|p| Arc::ptr_eq(p, &parked)) else {
                break; // Somebody has taken it out, and will wake it.
            };
            queue.remove(here);
            timed_out(key, queue.is_empty());
            drop(queue);
            // One that naps again and again lets others do what it waits for.
            if NAPS.with(|naps| naps.replace(naps.get() + 1)) > 0 {
                thread::yield_now();
            }
            return ParkResult::TimedOut;
        }
    }
    NAPS.with(|naps| naps.set(0));
    let token = parked.wait();
    super::stop_if_wanted();
    ParkResult::Unparked(token)
}

/// Looks whenever no other thread can run. False if it has been woken.
fn looks_until(mut look: impl FnMut() -> bool, is_woken: impl Fn() -> bool) -> bool {
    loop {
        if is_woken() {
            return false;
        }
        thread::yield_now();
        if !is_woken() && look() {
            return true;
        }
    }
}

/// # Safety
/// As parking_lot_core's.
pub(crate) unsafe fn unpark_filter(
    key: usize,
    mut filter: impl FnMut(ParkToken) -> FilterOp,
    callback: impl FnOnce(UnparkResult) -> UnparkToken,
) -> UnparkResult {
    let mut chosen = Vec::new();
    let (result, token) = {
        let queue = queue(key);
        let mut queue = queue.lock().unwrap();
        let mut next = 0;
        while next < queue.len() {
            match filter(queue[next].token) {
                FilterOp::Unpark => chosen.push(queue.remove(next)),
                FilterOp::Skip => next += 1,
                FilterOp::Stop => break,
            }
        }
        let result = UnparkResult {
            unparked_threads: chosen.len(),
            requeued_threads: 0,
            have_more_threads: !queue.is_empty(),
        };
        (result, callback(result))
    };
    for parked in chosen {
        parked.wake(token);
    }
    result
}

/// # Safety
/// As parking_lot_core's.
pub(crate) unsafe fn unpark_one(
    key: usize,
    callback: impl FnOnce(UnparkResult) -> UnparkToken,
) -> UnparkResult {
    let mut found = false;
    let first = |_| match std::mem::replace(&mut found, true) {
        false => FilterOp::Unpark,
        true => FilterOp::Stop,
    };
    // SAFETY: the caller's promise is the same.
    unsafe { unpark_filter(key, first, callback) }
}

/// # Safety
/// As parking_lot_core's.
pub(crate) unsafe fn unpark_requeue(
    from: usize,
    to: usize,
    validate: impl FnOnce() -> RequeueOp,
    callback: impl FnOnce(RequeueOp, UnparkResult) -> UnparkToken,
) -> UnparkResult {
    let mut chosen = None;
    let (result, token) = {
        // In the order of the keys, as everybody who takes two.
        let first = queue(from.min(to));
        let second = queue(from.max(to));
        let mut first = first.lock().unwrap();
        let mut second = second.lock().unwrap();
        let (source, target) = match from < to {
            true => (&mut first, &mut second),
            false => (&mut second, &mut first),
        };
        let op = validate();
        let mut result = UnparkResult::default();
        if op != RequeueOp::Abort {
            let mut moved = std::mem::take(&mut **source);
            if op == RequeueOp::UnparkOneRequeueRest && !moved.is_empty() {
                chosen = Some(moved.remove(0));
                result.unparked_threads = 1;
            }
            result.requeued_threads = moved.len();
            for parked in moved {
                *parked.key.lock().unwrap() = to;
                target.push(parked);
            }
        }
        (result, callback(op, result))
    };
    if let Some(parked) = chosen {
        parked.wake(token);
    }
    result
}
