//! Parks a thread on an address, and unparks it. Only this file names parking_lot_core.
//!
//! A thread parks under a *key* (an address that its lock owns) with a *park token* that says what
//! it waits for. It is unparked with an *unpark token* that says what it was given. The queue of a
//! key is first in, first out. Callbacks run under the lock of that queue: they must be short, must
//! not panic, and must not park or unpark.

use crate::sys::deadline::Deadline;
use crate::sys::{IS_MODEL, fork, sizes};
use crate::tokens::{KeyOffset, ParkToken, UnparkToken};
use std::time::Duration;

#[cfg(not(any(target_os = "linux", anteroom_models)))]
pub(crate) mod elsewhere;
#[cfg(target_os = "linux")]
pub(crate) mod lot;

use crate::sys::parked as used;

/// How a park ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ParkResult {
    Unparked(UnparkToken),
    Invalid,
    TimedOut,
}

/// What an unpark did.
#[derive(Clone, Copy, Default)]
pub(crate) struct UnparkResult {
    pub(crate) unparked_threads: usize,
    pub(crate) requeued_threads: usize,
    /// Whether threads stay under the key.
    pub(crate) have_more_threads: bool,
}

/// What to do with a thread that is parked under the key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum FilterOp {
    Unpark,
    Skip,
    /// Leave this one and all behind it.
    Stop,
}

/// What to do with all threads that are parked under the key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequeueOp {
    Abort,
    UnparkOneRequeueRest,
    RequeueAll,
}

/// What a parked thread does for itself and for the waiters beside it, because the threads that
/// they rely on may be stopped ([`waiters`](crate::waiters)). It keeps its place in the queue.
pub(crate) struct Look<E: Fn() -> bool, L: Fn(bool)> {
    /// The key under which it looks.
    pub(crate) key: usize,
    /// How long it sleeps before it looks for the first time. `None`: until it is woken.
    pub(crate) first: Option<Duration>,
    /// Whether another waiter is on its way, so that one thread of the queue must watch: look
    /// whenever it has slept for
    /// [`LONGEST`](crate::policy::lease::LONGEST). Runs under the queue's lock.
    pub(crate) expects: E,
    /// Ends what a thread that has not come was woken for, and wakes the next, perhaps the caller.
    /// The argument says whether it may do the former: it may after a nap of a lease or more, and
    /// not after the shorter sleep for `first`. Runs without the queue's lock.
    pub(crate) look: L,
}

/// The `look` of a thread that never looks.
pub(crate) const NO_LOOK: Option<NeverLooks> = None;

type NeverLooks = Look<fn() -> bool, fn(bool)>;

/// Parks the calling thread in the queue of `key`, unless `validate` (under its lock) refuses.
///
/// `before_sleep` runs once the thread is in the queue, without the queue's lock. It returns
/// whether the thread first stays awake for a moment ([`awake`](crate::policy::awake)). `timed_out`
/// runs under the lock of the queue that the thread was in when its time was up. It gets that
/// queue's key, and whether the thread was the last one there.
///
/// If there is a `look`, the thread looks. If it does not watch, it looks too if others are parked
/// before it, at most eight times a second all together ([`ROUND`](crate::policy::lease::ROUND)).
///
/// Where the lot is parking_lot_core, no thread can be told to watch, nor look from its place in
/// the queue. Each thread that looks sleeps for `lease::ROUND` at most: `TimedOut` may come early.
///
/// # Safety
/// `key` is an address inside a lock that the caller borrows until this returns. `look` must allow
/// for the key to be that of another queue of its lock.
pub(crate) unsafe fn park_looking<E: Fn() -> bool, L: Fn(bool)>(
    key: usize,
    token: ParkToken,
    deadline: Deadline,
    validate: impl FnOnce() -> bool,
    before_sleep: impl FnOnce() -> bool,
    timed_out: impl FnOnce(usize, bool),
    look: Option<Look<E, L>>,
) -> ParkResult {
    fork::watch();
    let limit = deadline.instant();
    // SAFETY: the key is the caller's own; the callbacks keep the module's rules.
    unsafe { used::park(key, validate, before_sleep, timed_out, token, limit, look) }
}

/// Tells a thread that looks under `key` to watch, if there is one and none watches.
pub(crate) fn call_watcher(key: usize) {
    used::call_watcher(key);
}

/// Runs `work` under the locks of both keys' queues if both are empty, for a child of a fork.
pub(crate) use used::if_empty;

