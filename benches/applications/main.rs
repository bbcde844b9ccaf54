//! How do programs fare with the locks below them? The programs are builds of
//! `benches/applications/program`, over published crates: `cargo xtask dropin --bench` makes them
//! and runs this.
#![allow(unreachable_pub, reason = "a benchmark exports nothing")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../harness/mod.rs"]
mod harness;

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser;

use harness::Report;
use harness::cell::{Cell, score};
use harness::endless_loop::EndlessLoop;
use harness::program::by_program;
use harness::row::{Measure, Question, Row};
use harness::sample::{Aspect, CPU, Counts, SWITCHES};
use harness::table::quotient;

/// Compares programs over these locks with the same programs over parking_lot's and std's.
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    options: harness::Options,
    /// The folder with the programs, which are called as the peers are
    #[arg(long, value_name = "FOLDER")]
    programs: Option<PathBuf>,
    /// Not beside endless loops
    #[arg(long)]
    quiet: bool,
}

/// The builds that are compared, ours first, and what follows the name of a row. The first is ours
/// in the place of parking_lot, the second in the place of std.
const FACES: [(&[&str], &str); 2] = [
    (&["anteroom", "parking_lot", "std"], ""),
    (&["poison", "std"], ", anteroom::poison"),
];

/// How many processes never sleep.
const LOOPS: usize = 2;

/// How often each program has its turn, at least, and how long that is.
const ROUNDS: usize = 15;
const SLICE_MS: u64 = 100;

/// No row may fall below this share of another lock.
const LEAST: f64 = 0.95;

const THROUGHPUT: Aspect = Aspect {
    name: "",
    unit: "k/s",
    more_is_better: true,
    counts: Counts::Speed,
};

fn main() {
    if !harness::is_wanted() {
        return;
    }
    let Options {
        options,
        programs,
        quiet,
    } = Options::parse();
    let Some(programs) = programs else {
        println!("applications: `cargo xtask dropin --bench` makes the programs");
        return;
    };
    let mut questions = questions(&programs);
    if !quiet {
        questions.extend(self::questions(&programs).into_iter().map(beside_loops));
    }
    let report = Report {
        legend: String::from("anteroom: in the place of parking_lot; poison: in that of std."),
        summary,
        draw: |_, _| Ok(()),
    };
    harness::run(questions, &options.or(ROUNDS, SLICE_MS), &report);
}

/// Those of each face, put to the programs that have such a row.
fn questions(programs: &Path) -> Vec<Question> {
    let mut questions = Vec::new();
    for (peers, face) in FACES {
        let rows: Vec<_> = peers
            .iter()
            .map(|peer| rows(&programs.join(peer)))
            .collect();
        for row in &rows[0] {
            let has_row =
                |(peer, rows): (&&'static str, &Vec<String>)| rows.contains(row).then_some(*peer);
            let those = peers.iter().zip(&rows).filter_map(has_row);
            let measure = |peer| (peer, by_program(programs.join(peer), row, peer));
            let aspects = [THROUGHPUT, CPU, SWITCHES[0], SWITCHES[1]];
            let name = format!("{row}{face}");
            questions.push(Question::new(name, &aspects, those.map(measure).collect()));
        }
    }
    questions
}

/// The names of the rows that a program has.
fn rows(program: &Path) -> Vec<String> {
    let output = Command::new(program).arg("--list").output();
    let output = output.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    assert!(
        output.status.success(),
        "{}: {}",
        program.display(),
        output.status
    );
    let text = String::from_utf8(output.stdout).expect("names are ASCII");
    text.lines().map(String::from).collect()
}

/// The same, while other processes never sleep: for twice as long, so that it sees many turns of
/// theirs.
fn beside_loops(question: Question) -> Question {
    let beside = |(peer, measure): (&'static str, Measure)| -> (&'static str, Measure) {
        let measure = move |length| {
            let _loops: [_; LOOPS] = std::array::from_fn(|_| EndlessLoop::start());
            measure(length)
        };
        (peer, Box::new(measure))
    };
    Question {
        name: format!("{}, beside {LOOPS} loops", question.name),
        peers: question.peers.into_iter().map(beside).collect(),
        ..question
    }
    .slices(2)
}

/// For each other lock: the mean, and the ratio of each row, the worst first.
fn summary(rows: &[Row]) -> String {
    let mut text = String::new();
    for (peers, face) in FACES {
        let (ours, others) = (peers[0], &peers[1..]);
        for other in others {
            let cells = rows.iter().map(|row| row.cell(0));
            let cells: Vec<_> = cells
                .filter(|cell| cell.peers[0] == ours && cell.peers.contains(other))
                .collect();
            text += &against(&cells, other, face).unwrap_or_default();
        }
    }
    text
}

fn against(cells: &[Cell], other: &str, face: &str) -> Option<String> {
    let ratio = |cell: &Cell| {
        let index = cell.peers.iter().position(|peer| *peer == other)?;
        cell.ratio(0, index)
    };
    let refs: Vec<_> = cells.iter().collect();
    let score = score(&refs, ratio)?;
    let mut ratios: Vec<_> = cells
        .iter()
        .filter_map(|cell| Some((ratio(cell)?, &cell.name)))
        .collect();
    ratios.sort_by(|(a, _), (b, _)| a.median.total_cmp(&b.median));
    let short = ratios.iter().filter(|(ratio, _)| ratio.median < LEAST);
    let mut text = format!(
        "ours / {other}{face}: mean {}; {} better, {} worse, {} undecided; {} under {LEAST}\n",
        quotient(score.mean),
        score.won,
        score.lost,
        score.undecided,
        short.count()
    );
    for (ratio, name) in ratios {
        let [first, median, third] = [ratio.first, ratio.median, ratio.third].map(quotient);
        text += &format!("  {median} ({first}-{third}) {name}\n");
    }
    Some(text)
}
