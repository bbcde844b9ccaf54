//! Which lock one regrets least: over all rows of a primitive, how far each peer is from the best.
//!
//! A lock is picked once and then meets every load. So what counts is not its best row but how much is
//! lost where another lock would have been the right one: its figure divided by the best figure of the
//! row, as the geometric mean over all rows, and in the worst of them.

use super::row::{Family, Row};

/// What choosing one peer costs.
struct Regret {
    peer: &'static str,
    mean: f64,
    worst: f64,
    worst_row: String,
}

/// A line for each peer of each primitive, least regretted first.
pub fn summary(rows: &[Row]) -> String {
    let families = [
        Family::Mutex,
        Family::RwLock,
        Family::Condvar,
        Family::Semaphore,
    ];
    families
        .into_iter()
        .filter_map(|family| of_family(rows, family))
        .collect()
}

fn of_family(rows: &[Row], family: Family) -> Option<String> {
    let rows: Vec<_> = rows
        .iter()
        .filter(|row| row.question.family == Some(family))
        .collect();
    let names = rows.first()?.question.peers.iter().map(|(name, _)| *name);
    let mut regrets: Vec<_> = names.filter_map(|peer| of_peer(&rows, peer)).collect();
    regrets.sort_by(|a, b| b.mean.total_cmp(&a.mean));
    let undecided = rows.iter().filter(|row| row.is_undecided()).count();
    let mut text = format!(
        "{family:?}: {} rows ({undecided} undecided); regret least: {}\n",
        rows.len(),
        regrets.first()?.peer
    );
    for Regret {
        peer,
        mean,
        worst,
        worst_row,
    } in regrets
    {
        text += &format!("  {peer:<12} mean {mean:.2}, worst {worst:.2} ({worst_row})\n");
    }
    Some(text)
}

/// Of a peer that every row has.
fn of_peer(rows: &[&Row], peer: &'static str) -> Option<Regret> {
    let of_row = |row: &&Row| {
        let peers = &row.question.peers;
        let index = peers.iter().position(|(name, _)| *name == peer)?;
        Some((row.regret(index)?, row.question.name.clone()))
    };
    let of_rows = rows.iter().filter_map(of_row).collect::<Vec<_>>();
    if of_rows.len() < rows.len() {
        return None;
    }
    let logarithms: f64 = of_rows.iter().map(|(regret, _)| regret.ln()).sum();
    let (worst, worst_row) = of_rows.iter().min_by(|a, b| a.0.total_cmp(&b.0))?.clone();
    Some(Regret {
        peer,
        mean: (logarithms / of_rows.len() as f64).exp(),
        worst,
        worst_row,
    })
}
