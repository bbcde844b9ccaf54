//! A soak: a billion lock operations and ten million hand-offs of a turn, by twice as many threads
//! as processors. What the locks protect must agree with what was done, and no thread may be
//! without progress for a second.
//!
//! `cargo run --release --example soak`, or `… --example soak -- --help` for smaller numbers.

use std::ops::Deref;
use std::panic::resume_unwind;
use std::process::{ExitCode, exit};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use anteroom::{Condvar, Mutex, RwLock, Semaphore};
use clap::Parser;
use crossbeam_utils::CachePadded;
use hdrhistogram::Histogram;

/// Puts the locks under traffic for some minutes, and fails if a count is wrong or a thread stalls.
#[derive(Parser)]
struct Options {
    /// Operations of the mutex, the reader-writer lock and the semaphore together
    #[arg(long, default_value_t = 1_000_000_000)]
    operations: u64,
    /// Hand-offs of a turn from thread to thread
    #[arg(long, default_value_t = 10_000_000)]
    hand_offs: u64,
    /// How many threads [default: twice as many as processors]
    #[arg(long)]
    threads: Option<usize>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let crew = Crew {
        threads: options.threads.unwrap_or(2 * processors).max(1),
    };
    println!("{} threads, {processors} processors", crew.threads);
    println!("{}", Soak::HEADER);
    let start = Instant::now();
    let each = options.operations / 3;
    let soaks = [
        mutex(&crew, each),
        rwlock(&crew, each),
        semaphore(&crew, each),
        condvar(&crew, options.hand_offs),
    ];
    let operations: u64 = soaks.iter().map(|soak| soak.operations).sum();
    let stalls: usize = soaks.iter().map(|soak| soak.watched.stalls).sum();
    let longest = soaks.iter().map(|soak| soak.stints.max()).max();
    let late = soaks.iter().map(|soak| soak.watched.late).max();
    println!(
        "{operations} operations in {:.1?}, and every count agrees. Stalls: {stalls}. \
         Longest pause: {:.1?} (the watchdog, which waits for no lock, was up to {:.1?} late).",
        start.elapsed(),
        Duration::from_nanos(longest.unwrap_or_default()),
        late.unwrap_or_default(),
    );
    match stalls {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// How many operations of a lock make a stint, of which the time is taken: so few that a pause is
/// seen, and so many that the clock does not keep the threads apart.
const STINT: u64 = 100;

fn mutex(crew: &Crew, operations: u64) -> Soak {
    let count = CachePadded::new(Mutex::new(0));
    let soak = crew.work("mutex", operations, STINT, |_, stint| {
        for operation in 0..STINT {
            let mut count = count.lock();
            *count += 1;
            if operation == 0 {
                dream(stint);
            }
        }
    });
    assert_eq!(*count.lock(), soak.operations, "increments");
    soak
}

/// The last operation of a stint writes, the others read.
fn rwlock(crew: &Crew, operations: u64) -> Soak {
    let halves = CachePadded::new(RwLock::new((0, 0)));
    let soak = crew.work("rwlock", operations, STINT, |_, stint| {
        for _ in 1..STINT {
            let halves = halves.read();
            assert_eq!(halves.0, halves.1, "a reader saw half of a write");
        }
        let mut halves = halves.write();
        halves.0 += 1;
        dream(stint);
        halves.1 += 1;
    });
    let writes = soak.operations / STINT;
    assert_eq!(*halves.read(), (writes, writes), "writes");
    soak
}

/// There are permits for half of the threads.
fn semaphore(crew: &Crew, operations: u64) -> Soak {
    let permits = crew.threads.div_ceil(2);
    let semaphore = CachePadded::new(Semaphore::new(permits));
    let inside = CachePadded::new(AtomicUsize::new(0));
    let soak = crew.work("semaphore", operations, STINT, |_, stint| {
        for operation in 0..STINT {
            let _permit = semaphore.acquire().expect("it is not closed");
            let others = inside.fetch_add(1, Relaxed);
            assert!(others < permits, "more are inside than have permits");
            if operation == 0 {
                dream(stint);
            }
            inside.fetch_sub(1, Relaxed);
        }
    });
    assert_eq!(semaphore.available_permits(), permits, "permits");
    soak
}

/// A turn goes round: each thread sleeps until it is its own, and wakes the next.
fn condvar(crew: &Crew, hand_offs: u64) -> Soak {
    let turn = CachePadded::new(Mutex::new(0));
    let changed: Vec<_> = (0..crew.threads).map(|_| Condvar::new()).collect();
    let soak = crew.work("condvar", hand_offs, 1, |me, _| {
        let mut turn = turn.lock();
        let is_mine = |turn: u64| turn % crew.threads as u64 == me as u64;
        changed[me].wait_while(&mut turn, |turn| !is_mine(*turn));
        *turn += 1;
        drop(turn);
        changed[(me + 1) % crew.threads].notify_one();
    });
    assert_eq!(*turn.lock(), soak.operations, "turns");
    soak
}

/// In some stints, falls asleep with the lock, so that others fall asleep too.
fn dream(stint: u64) {
    const OFTEN: u64 = 200;
    if stint.is_multiple_of(OFTEN) {
        thread::sleep(Duration::from_micros(50));
    }
}

/// Threads that all do the same.
struct Crew {
    threads: usize,
}

/// What the crew did with one lock.
struct Soak {
    operations: u64,
    /// How long stints took, in nanoseconds. No pause was longer than the longest of them.
    stints: Histogram<u64>,
    watched: Watched,
}

impl Crew {
    /// Each thread does equally many stints, together at least `operations` operations. `stint` is
    /// told which thread it is and the number of the stint.
    fn work(
        &self,
        name: &str,
        operations: u64,
        per_stint: u64,
        stint: impl Fn(usize, u64) + Sync,
    ) -> Soak {
        let stints = operations.div_ceil(per_stint * self.threads as u64);
        let work = |me: usize, done: &AtomicU64| {
            let mut times = Histogram::new(3).expect("three digits are allowed");
            let mut before = Instant::now();
            for number in 0..stints {
                stint(me, number);
                done.store(number + 1, Relaxed);
                let now = Instant::now();
                times += (now - before).as_nanos() as u64;
                before = now;
            }
            times
        };
        let start = Instant::now();
        let done: Vec<_> = (0..self.threads)
            .map(|_| CachePadded::new(AtomicU64::new(0)))
            .collect();
        let (stints, watched) = thread::scope(|scope| {
            let work = &work;
            let threads: Vec<_> = done
                .iter()
                .enumerate()
                .map(|(me, done)| scope.spawn(move || work(me, done)))
                .collect();
            let watched = watch(name, &threads, &done);
            let mut all = Histogram::new(3).expect("three digits are allowed");
            for thread in threads {
                all += thread.join().unwrap_or_else(|panic| resume_unwind(panic));
            }
            (all, watched)
        });
        let soak = Soak {
            operations: stints.len() * per_stint,
            stints,
            watched,
        };
        soak.print(name, start.elapsed());
        soak
    }
}

impl Soak {
    const HEADER: &str = "            operations       M/s   a stint: median    99.99 %    longest";

    fn print(&self, name: &str, took: Duration) {
        let time = |nanoseconds| format!("{:.1?}", Duration::from_nanos(nanoseconds));
        println!(
            "{name:9} {:>12} {:9.3} {:>17} {:>10} {:>10}",
            self.operations,
            self.operations as f64 / took.as_micros() as f64,
            time(self.stints.value_at_quantile(0.5)),
            time(self.stints.value_at_quantile(0.9999)),
            time(self.stints.max()),
        );
    }
}

/// What the watchdog saw.
#[derive(Default)]
struct Watched {
    /// How often a thread was without progress for too long.
    stalls: usize,
    /// How much too late the watchdog itself was at its worst. It uses no lock, so that was the
    /// machine.
    late: Duration,
}

/// Looks after the threads until all have ended. One that has made no progress for a second is
/// reported, and one that makes none for a minute ends the process.
fn watch<R>(
    name: &str,
    threads: &[ScopedJoinHandle<'_, R>],
    done: &[impl Deref<Target = AtomicU64>],
) -> Watched {
    const LOOK: Duration = Duration::from_millis(20);
    const STALL: Duration = Duration::from_secs(1);
    const HANG: Duration = Duration::from_secs(60);

    let mut watched = Watched::default();
    let mut last: Vec<_> = done.iter().map(|_| (0, Instant::now(), false)).collect();
    while threads.iter().any(|thread| !thread.is_finished()) {
        let before = Instant::now();
        thread::sleep(LOOK);
        watched.late = watched.late.max(before.elapsed().saturating_sub(LOOK));
        for (me, (seen, since, reported)) in last.iter_mut().enumerate() {
            let now = done[me].load(Relaxed);
            if now != *seen || threads[me].is_finished() {
                (*seen, *since, *reported) = (now, Instant::now(), false);
            }
            let without = since.elapsed();
            if without > STALL && !*reported {
                eprintln!(
                    "{name}: thread {me} has made no progress for {without:.1?}, after {now} stints"
                );
                watched.stalls += 1;
                *reported = true;
            }
            if without > HANG {
                eprintln!("{name}: thread {me} hangs");
                exit(1);
            }
        }
    }
    watched
}
