//! The table that tells an unlocker about waiters, without touching the lock.
//!
//! A mutex is free the moment its byte is zero, and from then on its memory may be gone. So what an
//! unlocker must know lives elsewhere: in a table that is never freed, in the slot that the lock's
//! address hashes to.
//!
//! ```text
//! 63      29   28        5   4        3     2       1       0
//! +----------+------------+----------+------+-------+-------+
//! |   tag    |   parked   | watching | SEEN | EAGER | AWAKE |
//! +----------+------------+----------+------+-------+-------+
//! ```
//!
//! - **`parked`** is at least the number of threads that are parked in the queues of the addresses
//!   that share the slot. It may be more (a thread counts itself before it parks; two addresses
//!   collide), which costs an unlocker a needless look at a queue. A thread that takes another one
//!   out of a queue, under that queue's lock, takes it off the count too.
//! - **`SEEN`** says that no unlocker can miss the count: one of the counted threads has run the heavy
//!   fence ([`Nap`]). It falls when `parked` comes to zero. So only the first of a crowd has to run one.
//! - **`AWAKE`** says that the lock whose tag stands there has a designated waker: a woken thread that
//!   has neither acquired the lock nor parked again. Until then no other thread is woken for it: a
//!   second one could only get in the first one's way, and a wake-up costs many critical sections.
//!   Slot and tag together are the whole address, so a collision never says this of another lock.
//! - **`EAGER`** says that a woken thread did not get the lock and has waited for long. It falls with
//!   the next handoff, or when no thread is parked.
//! - **`watching`** counts threads that park for that lock with a nap, up to three: see *Watchers*.
//!
//! The duty to wake the next one passes from the unlocker that sees `AWAKE` to the designated waker. It
//! takes the lock, and then its own unlock sees those who are parked; or it parks again, and then it
//! looks at the lock after it has cleared the mark, just as every waiter looks after it has counted
//! itself.
//!
//! ## Watchers
//! A woken thread may be stopped before it runs (a signal handler, a debugger, a starved priority). No
//! other waiter may depend on it for longer than a lease lasts ([`lease`]).
//! So there is an invariant, for each lock:
//!
//! > **W.** While a thread is on its way to the lock that was woken or is kept the lock for, and others
//! > are parked behind it, one of those *watches*: it sleeps for [`lease::LIMIT`] at most.
//!
//! When its nap ends, a watcher ends the mark `AWAKE`, looks at the lock, and takes it if it is free. If
//! the lock is held, its holder will wake a waiter, for the mark is gone. Four rules keep W:
//! 1. A waiter's first sleep is a nap, while fewer than three watch. So where waits are short, as they
//!    mostly are, there is always a watcher, and it costs nothing.
//! 2. A waiter parks for good only if the lock is not kept for a waiter, or if there is a watcher. It
//!    decides that under the queue's lock, as all those decide who are about to wake one.
//! 3. A thread that wakes a waiter, or finds `AWAKE` when it unlocks, and finds no watcher beside parked
//!    ones, *calls* one: it wakes the last in the queue, which parks again at once, with a nap.
//! 4. A watcher that gives up calls another one, if the lock is still kept for a waiter.
//!
//! Watchers are called at most once in a few milliseconds for each lock, for the last in the queue
//! watches until its nap ends.
//!
//! **A watcher may be stopped, too**, and so may any number of them. A waiter that is asleep for good
//! when the lock is released, and is not woken then, can be reached by no thread but itself. So each
//! that is parked behind others *looks*: it wakes by itself, ends the mark, and if the lock is free,
//! leaves the queue and takes it ([`park_looking`](parking::park_looking)). That is so rare that all of
//! them together look eight times a second, and each keeps its place in the queue. So if waiters that
//! are stopped have a free lock between them, one that runs has it after 128 ms for each that is parked.
//! (Not those that were moved there by a condition variable: they have no limit of their own. They
//! depend on one of three threads: the one that was woken, the watcher, or the next to unlock.)
//!
//! **Addresses that do not fit** in slot and tag (57-bit mappings, tagged pointers; all where there are
//! no 64-bit atomics) have no marks and no watchers. There every unlock wakes a waiter, and no waiter
//! sleeps for longer than [`lease::LIMIT`].

