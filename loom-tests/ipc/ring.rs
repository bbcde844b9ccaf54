//! Models of the ring and the bells of its readers and writers: threads of both sides sleep, are
//! killed, and are left alone.

use super::{mortal_process, process, share};
use crate::ipc::ring::{Amount, Ring};
use crate::models;
use crate::sys::deadline::Deadline;
use crate::sys::ipc::Stop;
use crate::sys::ipc::bells::Bells;
use loom::cell::UnsafeCell;
use loom::thread::JoinHandle;
use std::time::Duration;

models! {
    a_reader_gets_what_a_writer_writes: 3,
    a_reader_gets_what_a_writer_writes: 2 one_by_one,
    a_writer_waits_for_room: 3,
    two_writers_beside_a_reader: 2,
    two_readers_beside_a_writer: 2,
    bytes_that_belong_together_stay_together: 2,
    the_last_writer_leaves: 3,
    the_last_reader_leaves: 3,
    the_last_reader_leaves_a_full_ring: 3,
    a_timed_reader_leaves_no_trace: 2,
    a_killed_writer_leaves_no_reader_asleep: 3 mortal,
    a_killed_reader_leaves_no_writer_asleep: 2 mortal,
    a_killed_reader_leaves_no_writer_asleep: 2 mortal awake,
    a_killed_reader_leaves_no_reader_asleep: 2 mortal,
    the_last_writer_is_killed: 2 mortal,
    the_last_writer_is_killed: 1 mortal one_by_one,
    the_last_reader_is_killed: 2 mortal,
    a_short_write_passes_a_long_one: 2,
    a_short_write_passes_a_long_one: 2 one_by_one,
    a_killed_long_writer_leaves_no_short_one_asleep: 1 mortal,
    a_long_write_goes_in_pieces: 3,
    a_killed_writer_has_written_whole_pieces: 2 mortal,
}

/// A pipe, with so many of each side as the model says.
struct Pipe {
    ring: Ring,
    bytes: Vec<UnsafeCell<u8>>,
    readers: Bells,
    writers: Bells,
}

const FOREVER: Deadline = Deadline::NEVER;

impl Pipe {
    fn new(capacity: usize, readers: u32, writers: u32) -> Self {
        let (readers, writers) = Bells::of(readers, writers);
        Pipe {
            ring: Ring::new(),
            bytes: (0..capacity).map(|_| UnsafeCell::new(0)).collect(),
            readers,
            writers,
        }
    }

