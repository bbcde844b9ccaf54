//! The table that tells an unlocker about waiters without touching the lock.
//!
//! A mutex is free the moment its byte is zero, and from then on its memory may be gone. So what an
//! unlocker must know lives in a table that is never freed, in the slot of the lock's address.
//!
//! ```text
//! 63      29   28        3     2         1          0
//! +----------+------------+--------+---------+------------+
//! |   tag    |   parked   | FENCED | STARVED | DESIGNATED |
//! +----------+------------+--------+---------+------------+
//! ```
//!
//! - **`parked`** is at least the number of threads in the queues of the addresses that share the
//!   slot. It may be more, since a thread counts itself before it parks; and all of them may wait
//!   for another lock with the same slot. Either costs an unlocker a needless look at a queue. A
//!   thread that takes another one out of a queue, under that queue's lock, takes it off the count.
//! - **`FENCED`** says that there is a *fenced waiter*, so that no unlocker can miss the count: one
//!   of the counted threads has run the heavy fence since it was counted ([`park`]). It falls when
//!   `parked` becomes zero. A waiter that is counted while it is set needs no fence of its own;
//!   each one that was counted before runs its own when it has slept for [`SHORT`].
//! - **`DESIGNATED`** says that the lock with this tag has a *designated waker*: a woken thread
//!   that has neither acquired it nor parked again. Meanwhile unlockers wake no other thread for
//!   this lock: a second one could only get in the first one's way, and a wake-up costs many
//!   critical sections. Slot and tag together are the whole address, so a collision never misleads.
//! - **`STARVED`** says that there is a *starved waiter*: a woken thread did not get the lock, and
//!   has waited for the starvation threshold; or a look ended a designation. It is cleared by a
//!   handoff (not by `unlock_fair`), and when no thread is parked.
//!
//! An unlocker that sees `DESIGNATED` leaves it to the designated waker to wake the next waiter.
//! Either that thread acquires the lock: then its own unlock sees the parked threads. Or it parks
//! again: it clears the flag as it counts itself, and looks at the lock after that. Or its time is
//! up: then it has cleared the flag, runs a fence, and tries to acquire the lock once more.
//!
//! ## Watchers
//! A woken thread may be stopped before it runs (a signal handler, a debugger, a starved priority).
//! No other waiter may depend on it for longer than a lease lasts
//! ([`lease`](crate::policy::lease)). So each lock keeps an invariant:
//!
//! > **W.** A thread is *on its way* to a lock if it was woken for it, or the lock is kept for it.
//! > While one is, and others are parked behind it, one of those *watches*: it sleeps for
//! > [`lease::LONGEST`] at most.
//!
//! When its nap ends, a watcher *looks*: it clears `DESIGNATED`, and if the lock is free, wakes the
//! first thread in the queue, as an unlocker does. It does so from its own place in the queue, and
//! naps again while a thread is on its way. If the lock is held, its holder will wake a waiter,
//! because the flag is clear. The parking lot keeps W, under the queue's lock:
//! 1. A thread that parks while another is on its way ([`Look::expects`]) watches, unless some
//!    thread watches already.
//! 2. A thread that wakes another, and leaves threads parked of which none watches, tells one of
//!    those to watch: the first if it sleeps without a time limit, else the last.
//! 3. A watcher that gives up tells another thread to watch, if one is on its way.
//!
//! **Watchers may be stopped, too**, any number of them. So each thread that is parked behind
//! others looks now and then, and if a thread is on its way, watches from then on. All of them
//! together look at most eight times a second ([`lease::ROUND`]). Suppose that a lock is free, and
//! that both the woken thread and the watcher are stopped. Then a running waiter acquires the lock
//! after at most 128 ms for each parked thread, and 6 ms for each that was woken and does not run.
//! (Requeued threads look only when they are told to watch.)
//!
//! **Addresses that do not fit** in slot and tag have no designated waker: with 57-bit mappings,
//! tagged pointers, and wherever there are no 64-bit atomics. There every unlock wakes a waiter.

