//! Parking a thread on an address, and unparking it: the only file that names parking_lot_core,
//! which does it where [`lot`] does not.
//!
//! A thread parks under a *key* (an address that its lock owns) with a *park token* that says what
//! it waits for; it is unparked with an *unpark token* that says what it was given. The queue of a
//! key is first in, first out. Callbacks run under the lock of that queue: they must be short, must
//! not panic, and must not park or unpark.
//!
//! **Wakes that come late.** Some wakes happen before, or together with, the release of the lock,
//! so the lock is alive. Others happen after it: a mutex's, the one by which a last reader wakes a
//! writer, a semaphore's. By then the lock may be gone and its memory may hold another, whose
//! waiters park under the same key. So those who can be woken late park with a token that no lock
//! of another kind uses: [`late`] gives such tokens. A late wake picks only them, and if it finds
//! one, then that waiter borrows a lock there, so the lock is alive.
//!
//! **Tokens that a late wake picks**, under the key at which its own lock was:
//!
//! | late wake of | picks | which no other waiter there has, since |
//! |---|---|---|
//! | a mutex | `late(0)` | it is a private address, used for this only |
//! | | the key itself | so parks who waits for a condition variable with the mutex of that address |
//! | a reader that leaves its slot | `late(2)` | as `late(0)` |
//! | a reader-writer lock | `late(n)` from [`LATE_RWLOCK`] on | as `late(0)` |
//! | a semaphore | a number of permits, inverted | it is above all addresses (and all other tokens) |
//!
//! All other tokens are small numbers, and wakes that pick them come while their lock is alive.
//!
//! **Two copies of this crate** in one process (two versions, or a plugin's own) have a parking lot
//! each, on Linux: no wake of one reaches a waiter of the other. On other systems they may have one
//! copy of parking_lot_core between them, and share it with parking_lot. Then the tokens of two
//! copies differ where they are private addresses, and not where they are permits: a late wake of a
//! semaphore may then take another version's semaphore for its own. So versions may not change how
//! such a waiter finds its word: a `usize` at the key, with these flags.

use crate::deadline::Deadline;
use crate::fork;
#[cfg(any(doc, not(any(target_os = "linux", loom))))]
use crate::lease;
use std::time::Duration;

#[cfg(all(target_os = "linux", not(shuttle)))]
pub(crate) mod lot;

#[cfg(loom)]
use crate::primitive::modeled::lot as used;
#[cfg(all(target_os = "linux", not(loom)))]
use lot as used;
#[cfg(not(any(target_os = "linux", loom)))]
use parking_lot_core as used;

pub(crate) use used::{FilterOp, ParkResult, ParkToken, UnparkToken};
use used::{RequeueOp, UnparkResult};

/// Says nothing.
pub(crate) const NO_TOKEN: UnparkToken = UnparkToken(0);

/// A park token that no other lock in this process uses: `n` is below [`LATE`]. It is an address
/// inside a variable of this module, so it is no lock's address either.
pub(crate) fn late(n: usize) -> ParkToken {
    ParkToken((&raw const PRIVATE.0[n]).addr())
}

/// Which `n` this token was made of, if it is [`late`].
pub(crate) fn which_late(ParkToken(token): ParkToken) -> Option<usize> {
    let n = token.wrapping_sub((&raw const PRIVATE).addr());
    (n < LATE).then_some(n)
}

/// How many late tokens there are. Of the first eight, the mutex has 0, the reader-writer lock 2,
/// and the semaphore 4 and all from 8 on.
pub(crate) const LATE: usize = LATE_RWLOCK + 10;

/// The first late token of the reader-writer lock's queue.
pub(crate) const LATE_RWLOCK: usize = 8 + 1024;

#[repr(align(8))]
struct Private([u8; LATE]);
static PRIVATE: Private = Private([0; LATE]);

