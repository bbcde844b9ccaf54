//! prometheus: counters behind labels; r2d2: connections that threads take in turn.

use crate::measure::{Row, repeat};
use prometheus::{IntCounterVec, Opts};
use r2d2::{ManageConnection, Pool};
use std::io;

const LABELS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

pub fn rows() -> Vec<Row> {
    vec![
        counters(1),
        counters(2),
        counters(8),
        checkout(2, 10),
        checkout(8, 4),
    ]
}

fn counters(threads: usize) -> Row {
    let plural = if threads == 1 { "" } else { "s" };
    Row::new(
        format!("prometheus counters, {threads} thread{plural}"),
        move || {
            let counters = IntCounterVec::new(Opts::new("turns", "turns"), &["label"]);
            let counters = counters.expect("a fine name");
            repeat(threads, |thread| {
                let counters = counters.clone();
                let mut turn = thread;
                move || {
                    turn += 1;
                    counters
                        .with_label_values(&[LABELS[turn % LABELS.len()]])
                        .inc();
                }
            })
        },
    )
}

struct Manager;

impl ManageConnection for Manager {
    type Connection = u64;
    type Error = io::Error;

    fn connect(&self) -> io::Result<u64> {
        Ok(0)
    }

    fn is_valid(&self, _: &mut u64) -> io::Result<()> {
        Ok(())
    }

    fn has_broken(&self, _: &mut u64) -> bool {
        false
    }
}

fn checkout(threads: usize, connections: u32) -> Row {
    let name = format!("r2d2 checkout, {threads} threads, {connections} connections");
    Row::new(name, move || {
        let pool = Pool::builder().max_size(connections).build(Manager);
        let pool = pool.expect("connecting never fails");
        repeat(threads, |_| {
            let pool = pool.clone();
            move || *pool.get().expect("in less than half a minute") += 1
        })
    })
}
