//! How many critical sections a second does a semaphore let through when it has fewer permits than
//! there are threads? "8/3" is eight threads on three permits.

mod common;

use std::time::Duration;

use common::permits::{MutexAndCondvar, Permits, Posix};
use common::{SECTIONS, ask, race, share, work};
use criterion::{Criterion, criterion_group, criterion_main};
use crossbeam_utils::CachePadded;

fn critical_sections<S: Permits>(
    threads: usize,
    permits: usize,
    steps: u32,
    times: u64,
) -> Duration {
    let semaphore = CachePadded::new(S::new(permits));
    let (elapsed, _) = race(threads, |index| {
        let share = share(times, threads, index);
        for _ in 0..share {
            semaphore.with(|| work(steps));
        }
        share
    });
    assert_eq!(semaphore.available(), permits, "permits lost or made up");
    elapsed
}

fn semaphore(criterion: &mut Criterion) {
    for (length, steps) in SECTIONS {
        for (threads, permits) in [(2, 1), (8, 3), (32, 10)] {
            let question = format!("semaphore {threads}/{permits}, {length} sections");
            ask!(criterion, question, for Peer in [
                anteroom::Semaphore,
                Posix,
                MutexAndCondvar,
            ] |times| critical_sections::<Peer>(threads, permits, steps, times));
        }
    }
}

criterion_group!(
    name = benches;
    config = common::criterion();
    targets = semaphore
);
criterion_main!(benches, common::side_by_side::print_table);
