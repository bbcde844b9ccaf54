//! When a lock is handed over, instead of being released for whoever takes it first.
//!
//! A hand-over leaves the lock idle until the thread that has it runs, so it must stay rare; and it
//! is what bounds the wait of the first in the queue, so it must come for certain. So while threads
//! wait for long, it is their turn every [`TURN`]: at most that often, and at the next release
//! after that.
//!
//! As in parking_lot, whose queues have such clocks too (A. d'Antras, 2016); there they are random.

use crate::primitive::{AtomicU32, Ordering::Relaxed, table};
use crate::system::microseconds;
use std::cell::Cell;

/// In microseconds: about ten times what it takes a sleeping thread to run, on the machine of the
/// `contention` benchmark.
const TURN: u32 = 500;

/// Reading the clock takes longer than a short critical section, so where it is asked at every
/// release, one in so many reads it.
const SAMPLE: u32 = 16;

const INDEX_BITS: u32 = 10;

// When the last turn of the locks whose addresses share an index was, in microseconds. Two locks
// that share one halve their turns. It wraps around after an hour, which may delay a turn by one.
// In the child of a fork the clock goes on, and so do the turns.
table! { fn last_turns() -> [AtomicU32; 1 << INDEX_BITS], each AtomicU32::new(0) }

fn last_turn(address: usize) -> &'static AtomicU32 {
    let hash = (address as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    &last_turns()[(hash >> (u64::BITS - INDEX_BITS)) as usize]
}

/// Whether it is time for a turn of those who wait for the lock at this address.
pub(crate) fn due(address: usize) -> bool {
    // ORDERING: Relaxed, here and below: a time that decides who gets the mutex, and orders
    // nothing.
    let passed = microseconds().wrapping_sub(last_turn(address).load(Relaxed));
    passed >= TURN || cfg!(anteroom_without = "interval")
}

/// As [`due`], for callers that ask it all the time.
pub(crate) fn due_by_sample(address: usize) -> bool {
    thread_local! { static ASKED: Cell<u32> = const { Cell::new(0) }; }
    let asked = ASKED.get().wrapping_add(1);
    ASKED.set(asked);
    asked.is_multiple_of(SAMPLE) && due(address)
}

/// There was a turn just now.
pub(crate) fn taken(address: usize) {
    // ORDERING: as in `due`.
    last_turn(address).store(microseconds(), Relaxed);
}
