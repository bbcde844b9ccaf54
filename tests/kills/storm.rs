//! Processes that do the same again and again, while one after the other is killed at random times.

use crate::processes::{Child, shared};
use crate::trace::Common;
use hdrhistogram::Histogram;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

pub(crate) struct Storm<T: 'static> {
    pub(crate) new: fn() -> Common<T>,
    /// What each process does until it is killed.
    pub(crate) life: fn(&T),
    pub(crate) processes: usize,
}

/// How many processes are killed in a storm.
pub(crate) fn kills() -> usize {
    if crate::all() { 50_000 } else { 300 }
}

/// Kills and replaces processes, and returns what they shared when all are dead. Each must have come round at least once between
/// its birth and its death, or be quick about it: else somebody hangs.
pub(crate) fn rage<T>(storm: Storm<T>) -> Common<T> {
    let kills = kills();
    let it = (storm.new)();
    let rounds = shared([const { AtomicU64::new(0) }; 32]);
    let fork = |place: usize| {
        Child::fork(|| {
            loop {
                (storm.life)(&it);
                rounds[place].fetch_add(1, SeqCst);
            }
        })
    };
    let mut random = fastrand::Rng::new();
    let mut children: Vec<_> = (0..storm.processes).map(fork).collect();
    for _ in 0..kills {
        let (start, wait) = (Instant::now(), Duration::from_nanos(random.u64(..200_000)));
        while start.elapsed() < wait {
            std::hint::spin_loop();
        }
        let place = random.usize(..children.len());
        let next = fork(place);
        std::mem::replace(&mut children[place], next).kill();
    }
    // Those who are left go on.
    for place in 0..children.len() {
        let before = rounds[place].load(SeqCst);
        crate::processes::until("round", || rounds[place].load(SeqCst) > before);
    }
    children.into_iter().for_each(Child::kill);
    it
}

/// How long something takes.
pub(crate) struct Times(Histogram<u64>);

impl Times {
    pub(crate) fn new() -> Self {
        Times(Histogram::new(3).unwrap())
    }

    pub(crate) fn measure(&mut self, it: impl FnOnce()) {
        let start = Instant::now();
        it();
        self.0.record(start.elapsed().as_micros() as u64).unwrap();
    }

    pub(crate) fn print(&self, what: &str) {
        let (median, most) = (self.0.value_at_quantile(0.5), self.0.max());
        println!("{what}: median {median} µs, longest {most} µs");
    }
}
