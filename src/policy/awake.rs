//! Waiting awake before a thread sleeps, where another thread's work ends the wait; and yielding
//! after it was woken.
//!
//! Two threads that alternate through a condition variable need 5 to 20 µs for a turn if both
//! sleep, and 0.4 µs if both stay awake (the `contention` benchmark's machines). So before a waiter
//! sleeps, it looks again and again, for the time [`AWAKE`], whether it has been woken. (It is in
//! its queue already.) Threads that wait for permits, messages, bytes or room look whether they can
//! go on. If the wait ends meanwhile, no thread sleeps, and none has to be woken by the kernel.
//!
//! The other thread may need this thread's processor. So the waiter yields again and again: then
//! the other one runs, and since both can run, the kernel moves one to another processor before
//! long.
//!
//! Staying awake is an investment. It is lost if no wake-up comes in time: because the wait is
//! long, or because a yield gave the processor to other work for long. So when some time was lost
//! at an address, no waiter there stays awake for [`AWAKE_BREAK`] times as long, or for
//! [`AWAKE_LONGEST`] if that is shorter. So at most one part in `AWAKE_BREAK` of the time is lost,
//! unless a single loss takes longer than 31 ms.

use super::spin::{give_way, most_spinning};
use super::{AWAKE, AWAKE_BREAK, AWAKE_LONGEST, AWAKE_PAUSES};
use crate::sys::system::microseconds;
use crate::sys::{AtomicU32, Ordering::Relaxed, table, without};
use crate::tokens;

/// A time in which no waiter stays awake. Both numbers are estimates. If two threads write at once,
/// a mixture of both remains, which is an estimate too. The clock wraps around after 71 minutes:
/// then a pause that is long over may seem to last once more.
struct Pause {
    /// In microseconds.
    start: AtomicU32,
    length: AtomicU32,
}

impl Pause {
    const fn new() -> Self {
        Pause {
            start: AtomicU32::new(0),
            length: AtomicU32::new(0),
        }
    }

    fn lasts(&self, now: u32) -> bool {
        // ORDERING: Relaxed, here and below; times, which order nothing.
        now.wrapping_sub(self.start.load(Relaxed)) < self.length.load(Relaxed)
    }

    fn begin(&self, now: u32, lost: u32) {
        // ORDERING: Relaxed; see `lasts`.
        self.start.store(now, Relaxed);
        // ORDERING: Relaxed; see `lasts`.
        self.length
            .store(lost.saturating_mul(AWAKE_BREAK).min(AWAKE_LONGEST), Relaxed);
    }
}

const INDEX_BITS: u32 = 10;

// The pauses of the addresses that share an index.
table! { fn pauses() -> [Pause; 1 << INDEX_BITS], each Pause::new() }

/// Looks again and again whether the thread that waits at this address `is_woken`, until it is or
/// until it is time to sleep. Returns whether it is woken.
pub(crate) fn stay_awake(address: usize, mut is_woken: impl FnMut() -> bool) -> bool {
    let pause = &pauses()[tokens::index(address, INDEX_BITS)];
    let start = microseconds();
    if pause.lasts(start) || most_spinning() == 0 || without::AWAKE {
        return is_woken();
    }
    let mut took = 0;
    while took < AWAKE {
        for _ in 0..AWAKE_PAUSES {
            if is_woken() {
                return true;
            }
            std::hint::spin_loop();
        }
        give_way();
        took = microseconds().wrapping_sub(start);
    }
    pause.begin(start.wrapping_add(took), took);
    is_woken()
}

/// Yields if a waiter that was woken, or whose time is up, finds the lock held. Mostly the notifier
/// holds it, and waits for the processor on which this thread runs.
pub(crate) fn let_holder_leave(is_held: impl Fn() -> bool) {
    if is_held() {
        give_way();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_stays_awake_after_a_loss_for_its_price() {
        let pause = Pause::new();
        assert!(!pause.lasts(0));
        pause.begin(u32::MAX - 5, 20);
        assert!(pause.lasts(u32::MAX - 5));
        assert!(pause.lasts(20 * AWAKE_BREAK - 7), "beyond the clock's wrap");
        assert!(!pause.lasts(20 * AWAKE_BREAK - 6));
    }

    #[test]
    fn a_pause_has_an_end_whatever_was_lost() {
        let pause = Pause::new();
        pause.begin(0, u32::MAX);
        assert!(pause.lasts(AWAKE_LONGEST - 1));
        assert!(!pause.lasts(AWAKE_LONGEST));
    }
}
