//! When a release is a direct handoff, and when it leaves the lock to any thread.
//!
//! A handoff leaves the lock idle until its new holder runs, so handoffs must be rare. They also
//! bound the wait of the first thread in the queue, so they must be certain. So while a starved
//! waiter exists, there is one handoff in each *handoff interval* ([`FAIRNESS`]): one at most, at
//! the first release after it; or the first [sampled](is_sampled) one, while another thread is on
//! its way.
//!
//! Source: the fairness clocks of parking_lot's queues (A. d'Antras, 2016), which are random there.

use super::{FAIRNESS, HANDOFF_SAMPLE};
use crate::sys::system::microseconds;
use crate::sys::{AtomicU32, Ordering::Relaxed, table, without};
use crate::tokens;
use std::cell::Cell;

const INDEX_BITS: u32 = 10;

// When the last handoff of the locks whose addresses share an index was, in microseconds. Locks
// that share one share its handoffs. The clock wraps around after 71 minutes, which may delay a
// handoff by one interval. A fork changes nothing: the clock goes on in the child.
table! { fn last_handoffs() -> [AtomicU32; 1 << INDEX_BITS], each AtomicU32::new(0) }

fn last_handoff(address: usize) -> &'static AtomicU32 {
    &last_handoffs()[tokens::index(address, INDEX_BITS)]
}

/// Whether the handoff interval of the lock at this address is over.
pub(crate) fn due(address: usize) -> bool {
    // ORDERING: Relaxed, here and below; a time, which orders nothing.
    let passed = microseconds().wrapping_sub(last_handoff(address).load(Relaxed));
    passed >= FAIRNESS || without::INTERVAL
}

/// Whether a release is one of those that may take a little longer: one call in
/// [`HANDOFF_SAMPLE`].
pub(crate) fn is_sampled() -> bool {
    thread_local! { static ASKED: Cell<u32> = const { Cell::new(0) }; }
    let asked = ASKED.get().wrapping_add(1);
    ASKED.set(asked);
    asked.is_multiple_of(HANDOFF_SAMPLE)
}

/// Records a handoff that happens now.
pub(crate) fn record(address: usize) {
    // ORDERING: Relaxed; see `due`.
    last_handoff(address).store(microseconds(), Relaxed);
}
