//! One measurement in a process of its own: this program again, or the same benchmark as it was
//! built from other sources, with hidden arguments.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::harness::program::{Build, by_program};
use crate::harness::row::Question;

/// Where a row is measured that needs a process of its own.
#[derive(Clone, Copy)]
pub enum Where {
    /// By this process, which is a child.
    Here,
    /// By a child for each measurement.
    InChild,
}

/// What a child is to measure.
#[derive(Args)]
pub struct Task {
    /// The row that is measured once, by a child
    #[arg(long, hide = true, requires_all = ["peer", "microseconds"])]
    row: Option<String>,
    /// The peer
    #[arg(long, hide = true)]
    peer: Option<String>,
    /// How long
    #[arg(long, hide = true)]
    microseconds: Option<u64>,
}

impl Task {
    /// Measures and prints what there is to measure, if this process is a child.
    pub fn run(&self, questions: impl FnOnce() -> Vec<Question>) -> bool {
        let (Some(row), Some(peer), Some(microseconds)) =
            (&self.row, &self.peer, self.microseconds)
        else {
            return false;
        };
        let questions = questions();
        let question = questions.iter().find(|question| question.name == *row);
        let mut peers = question.expect("no such row").peers.iter();
        let (_, measure) = peers.find(|(name, _)| name == peer).expect("no such peer");
        let sample = measure(Duration::from_micros(microseconds));
        let figures: Vec<_> = sample.figures.iter().map(f64::to_string).collect();
        println!("{}", figures.join(" "));
        true
    }
}

/// The question, each measurement of which is made there.
pub fn placed(question: Question, place: Where) -> Question {
    match place {
        Where::Here => question,
        Where::InChild => {
            let row = &question.name;
            let names = question.peers.iter().map(|(peer, _)| *peer);
            let peers = names.map(|peer| (peer, by_program(this_program(), row, peer)));
            Question {
                peers: peers.collect(),
                ..question
            }
        }
    }
}

/// The question, put to our lock as this program and as the others have it.
pub fn against(question: Question, others: &[Build]) -> Question {
    let row = &question.name;
    let (ours, _) = question.peers[0];
    let mut peers = vec![(ours, by_program(this_program(), row, ours))];
    let others = others.iter();
    peers.extend(others.map(|other| (other.name, by_program(other.program.clone(), row, ours))));
    Question { peers, ..question }
}

fn this_program() -> PathBuf {
    env::current_exe().expect("Linux tells")
}
