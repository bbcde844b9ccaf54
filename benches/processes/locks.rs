//! Critical sections that a mutex, or a semaphore of one permit, lets through: alone, and for two
//! processes.

use std::hint::black_box;
use std::time::Duration;

use anteroom::ipc::Shared;

use crate::common::shared::lock::SharedLock;
use crate::common::work;
use crate::harness::row::{Peers, Question, Wanted};
use crate::harness::sample::{CPU, NANOSECONDS, Sample, THROUGHPUT};
use crate::peers::{mutexes, plain_semaphores, semaphores};
use crate::slice::{self, Line, Slice};

/// Steps of [`work`] in the section, and between two sections of a process.
const SECTIONS_AND_GAPS: [(u32, u32); 4] = [(0, 0), (50, 500), (5_000, 0), (5_000, 5_000)];

/// Alone, so many times are counted at once: a store for each would be a good part of what it
/// takes.
const BATCH: u64 = 100;

pub fn questions() -> Vec<Question> {
    let mutexes_alone = mutexes!(Peer => alone::<Peer>);
    let semaphores_alone = semaphores!(Peer => alone::<Peer>);
    let plain_ones_alone = plain_semaphores!(Peer => alone::<Peer>);
    let mut questions = vec![
        Question::new("mutex alone", &[NANOSECONDS], mutexes_alone)
            .wanted(Wanted::Times(2.0, "robust")),
        Question::new("semaphore alone", &[NANOSECONDS], semaphores_alone)
            .wanted(Wanted::Times(1.0, "sem_t")),
        Question::new(
            "semaphore alone, no give-back",
            &[NANOSECONDS],
            plain_ones_alone,
        )
        .wanted(Wanted::Times(1.0, "sem_t")),
    ];
    for (section, gap) in SECTIONS_AND_GAPS {
        let mutexes = mutexes!(Peer => move |length| contended::<Peer>(section, gap, length));
        questions.push(question("mutex", section, gap, mutexes));
        let semaphores = semaphores!(Peer => move |length| contended::<Peer>(section, gap, length));
        questions.push(question("semaphore", section, gap, semaphores));
    }
    questions
}

fn question(primitive: &str, section: u32, gap: u32, peers: Peers) -> Question {
    let name = format!("{primitive}, 2 processes, section {section}, gap {gap}");
    Question::new(name, &[THROUGHPUT, CPU], peers).slices(4)
}

fn alone<L: SharedLock>(length: Duration) -> Sample {
    let lock = &L::new();
    let slice = slice::measure(1, length, |_| {
        move || {
            for _ in 0..BATCH {
                black_box(lock).with(|| ());
            }
            BATCH
        }
    });
    Sample::cpu(&slice)
}

fn contended<L: SharedLock>(section: u32, gap: u32, length: Duration) -> Sample {
    Sample::rate(&contend::<L>(2, section, gap, length))
}

/// Every process asks for the lock again and again.
fn contend<L: SharedLock>(processes: usize, section: u32, gap: u32, length: Duration) -> Slice {
    let lock = &L::new();
    let inside = &Shared::anonymous(Line::zero()).expect("no shared memory");
    let slice = slice::measure(processes, length, |_| {
        move || {
            lock.with(|| {
                inside.add(1);
                work(section);
            });
            work(gap);
            1
        }
    });
    // Each may have been killed before it had counted its last.
    let uncounted = inside.get().wrapping_sub(slice.total());
    let most = processes as u64;
    assert!(uncounted <= most, "two processes were in the lock at once");
    slice
}
