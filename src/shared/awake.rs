//! How long one who waits for bytes, for messages, or for room, stays awake, and when it takes what has come.
//!
//! To sleep and to be woken takes longer than to send and receive hundreds of short messages. So one first spins. That pays
//! while the other side runs on another processor. On a busy machine it often does not, and then the two do best who sleep
//! at once, and leave each other the processor: a thread that has spun in vain [`IN_VAIN`] times spins only every
//! [`SELDOM`]th time until that has paid.
//!
//! **Streams.** If both sides are awake, the cache line with a side's place moves from one processor to the other for each message,
//! which takes longer than the rest of it. It is cheaper to let some of them gather. So who sees that something has come
//! [pauses](PAUSES) and looks again, up to [`LOOKS`] times while it is getting more: twenty microseconds in all. If it is not, somebody may
//! be waiting for an answer, and the next [`SELDOM`] times it takes what has come at once.
//!
//! The constants were chosen on the machine of the README, with messages of 64 bytes (`cargo bench --bench processes -- 'message|pipe'`).

use crate::deadline::Deadline;
use crate::spin::Spin;
use std::cell::Cell;
use std::hint;
use std::time::Duration;

const IN_VAIN: u32 = 2;
const SELDOM: u32 = 16;
const PAUSES: u32 = 200;
const LOOKS: u32 = 2;

thread_local! {
    /// How many spins in a row were in vain.
    static SPUN: Cell<u32> = const { Cell::new(0) };
    /// How many times it is still not worth while to let something gather.
    static AT_ONCE: Cell<u32> = const { Cell::new(0) };
}

/// How long a thread sleeps behind one that waits for the same, before it looks for itself. The
/// first may be stopped: then it passes no wake-up on, and does not die either. A hundred threads
/// that wait so take 2 % of a processor. (With 20 ms they took 20 %.)
const BEHIND: Duration = Duration::from_millis(100);

/// Until when a thread sleeps behind another one that waits for the same.
pub(crate) fn behind(deadline: Deadline) -> Deadline {
    deadline.min(Deadline::after(BEHIND))
}

/// Stays awake until `ready` is at least this, and returns true; or false, when it is time to sleep.
pub(crate) fn wait(ready: impl Fn() -> u64, least: u64, deadline: Deadline) -> bool {
    if ready() >= least {
        return true;
    }
    let spun = SPUN.get();
    if spun >= IN_VAIN && !spun.is_multiple_of(SELDOM) {
        SPUN.set(spun.wrapping_add(1));
        return false;
    }
    let mut spin = Spin::unyielding();
    while ready() < least {
        if deadline.passed() || !spin.again() {
            SPUN.set(spun.wrapping_add(1));
            return false;
        }
    }
    SPUN.set(0);
    gather(ready);
    true
}

/// Something has come.
fn gather(ready: impl Fn() -> u64) {
    let at_once = AT_ONCE.get();
    if at_once > 0 {
        return AT_ONCE.set(at_once - 1);
    }
    let mut before = ready();
    for _ in 0..LOOKS {
        for _ in 0..PAUSES {
            hint::spin_loop();
        }
        let now = ready();
        if now <= before {
            return AT_ONCE.set(SELDOM);
        }
        before = now;
    }
}
