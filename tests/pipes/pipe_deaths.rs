//! The pipe between processes whose ends are dropped, or whose owners are killed.
//!
//! Adversary 35.
use anteroom::ipc::{PipeReader, PipeWriter, pipe};
use common::ends::Ends;
use common::processes::{Child, counter, sleep_for_ever, turn, until, until_asleep};
use std::io::{ErrorKind, Read, Write};
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

#[track_caller]
fn assert_is_broken(mut writer: &PipeWriter) {
    let write = writer.write(b"x").unwrap_err();
    assert_eq!(write.kind(), ErrorKind::BrokenPipe);
    let try_write = writer.try_write(b"x").unwrap_err();
    assert_eq!(try_write.kind(), ErrorKind::BrokenPipe);
    let flush = writer.flush().unwrap_err();
    assert_eq!(flush.kind(), ErrorKind::BrokenPipe);
}

#[track_caller]
fn assert_is_at_its_end(mut reader: &PipeReader) {
    assert_eq!(reader.read(&mut [0; 9]).unwrap(), 0);
    assert_eq!(reader.try_read(&mut [0; 9]).unwrap(), 0);
}

#[test]
fn what_was_written_is_read_before_the_end() {
    let _turn = turn();
    let (mut reader, mut writer) = pipe(100).unwrap();
    writer.write_all(b"last words").unwrap();
    drop(writer);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "last words");
    assert_is_at_its_end(&reader);
}

#[test]
fn the_end_is_when_the_last_writer_leaves() {
    let _turn = turn();
    let (reader, writer) = pipe(100).unwrap();
    let other = writer.clone();
    drop(writer);
    let early = reader.try_read(&mut [0; 9]).unwrap_err();
    assert_eq!(early.kind(), ErrorKind::WouldBlock);
    drop(other);
    assert_is_at_its_end(&reader);
}

/// It is asleep, and no process rings.
#[test]
fn a_sleeping_reader_learns_that_the_last_writer_was_killed() {
    let _turn = turn();
    let mut ends = Ends::new(100);
    let reader = ends.fork_reader(|reader| assert_is_at_its_end(&reader));
    let writers = [(), ()].map(|()| ends.fork_writer(|_writer| sleep_for_ever()));
    drop(ends);
    let [one, other] = writers;
    until_asleep(reader.pid());
    one.kill();
    until_asleep(reader.pid());
    other.kill();
    reader.succeed();
}

#[test]
fn a_writer_learns_at_once_that_the_last_reader_has_left() {
    let _turn = turn();
    let (reader, mut writer) = pipe(1 << 20).unwrap();
    let other = reader.clone();
    drop(reader);
    writer.write_all(b"x").unwrap();
    writer.flush().unwrap();
    drop(other);
    assert_is_broken(&writer);

    let mut ends = Ends::new(1 << 20);
    let child = ends.fork_reader(drop);
    let writer = ends.into_writer();
    child.succeed();
    assert_is_broken(&writer);
}

#[test]
fn what_a_sleeping_writer_wrote_before_it_was_killed_is_read() {
    let _turn = turn();
    let mut ends = Ends::new(100);
    let writer = ends.fork_writer(|mut writer| writer.write_all(&[1; 1000]).unwrap());
    until_asleep(writer.pid());
    writer.kill();
    let mut bytes = Vec::new();
    ends.into_reader().read_to_end(&mut bytes).unwrap();
    assert!(bytes.len() >= 100 && bytes.iter().all(|byte| *byte == 1));
}

#[test]
fn a_sleeping_writer_learns_that_the_last_reader_was_killed() {
    let _turn = turn();
    let mut ends = Ends::new(100);
    (ends.writer()).write_all(&[1; 100]).unwrap();
    let writer = ends.fork_writer(|writer| assert_is_broken(&writer));
    let reader = ends.fork_reader(|_reader| sleep_for_ever());
    drop(ends);
    until_asleep(writer.pid());
    reader.kill();
    writer.succeed();
}

#[test]
fn a_writer_with_room_learns_that_the_last_reader_was_killed() {
    let _turn = turn();
    // Asleep in the pipe: by the next write.
    let mut ends = Ends::new(1 << 20);
    let child = ends.fork_reader(|mut reader| drop(reader.read(&mut [0; 9])));
    let writer = ends.into_writer();
    until_asleep(child.pid());
    child.kill();
    assert_is_broken(&writer);

    // Elsewhere: within 4096 bytes, or when it asks.
    let mut ends = Ends::new(1 << 20);
    let child = ends.fork_reader(|_reader| sleep_for_ever());
    let mut writer = ends.into_writer();
    child.kill();
    let flush = writer.flush().unwrap_err();
    assert_eq!(flush.kind(), ErrorKind::BrokenPipe);
    let written = (0..5000).take_while(|_| writer.write(b"x").is_ok()).count();
    assert!(written <= 4096, "{written} bytes for no reader");
    assert_is_broken(&writer);
}

