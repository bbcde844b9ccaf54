//! Pipes and named pipes between processes, of which some are killed.
//!
//! Adversary 35.
#![cfg(target_os = "linux")]

#[path = "common/processes.rs"]
#[allow(dead_code, reason = "for all tests of processes")]
mod processes;

use anteroom::shared::{Fifo, OpenError, PipeReader, PipeWriter, pipe};
use processes::{Child, Name, until_asleep};
use std::io::{ErrorKind, Read, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// One test at a time: a child has all descriptors of its parent, also those of other tests, whose pipes would not end
/// before it does.
fn turn() -> MutexGuard<'static, ()> {
    static TURNS: Mutex<()> = Mutex::new(());
    TURNS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes that tell where they stand.
fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|place| (place % 251) as u8).collect()
}

fn sleep_for_ever() {
    loop {
        std::thread::park();
    }
}

#[test]
fn what_is_written_is_read_in_order_through_rings_of_all_sizes() {
    let _turn = turn();
    // Where there is room for few, they take turns for each.
    for (capacity, count) in [
        (1, 500),
        (2, 1000),
        (7, 2000),
        (64, 30_000),
        (4096, 100_000),
        (100_000, 300_000),
    ] {
        let (mut reader, writer) = pipe(capacity).unwrap();
        let sent = bytes(count);
        let child = Child::fork(|| {
            let mut writer = &writer;
            // In pieces of all sizes, some larger than the ring.
            let mut rest = &sent[..];
            let mut size = 1;
            while !rest.is_empty() {
                let (piece, others) = rest.split_at(size.min(rest.len()));
                writer.write_all(piece).unwrap();
                (rest, size) = (others, 2 * size + 1);
            }
        });
        drop(writer);
        let mut received = Vec::new();
        reader.read_to_end(&mut received).unwrap();
        assert!(received == sent, "capacity {capacity}");
        child.succeed();
    }
}

/// The reader's child keeps its copy of the writing end open; so it must be dropped there.
fn reader_in_a_child(reader: &PipeReader, writer: PipeWriter, expected: &[u8]) -> Child {
    Child::fork(|| {
        drop(writer);
        let (mut reader, mut received) = (reader, Vec::new());
        reader.read_to_end(&mut received).unwrap();
        assert_eq!(received, expected);
    })
}

#[test]
fn the_end_comes_when_the_last_writer_is_killed() {
    let _turn = turn();
    let (reader, writer) = pipe(100).unwrap();
    let other = Child::fork(|| {
        (&writer).write_all(b"last words").unwrap();
        sleep_for_ever();
    });
    until_asleep(other.pid());
    let child = reader_in_a_child(&reader, writer, b"last words");
    until_asleep(child.pid());
    other.kill();
    child.succeed();
}

#[test]
fn writing_fails_when_the_last_reader_is_killed() {
    let _turn = turn();
    let (reader, mut writer) = pipe(100).unwrap();
    let other = Child::fork(|| {
        let _reader = &reader;
        sleep_for_ever();
    });
    until_asleep(other.pid());
    drop(reader);
    writer.write_all(&[1; 100]).unwrap();
    let child = Child::fork(|| {
        // It is full: it sleeps, and is told.
        let error = writer.write(&[2]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
    until_asleep(child.pid());
    other.kill();
    child.succeed();
    assert_eq!(
        writer.write(&[3]).unwrap_err().kind(),
        ErrorKind::BrokenPipe
    );
}

#[test]
fn a_writer_that_is_killed_hinders_no_other() {
    let _turn = turn();
    for _ in 0..30 {
        let (mut reader, writer) = pipe(64).unwrap();
        let doomed = Child::fork(|| {
            loop {
                (&writer).write_all(&[7; 16]).unwrap();
            }
        });
        let other = Child::fork(|| {
            for _ in 0..50 {
                (&writer).write_all(&[9; 16]).unwrap();
            }
        });
        drop(writer);
        let mut piece = [0; 16];
        for _ in 0..20 {
            reader.read_exact(&mut piece).unwrap();
            assert!(piece == [7; 16] || piece == [9; 16], "torn: {piece:?}");
        }
        doomed.kill();
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).unwrap();
        for piece in rest.chunks(16) {
            assert!(piece == [7; 16] || piece == [9; 16], "torn: {piece:?}");
        }
        other.succeed();
    }
}

#[test]
fn a_try_does_not_wait() {
    let _turn = turn();
    let (mut reader, mut writer) = pipe(3).unwrap();
    let empty = reader.try_read(&mut [0]).unwrap_err();
    assert_eq!(empty.kind(), ErrorKind::WouldBlock);
    writer.write_all(b"abc").unwrap();
    let full = writer.try_write(b"d").unwrap_err();
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
    let late = writer
        .try_write_for(b"d", Duration::from_millis(1))
        .unwrap_err();
    assert_eq!(late.kind(), ErrorKind::TimedOut);
    let mut text = [0; 3];
    reader.read_exact(&mut text).unwrap();
    assert_eq!(&text, b"abc");
    drop(writer);
    assert_eq!(reader.read(&mut text).unwrap(), 0);
    assert_eq!(pipe(0).unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn unrelated_processes_meet_at_a_fifo() {
    let _turn = turn();
    let name = Name::new("fifo");
    Fifo::create(&name, 1000).unwrap();
    let writer = Child::fork(|| {
        let mut writer = Fifo::open_writer(&name).unwrap();
        writer.write_all(&bytes(50_000)).unwrap();
    });
    let reader = Child::fork(|| {
        let mut received = Vec::new();
        let mut reader = Fifo::open_reader(&name).unwrap();
        reader.read_to_end(&mut received).unwrap();
        assert!(received == bytes(50_000));
    });
    writer.succeed();
    reader.succeed();
    Fifo::unlink(&name).unwrap();
    assert!(matches!(Fifo::open_reader(&name), Err(OpenError::NotFound)));
    assert!(matches!(Fifo::unlink(&name), Err(OpenError::NotFound)));
    let left = std::fs::read_dir("/dev/shm").unwrap();
    let names = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|it| it.starts_with(&*name)).count(), 0);
}

#[test]
fn opening_a_fifo_waits_for_the_other_end() {
    let _turn = turn();
    let name = Name::new("meets");
    Fifo::create(&name, 10).unwrap();
    let alone = Fifo::try_open_reader_for(&name, Duration::from_millis(1));
    assert!(alone.is_err());
    let reader = Child::fork(|| {
        let mut text = String::new();
        let mut reader = Fifo::open_reader(&name).unwrap();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello");
    });
    until_asleep(reader.pid());
    let mut writer = Fifo::open_writer(&name).unwrap();
    writer.write_all(b"hello").unwrap();
    drop(writer);
    reader.succeed();
    Fifo::unlink(&name).unwrap();
}

#[test]
fn a_fifo_ends_when_its_writer_is_killed() {
    let _turn = turn();
    let name = Name::new("killed");
    Fifo::create(&name, 1000).unwrap();
    let writer = Child::fork(|| {
        let mut writer = Fifo::open_writer(&name).unwrap();
        writer.write_all(b"last words").unwrap();
        sleep_for_ever();
    });
    let mut reader = Fifo::open_reader(&name).unwrap();
    let mut text = [0; 10];
    reader.read_exact(&mut text).unwrap();
    until_asleep(writer.pid());
    writer.kill();
    assert_eq!(reader.read(&mut text).unwrap(), 0);
    Fifo::unlink(&name).unwrap();
}
