//! Rows once more under conditions that a lock does not choose: beside endless loops of another
//! process, on one processor, with a quota of processor time.

use std::time::Duration;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::child::{Where, placed};
use crate::harness::endless_loop::EndlessLoop;
use crate::harness::row::{Measure, Question};
use crate::harness::sample::Sample;
use crate::quota;

/// What else holds while a row is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Two other processes never sleep.
    Loops,
    /// All threads share one processor.
    OneProcessor,
    /// The process gets a part of a processor, [`quota::PROCESSORS`].
    Quota,
}

/// How many processes never sleep.
const LOOPS: usize = 2;

impl Condition {
    pub const ALL: [Self; 3] = [Self::Loops, Self::OneProcessor, Self::Quota];

    fn text(self) -> String {
        match self {
            Self::Loops => format!("beside {LOOPS} loops"),
            Self::OneProcessor => "on one processor".into(),
            Self::Quota => format!("quota of {}", quota::PROCESSORS),
        }
    }

    /// How many times as long a measurement takes, so that it sees many turns of the others.
    fn slices(self) -> u32 {
        match self {
            Self::Loops => 2,
            Self::OneProcessor => 1,
            Self::Quota => 10,
        }
    }

    fn during(self, measure: impl FnOnce() -> Sample) -> Sample {
        match self {
            Self::Loops => {
                let _loops: [_; LOOPS] = std::array::from_fn(|_| EndlessLoop::start());
                measure()
            }
            Self::OneProcessor => {
                stay_on_one_processor();
                measure()
            }
            Self::Quota => {
                let _quota = quota::begin();
                measure()
            }
        }
    }
}

/// The same question under the condition. Each measurement has a process of its own, which is under
/// the condition from its start: locks may count the processors once.
pub fn again(question: Question, condition: Condition, place: Where) -> Question {
    let under = |(peer, measure): (&'static str, Measure)| -> (&'static str, Measure) {
        let during = move |length: Duration| condition.during(|| measure(length));
        (peer, Box::new(during))
    };
    let question = Question {
        name: format!("{}, {}", question.name, condition.text()),
        peers: question.peers.into_iter().map(under).collect(),
        slices: match condition {
            Condition::Quota => condition.slices(),
            _ => question.slices * condition.slices(),
        },
        in_matrix: false,
        drawn: Vec::new(),
        ..question
    };
    placed(question, place)
}

/// Keeps the calling thread, and those that it starts, on the first processor that it may use.
fn stay_on_one_processor() {
    let may = sched_getaffinity(None).expect("Linux");
    let first = (0..CpuSet::MAX_CPU).find(|&processor| may.is_set(processor));
    let mut one = CpuSet::new();
    one.set(first.expect("a thread may run somewhere"));
    sched_setaffinity(None, &one).expect("a subset of what it may");
}
