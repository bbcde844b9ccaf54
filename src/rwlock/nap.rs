//! How long a waiter sleeps before it looks for itself.
//!
//! A woken thread may not run: a signal handler, a debugger or `SIGSTOP` has stopped it, or its priority is starved. A
//! lock that is free must not depend on it (RW9 in [`super::raw`]). So each waiter looks at the lock after each nap. It
//! leaves the queue when it has found twice that the lock is free or reserved, and then takes it. Until then it keeps its
//! place.
//!
//! A nap lasts for [`NAP`], and longer the more threads nap, so that a crowd spends little on it: some four
//! thousand looks a second in all. In a crowd another waiter's nap is over so much the sooner.

use std::time::Duration;

/// About a hundred times what it takes a woken thread to run on the machine of the `contention` benchmark.
const NAP: Duration = Duration::from_millis(4);

/// So many waiters nap for [`NAP`] each.
const CROWD: u32 = 16;

#[cfg(not(loom))]
use crate::primitive::{AtomicUsize, Ordering::Relaxed};

/// How many threads of this process nap.
#[cfg(not(loom))]
static NAPPING: AtomicUsize = AtomicUsize::new(0);

/// A thread that naps is counted as long as this lives.
pub(super) struct Nap(());

impl Nap {
    pub(super) fn new() -> Self {
        #[cfg(not(loom))]
        // ORDERING: Relaxed, here and below: a number that only stretches naps.
        NAPPING.fetch_add(1, Relaxed);
        Nap(())
    }

    /// How long a nap lasts now.
    pub(super) fn length(&self) -> Duration {
        #[cfg(not(loom))]
        // ORDERING: as above.
        let napping = NAPPING.load(Relaxed);
        #[cfg(loom)]
        let napping = 0;
        let crowd = u32::try_from(napping).map_or(u32::MAX, |all| all / CROWD);
        NAP.saturating_mul(crowd.saturating_add(1))
    }
}

impl Drop for Nap {
    fn drop(&mut self) {
        #[cfg(not(loom))]
        // ORDERING: as above.
        NAPPING.fetch_sub(1, Relaxed);
    }
}

/// In the child of a fork: no thread naps.
#[cfg(all(unix, not(any(loom, miri))))]
pub(super) fn begin_child() {
    // ORDERING: as above; there is one thread.
    NAPPING.store(0, Relaxed);
}
