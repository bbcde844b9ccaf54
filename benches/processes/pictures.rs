//! The pictures: throughput along sizes.

use std::path::Path;

use crate::harness::Drawn;
use crate::harness::chart::{self, Chart};
use crate::harness::row::Row;

pub const MESSAGES: Chart = Chart {
    file: "messages.svg",
    title: "messages of 64 bytes between two processes",
    x: "messages that the queue has room for",
};

pub const PIPES: Chart = Chart {
    file: "pipes.svg",
    title: "pipe of 64 KiB between two processes",
    x: "bytes in a write",
};

pub const FIFOS: Chart = Chart {
    file: "fifos.svg",
    title: "FIFO of 64 KiB between two processes",
    x: "bytes in a write",
};

/// Draws all for which there are rows.
pub fn draw(rows: &[Row], folder: &Path) -> Drawn {
    chart::draw(&[&MESSAGES, &PIPES, &FIFOS], rows, folder)
}
