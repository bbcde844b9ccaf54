//! What many rows say together.

use crate::harness::regret;
use crate::harness::row::Row;
use crate::rwlock::{ONE_READER, TWO_READERS};

/// A line or more for the rows that belong together, where they were measured.
pub fn of(rows: &[Row]) -> String {
    let others = [matrix(rows), second_reader(rows)].into_iter().flatten();
    [regret::summary(rows)].into_iter().chain(others).collect()
}

/// The matrix of the mutex: threads, sections, and gaps.
fn matrix(rows: &[Row]) -> Option<String> {
    let cells: Vec<_> = rows.iter().filter(|row| row.question.in_matrix).collect();
    let (mut ratios, mut cpus) = (Vec::new(), Vec::new());
    for cell in &cells {
        let best = cell.best(0)?;
        ratios.push(cell.ratio(0, best));
        cpus.push(cell.cpu_ratio(best)?);
    }
    let worst = ratios.iter().zip(&cells).min_by(|a, b| a.0.total_cmp(b.0));
    let (smallest, at) = worst.map(|(ratio, cell)| (ratio, &cell.question.name))?;
    let count = ratios.len();
    let mean = (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / count as f64).exp();
    let slower = ratios.iter().filter(|&&ratio| ratio < 0.97).count();
    let largest_cpu = cpus.iter().copied().fold(0.0, f64::max);
    let hungrier = cpus.iter().filter(|&&cpu| cpu > 1.1).count();
    Some(format!(
        "mutex matrix: {count} cells; ratio to the best peer: geometric mean {mean:.2}, smallest \
         {smallest:.2} ({at}), {slower} under 0.97; cpu: largest {largest_cpu:.2}, {hungrier} over 1.1\n"
    ))
}

/// What a second reader adds: two readers' throughput divided by twice the throughput of one.
fn second_reader(rows: &[Row]) -> Option<String> {
    let row = |name| rows.iter().find(|row| row.question.name == name);
    let (one, two) = (row(ONE_READER)?, row(TWO_READERS)?);
    let peers = one.question.peers.iter().enumerate();
    let shares = peers.map(|(peer, (name, _))| {
        format!(
            "{name} {:.2}",
            two.figure(0, peer) / (2.0 * one.figure(0, peer))
        )
    });
    let shares = shares.collect::<Vec<_>>().join(", ");
    Some(format!(
        "rwlock, two readers / (2 * one reader): {shares}\n"
    ))
}
