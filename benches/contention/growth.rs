//! How the locks do as there are more and more threads, locks, or waiters.

use crate::harness::row::Question;
use crate::mutex::{self, Cell};
use crate::pictures::{THREADS_AT_MUTEX, THREADS_AT_RWLOCK};
use crate::{crowd, many_locks, many_readers, rwlock};

/// Of two sizes that differ by a factor, no more can be told anyway.
pub const ROUNDS: usize = 3;

pub fn questions() -> Vec<Question> {
    let mut questions = threads();
    questions.extend(many_locks::questions());
    questions.extend(many_readers::questions());
    questions.extend(crowd::questions());
    questions
}

/// 1 to 256 threads at one lock.
fn threads() -> Vec<Question> {
    let numbers = || (0..=8).map(|power| 1 << power);
    let mutexes = numbers().map(|threads| {
        let cell = Cell {
            threads,
            section: 50,
            gap: 500,
        };
        mutex::contended(format!("growth, {cell}"), cell).drawn(&THREADS_AT_MUTEX, threads as f64)
    });
    let rwlocks = numbers().map(|threads| {
        let name = format!("growth, rwlock, {threads} threads, one write in 1000");
        rwlock::mixed(name, threads, 1_000).drawn(&THREADS_AT_RWLOCK, threads as f64)
    });
    let questions = mutexes.chain(rwlocks);
    questions.map(|question| question.rounds(ROUNDS)).collect()
}
