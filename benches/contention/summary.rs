//! What many rows say together.

use crate::harness::cell::{Among, Cell, score};
use crate::harness::regret;
use crate::harness::row::Row;
use crate::rwlock::{ONE_READER, TWO_READERS};

/// First what choosing a lock costs; then a line for the rows that belong together, where they were
/// measured.
pub fn of(rows: &[Row]) -> String {
    let others = [matrix(rows), second_reader(rows)].into_iter().flatten();
    let others: String = others.collect();
    format!("{}\n{others}", regret::summary(rows))
}

/// The matrix of the mutex: threads, sections, and gaps.
fn matrix(rows: &[Row]) -> Option<String> {
    let rows = rows.iter().filter(|row| row.question.in_matrix);
    let cells: Vec<Cell> = rows.map(|row| row.cell(0)).collect();
    let cells: Vec<_> = cells.iter().collect();
    let means = [Among::Usual, Among::All].map(|among| score(&cells, |cell| cell.ours(among)));
    let [usual, all] = means;
    let (usual, all) = (usual?, all?);
    let worst = |worst: Option<(f64, String)>| {
        worst.map_or(String::from("none decided"), |(ratio, cell)| {
            format!("{ratio:.2} in \"{cell}\"")
        })
    };
    Some(format!(
        "mutex matrix, {} cells: ours / the best of std, parking_lot, usync: geometric mean {:.2}, \
         worst {}; / the best of all: {:.2}, worst {}\n",
        cells.len(),
        usual.mean,
        worst(usual.worst),
        all.mean,
        worst(all.worst)
    ))
}

/// What a second reader adds: two readers' throughput divided by twice the throughput of one.
fn second_reader(rows: &[Row]) -> Option<String> {
    let cell = |name| {
        let row = rows.iter().find(|row| row.question.name == name)?;
        Some(row.cell(0))
    };
    let (one, two) = (cell(ONE_READER)?, cell(TWO_READERS)?);
    let peers = one.peers.iter().enumerate();
    let shares = peers.map(|(peer, name)| {
        let share = two.figure(peer) / (2.0 * one.figure(peer));
        format!("{name} {share:.2}")
    });
    let shares = shares.collect::<Vec<_>>().join(", ");
    Some(format!(
        "rwlock, two readers / (2 * one reader): {shares}\n"
    ))
}
