//! The table that tells an unlocker about waiters, without touching the lock.
//!
//! A mutex is free the moment its byte is zero, and from then on its memory may be gone. So what an
//! unlocker must know lives elsewhere: in a table that is never freed, in the slot that the lock's
//! address hashes to.
//!
//! ```text
//! 63      29   28        3   2       1       0
//! +----------+------------+------+-------+-------+
//! |   tag    |   parked   | SEEN | EAGER | AWAKE |
//! +----------+------------+------+-------+-------+
//! ```
//!
//! - **`parked`** is at least the number of threads that are parked in the queues of the addresses
//!   that share the slot. It may be more (a thread counts itself before it parks; two addresses
//!   collide), which costs an unlocker a needless look at a queue. A thread that takes another one
//!   out of a queue, under that queue's lock, takes it off the count too.
//! - **`SEEN`** says that no unlocker can miss the count: one of the counted threads has run the
//!   heavy fence ([`park`]). It falls when `parked` comes to zero. So only the first of a crowd has
//!   to run one.
//! - **`AWAKE`** says that the lock whose tag stands there has a designated waker: a woken thread that
//!   has neither acquired the lock nor parked again. Until then no other thread is woken for it: a
//!   second one could only get in the first one's way, and a wake-up costs many critical sections.
//!   Slot and tag together are the whole address, so a collision never says this of another lock.
//! - **`EAGER`** says that a woken thread did not get the lock and has waited for long. It falls with
//!   the next handoff, or when no thread is parked.
//!
//! The duty to wake the next one passes from the unlocker that sees `AWAKE` to the designated waker. It
//! takes the lock, and then its own unlock sees those who are parked; or it parks again, and then it
//! looks at the lock after it has cleared the mark, just as every waiter looks after it has counted
//! itself.
//!
//! ## Watchers
//! A woken thread may be stopped before it runs (a signal handler, a debugger, a starved priority). No
//! other waiter may depend on it for longer than a lease lasts ([`lease`](crate::lease)).
//! So there is an invariant, for each lock:
//!
//! > **W.** While a thread is on its way to the lock that was woken or is kept the lock for, and others
//! > are parked behind it, one of those *watches*: it sleeps for [`lease::LONGEST`] at most.
//!
//! When its nap ends, a watcher *looks*: it ends the mark `AWAKE`, and if the lock is free, wakes
//! the first in the queue, as an unlocker does. It does so from its own place in the queue, and
//! naps again while a thread is on its way. If the lock is held, its holder will wake a waiter, for
//! the mark is gone. The parking lot keeps W, under the queue's lock:
//! 1. A thread that parks while another is on its way ([`Look::expects`]) watches, unless one does.
//! 2. A thread that wakes one, and leaves others parked of which none watches, tells one of them to
//!    watch: the one that sleeps for good, which is the first if there is one, or else the last.
//! 3. A watcher that gives up tells another one, if a thread is on its way.
//!
//! **A watcher may be stopped, too**, and so may any number of them. So each that is parked behind
//! others looks now and then, and if a thread is on its way, it watches from then on. That is so
//! rare that all of them together look eight times a second ([`lease::ROUND`]). So if waiters that
//! are stopped have a free lock between them, one that runs has it after 128 ms for each that is
//! parked, and 6 ms for each that was woken in vain. (Not those that were moved there by a
//! condition variable: they look only when they are told to.)
//!
//! **Addresses that do not fit** in slot and tag (57-bit mappings, tagged pointers; all where there are
//! no 64-bit atomics) have no marks. There every unlock wakes a waiter.

use crate::deadline::Deadline;
use crate::fence;
use crate::lease;
use crate::parking::{self, Look, ParkResult, ParkToken};
use crate::primitive::Ordering::{Acquire, Relaxed, Release};
use crate::primitive::{AtomicState, State, table};
use std::cell::Cell;
use std::time::Duration;

/// A collision costs a needless look at a queue, so there are many more slots than locks that are
/// likely to be waited for at once. In a model every address collides with every other.
const INDEX_BITS: u32 = if cfg!(loom) { 0 } else { 13 };

/// Of an address. One that does not fit into so many is never marked `AWAKE`.
const ADDRESS_BITS: u32 = if HAS_TAGS { 48 } else { INDEX_BITS };
const TAG_BITS: u32 = ADDRESS_BITS - INDEX_BITS;
const HAS_TAGS: bool = State::BITS == 64;

const AWAKE: State = 1;
const EAGER: State = 2;
const SEEN: State = 4;
const ONE_PARKED: State = 8;
/// Everything but the tag.
const SOMEBODY: State = State::MAX >> TAG_BITS;
const PARKED: State = SOMEBODY & !(ONE_PARKED - 1);