use crate::parking::{self, Look, ParkResult};
use crate::policy::lease;
use crate::sys::Ordering::{Acquire, Relaxed, Release};
use crate::sys::deadline::Deadline;
use crate::sys::fence;
use crate::sys::{AtomicState, IS_MODEL, State, only_in_models, sizes, table};
use crate::tokens::{self, ParkToken};
use std::cell::Cell;
use std::time::Duration;

/// In a model every address collides with every other.
const INDEX_BITS: u32 = sizes::WAITERS;

/// The bits of an address that slot and tag hold. A larger address is never marked `DESIGNATED`.
const ADDRESS_BITS: u32 = if HAS_TAGS { 48 } else { INDEX_BITS };
const TAG_BITS: u32 = ADDRESS_BITS - INDEX_BITS;
const HAS_TAGS: bool = State::BITS == 64;

const DESIGNATED: State = 1;
const STARVED: State = 2;
const FENCED: State = 4;
const ONE_PARKED: State = 8;
/// All bits but the tag.
const CONTENT: State = State::MAX >> TAG_BITS;
const PARKED: State = CONTENT & !(ONE_PARKED - 1);

table! { fn slots() -> [AtomicState; 1 << INDEX_BITS], each AtomicState::new(0) }

/// The slot of an address, and its tag there.
#[inline(always)]
fn find(address: usize) -> (&'static AtomicState, State) {
    let hash = tokens::hash(address, 48);
    let index = (hash >> (48 - INDEX_BITS)) as usize;
    let tag = (hash as State).wrapping_shl(State::BITS - TAG_BITS);
    (&slots()[index], tag)
}

/// Whether slot and tag are the whole address.
fn fits(address: usize) -> bool {
    HAS_TAGS && address as u64 >> ADDRESS_BITS == 0
}

#[inline(always)]
fn slot(address: usize) -> &'static AtomicState {
    find(address).0
}

/// Whether the lock at this address may have a waiter or a designated waker.
#[inline(always)]
pub(crate) fn any(address: usize) -> bool {
    // ORDERING: Relaxed; the fence pair between the caller's release and this load decides what it
    // sees (M3).
    slot(address).load(Relaxed) & CONTENT != 0
}

/// Whether this state says that the lock at this address has a designated waker.
fn says_waker(state: State, address: usize, tag: State) -> bool {
    fits(address) && state & DESIGNATED != 0 && state & !CONTENT == tag
}

/// Whether the lock at this address has a designated waker.
pub(crate) fn has_waker(address: usize) -> bool {
    let (slot, tag) = find(address);
    // ORDERING: Relaxed; see `any`.
    says_waker(slot.load(Relaxed), address, tag)
}

/// As [`has_waker`], under the queue's lock.
pub(crate) fn has_waker_locked(address: usize) -> bool {
    let (slot, tag) = find(address);
    let state = if IS_MODEL {
        // A stale value would only make the search longer.
        // ORDERING: Relaxed; see below.
        slot.fetch_or(0, Relaxed)
    } else {
        // ORDERING: Relaxed; it is set under the queue's lock, and may be seen to fall late.
        slot.load(Relaxed)
    };
    says_waker(state, address, tag)
}

/// Counts `threads` more as parked.
pub(crate) fn add(address: usize, threads: usize) {
    // ORDERING: Relaxed; under the queue's lock, before the woken thread learns that it is woken.
    // That thread acquires the lock later, and its unlock sees the count.
    slot(address).fetch_add(threads as State * ONE_PARKED, Relaxed);
}

/// Records a fenced waiter: the caller, which is counted and has called `heavy` since.
fn fenced(address: usize) {
    // ORDERING: Release; pairs with the Acquire in `count`.
    slot(address).fetch_or(FENCED, Release);
}

/// The state with one parked thread less. (In a child that a signal handler forked in the middle of
/// a wait, the count may be zero already.)
fn less_one(state: State) -> State {
    let state = match state & PARKED {
        0 => state,
        _ => state - ONE_PARKED,
    };
    match state & PARKED {
        0 => state & !(FENCED | STARVED),
        _ => state,
    }
}

/// Counts one parked thread less.
pub(crate) fn remove(address: usize) {
    change(address, |state| Some(less_one(state)));
}

