//! Policy: how long, how often, until when. Nothing here decides whether a lock is right.
//!
//! All constants are in this file, each with its unit and what chose it. Where nothing else is
//! said, that is the `contention` benchmark, by the named row, on the machine of the README. In the
//! crate's models all of it is a choice of the model (`src/sys/model/policy.rs`).

pub(crate) mod awake;
pub(crate) mod handoff;
pub(crate) mod lease;
pub(crate) mod spin;
mod starvation;
pub(crate) mod worth;

pub(crate) use starvation::Starvation;

use std::time::Duration;

/// Both the starvation threshold and the handoff interval, in µs: about ten times what a woken
/// thread needs to run. Rows `mutex, …`.
const FAIRNESS: u32 = 500;

/// One release in this many is sampled ([`handoff::is_sampled`]): it may read the clock, which
/// takes longer than a short critical section, and yields while a designated waker is on its way.
/// The more of them yield, the sooner that thread runs, and the slower the others are. Measured: a
/// mutex's polite thread beside 8 hogs waits 1.1, 1.3, 2.2, 4.2, 4.5 ms at most with 6, 8, 10, 12,
/// 14, and the hogs do 0.80, 0.84, 0.86, 0.90, 0.93 of what they do without.
const HANDOFF_SAMPLE: u32 = 10;

/// How long a waiter spins in all before it parks. Rows `mutex, …`, `rwlock, …` and `… waits`, as
/// for all of spinning.
const SPIN: Duration = Duration::from_micros(20);

/// The most pauses between two looks of a spinning waiter: about a quarter of a microsecond.
const SPIN_PAUSES: u32 = 16;

/// How often a waiter yields before it parks.
const YIELDS: u32 = 2;

/// How long a thread may spin, in one wait or many, before it yields once. Two threads that spin
/// for each other may keep all others off a processor for a long time.
const SLICE: Duration = Duration::from_micros(100);

/// A lock is hot if a thread attempts it again within this time after its wait ended.
const HOT: Duration = Duration::from_nanos(300);

/// How long a waiter leaves a hot lock alone, and a hot semaphore, whose permits may be signals;
/// and how many times before it measures again.
pub(crate) const QUIET: Duration = Duration::from_micros(10);
pub(crate) const QUIET_FOR_PERMITS: Duration = Duration::from_micros(1);
const QUIET_TURNS: u32 = 16;

/// One wait in this many is measured: reading the clock takes longer than a short section.
const HEAT_SAMPLE: u32 = 8;

/// The clock's unit of leases as a power of two: 2¹¹ µs, about 2 ms.
const TICK: u32 = 11;

/// A lease lasts until this many ticks have begun after its own, 4 to 6 ms: about a hundred times
/// what a woken thread needs to run, and a few time slices of a thread that runs in its place.
const TICKS: u32 = 3;

/// A parked waiter looks at its lock once in this time for each thread that is parked with it. So
/// all of them together look at most eight times a second. Not measured: it is a tenth of what a
/// person notices, and too rare to show in a processor's load.
pub(crate) const ROUND: Duration = Duration::from_millis(128);

/// How long a waiter stays awake, in µs, where another thread's work ends the wait: about what it
/// costs to sleep and be woken. Rows `condvar, …`, as for the next three. (With 10 or 20, a turn is
/// 1.7 to 1.9 times as fast, and a queue with room for 100 and a condition variable a third or
/// less: its two ends work in lockstep.)
const AWAKE: u32 = 5;

/// The number of pauses, with a look after each, between two yields of that waiter: about a
/// microsecond.
const AWAKE_PAUSES: u32 = 32;

/// When some time was lost by staying awake at an address, no waiter there stays awake for this
/// many times as long.
const AWAKE_BREAK: u32 = 32;

/// The longest such time, in µs: a stopped process may have lost hours.
const AWAKE_LONGEST: u32 = 1_000_000;

/// Ten times what a writer pays to end a bias: without the rows, and for each row. The unit is an
/// eighth of what a bias saves a lone reader, which is a few ns. Rows `rwlock, …`.
const BIAS: usize = 8 * 256;
const BIAS_OF_A_ROW: usize = 8 * 16;

/// What a bias would have saved a counted read, in the same unit: of a reader that met no other
/// thread at the word, where the thread's read before was of the same lock and where it was of
/// another; and of one that met others, and so pulled the cache line from another core.
const ALONE: usize = 8;
const ALONE_ELSEWHERE: usize = 1;
const BESIDE_OTHERS: usize = 8 * 64;

/// The number of reads after which a bias becomes asymmetric. This many times what a full fence
/// costs more than a light one is about ten times what a heavy fence costs the next writer.
const ASYMMETRIC: u32 = 1 << 14;