/// Puts the calling thread to sleep in the queue of `key`, unless `validate` (under the queue's
/// lock) says no.
///
/// `before_sleep` runs once the thread is in the queue, without the queue's lock. `timed_out` runs
/// under the lock of the queue that the thread was in when its time was up, gets that queue's key,
/// and is told whether the thread was the last one there.
///
/// # Safety
/// `key` is an address inside a lock that the caller borrows until this returns.
pub(crate) unsafe fn park(
    key: usize,
    token: ParkToken,
    deadline: Deadline,
    validate: impl FnOnce() -> bool,
    before_sleep: impl FnOnce(),
    timed_out: impl FnOnce(usize, bool),
) -> ParkResult {
    fork::watch();
    // SAFETY: the key is the caller's own; the callbacks keep the rules that the module gives.
    unsafe {
        used::park(
            key,
            validate,
            before_sleep,
            timed_out,
            token,
            deadline.instant(),
        )
    }
}

/// What a parked thread does for itself, and for those that are parked with it, since any of the
/// threads that it relies on may be stopped ([`waiters`](crate::waiters)). It keeps its place in
/// the queue meanwhile.
pub(crate) struct Look<E: Fn() -> bool, L: Fn(bool)> {
    /// The key under which it looks.
    pub(crate) key: usize,
    /// How long it sleeps before it looks for the first time, if it is not to sleep for good.
    pub(crate) first: Option<Duration>,
    /// Whether another waiter is on its way, so that one of those in the queue is to watch: to look
    /// whenever it has slept for [`lease::LONGEST`]. Runs under the queue's lock, before each
    /// sleep.
    pub(crate) expects: E,
    /// Ends the turn of a thread that has not come, and wakes the next, perhaps the caller. It is
    /// told whether it may end a turn: not if it has slept only as `first` says, and another thread
    /// is to watch. Runs without the queue's lock.
    pub(crate) look: L,
}

/// As [`park`], of a thread that looks, if there is a `look`. Those that do not watch look if
/// others are parked before them, but so rarely that all together do so eight times a second at
/// most ([`lease::ROUND`]).
///
/// Where the lot is parking_lot_core, no thread can be told to watch, nor looks in its place: each
/// that looks sleeps for `lease::ROUND` at most, and then it may be `TimedOut` before its deadline.
///
/// # Safety
/// As for [`park`]. `look` must allow for the key to be that of another queue of its lock.
pub(crate) unsafe fn park_looking<E: Fn() -> bool, L: Fn(bool)>(
    key: usize,
    token: ParkToken,
    deadline: Deadline,
    validate: impl FnOnce() -> bool,
    before_sleep: impl FnOnce(),
    timed_out: impl FnOnce(usize, bool),
    look: Option<Look<E, L>>,
) -> ParkResult {
    fork::watch();
    #[cfg(any(target_os = "linux", loom))]
    {
        let limit = deadline.instant();
        // SAFETY: as in `park`.
        unsafe { used::park_looking(key, validate, before_sleep, timed_out, token, limit, look) }
    }
    #[cfg(not(any(target_os = "linux", loom)))]
    {
        let look = look.filter(|look| look.key == key);
        let nap = |look: &Look<E, L>| match look.first {
            Some(first) => first,
            None if (look.expects)() => lease::LONGEST,
            None => lease::ROUND,
        };
        let limit = match &look {
            Some(look) => deadline.min(Deadline::after(nap(look))),
            None => deadline,
        };
        let limit = limit.instant();
        // SAFETY: as in `park`.
        let result = unsafe { used::park(key, validate, before_sleep, timed_out, token, limit) };
        if let (ParkResult::TimedOut, Some(look)) = (result, look) {
            (look.look)(look.first.is_none());
        }
        result
    }
}

/// Tells a thread that looks under `key` to watch, if there is one, and none watches.
pub(crate) fn call_watcher(key: usize) {
    #[cfg(any(target_os = "linux", loom))]
    used::call_watcher(key);
    #[cfg(not(any(target_os = "linux", loom)))]
    let _ = key;
}

/// Runs `work` under the locks of both keys' queues, if no thread is parked there: for what the
/// child of a fork inherits.
#[cfg(all(target_os = "linux", not(loom)))]
pub(crate) use used::if_empty;
#[cfg(not(all(target_os = "linux", not(loom))))]
pub(crate) fn if_empty(_one: usize, _other: usize, _work: impl FnOnce()) {}

