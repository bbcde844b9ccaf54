//! The table: a line for each aspect of a row, aligned for the terminal, and in markdown.

use super::cell::{Among, Cell};
use super::row::Row;
use super::statistics::{Quartiles, Verdict};

/// Wide enough for nearly every name.
const NAME_WIDTH: usize = 76;
/// Wide enough for the name of a peer.
const PEER_WIDTH: usize = 11;
/// The most peers that a row has.
const MOST_PEERS: usize = 6;
/// What follows the peers' figures.
const CONCLUSIONS: [&str; 4] = ["of usual", "of all", "best of all", "others"];
/// Wide enough for each of them.
const CONCLUSION_WIDTHS: [usize; 4] = [28, 28, PEER_WIDTH, 6];

/// How to read it.
pub const LEGEND: &str = "\
Medians of the rounds. of usual: how many times better ours is than the best of std, parking_lot and
usync (above 1: ours is better), with the quartiles of that ratio, each taken in one round; of all:
than the best of all peers. undecided: the quartiles do not tell which is better. others: how many
processors other processes kept busy meanwhile.";

/// The cells of the heading.
fn heading(row: &Row) -> Vec<String> {
    let mut words = vec!["", "unit"];
    words.extend(row.question.peers.iter().map(|(name, _)| *name));
    words.extend(CONCLUSIONS);
    words.into_iter().map(String::from).collect()
}

/// The cells of each line.
fn lines(row: &Row) -> impl Iterator<Item = Vec<String>> {
    let aspects = row.question.aspects.iter().enumerate();
    aspects.map(|(index, aspect)| line(&row.cell(index), aspect.unit, row.others))
}

fn line(cell: &Cell, unit: &str, others: f64) -> Vec<String> {
    let mut line = vec![cell.name.clone(), unit.into()];
    line.extend((0..cell.peers.len()).map(|peer| number(cell.figure(peer))));
    let best = cell.best_against(0, Among::All);
    line.extend([
        cell.ours(Among::Usual).map_or(String::new(), judged),
        best.map_or(String::new(), |(_, ratio)| judged(ratio)),
        best.map_or(String::new(), |(peer, _)| cell.peers[peer].into()),
        format!("{others:.1}"),
    ]);
    line
}

/// The lines of a row for the terminal, under a heading where `above` has other peers.
pub fn text(row: &Row, above: Option<&Row>) -> String {
    let aligned = |cells: Vec<String>| {
        let (figures, conclusions) = cells[2..].split_at(cells.len() - 2 - CONCLUSIONS.len());
        let mut line = format!("{:<NAME_WIDTH$} {:<4}", cells[0], cells[1]);
        for peer in 0..MOST_PEERS {
            let figure = figures.get(peer).map_or("", String::as_str);
            line += &format!(" {figure:>PEER_WIDTH$}");
        }
        for (conclusion, width) in conclusions.iter().zip(CONCLUSION_WIDTHS) {
            line += &format!(" {conclusion:>width$}");
        }
        String::from(line.trim_end())
    };
    let heading = (!same_peers(row, above)).then(|| format!("\n{}", aligned(heading(row))));
    let lines = heading.into_iter().chain(lines(row).map(aligned));
    lines.collect::<Vec<_>>().join("\n")
}

/// The whole table in markdown.
pub fn markdown(rows: &[Row]) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut table = String::new();
    let mut above = None;
    for row in rows {
        if !same_peers(row, above) {
            let heading = heading(row);
            let rule = format!("|{}\n", "---|".repeat(heading.len()));
            table += &format!("\n{}{rule}", line(heading));
        }
        table.extend(lines(row).map(line));
        above = Some(row);
    }
    table
}

fn same_peers(row: &Row, above: Option<&Row>) -> bool {
    let names = |row: &Row| {
        let names = row.question.peers.iter().map(|(name, _)| *name);
        names.collect::<Vec<_>>()
    };
    above.is_some_and(|above| names(above) == names(row))
}

/// A ratio, its quartiles, and what they say.
fn judged(ratio: Quartiles) -> String {
    let verdict = match ratio.verdict() {
        Verdict::Won => "won",
        Verdict::Lost => "lost",
        Verdict::Undecided => "undecided",
    };
    let Quartiles {
        first,
        median,
        third,
        ..
    } = ratio;
    let [first, median, third] = [first, median, third].map(quotient);
    format!("{median} ({first}-{third}) {verdict}")
}

/// A ratio or a regret: as many digits as tell the small ones apart.
pub fn quotient(value: f64) -> String {
    match value {
        0.1.. => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

/// Three or four digits.
fn number(value: f64) -> String {
    match value {
        _ if value.is_nan() => "failed".into(),
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        1.0.. => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
