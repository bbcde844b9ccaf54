//! Waiting awake for bytes, messages or room, and when to take what came.
//!
//! **Streams.** If both sides are awake, the cache line with a side's position moves between
//! processors for each message, which takes longer than all the rest. It is cheaper to let several
//! messages gather. So a thread that sees something come [pauses](PAUSES) and looks again, while
//! there is more each time: up to [`LOOKS`] times. Once there is no more, the other side may wait
//! for an answer, or for room. Then the thread takes what has come at once, and so the next
//! [`AT_ONCE`] times.
//!
//! The constants were chosen on an AMD EPYC, with messages of 64 bytes
//! (`cargo bench --bench processes -- 'message|pipe'`).

use crate::policy::awake::stay_awake;
use crate::sys::deadline::Deadline;
use std::cell::Cell;
use std::hint;
use std::time::Duration;

/// The number of pauses between two looks: half a microsecond, in which eight messages come.
const PAUSES: u32 = 16;

/// In all, some 20 µs. Room for 256 messages needs them: without gathering it is half as fast.
const LOOKS: u32 = 25;

/// With 16 in its place, messages with room for one or ten are 0.85 to 0.95 times as fast; with
/// 64, those with room for 256.
const AT_ONCE: u32 = 32;

thread_local! {
    /// How many more times it takes what has come at once.
    static LEFT: Cell<u32> = const { Cell::new(0) };
}

/// How long a thread sleeps behind another waiter before it looks for itself. The first waiter may
/// be stopped: then it neither passes a wake-up on nor dies. At 100 ms, a hundred threads that wait
/// so take 2 % of a processor. (At 20 ms they took 20 %.)
const BEHIND: Duration = Duration::from_millis(100);

/// Until when a thread sleeps behind another waiter.
pub(crate) fn behind(deadline: Deadline) -> Deadline {
    deadline.min(Deadline::after(BEHIND))
}

/// Waits awake at this address until `ready` is at least `least`, and returns true; or false when
/// it is time to sleep.
pub(crate) fn wait(
    address: usize,
    ready: impl Fn() -> u64,
    least: u64,
    deadline: Deadline,
) -> bool {
    let is_ready = || ready() >= least;
    if is_ready() {
        return true;
    }
    if deadline.passed() || !stay_awake(address, is_ready) {
        return false;
    }
    gather(ready);
    true
}

/// Lets more gather, now that something has come.
fn gather(ready: impl Fn() -> u64) {
    let left = LEFT.get();
    if left > 0 {
        return LEFT.set(left - 1);
    }
    let mut before = ready();
    for _ in 0..LOOKS {
        for _ in 0..PAUSES {
            hint::spin_loop();
        }
        let now = ready();
        if now <= before {
            return LEFT.set(AT_ONCE);
        }
        before = now;
    }
}
