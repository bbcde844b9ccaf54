//! One measurement in a process of its own: this program again, or the same benchmark as it was
//! built from other sources, with hidden arguments.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use clap::Args;

use crate::harness::row::{Measure, Question};
use crate::harness::sample::Sample;

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
            let peers = names.map(|peer| (peer, by_child(this_program(), row, peer)));
            Question {
                peers: peers.collect(),
                ..question
            }
        }
    }
}

/// Another build of this benchmark, and what it is called.
#[derive(Clone)]
pub struct Build {
    name: &'static str,
    program: PathBuf,
}

impl std::str::FromStr for Build {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, program) = text.split_once('=').ok_or("NAME=PROGRAM is wanted")?;
        Ok(Self {
            name: String::from(name).leak(),
            program: program.into(),
        })
    }
}

/// The question, put to our lock as this program and as the others have it.
pub fn against(question: Question, others: &[Build]) -> Question {
    let row = &question.name;
    let (ours, _) = question.peers[0];
    let mut peers = vec![(ours, by_child(this_program(), row, ours))];
    let others = others.iter();
    peers.extend(others.map(|other| (other.name, by_child(other.program.clone(), row, ours))));
    Question { peers, ..question }
}

fn this_program() -> PathBuf {
    env::current_exe().expect("Linux tells")
}

fn by_child(program: PathBuf, row: &str, peer: &'static str) -> Measure {
    let row = String::from(row);
    Box::new(move |length| measure(&program, &row, peer, length))
}

/// Has a child measure the row of this name.
fn measure(program: &Path, row: &str, peer: &str, length: Duration) -> Sample {
    let microseconds = length.as_micros().to_string();
    let output = Command::new(program)
        .args(["--bench", "--row", row, "--peer", peer])
        .args(["--microseconds", &microseconds])
        .stderr(Stdio::inherit())
        .output()
        .expect("cannot start a child");
    assert!(output.status.success(), "{row}, {peer}: {}", output.status);
    let text = String::from_utf8(output.stdout).expect("figures are ASCII");
    let figures = text.split_whitespace().map(str::parse);
    let figures: Result<_, _> = figures.collect();
    Sample::figures(figures.expect("figures are numbers"))
}
