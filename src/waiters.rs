//! The table that tells an unlocker that somebody waits, without touching the lock.
//!
//! A mutex is free the moment its byte is zero, and from then on its memory may be gone. So the number of its
//! waiters lives elsewhere: in a table that is never freed, in the slot that its address hashes to.
//!
//! **Invariant.** A slot is at least the number of threads that are parked in the queues of the addresses that
//! share it. It may be more (a thread counts itself before it parks; two addresses collide), which costs an
//! unlocker a needless look at a queue. Whoever takes a thread out of a queue, under that queue's lock, takes
//! it off the count too.

use crate::primitive::{AtomicU32, Ordering::Relaxed, waiter_counts};

/// The slot of an address.
#[inline(always)]
fn slot(address: usize) -> &'static AtomicU32 {
    // Fibonacci hashing: the high bits of the product depend on every bit of the address.
    let hash = (address as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 48;
    let counts = waiter_counts();
    &counts[hash as usize % counts.len()]
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
