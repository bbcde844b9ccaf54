//! How many operations a second does a reader-writer lock let through when most of them read?

mod common;

use std::hint::black_box;
use std::time::Duration;

use common::read_write::ReadWrite;
use common::{ask, race, share};
use criterion::{Criterion, criterion_group, criterion_main};
use crossbeam_utils::{CachePadded, sync::ShardedLock};

/// How often there is a write among the reads.
const MIXES: [(&str, u64); 3] = [
    ("only reads", u64::MAX),
    ("one write in 1000", 1000),
    ("one write in 10", 10),
];

fn reads_and_writes<L: ReadWrite>(threads: usize, write_every: u64, times: u64) -> Duration {
    let lock = CachePadded::new(L::default());
    let (elapsed, written) = race(threads, |index| {
        let mut written = 0;
        let mut until_write = write_every;
        for _ in 0..share(times, threads, index) {
            until_write -= 1;
            if until_write == 0 {
                lock.write();
                written += 1;
                until_write = write_every;
            } else {
                black_box(lock.read());
            }
        }
        written
    });
    assert_eq!(lock.read(), written, "two threads wrote at once");
    elapsed
}

fn readers(criterion: &mut Criterion) {
    for threads in [2, 8] {
        for (mix, write_every) in MIXES {
            let question = format!("rwlock, {threads} threads, {mix}");
            ask!(criterion, question, for Peer in [
                anteroom::RwLock<u64>,
                std::sync::RwLock<u64>,
                parking_lot::RwLock<u64>,
                usync::RwLock<u64>,
                ShardedLock<u64>,
            ] |times| reads_and_writes::<Peer>(threads, write_every, times));
        }
    }
}

criterion_group!(
    name = benches;
    config = common::criterion();
    targets = readers
);
criterion_main!(benches, common::side_by_side::print_table);
