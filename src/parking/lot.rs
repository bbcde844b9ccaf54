//! The parking lot of a process: which threads are parked under which key. It is Linux's; other
//! systems use parking_lot_core, whose names and callbacks these are.
//!
//! Two properties of parking_lot_core rule it out on Linux. First, a fork: its queues are linked
//! through memory of the parked threads, and its locks may be held when another thread forks.
//! Nothing can empty them in the child, whose new threads get that memory again. Second, it
//! allocates when a thread parks for the first time, so no global allocator could use a lock.
//!
//! # Implementation
//! - **Buckets.** A key hashes to one of a fixed number of buckets. Each has a lock and one queue,
//!   of the threads of all its keys in order of arrival. So a wake-up may pass threads of other
//!   keys.
//! - **Entries** lie on the stacks of the parked threads. Nothing is allocated, and nothing is left
//!   behind when a thread ends.
//! - **L1.** An entry is in a queue from when `park` puts it there until it is taken out under the
//!   lock of its bucket: by a waker, or by its own thread after its time is up. A waker sets
//!   `asleep` to `WOKEN` under that lock, as its last access: the thread may then return.
//! - **L2.** `key` changes only while the locks of the old and of the new bucket are held.
//! - **Watchers.** `watcher` is the last thread of its bucket that was told to watch, or decided to
//!   ([`Look`]). It is null, or an entry of the queue. If two locks of a bucket have watchers, only
//!   one is known, and the other lock may get a second one.
//! - **A fork** empties all buckets in the child ([`begin_child`]).
//!
//! Sources: WebKit's ParkingLot (F. Pizlo, 2015); parking_lot_core (A. d'Antras, 2016).

mod queue;

use queue::{ASLEEP, AWAKE, Parked, Queue, WATCHING, WOKEN};

use super::{FilterOp, Look, ParkResult, RequeueOp, UnparkResult};
use crate::policy::{awake, lease};
use crate::sys::Ordering::{Acquire, Relaxed, Release};
use crate::sys::fork;
use crate::sys::{AtomicU32, AtomicUsize, IS_MODEL, const_fn, sizes, table};
use crate::tokens::{self, ParkToken, UnparkToken};
use std::cell::{Cell, UnsafeCell};
use std::cmp::Ordering::{Equal, Greater, Less};
use std::ptr;
use std::sync::PoisonError;
use std::time::Instant;

use crate::sys::lot::{Mutex, MutexGuard, futex};

/// In a model there are two buckets, so that the keys of each collide.
const INDEX_BITS: u32 = sizes::BUCKETS;

/// On a cache line of its own.
#[repr(align(64))]
struct Bucket(UnsafeCell<Mutex<Queue>>);

// SAFETY: it is a mutex, which only `begin_child` replaces, in a process with one thread.
unsafe impl Sync for Bucket {}

impl Bucket {
    const_fn! {
        const fn new() -> Self {
            Bucket(UnsafeCell::new(Mutex::new(Queue::new())))
        }
    }
}

table! { fn buckets() -> [Bucket; 1 << INDEX_BITS], each Bucket::new() }

/// The number of a key's bucket.
fn index(key: usize) -> usize {
    tokens::index(key, INDEX_BITS)
}

fn lock_bucket(index: usize) -> MutexGuard<'static, Queue> {
    // SAFETY: it is replaced only where nothing refers to it.
    let bucket = unsafe { &*buckets()[index].0.get() };
    bucket.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Locks both keys' buckets, in the order of the buckets. The second is `None` if they are one.
fn lock_both(
    from: usize,
    to: usize,
) -> (
    MutexGuard<'static, Queue>,
    Option<MutexGuard<'static, Queue>>,
) {
    let (from, to) = (index(from), index(to));
    match from.cmp(&to) {
        Equal => (lock_bucket(from), None),
        Less => {
            let from = lock_bucket(from);
            (from, Some(lock_bucket(to)))
        }
        Greater => {
            let to = lock_bucket(to);
            (lock_bucket(from), Some(to))
        }
    }
}

/// What ended a sleep.
enum End {
    Woken,
    Told,
    TimedOut,
}

impl Parked {
    /// Locks the bucket in which the calling thread is, or was when woken. Returns the key too.
    fn lock(&self) -> (usize, MutexGuard<'static, Queue>) {
        loop {
            // ORDERING: Relaxed, here and below; under the bucket's lock it is the key (L2).
            let key = self.key.load(Relaxed);
            let queue = lock_bucket(index(key));
            // ORDERING: Relaxed; see above.
            if self.key.load(Relaxed) == key {
                return (key, queue);
            }
        }
    }

    /// Sleeps until the calling thread is taken out of its queue; or, if it sleeps as `ASLEEP`, is
    /// told to watch; or until the time is up.
    fn sleep(&self, how: u32, limit: Option<Instant>) -> End {
        loop {
            // ORDERING: Acquire; pairs with the Release in `release`, before the wake-up.
            match self.asleep.load(Acquire) {
                WOKEN => return End::Woken,
                now if now != how => return End::Told,
                _ if futex::wait(&self.asleep, how, limit) => {}
                _ => return End::TimedOut,
            }
        }
    }

