//! One measurement: processes that do the same again and again while a clock runs.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use anteroom::ipc::Shared;

use crate::children::Children;
pub use crate::harness::slice::Slice;

/// The most processes that are measured at once.
const MOST: usize = 8;

anteroom::shareable! {
    /// A number on a line of its own.
    pub struct Line {
        number: AtomicU64,
        unused: [u64; 15],
    }
}

impl Line {
    pub const fn zero() -> Self {
        Line {
            number: AtomicU64::new(0),
            unused: [0; 15],
        }
    }

    pub fn get(&self) -> u64 {
        self.number.load(Relaxed)
    }

    /// By one process at a time.
    pub fn add(&self, more: u64) {
        self.number.store(self.get() + more, Relaxed);
    }
}

/// Forks so many processes, lets them run a little, counts for so long what they do, and kills
/// them.
///
/// `process` is called in each of them before it starts, with its index, and returns what to
/// repeat: which returns how much it has done.
pub fn measure<F: FnMut() -> u64>(
    processes: usize,
    length: Duration,
    process: impl Fn(usize) -> F,
) -> Slice {
    let counts = &Shared::anonymous([const { Line::zero() }; MOST]).expect("no shared memory");
    let counts = &counts[..processes];
    let ready = &Shared::anonymous(AtomicU64::new(0)).expect("no shared memory");
    let children = Children::fork(processes, |index| {
        let operation = process(index);
        ready.fetch_add(1, Relaxed);
        repeat(operation, &counts[index]);
    });
    while ready.load(Relaxed) < processes as u64 {
        children.check();
        thread::yield_now();
    }
    thread::sleep(length / 10);
    let read = || counts.iter().map(Line::get);
    let (start, cpu_before, before) = (Instant::now(), children.cpu(), read().collect::<Vec<_>>());
    thread::sleep(length);
    let (elapsed, cpu, after) = (start.elapsed(), children.cpu(), read().collect::<Vec<_>>());
    children.check();
    drop(children);
    let counts = after
        .iter()
        .zip(before)
        .map(|(after, before)| after - before);
    Slice {
        counts: counts.collect(),
        totals: read().collect(),
        elapsed,
        cpu: cpu - cpu_before,
        switches: None,
    }
}

/// Until it is killed.
#[inline(never)]
fn repeat(mut operation: impl FnMut() -> u64, count: &Line) {
    loop {
        count.add(operation());
    }
}
