//! A crowd waits for one mutex. When it is released, how long does it take until all have had it?

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::{self, Builder};
use std::time::Instant;

use crate::common::lock::Lock;
use crate::common::usage::wait_until_idle;
use crate::growth::ROUNDS;
use crate::harness::row::{Primitive, Question};
use crate::harness::sample::{Aspect, Counts, Sample};
use crate::peers::mutexes;
use crate::pictures::CROWD;

/// Small stacks, so that thousands of threads fit.
const STACK: usize = 64 * 1024;

const UNTIL_ALL: Aspect = Aspect {
    name: "",
    unit: "ms",
    more_is_better: false,
    counts: Counts::Speed,
};

pub fn questions() -> Vec<Question> {
    let numbers = (0..=4).map(|power| 10_u64.pow(power));
    let question = |waiters| {
        let peers = mutexes!(Peer => move |_| Sample::figures(vec![until_all::<Peer>(waiters)]));
        let name = format!("growth, mutex released to {waiters} waiters");
        // About how long it takes to start so many threads and to end them.
        let slices = 1 + waiters as u32 / 200;
        Question::new(name, &[UNTIL_ALL], peers)
            .drawn(&CROWD, waiters as f64)
            .slices(slices)
            .rounds(ROUNDS)
            .of(Primitive::Mutex)
    };
    numbers.map(question).collect()
}

/// Milliseconds, or NaN if so many threads cannot be had.
fn until_all<L: Lock>(waiters: u64) -> f64 {
    let lock = &L::default();
    let crowd = &AtomicU64::new(0);
    let take_turn = || {
        lock.with(|count| {
            *count += 1;
            (*count == crowd.load(Relaxed)).then(Instant::now)
        })
    };
    thread::scope(|scope| {
        let start = || {
            Builder::new()
                .stack_size(STACK)
                .spawn_scoped(scope, take_turn)
        };
        let (turns, released) = lock.with(|_| {
            let turns: Vec<_> = (0..waiters).map_while(|_| start().ok()).collect();
            crowd.store(turns.len() as u64, Relaxed);
            wait_until_idle();
            (turns, Instant::now())
        });
        let started = turns.len() as u64;
        let ends = turns
            .into_iter()
            .filter_map(|turn| turn.join().expect("a waiter panicked"));
        let end = ends.max().expect("one of them was the last");
        if started < waiters {
            eprintln!("only {started} of {waiters} threads could be started");
            return f64::NAN;
        }
        (end - released).as_secs_f64() * 1e3
    })
}
