//! The table that tells an unlocker that somebody waits, without touching the lock.
//!
//! A mutex is free the moment its byte is zero, and from then on its memory may be gone. So the number of its
//! waiters lives elsewhere: in a table that is never freed, in the slot that its address hashes to.
//!
//! **Invariant.** A slot is at least the number of threads that are parked in the queues of the addresses that
//! share it. It may be more (a thread counts itself before it parks; two addresses collide), which costs an
//! unlocker a needless look at a queue. Whoever takes a thread out of a queue, under that queue's lock, takes
//! it off the count too.

use crate::deadline::Deadline;
use crate::fence;
use crate::parking::{self, ParkResult, ParkToken};
use crate::primitive::{AtomicU32, Ordering::Relaxed, table};
use std::time::Duration;

/// A collision costs a needless look at a queue, so there are many more slots than locks that are likely to be waited
/// for at once. In a model every address collides with every other.
#[cfg(not(loom))]
const SLOTS: usize = 4096;
#[cfg(loom)]
const SLOTS: usize = 1;

table! { fn counts() -> [AtomicU32; SLOTS], each AtomicU32::new(0) }

/// The slot of an address.
#[inline(always)]
fn slot(address: usize) -> &'static AtomicU32 {
    // Fibonacci hashing: the high bits of the product depend on every bit of the address.
    let hash = (address as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 48;
    &counts()[hash as usize % SLOTS]
}

/// Whether somebody may be waiting for the lock at this address.
#[inline(always)]
pub(crate) fn any(address: usize) -> bool {
    // ORDERING: Relaxed; the fence pair between the caller's release and this load decides what it must see.
    slot(address).load(Relaxed) != 0
}

/// `threads` more wait there.
pub(crate) fn add(address: usize, threads: usize) {
    // ORDERING: Relaxed; a thread that adds itself calls `fence::heavy` before it relies on being seen.
    slot(address).fetch_add(threads as u32, Relaxed);
}

/// One thread waits there no more.
pub(crate) fn remove_one(address: usize) {
    // ORDERING: Relaxed; seen late, it costs an unlocker one look at a queue.
    slot(address).fetch_sub(1, Relaxed);
}

/// How long a counted waiter sleeps before it makes sure that it is seen, so that it rarely has to.
///
/// A heavy fence interrupts every core that runs this process. So a waiter first sleeps for [`Nap::SHORT`] at most,
/// without one: nearly always the unlocker sees it all the same, and if not, it has lost no more than that.
/// Only then does it call `heavy`, look again, and sleep for good. The fence never costs more than a tenth of
/// the wait.
pub(crate) struct Nap(Duration);

impl Nap {
    /// About ten heavy fences.
    const SHORT: Duration = Duration::from_micros(100);

    /// The longest that a waiter sleeps where the system refuses heavy fences, so that it can never be sure.
    const LONG: Duration = Duration::from_millis(10);

    pub(crate) fn new() -> Self {
        Nap(Self::SHORT)
    }

    /// How long to sleep now. If that is until the deadline, every unlocker that releases after this sees the caller,
    /// who has counted itself before.
    fn limit(&self, deadline: Deadline) -> Deadline {
        match self.0 > Self::SHORT && fence::heavy() {
            true => deadline,
            false => deadline.min(Deadline::after(self.0)),
        }
    }
}

/// Parks the calling thread as [`parking::park`] does, counted as a waiter of `key`.
///
/// Whoever unparks it takes it off the count, under the queue's lock. It may return `TimedOut` before the deadline,
/// because its nap is over.
///
/// # Safety
/// As for [`parking::park`]. Nobody moves the thread to another queue.
pub(crate) unsafe fn park(
    key: usize,
    token: ParkToken,
    deadline: Deadline,
    nap: &mut Nap,
    validate: impl FnOnce() -> bool,
) -> ParkResult {
    add(key, 1);
    // After `heavy`, an unlocker that `validate` does not see sees the count.
    let limit = nap.limit(deadline);
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

/// For models: whether nobody is counted, or parked.
#[cfg(loom)]
pub fn nobody_waits() -> bool {
    let [count] = counts();
    // ORDERING: Relaxed; the model's threads have ended, or not begun.
    crate::primitive::modeled::lot::is_empty() && count.load(Relaxed) == 0
}
