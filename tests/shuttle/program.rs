//! How a program is run, and what programs share.

use anteroom::{Bias, Choices};
use shuttle::rand::{Rng, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::thread;
use shuttle::{Config, Runner};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

pub(crate) const THREADS: usize = 10;

/// Executions of each program, if the environment does not say how many.
const SAMPLE: usize = 2_000;

/// At how many steps a careful scheduler switches.
const SWITCHES: usize = 4;

/// Runs the program in many orders, with patient waiters and others, with readers that are biased
/// or not, and with weak compare-exchanges that fail for no reason or never do.
pub(crate) fn check(program: fn()) {
    let executions = match std::env::var("SHUTTLE_ITERATIONS") {
        Ok(executions) => executions.parse().expect("SHUTTLE_ITERATIONS: a number"),
        Err(_) => SAMPLE,
    };
    let run = |scheduler: Box<dyn Scheduler + Send>| {
        let mut config = Config::default();
        config.silence_warnings = true;
        config.stack_size = 1 << 17;
        Runner::new(scheduler, config).run(move || {
            let biases = [Bias::Never, Bias::Warming, Bias::OwnLine, Bias::Asymmetric];
            anteroom::set_choices(Choices {
                impatient: one_in(2),
                bias: biases[below(biases.len())],
                weak_fails: one_in(2),
                ..Choices::default()
            });
            assert!(anteroom::no_thread_waits());
            program();
            assert!(
                anteroom::no_thread_waits(),
                "a thread is counted, or parked, but gone"
            );
        });
    };
    run(Box::new(RandomScheduler::new(executions.div_ceil(2))));
    run(Box::new(PctScheduler::new(
        SWITCHES,
        executions.div_ceil(2),
    )));
}

/// Any number below `end`.
pub(crate) fn below(end: usize) -> usize {
    thread_rng().gen_range(0..end)
}

pub(crate) fn one_in(n: usize) -> bool {
    below(n) == 0
}

/// In a model it is over whenever the scheduler likes.
pub(crate) const SOON: Duration = Duration::from_millis(1);

/// Runs `work` on so many threads until all have ended, with the thread's number.
pub(crate) fn on_threads<T: Send + Sync + 'static>(
    threads: usize,
    it: &Arc<T>,
    work: fn(&T, usize),
) {
    let start = |n| {
        let it = it.clone();
        thread::spawn(move || work(&it, n))
    };
    let threads: Vec<_> = (0..threads).map(start).collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
}

/// The threads inside. The scheduler does not see these.
#[derive(Default)]
pub(crate) struct Inside {
    readers: AtomicUsize,
    writers: AtomicUsize,
}

impl Inside {
    /// Stays inside for a step, with other readers.
    pub(crate) fn read(&self) {
        self.readers.fetch_add(1, Relaxed);
        thread::yield_now();
        assert_eq!(self.writers.load(Relaxed), 0, "a writer is beside a reader");
        self.readers.fetch_sub(1, Relaxed);
    }

    /// Stays inside for a step, alone.
    pub(crate) fn write(&self) {
        assert_eq!(self.writers.fetch_add(1, Relaxed), 0, "two writers");
        thread::yield_now();
        assert_eq!(self.readers.load(Relaxed), 0, "a reader is beside a writer");
        self.writers.fetch_sub(1, Relaxed);
    }
}
