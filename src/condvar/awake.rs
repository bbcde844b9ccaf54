//! Spinning of a waiter before it sleeps, and yielding after it was woken.
//!
//! Two threads that alternate through two condition variables need 19 µs for two turns if both
//! sleep, and 2 µs if both spin (the `contention` benchmark's machine). So a waiter that is alone
//! first looks for [`LIMIT`] whether it has been notified. It is in the queue already. What it sees
//! only ends its spinning; the park decides whether it sleeps.
//!
//! Spinning is an investment. It is lost if no notification comes in time: because the wait is
//! long, or because the notifier needs this thread's processor. It is also lost if the thread loses
//! its processor meanwhile: a waiter that sleeps keeps its time slice, and gets a processor soon
//! after its wake-up. So when a time was lost at a condition variable, its waiters sleep at once
//! for the next [`PRICE`] times that time. So they lose at most one part in that many.

use crate::deadline::Deadline;

#[cfg(not(loom))]
use crate::primitive::{AtomicU32, Ordering::Relaxed, table};
#[cfg(not(loom))]
use crate::system::microseconds;

/// How long a waiter spins, in µs: about twice what a sleeping notifier needs to run and notify.
#[cfg(not(loom))]
const LIMIT: u32 = 20;

/// For how many times the lost time no waiter spins.
#[cfg(not(loom))]
const PRICE: u32 = 32;

/// The longest time without spinning, in microseconds: a stopped process may have lost hours.
#[cfg(not(loom))]
const LONGEST: u32 = 1_000_000;

/// The number of pauses between two looks: about a tenth of a microsecond.
#[cfg(not(loom))]
const PAUSES: u32 = 8;

/// A time without spinning. Both numbers are estimates, and so is a mixture of two that were
/// written at once. The clock wraps around after 71 minutes, which may repeat the time.
#[cfg(not(loom))]
struct Pause {
    /// In microseconds.
    start: AtomicU32,
    length: AtomicU32,
}

#[cfg(not(loom))]
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
            .store(lost.saturating_mul(PRICE).min(LONGEST), Relaxed);
    }
}

#[cfg(not(loom))]
const INDEX_BITS: u32 = 10;

// The pauses of the condition variables whose addresses share an index.
#[cfg(not(loom))]
table! { fn pauses() -> [Pause; 1 << INDEX_BITS], each Pause::new() }

/// Spins at the condition variable with this address until `notified` or time to sleep.
#[cfg(not(loom))]
pub(super) fn stay_awake(address: usize, deadline: Deadline, notified: impl Fn() -> bool) {
    let hash = (address as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let pause = &pauses()[(hash >> (u64::BITS - INDEX_BITS)) as usize];
    let start = microseconds();
    if pause.lasts(start) || cfg!(anteroom_without = "awake") {
        return;
    }
    let spin = || (0..PAUSES).for_each(|_| std::hint::spin_loop());
    let took = || microseconds().wrapping_sub(start);
    while !notified() && took() < LIMIT && !deadline.passed() {
        spin();
    }
    // The word changes under the queue's lock. Just afterwards the waiter is told not to sleep.
    spin();
    let took = took();
    if took >= LIMIT {
        pause.begin(start.wrapping_add(took), took);
    }
}

/// Yields to the holder if a woken waiter finds the lock held. Mostly that is the notifier, which
/// waits for this thread's processor.
#[cfg(not(loom))]
pub(super) fn let_holder_leave(is_held: impl Fn() -> bool) {
    if is_held() {
        crate::spin::give_way();
    }
}

/// In a model it would only repeat what sleeping explores.
#[cfg(loom)]
pub(super) fn stay_awake(_: usize, _: Deadline, _: impl Fn() -> bool) {}

/// In a model, when a thread runs is the model's choice.
#[cfg(loom)]
pub(super) fn let_holder_leave(_: impl Fn() -> bool) {}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn no_look_follows_a_lost_one_for_its_price() {
        let pause = Pause::new();
        assert!(!pause.lasts(0));
        pause.begin(u32::MAX - 5, 20);
        assert!(pause.lasts(u32::MAX - 5));
        assert!(pause.lasts(20 * PRICE - 7), "beyond the clock's wrap");
        assert!(!pause.lasts(20 * PRICE - 6));
    }

    #[test]
    fn a_pause_has_an_end_whatever_was_lost() {
        let pause = Pause::new();
        pause.begin(0, u32::MAX);
        assert!(pause.lasts(LONGEST - 1));
        assert!(!pause.lasts(LONGEST));
    }
}