    /// What it was given. Only for the calling thread, when it has been taken out.
    fn given(&self) -> ParkResult {
        // ORDERING: Relaxed; written before `asleep` became `WOKEN`.
        ParkResult::Unparked(UnparkToken::numbered(self.given.load(Relaxed)))
    }
}

/// Lets a thread that was taken out return from `park` with the token. Called under the lock of its
/// bucket. If the thread sleeps, it returns the word by which the caller wakes it after that lock.
///
/// # Safety
/// `parked` was in the queue until now.
unsafe fn release(parked: *const Parked, token: UnparkToken) -> Option<*const AtomicU32> {
    // SAFETY: the thread does not return before `asleep` is `WOKEN` (L1).
    let parked = unsafe { &*parked };
    // ORDERING: Relaxed; the Release below orders it.
    parked.given.store(token.number(), Relaxed);
    let word = &raw const parked.asleep;
    // ORDERING: Release; pairs with the Acquire in `sleep`.
    let before = parked.asleep.swap(WOKEN, Release);
    (before & AWAKE == 0).then_some(word)
}

/// Ends the process if a callback panics: a queued entry must stay on its thread's stack.
struct NoUnwinding;

impl NoUnwinding {
    fn run<R>(work: impl FnOnce() -> R) -> R {
        let guard = NoUnwinding;
        let result = work();
        std::mem::forget(guard);
        result
    }
}

impl Drop for NoUnwinding {
    fn drop(&mut self) {
        // A model that fails unwinds all its threads.
        if !IS_MODEL {
            std::process::abort();
        }
    }
}

/// Parks a thread that looks from its place in the queue, if there is a `look`.
///
/// # Safety
/// As parking_lot_core's `park`.
pub(crate) unsafe fn park<E: Fn() -> bool, L: Fn(bool)>(
    key: usize,
    validate: impl FnOnce() -> bool,
    before_sleep: impl FnOnce() -> bool,
    timed_out: impl FnOnce(usize, bool),
    token: ParkToken,
    limit: Option<Instant>,
    look: Option<Look<E, L>>,
) -> ParkResult {
    let parked = Parked {
        key: AtomicUsize::new(key),
        token,
        looks_at: look.as_ref().map_or(0, |look| look.key),
        next: Cell::new(ptr::null()),
        sleeps_for_good: Cell::new(false),
        given: AtomicUsize::new(0),
        asleep: AtomicU32::new(ASLEEP),
    };
    let expects = || look.as_ref().is_some_and(|look| (look.expects)());
    let generation = fork::generation();
    NoUnwinding::run(|| {
        let mut queue = lock_bucket(index(key));
        if !validate() {
            return ParkResult::Invalid;
        }
        // SAFETY: it stays here until it has been taken out, by any thread (L1).
        unsafe { queue.push(&parked) };
        let (mut how, mut nap) = queue.next_nap(&parked, key, expects, false);
        // ORDERING: Relaxed; still under the bucket's lock, before any thread can tell it anything.
        parked.asleep.store(how | AWAKE, Relaxed);
        drop(queue);
        let first = look.as_ref().and_then(|look| look.first);
        let mut is_round = first.is_none() && how == ASLEEP;
        nap = first.or(nap);

        if before_sleep() {
            // ORDERING: Relaxed; a hint. `sleep` looks again.
            awake::stay_awake(key, || parked.asleep.load(Relaxed) == WOKEN);
        }
        // If it has been woken or told to watch meanwhile, `sleep` sees that.
        // ORDERING: Relaxed, both; a thread that changes the word later sees that this one sleeps.
        let _ = parked
            .asleep
            .compare_exchange(how | AWAKE, how, Relaxed, Relaxed);
        loop {
            let end = nap.map(|nap| Instant::now() + nap);
            let end = end.filter(|end| limit.is_none_or(|limit| *end < limit));
            match (parked.sleep(how, end.or(limit)), &look) {
                (End::Woken, _) => return parked.given(),
                (End::Told, _) => {
                    let most = lease::LONGEST;
                    nap = Some(nap.map_or(most, |nap| nap.min(most)));
                    (how, is_round) = (WATCHING, false);
                    continue;
                }
                (End::TimedOut, Some(look)) if end.is_some() => {
                    (look.look)(nap.is_some_and(|nap| nap >= lease::LONGEST));
                }
                (End::TimedOut, _) => {}
            }
            let (key, mut queue) = parked.lock();
            // ORDERING: Relaxed; it becomes `WOKEN` under the bucket's lock (L1).
            if parked.asleep.load(Relaxed) == WOKEN {
                return parked.given();
            }
            // In a child that a signal handler has forked, it is in no queue any more.
            if end.is_some() && fork::generation() == generation {
                (how, nap) = queue.next_nap(&parked, key, expects, is_round);
                // ORDERING: Relaxed; only this thread reads it without the bucket's lock.
                parked.asleep.store(how, Relaxed);
                is_round = how == ASLEEP;
                continue;
            }
            // (Another lock of the bucket may have a watcher since.)
            // ORDERING: Relaxed; under the bucket's lock.
            let watched = parked.asleep.load(Relaxed) == WATCHING;
            let this = |other: &Parked| match ptr::eq(other, &parked) {
                true => FilterOp::Unpark,
                false => FilterOp::Skip,
            };
            let others = queue.take(key, this, |_| {});
            timed_out(key, !others);
            let next = (watched && expects()).then(|| queue.call_watcher(key));
            drop(queue);
            if let Some(next) = next.flatten() {
                futex::wake(next);
            }
            return ParkResult::TimedOut;
        }
    })
}