/// Goes through the queue of `key` and unparks the threads that `choose` picks. `callback` then
/// gets their number and whether others stay, and returns the token for all of them. If others stay
/// that look, one of them watches from then on.
///
/// At most [`BATCH`] may be picked, so that nothing allocates.
///
/// # Safety
/// `key` is an address inside a lock that lives until the callback has run, or `choose` picks only
/// tokens that no lock of another kind uses.
pub(crate) unsafe fn unpark_some(
    key: usize,
    choose: impl FnMut(ParkToken) -> FilterOp,
    callback: impl FnOnce(usize, bool) -> UnparkToken,
) {
    let callback = |r: UnparkResult| {
        assert!(!IS_MODEL || r.unparked_threads <= BATCH);
        callback(r.unparked_threads, r.have_more_threads)
    };
    // SAFETY: see `park_looking`.
    unsafe { used::unpark(key, choose, callback, true) };
}

/// The most threads that one [`unpark_some`] may pick: what parking_lot_core keeps on its stack.
/// Fewer in a model, so that few threads make several batches.
pub(crate) const BATCH: usize = sizes::BATCH;

/// Unparks the first thread for which `choose` says so, and no other. If there is one, `callback`
/// runs. Returns whether there was one.
///
/// # Safety
/// As for [`unpark_some`].
pub(crate) unsafe fn unpark_first(
    key: usize,
    mut choose: impl FnMut(ParkToken) -> FilterOp,
    callback: impl FnOnce() -> UnparkToken,
) -> bool {
    let mut found = false;
    let first = |token| {
        if found {
            return FilterOp::Stop;
        }
        let op = choose(token);
        found = op == FilterOp::Unpark;
        op
    };
    let mut unparked = false;
    let callback = |threads, _| {
        unparked = threads != 0;
        if unparked {
            callback()
        } else {
            UnparkToken::Nothing
        }
    };
    // SAFETY: the caller's promise is the same.
    unsafe { unpark_some(key, first, callback) };
    unparked
}

/// Unparks the first thread in the queue, whatever its token. `callback` gets whether there was
/// one, and whether others stay. No thread is told to watch.
///
/// # Safety
/// `key` is an address inside a lock that lives until the callback has run.
pub(crate) unsafe fn unpark_one(key: usize, callback: impl FnOnce(bool, bool) -> UnparkToken) {
    let mut found = false;
    let first = |_| match std::mem::replace(&mut found, true) {
        false => FilterOp::Unpark,
        true => FilterOp::Stop,
    };
    let callback = |r: UnparkResult| callback(r.unparked_threads != 0, r.have_more_threads);
    // SAFETY: see `park_looking`.
    unsafe { used::unpark(key, first, callback, false) };
}

/// Unparks the first thread in the queue of `from` and requeues the others, in their order, at the
/// end of the queue of `to`, if `validate` allows it. `validate` and `callback` run under both
/// locks. `callback` gets the numbers of unparked (one or none) and requeued threads. Returns their
/// sum, or `None` if `validate` refused.
///
/// # Safety
/// `from` is an address inside a lock that lives until the callback has run. `to` is the key of the
/// lock that all those threads are about to acquire.
pub(crate) unsafe fn unpark_one_requeue_rest(
    from: usize,
    to: usize,
    validate: impl FnOnce() -> bool,
    callback: impl FnOnce(usize, usize),
) -> Option<usize> {
    let mut valid = false;
    let validate = || {
        valid = validate();
        match valid {
            true => RequeueOp::UnparkOneRequeueRest,
            false => RequeueOp::Abort,
        }
    };
    let callback = |result: UnparkResult| {
        callback(result.unparked_threads, result.requeued_threads);
        UnparkToken::Nothing
    };
    // SAFETY: see `park_looking`.
    let result = unsafe { used::unpark_requeue(from, to, validate, callback) };
    valid.then_some(result.unparked_threads + result.requeued_threads)
}

/// Takes every thread out of the queue of `key` at one moment, and unparks them all with `token`.
/// `callback` runs at that moment, under the queue's lock, and gets the number, as the caller.
///
/// The threads first move to a queue that only this call knows, and are unparked from there one by
/// one: so nothing allocates, however many they are. A thread that times out there finds a key that
/// is not its own, and learns from it that it was chosen.
///
/// # Safety
/// `key` is an address inside a lock that lives until the callback has run.
pub(crate) unsafe fn unpark_all(
    key: usize,
    token: UnparkToken,
    callback: impl FnOnce(usize),
) -> usize {
    // A key at which no semaphore or reader-writer lock can have been: their stale wakes may still
    // be on their way to whatever was here before. (No mutex's waiter is moved.)
    let private = 0_usize;
    let queue = KeyOffset::OtherLock.of((&raw const private).addr());
    // SAFETY: see `park_looking`; no other thread can know the address of this local variable.
    let all = unsafe {
        used::unpark_requeue(
            key,
            queue,
            || RequeueOp::RequeueAll,
            |r| {
                callback(r.requeued_threads);
                UnparkToken::Nothing
            },
        )
    }
    .requeued_threads;
    for _ in 0..all {
        // SAFETY: see above. A thread may have timed out meanwhile; then this finds none.
        unsafe { unpark_one(queue, |_, _| token) };
    }
    all
}
