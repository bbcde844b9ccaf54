//! How do the locks fare under contention? Every question is put to ours and to its peers in turn.
//! `cargo bench --bench contention -- --help` lists the options.
#![allow(unreachable_pub, reason = "a benchmark exports nothing")]

mod beside;
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

use beside::Condition;
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
    questions.extend(once_more());
    questions
}

/// The rows of reader-writer locks and condition variables under each condition.
fn once_more() -> impl Iterator<Item = Question> {
    Condition::ALL.into_iter().flat_map(|condition| {
        let questions = rwlock::questions().into_iter().chain(condvar::questions());
        questions.map(move |question| beside::again(question, condition))
    })
}
