//! Spinning for bytes, messages or room: how long a thread spins, and when it takes what came.
//!
//! **Spinning.** Sleeping and being woken takes longer than sending and receiving hundreds of short
//! messages. So a waiter first spins, which pays while the other side runs on another processor. On
//! a busy machine, both often do best if they sleep at once and leave each other the processor. So
//! after [`IN_VAIN`] vain spins, a thread spins only every [`SELDOM`]th time until that pays.
//!
//! **Streams.** If both sides are awake, the cache line with a side's position moves between
//! processors for each message, which takes longer than all the rest. It is cheaper to let several
//! messages gather. So a thread that sees something come [pauses](PAUSES) and looks again, up to
//! [`LOOKS`] times while there is more each time: 20 µs in all. If there is not, the other side may
//! wait for an answer, and the next [`SELDOM`] times the thread takes what has come at once.
//!
//! The constants were chosen on the machine of the README, with messages of 64 bytes
//! (`cargo bench --bench processes -- 'message|pipe'`).

use crate::policy::spin::Spin;
use crate::sys::deadline::Deadline;
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
    /// How many more times it takes what has come at once.
    static AT_ONCE: Cell<u32> = const { Cell::new(0) };
}

/// How long a thread sleeps behind another waiter before it looks for itself. The first waiter may
/// be stopped: then it neither passes a wake-up on nor dies. At 100 ms, a hundred threads that wait
/// so take 2 % of a processor. (At 20 ms they took 20 %.)
const BEHIND: Duration = Duration::from_millis(100);

/// Until when a thread sleeps behind another waiter.
pub(crate) fn behind(deadline: Deadline) -> Deadline {
    deadline.min(Deadline::after(BEHIND))
}

/// Spins until `ready` is at least `least`, and returns true; or false when it is time to sleep.
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

/// Lets more gather, now that something has come.
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
