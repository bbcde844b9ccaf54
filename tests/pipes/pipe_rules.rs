//! The pipe between processes against the rules of `pipe(2)` and `pipe(7)`: what a call takes, what
//! is atomic, which write waits for which; and descriptors that were closed underneath.
//!
//! Adversaries 35, 45.
use anteroom::ipc::{Fifo, PipeReader, PipeWriter, pipe};
use common::processes::{Child, Name, turn, until_asleep};
use std::io::{ErrorKind, Read, Write};
use std::mem::forget;
use std::time::Duration;

const RING: usize = 65_536;
const NOW: Duration = Duration::ZERO;

/// A writer of `first` bytes sleeps beside room that is too small for it; one of `second` bytes
/// comes, or sleeps with it, and gets through.
fn check_small_passes_large(capacity: usize, room: usize, large: usize, small: usize) {
    let (mut reader, writer) = pipe(capacity).unwrap();
    (&writer).write_all(&vec![1; capacity]).unwrap();
    let writers = [(2, large), (3, small)].map(|(byte, length)| {
        let child = Child::fork(|| {
            assert_eq!((&writer).write(&vec![byte; length]).unwrap(), length);
        });
        until_asleep(child.pid());
        child
    });
    let [large_one, small_one] = writers;
    let mut bytes = vec![0; room];
    reader.read_exact(&mut bytes).unwrap();
    small_one.succeed();
    assert!(!large_one.has_ended());
    // And one that has not waited.
    assert_eq!(writer.try_write(&[4]).is_ok(), small < room);
    let left = capacity - room + small + usize::from(small < room);
    reader.read_exact(&mut vec![0; left]).unwrap();
    reader.read_exact(&mut vec![0; large]).unwrap();
    large_one.succeed();
}

#[test]
fn small_write_does_not_wait_behind_a_large_one() {
    let _turn = turn();
    for (capacity, room, large, small) in [
        (4096, 1000, 4096, 1),
        (4096, 1000, 4096, 1000),
        (65_536, 4095, 4096, 4095),
        (2, 1, 2, 1),
        (10, 9, 10, 8),
    ] {
        check_small_passes_large(capacity, room, large, small);
    }
}

/// Also if the large one is killed in its sleep, and if several wait behind it.
#[test]
fn small_writes_survive_the_death_of_a_large_one() {
    let _turn = turn();
    let (mut reader, writer) = pipe(4096).unwrap();
    (&writer).write_all(&[1; 4096]).unwrap();
    let lengths = [4096, 4000, 3000, 10, 20];
    let children = lengths.map(|length| {
        let child = Child::fork(|| _ = (&writer).write(&vec![2; length]).unwrap());
        until_asleep(child.pid());
        child
    });
    let [large, other, third, small, last] = children;
    large.kill();
    reader.read_exact(&mut [0; 30]).unwrap();
    small.succeed();
    last.succeed();
    assert!(!other.has_ended() && !third.has_ended());
    other.kill();
    reader.read_exact(&mut [0; 3000]).unwrap();
    third.succeed();
}

/// Timed writers behind a large one expire, and are served, as if it were not there.
#[test]
fn timed_write_behind_a_large_one_is_served_or_expires() {
    let _turn = turn();
    let (mut reader, writer) = pipe(4096).unwrap();
    (&writer).write_all(&[1; 4096]).unwrap();
    let large = Child::fork(|| _ = (&writer).write(&[2; 4096]).unwrap());
    until_asleep(large.pid());
    let late = writer.try_write_for(&[3; 10], Duration::from_millis(20));
    assert_eq!(late.unwrap_err().kind(), ErrorKind::TimedOut);
    let served = Child::fork(|| {
        let written = writer.try_write_for(&[3; 10], Duration::from_secs(1000));
        assert_eq!(written.unwrap(), 10);
    });
    until_asleep(served.pid());
    reader.read_exact(&mut [0; 10]).unwrap();
    served.succeed();
}

