//! How many critical sections a second does a mutex let through when many threads want it?

mod common;

use std::time::Duration;

use common::lock::Lock;
use common::{SECTIONS, ask, race, work};
use criterion::{Criterion, criterion_group, criterion_main};
use crossbeam_utils::CachePadded;

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
        for threads in [2, 4, 8, 32] {
            let question = format!("mutex, {threads} threads, {length} sections");
            ask!(criterion, question, for Peer in [
                anteroom::Mutex<u64>,
                std::sync::Mutex<u64>,
                parking_lot::Mutex<u64>,
                usync::Mutex<u64>,
            ] |times| critical_sections::<Peer>(threads, steps, times));
        }
    }
}

criterion_group!(
    name = benches;
    config = common::criterion();
    targets = contended
);
criterion_main!(benches, common::side_by_side::print_table);
