//! Reader-writer locks: alone, and for two processes that read, and now and then write.

use std::hint::black_box;
use std::time::Duration;

use crate::common::shared::read_write::SharedReadWrite;
use crate::common::work;
use crate::harness::row::Question;
use crate::harness::sample::{CPU, NANOSECONDS, Sample, THROUGHPUT};
use crate::peers::read_write;
use crate::slice;

/// Steps of [`work`] while it is held, and between two times.
const SECTION: u32 = 50;
const GAP: u32 = 500;

/// One of so many is a write.
const WRITES: [u64; 2] = [10, 1_000];

/// Alone, so many times are counted at once: a store for each would be a good part of what it
/// takes.
const BATCH: u64 = 100;

pub fn questions() -> Vec<Question> {
    let reads = read_write!(Peer => |length| alone::<Peer>(|lock| lock.read(|| ()), length));
    let writes = read_write!(Peer => |length| alone::<Peer>(|lock| lock.write(|| ()), length));
    let mut questions = vec![
        Question::new("rwlock alone, reading", &[NANOSECONDS], reads),
        Question::new("rwlock alone, writing", &[NANOSECONDS], writes),
    ];
    for of in WRITES {
        let name = format!("rwlock, 2 processes, one write in {of}");
        let peers = read_write!(Peer => move |length| shared::<Peer>(of, length));
        questions.push(Question::new(name, &[THROUGHPUT, CPU], peers).slices(4));
    }
    questions
}

fn alone<L: SharedReadWrite>(once: impl Fn(&L), length: Duration) -> Sample {
    let lock = &L::new();
    let slice = slice::measure(1, length, |_| {
        || {
            for _ in 0..BATCH {
                once(black_box(lock));
            }
            BATCH
        }
    });
    Sample::cpu(&slice)
}

fn shared<L: SharedReadWrite>(one_write_in: u64, length: Duration) -> Sample {
    let lock = &L::new();
    let slice = slice::measure(2, length, |_| {
        let mut turn = 0;
        move || {
            turn += 1;
            match turn % one_write_in {
                0 => lock.write(|| work(SECTION)),
                _ => lock.read(|| work(SECTION)),
            }
            work(GAP);
            1
        }
    });
    Sample::rate(&slice)
}
