//! Two threads that use one of many mutexes after another, at random. Where the threads that wait
//! are kept in a table for the whole process, other threads that wait meanwhile may slow them down.

use std::thread;
use std::time::Duration;

use fastrand::Rng;

use crate::common::lock::Lock;
use crate::common::usage::wait_until_idle;
use crate::growth::ROUNDS;
use crate::harness::row::{Primitive, Question};
use crate::harness::sample::{Aspect, Counts, NANOSECONDS, Sample};
use crate::peers::mutexes;
use crate::pictures::{LOCKS, LOCKS_BESIDE_WAITERS};
use crate::slice::{self, Slice};

/// How many wait elsewhere, each for a mutex of its own.
const WAITERS: usize = 100;

const MEMORY: Aspect = Aspect {
    name: ": memory",
    unit: "kB",
    more_is_better: false,
    counts: Counts::Nothing,
};

pub fn questions() -> Vec<Question> {
    let numbers = || (0..=6).map(|power| 10_usize.pow(power));
    let quiet = numbers().map(|locks| {
        let peers = mutexes!(Peer => move |length| {
            let slice = at_random::<Peer>(locks, length);
            let kilobytes = (locks * size_of::<Peer>()) as f64 / 1e3;
            Sample::of(&slice, vec![slice.nanoseconds(), kilobytes])
        });
        let name = format!("growth, {locks} mutexes at random");
        Question::new(name, &[NANOSECONDS, MEMORY], peers).drawn(&LOCKS, locks as f64)
    });
    let beside_waiters = numbers().map(|locks| {
        let peers = mutexes!(Peer => move |length| {
            beside_waiters::<Peer>(|| Sample::time(&at_random::<Peer>(locks, length)))
        });
        let name = format!("growth, {locks} mutexes, beside {WAITERS} waiters");
        Question::new(name, &[NANOSECONDS], peers).drawn(&LOCKS_BESIDE_WAITERS, locks as f64)
    });
    let questions = quiet.chain(beside_waiters);
    questions
        .map(|question| question.rounds(ROUNDS).of(Primitive::Mutex))
        .collect()
}

fn at_random<L: Lock>(locks: usize, length: Duration) -> Slice {
    let locks: &Vec<L> = &(0..locks).map(|_| L::default()).collect();
    let slice = slice::measure(2, length, |index| {
        let mut random = Rng::with_seed(index as u64);
        move || locks[random.usize(..locks.len())].with(|count| *count += 1)
    });
    let counted: u64 = locks.iter().map(|lock| lock.with(|count| *count)).sum();
    assert_eq!(counted, slice.total(), "two threads were in a lock at once");
    slice
}

/// Does something while others sleep.
fn beside_waiters<L: Lock>(action: impl FnOnce() -> Sample) -> Sample {
    let locks: &Vec<L> = &(0..WAITERS).map(|_| L::default()).collect();
    thread::scope(|scope| {
        with_all(locks, || {
            for lock in locks {
                scope.spawn(|| lock.with(|count| *count += 1));
            }
            wait_until_idle();
            action()
        })
    })
}

/// Does something with all locks held.
fn with_all<L: Lock, R>(locks: &[L], action: impl FnOnce() -> R) -> R {
    match locks {
        [] => action(),
        [first, rest @ ..] => first.with(|_| with_all(rest, action)),
    }
}
