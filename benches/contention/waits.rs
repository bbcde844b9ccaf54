//! How long threads wait until they have a lock.

use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;

use crate::common::lock::Lock;
use crate::common::permits::Permits;
use crate::common::read_write::ReadWrite;
use crate::common::work;
use crate::harness::row::{Primitive, Question};
use crate::harness::sample::{Aspect, CPU, Counts, Sample, THROUGHPUT};
use crate::harness::wait_times::WaitTimes;
use crate::mutex::{self, Cell};
use crate::peers::{mutexes, queues, rwlocks};
use crate::slice;

/// At most so many rounds, since each takes long.
const ROUNDS: usize = 15;
/// Time enough for a thousand waits and more.
const SLICES: u32 = 7;

/// Steps of [`work`] that the polite thread does with the lock, and between.
const POLITE: (u32, u32) = (50, 50_000);
/// Steps that a hog does with the lock; it asks for it again at once.
const HOG: u32 = 5_000;
/// How many permits the semaphore has, and how many threads hold one each.
const PERMITS: usize = 8;
/// Steps that others do with a reader-writer lock.
const OTHERS: u32 = 50;

/// As [`WaitTimes::sample`] finds them.
const ASPECTS: [Aspect; 5] = [
    THROUGHPUT,
    waited(": longest", Counts::Speed),
    waited(": 99.9 %", Counts::Speed),
    waited(": median", Counts::Nothing),
    CPU,
];

/// Where every request is large, the median counts too.
const LARGE_ASPECTS: [Aspect; 5] = {
    let mut aspects = ASPECTS;
    aspects[3] = waited(": median", Counts::Speed);
    aspects
};

const fn waited(name: &'static str, counts: Counts) -> Aspect {
    Aspect {
        name,
        unit: "µs",
        more_is_better: false,
        counts,
    }
}

/// The name of the row with so many hogs.
pub fn polite_beside(hogs: usize) -> String {
    format!("mutex waits, polite thread beside {hogs} hogs")
}

pub fn questions() -> Vec<Question> {
    let mut questions = Vec::new();
    for hogs in [2, 8] {
        let name = polite_beside(hogs);
        let peers = mutexes!(Peer => move |length| beside_hogs::<Peer>(hogs, length));
        let question = Question::new(name, &ASPECTS, peers);
        questions.push(question.of(Primitive::Mutex));
    }
    let large = queues!(Peer => large_beside_small::<Peer>);
    let name = format!("semaphore waits, request for {PERMITS} beside {PERMITS} holders of 1");
    questions.push(Question::new(name, &LARGE_ASPECTS, large).of(Primitive::Semaphore));
    let writer = rwlocks!(Peer => writer_beside_readers::<Peer>);
    let reader = rwlocks!(Peer => reader_beside_writers::<Peer>);
    for (name, peers) in [
        ("rwlock waits, writer beside 8 readers", writer),
        ("rwlock waits, reader beside 8 writers", reader),
    ] {
        let question = Question::new(name, &ASPECTS, peers);
        questions.push(question.of(Primitive::RwLock));
    }
    questions
        .into_iter()
        .map(|question| question.slices(SLICES).rounds(ROUNDS))
        .collect()
}

/// The cells of the mutex's matrix where many wait, with every thread's waits.
pub fn matrix() -> Vec<Question> {
    let crowded = mutex::matrix().filter(|cell| [8, 32].contains(&cell.threads));
    let question = |cell: Cell| {
        let peers = mutexes!(Peer => move |length| contend::<Peer>(cell, length));
        Question::new(format!("waits, {cell}"), &ASPECTS, peers).with_threads(cell.threads)
    };
    crowded.map(question).collect()
}

/// The first thread takes the lock now and then, the others whenever they can get it.
fn beside_hogs<L: Lock>(hogs: usize, length: Duration) -> Sample {
    let lock: &L = &CachePadded::new(L::default());
    let waits = &WaitTimes::default();
    let slice = slice::measure(1 + hogs, length, |index| {
        let polite = index == 0;
        let (section, gap) = if polite { POLITE } else { (HOG, 0) };
        let mut own = waits.of_thread();
        move || {
            let waited = timed_section(lock, section);
            if polite {
                own.record(waited);
            }
            work(gap);
        }
    });
    mutex::check(lock, &slice);
    waits.sample(&slice, 1)
}

/// Every thread is timed.
fn contend<L: Lock>(cell: Cell, length: Duration) -> Sample {
    let lock: &L = &CachePadded::new(L::default());
    let waits = &WaitTimes::default();
    let slice = slice::measure(cell.threads, length, |_| {
        let mut own = waits.of_thread();
        move || {
            own.record(timed_section(lock, cell.section));
            work(cell.gap);
        }
    });
    mutex::check(lock, &slice);
    waits.sample(&slice, 0)
}

/// How long it took to get the lock for this critical section.
fn timed_section<L: Lock>(lock: &L, section: u32) -> Duration {
    let asked = Instant::now();
    lock.with(|count| {
        let waited = asked.elapsed();
        *count += 1;
        work(section);
        waited
    })
}

/// The first thread asks for all permits now and then, each of the others for one whenever it can
/// get it.
fn large_beside_small<S: Permits>(length: Duration) -> Sample {
    let semaphore = &CachePadded::new(S::new(PERMITS));
    let waits = &WaitTimes::default();
    let slice = slice::measure(1 + PERMITS, length, |index| {
        let mut own = waits.of_thread();
        move || {
            if index == 0 {
                let asked = Instant::now();
                own.record(semaphore.with_many(PERMITS, || {
                    let waited = asked.elapsed();
                    work(POLITE.0);
                    waited
                }));
                work(POLITE.1);
            } else {
                semaphore.with_many(1, || work(HOG));
            }
        }
    });
    assert_eq!(
        semaphore.available(),
        PERMITS,
        "permits were lost or made up"
    );
    waits.sample(&slice, 1)
}

/// The first thread writes now and then, the others read whenever they can.
fn writer_beside_readers<L: ReadWrite>(length: Duration) -> Sample {
    let lock: &L = &CachePadded::new(L::default());
    let waits = &WaitTimes::default();
    let slice = slice::measure(9, length, |index| {
        let mut own = waits.of_thread();
        move || {
            if index == 0 {
                let asked = Instant::now();
                own.record(lock.with_write(|count| {
                    let waited = asked.elapsed();
                    *count += 1;
                    work(POLITE.0);
                    waited
                }));
                work(POLITE.1);
            } else {
                lock.with_read(|_| work(OTHERS));
            }
        }
    });
    assert_eq!(lock.read(), slice.totals[0], "two threads wrote at once");
    waits.sample(&slice, 1)
}

/// The first thread reads now and then, the others write whenever they can.
fn reader_beside_writers<L: ReadWrite>(length: Duration) -> Sample {
    let lock: &L = &CachePadded::new(L::default());
    let waits = &WaitTimes::default();
    let slice = slice::measure(9, length, |index| {
        let mut own = waits.of_thread();
        move || {
            if index == 0 {
                let asked = Instant::now();
                own.record(lock.with_read(|_| {
                    let waited = asked.elapsed();
                    work(POLITE.0);
                    waited
                }));
                work(POLITE.1);
            } else {
                lock.with_write(|count| {
                    *count += 1;
                    work(OTHERS);
                });
            }
        }
    });
    let written: u64 = slice.totals[1..].iter().sum();
    assert_eq!(lock.read(), written, "two threads wrote at once");
    waits.sample(&slice, 1)
}
