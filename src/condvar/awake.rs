//! Staying awake for a while before a waiter sleeps.
//!
//! Two threads that hand a turn to and fro need 28 µs for each turn if both sleep, and half a microsecond if both
//! stay awake. So a waiter that found nobody waiting looks for a while whether it has been notified. It is in the queue
//! already: what it sees only ends its looking, and whether it sleeps is for the park to decide.
//!
//! If the time is up in vain, it was lost. So each thread remembers how its waits went, and where staying awake has
//! not been paying it does so ever more rarely: once in 128 waits at last. That is so for waits that are long, and
//! also where both threads run on one core: there, sleeping is what lets the other one run, and a turn takes a
//! microsecond.

use crate::deadline::Deadline;

#[cfg(not(loom))]
crate::primitive::thread_locals! {
    static HISTORY: std::cell::Cell<history::History> =
        std::cell::Cell::new(history::History::EMPTY);
}

/// Pauses until `notified`, or until it is time to sleep.
#[cfg(not(loom))]
pub(super) fn stay_awake(deadline: Deadline, notified: impl Fn() -> bool) {
    let mut history = HISTORY.get();
    let worth_trying = history.worth_trying() || cfg!(anteroom_without = "history");
    if worth_trying && !cfg!(anteroom_without = "awake") {
        history.remember(look(deadline, notified));
    }
    HISTORY.set(history);
}

/// In a model it would only repeat what sleeping explores.
#[cfg(loom)]
pub(super) fn stay_awake(_: Deadline, _: impl Fn() -> bool) {}

/// Whether it was notified in time.
#[cfg(not(loom))]
fn look(deadline: Deadline, notified: impl Fn() -> bool) -> bool {
    let mut spin = crate::spin::Spin::unyielding();
    while !notified() {
        if deadline.passed() || !spin.again() {
            return false;
        }
    }
    // The word changes under the queue's lock, and just afterwards the waiter is told not to sleep.
    spin.again();
    true
}

/// What a thread remembers of its waits.
#[cfg(not(loom))]
mod history {
    /// A notification in time is worth so many in vain: one thread that sleeps makes the other one's looking vain too,
    /// and both must not give up for that.
    const GAIN: i8 = 4;
    const MOST: i8 = 64;
    /// At its least, one wait in `2^-LEAST` is tried.
    const LEAST: i8 = -7;

    #[derive(Clone, Copy)]
    pub(super) struct History {
        /// How well it has been going.
        score: i8,
        /// How many more waits go to sleep at once.
        skip: u8,
    }

    impl History {
        pub(super) const EMPTY: Self = History {
            score: GAIN,
            skip: 0,
        };

        /// Whether this wait should be tried awake.
        pub(super) fn worth_trying(&mut self) -> bool {
            let worth_trying = self.skip == 0;
            self.skip = self.skip.saturating_sub(1);
            worth_trying
        }

        /// How a wait that was tried awake went.
        pub(super) fn remember(&mut self, in_time: bool) {
            self.score = match in_time {
                true => (self.score.max(0) + GAIN).min(MOST),
                false => (self.score - 1).max(LEAST),
            };
            self.skip = (1 << -self.score.min(0)) - 1;
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        /// How many of so many waits, all in vain, are tried.
        fn tries(history: &mut History, waits: usize) -> usize {
            let mut tried = 0;
            for _ in 0..waits {
                if history.worth_trying() {
                    tried += 1;
                    history.remember(false);
                }
            }
            tried
        }

        #[test]
        fn waits_in_vain_are_tried_ever_more_rarely() {
            let mut history = History::EMPTY;
            // Four at once, then after 1, 3, 7 … 127 others.
            assert_eq!(tries(&mut history, 5 + 2 + 4 + 8 + 16 + 32 + 64), 11);
            assert_eq!(tries(&mut history, 10 * 128), 10);
        }

        #[test]
        fn one_success_makes_up_for_all_failures() {
            let mut history = History::EMPTY;
            tries(&mut history, 1000);
            history.remember(true);
            assert_eq!(tries(&mut history, GAIN as usize), GAIN as usize);
        }

        #[test]
        fn a_thread_that_was_lucky_for_long_bears_some_bad_luck() {
            let mut history = History::EMPTY;
            (0..100).for_each(|_| history.remember(true));
            assert_eq!(tries(&mut history, MOST as usize), MOST as usize);
            assert!(tries(&mut history, 1000) < 20);
        }
    }
}