/// Goes through the queue of `key` and unparks those that `choose` picks; `callback` then learns
/// how many there were and whether others stay, and gives the token for all of them. If others stay
/// that look, one of them watches from then on.
///
/// At most [`BATCH`] may be picked, so that nothing allocates.
///
/// # Safety `key` is an address inside a lock that lives until the callback has run, or `choose`
/// picks only tokens that no lock of another kind uses.
pub(crate) unsafe fn unpark_some(
    key: usize,
    choose: impl FnMut(ParkToken) -> FilterOp,
    callback: impl FnOnce(usize, bool) -> UnparkToken,
) {
    // SAFETY: as in `park`.
    unsafe {
        used::unpark_filter(key, choose, |r| {
            assert!(cfg!(not(loom)) || r.unparked_threads <= BATCH);
            callback(r.unparked_threads, r.have_more_threads)
        })
    };
}

/// The most threads that one [`unpark_some`] may pick: what parking_lot_core keeps on its stack.
/// Fewer in a model, so that one with few threads has several batches.
pub(crate) const BATCH: usize = if cfg!(loom) { 2 } else { 8 };

/// Unparks the first thread for which `choose` says so, and nobody else. If there is one,
/// `callback` runs. Returns whether there was one.
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
        if unparked { callback() } else { NO_TOKEN }
    };
    // SAFETY: the caller's promise is the same.
    unsafe { unpark_some(key, first, callback) };
    unparked
}

/// Unparks the first thread in the queue, whatever its token. `callback` learns whether there was
/// one, and whether others stay. None is told to watch.
///
/// # Safety
/// `key` is an address inside a lock that lives until the callback has run.
pub(crate) unsafe fn unpark_one(key: usize, callback: impl FnOnce(bool, bool) -> UnparkToken) {
    // SAFETY: as in `park`.
    unsafe {
        used::unpark_one(key, |r| {
            callback(r.unparked_threads != 0, r.have_more_threads)
        })
    };
}

/// Unparks the first thread in the queue of `from` and moves the rest, in their order, to the end
/// of the queue of `to`, if `validate` says so. `callback` runs under both locks, as `validate`
/// does, and learns how many were unparked (one or none) and moved. Returns their sum, or `None` if
/// `validate` said no.
///
/// # Safety `from` is an address inside a lock that lives until the callback has run; `to` is the
/// key of the lock that all those threads are about to take.
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
    let callback = |op, result: UnparkResult| {
        if op != RequeueOp::Abort {
            callback(result.unparked_threads, result.requeued_threads);
        }
        NO_TOKEN
    };
    // SAFETY: as in `park`.
    let result = unsafe { used::unpark_requeue(from, to, validate, callback) };
    valid.then_some(result.unparked_threads + result.requeued_threads)
}

/// Takes every thread out of the queue of `key` at one moment, and unparks them all with `token`.
/// `callback` runs at that moment, under the queue's lock, and learns how many there were. Returns
/// that.
///
/// The threads are first moved to a queue that only this call knows, and unparked from there one by
/// one: that way nothing allocates, however many they are. One that times out while it is there
/// finds a key that is not its own, and knows by that that it was chosen.
///
/// # Safety
/// `key` is an address inside a lock that lives until the callback has run.
pub(crate) unsafe fn unpark_all(
    key: usize,
    token: UnparkToken,
    callback: impl FnOnce(usize),
) -> usize {
    // An odd address, at which no semaphore, and no other lock's queue, can ever have been: late
    // wakes may still be on their way to whatever was here before.
    #[repr(align(8))]
    struct Private([u8; 2]);
    let private = Private([0; 2]);
    let queue = (&raw const private.0[1]).addr();
    // SAFETY: as in `park`; nobody else can know the address of our local variable.
    let all = unsafe {
        used::unpark_requeue(
            key,
            queue,
            || RequeueOp::RequeueAll,
            |_, r| {
                callback(r.requeued_threads);
                NO_TOKEN
            },
        )
    }
    .requeued_threads;
    for _ in 0..all {
        // SAFETY: as above. One that has timed out meanwhile has left, and then this finds nobody.
        unsafe { used::unpark_one(queue, |_| token) };
    }
    all
}
