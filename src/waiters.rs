//! The table that tells an unlocker that somebody waits, without touching the lock.
//!
//! A mutex is free the moment its byte is zero, and from then on its memory may be gone. So what an unlocker must know
//! lives elsewhere: in a table that is never freed, in the slot that the lock's address hashes to.
//!
//! ```text
//! 63      29   28        3      2       1       0
//! +----------+------------+------+-------+-------+
//! |   tag    |   parked   | SEEN | EAGER | AWAKE |
//! +----------+------------+------+-------+-------+
//! ```
//!
//! - **`parked`** is at least the number of threads that are parked in the queues of the addresses that
//!   share the slot. It may be more (a thread counts itself before it parks; two addresses collide), which costs an
//!   unlocker a needless look at a queue. Whoever takes a thread out of a queue, under that queue's lock, takes
//!   it off the count too.
//! - **`SEEN`** says that no unlocker can miss it that somebody is parked, since the time when one of those who are made
//!   sure of it ([`Nap`]). It falls when `parked` comes to zero. So only the first of a crowd has to make sure.
//! - **`AWAKE`** says that a thread was woken for the lock whose tag stands there, and has neither got the lock nor gone
//!   back to sleep. Until then nobody else is woken for it: a second thread could only get in the first one's way, and a
//!   wake-up costs many critical sections. Slot and tag together are the whole address, so a collision never says
//!   this of another lock.
//! - **`EAGER`** says that such a thread did not get the lock, went back to sleep, and has waited for long. It falls with
//!   the next hand-over, or when nobody is parked.
//!
//! The duty to wake the next one passes from the unlocker that sees `AWAKE` to the thread that is awake. It takes the
//! lock, and then its own unlock sees those who are parked; or it parks again, and then it looks at the lock after it
//! has cleared the mark, just as every waiter looks after it has counted itself.

use crate::deadline::Deadline;
use crate::fence;
use crate::fork;
use crate::parking::{self, ParkResult, ParkToken};
use crate::primitive::Ordering::{Acquire, Relaxed, Release};
use crate::primitive::{AtomicU64, table};
use std::time::Duration;

/// A collision costs a needless look at a queue, so there are many more slots than locks that are likely to be waited
/// for at once. In a model every address collides with every other.
const INDEX_BITS: u32 = if cfg!(loom) { 0 } else { 13 };

/// Of an address. One that does not fit into so many is never marked `AWAKE`.
const ADDRESS_BITS: u32 = 48;
const TAG_BITS: u32 = ADDRESS_BITS - INDEX_BITS;

const AWAKE: u64 = 1;
const EAGER: u64 = 2;
const SEEN: u64 = 4;
const ONE_PARKED: u64 = 8;
const TAG_SHIFT: u32 = u64::BITS - TAG_BITS;
/// Everything but the tag.
const SOMEBODY: u64 = (1 << TAG_SHIFT) - 1;

table! { fn slots() -> [AtomicU64; 1 << INDEX_BITS], each AtomicU64::new(0) }

/// The slot of an address, and its tag there.
#[inline(always)]
fn find(address: usize) -> (&'static AtomicU64, u64) {
    // Fibonacci hashing: the high bits of the product depend on every bit of the address; and since the factor is odd,
    // different addresses have different products.
    let hash = (address as u64).wrapping_mul(0x9E37_79B9_7F4B) & ((1 << ADDRESS_BITS) - 1);
    let index = (hash >> TAG_BITS) as usize;
    (&slots()[index], hash << TAG_SHIFT)
}

/// Whether slot and tag are the whole address.
fn fits(address: usize) -> bool {
    address as u64 >> ADDRESS_BITS == 0
}

#[inline(always)]
fn slot(address: usize) -> &'static AtomicU64 {
    find(address).0
}

/// Whether somebody may be waiting for the lock at this address, parked or awake.
#[inline(always)]
pub(crate) fn any(address: usize) -> bool {
    // ORDERING: Relaxed; the fence pair between the caller's release and this load decides what it must see.
    slot(address).load(Relaxed) & SOMEBODY != 0
}

/// Whether a thread is marked as awake for the lock at this address.
pub(crate) fn is_awake(address: usize) -> bool {
    let (slot, tag) = find(address);
    // ORDERING: as in `any`.
    let state = slot.load(Relaxed);
    fits(address) && state & AWAKE != 0 && state & !SOMEBODY == tag
}

/// `threads` more are parked there. Returns whether every unlocker sees it.
pub(crate) fn add(address: usize, threads: usize) -> bool {
    // ORDERING: Acquire pairs with `seen`: the `heavy` before that comes before what the caller does next. (Whoever called
    // it may wait for another lock, and not look at the caller's.)
    slot(address).fetch_add(threads as u64 * ONE_PARKED, Acquire) & SEEN != 0
}

/// The caller, who is counted, has called `heavy` since.
fn seen(address: usize) {
    // ORDERING: Release, for `add`.
    slot(address).fetch_or(SEEN, Release);
}

/// The state with one thread less that is parked.
fn less_one(state: u64) -> u64 {
    let state = state - ONE_PARKED;
    match state & SOMEBODY {
        0..ONE_PARKED => state & !(SEEN | EAGER),
        _ => state,
    }
}

