//! Rows once more under conditions that a lock does not choose: beside endless loops of other
//! processes, and on one processor.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, waitpid};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::harness::row::{Measure, Question};
use crate::harness::sample::Sample;

/// What else goes on while a row is measured.
#[derive(Clone, Copy)]
pub enum Condition {
    /// So many processes that never sleep.
    Loops(usize),
    /// All threads on the processor that the benchmark runs on when it begins.
    OneProcessor,
}

impl Condition {
    /// The conditions under which rows are measured once more.
    pub const ALL: [Self; 2] = [Self::Loops(2), Self::OneProcessor];

    fn text(self) -> String {
        match self {
            Self::Loops(loops) => format!("beside {loops} loops"),
            Self::OneProcessor => "on one processor".into(),
        }
    }

    fn during(self, measure: impl FnOnce() -> Sample) -> Sample {
        match self {
            Self::Loops(loops) => {
                let _loops: Vec<_> = (0..loops).map(|_| EndlessLoop::start()).collect();
                measure()
            }
            Self::OneProcessor => {
                let _processor = OneProcessor::begin();
                measure()
            }
        }
    }
}

/// The same question, each peer measured under the condition.
pub fn again(question: Question, condition: Condition) -> Question {
    let under = |measure: Measure| -> Measure {
        Box::new(move |length: Duration| condition.during(|| measure(length)))
    };
    let peers = question.peers.into_iter();
    Question {
        name: format!("{}, {}", question.name, condition.text()),
        peers: peers
            .map(|(name, measure)| (name, under(measure)))
            .collect(),
        in_matrix: false,
        drawn: None,
        ..question
    }
}

/// A child that does nothing but run, until this is dropped or the benchmark dies.
struct EndlessLoop(Pid);

impl EndlessLoop {
    fn start() -> Self {
        // SAFETY: the child calls nothing that could need another thread of its parent.
        match unsafe { libc::fork() } {
            0 => {
                // SAFETY: a system call about the calling process only.
                unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
                loop {
                    std::hint::spin_loop();
                }
            }
            child => Self(Pid::from_raw(child).expect("cannot fork")),
        }
    }
}

impl Drop for EndlessLoop {
    fn drop(&mut self) {
        kill_process(self.0, Signal::KILL).expect("a child that has not been waited for");
        waitpid(Some(self.0), rustix::process::WaitOptions::empty()).expect("a child");
    }
}

/// Keeps the calling thread, and those that it starts, on one processor until this is dropped.
struct OneProcessor(CpuSet);

impl OneProcessor {
    fn begin() -> Self {
        let before = sched_getaffinity(None).expect("Linux");
        let first = (0..CpuSet::MAX_CPU).find(|&cpu| before.is_set(cpu));
        let mut one = CpuSet::new();
        one.set(first.expect("a thread may run somewhere"));
        sched_setaffinity(None, &one).expect("a subset of what it may");
        Self(before)
    }
}

impl Drop for OneProcessor {
    fn drop(&mut self) {
        sched_setaffinity(None, &self.0).expect("as before");
    }
}
