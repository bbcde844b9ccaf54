//! How do the locks fare under contention? Every question is put to ours and to its peers in turn.
//! `cargo bench --bench contention -- --help` lists the options.
#![allow(unreachable_pub, reason = "a benchmark exports nothing")]

#[path = "../common/mod.rs"]
mod common;
mod condvar;
mod crowd;
mod growth;
#[path = "../harness/mod.rs"]
mod harness;
mod many_locks;
mod many_readers;
mod mutex;
mod peers;
mod pictures;
mod rwlock;
mod semaphore;
mod slice;
mod summary;
mod waiting;
mod waits;

use clap::Parser;

use harness::Report;
use harness::row::Question;

/// Puts the locks of anteroom and of its peers under contention.
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    options: harness::Options,
    /// Also the waits of 8 and of 32 threads, for every section and gap
    #[arg(long)]
    waits: bool,
}

const REPORT: Report = Report {
    legend: "std has no semaphore: that is a Mutex and a Condvar.",
    summary: summary::of,
    draw: pictures::draw,
};

fn main() {
    if harness::is_wanted() {
        let Options { options, waits } = Options::parse();
        harness::run(questions(waits), &options, &REPORT);
    }
}

/// All that there are.
fn questions(with_waits: bool) -> Vec<Question> {
    let mut questions = mutex::questions();
    if with_waits {
        questions.extend(waits::matrix());
    }
    questions.extend(rwlock::questions());
    questions.extend(waits::questions());
    questions.extend(condvar::questions());
    questions.extend(semaphore::questions());
    questions.extend(waiting::questions());
    questions.extend(growth::questions());
    questions
}
