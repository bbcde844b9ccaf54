//! How do the locks fare under contention? Every question is put to ours and to its peers in turn.
//! `cargo bench --bench contention -- --help` lists the options.
#![allow(unreachable_pub, reason = "a benchmark exports nothing")]

#[path = "../common/mod.rs"]
mod common;
mod condvar;
mod crowd;
mod growth;
mod machine;
mod many_locks;
mod many_readers;
mod mutex;
mod peers;
mod pictures;
mod row;
mod rwlock;
mod sample;
mod semaphore;
mod slice;
mod summary;
mod table;
mod wait_times;
mod waiting;
mod waits;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use regex::Regex;

use row::{Plan, Question, Row};

/// Puts the locks of anteroom and of its peers under contention.
#[derive(Parser)]
struct Options {
    /// Only the rows whose name matches this regular expression
    #[arg(long, default_value = "")]
    only: Regex,
    /// List the rows and about how long they take, and measure nothing
    #[arg(long)]
    list: bool,
    /// Three rounds of short slices
    #[arg(long)]
    quick: bool,
    /// How often each peer has its turn [default: 7]
    #[arg(long)]
    rounds: Option<usize>,
    /// How long a turn takes with up to four threads; twice as long with more [default: 25]
    #[arg(long)]
    slice_ms: Option<u64>,
    /// Also the waits of 8 and of 32 threads, for every section and gap
    #[arg(long)]
    waits: bool,
    /// A line more for each row: the processor time that an operation costs
    #[arg(long)]
    cpu: bool,
    /// Where the table and the pictures go
    #[arg(long, default_value = "target/contention")]
    out: PathBuf,
    /// Passed by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("contention: measures under `cargo bench` only");
        return;
    }
    let options = Options::parse();
    let (rounds, slice_ms) = if options.quick { (3, 10) } else { (7, 25) };
    let plan = Plan {
        rounds: options.rounds.unwrap_or(rounds).max(1),
        slice: Duration::from_millis(options.slice_ms.unwrap_or(slice_ms).max(1)),
    };
    let mut questions = questions(options.waits);
    questions.retain(|question| options.only.is_match(&question.name));
    if options.list {
        list(&questions, &plan);
    } else {
        measure(questions, &plan, &options);
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

fn list(questions: &[Question], plan: &Plan) {
    let mut total = Duration::ZERO;
    for question in questions {
        println!("{}", question.name);
        total += question.takes(plan);
    }
    println!("\n{} rows, about {:.0?}", questions.len(), total);
}

fn measure(questions: Vec<Question>, plan: &Plan, options: &Options) {
    let start = Instant::now();
    let machine = machine::description();
    println!("{machine}\n{}", table::LEGEND);
    let bar = ProgressBar::new(questions.len() as u64);
    bar.set_style(ProgressStyle::with_template("{bar:20} {pos}/{len} {eta} {msg}").unwrap());
    let mut rows: Vec<Row> = Vec::new();
    for question in questions {
        bar.set_message(question.name.clone());
        let row = question.ask(plan);
        bar.suspend(|| println!("{}", table::text(&row, rows.last(), options.cpu)));
        bar.inc(1);
        rows.push(row);
    }
    bar.finish_and_clear();
    let summary = summary::of(&rows);
    println!("\n{summary}");
    let out = &options.out;
    fs::create_dir_all(out).expect("cannot make the folder for the results");
    let page = format!(
        "{machine}\n\n{}\n\n{summary}",
        table::markdown(&rows, options.cpu)
    );
    fs::write(out.join("table.md"), page).expect("cannot write the table");
    pictures::draw(&rows, out).expect("cannot draw the pictures");
    println!(
        "Took {:.0?}; the table and the pictures are in {}.",
        start.elapsed(),
        out.display()
    );
}
