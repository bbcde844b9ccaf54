//! The pipe by name: between processes that have nothing in common but the name, and what can be
//! wrong with that.

mod names;

use anteroom::ipc::{Fifo, OpenError, PipeReader, PipeWriter, Shared, SharedMemory};
use common::processes::{Child, Name, sleep_for_ever, turn, until_asleep};
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::process::{Command, Stdio};
use std::time::Duration;

const NOW: Duration = Duration::ZERO;

fn fifo(capacity: usize) -> Name {
    let name = Name::new("fifo");
    Fifo::create(&name, capacity).unwrap();
    name
}

fn reader(name: &str) -> PipeReader {
    Fifo::open_reader(name).unwrap()
}

fn writer(name: &str) -> PipeWriter {
    Fifo::open_writer(name).unwrap()
}

/// Both ends, in this process.
fn ends(name: &str) -> (PipeReader, PipeWriter) {
    std::thread::scope(|s| {
        let writer = s.spawn(|| writer(name));
        (reader(name), writer.join().unwrap())
    })
}

/// The names of all files that belong to it.
fn files(name: &str) -> Vec<String> {
    let names = fs::read_dir("/dev/shm").unwrap();
    let names = names.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.filter(|file| file.starts_with(name)).collect()
}

#[track_caller]
fn assert_is_removed(name: &str) {
    assert!(matches!(Fifo::unlink(name), Err(OpenError::NotFound)));
    assert_eq!(files(name), [""; 0]);
}

fn text_of(mut reader: impl Read) -> String {
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    text
}

/// This test is also the other process: another program, as far as the first one knows.
#[test]
fn unrelated_processes_talk() {
    let _turn = turn();
    const NAME: &str = "ANTEROOM_TEST_FIFO";
    if let Ok(name) = std::env::var(NAME) {
        let mut writer = writer(&name);
        for line in 0..1000 {
            writeln!(writer, "line {line}").unwrap();
        }
        return;
    }
    let name = fifo(100);
    let mut program = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "fifo::unrelated_processes_talk"])
        .env(NAME, &*name)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let lines: Vec<_> = (0..1000).map(|line| format!("line {line}\n")).collect();
    assert_eq!(text_of(reader(&name)), lines.concat());
    assert!(program.wait().unwrap().success());
    Fifo::unlink(&name).unwrap();
    assert_is_removed(&name);
}

#[test]
fn opening_waits_for_the_other_end() {
    let _turn = turn();
    let name = fifo(100);
    let early = Child::fork(|| assert_eq!(text_of(reader(&name)), "hello"));
    until_asleep(early.pid());
    let also = Child::fork(|| drop(reader(&name)));
    until_asleep(also.pid());
    writer(&name).write_all(b"hello").unwrap();
    early.succeed();
    also.succeed();

    let early = Child::fork(|| writer(&name).write_all(b"hello").unwrap());
    until_asleep(early.pid());
    assert_eq!(text_of(reader(&name)), "hello");
    early.succeed();
    Fifo::unlink(&name).unwrap();
}

#[test]
fn opening_without_another_end_ends_in_time() {
    let _turn = turn();
    let name = fifo(100);
    let timed_out =
        |opened: Result<(), OpenError>| assert!(matches!(opened, Err(OpenError::TimedOut)));
    for timeout in [NOW, Duration::from_millis(1)] {
        timed_out(Fifo::try_open_reader_for(&name, timeout).map(drop));
        timed_out(Fifo::try_open_writer_for(&name, timeout).map(drop));
    }
    let (reader, writer) = ends(&name);
    Fifo::try_open_reader_for(&name, NOW).unwrap();
    Fifo::try_open_writer_for(&name, NOW).unwrap();
    drop(reader);
    timed_out(Fifo::try_open_writer_for(&name, NOW).map(drop));
    drop(writer);
    timed_out(Fifo::try_open_reader_for(&name, NOW).map(drop));
    Fifo::unlink(&name).unwrap();
}

/// As one that is killed in the door would.
#[test]
fn one_that_was_killed_while_it_waited_is_no_other_end() {
    let _turn = turn();
    let name = fifo(100);
    let child = Child::fork(|| drop(writer(&name)));
    until_asleep(child.pid());
    child.kill();
    let late = Fifo::try_open_reader_for(&name, NOW);
    assert!(matches!(late, Err(OpenError::TimedOut)));
    Fifo::unlink(&name).unwrap();
}

#[test]
fn after_the_end_new_writers_come() {
    let _turn = turn();
    let name = fifo(100);
    let (mut reader, mut writer_1) = ends(&name);
    writer_1.write_all(b"one").unwrap();
    drop(writer_1);
    assert_eq!(text_of(&reader), "one");
    let mut writer_2 = writer(&name);
    let early = reader.try_read(&mut [0; 9]).unwrap_err();
    assert_eq!(early.kind(), ErrorKind::WouldBlock);
    writer_2.write_all(b"two").unwrap();
    let mut text = [0; 3];
    reader.read_exact(&mut text).unwrap();
    assert_eq!(&text, b"two");
    drop(reader);
    let broken = writer_2.write(b"three").unwrap_err();
    assert_eq!(broken.kind(), ErrorKind::BrokenPipe);
    Fifo::unlink(&name).unwrap();
}

#[test]
fn a_killed_end_is_noticed() {
    let _turn = turn();
    let name = fifo(100);
    let child = Child::fork(|| {
        let mut writer = writer(&name);
        writer.write_all(b"hello").unwrap();
        sleep_for_ever();
    });
    let reader = reader(&name);
    let mut text = [0; 5];
    (&reader).read_exact(&mut text).unwrap();
    child.kill();
    assert_eq!(text_of(&reader), "");

    let child = Child::fork(|| {
        let _reader = Fifo::open_reader(&name).unwrap();
        sleep_for_ever();
    });
    let mut writer = writer(&name);
    until_asleep(child.pid());
    drop(reader);
    child.kill();
    let broken = writer.flush().unwrap_err();
    assert_eq!(broken.kind(), ErrorKind::BrokenPipe);
    Fifo::unlink(&name).unwrap();
}

