//! Measures one row, as a child of `cargo bench --bench applications`, and prints its figures.

mod face;
mod maps;
mod measure;
#[cfg(feature = "parking_lot")]
mod pools;
mod queues;
#[cfg(not(feature = "poison"))]
mod tasks;

use clap::Parser;
use measure::Row;
use std::process;
use std::time::Duration;

/// The arguments of a benchmark's child.
#[derive(Parser)]
struct Options {
    /// Print the names of the rows
    #[arg(long)]
    list: bool,
    /// The row to measure
    #[arg(long)]
    row: Option<String>,
    /// For how long
    #[arg(long)]
    microseconds: Option<u64>,
    /// Passed to every child, and not used: this program has only one peer
    #[arg(long, hide = true)]
    peer: Option<String>,
    /// Passed to every child
    #[arg(long, hide = true)]
    bench: bool,
}

fn rows() -> Vec<Row> {
    let mut rows = maps::rows();
    rows.extend(queues::rows());
    #[cfg(not(feature = "poison"))]
    rows.extend(tasks::rows());
    #[cfg(feature = "parking_lot")]
    rows.extend(pools::rows());
    rows
}

fn main() {
    end_with_any_thread_that_panics();
    let options = Options::parse();
    let rows = rows();
    if options.list {
        rows.iter().for_each(|row| println!("{}", row.name));
        return;
    }
    let name = options.row.expect("--row or --list");
    let row = rows.into_iter().find(|row| row.name == name);
    let length = Duration::from_micros(options.microseconds.expect("--microseconds"));
    println!("{}", row.expect("no such row").measure(length));
    // The threads go on until this.
    process::exit(0);
}

/// Each row checks its own result: a wrong one must not be measured.
fn end_with_any_thread_that_panics() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        process::exit(101);
    }));
}