/// Returns whether there was a change.
fn change(address: usize, next: impl Fn(State) -> Option<State>) -> bool {
    // ORDERING: Relaxed, both; seen late, it costs an unlocker one look at a queue. The flag
    // `DESIGNATED` publishes no other data: an unlocker that sees it just leaves.
    slot(address).fetch_update(Relaxed, Relaxed, next).is_ok()
}

/// Counts one parked thread less, because it is being woken. Returns whether it is the designated
/// waker from now on: then it must call [`acquired`] or park again.
pub(crate) fn wake(address: usize) -> bool {
    let (_, tag) = find(address);
    let designated = Cell::new(false);
    change(address, |state| {
        let state = less_one(state);
        designated.set(state & DESIGNATED == 0 && fits(address));
        Some(match designated.get() {
            true => state & CONTENT | tag | DESIGNATED,
            false => state,
        })
    });
    designated.get()
}

/// Records a starved waiter: the caller, which is about to park and was woken in vain before.
pub(crate) fn record_starved(address: usize) {
    // ORDERING: Relaxed; seen late, it is a delay.
    slot(address).fetch_or(STARVED, Relaxed);
}

/// Whether a lock with this slot has a starved waiter.
pub(crate) fn has_starved(address: usize) -> bool {
    // ORDERING: Relaxed; see `any`.
    slot(address).load(Relaxed) & STARVED != 0
}

/// Counts one parked thread less, because the lock is handed to it.
pub(crate) fn hand_off(address: usize) {
    change(address, |state| Some(less_one(state) & !STARVED));
}

/// The designated waker has acquired the lock.
pub(crate) fn acquired(address: usize) {
    // ORDERING: Relaxed; it precedes the caller's own unlock, which looks at the same slot.
    slot(address).fetch_and(!DESIGNATED, Relaxed);
}

/// Ends the designation for the lock at this address. Returns whether there was one: then a woken
/// thread has not come yet, maybe for a whole nap, so the waiters count as starved.
fn end_designation(address: usize) -> bool {
    let (_, tag) = find(address);
    let ended = |state| {
        let starved = if state & PARKED == 0 { 0 } else { STARVED };
        says_waker(state, address, tag).then_some(state & !DESIGNATED | starved)
    };
    change(address, ended)
}

/// How long a counted waiter sleeps before it runs the heavy fence: about a hundred such fences.
const SHORT: Duration = Duration::from_millis(1);

/// Counts the caller, and ends its designation if it `was_waker`. Returns whether every unlocker
/// that releases after this sees the count.
fn count(address: usize, was_waker: bool) -> bool {
    if was_waker {
        change(address, |state| Some((state & !DESIGNATED) + ONE_PARKED));
        return false;
    }
    // (One exchange, without a load before it: with one, loom explores executions that cannot be.)
    // ORDERING: Acquire; pairs with the Release in `fenced`. So the `heavy` of the thread that set
    // `FENCED` happens before what the caller does next. (That thread may wait for another lock.)
    slot(address).fetch_add(ONE_PARKED, Acquire) & FENCED != 0
}