use crate::deadline::Deadline;
use crate::fence;
use crate::fork;
use crate::lease;
use crate::parking::{self, ParkResult, ParkToken};
use crate::primitive::Ordering::{Acquire, Relaxed, Release};
use crate::primitive::{AtomicState, State, table};
use std::cell::Cell;
use std::time::Duration;

/// A collision costs a needless look at a queue, so there are many more slots than locks that are
/// likely to be waited for at once. In a model every address collides with every other.
const INDEX_BITS: u32 = if cfg!(loom) { 0 } else { 13 };

/// Of an address. One that does not fit into so many is never marked `AWAKE`, nor watched.
const ADDRESS_BITS: u32 = if HAS_TAGS { 48 } else { INDEX_BITS };
const TAG_BITS: u32 = ADDRESS_BITS - INDEX_BITS;
const HAS_TAGS: bool = State::BITS == 64;

const AWAKE: State = 1;
const EAGER: State = 2;
const SEEN: State = 4;
const ONE_WATCHING: State = 8;
const WATCHING: State = 3 * ONE_WATCHING;
const ONE_PARKED: State = 32;
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
pub(crate) fn fits(address: usize) -> bool {
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

/// What a slot says of one lock.
#[derive(Clone, Copy)]
pub(crate) struct Says {
    /// A thread is marked as awake for it.
    pub(crate) awake: bool,
    /// A thread that waits for it watches.
    pub(crate) watched: bool,
    /// Others may be parked for it, and none of them watches.
    pub(crate) unwatched: bool,
}

fn says(state: State, address: usize, tag: State) -> Says {
    let fits = fits(address);
    let is_mine = fits && state & !SOMEBODY == tag;
    let watched = is_mine && state & WATCHING != 0;
    Says {
        awake: is_mine && state & AWAKE != 0,
        watched,
        unwatched: fits && !watched && state & PARKED != 0 && lease::may_stall(),
    }
}

/// What the slot says of the lock at this address.
pub(crate) fn look(address: usize) -> Says {
    let (slot, tag) = find(address);
    // ORDERING: as in `any`.
    says(slot.load(Relaxed), address, tag)
}

/// Whether no thread watches for the lock at this address, where one could. Under the queue's lock.
pub(crate) fn needs_watcher(address: usize) -> bool {
    lease::may_stall() && fits(address) && !look_locked(address).watched
}

/// As [`look`], under the queue's lock.
fn look_locked(address: usize) -> Says {
    let (slot, tag) = find(address);
    let state = if cfg!(loom) {
        // What is seen late would only make the search longer.
        // ORDERING: as below.
        slot.fetch_or(0, Relaxed)
    } else {
        // ORDERING: Relaxed; flags are set under the queue's lock, and one that falls may be seen late.
        slot.load(Relaxed)
    };
    says(state, address, tag)
}

/// Whether the tag in this state is that lock's, or can become that.
fn is_mine(state: State, address: usize, tag: State) -> bool {
    let is_free = state & (AWAKE | WATCHING) == 0;
    fits(address) && (is_free || state & !SOMEBODY == tag)
}

/// The state with one more thread that watches, if there is room for it.
fn one_more_watching(state: State, address: usize, tag: State) -> Option<State> {
    let has_room = is_mine(state, address, tag) && state & WATCHING < MOST_WATCHING;
    has_room.then_some((state & SOMEBODY | tag) + ONE_WATCHING)
}

/// In a model, one is enough: more would only make the search longer.
const MOST_WATCHING: State = if cfg!(loom) { ONE_WATCHING } else { WATCHING };

/// A thread that is about to park for the lock at this address with a nap, or that is told to, watches
/// from now on. False if there is no room: then it does not.
pub(crate) fn watch(address: usize) -> bool {
    let (slot, tag) = find(address);
    let next = |state| one_more_watching(state, address, tag);
    // ORDERING: Relaxed, both; an unlocker that finds no watcher calls one.
    slot.fetch_update(Relaxed, Relaxed, next).is_ok()
}

/// A thread that watched does so no more.
pub(crate) fn unwatch(address: usize) {
    change(address, less_watching);
}

/// The state with one thread less that watches.
fn less_watching(state: State) -> State {
    match state & WATCHING {
        0 => state,
        _ => state - ONE_WATCHING,
    }
}

/// `threads` more are parked there.
pub(crate) fn add(address: usize, threads: usize) {
    // ORDERING: Relaxed; those who woke the first of them will see it.
    slot(address).fetch_add(threads as State * ONE_PARKED, Relaxed);
}

/// The caller, who is counted, has called `heavy` since.
fn seen(address: usize) {
    // ORDERING: Release, for `Nap::begin`.
    slot(address).fetch_or(SEEN, Release);
}

/// The state with one thread less that is parked. (In a child that was forked in the middle of a wait,
/// by a signal handler, there may be none to take away.)
fn less_one(state: State, watching: bool) -> State {
    let state = match state & PARKED {
        0 => state,
        _ => state - ONE_PARKED,
    };
    let state = if watching {
        less_watching(state)
    } else {
        state
    };
    match state & PARKED {
        0 => state & !(SEEN | EAGER),
        _ => state,
    }
}

/// One thread is parked there no more, nor does it watch, if it did. Returns what the slot then says.
pub(crate) fn remove(address: usize, watching: bool) -> Says {
    change(address, |state| less_one(state, watching))
}

fn change(address: usize, next: impl Fn(State) -> State) -> Says {
    let (slot, tag) = find(address);
    // ORDERING: Relaxed, both; seen late, it costs an unlocker one look at a queue. And an unlocker that
    // leaves because of a mark needs to see nothing else.
    let before = slot.fetch_update(Relaxed, Relaxed, |state| Some(next(state)));
    says(before.map_or(0, next), address, tag)
}

/// One thread is parked there no more, for it is being woken. If it is now marked as awake, and then the
/// first of these is true, it must call [`got_it`] or park again.
pub(crate) fn wake(address: usize, watching: bool) -> (bool, Says) {
    let (_, tag) = find(address);
    let marked = Cell::new(false);
    let says = change(address, |state| {
        let state = less_one(state, watching);
        marked.set(state & AWAKE == 0 && is_mine(state, address, tag));
        match marked.get() {
            true => state & SOMEBODY | tag | AWAKE,
            false => state,
        }
    });
    (marked.get(), says)
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
pub(crate) fn hand_over(address: usize, watching: bool) -> Says {
    change(address, |state| less_one(state, watching) & !EAGER)
}

/// The thread that is awake has got the lock.
pub(crate) fn got_it(address: usize) {
    // ORDERING: Relaxed; it comes before our own unlock, which looks at the same slot.
    slot(address).fetch_and(!AWAKE, Relaxed);
}

/// Ends the mark of the lock at this address, if there is one.
fn end_mark(address: usize) {
    let (_, tag) = find(address);
    change(address, |state| {
        let ended = says(state, address, tag).awake;
        state & if ended { !AWAKE } else { !0 }
    });
}

/// The nap of a watcher is over: it is parked there no more. If there is a mark, the thread that is awake
/// has not come: the mark ends, and another one may be woken. Returns whether there was one.
fn end_nap(address: usize) -> bool {
    let (_, tag) = find(address);
    let ended = Cell::new(false);
    change(address, |state| {
        ended.set(says(state, address, tag).awake);
        less_one(state, true) & if ended.get() { !AWAKE } else { !0 }
    });
    ended.get()
}

/// What a thread is that parks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Neither of these.
    Running,
    /// Marked as awake.
    Awake,
    /// Called to watch, and counted as watching already.
    Called,
}

/// How long a counted waiter sleeps before it makes sure that it is seen, so that it rarely has to.
///
/// A heavy fence interrupts every core that runs this process. So a waiter first sleeps for
/// [`Nap::SHORT`] at most, without one: nearly always the unlocker sees it all the same, and if not, it
/// has lost no more than that. Only then does it call `heavy`, look again, and sleep for good. The
/// fence never costs more than a small part of the wait.
///
/// A waiter that finds others counted, and `SEEN`, may sleep for good at once: the slot has not been
/// empty since the fence of one of them, so every unlocker either comes before that fence, which then
/// shows what it did to this thread too, or it looks at the queue. The exception is a thread that has
/// been awake, or has watched: unlockers left because of that, and it must see what they did. So this
/// holds only for the first sleep of a call.
pub(crate) struct Nap {
    next: Duration,
    is_first: bool,
    /// Whether the last one ended a mark: a thread that was woken did not come.
    ended_mark: bool,
    /// Whether the caller has been awake or a watcher.
    is_relied_on: bool,
    /// Whether the lock was kept for another waiter, without a watcher, when this was about to sleep for
    /// good.
    must: bool,
}

/// One sleep.
struct Sleep {
    limit: Deadline,
    is_for_good: bool,
    watching: bool,
}

impl Nap {
    /// About a hundred heavy fences.
    const SHORT: Duration = Duration::from_millis(1);

    /// The longest that a waiter sleeps where the system refuses heavy fences, so that it can never be
    /// sure.
    const LONG: Duration = Duration::from_millis(10);

    pub(crate) fn new() -> Self {
        Nap {
            next: Self::SHORT,
            is_first: true,
            ended_mark: false,
            is_relied_on: false,
            must: false,
        }
    }

    /// Whether others may have left to this thread what they would have done.
    pub(crate) fn is_relied_on(&self) -> bool {
        self.is_relied_on
    }

    /// Whether a thread for which others were to wait did not come.
    pub(crate) fn ended_mark(&self) -> bool {
        self.ended_mark
    }

    /// Counts the caller, and says how it may sleep now. If that is until the deadline, every unlocker
    /// that releases after this sees that a thread is parked. `may_watch` says that it can be a watcher.
    fn begin(&mut self, key: usize, role: Role, may_watch: bool, deadline: Deadline) -> Sleep {
        fork::watch();
        let is_short = self.next == Self::SHORT;
        let is_first = std::mem::take(&mut self.is_first);
        let (slot, tag) = find(key);
        // ORDERING: Acquire, both, pairs with `seen`: the `heavy` before that comes before what the
        // caller does next. (The thread that called it may wait for another lock, and not look at the
        // caller's.)
        let before = match role {
            // ORDERING: as above.
            Role::Running | Role::Called => slot.fetch_add(ONE_PARKED, Acquire),
            Role::Awake => {
                let next = |state| Some((state & !AWAKE) + ONE_PARKED);
                // ORDERING: as above.
                slot.fetch_update(Acquire, Relaxed, next).unwrap_or(0)
            }
        };
        let is_seen = is_first && before & SEEN != 0;
        let may_watch = may_watch && lease::may_stall();
        let before = says(before, key, tag);
        let is_kept = before.awake && !before.watched && role != Role::Awake;
        let must = std::mem::take(&mut self.must) || may_watch && is_kept;
        let watching = role == Role::Called || may_watch && (must || is_short) && watch(key);
        let nap = |length| Sleep {
            limit: deadline.min(Deadline::after(length)),
            is_for_good: false,
            watching,
        };
        self.is_relied_on |= watching || role == Role::Awake;
        let fits = !may_watch || fits(key);
        if is_short && !is_seen {
            return nap(Self::SHORT);
        }
        if watching || must || !fits {
            return nap(lease::LIMIT);
        }
        if !is_seen {
            if !fence::heavy() {
                return nap(self.next);
            }
            seen(key);
        }
        Sleep {
            limit: deadline,
            is_for_good: true,
            watching,
        }
    }
}

/// Parks the calling thread as [`parking::park`] does, counted as a waiter of `key`. It waits for no
/// other waiter, so it needs no watcher.
///
/// The thread that unparks it takes it off the count, under the queue's lock. It may return `TimedOut`
/// before the deadline, because its nap is over.
///
/// # Safety
/// As for [`parking::park`]. No thread moves it to another queue.
pub(crate) unsafe fn park(
    key: usize,
    token: ParkToken,
    deadline: Deadline,
    nap: &mut Nap,
    validate: impl FnOnce() -> bool,
) -> ParkResult {
    let sleep = nap.begin(key, Role::Running, false, deadline);
    let look = None::<fn() -> bool>;
    // SAFETY: the caller's promise is the same.
    unsafe { park_for(key, token, sleep, deadline, nap, validate, || false, look) }
}

/// As [`park`], of a thread in this role, where the lock may be kept from this thread for another
/// waiter, beside marks: `is_left` says whether no thread is inside, be it kept or free. If it says so
/// when the thread looks, the result is `TimedOut`. `tokens` are what it parks with, and what it parks
/// with if it watches, which the thread that unparks it passes on ([`remove`], [`wake`],
/// [`hand_over`]).
///
/// # Safety
/// As for [`park`].
pub(crate) unsafe fn park_watched(
    key: usize,
    tokens: [ParkToken; 2],
    role: Role,
    deadline: Deadline,
    nap: &mut Nap,
    validate: impl FnOnce() -> bool,
    is_left: impl Fn() -> bool,
) -> ParkResult {
    let sleep = nap.begin(key, role, true, deadline);
    let token = tokens[usize::from(sleep.watching)];
    let must_nap = || {
        if !lease::may_stall() {
            return false;
        }
        let says = look_locked(key);
        !says.watched && (says.awake || is_left())
    };
    let look = || {
        // The thread that it is the mark of has not come, nor has a watcher. Were it only slow, one
        // thread too many would be woken.
        end_mark(key);
        is_left()
    };
    // SAFETY: the caller's promise is the same.
    unsafe {
        park_for(
            key,
            token,
            sleep,
            deadline,
            nap,
            validate,
            must_nap,
            Some(look),
        )
    }
}

/// # Safety
/// As for [`park`].
#[allow(
    clippy::too_many_arguments,
    reason = "what both kinds of waiters need, in one place"
)]
unsafe fn park_for(
    key: usize,
    token: ParkToken,
    sleep: Sleep,
    deadline: Deadline,
    nap: &mut Nap,
    validate: impl FnOnce() -> bool,
    must_nap: impl FnOnce() -> bool,
    look: Option<impl FnMut() -> bool>,
) -> ParkResult {
    let mut must = false;
    // An unlocker that `validate` does not see then sees the count.
    let validate = || {
        validate() && {
            must = sleep.is_for_good && must_nap();
            !must
        }
    };
    let timed_out = |_, _| {
        // If its own time is up, it has not waited for long enough. (A model cannot tell.)
        let is_nap = cfg!(loom) || sleep.limit.instant() != deadline.instant();
        if sleep.watching && is_nap {
            nap.ended_mark = end_nap(key);
        } else {
            remove(key, sleep.watching);
        }
    };
    let limit = sleep.limit;
    let look = look.filter(|_| sleep.is_for_good);
    // SAFETY: the caller's promise is the same.
    let result = unsafe { parking::park_looking(key, token, limit, validate, timed_out, look) };
    nap.must = must;
    match result {
        ParkResult::Invalid => drop(remove(key, sleep.watching)),
        ParkResult::TimedOut => nap.next = (2 * nap.next).min(Nap::LONG),
        ParkResult::Unparked(_) => nap.next = Nap::SHORT,
    }
    result
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
