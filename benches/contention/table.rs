//! The table: a line for each aspect of a row, aligned for the terminal, and in markdown.

use crate::row::Row;

/// Wide enough for the longest name.
const NAME_WIDTH: usize = 50;
/// Wide enough for the name of a peer.
const PEER_WIDTH: usize = 13;
/// Wide enough for a conclusion, after the best peer's name.
const RATIO_WIDTH: usize = 9;
/// The most peers that a row has.
const MOST_PEERS: usize = 6;
/// What follows the peers' figures.
const CONCLUSIONS: [&str; 5] = ["best peer", "ratio", "cpu", "cpu/least", "others"];

/// How to read it.
pub const LEGEND: &str = "\
Medians of the rounds. best peer: the one that does best against us. ratio: how many times better\n\
we are than it (above 1: we are). cpu: our processor time for an operation divided by its;\n\
cpu/least: divided by that of the peer that needs least. others: how many processors other\n\
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

/// The cells of each line.
fn lines(row: &Row) -> Vec<Vec<String>> {
    let aspects = row.question.aspects.iter().enumerate();
    let line = aspects.map(|(index, aspect)| {
        let figures = (0..row.question.peers.len()).map(|peer| number(row.figure(index, peer)));
        let ratio = |ratio: Option<f64>| ratio.map_or(String::new(), |ratio| format!("{ratio:.2}"));
        let best = row.best(index);
        // The processor time goes with the first aspect, and is said once.
        let is_first = |_: &usize| index == 0;
        let conclusions = [
            best.map_or("", |peer| row.question.peers[peer].0).into(),
            ratio(best.map(|peer| row.ratio(index, peer))),
            ratio(best.filter(is_first).and_then(|peer| row.cpu_ratio(peer))),
            ratio(best.filter(is_first).and(row.cpu_ratio_to_least())),
            format!("{:.1}", row.others),
        ];
        let name = format!("{}{}", row.question.name, aspect.name);
        cells(&name, aspect.unit, figures, conclusions)
    });
    line.collect()
}

fn cells(
    name: &str,
    unit: &str,
    figures: impl Iterator<Item = String>,
    conclusions: [String; CONCLUSIONS.len()],
) -> Vec<String> {
    let mut cells = vec![String::from(name), String::from(unit)];
    cells.extend(figures);
    cells.resize(2 + MOST_PEERS, String::new());
    cells.extend(conclusions);
    cells
}

/// The lines of a row for the terminal, under a heading where `above` has other peers.
pub fn text(row: &Row, above: Option<&Row>) -> String {
    let aligned = |cells: Vec<String>| {
        let mut line = format!("{:<NAME_WIDTH$} {:<4}", cells[0], cells[1]);
        let (peers, ratios) = cells[2..].split_at(MOST_PEERS + 1);
        for cell in peers {
            line += &format!(" {cell:>PEER_WIDTH$}");
        }
        for cell in ratios {
            line += &format!(" {cell:>RATIO_WIDTH$}");
        }
        line
    };
    let heading = (!same_peers(row, above)).then(|| format!("\n{}", aligned(heading(row))));
    let lines = heading
        .into_iter()
        .chain(lines(row).into_iter().map(aligned));
    lines.collect::<Vec<_>>().join("\n")
}

/// The whole table for the README.
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
        table.extend(lines(row).into_iter().map(line));
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
