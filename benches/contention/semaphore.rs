//! Critical sections that a semaphore with fewer permits than threads lets through. "8/3" is eight
//! threads on three permits.

use std::time::Duration;

use crossbeam_utils::CachePadded;

use crate::common::permits::Permits;
use crate::common::work;
use crate::harness::row::{Primitive, Question};
use crate::harness::sample::{CPU, NANOSECONDS, Sample, THROUGHPUT};
use crate::peers::semaphores;
use crate::slice::{self, Slice};

pub fn questions() -> Vec<Question> {
    let alone = semaphores!(Peer => |length| Sample::time(&contend::<Peer>(1, 1, 0, length)));
    let mut questions = vec![Question::new("semaphore alone", &[NANOSECONDS], alone)];
    for (threads, permits) in [(2, 1), (8, 3), (32, 10)] {
        for section in [0, 5_000] {
            let name = format!("semaphore {threads}/{permits}, section {section}");
            let peers = semaphores!(Peer => move |length| {
                Sample::rate(&contend::<Peer>(threads, permits, section, length))
            });
            questions.push(Question::new(name, &[THROUGHPUT, CPU], peers).with_threads(threads));
        }
    }
    questions
        .into_iter()
        .map(|question| question.of(Primitive::Semaphore))
        .collect()
}

fn contend<S: Permits>(threads: usize, permits: usize, section: u32, length: Duration) -> Slice {
    let semaphore = &CachePadded::new(S::new(permits));
    let slice = slice::measure(threads, length, |_| {
        move || semaphore.with(|| work(section))
    });
    assert_eq!(
        semaphore.available(),
        permits,
        "permits were lost or made up"
    );
    slice
}