/// One thread is parked there no more.
pub(crate) fn remove_one(address: usize) {
    // ORDERING: Relaxed, both; seen late, it costs an unlocker one look at a queue.
    let _ = slot(address).fetch_update(Relaxed, Relaxed, |state| Some(less_one(state)));
}

/// One thread is parked there no more, for it is being woken. Returns whether it is now marked as awake, and then it must
/// call [`got_it`] or park again.
pub(crate) fn wake(address: usize) -> bool {
    let (slot, tag) = find(address);
    let mut marked = false;
    let next = |state| {
        marked = state & AWAKE == 0 && fits(address);
        let state = less_one(state);
        Some(if marked {
            state & SOMEBODY | tag | AWAKE
        } else {
            state
        })
    };
    // ORDERING: Relaxed, both; an unlocker that leaves because of the mark needs to see nothing else.
    let _ = slot.fetch_update(Relaxed, Relaxed, next);
    marked
}

/// The caller is about to park, has been awake before, and has waited for long.
pub(crate) fn hurry(address: usize) {
    // ORDERING: Relaxed; seen late, it is a delay.
    slot(address).fetch_or(EAGER, Relaxed);
}

/// Whether somebody who waits for a lock with this slot has waited for long, and in vain.
pub(crate) fn is_eager(address: usize) -> bool {
    // ORDERING: as in `any`.
    slot(address).load(Relaxed) & EAGER != 0
}

/// One thread is parked there no more, for it is handed the lock.
pub(crate) fn hand_over(address: usize) {
    let next = |state| Some(less_one(state) & !EAGER);
    // ORDERING: as in `remove_one`.
    let _ = slot(address).fetch_update(Relaxed, Relaxed, next);
}

/// The thread that was awake is about to park again.
fn asleep_again(address: usize) {
    let next = |state| Some((state & !AWAKE) + ONE_PARKED);
    // ORDERING: Relaxed, as in `add`.
    let _ = slot(address).fetch_update(Relaxed, Relaxed, next);
}

/// The thread that is awake has got the lock.
pub(crate) fn got_it(address: usize) {
    // ORDERING: Relaxed; it comes before our own unlock, which looks at the same slot.
    slot(address).fetch_and(!AWAKE, Relaxed);
}

/// How long a counted waiter sleeps before it makes sure that it is seen, so that it rarely has to.
///
/// A heavy fence interrupts every core that runs this process. So a waiter first sleeps for [`Nap::SHORT`] at most,
/// without one: nearly always the unlocker sees it all the same, and if not, it has lost no more than that.
/// Only then does it call `heavy`, look again, and sleep for good. The fence never costs more than a small part of
/// the wait.
///
/// Whoever finds others counted, and them `SEEN`, may sleep for good at once: the slot has not been empty since the fence of
/// one of them, so every unlocker either comes before that fence, which then shows what it did to this thread too, or it
/// looks at the queue. The exception is a thread that was awake: unlockers left because of its mark, and it must see
/// what they did. So it is also where its first sleep, without a fence, is over, and it is not marked any more.
pub(crate) struct Nap(Duration);

impl Nap {
    /// About a hundred heavy fences.
    const SHORT: Duration = Duration::from_millis(1);

    /// The longest that a waiter sleeps where the system refuses heavy fences, so that it can never be sure.
    const LONG: Duration = Duration::from_millis(10);

    pub(crate) fn new() -> Self {
        Nap(Self::SHORT)
    }

    /// Counts the caller, and says how long it may sleep now. If that is until the deadline, every unlocker that releases
    /// after this sees that somebody is parked.
    fn begin(&self, key: usize, awake: bool, deadline: Deadline) -> Deadline {
        let first = self.0 == Self::SHORT;
        if awake {
            asleep_again(key);
        } else if add(key, 1) && first {
            return deadline;
        }
        if first || !fence::heavy() {
            return deadline.min(Deadline::after(self.0));
        }
        seen(key);
        deadline
    }
}

/// Parks the calling thread as [`parking::park`] does, counted as a waiter of `key`, and no longer marked as awake if it
/// was.
///
/// Whoever unparks it takes it off the count, under the queue's lock. It may return `TimedOut` before the deadline,
/// because its nap is over.
///
/// # Safety
/// As for [`parking::park`]. Nobody moves the thread to another queue.
pub(crate) unsafe fn park(
    key: usize,
    token: ParkToken,
    awake: bool,
    deadline: Deadline,
    nap: &mut Nap,
    validate: impl FnOnce() -> bool,
) -> ParkResult {
    fork::watch();
    // An unlocker that `validate` does not see then sees the count.
    let limit = nap.begin(key, awake, deadline);
    let timed_out = |_, _| remove_one(key);
    // SAFETY: the caller's promise is the same.
    let result = unsafe { parking::park(key, token, limit, validate, || {}, timed_out) };
    match result {
        ParkResult::Invalid => remove_one(key),
        ParkResult::TimedOut => nap.0 = (2 * nap.0).min(Nap::LONG),
        ParkResult::Unparked(_) => *nap = Nap::new(),
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
            (slot as *const AtomicU64, tag)
        };
        let places: HashSet<_> = addresses.iter().map(place).collect();
        assert_eq!(places.len(), addresses.len());
    }

    #[test]
    fn neighbours_have_slots_of_their_own() {
        let slots: HashSet<_> = (0..1000)
            .map(|n| find(n * 8).0 as *const AtomicU64)
            .collect();
        assert!(slots.len() > 900);
    }
}
