//! Pipes. What is written at once has bytes that are all the same, so that half of it is found; and
//! in the storm a number.
//!
//! All processes have both ends of the pipe: what happens when the last of a side is killed,
//! `tests/pipes/pipe.rs` asks.

use crate::numbers::{self, Numbers};
use crate::scenario::{Common, Scenario, own};
use crate::storm::Storm;
use anteroom::ipc::{PipeReader, PipeWriter, pipe};
use std::io::{ErrorKind, Read, Write};

const BYTES: usize = 16;
/// In pieces of that size.
const CAPACITY: usize = 3;

struct Ends {
    reader: PipeReader,
    writer: PipeWriter,
}

fn ends(capacity: usize) -> Ends {
    let (reader, writer) = pipe(capacity).unwrap();
    Ends { reader, writer }
}

fn empty() -> Common<Ends> {
    own(ends(CAPACITY * BYTES))
}

/// It has room for one piece: what is stuck there is not pushed on by another.
fn for_one() -> Common<Ends> {
    own(ends(BYTES))
}

/// A process that sleeps here though the dead has written something sleeps for ever.
fn write_5_if_empty(ends: &Ends) {
    let _ = ends.writer.try_write(&[5; BYTES]);
}

fn write(ends: &Ends, piece: u8) {
    assert_eq!((&ends.writer).write(&[piece; BYTES]).unwrap(), BYTES);
}

fn read(ends: &Ends) {
    let mut bytes = [0; BYTES];
    assert_eq!((&ends.reader).read(&mut bytes).unwrap(), BYTES);
    assert_eq!(bytes, [bytes[0]; BYTES], "half of a write");
}

/// All that is left, in order.
fn rest(ends: &Ends) -> Vec<u8> {
    let mut pieces = Vec::new();
    let mut bytes = [0; BYTES];
    loop {
        match ends.reader.try_read(&mut bytes) {
            Ok(count) => {
                assert_eq!(count, BYTES, "half of a write");
                assert_eq!(bytes, [bytes[0]; BYTES], "half of a write");
                pieces.push(bytes[0]);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return pieces,
            Err(error) => panic!("{error}"),
        }
    }
}

fn nothing(_: &Ends) {}

fn write_5(ends: &Ends) {
    write(ends, 5);
}

fn write_7(ends: &Ends) {
    write(ends, 7);
}

fn read_two(ends: &Ends) {
    read(ends);
    read(ends);
}

fn fill(ends: &Ends) {
    for piece in 1..=CAPACITY {
        write(ends, piece as u8);
    }
}

/// So that what a process does only once is not stepped through each time.
fn warm_up(_: &Ends) {
    let ends = ends(1);
    assert!(ends.reader.try_read(&mut [0]).is_err());
}

const WRITE: Scenario<Ends> = Scenario {
    name: "pipe: write",
    new: empty,
    before: warm_up,
    operation: write_7,
    others: &[],
    hold: nothing,
    let_go: nothing,
    check: |ends| assert!([&[][..], &[7]].contains(&&*rest(ends))),
};

const SCENARIOS: &[Scenario<Ends>] = &[
    WRITE,
    Scenario {
        name: "pipe: write, one sleeps for it",
        new: for_one,
        others: &[read],
        let_go: write_5_if_empty,
        check: |ends| assert!(rest(ends).len() <= 1),
        ..WRITE
    },
    Scenario {
        name: "pipe: write, three sleep for it",
        others: &[read, read, read],
        let_go: |ends| (0..3).for_each(|_| write_5(ends)),
        check: |ends| assert!(rest(ends).len() <= 1),
        ..WRITE
    },
    Scenario {
        name: "pipe: write, full, beside one that sleeps",
        others: &[write_5],
        hold: fill,
        let_go: read_two,
        check: |ends| {
            let mut pieces = rest(ends);
            pieces.sort_unstable();
            assert!([&[3, 5][..], &[3, 5, 7]].contains(&&*pieces), "{pieces:?}");
        },
        ..WRITE
    },
    Scenario {
        name: "pipe: read",
        operation: read,
        hold: fill,
        check: |ends| assert!([&[1, 2, 3][..], &[2, 3]].contains(&&*rest(ends))),
        ..WRITE
    },
    Scenario {
        name: "pipe: read, empty, beside one that sleeps",
        operation: read,
        others: &[read],
        let_go: |ends| {
            write_5(ends);
            write_7(ends);
        },
        check: |ends| assert!(rest(ends).len() <= 1),
        ..WRITE
    },
    Scenario {
        name: "pipe: read, empty, beside three that sleep",
        operation: read,
        others: &[read, read, read],
        let_go: |ends| {
            fill(ends);
            write_7(ends);
        },
        check: |ends| assert!(rest(ends).len() <= 1),
        ..WRITE
    },
    Scenario {
        name: "pipe: read, full, one sleeps for room",
        operation: read,
        others: &[write_5],
        hold: fill,
        let_go: read,
        check: |ends| {
            let pieces = rest(ends);
            assert!([&[2, 3, 5][..], &[3, 5]].contains(&&*pieces), "{pieces:?}");
        },
        ..WRITE
    },
];

#[test]
fn killed_after_every_instruction() {
    crate::kill_everywhere(SCENARIOS);
}

struct Post {
    ends: Ends,
    numbers: Numbers,
}

impl Post {
    fn write(&self) {
        let (_, bytes) = self.numbers.depart();
        assert_eq!((&self.ends.writer).write(&bytes).unwrap(), bytes.len());
    }

    fn read(&self) {
        let mut bytes = [0; numbers::BYTES];
        assert_eq!((&self.ends.reader).read(&mut bytes).unwrap(), bytes.len());
        self.numbers.arrive(bytes);
    }

    /// Reads one without waiting, if there is one.
    fn try_read(&self) -> bool {
        let mut bytes = [0; numbers::BYTES];
        let read = self.ends.reader.try_read(&mut bytes).is_ok();
        if read {
            self.numbers.arrive(bytes);
        }
        read
    }
}

#[test]
fn a_storm_of_kills() {
    crate::rage(&Storm {
        name: "pipe",
        new: || {
            own(Post {
                ends: ends(2 * numbers::BYTES),
                numbers: Numbers::new(),
            })
        },
        roles: &[Post::write, Post::read],
        help: |post, role| match role {
            0 => {
                let piece = [0; numbers::BYTES];
                assert!(post.ends.writer.try_write(&piece).is_err(), "there is room");
                assert!(post.try_read());
            }
            _ => {
                assert!(!post.try_read(), "there are bytes");
                post.write();
            }
        },
        check: |post, toll| {
            while post.try_read() {}
            post.numbers.check(toll);
        },
    });
}
