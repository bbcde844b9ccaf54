//! How do the primitives between processes fare beside glibc's and the kernel's own? Every question
//! is put to ours and to its peers in turn. `cargo bench --bench processes -- --help` lists the
//! options.
#![allow(unreachable_pub, reason = "a benchmark exports nothing")]

mod children;
#[path = "../common/mod.rs"]
mod common;
#[path = "../harness/mod.rs"]
mod harness;
mod locks;
mod messages;
mod peers;
mod pictures;
mod read_write;
mod slice;
mod streams;
mod summary;
mod turns;
mod waiting;

use clap::Parser;

use common::shared::system_v;
use harness::Report;
use harness::row::Question;

/// Puts the primitives between processes of anteroom, of glibc, and of the kernel beside each
/// other.
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    options: harness::Options,
}

/// How to read the table.
const LEGEND: &str = "\
robust: glibc's robust mutex between processes; pthread: its plain one. SEM_UNDO, semop: System V's
semaphore with give-back and without. Capacities are equal.";

fn main() {
    if harness::is_wanted() {
        let Options { options } = Options::parse();
        system_v::keep_to_ourselves(messages::MOST);
        let report = Report {
            legend: LEGEND.into(),
            summary: summary::of,
            draw: pictures::draw,
        };
        harness::run(questions(), &options, &report);
    }
}

/// All that there are.
fn questions() -> Vec<Question> {
    let mut questions = locks::questions();
    questions.extend(read_write::questions());
    questions.extend(turns::questions());
    questions.extend(messages::questions());
    questions.extend(streams::questions());
    questions.extend(waiting::questions());
    questions
}
