//! Which lock one regrets least. A lock is picked once and then meets every load, so what counts is
//! not its best cell but how much is lost where another lock would have been better.

use super::cell::{Among, Cell, Regret, regrets, score};
use super::row::{Primitive, Row};
use super::sample::Counts;
use super::table::quotient;

/// How to read the summary.
const LEGEND: &str = "\
Regret: a lock's figure / the best figure of the cell (1: never regretted), as the geometric mean
over all cells, and in the worst cell that is decided. CPU: processor time for an operation / that
of the lock that needs least, geometric mean over the contended cells.
";

/// All primitives together, then each.
pub fn summary(rows: &[Row]) -> String {
    let parts = Primitive::ALL.map(|primitive| part(rows, primitive));
    let parts: String = parts.into_iter().flatten().collect();
    match parts.is_empty() {
        true => parts,
        false => format!("{LEGEND}{}{parts}", together(rows).unwrap_or_default()),
    }
}

/// The cells of the rows that count for this, of one primitive.
fn cells(rows: &[Row], primitive: Primitive, counts: Counts) -> Vec<Cell> {
    let rows = rows
        .iter()
        .filter(|row| row.question.primitive == Some(primitive));
    rows.flat_map(|row| row.cells(counts)).collect()
}

/// Of the primitives that each of the libraries has: what choosing a library for all of them costs.
fn together(rows: &[Row]) -> Option<String> {
    let of_each = [Primitive::Mutex, Primitive::RwLock, Primitive::Condvar]
        .map(|primitive| cells(rows, primitive, Counts::Speed));
    if of_each.iter().any(Vec::is_empty) {
        return None;
    }
    let cells: Vec<_> = of_each.iter().flatten().collect();
    Some(said("mutex, rwlock and condvar together", &cells, &[]))
}

fn part(rows: &[Row], primitive: Primitive) -> Option<String> {
    let speed = cells(rows, primitive, Counts::Speed);
    let cpu = cells(rows, primitive, Counts::Cpu);
    let (speed, cpu): (Vec<_>, Vec<_>) = (speed.iter().collect(), cpu.iter().collect());
    (!speed.is_empty()).then(|| said(primitive.name(), &speed, &regrets(&cpu)))
}

/// The line that says which lock one regrets least, and where ours is regretted most; then ours
/// against the best; then a line for each lock.
fn said(what: &str, cells: &[&Cell], cpu: &[Regret]) -> String {
    let regrets = regrets(cells);
    let Some(best) = regrets.first() else {
        return String::new();
    };
    let plural = if cells.len() == 1 { "" } else { "s" };
    let mut text = format!("\n{what}, {} cell{plural}: ", cells.len());
    // (Of equals the first, which is the best by the mean.)
    let by_worst = |a: &&Regret, b: &&Regret| b.worst().total_cmp(&a.worst());
    let best_worst = regrets.iter().min_by(by_worst).unwrap_or(best);
    let [mean, worst] = [best.mean, best_worst.worst()].map(quotient);
    let (by_mean, by_worst) = (best.peer, best_worst.peer);
    text += &format!(
        "regretted least: {by_mean} by the mean ({mean}), {by_worst} by the worst cell ({worst}); "
    );
    let ours = regrets
        .iter()
        .find(|regret| regret.peer == cells[0].peers[0]);
    text += &match ours.and_then(|ours| ours.worst.as_ref()) {
        Some((worst, cell)) => format!("ours most in \"{cell}\" ({})\n", quotient(*worst)),
        None => "ours in no decided cell\n".into(),
    };
    for (among, whose) in [
        (Among::Usual, "the best of std, parking_lot, usync"),
        (Among::All, "the best of all"),
    ] {
        if let Some(score) = score(cells, |cell| cell.ours(among)) {
            let mean = quotient(score.mean);
            let worst = in_cell(score.worst.as_ref());
            let (won, lost, open) = (score.won, score.lost, score.undecided);
            text += &format!(
                "  ours / {whose}: mean {mean}{worst}; {won} won, {lost} lost, {open} undecided\n"
            );
        }
    }
    for Regret { peer, mean, worst } in &regrets {
        let cpu = cpu.iter().find(|cpu| cpu.peer == *peer);
        let cpu = cpu.map_or(String::new(), |cpu| format!(", CPU {:.2}", 1.0 / cpu.mean));
        let (mean, worst) = (quotient(*mean), in_cell(worst.as_ref()));
        text += &format!("  {peer:<12} mean {mean}{cpu}{worst}\n");
    }
    text
}

fn in_cell(worst: Option<&(f64, String)>) -> String {
    worst.map_or(String::new(), |(worst, cell)| {
        format!(", worst {} ({cell})", quotient(*worst))
    })
}
