//! Threads that count what they do, and what they did while a clock ran.

use crossbeam_utils::CachePadded;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

/// A row, and what begins its work.
pub struct Row {
    pub name: String,
    begin: Box<dyn Fn() -> Counts>,
}

impl Row {
    /// `begin` starts threads, which work until the process ends, and returns their counts.
    pub fn new(name: impl Into<String>, begin: impl Fn() -> Counts + 'static) -> Self {
        let (name, begin) = (name.into(), Box::new(begin));
        Row { name, begin }
    }

    /// The figures that the benchmark expects of a child: thousands a second, microseconds of
    /// processor time for each, and voluntary and involuntary switches for a thousand of them.
    pub fn measure(&self, length: Duration) -> String {
        let counts = (self.begin)();
        thread::sleep(length / 10);
        let (start, before, from) = (Instant::now(), usage(), counts.sum());
        thread::sleep(length);
        let (after, to) = (usage(), counts.sum());
        let count = (to - from) as f64;
        let rate = count / start.elapsed().as_secs_f64() / 1e3;
        let cpu = (after.cpu - before.cpu).as_secs_f64() * 1e6 / count;
        let switches =
            |index: usize| (after.switches[index] - before.switches[index]) as f64 * 1e3 / count;
        format!("{rate} {cpu} {} {}", switches(0), switches(1))
    }
}

/// What each thread or task has done so far.
#[derive(Clone, Copy)]
pub struct Counts(&'static [CachePadded<AtomicU64>]);

impl Counts {
    pub fn new(number: usize) -> Self {
        let counts: Vec<_> = (0..number).map(|_| CachePadded::default()).collect();
        Counts(counts.leak())
    }

    /// Only one thread or task adds to each.
    pub fn add(self, index: usize, number: u64) {
        let count = &self.0[index];
        count.store(count.load(Relaxed) + number, Relaxed);
    }

    fn sum(self) -> u64 {
        self.0.iter().map(|count| count.load(Relaxed)).sum()
    }
}

/// Has so many threads do again and again what `of_thread` returns for each.
pub fn repeat<F: FnMut() + Send + 'static>(
    threads: usize,
    of_thread: impl Fn(usize) -> F,
) -> Counts {
    let counts = Counts::new(threads);
    for index in 0..threads {
        let mut turn = of_thread(index);
        thread::spawn(move || {
            loop {
                turn();
                counts.add(index, 1);
            }
        });
    }
    counts
}

/// What the process has used so far.
struct Usage {
    cpu: Duration,
    switches: [i64; 2],
}

fn usage() -> Usage {
    let mut usage = MaybeUninit::<libc::rusage>::uninit();
    // SAFETY: the pointer is good for writes.
    let read = unsafe { libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) };
    assert_eq!(read, 0);
    // SAFETY: the call has succeeded, so it has filled in the whole struct.
    let usage = unsafe { usage.assume_init() };
    let duration = |time: libc::timeval| {
        Duration::from_secs(time.tv_sec as u64) + Duration::from_micros(time.tv_usec as u64)
    };
    Usage {
        cpu: duration(usage.ru_utime) + duration(usage.ru_stime),
        switches: [usage.ru_nvcsw, usage.ru_nivcsw],
    }
}
