//! One measurement: threads that do the same again and again while a clock runs.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;

use crate::common::usage;
pub use crate::harness::slice::Slice;

/// The threads run, but nothing counts yet.
const WARM_UP: u8 = 0;
/// The clock runs.
const MEASURE: u8 = 1;
/// Every thread ends as soon as it is through with what it is doing.
const STOP: u8 = 2;

/// Starts so many threads, lets them run a little, and then counts for so long.
///
/// `thread` is called on each thread before it starts, with its index, and returns what to repeat.
pub fn measure<F: FnMut()>(
    threads: usize,
    length: Duration,
    thread: impl Fn(usize) -> F + Sync,
) -> Slice {
    let phase = CachePadded::new(AtomicU8::new(WARM_UP));
    let start_line = Barrier::new(threads + 1);
    let run = |index| {
        let mut operation = thread(index);
        start_line.wait();
        let warm_up = repeat_during(WARM_UP, &phase, &mut operation);
        let count = repeat_during(MEASURE, &phase, &mut operation);
        (count, warm_up + count)
    };
    thread::scope(|scope| {
        let run = &run;
        let runners: Vec<_> = (0..threads)
            .map(|index| scope.spawn(move || run(index)))
            .collect();
        start_line.wait();
        thread::sleep(length / 10);
        let (start, cpu_before, before) = (Instant::now(), usage::cpu(), usage::switches());
        phase.store(MEASURE, Relaxed);
        thread::sleep(length);
        phase.store(STOP, Relaxed);
        let (elapsed, cpu) = (start.elapsed(), usage::cpu() - cpu_before);
        let after = usage::switches();
        let (counts, totals): (Vec<_>, Vec<_>) = runners
            .into_iter()
            .map(|runner| runner.join().expect("a measured thread panicked"))
            .unzip();
        Slice {
            counts,
            totals,
            elapsed,
            cpu,
            switches: Some(std::array::from_fn(|kind| after[kind] - before[kind])),
        }
    })
}

/// One machine code for the warm-up and for the measurement.
#[inline(never)]
fn repeat_during(wanted: u8, phase: &AtomicU8, operation: &mut impl FnMut()) -> u64 {
    let mut count = 0;
    while phase.load(Relaxed) == wanted {
        operation();
        count += 1;
    }
    count
}
