//! Ours beside other builds of ours: what a change gains or loses, and what a heuristic is worth.
//!
//! `cargo bench --bench contention --no-run` names the program that it has built. Keep a copy of
//! it, change the crate, and measure both:
//! `cargo bench --bench contention -- --against before=COPY`. The crate is built without a
//! heuristic by
//! `RUSTFLAGS='--cfg anteroom_without="NAME"' cargo bench --bench contention --no-run`, where
//! Cargo.toml lists the names; use a `--target-dir` of its own.

use crate::harness::cell::{Cell, score};
use crate::harness::row::Row;
use crate::harness::sample::Counts;
use crate::harness::table::quotient;

/// A line for each other build: in which cell this one gains most, in which it loses most, and the
/// geometric mean over all cells; and the same for the processor time.
pub fn summary(rows: &[Row]) -> String {
    let of = |counts| {
        let cells: Vec<_> = rows.iter().flat_map(|row| row.cells(counts)).collect();
        lines(&cells.iter().collect::<Vec<_>>())
    };
    let [speed, cpu] = [Counts::Speed, Counts::Cpu].map(of);
    format!(
        "This build / another (above 1: this one is better), in all cells and decided ones.\n\
         {speed}CPU:\n{cpu}"
    )
}

fn lines(cells: &[&Cell]) -> String {
    let names = cells.first().map_or(&[][..], |cell| &cell.peers[1..]);
    let line = |(index, name): (usize, &&str)| {
        let score = score(cells, |cell| cell.ratio(0, index + 1))?;
        let at = |extreme: Option<(f64, String)>| {
            extreme.map_or("none".into(), |(ratio, cell)| {
                format!("{} ({cell})", quotient(ratio))
            })
        };
        Some(format!(
            "  / {name}: mean {}; best {}; worst {}; {} better, {} worse, {} undecided\n",
            quotient(score.mean),
            at(score.best),
            at(score.worst),
            score.won,
            score.lost,
            score.undecided
        ))
    };
    names.iter().enumerate().filter_map(line).collect()
}
