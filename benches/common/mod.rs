//! What every benchmark shares: the peers, each behind the trait of its primitive, and how threads
//! are raced and timed.
#![allow(
    dead_code,
    unused_imports,
    unused_macros,
    unreachable_pub,
    reason = "each benchmark uses a part of this module, and none exports it"
)]

pub mod lock;
pub mod monitor;
pub mod permits;
pub mod plain_queue;
pub mod read_write;
pub mod shared;
pub mod side_by_side;
pub mod usage;

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use criterion::Criterion;

/// Puts one question to several peers: criterion measures one after the other, and then they are
/// measured side by side.
///
/// `measure` names the peer and takes a number of times; it returns how long it took to do that
/// often what the question is about.
macro_rules! ask {
    ($criterion:ident, $question:expr, for $Peer:ident in [$($peer:ty),+ $(,)?] $measure:expr) => {
        let question = String::from($question);
        let mut group = $criterion.benchmark_group(&question);
        group.throughput(criterion::Throughput::Elements(1));
        let mut peers: Vec<(&str, $crate::common::side_by_side::Measure)> = Vec::new();
        $({
            type $Peer = $peer;
            // Unless criterion's filter passes it over.
            let mut measured = false;
            group.bench_function($Peer::NAME, |bencher| {
                bencher.iter_custom($measure);
                measured = $crate::common::measuring();
            });
            if measured {
                peers.push(($Peer::NAME, Box::new($measure)));
            }
        })+
        group.finish();
        $crate::common::side_by_side::compare(&question, &peers);
    };
}
pub(crate) use ask;

/// Lengths of critical section: a name, and the steps of [`work`] to do inside.
pub const SECTIONS: [(&str, u32); 2] = [("short", 0), ("long", 5_000)];

/// Short enough for all benchmarks together to take some five minutes.
pub fn criterion() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(1500))
        .nresamples(10_000)
}

/// Whether this run measures (`cargo bench`), or only tries or lists what there is
/// (`cargo test --benches`, `-- --test`, `-- --list`).
pub fn measuring() -> bool {
    let given = |flag| std::env::args().any(|argument| argument == flag);
    given("--bench") && !given("--test") && !given("--list")
}

/// Keeps the processor busy without touching memory that others use; 5,000 steps take one or two
/// µs.
pub fn work(steps: u32) {
    for step in 0..steps {
        black_box(step);
    }
}

/// Runs `work(0)`, `work(1)`, … each on a thread of its own, all let go at once.
///
/// Returns the time from the first start to the last end, and the sum of what they returned.
pub fn race(threads: usize, work: impl Fn(usize) -> u64 + Sync) -> (Duration, u64) {
    let start_line = Barrier::new(threads);
    let run = |index| {
        start_line.wait();
        let start = Instant::now();
        let result = work(index);
        (start, Instant::now(), result)
    };
    let runs: Vec<_> = thread::scope(|scope| {
        let run = &run;
        let runners: Vec<_> = (0..threads)
            .map(|index| scope.spawn(move || run(index)))
            .collect();
        runners
            .into_iter()
            .map(|runner| runner.join().expect("a raced thread panicked"))
            .collect()
    });
    let first_start = runs.iter().map(|run| run.0).min().expect("no threads");
    let last_end = runs.iter().map(|run| run.1).max().expect("no threads");
    (last_end - first_start, runs.iter().map(|run| run.2).sum())
}

/// How long one thread takes to do `operation` so many times.
///
/// It is not the only thread, for libc's mutex forgoes locked instructions where there is but one.
pub fn time(times: u64, operation: impl Fn() + Sync) -> Duration {
    let repeat = |_| {
        for _ in 0..times {
            operation();
        }
        times
    };
    race(1, repeat).0
}

/// How many of `total` fall to the thread `index` when `threads` share them evenly.
pub fn share(total: u64, threads: usize, index: usize) -> u64 {
    let (threads, index) = (threads as u64, index as u64);
    total / threads + u64::from(index < total % threads)
}
