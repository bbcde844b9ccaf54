//! How many critical sections a second does a mutex let through when many threads want it?

mod common;

use std::time::Duration;

use common::lock::Lock;
use common::{SECTIONS, ask, measuring, race, side_by_side, work};
use criterion::{Criterion, criterion_group, criterion_main};
use crossbeam_utils::CachePadded;

const THREADS: [usize; 4] = [2, 4, 8, 32];

/// Until the count is full every thread asks for the lock again and again, so none runs alone at
/// the end because the others had their share.
fn critical_sections<L: Lock>(threads: usize, steps: u32, times: u64) -> Duration {
    let lock = CachePadded::new(L::default());
    let (elapsed, counted) = race(threads, |_| {
        let mut counted = 0;
        let section = |count: &mut u64| {
            if *count == times {
                return false;
            }
            *count += 1;
            work(steps);
            true
        };
        while lock.with(section) {
            counted += 1;
        }
        counted
    });
    assert_eq!(counted, times, "two threads were in the lock at once");
    elapsed
}

fn contended(criterion: &mut Criterion) {
    for (length, steps) in SECTIONS {
        for threads in THREADS {
            let question = format!("{threads} threads, {length} sections");
            ask!(criterion, question, for Peer in [
                anteroom::Mutex<u64>,
                std::sync::Mutex<u64>,
                parking_lot::Mutex<u64>,
                usync::Mutex<u64>,
            ] |times| critical_sections::<Peer>(threads, steps, times));
        }
    }
}

fn ratios() {
    fn print<L: Lock>() {
        for (length, steps) in SECTIONS {
            // Some 50 ms, to give each of the threads a turn on the processor.
            let times = if steps == 0 { 1_000_000 } else { 25_000 };
            for threads in THREADS {
                side_by_side::print(
                    &format!(
                        "{threads} threads, {length} sections: anteroom, {}",
                        L::NAME
                    ),
                    times,
                    |times| critical_sections::<anteroom::Mutex<u64>>(threads, steps, times),
                    |times| critical_sections::<L>(threads, steps, times),
                );
            }
        }
    }
    if measuring() {
        side_by_side::print_head();
        print::<std::sync::Mutex<u64>>();
        print::<parking_lot::Mutex<u64>>();
        print::<usync::Mutex<u64>>();
    }
}

criterion_group!(
    name = benches;
    config = common::criterion();
    targets = contended
);
criterion_main!(benches, ratios);