/// They were for another reader.
#[test]
fn bytes_that_nobody_has_read_are_forgotten_with_the_last_end() {
    let _turn = turn();
    let name = fifo(100);
    let (reader, mut writer) = ends(&name);
    writer.write_all(b"old").unwrap();
    drop(reader);
    let reader = Fifo::try_open_reader_for(&name, NOW).unwrap();
    drop(writer);
    assert_eq!(text_of(&reader), "old", "one end was open all the time");

    let (first, mut writer) = ends(&name);
    writer.write_all(b"older").unwrap();
    drop((reader, first, writer));
    let (reader, mut writer) = ends(&name);
    writer.write_all(b"new").unwrap();
    drop(writer);
    assert_eq!(text_of(&reader), "new");
    Fifo::unlink(&name).unwrap();
}

#[test]
fn removed_it_stays_with_those_who_have_it() {
    let _turn = turn();
    let name = fifo(100);
    let (reader, mut writer) = ends(&name);
    Fifo::unlink(&name).unwrap();
    assert_is_removed(&name);
    Fifo::create(&name, 100).unwrap();
    let other = Fifo::try_open_reader_for(&name, NOW);
    assert!(matches!(other, Err(OpenError::TimedOut)), "it is another");
    writer.write_all(b"hello").unwrap();
    drop(writer);
    assert_eq!(text_of(reader), "hello");
    Fifo::unlink(&name).unwrap();
    assert_is_removed(&name);
}

/// A process killed while creating, opening or removing it leaves something that the next call
/// clears away.
#[test]
fn killed_in_the_middle_it_leaves_nothing() {
    let _turn = turn();
    const ROUNDS: u32 = 300;
    let name = Name::new("killed");
    let mut random = fastrand::Rng::with_seed(37);
    for _ in 0..ROUNDS {
        let doomed = Child::fork(|| {
            loop {
                let _ = Fifo::create(&name, 100);
                let _ = Fifo::try_open_reader_for(&name, NOW);
                let _ = Fifo::try_open_writer_for(&name, NOW);
                let _ = Fifo::unlink(&name);
            }
        });
        std::thread::sleep(Duration::from_micros(random.u64(0..1500)));
        doomed.kill();
        match Fifo::unlink(&name) {
            Ok(()) | Err(OpenError::NotFound) => {}
            Err(error) => panic!("{error}"),
        }
        assert_is_removed(&name);
    }
}

/// The same with many at once, of which some live: they can always create it, open it, and remove
/// it.
#[test]
fn many_create_and_remove_it_at_once() {
    let _turn = turn();
    let name = Name::new("many");
    let children: Vec<_> = (0..4)
        .map(|_| {
            Child::fork(|| {
                for _ in 0..300 {
                    match Fifo::create(&name, 100) {
                        Ok(()) | Err(OpenError::AlreadyExists) => {}
                        Err(error) => panic!("create: {error}"),
                    }
                    match Fifo::try_open_reader_for(&name, NOW) {
                        Ok(_) | Err(OpenError::TimedOut | OpenError::NotFound) => {}
                        Err(error) => panic!("open: {error}"),
                    }
                    match Fifo::unlink(&name) {
                        Ok(()) | Err(OpenError::NotFound) => {}
                        Err(error) => panic!("unlink: {error}"),
                    }
                }
            })
        })
        .collect();
    children.into_iter().for_each(Child::succeed);
    let _ = Fifo::unlink(&name);
    assert_is_removed(&name);
}

/// Adversary 33: whatever stands in the memory, reads and writes end, and touch nothing else.
/// `ANTEROOM_FUZZ=1000000` tries as many.
#[test]
fn random_memory_is_harmless() {
    let _turn = turn();
    const START: u64 = 64;
    let rounds = std::env::var("ANTEROOM_FUZZ").map_or(5_000, |it| it.parse().unwrap());
    let name = fifo(100);
    let (reader, writer) = ends(&name);
    let path = format!("/dev/shm/{}", &*name);
    let mut options = fs::File::options();
    let file = options.read(true).write(true).open(path).unwrap();
    let mut whole = vec![0; file.metadata().unwrap().len() as usize - START as usize];
    file.read_exact_at(&mut whole, START).unwrap();
    let mut random = fastrand::Rng::with_seed(33);
    let mut damaged = 0;
    for _ in 0..rounds {
        // Some words are random, or close to where they come round; the others as in the beginning.
        let mut memory = whole.clone();
        for word in memory.chunks_exact_mut(8) {
            if random.u8(..) < 20 {
                let value = match random.u8(..4) {
                    0 => random.u64(..),
                    1 => random.u64(..300),
                    2 => u64::MAX - random.u64(..300),
                    _ => random.u64(..) << 32,
                };
                word.copy_from_slice(&value.to_le_bytes());
            }
        }
        file.write_all_at(&memory, START).unwrap();
        let mut buffer = [0; 50];
        for result in [
            reader.try_read(&mut buffer),
            writer.try_write(&buffer),
            writer.try_write(&[1; 300]),
            reader.try_read(&mut buffer),
        ] {
            match result {
                Ok(count) => assert!(count <= 100),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => {}
                    ErrorKind::InvalidData => damaged += 1,
                    _ => panic!("{error}"),
                },
            }
        }
    }
    assert!(damaged > 0);
    file.write_all_at(&whole, START).unwrap();
    Fifo::unlink(&name).unwrap();
}