#[test]
fn one_call_fills_the_ring_and_one_empties_it() {
    let (reader, writer) = pipe(RING).unwrap();
    let bytes: Vec<u8> = (0..RING + 4096).map(|place| (place % 251) as u8).collect();
    let mut buffer = vec![0; RING + 4096];
    // At all places of the ring.
    for shift in [0, 1, 4096, 20_000, 65_535] {
        (&writer).write_all(&vec![0; shift + 1]).unwrap();
        (&reader).read_exact(&mut vec![0; shift + 1]).unwrap();
        assert_eq!(writer.try_write(&bytes).unwrap(), RING);
        let full = writer.try_write(&bytes).unwrap_err();
        assert_eq!(full.kind(), ErrorKind::WouldBlock);
        assert_eq!(reader.try_read(&mut buffer[..100]).unwrap(), 100);
        assert_eq!((&reader).read(&mut buffer[100..]).unwrap(), RING - 100);
        assert_eq!(buffer[..RING], bytes[..RING]);
        let empty = reader.try_read(&mut buffer).unwrap_err();
        assert_eq!(empty.kind(), ErrorKind::WouldBlock);

        assert_eq!(writer.try_write_for(&bytes, NOW).unwrap(), RING);
        assert_eq!(reader.try_read_for(&mut buffer, NOW).unwrap(), RING);
    }
}

/// What was seen of the other side earlier is not all that is there.
#[test]
fn read_takes_what_came_after_the_last_look() {
    let (mut reader, mut writer) = pipe(RING).unwrap();
    writer.write_all(&[1; 10]).unwrap();
    assert_eq!(reader.read(&mut [0; 5]).unwrap(), 5);
    writer.write_all(&[2; 1000]).unwrap();
    assert_eq!(reader.read(&mut [0; 4096]).unwrap(), 1005);
    assert_eq!(writer.try_write(&[3; 2 * RING]).unwrap(), RING);
}

/// `pipe(7)`: with `O_NONBLOCK`, up to 4096 bytes go as a whole or not at all, more as far as there
/// is room.
#[test]
fn tries_are_atomic_up_to_4096_bytes() {
    let (mut reader, writer) = pipe(RING).unwrap();
    assert_eq!(writer.try_write(&[1; RING - 100]).unwrap(), RING - 100);
    for length in [101, 4096] {
        let refused = writer.try_write(&vec![2; length]).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::WouldBlock);
        let refused = writer.try_write_for(&vec![2; length], NOW).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::TimedOut);
    }
    assert_eq!(writer.try_write(&[3; 4097]).unwrap(), 100);
    let refused = writer.try_write(&[3; 4097]).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::WouldBlock);
    reader.read_exact(&mut [0; RING]).unwrap();
}

/// `pipe(7)`: without `O_NONBLOCK`, a write returns when all its bytes are written.
#[test]
fn blocking_write_returns_when_all_is_written() {
    let _turn = turn();
    const LENGTH: usize = 3 * RING + 5;
    let (mut reader, writer) = pipe(RING).unwrap();
    let child = Child::fork(|| {
        let bytes: Vec<u8> = (0..LENGTH).map(|place| (place % 251) as u8).collect();
        assert_eq!((&writer).write(&bytes).unwrap(), LENGTH);
    });
    until_asleep(child.pid());
    let mut bytes = vec![0; LENGTH];
    reader.read_exact(&mut bytes).unwrap();
    assert!((0..LENGTH).all(|place| bytes[place] == (place % 251) as u8));
    child.succeed();
}

/// The last reader leaves in the middle of a long write: it returns what it has written, and the
/// next one fails.
#[test]
fn reader_that_leaves_cuts_a_long_write_short() {
    let _turn = turn();
    let (reader, writer) = pipe(RING).unwrap();
    std::thread::scope(|s| {
        let write = s.spawn(|| (&writer).write(&[1; 10 * RING]));
        (&reader).read_exact(&mut [0; RING]).unwrap();
        drop(reader);
        let written = write.join().unwrap().unwrap();
        assert!((RING..=2 * RING).contains(&written), "{written}");
    });
    let broken = (&writer).write(b"x").unwrap_err();
    assert_eq!(broken.kind(), ErrorKind::BrokenPipe);
}

/// Several readers with long buffers: what one call reads was written in one piece, so records of
/// any length stay whole.
#[test]
fn long_reads_beside_each_other_do_not_mix() {
    let _turn = turn();
    const RECORD: usize = 100;
    const RECORDS: usize = 20_000;
    let (reader, writer) = pipe(600 * RECORD).unwrap();
    let readers = [(), (), ()].map(|()| {
        Child::fork(|| {
            let mut buffer = vec![0; 500 * RECORD];
            loop {
                // One of the children may have the last writer's descriptor, so the end is a
                // record.
                let count = (&reader).read(&mut buffer).unwrap();
                assert_eq!(count % RECORD, 0);
                for record in buffer[..count].chunks(RECORD) {
                    assert!(record.iter().all(|byte| *byte == record[0]), "mixed");
                }
                if buffer[..count].ends_with(&[0]) {
                    return (&writer).write_all(&[0; RECORD]).unwrap();
                }
            }
        })
    });
    for record in 0..RECORDS {
        let bytes = [1 + (record % 255) as u8; RECORD];
        (&writer).write_all(&bytes).unwrap();
    }
    (&writer).write_all(&[0; RECORD]).unwrap();
    readers.into_iter().for_each(Child::succeed);
}

