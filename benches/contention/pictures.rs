//! The pictures: figures along a row of sizes, and how waits are distributed.

use std::path::Path;

use crate::harness::Drawn;
use crate::harness::chart::{self, Chart, Line, draw_lines};
use crate::harness::row::Row;
use crate::waits::polite_beside;

pub const THREADS_AT_MUTEX: Chart = Chart {
    file: "threads-mutex.svg",
    title: "mutex, section 50, gap 500",
    x: "threads",
};

pub const THREADS_AT_RWLOCK: Chart = Chart {
    file: "threads-rwlock.svg",
    title: "rwlock, one write in 1000",
    x: "threads",
};

pub const SECTION_LENGTHS: Chart = Chart {
    file: "sections.svg",
    title: "mutex, 8 threads, gap 500",
    x: "steps in the critical section (none: drawn at 1)",
};

pub const WRITES: Chart = Chart {
    file: "writes.svg",
    title: "rwlock, 2 threads",
    x: "share of writes",
};

pub const LOCKS: Chart = Chart {
    file: "locks.svg",
    title: "2 threads use many mutexes at random",
    x: "mutexes",
};

pub const LOCKS_BESIDE_WAITERS: Chart = Chart {
    file: "locks-beside-waiters.svg",
    title: "2 threads use many mutexes at random, beside 100 waiters",
    x: "mutexes",
};

pub const CROWD: Chart = Chart {
    file: "crowd.svg",
    title: "many wait for one mutex: until all had it",
    x: "waiters",
};

const CHARTS: [&Chart; 7] = [
    &THREADS_AT_MUTEX,
    &THREADS_AT_RWLOCK,
    &SECTION_LENGTHS,
    &WRITES,
    &LOCKS,
    &LOCKS_BESIDE_WAITERS,
    &CROWD,
];

/// Draws all for which there are rows.
pub fn draw(rows: &[Row], folder: &Path) -> Drawn {
    chart::draw(&CHARTS, rows, folder)?;
    for hogs in [2, 8] {
        let name = polite_beside(hogs);
        if let Some(row) = rows.iter().find(|row| row.question.name == name) {
            let path = folder.join(format!("waits-{hogs}.svg"));
            let axes = ("one wait in so many is longer", "µs");
            draw_lines(&path, &name, axes, &waits(row))?;
        }
    }
    Ok(())
}

/// How long the longest of 1, 2, 4, … waits is.
fn waits(row: &Row) -> Vec<Line> {
    let peers = row.question.peers.iter().enumerate();
    let line = peers.map(|(peer, (name, _))| {
        let waits = row.waits(peer);
        let powers = (0..64).map(|power| 2_f64.powi(power));
        let points = powers
            .take_while(|&one_in| one_in <= waits.len() as f64)
            .map(|one_in| {
                let nanoseconds = waits.value_at_quantile(1.0 - 1.0 / one_in);
                (one_in, nanoseconds.max(1) as f64 / 1e3)
            });
        (*name, points.collect())
    });
    line.collect()
}
