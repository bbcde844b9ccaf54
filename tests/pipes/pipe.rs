//! The pipe between processes: what comes out of it.
use anteroom::ipc::{PipeReader, pipe};
use common::ends::Ends;
use common::processes::{Child, counter, turn};
use std::io::{ErrorKind, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

/// Writes and reads so many bytes in pieces of every length up to `longest`, through a ring of this
/// capacity.
fn check_bytes(capacity: usize, longest: usize, total: usize) {
    let bytes: Vec<u8> = (0..total).map(|place| (place % 251) as u8).collect();
    let mut ends = Ends::new(capacity);
    let child = ends.fork_writer(|mut writer| {
        let mut random = fastrand::Rng::with_seed(1);
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(random.usize(1..=longest).min(rest.len()));
            writer.write_all(piece).unwrap();
            rest = after;
        }
    });
    let mut reader = ends.into_reader();
    let mut random = fastrand::Rng::with_seed(2);
    let (mut read, mut buffer) = (Vec::new(), vec![0; longest]);
    loop {
        let length = random.usize(1..=longest);
        match reader.read(&mut buffer[..length]).unwrap() {
            0 => break,
            count => read.extend_from_slice(&buffer[..count]),
        }
    }
    child.succeed();
    assert!(read == bytes, "other bytes, or in another order");
}

#[test]
fn bytes_come_as_they_were_written() {
    let _turn = turn();
    check_bytes(65536, 5000, 4_000_000);
    check_bytes(4096, 4096, 1_000_000);
}

/// Adversary 35.
#[test]
fn a_ring_of_one_byte_is_enough() {
    let _turn = turn();
    check_bytes(1, 10, 20_000);
}

/// Adversary 35.
#[test]
fn more_than_the_ring_holds_goes_through_it() {
    let _turn = turn();
    check_bytes(1000, 100_000, 2_000_000);
    check_bytes(70_001, 300_000, 20_000_000);
}

#[test]
fn where_there_is_nothing_to_pass_nothing_waits() {
    let (mut reader, mut writer) = pipe(1).unwrap();
    assert_eq!(reader.read(&mut []).unwrap(), 0);
    writer.write_all(b"x").unwrap();
    assert_eq!(writer.write(&[]).unwrap(), 0);
}

#[test]
fn no_capacity_and_too_much_of_it_are_refused() {
    for capacity in [0, usize::MAX, isize::MAX as usize] {
        let error = pipe(capacity).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{capacity}");
    }
}

#[test]
fn tries_do_not_wait() {
    let _turn = turn();
    let (reader, writer) = pipe(10).unwrap();
    let mut buffer = [0; 8];
    let early = reader.try_read(&mut buffer).unwrap_err();
    assert_eq!(early.kind(), ErrorKind::WouldBlock);
    assert_eq!(writer.try_write(b"12345678").unwrap(), 8);
    // As a whole, or not at all.
    let full = writer.try_write(b"123").unwrap_err();
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
    // What is longer than the ring comes in pieces anyway.
    assert_eq!(writer.try_write(b"0123456789a").unwrap(), 2);
    let timeout = Duration::from_millis(1);
    let full = writer.try_write_for(b"x", timeout).unwrap_err();
    assert_eq!(full.kind(), ErrorKind::TimedOut);
    assert_eq!(reader.try_read(&mut buffer).unwrap(), 8);
    assert_eq!(&buffer, b"12345678");
    assert_eq!(reader.try_read_for(&mut buffer, timeout).unwrap(), 2);
    let empty = reader.try_read_for(&mut buffer, timeout).unwrap_err();
    assert_eq!(empty.kind(), ErrorKind::TimedOut);
    drop(writer);
    assert_eq!(reader.try_read(&mut buffer).unwrap(), 0, "the end");
}

#[test]
fn who_waits_for_long_gets_what_comes_in_time() {
    let _turn = turn();
    let mut ends = Ends::new(10);
    let child = ends.fork_writer(|mut writer| writer.write_all(b"x").unwrap());
    let reader = ends.into_reader();
    let mut buffer = [0; 8];
    assert_eq!(reader.try_read_for(&mut buffer, Duration::MAX).unwrap(), 1);
    child.succeed();
    assert_eq!(reader.try_read_for(&mut buffer, Duration::MAX).unwrap(), 0);
}

/// Four writers write blocks of the largest size that is not torn, into rings that they do not fit
/// into evenly.
#[test]
fn what_belongs_together_stays_together() {
    let _turn = turn();
    const BLOCKS: usize = 300;
    for (capacity, block) in [(5000, 4096), (100, 100), (4096, 4096), (65536, 4096)] {
        let mut ends = Ends::new(capacity);
        let children: Vec<_> = (1..=4)
            .map(|id| {
                ends.fork_writer(|mut writer| {
                    for _ in 0..BLOCKS {
                        assert_eq!(writer.write(&vec![id; block]).unwrap(), block);
                    }
                })
            })
            .collect();
        let mut reader = ends.into_reader();
        let mut blocks = [0; 5];
        let mut buffer = vec![0; block];
        while reader.read_exact(&mut buffer).is_ok() {
            assert!(buffer.iter().all(|byte| *byte == buffer[0]), "torn");
            blocks[buffer[0] as usize] += 1;
        }
        assert_eq!(blocks, [0, BLOCKS, BLOCKS, BLOCKS, BLOCKS]);
        children.into_iter().for_each(Child::succeed);
    }
}

/// Reads to the end, and adds the bytes and their number.
fn add_all(mut reader: PipeReader, mut buffer: Vec<u8>, [sum, count]: [&AtomicU64; 2]) {
    loop {
        match reader.read(&mut buffer).unwrap() {
            0 => return,
            read => {
                let bytes = buffer[..read].iter().map(|byte| u64::from(*byte));
                sum.fetch_add(bytes.sum(), SeqCst);
                count.fetch_add(read as u64, SeqCst);
            }
        }
    }
}

#[test]
fn each_byte_goes_to_one_of_several_readers() {
    let _turn = turn();
    const BYTES: u64 = 30_000;
    let (sum, count) = (counter(), counter());
    let mut ends = Ends::new(64);
    let mut children = Vec::new();
    for (byte, length) in [(3, 7), (5, 11)] {
        children.push(ends.fork_writer(|mut writer| {
            for _ in 0..BYTES {
                writer.write_all(&[byte]).unwrap();
            }
        }));
        let numbers = [&*sum, &*count];
        children.push(ends.fork_reader(|reader| add_all(reader, vec![0; length], numbers)));
    }
    drop(ends);
    children.into_iter().for_each(Child::succeed);
    let numbers = (sum.load(SeqCst), count.load(SeqCst));
    assert_eq!(numbers, (8 * BYTES, 2 * BYTES));
}

/// The ends may be shared, and cloned, by threads too.
#[test]
fn threads_share_ends() {
    let _turn = turn();
    const BYTES: usize = 10_000;
    let (reader, writer) = pipe(3).unwrap();
    let clone = writer.clone();
    std::thread::scope(|s| {
        for mut writer in [writer, clone] {
            s.spawn(move || writer.write_all(&[1; BYTES]).unwrap());
        }
        let read = || std::io::copy(&mut &reader, &mut std::io::sink()).unwrap();
        let (one, other) = (s.spawn(read), s.spawn(read));
        assert_eq!(
            one.join().unwrap() + other.join().unwrap(),
            2 * BYTES as u64
        );
    });
}
