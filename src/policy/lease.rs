//! How long a lock is kept for one waiter that does not come.
//!
//! A waiter may be stopped at any time: by a signal handler, a debugger, `SIGSTOP`, or because its
//! priority is starved. So whatever is kept for one waiter is kept on a *lease*: a lock reserved by
//! a direct handoff, or the front waiter's reservation of permits. When the lease is over, any
//! thread may take it. No thread owns anything before it has run.
//!
//! The lock's word stores the beginning of the lease in few bits: the clock's count of [`TICK`]s
//! modulo `kinds`. So an abandoned lease looks young again for three ticks in `kinds`, which delays
//! a thread that looks just then by as much.

pub(crate) use super::ROUND;
use super::{TICK, TICKS};
use crate::sys::system::microseconds;
use std::time::Duration;

/// The longest time that a lease lasts. A watcher that sleeps for so long finds it over.
pub(crate) const LONGEST: Duration = Duration::from_micros((TICKS as u64) << TICK);

/// The time now, modulo `kinds`, which is a power of two.
fn tick(kinds: u32) -> u32 {
    (microseconds() >> TICK) % kinds
}

/// The stored beginning of a lease that begins now.
pub(crate) fn begin(kinds: u32) -> u32 {
    tick(kinds)
}

/// Whether the lease that began at `begun` is over.
pub(crate) fn is_over(begun: u32, kinds: u32) -> bool {
    is_over_at(tick(kinds), begun, kinds)
}

fn is_over_at(tick: u32, begun: u32, kinds: u32) -> bool {
    tick.wrapping_sub(begun) % kinds >= TICKS
}

/// Whether a waiter may be stopped, and needs watchers ([`crate::waiters`]). Always true here.
pub(crate) fn may_stall() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_lasts_four_milliseconds_at_least() {
        let least = Duration::from_micros(u64::from((TICKS - 1) << TICK));
        assert!(least >= Duration::from_millis(4), "{least:?}");
    }

    #[test]
    fn a_lease_ends_after_three_ticks_also_where_the_clock_wraps() {
        for begun in 0..16 {
            let over = |ticks| is_over_at((begun + ticks) % 16, begun, 16);
            assert!(!(0..TICKS).any(over));
            assert!((TICKS..16).all(over));
        }
    }
}
