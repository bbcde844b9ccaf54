//! Spinning of a waiter before it sleeps, and yielding after it was woken.
//!
//! Two threads that alternate through two condition variables need 19 µs for two turns if both
//! sleep, and 2 µs if both spin (the `contention` benchmark's machine). So a waiter that is alone
//! first looks for [`AWAKE`] whether it has been notified. It is in the queue already. What it sees
//! only ends its spinning; the park decides whether it sleeps.
//!
//! Spinning is an investment. It is lost if no notification comes in time: because the wait is
//! long, or because the notifier needs this thread's processor. It is also lost if the thread loses
//! its processor meanwhile: a waiter that sleeps keeps its time slice, and gets a processor soon
//! after its wake-up. So when a time was lost at a condition variable, its waiters sleep at once
//! for the next [`AWAKE_BREAK`] times that time, but not longer than for [`AWAKE_LONGEST`].
//! So they lose at most one part in that many, unless a single loss takes longer than 31 ms.

use super::{AWAKE, AWAKE_BREAK, AWAKE_LONGEST, AWAKE_PAUSES};
use crate::sys::deadline::Deadline;
use crate::sys::system::microseconds;
use crate::sys::{AtomicU32, Ordering::Relaxed, table, without};

/// A time without spinning. Both numbers are estimates, and so is a mixture of two that were
/// written at once. The clock wraps around after 71 minutes, which may repeat the time.
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

// The pauses of the condition variables whose addresses share an index.
table! { fn pauses() -> [Pause; 1 << INDEX_BITS], each Pause::new() }

/// Spins at the condition variable with this address until `notified` or time to sleep.
pub(crate) fn stay_awake(address: usize, deadline: Deadline, notified: impl Fn() -> bool) {
    let hash = (address as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let pause = &pauses()[(hash >> (u64::BITS - INDEX_BITS)) as usize];
    let start = microseconds();
    if pause.lasts(start) || without::AWAKE {
        return;
    }
    let spin = || (0..AWAKE_PAUSES).for_each(|_| std::hint::spin_loop());
    let took = || microseconds().wrapping_sub(start);
    while !notified() && took() < AWAKE && !deadline.passed() {
        spin();
    }
    // A notifier changes the word under the queue's lock, and releases the waiter just afterwards.
    // If that has happened after one more pause, the waiter does not sleep at all.
    spin();
    let took = took();
    if took >= AWAKE {
        pause.begin(start.wrapping_add(took), took);
    }
}

/// Yields if a woken waiter finds the lock held. Mostly the notifier holds it, and waits for the
/// processor on which this thread runs.
pub(crate) fn let_holder_leave(is_held: impl Fn() -> bool) {
    if is_held() {
        crate::policy::spin::give_way();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_look_follows_a_lost_one_for_its_price() {
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