/// If others stay and `is_relied_on`, one of them is told to watch.
///
/// # Safety
/// As parking_lot_core's `unpark_filter`. At most [`BATCH`](super::BATCH) threads may be picked.
pub(crate) unsafe fn unpark(
    key: usize,
    mut filter: impl FnMut(ParkToken) -> FilterOp,
    callback: impl FnOnce(UnparkResult) -> UnparkToken,
    is_relied_on: bool,
) -> UnparkResult {
    let mut picked = [ptr::null(); super::BATCH];
    let mut words = [None; super::BATCH];
    let mut result = UnparkResult::default();
    let mut told = None;
    NoUnwinding::run(|| {
        let mut queue = lock_bucket(index(key));
        let pick = |parked| {
            picked[result.unparked_threads] = parked;
            result.unparked_threads += 1;
        };
        result.have_more_threads = queue.take(key, |parked| filter(parked.token), pick);
        let token = callback(result);
        let woken = result.unparked_threads;
        for (&parked, word) in picked[..woken].iter().zip(&mut words) {
            // SAFETY: it was taken out just now.
            *word = unsafe { release(parked, token) };
        }
        let needs_watcher = is_relied_on && woken > 0 && result.have_more_threads;
        told = needs_watcher.then(|| queue.call_watcher(key)).flatten();
    });
    let woken = &words[..result.unparked_threads];
    woken
        .iter()
        .flatten()
        .chain(&told)
        .for_each(|&word| futex::wake(word));
    result
}

/// Tells a thread that looks under `key` to watch, if there is one and none is known to watch.
pub(crate) fn call_watcher(key: usize) {
    let word = lock_bucket(index(key)).call_watcher(key);
    if let Some(word) = word {
        futex::wake(word);
    }
}

/// Runs `work` under the locks of both keys' queues if no thread is parked in either.
pub(crate) fn if_empty(one: usize, other: usize, work: impl FnOnce()) {
    let (mut first, mut second) = lock_both(one, other);
    let has_any = |queue: &mut Queue, key| queue.take(key, |_| FilterOp::Stop, |_| {});
    let in_one = has_any(&mut first, one);
    if !in_one && !has_any(second.as_mut().unwrap_or(&mut first), other) {
        work();
    }
}

/// # Safety
/// As parking_lot_core's.
pub(crate) unsafe fn unpark_requeue(
    from: usize,
    to: usize,
    validate: impl FnOnce() -> RequeueOp,
    callback: impl FnOnce(UnparkResult) -> UnparkToken,
) -> UnparkResult {
    let mut result = UnparkResult::default();
    let word = NoUnwinding::run(|| {
        let (mut source, mut target) = lock_both(from, to);
        let op = validate();
        if op == RequeueOp::Abort {
            return None;
        }
        let mut first = None;
        let mut moved = Queue::new();
        let all = |_: &Parked| FilterOp::Unpark;
        source.take(from, all, |parked| {
            if op == RequeueOp::UnparkOneRequeueRest && first.is_none() {
                first = Some(parked);
                result.unparked_threads = 1;
                return;
            }
            // SAFETY: its thread does not return before it is woken (L1).
            let key = &unsafe { &*parked }.key;
            // ORDERING: Relaxed; under both locks (L2).
            key.store(to, Relaxed);
            // SAFETY: it was taken out just now.
            unsafe { moved.push(parked) };
            result.requeued_threads += 1;
        });
        target.as_mut().unwrap_or(&mut source).append(moved);
        let token = callback(result);
        // SAFETY: it was taken out, and not moved.
        first.and_then(|first| unsafe { release(first, token) })
    });
    if let Some(word) = word {
        futex::wake(word);
    }
    result
}

/// In the child of a fork, whose only thread is not parked: no thread is, and no bucket is locked.
#[allow(dead_code, reason = "not in Miri")]
pub(crate) fn begin_child() {
    for bucket in buckets() {
        // SAFETY: there is one thread, and it is in `fork`, so nothing refers to the mutex. The
        // value that is overwritten, perhaps locked, owns nothing.
        unsafe { bucket.0.get().write(Mutex::new(Queue::new())) };
    }
}
