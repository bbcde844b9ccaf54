//! One measurement: threads that do the same again and again while a clock runs.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;

use crate::common::usage;

/// The threads run, but nothing counts yet.
const WARM_UP: u8 = 0;
/// The clock runs.
const MEASURE: u8 = 1;
/// Every thread ends as soon as it is through with what it is doing.
const STOP: u8 = 2;

/// What was counted.
pub struct Slice {
    /// What each thread did while the clock ran.
    pub counts: Vec<u64>,
    /// What each thread did, while the threads warmed up too.
    pub totals: Vec<u64>,
    /// How long the clock ran.
    elapsed: Duration,
    /// The processor time that the process used meanwhile.
    cpu: Duration,
}

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
        let (start, cpu_before) = (Instant::now(), usage::cpu());
        phase.store(MEASURE, Relaxed);
        thread::sleep(length);
        phase.store(STOP, Relaxed);
        let (elapsed, cpu) = (start.elapsed(), usage::cpu() - cpu_before);
        let (counts, totals): (Vec<_>, Vec<_>) = runners
            .into_iter()
            .map(|runner| runner.join().expect("a measured thread panicked"))
            .unzip();
        Slice {
            counts,
            totals,
            elapsed,
            cpu,
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

impl Slice {
    /// What all threads did while the clock ran.
    fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// What all threads did, while they warmed up too.
    pub fn total(&self) -> u64 {
        self.totals.iter().sum()
    }

    /// Millions a second, of all threads.
    pub fn rate(&self) -> f64 {
        self.rate_without(0)
    }

    /// Millions a second, of all but the first so many threads.
    pub fn rate_without(&self, first: usize) -> f64 {
        let count: u64 = self.counts[first..].iter().sum();
        count as f64 / self.elapsed.as_secs_f64() / 1e6
    }

    /// How long one operation takes the thread that does it.
    pub fn nanoseconds(&self) -> f64 {
        self.counts.len() as f64 * 1e3 / self.rate()
    }

    /// Processor seconds for a million.
    pub fn cpu(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.count() as f64
    }
}
