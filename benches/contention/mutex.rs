//! Critical sections that a mutex lets through: alone, and for each number of threads, length of
//! section, and gap between two sections of a thread.

use std::fmt::{self, Display};
use std::time::Duration;

use crossbeam_utils::CachePadded;

use crate::common::lock::{Bare, Lock};
use crate::common::work;
use crate::harness::peers;
use crate::harness::row::{Primitive, Question};
use crate::harness::sample::{CPU, NANOSECONDS, Sample, THROUGHPUT};
use crate::peers::mutexes;
use crate::pictures::{SECTION_LENGTHS, THREADS_AT_MUTEX};
use crate::slice::{self, Slice};

const THREADS: [usize; 5] = [2, 4, 8, 16, 32];
const SECTIONS: [u32; 3] = [0, 50, 5_000];
const GAPS: [u32; 5] = [0, 50, 500, 1_000, 5_000];

/// The cell that grows: the number of threads varies.
const GROWTH: Cell = Cell {
    threads: 1,
    section: 50,
    gap: 500,
};

/// One combination of the three; section and gap are steps of [`work`].
#[derive(Clone, Copy)]
pub struct Cell {
    pub threads: usize,
    pub section: u32,
    pub gap: u32,
}

impl Cell {
    const ALONE: Self = Self {
        threads: 1,
        section: 0,
        gap: 0,
    };
}

impl Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            threads,
            section,
            gap,
        } = self;
        let plural = if *threads == 1 { "" } else { "s" };
        write!(
            f,
            "mutex, {threads} thread{plural}, section {section}, gap {gap}"
        )
    }
}

pub fn questions() -> Vec<Question> {
    let mut alone = mutexes!(Peer => |length| Sample::time(&contend::<Peer>(Cell::ALONE, length)));
    alone.extend(peers!(Peer in [Bare] |length| {
        Sample::time(&contend::<Peer>(Cell::ALONE, length))
    }));
    let alone = Question::new("mutex alone", &[NANOSECONDS], alone).of(Primitive::Mutex);
    [alone].into_iter().chain(matrix().map(question)).collect()
}

/// All combinations.
pub fn matrix() -> impl Iterator<Item = Cell> {
    THREADS.into_iter().flat_map(|threads| {
        SECTIONS.into_iter().flat_map(move |section| {
            GAPS.map(|gap| Cell {
                threads,
                section,
                gap,
            })
        })
    })
}

fn question(cell: Cell) -> Question {
    let mut question = contended(cell.to_string(), cell);
    question.in_matrix = true;
    if cell.threads == 8 && cell.gap == GROWTH.gap {
        // A length of 0 has no place on a logarithmic axis.
        question = question.drawn(&SECTION_LENGTHS, cell.section.max(1).into());
    }
    if (cell.section, cell.gap) == (GROWTH.section, GROWTH.gap) {
        question = question.drawn(&THREADS_AT_MUTEX, cell.threads as f64);
    }
    question
}

/// More threads at one mutex than the matrix has, and one alone.
pub fn growth() -> impl Iterator<Item = Question> {
    [1, 64, 128, 256].into_iter().map(|threads| {
        let cell = Cell { threads, ..GROWTH };
        contended(cell.to_string(), cell).drawn(&THREADS_AT_MUTEX, threads as f64)
    })
}

/// How many critical sections go through?
pub fn contended(name: String, cell: Cell) -> Question {
    let peers = mutexes!(Peer => move |length| Sample::rate(&contend::<Peer>(cell, length)));
    let aspects = [THROUGHPUT, CPU];
    let aspects = if cell.threads == 1 {
        &aspects[..1]
    } else {
        &aspects
    };
    Question::new(name, aspects, peers)
        .with_threads(cell.threads)
        .of(Primitive::Mutex)
}

/// Every thread asks for the lock again and again.
fn contend<L: Lock>(cell: Cell, length: Duration) -> Slice {
    let lock: &L = &CachePadded::new(L::default());
    let slice = slice::measure(cell.threads, length, |_| {
        move || {
            lock.with(|count| {
                *count += 1;
                work(cell.section);
            });
            work(cell.gap);
        }
    });
    check(lock, &slice);
    slice
}

/// Throughput counts only if every critical section has been counted in the lock.
pub fn check<L: Lock>(lock: &L, slice: &Slice) {
    let counted = lock.with(|count| *count);
    assert_eq!(
        counted,
        slice.total(),
        "two threads were in the lock at once"
    );
}