table! { fn slots() -> [AtomicState; 1 << INDEX_BITS], each AtomicState::new(0) }

/// The slot of an address, and its tag there.
#[inline(always)]
fn find(address: usize) -> (&'static AtomicState, State) {
    // Fibonacci hashing: the high bits of the product depend on every bit of the address; and since
    // the factor is odd, different addresses have different products.
    let hash = (address as u64).wrapping_mul(0x9E37_79B9_7F4B) & ((1 << 48) - 1);
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

/// Whether somebody may be waiting for the lock at this address, parked or awake.
#[inline(always)]
pub(crate) fn any(address: usize) -> bool {
    // ORDERING: Relaxed; the fence pair between the caller's release and this load decides what it must
    // see.
    slot(address).load(Relaxed) & SOMEBODY != 0
}

/// Whether this state says that a thread is awake for that lock.
fn says_awake(state: State, address: usize, tag: State) -> bool {
    fits(address) && state & AWAKE != 0 && state & !SOMEBODY == tag
}

/// Whether a thread is marked as awake for the lock at this address.
pub(crate) fn is_awake(address: usize) -> bool {
    let (slot, tag) = find(address);
    // ORDERING: as in `any`.
    says_awake(slot.load(Relaxed), address, tag)
}

/// As [`is_awake`], under the queue's lock.
pub(crate) fn is_awake_locked(address: usize) -> bool {
    let (slot, tag) = find(address);
    let state = if cfg!(loom) {
        // What is seen late would only make the search longer.
        // ORDERING: as below.
        slot.fetch_or(0, Relaxed)
    } else {
        // ORDERING: Relaxed; the mark is set under the queue's lock, and may fall late.
        slot.load(Relaxed)
    };
    says_awake(state, address, tag)
}

/// `threads` more are parked there.
pub(crate) fn add(address: usize, threads: usize) {
    // ORDERING: Relaxed; those who woke the first of them will see it.
    slot(address).fetch_add(threads as State * ONE_PARKED, Relaxed);
}

/// The caller, who is counted, has called `heavy` since.
fn seen(address: usize) {
    // ORDERING: Release, for `count`.
    slot(address).fetch_or(SEEN, Release);
}

/// The state with one thread less that is parked. (In a child that was forked in the middle of a wait,
/// by a signal handler, there may be none to take away.)
fn less_one(state: State) -> State {
    let state = match state & PARKED {
        0 => state,
        _ => state - ONE_PARKED,
    };
    match state & PARKED {
        0 => state & !(SEEN | EAGER),
        _ => state,
    }
}

/// One thread is parked there no more.
pub(crate) fn remove(address: usize) {
    change(address, |state| Some(less_one(state)));
}

/// Returns whether there was a change.
fn change(address: usize, next: impl Fn(State) -> Option<State>) -> bool {
    // ORDERING: Relaxed, both; seen late, it costs an unlocker one look at a queue. And an unlocker that
    // leaves because of a mark needs to see nothing else.
    slot(address).fetch_update(Relaxed, Relaxed, next).is_ok()
}

/// One thread is parked there no more, for it is being woken. If it is now marked as awake, which
/// this returns, it must call [`got_it`] or park again.
pub(crate) fn wake(address: usize) -> bool {
    let (_, tag) = find(address);
    let marked = Cell::new(false);
    change(address, |state| {
        let state = less_one(state);
        marked.set(state & AWAKE == 0 && fits(address));
        Some(match marked.get() {
            true => state & SOMEBODY | tag | AWAKE,
            false => state,
        })
    });
    marked.get()
}

/// The caller is about to park, was awake in vain before, and has waited for long.
pub(crate) fn hurry(address: usize) {
    // ORDERING: Relaxed; seen late, it is a delay.
    slot(address).fetch_or(EAGER, Relaxed);
}

/// Whether a thread that waits for a lock with this slot has waited for long, and in vain.
pub(crate) fn is_eager(address: usize) -> bool {
    // ORDERING: as in `any`.
    slot(address).load(Relaxed) & EAGER != 0
}

/// One thread is parked there no more, for the lock is kept for it.
pub(crate) fn hand_over(address: usize) {
    change(address, |state| Some(less_one(state) & !EAGER));
}

/// The thread that is awake has got the lock.
pub(crate) fn got_it(address: usize) {
    // ORDERING: Relaxed; it comes before our own unlock, which looks at the same slot.
    slot(address).fetch_and(!AWAKE, Relaxed);
}

/// Ends the mark of the lock at this address. Returns whether there was one: then a woken thread
/// has not come while a nap lasted, so the waiters are in a hurry.
fn end_mark(address: usize) -> bool {
    let (_, tag) = find(address);
    let ended = |state| {
        let eager = if state & PARKED == 0 { 0 } else { EAGER };
        says_awake(state, address, tag).then_some(state & !AWAKE | eager)
    };
    change(address, ended)
}

/// How long a counted waiter sleeps before it makes sure that it is seen: about a hundred heavy
/// fences.
const SHORT: Duration = Duration::from_millis(1);

/// Counts the caller, and ends the mark if it `was_awake`. Returns whether every unlocker that
/// releases after this sees the count.
fn count(address: usize, was_awake: bool) -> bool {
    if was_awake {
        change(address, |state| Some((state & !AWAKE) + ONE_PARKED));
        return false;
    }
    // (One step: loom does not see that an exchange after a load of one's own is in the way of
    // another thread's earlier load.)
    // ORDERING: Acquire pairs with `seen`: the `heavy` before that comes before what the caller
    // does next. (The thread that called it may wait for another lock, and not look at the
    // caller's.)
    slot(address).fetch_add(ONE_PARKED, Acquire) & SEEN != 0
}

/// Parks the calling thread as [`parking::park_looking`] does, counted as a waiter of `key`. The
/// thread that unparks it takes it off the count, under the queue's lock.
///
/// `was_awake` says that it was marked as awake. `is_kept` says whether the lock may be kept for
/// another waiter, beside marks. `wake` wakes the next waiter if the lock is free.
///
/// **Sure to be seen.** A heavy fence interrupts every core that runs this process. So a waiter
/// first sleeps for [`SHORT`] at most, without one: nearly always the unlocker sees it all the
/// same, and if not, it has lost no more than that. Only then does it call `heavy`, look again, and
/// sleep for good, all in its place in the queue. The fence never costs more than a small part of
/// the wait. Where the system refuses it, one waiter watches. Where it is cheap, it comes first.
///
/// A waiter that finds others counted, and `SEEN`, may sleep for good at once: the slot has not
/// been empty since the fence of one of them, so every unlocker either comes before that fence,
/// which then shows what it did to this thread too, or it looks at the queue. The exception is a
/// thread that was awake, or has ended a mark: unlockers left because of that, and it must see what
/// they did.
///
/// # Safety
/// As for [`parking::park`]. No thread moves it to another queue.
pub(crate) unsafe fn park(
    key: usize,
    token: ParkToken,
    was_awake: bool,
    deadline: Deadline,
    validate: impl FnOnce() -> bool,
    is_kept: impl Fn() -> bool,
    wake: impl Fn(),
) -> ParkResult {
    let is_seen = count(key, was_awake) || fence::IS_CHEAP && fence::heavy();
    let is_sure = Cell::new(is_seen);
    let is_first = Cell::new(!is_seen);
    let first = (!is_seen).then_some(SHORT);
    let has_fenced = Cell::new(false);
    let expects = || {
        // It is in the queue, so it has been counted since before the fence.
        if has_fenced.take() {
            seen(key);
        }
        let is_refused = !is_sure.get() && !is_first.get();
        is_refused || lease::may_stall() && (is_awake_locked(key) || is_kept())
    };
    let look = |may_end| {
        is_first.set(false);
        let ended = may_end && end_mark(key);
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
        parking::park_looking(key, token, deadline, validate, || {}, timed_out, Some(look))
    };
    if result == ParkResult::Invalid {
        remove(key);
    }
    result
}

/// What a thread does that a condition variable has moved to the queue of `key`, when it looks.
pub(crate) fn look_moved(key: usize, wake: impl Fn()) {
    if end_mark(key) {
        // It may not look again.
        fence::heavy_or_wait();
    }
    wake();
}

/// In the child of a fork: no other thread waits here, whatever the table says.
#[cfg(all(unix, not(any(loom, miri))))]
pub(crate) fn begin_child() {
    for slot in slots() {
        // Zero is not written: each page that this writes to is copied.
        // ORDERING: Relaxed; there is one thread.
        if slot.load(Relaxed) != 0 {
            // ORDERING: as above.
            slot.store(0, Relaxed);
        }
    }
}

/// For models: whether nobody is counted, or parked, or marked as awake.
#[cfg(loom)]
pub fn nobody_waits() -> bool {
    // ORDERING: Relaxed; the model's threads have ended, or not begun.
    crate::primitive::modeled::lot::is_empty() && slots()[0].load(Relaxed) & SOMEBODY == 0
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn slot_and_tag_are_the_whole_address() {
        let top = 1 << (ADDRESS_BITS - 1);
        let bits = (0..ADDRESS_BITS).flat_map(|bit| [1 << bit, top | 1 << bit]);
        let addresses: HashSet<usize> = bits.chain(0x7F00_0000_0000..0x7F00_0001_0000).collect();
        let place = |address: &usize| {
            let (slot, tag) = find(*address);
            assert_eq!(tag & SOMEBODY, 0, "the tag leaves room");
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
