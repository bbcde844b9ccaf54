//! Spinning for a bounded time before a thread parks, where it waits for a lock. (Where it waits
//! for another thread's work, it stays [`awake`](super::awake).)
//!
//! To park and be woken takes about 50 µs; to acquire a lock that has just become free, 0.1 µs. So
//! a waiter first looks again: after one pause, two, four …, then every quarter of a microsecond,
//! for [`SPIN`] in all. If the lock becomes free meanwhile, no sleep is needed. If not, the
//! spinning costs a part of what the sleep does.
//!
//! **More threads than processors.** A spinning waiter needs a processor, and so does the holder.
//! So after its first looks a waiter spins on only while fewer threads of this process spin than
//! there are other processors. Else it parks at once. (A woken thread spins on in any case.) A
//! spinning thread yields once in every [`SLICE`], for threads of which it knows nothing. And a
//! waiter yields before it parks. With many threads, the holder has probably lost its processor
//! within a short critical section, and parking before it runs again would leave a processor idle.
//!
//! **Hot locks** ([`Spin::hot`]). Where critical sections and the gaps between them are tiny, two
//! threads that alternate spend their time moving the lock's cache line; it is better that one runs
//! at a time. A thread that acquires a lock after a wait, and waits again within [`HOT`], concludes
//! that the lock is hot. The next [`QUIET_TURNS`] times that it has to wait, it leaves the lock
//! alone for [`QUIET`] before it looks. Readers that count themselves in one word wait only for its
//! cache line. But with writers among them they wait for it as often, so the same holds. A hot
//! semaphore is left alone for less ([`QUIET_FOR_PERMITS`]).

use super::{HEAT_SAMPLE, HOT, QUIET_TURNS, SLICE, SPIN, SPIN_PAUSES, YIELDS};
use crate::sys::fork;
use crate::sys::system;
use crate::sys::{AtomicUsize, Ordering::Relaxed, thread_locals, without};
use std::cell::Cell;
use std::hint;
use std::time::{Duration, Instant};

pub(crate) use super::{QUIET, QUIET_FOR_PERMITS};
pub(crate) use crate::sys::system::give_way;

/// The number of threads that spin beyond their first looks.
static SPINNING: AtomicUsize = AtomicUsize::new(0);

/// The number of processors but the one on which the holder runs. It is counted once, or by several
/// threads at once: a `OnceLock` half filled at a fork stays so in the child.
pub(super) fn most_spinning() -> usize {
    const UNKNOWN: usize = usize::MAX;
    static MOST: AtomicUsize = AtomicUsize::new(UNKNOWN);
    // ORDERING: Relaxed, here and below; a number by itself, the same from every thread.
    match MOST.load(Relaxed) {
        UNKNOWN => {
            let most = system::processors().saturating_sub(1);
            // ORDERING: Relaxed; see above.
            MOST.store(most, Relaxed);
            most
        }
        most => most,
    }
}

/// What a thread remembers of its last waits.
#[derive(Clone, Copy)]
struct Heat {
    waits: u32,
    quiet_turns: u32,
    /// When the last wait ended, if that is to be measured.
    got_it: Option<Instant>,
}

thread_locals! {
    static GAVE_WAY: Cell<Option<Instant>> = Cell::new(None);
    static HEAT: Cell<Heat> = Cell::new(Heat { waits: 0, quiet_turns: 0, got_it: None });
}

/// One thread's attempts while it waits in one call.
pub(crate) struct Spin {
    pauses: u32,
    /// How often it may still yield.
    yields: u32,
    /// Since when this thread is counted in `SPINNING`: mostly since its first looks were over.
    counted: Option<Instant>,
    /// The process in which it was counted ([`fork::generation`]).
    generation: usize,
    /// Whether the lock is hot and has been left alone.
    rested: bool,
}

impl Spin {
    pub(crate) fn new() -> Self {
        Spin {
            pauses: 1,
            yields: YIELDS,
            counted: None,
            generation: 0,
            rested: false,
        }
    }

    /// Without yields: for a wait in which threads acquire one after the other, or that another
    /// thread ends of its own accord. There a yield may take whole time slices of others.
    pub(crate) fn unyielding() -> Self {
        Spin {
            yields: 0,
            ..Spin::new()
        }
    }

