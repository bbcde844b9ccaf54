//! Two processes, each of which waits for the other: a turn to and fro.

use std::time::Duration;

use crate::common::shared::lock::Signal;
use crate::harness::row::{Peers, Question};
use crate::harness::sample::{Aspect, Counts, Sample};
use crate::peers::plain_semaphores;
use crate::slice;

const MICROSECONDS: Aspect = Aspect {
    name: "",
    unit: "µs",
    more_is_better: false,
    counts: Counts::Speed,
};

pub fn questions() -> Vec<Question> {
    let semaphores = plain_semaphores!(Peer => semaphores::<Peer>);
    vec![question("semaphore", semaphores)]
}

/// How long both together take.
pub fn question(primitive: &str, peers: Peers) -> Question {
    let name = format!("{primitive}, a turn to and fro");
    Question::new(name, &[MICROSECONDS], peers).slices(4)
}

fn semaphores<S: Signal>(length: Duration) -> Sample {
    let [to, fro] = &[S::new(), S::new()];
    turns(length, |index| {
        move || match index {
            0 => {
                to.post();
                fro.wait();
            }
            _ => {
                to.wait();
                fro.post();
            }
        }
    })
}

/// How long a turn takes the process that begins it.
pub fn turns<F: FnMut()>(length: Duration, process: impl Fn(usize) -> F) -> Sample {
    let slice = slice::measure(2, length, |index| {
        let mut operation = process(index);
        move || {
            operation();
            u64::from(index == 0)
        }
    });
    Sample::of(&slice, vec![1.0 / slice.rate()])
}
