//! Reads and writes that a reader-writer lock lets through.

use std::hint::black_box;
use std::time::Duration;

use crossbeam_utils::CachePadded;

use crate::common::read_write::ReadWrite;
use crate::harness::row::{Primitive, Question};
use crate::harness::sample::{Aspect, CPU, NANOSECONDS, SWITCHES, Sample, THROUGHPUT};
use crate::peers::rwlocks;
use crate::pictures::{THREADS_AT_RWLOCK, WRITES};
use crate::slice::{self, Slice};

/// Threads, and how many of a thread's operations there are to one write.
const MIXES: [(usize, u64); 23] = [
    (1, 2),
    (1, 4),
    (1, 16),
    (1, 100),
    (1, 1_000),
    (2, 1_000_000),
    (2, 10_000),
    (2, 1_000),
    (2, 100),
    (2, 10),
    (4, 2),
    (8, 1_000),
    (8, 10),
    (8, 4),
    (16, 100),
    (32, 1_000),
    (32, 10),
    (64, 1_000),
    (64, 10),
    (128, 1_000),
    (128, 10),
    (256, 1_000),
    (256, 10),
];

/// What is measured where threads contend.
const ASPECTS: [Aspect; 4] = [THROUGHPUT, CPU, SWITCHES[0], SWITCHES[1]];

/// So rarely that it never happens.
const NEVER: u64 = u64::MAX;

/// The rows that [`summary`](crate::summary) compares.
pub const ONE_READER: &str = "rwlock, 1 reader, no writes";
pub const TWO_READERS: &str = "rwlock, 2 readers, no writes";

pub fn questions() -> Vec<Question> {
    let alone = |name, write_every| {
        let peers =
            rwlocks!(Peer => move |length| Sample::time(&mix::<Peer>(1, write_every, length)));
        Question::new(name, &[NANOSECONDS], peers).of(Primitive::RwLock)
    };
    let mut questions = vec![
        alone("rwlock, read alone", NEVER),
        alone("rwlock, write alone", 1),
        mixed(ONE_READER, 1, NEVER),
        mixed(TWO_READERS, 2, NEVER),
    ];
    for (threads, write_every) in MIXES {
        let plural = if threads == 1 { "" } else { "s" };
        let name = format!("rwlock, {threads} thread{plural}, one write in {write_every}");
        let mut question = mixed(name, threads, write_every);
        if threads == 2 {
            question = question.drawn(&WRITES, 1.0 / write_every as f64);
        }
        if write_every == 1_000 {
            question = question.drawn(&THREADS_AT_RWLOCK, threads as f64);
        }
        questions.push(question);
    }
    questions
}

/// How many reads and writes go through?
fn mixed(name: impl Into<String>, threads: usize, write_every: u64) -> Question {
    let peers = rwlocks!(Peer => move |length| {
        Sample::rate(&mix::<Peer>(threads, write_every, length))
    });
    let aspects = if threads == 1 {
        &ASPECTS[..1]
    } else {
        &ASPECTS
    };
    Question::new(name, aspects, peers)
        .with_threads(threads)
        .of(Primitive::RwLock)
}

/// Every thread reads and reads, and writes now and then.
pub fn mix<L: ReadWrite>(threads: usize, write_every: u64, length: Duration) -> Slice {
    let lock = &CachePadded::new(L::default());
    // Spread out, so that the threads do not write at the same time.
    let ahead = |index: usize| write_every / threads as u64 * index as u64;
    let slice = slice::measure(threads, length, |index| {
        let mut until_write = write_every - ahead(index);
        move || {
            until_write -= 1;
            if until_write == 0 {
                lock.write();
                until_write = write_every;
            } else {
                black_box(lock.read());
            }
        }
    });
    let totals = slice.totals.iter().enumerate();
    let written: u64 = totals
        .map(|(index, total)| (total + ahead(index)) / write_every)
        .sum();
    assert_eq!(lock.read(), written, "two threads wrote at once");
    slice
}