/// Rust's main function ignores the signal; a program may do otherwise.
#[test]
fn a_broken_pipe_is_no_signal() {
    let _turn = turn();
    let (reader, writer) = pipe(100).unwrap();
    drop(reader);
    Child::fork(|| {
        // SAFETY: the default action is always allowed.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        assert_is_broken(&writer);
    })
    .succeed();

    // It has rung for a process that was killed in its sleep.
    let mut ends = Ends::new(100);
    let sleeper = ends.fork_reader(|mut reader| drop(reader.read(&mut [0; 9])));
    until_asleep(sleeper.pid());
    let writer = ends.into_writer();
    sleeper.kill();
    Child::fork(|| {
        // SAFETY: as above.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        assert_is_broken(&writer);
    })
    .succeed();
}

/// Adversary 32.
#[test]
fn another_program_keeps_no_end() {
    let _turn = turn();
    let (reader, writer) = pipe(100).unwrap();
    let mut program = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    drop(writer);
    assert_is_at_its_end(&reader);
    drop(program.stdin.take());
    program.wait().unwrap();
}

/// A record of one writer: its number, again and again.
const RECORD: usize = 64;

/// Writers are killed at random times while another one, which is never killed, writes now and
/// then. What comes out is whole records, all of the survivor's among them, and of each writer so
/// many as it knows to have written, or one more.
#[test]
fn writers_killed_while_they_write_leave_whole_records() {
    let _turn = turn();
    const ROUNDS: u64 = 200;
    for capacity in [100, 1000, 65536] {
        let mut random = fastrand::Rng::with_seed(35);
        let mut ends = Ends::new(capacity);
        let (written, read) = (counter(), counter());
        let reader = ends.fork_reader(|mut reader| {
            let mut record = [0; RECORD];
            while reader.read_exact(&mut record).is_ok() {
                assert!(record.iter().all(|byte| *byte == record[0]), "torn");
                read.fetch_add(1, SeqCst);
            }
        });
        for round in 0..ROUNDS {
            let doomed = ends.fork_writer(|mut writer| {
                loop {
                    writer.write_all(&[2; RECORD]).unwrap();
                    written.fetch_add(1, SeqCst);
                }
            });
            std::thread::sleep(Duration::from_micros(random.u64(0..2000)));
            doomed.kill();
            // No other process writes now, so a record that the reader does not know of stays
            // where it is.
            let least = written.load(SeqCst) + round;
            until("read", || read.load(SeqCst) >= least);
            assert!(read.load(SeqCst) <= least + round + 1, "never written");
            (ends.writer()).write_all(&[1; RECORD]).unwrap();
        }
        drop(ends);
        reader.succeed();
        let least = written.load(SeqCst) + ROUNDS;
        let read = read.load(SeqCst);
        assert!((least..=least + ROUNDS).contains(&read), "{read}, {least}");
    }
}

/// Readers are killed at random times. Those that live get the rest, and the writer is never stuck.
#[test]
fn readers_killed_while_they_read_leave_the_rest() {
    let _turn = turn();
    const ROUNDS: u64 = 200;
    let mut random = fastrand::Rng::with_seed(36);
    let mut ends = Ends::new(1000);
    let (read, written) = (counter(), counter());
    let writer = ends.fork_writer(|mut writer| {
        while writer.write_all(&[1; RECORD]).is_ok() {
            written.fetch_add(1, SeqCst);
        }
    });
    for _ in 0..ROUNDS {
        let doomed = ends.fork_reader(|mut reader| {
            loop {
                reader.read_exact(&mut [0; RECORD / 4]).unwrap();
                read.fetch_add(1, SeqCst);
            }
        });
        std::thread::sleep(Duration::from_micros(random.u64(0..2000)));
        doomed.kill();
        let before = written.load(SeqCst);
        let mut piece = [0; 1000];
        until("written on", || {
            // A ring full, so that there is room.
            let _ = (ends.reader()).read(&mut piece).unwrap();
            written.load(SeqCst) > before
        });
    }
    drop(ends);
    writer.succeed();
}

/// One of two sleeping readers is killed, and neither the other nor the byte is lost.
#[test]
fn a_killed_sleeper_takes_nothing_with_it() {
    let _turn = turn();
    let mut ends = Ends::new(100);
    let readers = [(), ()]
        .map(|()| ends.fork_reader(|mut reader| assert_eq!(reader.read(&mut [0; 9]).unwrap(), 1)));
    for reader in &readers {
        until_asleep(reader.pid());
    }
    let [one, other] = readers;
    one.kill();
    ends.writer().write_all(b"x").unwrap();
    other.succeed();
}

/// Adversary 22: a signal whose handler asks for interrupted calls does not end one.
#[test]
fn signals_end_no_call() {
    let _turn = turn();
    extern "C" fn ignore(_: libc::c_int) {}
    let mut ends = Ends::new(100);
    let reader = ends.fork_reader(|mut reader| {
        // SAFETY: all zeros is a valid `sigaction`: no flags, an empty mask.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = ignore as *const () as usize;
        // SAFETY: the handler does nothing.
        unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()) };
        assert_eq!(reader.read(&mut [0; 9]).unwrap(), 1);
    });
    for _ in 0..100 {
        until_asleep(reader.pid());
        reader.signal(libc::SIGUSR1);
    }
    ends.writer().write_all(b"x").unwrap();
    reader.succeed();
}
