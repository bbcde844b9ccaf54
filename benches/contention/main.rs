//! How do the locks fare under contention? Every question is put to ours and to its peers in turn.
//! `cargo bench --bench contention -- --help` lists the options.
#![allow(unreachable_pub, reason = "a benchmark exports nothing")]

mod builds;
mod child;
#[path = "../common/mod.rs"]
mod common;
mod condition;
mod condvar;
mod crowd;
mod first_use;
mod growth;
#[path = "../harness/mod.rs"]
mod harness;
mod many_locks;
mod many_readers;
mod mutex;
mod peers;
mod pictures;
mod quota;
mod rwlock;
mod semaphore;
mod slice;
mod summary;
mod waiting;
mod waits;

use std::path::Path;

use clap::Parser;

use child::Where;
use condition::Condition;
use harness::program::Build;
use harness::row::{Question, Row};
use harness::{Drawn, Report};

/// Puts the locks of anteroom and of its peers under contention.
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    options: harness::Options,
    /// Also the waits of 8 and of 32 threads, for every section and gap
    #[arg(long)]
    waits: bool,
    /// Ours beside ours as another build of this benchmark has it, in place of the peers
    #[arg(long, value_name = "NAME=PROGRAM")]
    against: Vec<Build>,
    #[command(flatten)]
    task: child::Task,
}

/// The rows that are measured with a quota of processor time too.
const WITH_QUOTA: [&str; 8] = [
    condvar::TURN,
    condvar::ALL,
    "mutex, 8 threads, section 50, gap 500",
    "rwlock, 1 thread, one write in 4",
    "rwlock, 2 threads, one write in 100",
    "rwlock, 8 threads, one write in 4",
    "rwlock, 16 threads, one write in 100",
    "semaphore 8/3, section 0",
];

fn main() {
    if harness::is_wanted() {
        let Options {
            options,
            waits,
            against,
            task,
        } = Options::parse();
        if task.run(|| questions(waits, Where::Here)) {
            return;
        }
        let mut questions = questions(waits, Where::InChild);
        let mut summary: fn(&[Row]) -> String = summary::of;
        let mut draw: fn(&[Row], &Path) -> Drawn = pictures::draw;
        if !against.is_empty() {
            questions = questions
                .into_iter()
                .map(|question| child::against(question, &against))
                .collect();
            summary = builds::summary;
            draw = |_, _| Ok(());
        }
        let report = Report {
            legend: format!(
                "std has no semaphore: that is a Mutex and a Condvar. The quota is kept {}.",
                quota::how()
            ),
            summary,
            draw,
        };
        harness::run(questions, &options, &report);
    }
}

/// All that there are.
fn questions(with_waits: bool, place: Where) -> Vec<Question> {
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
    questions.extend(first_use::questions(place));
    questions.extend(once_more(place));
    questions
}

/// The rows of condition variables and reader-writer locks under each condition. With a quota,
/// which takes long to measure, there are few of them and a row of each other primitive.
fn once_more(place: Where) -> impl Iterator<Item = Question> {
    let of = move |condition: Condition| {
        let mut questions = condvar::questions();
        questions.extend(rwlock::questions());
        if condition == Condition::Quota {
            questions.extend(mutex::questions());
            questions.extend(semaphore::questions());
            questions.retain(|question| WITH_QUOTA.contains(&question.name.as_str()));
        }
        let again = move |question| condition::again(question, condition, place);
        questions.into_iter().map(again)
    };
    Condition::ALL.into_iter().flat_map(of)
}
