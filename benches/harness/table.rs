//! The table: a line for each aspect of a row, aligned for the terminal, and in markdown.

use super::row::{Quartiles, Row};

/// Wide enough for the longest name.
const NAME_WIDTH: usize = 57;
/// Wide enough for the name of a peer.
const PEER_WIDTH: usize = 11;
/// The most peers that a row has.
const MOST_PEERS: usize = 6;
/// What follows the peers' figures.
const CONCLUSIONS: [&str; 7] = [
    "usual",
    "all",
    "best peer",
    "quartiles",
    "cpu",
    "cpu/least",
    "others",
];
/// Wide enough for each of them.
const CONCLUSION_WIDTHS: [usize; 7] = [6, 6, PEER_WIDTH, 12, 6, 9, 6];

/// How to read it.
pub const LEGEND: &str = "\
Medians of the rounds. usual: how many times better we are than the best of std, parking_lot and\n\
usync (above 1: we are); all: than the best peer of all, with the quartiles of that ratio, and a ?\n\
where they do not decide which is better. cpu: our processor time for an operation divided by that\n\
peer's; cpu/least: by that of the peer that needs least. others: how many processors other\n\
processes kept busy meanwhile.";

/// The cells of the heading.
fn heading(row: &Row) -> Vec<String> {
    let names = row.question.peers.iter().map(|(name, _)| *name);
    cells(
        "",
        "unit",
        names.map(String::from),
        CONCLUSIONS.map(String::from),
    )
}

/// The cells of each line; the last is for the processor time, if wanted.
fn lines(row: &Row, with_cpu: bool) -> Vec<Vec<String>> {
    let aspects = row.question.aspects.iter().enumerate();
    let line = aspects.map(|(index, aspect)| {
        let figures = (0..row.question.peers.len()).map(|peer| number(row.figure(index, peer)));
        let ratio = |ratio: Option<f64>| ratio.map_or(String::new(), |ratio| format!("{ratio:.2}"));
        let best = row.best(index);
        // The processor time goes with the first aspect, and is said once.
        let is_first = |_: &usize| index == 0;
        let usual = row.best_of_usual(index);
        let conclusions = [
            ratio(usual.map(|peer| row.ratio(index, peer))),
            ratio(best.map(|peer| row.ratio(index, peer))),
            best.map_or("", |peer| row.question.peers[peer].0).into(),
            best.map_or(String::new(), |peer| quartiles(row.quartiles(index, peer))),
            ratio(best.filter(is_first).and_then(|peer| row.cpu_ratio(peer))),
            ratio(best.filter(is_first).and(row.cpu_ratio_to_least())),
            format!("{:.1}", row.others),
        ];
        let name = format!("{}{}", row.question.name, aspect.name);
        cells(&name, aspect.unit, figures, conclusions)
    });
    line.chain(with_cpu.then(|| cpu_line(row)).flatten())
        .collect()
}

/// What an operation costs in processor time, if that was measured.
fn cpu_line(row: &Row) -> Option<Vec<String>> {
    let peers = 0..row.question.peers.len();
    let figures: Option<Vec<_>> = peers.map(|peer| row.cpu(peer).map(number)).collect();
    let name = format!("{}: cpu", row.question.name);
    let conclusions = [const { String::new() }; CONCLUSIONS.len()];
    Some(cells(&name, "µs", figures?.into_iter(), conclusions))
}

fn cells(
    name: &str,
    unit: &str,
    figures: impl Iterator<Item = String>,
    conclusions: [String; CONCLUSIONS.len()],
) -> Vec<String> {
    let mut cells = vec![String::from(name), String::from(unit)];
    cells.extend(figures);
    cells.extend(conclusions);
    cells
}

/// The lines of a row for the terminal, under a heading where `above` has other peers.
pub fn text(row: &Row, above: Option<&Row>, with_cpu: bool) -> String {
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
    let lines = heading
        .into_iter()
        .chain(lines(row, with_cpu).into_iter().map(aligned));
    lines.collect::<Vec<_>>().join("\n")
}

/// The whole table for the README.
pub fn markdown(rows: &[Row], with_cpu: bool) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut table = String::new();
    let mut above = None;
    for row in rows {
        if !same_peers(row, above) {
            let heading = heading(row);
            let rule = format!("|{}\n", "---|".repeat(heading.len()));
            table += &format!("\n{}{rule}", line(heading));
        }
        table.extend(lines(row, with_cpu).into_iter().map(line));
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

fn quartiles(quartiles: Quartiles) -> String {
    let Quartiles { first, third, .. } = quartiles;
    let mark = if quartiles.span_the_verdict() {
        "?"
    } else {
        ""
    };
    format!("{first:.2}-{third:.2}{mark}")
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
