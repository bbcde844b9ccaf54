//! What the benchmarks with a table of their own share: rows, which put a question to ours and to
//! its peers in turn, the table of them, what it says of all, and the pictures.
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    unused_macros,
    reason = "each benchmark uses a part of this module, and none exports it"
)]

pub mod cell;
pub mod chart;
pub mod endless_loop;
pub mod machine;
pub mod program;
pub mod regret;
pub mod row;
pub mod sample;
pub mod slice;
pub mod statistics;
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
    /// Only the rows whose name matches one of these regular expressions
    #[arg(value_name = "PATTERN")]
    patterns: Vec<Regex>,
    /// Not the rows whose name matches this regular expression
    #[arg(long, value_name = "PATTERN")]
    skip: Vec<Regex>,
    /// List the rows and about how long they take, and measure nothing
    #[arg(long)]
    list: bool,
    /// As few rounds of short slices as decide anything
    #[arg(long)]
    quick: bool,
    /// How often each peer has its turn, at least [default: 7]
    #[arg(long)]
    rounds: Option<usize>,
    /// At most so many times as often, where the verdict is open [default: 5]
    #[arg(long)]
    extension: Option<usize>,
    /// How long a turn takes, where a row does not need longer ones [default: 20]
    #[arg(long)]
    slice_ms: Option<u64>,
    /// In so many minutes, no row goes on because its verdict is open
    #[arg(long, default_value_t = 9.0)]
    minutes: f64,
    /// Where the table and the pictures go
    #[arg(long, default_value = concat!("target/", env!("CARGO_CRATE_NAME")))]
    out: PathBuf,
    /// Passed by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    /// With other defaults for the rounds and the slices.
    pub fn or(mut self, rounds: usize, slice_ms: u64) -> Self {
        if !self.quick {
            self.rounds.get_or_insert(rounds);
            self.slice_ms.get_or_insert(slice_ms);
        }
        self
    }

    fn plan(&self) -> Plan {
        let (rounds, extension, slice_ms) = match self.quick {
            true => (statistics::FEWEST, 1, 10),
            false => (7, 5, 20),
        };
        Plan {
            rounds: self.rounds.unwrap_or(rounds).max(1),
            extension: self.extension.unwrap_or(extension).max(1),
            slice: Duration::from_millis(self.slice_ms.unwrap_or(slice_ms).max(1)),
            budget: Duration::try_from_secs_f64(self.minutes * 60.0).unwrap_or_default(),
        }
    }

    fn chooses(&self, name: &str) -> bool {
        let is_match = |pattern: &Regex| pattern.is_match(name);
        let wanted = self.patterns.is_empty() || self.patterns.iter().any(is_match);
        wanted && !self.skip.iter().any(is_match)
    }
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
    pub legend: String,
    /// What many rows say together.
    pub summary: fn(&[Row]) -> String,
    /// Draws the pictures into a folder.
    pub draw: fn(&[Row], &Path) -> Drawn,
}

/// Puts the questions, or lists them, as the options say.
pub fn run(mut questions: Vec<Question>, options: &Options, report: &Report) {
    let plan = options.plan();
    questions.retain(|question| options.chooses(&question.name));
    if options.list {
        list(&questions, &plan);
    } else {
        measure(questions, &plan, options, report);
    }
}

fn list(questions: &[Question], plan: &Plan) {
    for question in questions {
        println!("{}", question.name);
    }
    println!(
        "\n{} rows, about {:.0?}, and more where a verdict is open",
        questions.len(),
        takes(questions, plan)
    );
}

fn takes(questions: &[Question], plan: &Plan) -> Duration {
    questions.iter().map(|question| question.takes(plan)).sum()
}

fn measure(questions: Vec<Question>, plan: &Plan, options: &Options, report: &Report) {
    let start = Instant::now();
    let machine = machine::description();
    println!("{machine}\n{}\n{}", table::LEGEND, report.legend);
    let rows = ask(questions, plan, start + plan.budget);
    let summary = (report.summary)(&rows);
    println!("\n{machine}\n\n{summary}");
    let out = &options.out;
    fs::create_dir_all(out).expect("cannot make the folder for the results");
    let page = format!("{machine}\n\n{summary}\n{}", table::markdown(&rows));
    fs::write(out.join("table.md"), page).expect("cannot write the table");
    (report.draw)(&rows, out).expect("cannot draw the pictures");
    println!(
        "Took {:.0?}; the table and the pictures are in {}.",
        start.elapsed(),
        out.display()
    );
}

/// Puts the questions one after another, and says each answer. The time that is left until `end`
/// is shared among the rows whose verdict is open.
fn ask(mut questions: Vec<Question>, plan: &Plan, end: Instant) -> Vec<Row> {
    let bar = ProgressBar::new(questions.len() as u64);
    bar.set_style(ProgressStyle::with_template("{bar:20} {pos}/{len} {eta} {msg}").unwrap());
    let mut rows: Vec<Row> = Vec::new();
    questions.reverse();
    while let Some(question) = questions.pop() {
        bar.set_message(question.name.clone());
        let left = end.saturating_duration_since(Instant::now());
        let needed = takes(&questions, plan) + question.takes(plan);
        let spare = left.saturating_sub(needed) / (questions.len() as u32 + 1);
        let row = question.ask(plan, spare);
        bar.suspend(|| println!("{}", table::text(&row, rows.last())));
        bar.inc(1);
        rows.push(row);
    }
    bar.finish_and_clear();
    rows
}
