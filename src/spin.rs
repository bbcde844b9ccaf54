//! Spinning for a bounded time before a thread parks.
//!
//! Parking and waking cost some ten microseconds; a lock that is held for less than that is better waited for
//! awake. But a spinning waiter takes a core that the holder may need, and reads the holder's cache line, so
//! it backs off: the pause doubles each round.

/// One thread's attempts while it waits in one call.
pub(crate) struct Spin {
    round: u32,
}

impl Spin {
    /// Rounds of 1, 2, 4 … pauses: together about 3 µs. Chosen by the `contended` benchmark.
    #[cfg(not(loom))]
    const ROUNDS: u32 = 7;

    /// In a model a spinning thread only repeats what parking explores.
    #[cfg(loom)]
    const ROUNDS: u32 = 0;

    pub(crate) fn new() -> Self {
        Spin { round: 0 }
    }

    /// Pauses and returns true, or returns false when it is time to park.
    pub(crate) fn again(&mut self) -> bool {
        if self.round == Self::ROUNDS {
            return false;
        }
        for _ in 0..1 << self.round {
            std::hint::spin_loop();
        }
        self.round += 1;
        true
    }
}