/// Parks the calling thread as [`parking::park_looking`] does, counted as a waiter of `key`. The
/// thread that unparks it takes it off the count, under the queue's lock.
///
/// `was_waker` says that it was the designated waker. `is_kept` says whether the lock may be kept
/// for another waiter. `wake` wakes the next waiter if the lock is free.
///
/// **The fence.** A heavy fence interrupts every core that runs this process. So a waiter first
/// sleeps for [`SHORT`] at most, without one. Nearly always the unlocker sees it all the same; if
/// not, the waiter has lost no more than that. Only then it calls `heavy`, looks again, and sleeps
/// until it is woken, all in its place in the queue. So only a waiter that has slept for a hundred
/// times a fence's cost runs one. Where the system refuses the fence, one waiter of the queue
/// watches. Where the fence is an ordinary one ([`fence::IS_CHEAP`]), a waiter runs it before it
/// parks.
///
/// A waiter that finds others counted, and `FENCED`, needs no fence of its own before it sleeps
/// until it is woken. Some thread has run the fence, and since that thread was counted the slot has
/// never been empty. So an unlocker either sees a count, and looks at the queue; or its release is
/// visible after that fence, and so to this thread too. The exception is a thread that was the
/// designated waker, or has ended a designation. Unlockers left because of the designation, so this
/// thread must see what they released.
///
/// # Safety
/// As for [`parking::park_looking`]. No thread moves it to another queue.
pub(crate) unsafe fn park(
    key: usize,
    token: ParkToken,
    was_waker: bool,
    deadline: Deadline,
    validate: impl FnOnce() -> bool,
    is_kept: impl Fn() -> bool,
    wake: impl Fn(),
) -> ParkResult {
    let is_fenced = count(key, was_waker) || fence::IS_CHEAP && fence::heavy();
    let is_sure = Cell::new(is_fenced);
    let is_first = Cell::new(!is_fenced);
    let first = (!is_fenced).then_some(SHORT);
    let has_fenced = Cell::new(false);
    let expects = || {
        // It is in the queue, so it has been counted since before the fence.
        if has_fenced.take() {
            fenced(key);
        }
        let is_refused = !is_sure.get() && !is_first.get();
        is_refused || lease::may_stall() && (has_waker_locked(key) || is_kept())
    };
    let look = |may_end| {
        is_first.set(false);
        let ended = may_end && end_designation(key);
        if ended || !is_sure.get() {
            has_fenced.set(fence::heavy());
            is_sure.set(has_fenced.get());
        }
        wake();
    };
    let look = Look {
        key,
        first,
        expects,
        look,
    };
    let timed_out = |_, _| remove(key);
    // SAFETY: the caller's promise is the same.
    let result = unsafe {
        parking::park_looking(
            key,
            token,
            deadline,
            validate,
            || false,
            timed_out,
            Some(look),
        )
    };
    if result == ParkResult::Invalid {
        remove(key);
    }
    result
}

/// The look of a thread that a condition variable has requeued to `key`.
pub(crate) fn look_requeued(key: usize, wake: impl Fn()) {
    if end_designation(key) {
        // Unlockers left because of the designation, so this look must see their releases. (A
        // requeued waiter looks again only if it is told to watch.)
        fence::heavy_or_wait();
    }
    wake();
}

/// In the child of a fork: no other thread waits, whatever the table says.
#[allow(dead_code, reason = "only where there is fork")]
pub(crate) fn begin_child() {
    for slot in slots() {
        // A slot that is zero already is left alone: each page that this writes is copied.
        // ORDERING: Relaxed; there is one thread.
        if slot.load(Relaxed) != 0 {
            // ORDERING: Relaxed; there is one thread.
            slot.store(0, Relaxed);
        }
    }
}

only_in_models! {
    /// Whether no thread is counted or parked, and none is a designated waker.
    pub fn no_thread_waits() -> bool {
        // ORDERING: Relaxed; the model's threads have ended, or not begun.
        crate::sys::model::lot::is_empty() && slots()[0].load(Relaxed) & CONTENT == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// (Without 64-bit atomics there are no tags.)
    #[test]
    #[cfg(target_has_atomic = "64")]
    fn slot_and_tag_are_the_whole_address() {
        const BITS: u32 = if ADDRESS_BITS < usize::BITS {
            ADDRESS_BITS
        } else {
            usize::BITS
        };
        let top: usize = 1 << (BITS - 1);
        let bits = (0..BITS).flat_map(|bit| [1 << bit, top | 1 << bit]);
        // Neighbours near the end of a program's addresses, where its stack is.
        let stack = top - top / 128..;
        let addresses: HashSet<usize> = bits.chain(stack.take(1 << 16)).collect();
        let place = |address: &usize| {
            let (slot, tag) = find(*address);
            assert_eq!(tag & CONTENT, 0, "the tag leaves room");
            (slot as *const AtomicState, tag)
        };
        let places: HashSet<_> = addresses.iter().map(place).collect();
        assert_eq!(places.len(), addresses.len());
    }

    #[test]
    fn neighbours_have_slots_of_their_own() {
        let slots: HashSet<_> = (0..1000)
            .map(|n| find(n * 8).0 as *const AtomicState)
            .collect();
        assert!(slots.len() > 900);
    }
}
