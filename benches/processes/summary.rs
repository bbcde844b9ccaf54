//! What was wanted, and what came of it.

use crate::harness::row::{Row, Wanted};

/// A line for each wish of each row.
pub fn of(rows: &[Row]) -> String {
    let wishes = rows
        .iter()
        .flat_map(|row| row.question.wanted.iter().map(move |wish| (row, wish)));
    wishes.filter_map(|(row, wish)| line(row, wish)).collect()
}

fn line(row: &Row, wish: &Wanted) -> Option<String> {
    let (is_so, what) = match *wish {
        Wanted::Times(wanted, than) => {
            let mut peers = row.question.peers.iter();
            let peer = peers.position(|(name, _)| *name == than)?;
            let times = row.cell(0).ratio(0, peer)?.median;
            let what = format!("{times:.2} times as good as {than}, wanted {wanted}");
            (times >= wanted, what)
        }
        Wanted::AtMost(wanted) => {
            let figure = row.cell(0).figure(0);
            let unit = row.question.aspects[0].unit;
            (
                figure <= wanted,
                format!("{figure:.2} {unit}, wanted at most {wanted}"),
            )
        }
    };
    let mark = if is_so { "reached" } else { "MISSED " };
    Some(format!("{mark} {}: {what}\n", row.question.name))
}