/// Closes all descriptors but the standard ones, as daemons do.
fn close_all() {
    // SAFETY: whatever was open here is not used any more but by the pipes, which are to notice.
    unsafe { libc::close_range(3, !0, 0) };
}

fn assert_is_bad<T: std::fmt::Debug>(result: std::io::Result<T>) {
    let error = result.unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EBADF), "{error}");
}

fn check_closed(reader: PipeReader, writer: PipeWriter) {
    let second = Duration::from_secs(1);
    // Neither full nor empty: nothing needs a descriptor.
    assert_eq!(writer.try_write(&[1; 50]).unwrap(), 50);
    close_all();
    assert_eq!(reader.try_read(&mut [0; 50]).unwrap(), 50);
    for _ in 0..2 {
        assert_is_bad((&reader).read(&mut [0; 9]));
        assert_is_bad(reader.try_read(&mut [0; 9]));
        assert_is_bad(reader.try_read_for(&mut [0; 9], second));
        assert_is_bad((&writer).flush());
    }
    assert_eq!(writer.try_write(&[1; 99]).unwrap(), 99);
    for _ in 0..2 {
        assert_is_bad((&writer).write(&[1; 9]));
        assert_is_bad(writer.try_write(&[1; 9]));
        assert_is_bad(writer.try_write_for(&[1; 9], second));
    }
    // In debug builds, std aborts when a descriptor is closed that is not open.
    forget((reader, writer));
}

#[test]
fn closed_descriptors_are_an_error() {
    let _turn = turn();
    Child::fork(|| {
        let (reader, writer) = pipe(100).unwrap();
        check_closed(reader, writer);
    })
    .succeed();
    let name = Name::new("closed");
    Fifo::create(&name, 100).unwrap();
    Child::fork(|| {
        let (reader, writer) = std::thread::scope(|s| {
            let reader = s.spawn(|| Fifo::open_reader(&name).unwrap());
            let writer = Fifo::open_writer(&name).unwrap();
            (reader.join().unwrap(), writer)
        });
        check_closed(reader, writer);
    })
    .succeed();
    Fifo::unlink(&name).unwrap();
}

/// Descriptors that are another file's now: reading and writing end, though not well.
#[test]
fn replaced_descriptors_end_every_call() {
    let _turn = turn();
    for file in ["/dev/null", "/dev/zero"] {
        Child::fork(|| {
            let (reader, writer) = pipe(100).unwrap();
            close_all();
            let replaced: Vec<_> = (0..20).map(|_| std::fs::File::open(file)).collect();
            for _ in 0..3 {
                let _ = reader.try_read(&mut [0; 9]);
                let _ = reader.try_read_for(&mut [0; 9], Duration::from_millis(1));
                let _ = writer.try_write(&[1; 60]);
                let _ = writer.try_write_for(&[1; 60], Duration::from_millis(1));
            }
            if file == "/dev/null" {
                assert_is_bad(
                    (&reader)
                        .read(&mut [0; 99])
                        .and_then(|_| (&reader).read(&mut [0; 9])),
                );
            }
            forget((reader, writer, replaced));
        })
        .succeed();
    }
}

/// A sleeper whose descriptors another thread closes is woken by what the others do, or by its
/// deadline, and fails then.
#[test]
fn sleeper_without_descriptors_ends_with_its_deadline() {
    let _turn = turn();
    Child::fork(|| {
        let (reader, writer) = pipe(100).unwrap();
        std::thread::scope(|s| {
            let read = s.spawn(|| reader.try_read_for(&mut [0; 9], Duration::from_millis(300)));
            std::thread::sleep(Duration::from_millis(50));
            close_all();
            let _ = read.join().unwrap().unwrap_err();
        });
        forget((reader, writer));
    })
    .succeed();
}

/// A limit of no descriptors at all makes `poll(2)` fail.
#[test]
fn no_descriptors_allowed_is_an_error() {
    let _turn = turn();
    Child::fork(|| {
        let (reader, writer) = pipe(100).unwrap();
        let none = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        // SAFETY: a limit of this process.
        let set = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const none) };
        assert_eq!(set, 0);
        let refused = (&reader).read(&mut [0; 9]).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::EINVAL));
        assert_eq!(writer.try_write(&[1; 50]).unwrap(), 50);
        assert_eq!((&reader).read(&mut [0; 50]).unwrap(), 50);
    })
    .succeed();
}
