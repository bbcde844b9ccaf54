//! What the benchmarks with a table of their own share: rows, which put a question to ours and to its
//! peers in turn, the table of them, and the pictures.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each benchmark uses a part of this module, and none exports it"
)]

pub mod chart;
pub mod machine;
pub mod regret;
pub mod row;
pub mod sample;
pub mod slice;
pub mod table;
pub mod wait_times;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use regex::Regex;

use row::{Plan, Question, Row};

/// One [`Measure`](row::Measure) for each peer, with its name.
macro_rules! peers {
    ($Peer:ident in [$($peer:ty),+ $(,)?] $measure:expr) => {
        vec![$({
            type $Peer = $peer;
            let measure: $crate::harness::row::Measure = Box::new($measure);
            (<$Peer>::NAME, measure)
        }),+]
    };
}

pub(crate) use peers;

/// What to measure, and how long.
#[derive(Args)]
pub struct Options {
    /// Only the rows whose name matches this regular expression
    #[arg(long, default_value = "")]
    only: Regex,
    /// List the rows and about how long they take, and measure nothing
    #[arg(long)]
    list: bool,
    /// Three rounds of short slices
    #[arg(long)]
    quick: bool,
    /// How often each peer has its turn, at least [default: 15]
    #[arg(long)]
    rounds: Option<usize>,
    /// How long a turn takes, where a row does not need longer ones [default: 20]
    #[arg(long)]
    slice_ms: Option<u64>,
    /// A line more for each row: the processor time that an operation costs
    #[arg(long)]
    cpu: bool,
    /// Where the table and the pictures go
    #[arg(long, default_value = concat!("target/", env!("CARGO_CRATE_NAME")))]
    out: PathBuf,
    /// Passed by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

/// Whether this run is for measuring; says so if it is not.
pub fn is_wanted() -> bool {
    let wanted = std::env::args().any(|argument| argument == "--bench");
    if !wanted {
        let name = env!("CARGO_CRATE_NAME");
        println!("{name}: measures under `cargo bench` only");
    }
    wanted
}

/// Whether a picture could be drawn.
pub type Drawn = Result<(), Box<dyn Error>>;

/// What a benchmark says of its rows.
pub struct Report {
    /// How to read the table.
    pub legend: &'static str,
    /// What many rows say together.
    pub summary: fn(&[Row]) -> String,
    /// Draws the pictures into a folder.
    pub draw: fn(&[Row], &Path) -> Drawn,
}

/// Puts the questions, or lists them, as the options say.
pub fn run(mut questions: Vec<Question>, options: &Options, report: &Report) {
    let (rounds, extension, slice_ms) = match options.quick {
        true => (3, 1, 10),
        false => (15, 3, 20),
    };
    let plan = Plan {
        rounds: options.rounds.unwrap_or(rounds).max(1),
        extension,
        slice: Duration::from_millis(options.slice_ms.unwrap_or(slice_ms).max(1)),
    };
    questions.retain(|question| options.only.is_match(&question.name));
    if options.list {
        list(&questions, &plan);
    } else {
        measure(questions, &plan, options, report);
    }
}

fn list(questions: &[Question], plan: &Plan) {
    let mut total = Duration::ZERO;
    for question in questions {
        println!("{}", question.name);
        total += question.takes(plan);
    }
    println!("\n{} rows, about {:.0?}", questions.len(), total);
}

fn measure(questions: Vec<Question>, plan: &Plan, options: &Options, report: &Report) {
    let start = Instant::now();
    let machine = machine::description();
    println!("{machine}\n{}\n{}", table::LEGEND, report.legend);
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
    let summary = (report.summary)(&rows);
    println!("\n{summary}");
    let out = &options.out;
    fs::create_dir_all(out).expect("cannot make the folder for the results");
    let page = format!(
        "{machine}\n\n{}\n\n{summary}",
        table::markdown(&rows, options.cpu)
    );
    fs::write(out.join("table.md"), page).expect("cannot write the table");
    (report.draw)(&rows, out).expect("cannot draw the pictures");
    println!(
        "Took {:.0?}; the table and the pictures are in {}.",
        start.elapsed(),
        out.display()
    );
}
