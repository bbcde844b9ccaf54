//! Pipes whose ends are left. What goes through is counted up, byte by byte, and comes from the
//! beginning, without a gap.

use crate::scenario::{Common, Scenario, own};
use anteroom::ipc::{PipeReader, PipeWriter, pipe};
use std::cell::RefCell;
use std::io::{ErrorKind, Read, Write};

const CAPACITY: usize = 20;
/// More than it has room for.
const MANY: [u8; 5 * CAPACITY] = {
    let mut bytes = [0; 5 * CAPACITY];
    let mut next = 0;
    while next < bytes.len() {
        bytes[next] = next as u8;
        next += 1;
    }
    bytes
};

/// The ends that this process has, each of which it may leave.
struct Ends {
    reader: RefCell<Option<PipeReader>>,
    writer: RefCell<Option<PipeWriter>>,
}

fn new() -> Common<Ends> {
    let (reader, writer) = pipe(CAPACITY).unwrap();
    own(Ends {
        reader: RefCell::new(Some(reader)),
        writer: RefCell::new(Some(writer)),
    })
}

fn stop_writing(ends: &Ends) {
    ends.writer.take();
}

fn stop_reading(ends: &Ends) {
    ends.reader.take();
}

fn leave(ends: &Ends) {
    stop_writing(ends);
    stop_reading(ends);
}

/// Until all have stopped writing.
fn read_all(ends: &Ends) {
    stop_writing(ends);
    let mut bytes = Vec::new();
    let mut reader = ends.reader.take().expect("it reads");
    reader.read_to_end(&mut bytes).unwrap();
    assert!(MANY.starts_with(&bytes), "{bytes:?}");
}

/// Until all have stopped reading.
fn write_all(ends: &Ends) {
    stop_reading(ends);
    let mut writer = ends.writer.take().expect("it writes");
    let error = writer.write_all(&MANY).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
}

fn nothing(_: &Ends) {}

const STOP_WRITING: Scenario<Ends> = Scenario {
    name: "pipe: leave the writing end, one reads to the end",
    new,
    before: stop_reading,
    operation: stop_writing,
    others: &[read_all],
    hold: nothing,
    let_go: leave,
    check: nothing,
};

const SCENARIOS: &[Scenario<Ends>] = &[
    STOP_WRITING,
    Scenario {
        name: "pipe: leave the writing end, three read to the end",
        others: &[read_all, read_all, read_all],
        ..STOP_WRITING
    },
    Scenario {
        name: "pipe: leave the reading end, one writes",
        before: stop_writing,
        operation: stop_reading,
        others: &[write_all],
        ..STOP_WRITING
    },
    Scenario {
        name: "pipe: write more than it has room for, one reads",
        operation: |ends| {
            let mut writer = ends.writer.take().expect("it writes");
            writer.write_all(&MANY).unwrap();
        },
        others: &[read_all],
        ..STOP_WRITING
    },
];

#[test]
fn killed_after_every_instruction() {
    crate::kill_everywhere(SCENARIOS);
}