    fn capacity(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn byte(&self, place: u64) -> &UnsafeCell<u8> {
        &self.bytes[(place % self.capacity()) as usize]
    }

    fn write_before(&self, bytes: &[u8], deadline: Deadline) -> Result<u64, Stop> {
        let most = bytes.len() as u64;
        let amount = Amount { least: most, most };
        self.write_amount(bytes, amount, deadline)
    }

    fn write_amount(&self, bytes: &[u8], amount: Amount, deadline: Deadline) -> Result<u64, Stop> {
        let port = self.ring.writer(self.capacity(), &self.writers);
        port.pass(amount, deadline, |place, passed, count| {
            let piece = &bytes[passed as usize..][..count as usize];
            for (place, byte) in (place..).zip(piece) {
                // SAFETY: loom checks it.
                self.byte(place).with_mut(|at| unsafe { *at = *byte });
            }
        })
    }

    /// Writes more bytes than are copied at once.
    fn write_three(&self) -> Result<u64, Stop> {
        let amount = Amount { least: 1, most: 3 };
        self.write_amount(&[1, 2, 3], amount, FOREVER)
    }

    /// Reads one byte; nothing at the end of the file.
    fn read_before(&self, deadline: Deadline) -> Result<u8, Stop> {
        let mut read = 0;
        let amount = Amount { least: 1, most: 1 };
        let port = self.ring.reader(self.capacity(), &self.readers);
        port.pass(amount, deadline, |place, _, _| {
            // SAFETY: loom checks it.
            read = self.byte(place).with(|at| unsafe { *at });
        })?;
        Ok(read)
    }

    fn write(&self, byte: u8) {
        assert_eq!(self.write_before(&[byte], FOREVER), Ok(1));
    }

    fn read(&self) -> u8 {
        self.read_before(FOREVER).expect("a writer is left")
    }

    fn reader_leaves(&self) {
        self.readers.close();
        self.ring.reader_left();
    }
}

fn a_reader_gets_what_a_writer_writes() {
    let pipe = share(Pipe::new(2, 1, 1));
    let writer = process(&pipe, |pipe| pipe.write(7));
    assert_eq!(pipe.read(), 7);
    writer.join().unwrap();
}

fn a_writer_waits_for_room() {
    let pipe = share(Pipe::new(1, 1, 1));
    pipe.write(1);
    let writer = process(&pipe, |pipe| pipe.write(2));
    assert_eq!(pipe.read(), 1);
    assert_eq!(pipe.read(), 2);
    writer.join().unwrap();
}

fn two_writers_beside_a_reader() {
    let pipe = share(Pipe::new(1, 1, 2));
    let writers = [1, 2].map(|byte| process(&pipe, move |pipe| pipe.write(byte)));
    assert_eq!(pipe.read() + pipe.read(), 3);
    writers.into_iter().for_each(|it| it.join().unwrap());
}

fn two_readers_beside_a_writer() {
    let pipe = share(Pipe::new(1, 2, 1));
    let readers = [(), ()].map(|()| process(&pipe, |pipe| assert!([1, 2].contains(&pipe.read()))));
    pipe.write(1);
    pipe.write(2);
    readers.into_iter().for_each(|it| it.join().unwrap());
}

fn bytes_that_belong_together_stay_together() {
    let pipe = share(Pipe::new(2, 1, 2));
    let writers = [[1, 2], [3, 4]].map(|bytes| {
        process(&pipe, move |pipe| {
            assert_eq!(pipe.write_before(&bytes, FOREVER), Ok(2))
        })
    });
    for _ in 0..2 {
        let first = pipe.read();
        assert!([1, 3].contains(&first));
        assert_eq!(pipe.read(), first + 1);
    }
    writers.into_iter().for_each(|it| it.join().unwrap());
}

fn the_last_writer_leaves() {
    let pipe = share(Pipe::new(2, 1, 1));
    let writer = process(&pipe, |pipe| {
        pipe.write(7);
        pipe.writers.close();
    });
    assert_eq!(pipe.read(), 7);
    assert_eq!(pipe.read_before(FOREVER), Err(Stop::Alone));
    writer.join().unwrap();
}

/// A writer that finds room is told, and so is one that waits.
fn the_last_reader_leaves() {
    the_last_reader_leaves_a_ring_of(3);
}

fn the_last_reader_leaves_a_full_ring() {
    the_last_reader_leaves_a_ring_of(1);
}

fn the_last_reader_leaves_a_ring_of(capacity: usize) {
    let pipe = share(Pipe::new(capacity, 1, 1));
    let reader = process(&pipe, |pipe| {
        assert_eq!(pipe.read(), 1);
        pipe.reader_leaves();
    });
    pipe.write(1);
    let second = pipe.write_before(&[2], FOREVER);
    assert!([Ok(1), Err(Stop::Alone)].contains(&second));
    reader.join().unwrap();
    for _ in 0..2 {
        assert_eq!(pipe.write_before(&[3], FOREVER), Err(Stop::Alone));
    }
}

fn a_timed_reader_leaves_no_trace() {
    let pipe = share(Pipe::new(2, 2, 1));
    let timed = process(&pipe, |pipe| {
        match pipe.read_before(Deadline::after(Duration::ZERO)) {
            Ok(byte) => pipe.write(byte),
            Err(stop) => assert_eq!(stop, Stop::TimedOut),
        }
    });
    let reader = process(&pipe, |pipe| assert_eq!(pipe.read(), 7));
    pipe.write(7);
    timed.join().unwrap();
    reader.join().unwrap();
}

/// Joins a writer of one byte that may have been killed. If it has written nothing, another writer
/// does so. A writer that is left writes only then: a reader that slept beside the dead one's bytes
/// would sleep for ever.
fn make_up_for(pipe: &Pipe, doomed: JoinHandle<bool>) {
    doomed.join().unwrap();
    if pipe.ring.written() == 0 {
        pipe.write(7);
    }
}

fn a_killed_writer_leaves_no_reader_asleep() {
    let pipe = share(Pipe::new(2, 1, 2));
    let reader = process(&pipe, |pipe| assert_eq!(pipe.read(), 7));
    let doomed = mortal_process(&pipe, |pipe| pipe.write(7));
    make_up_for(&pipe, doomed);
    reader.join().unwrap();
}

fn a_killed_reader_leaves_no_writer_asleep() {
    let pipe = share(Pipe::new(1, 2, 1));
    pipe.write(1);
    let writer = process(&pipe, |pipe| pipe.write(2));
    let doomed = mortal_process(&pipe, |pipe| _ = pipe.read());
    doomed.join().unwrap();
    if pipe.ring.read() == 0 {
        assert_eq!(pipe.read(), 1);
    }
    writer.join().unwrap();
}

/// Two readers wait for two bytes; one of them is killed, maybe with a byte.
fn a_killed_reader_leaves_no_reader_asleep() {
    let pipe = share(Pipe::new(2, 2, 1));
    let doomed = mortal_process(&pipe, |pipe| _ = pipe.read());
    let reader = process(&pipe, |pipe| _ = pipe.read());
    assert_eq!(pipe.write_before(&[1, 2], FOREVER), Ok(2));
    reader.join().unwrap();
    doomed.join().unwrap();
}

fn the_last_writer_is_killed() {
    let pipe = share(Pipe::new(2, 1, 1));
    let reader = process(&pipe, |pipe| match pipe.read_before(FOREVER) {
        Ok(byte) => assert_eq!((byte, pipe.read_before(FOREVER)), (7, Err(Stop::Alone))),
        Err(stop) => assert_eq!((stop, pipe.ring.written()), (Stop::Alone, 0)),
    });
    let doomed = mortal_process(&pipe, |pipe| pipe.write(7));
    doomed.join().unwrap();
    pipe.writers.close();
    reader.join().unwrap();
}

fn the_last_reader_is_killed() {
    let pipe = share(Pipe::new(1, 1, 1));
    pipe.write(1);
    let writer = process(&pipe, |pipe| {
        let mut written = 0;
        while pipe.write_before(&[2], FOREVER).is_ok() {
            written += 1;
        }
        assert!(written <= 2, "it reads once");
    });
    let doomed = mortal_process(&pipe, |pipe| _ = pipe.read());
    doomed.join().unwrap();
    pipe.readers.close();
    writer.join().unwrap();
}

/// A long write waits beside room that is enough for a short one, and the reader reads on only when
/// that one is done.
fn a_short_write_passes_a_long_one() {
    let pipe = share(Pipe::new(2, 1, 2));
    assert_eq!(pipe.write_before(&[1, 2], FOREVER), Ok(2));
    let long = process(&pipe, |pipe| {
        assert_eq!(pipe.write_before(&[4, 5], FOREVER), Ok(2))
    });
    let short = process(&pipe, |pipe| pipe.write(3));
    assert_eq!(pipe.read(), 1);
    short.join().unwrap();
    for byte in 2..=5 {
        assert_eq!(pipe.read(), byte);
    }
    long.join().unwrap();
}

fn a_killed_long_writer_leaves_no_short_one_asleep() {
    let pipe = share(Pipe::new(2, 1, 2));
    assert_eq!(pipe.write_before(&[1, 2], FOREVER), Ok(2));
    let long = mortal_process(&pipe, |pipe| _ = pipe.write_before(&[4, 5], FOREVER));
    let short = process(&pipe, |pipe| pipe.write(3));
    assert_eq!(pipe.read(), 1);
    short.join().unwrap();
    assert_eq!((pipe.read(), pipe.read()), (2, 3));
    long.join().unwrap();
}

fn a_long_write_goes_in_pieces() {
    let pipe = share(Pipe::new(3, 1, 1));
    let writer = process(&pipe, |pipe| assert_eq!(pipe.write_three(), Ok(3)));
    for byte in 1..=3 {
        assert_eq!(pipe.read(), byte);
    }
    writer.join().unwrap();
}

fn a_killed_writer_has_written_whole_pieces() {
    let pipe = share(Pipe::new(3, 1, 1));
    let reader = process(&pipe, |pipe| {
        let bytes: Vec<_> = std::iter::from_fn(|| pipe.read_before(FOREVER).ok()).collect();
        assert!([&[][..], &[1, 2], &[1, 2, 3]].contains(&&*bytes));
    });
    let doomed = mortal_process(&pipe, |pipe| _ = pipe.write_three());
    doomed.join().unwrap();
    pipe.writers.close();
    reader.join().unwrap();
}
