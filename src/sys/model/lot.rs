//! The parking lot of a model, with the names of parking_lot_core, whose documentation describes
//! them. The parent module says what is modelled, and what is not.

use crate::parking::{FilterOp, Look, ParkResult, RequeueOp, UnparkResult};
use crate::policy::lease;
use crate::sys::engine::sync::Mutex;
use crate::sys::engine::sync::atomic::AtomicUsize;
use crate::sys::engine::sync::atomic::Ordering::{Acquire, Release};
use crate::sys::engine::thread::{self, Thread};
use crate::tokens::{ParkToken, UnparkToken};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

crate::sys::thread_locals! {
    /// How often the calling thread has timed out or looked since it was woken.
    static NAPS: std::cell::Cell<usize> = std::cell::Cell::new(0);
    /// Whether it has ever napped for as long as a lease lasts.
    static HAS_NAPPED: std::cell::Cell<bool> = std::cell::Cell::new(false);
}

pub(crate) fn has_napped() -> bool {
    HAS_NAPPED.with(|has_napped| has_napped.get())
}

/// From now on, each lease that lasts for other threads is over for the calling one, as for a
/// thread that has watched.
pub fn outlast_leases() {
    HAS_NAPPED.with(|has_napped| has_napped.set(true));
}

/// A parked thread, in the queue of its key. The std mutexes are never held across a step.
struct Parked {
    thread: Thread,
    token: ParkToken,
    key: std::sync::Mutex<usize>,
    /// The key under which it looks, or zero.
    looks_at: usize,
    watches: std::sync::Mutex<bool>,
    asleep: std::sync::Mutex<bool>,
    woken: std::sync::Mutex<Option<UnparkToken>>,
    /// Orders what came before the wake-up before what comes after the park, as when real.
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
        // ORDERING: Release; pairs with the Acquire in `wait`.
        self.bell.fetch_add(1, Release);
        *self.woken.lock().unwrap() = Some(token);
        // Loom takes an unpark for the end of whatever blocks the thread, so only if that is
        // `wait`.
        if *self.asleep.lock().unwrap() {
            self.thread.unpark();
        }
    }

    /// Whether it is parked under this key, and looks there.
    fn looks(&self, key: usize) -> bool {
        self.looks_at == key && self.key() == key
    }

    fn watches(&self) -> bool {
        *self.watches.lock().unwrap()
    }

    /// Tells it to watch, under the queue's lock.
    fn call_to_watch(&self) {
        *self.watches.lock().unwrap() = true;
        if *self.asleep.lock().unwrap() {
            self.thread.unpark();
        }
    }

    /// Runs `work` with the queue that it is in, or was when taken out, and that queue's key.
    fn with_queue<R>(&self, work: impl FnOnce(&mut Vec<Arc<Parked>>, usize) -> R) -> R {
        loop {
            let key = self.key();
            let queue = queue(key);
            let mut queue = queue.lock().unwrap();
            // Else it was moved meanwhile.
            if self.key() == key {
                return work(&mut queue, key);
            }
        }
    }

    fn is_woken(&self) -> bool {
        self.woken.lock().unwrap().is_some()
    }

    /// Returns with the token when it is woken, or with `None` when it watches.
    fn wait(&self) -> Option<UnparkToken> {
        while super::bare_wakes() {
            if let Some(token) = *self.woken.lock().unwrap() {
                return Some(token);
            }
            if self.watches() {
                return None;
            }
            thread::yield_now();
        }
        let mut strays = false;
        loop {
            let token = *self.woken.lock().unwrap();
            if token.is_some() || self.watches() {
                if token.is_some() {
                    // ORDERING: Acquire; pairs with the Release in `wake`.
                    self.bell.fetch_add(1, Acquire);
                }
                if strays {
                    // An unpark by the model itself, which the model will want to see.
                    self.thread.unpark();
                }
                return token;
            }
            *self.asleep.lock().unwrap() = true;
            thread::park();
            *self.asleep.lock().unwrap() = false;
            strays |= self.woken.lock().unwrap().is_none() && !self.watches();
        }
    }
}

type Queue = Arc<Mutex<Vec<Arc<Parked>>>>;