    /// For a thread that has just been woken. It always counts as a spinner, to keep others off.
    pub(crate) fn woken() -> Self {
        fork::watch();
        // ORDERING: Relaxed; see `count`.
        SPINNING.fetch_add(1, Relaxed);
        Spin {
            counted: Some(Instant::now()),
            generation: fork::generation(),
            ..Spin::new()
        }
    }

    /// For a lock that may be hot: then it is left alone for so long. If the wait ends well, call
    /// [`got_it`](Self::got_it).
    pub(crate) fn hot(quiet: Duration) -> Self {
        if without::REST {
            return Spin::new();
        }
        let mut spin = Spin::new();
        let mut heat = HEAT.get();
        if heat.got_it.take().is_some_and(|then| then.elapsed() < HOT) {
            heat.quiet_turns = QUIET_TURNS;
        }
        if heat.quiet_turns > 0 {
            heat.quiet_turns -= 1;
            spin.rested = true;
        }
        HEAT.set(heat);
        if spin.rested
            && let Some(start) = spin.count()
        {
            while start.elapsed() < quiet {
                hint::spin_loop();
            }
            spin.stop();
        }
        spin
    }

    /// The same, but with this many yields before it parks.
    pub(crate) fn with_yields(self, yields: u32) -> Self {
        let mut spin = self;
        spin.yields = yields;
        spin
    }

    /// Whether the lock is hot and has been left alone until now. Then a look before the attempt
    /// would only move the lock's cache line once more.
    pub(crate) fn is_rested(&mut self) -> bool {
        std::mem::take(&mut self.rested)
    }

    /// The wait ended well.
    pub(crate) fn got_it(self) {
        let mut heat = HEAT.get();
        heat.waits = heat.waits.wrapping_add(1);
        if heat.quiet_turns == 0 && heat.waits.is_multiple_of(HEAT_SAMPLE) {
            heat.got_it = Some(Instant::now());
        }
        HEAT.set(heat);
    }

    /// Pauses and returns true, or returns false when it is time to park: from then on always.
    pub(crate) fn again(&mut self) -> bool {
        if self.pauses == SPIN_PAUSES && !self.goes_on() {
            self.stop();
            if self.yields > 0 && !without::YIELDS {
                self.yields -= 1;
                give_way();
                return true;
            }
            self.pauses = 0;
        }
        for _ in 0..self.pauses {
            hint::spin_loop();
        }
        self.pauses = (2 * self.pauses).min(SPIN_PAUSES);
        self.pauses > 0
    }

    /// Whether this thread may spin beyond its first looks, and has not spun for [`SPIN`].
    fn goes_on(&mut self) -> bool {
        let since = self.counted.or_else(|| self.count());
        since.is_some_and(|since| since.elapsed() < SPIN) && !without::SPIN
    }

    /// Counts this thread as spinning from now on, if there is a processor for it.
    fn count(&mut self) -> Option<Instant> {
        fork::watch();
        self.generation = fork::generation();
        // ORDERING: Relaxed, here and below; a number that limits, and orders nothing.
        if SPINNING.fetch_add(1, Relaxed) < most_spinning() {
            let now = Instant::now();
            self.counted = Some(now);
            give_way_at_times(now);
        } else {
            SPINNING.fetch_sub(1, Relaxed);
        }
        self.counted
    }

    fn stop(&mut self) {
        // (A signal handler may have forked in the middle of this, and then this is the child.)
        if self.counted.take().is_some() && self.generation == fork::generation() {
            // ORDERING: Relaxed; see `count`.
            SPINNING.fetch_sub(1, Relaxed);
        }
    }
}

impl Drop for Spin {
    fn drop(&mut self) {
        self.stop();
    }
}

/// In the child of a fork: no other thread spins.
#[allow(dead_code, reason = "only where there is fork")]
pub(crate) fn begin_child() {
    // ORDERING: Relaxed; there is one thread.
    SPINNING.store(0, Relaxed);
}

/// For the tests of `fork`.
#[cfg(test)]
pub(crate) fn spinning() -> usize {
    // ORDERING: Relaxed; a number.
    SPINNING.load(Relaxed)
}

/// Yields if this thread has not done so for [`SLICE`]. If others wait for its processor, it runs
/// again when its time to spin is over.
fn give_way_at_times(now: Instant) {
    let due = |then: Option<Instant>| then.is_none_or(|then| now - then >= SLICE);
    if due(GAVE_WAY.get()) {
        GAVE_WAY.set(Some(now));
        give_way();
    }
}