crate::sys::engine::lazy_static! {
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

/// Makes the last thread that looks there watch, if none does.
fn call_watcher_of(queue: &[Arc<Parked>], key: usize) {
    let mut looks = queue.iter().filter(|parked| parked.looks(key));
    let is_watched = looks.clone().any(|parked| parked.watches());
    let last = looks.next_back().filter(|_| lease::may_stall());
    if let (Some(last), false) = (last, is_watched) {
        last.call_to_watch();
    }
}

pub(crate) fn call_watcher(key: usize) {
    call_watcher_of(&queue(key).lock().unwrap(), key);
}

/// The number of threads that sleep and are not being woken. (None with bare wakes.)
pub fn sleepers() -> usize {
    let queues = QUEUES.lock().unwrap().clone();
    let sleeps = |parked: &&Arc<Parked>| *parked.asleep.lock().unwrap();
    let of_queue = |queue: &Queue| queue.lock().unwrap().iter().filter(sleeps).count();
    queues.values().map(of_queue).sum()
}

/// # Safety
/// As for that of `src/parking/lot.rs`.
pub(crate) unsafe fn park<E: Fn() -> bool, L: Fn(bool)>(
    key: usize,
    validate: impl FnOnce() -> bool,
    before_sleep: impl FnOnce() -> bool,
    timed_out: impl FnOnce(usize, bool),
    token: ParkToken,
    timeout: Option<Instant>,
    look: Option<Look<E, L>>,
) -> ParkResult {
    let expects = || look.as_ref().is_some_and(|look| (look.expects)()) && lease::may_stall();
    // Whether it watches from now on. It is in the queue, which is locked.
    let watches = |queue: &[Arc<Parked>], parked: &Arc<Parked>, may_not_rely: bool| {
        let others = |other: &&Arc<Parked>| !Arc::ptr_eq(other, parked) && other.watches();
        let is_left = !may_not_rely && queue.iter().any(|other| others(&other));
        let watches = parked.looks(parked.key()) && expects() && !is_left;
        *parked.watches.lock().unwrap() = watches;
    };
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
            looks_at: look.as_ref().map_or(0, |look| look.key),
            watches: false.into(),
            asleep: false.into(),
            woken: None.into(),
            bell: AtomicUsize::new(0),
        });
        queue.push(parked.clone());
        watches(&queue, &parked, false);
        parked
    };
    before_sleep();

    let naps = || {
        // A thread that naps again and again lets the threads run that it waits for.
        if NAPS.with(|naps| naps.replace(naps.get() + 1)) > 0 {
            thread::yield_now();
        }
    };
    if timeout.is_some() {
        let has_left = parked.with_queue(|queue, key| {
            let here = queue.iter().position(|other| Arc::ptr_eq(other, &parked));
            here.inspect(|here| {
                queue.remove(*here);
                timed_out(key, queue.is_empty());
                if parked.watches() && expects() {
                    call_watcher_of(queue, key);
                }
            })
        });
        if has_left.is_some() {
            naps();
            return ParkResult::TimedOut;
        }
    }
    let mut is_first = look.as_ref().is_some_and(|look| look.first.is_some());
    loop {
        let watched = parked.watches();
        let is_round =
            super::looking() && !watched && !parked.is_woken() && parked.looks(parked.key());
        let looks_at_once = std::mem::take(&mut is_first) || is_round;
        let woken = (!looks_at_once).then(|| parked.wait()).flatten();
        if let Some(token) = woken {
            NAPS.with(|naps| naps.set(0));
            super::stop_if_wanted();
            return ParkResult::Unparked(token);
        }
        naps();
        if let (Some(look), false) = (&look, parked.is_woken()) {
            HAS_NAPPED.with(|has| has.set(has.get() || watched || is_round));
            (look.look)(watched || is_round);
            parked.with_queue(|queue, _| {
                if queue.iter().any(|other| Arc::ptr_eq(other, &parked)) {
                    watches(queue, &parked, is_round);
                }
            });
        }
    }
}

/// # Safety
/// As for that of `src/parking/lot.rs`.
pub(crate) unsafe fn unpark(
    key: usize,
    mut filter: impl FnMut(ParkToken) -> FilterOp,
    callback: impl FnOnce(UnparkResult) -> UnparkToken,
    is_relied_on: bool,
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
        let token = callback(result);
        if is_relied_on && !chosen.is_empty() {
            call_watcher_of(&queue, key);
        }
        (result, token)
    };
    for parked in chosen {
        parked.wake(token);
    }
    result
}

/// # Safety
/// As parking_lot_core's.
pub(crate) unsafe fn unpark_requeue(
    from: usize,
    to: usize,
    validate: impl FnOnce() -> RequeueOp,
    callback: impl FnOnce(UnparkResult) -> UnparkToken,
) -> UnparkResult {
    let mut chosen = None;
    let (result, token) = {
        // In the order of the keys, as every thread that locks two queues.
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
        (result, callback(result))
    };
    if let Some(parked) = chosen {
        parked.wake(token);
    }
    result
}

/// No model forks.
pub(crate) fn if_empty(_one: usize, _other: usize, _work: impl FnOnce()) {}
