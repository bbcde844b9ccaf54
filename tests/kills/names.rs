//! What has a name: a process that is killed while it makes one, or removes it, or waits there for
//! another, leaves it whole, or so that it can be removed, and nothing else.

use crate::scenario::{Common, Scenario, own};
use anteroom::ipc::{Fifo, OpenError, Shared};
use common::processes::{Child, Name};
use std::io::{Read, Write};
use std::time::Duration;

fn new() -> Common<Name> {
    own(Name::new("kills"))
}

/// What a process does only once is inherited by the children.
fn do_all_once() {
    let name = new();
    drop(Shared::create(&name, 7_u64).unwrap());
    open_or_create(&name);
    (CREATE.check)(&name);
    create(&name);
    let reader = Child::fork(|| read(&name));
    write(&name);
    reader.succeed();
    unlink(&name);
}

fn nothing(_: &Name) {}

/// Nothing begins with this name.
fn is_gone(name: &Name) {
    let names = std::fs::read_dir("/dev/shm").unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let left: Vec<_> = names.filter(|it| it.starts_with(&**name)).collect();
    assert!(left.is_empty(), "{left:?} are left");
}

const CREATE: Scenario<Name> = Scenario {
    name: "memory: create",
    new,
    before: nothing,
    operation: |name| drop(Shared::create(name, 7_u64).unwrap()),
    others: &[],
    hold: nothing,
    let_go: nothing,
    check: |name| {
        match Shared::<u64>::open(name) {
            Ok(number) => assert_eq!(*number, 7, "half made"),
            Err(error) => assert!(matches!(error, OpenError::NotFound), "{error}"),
        }
        let _ = Shared::<u64>::unlink(name);
        is_gone(name);
    },
};

fn open_or_create(name: &Name) {
    assert_eq!(*Shared::open_or_create(name, 7_u64).unwrap(), 7);
}

fn create(name: &Name) {
    Fifo::create(name, 100).unwrap();
}

fn unlink(name: &Name) {
    match Fifo::unlink(name) {
        Ok(()) | Err(OpenError::NotFound) => {}
        Err(error) => panic!("{error}"),
    }
}

fn write(name: &Name) {
    Fifo::open_writer(name).unwrap().write_all(b"x").unwrap();
}

fn read(name: &Name) {
    let mut text = String::new();
    let mut reader = Fifo::open_reader(name).unwrap();
    reader.read_to_string(&mut text).unwrap();
    assert!(["", "x"].contains(&&*text));
}

/// If a reader still waits for a writer, here is one.
fn write_nothing(name: &Name) {
    match Fifo::try_open_writer_for(name, Duration::ZERO) {
        Ok(_) | Err(OpenError::TimedOut) => {}
        Err(error) => panic!("{error}"),
    }
}

fn unlinked(name: &Name) {
    unlink(name);
    is_gone(name);
}

const SCENARIOS: &[Scenario<Name>] = &[
    CREATE,
    Scenario {
        name: "memory: open",
        operation: |name| assert_eq!(*Shared::<u64>::open(name).unwrap(), 7),
        hold: |name| drop(Shared::create(name, 7_u64).unwrap()),
        ..CREATE
    },
    Scenario {
        name: "memory: open or create, not there",
        operation: open_or_create,
        ..CREATE
    },
    Scenario {
        name: "memory: open or create, there",
        operation: open_or_create,
        hold: open_or_create,
        ..CREATE
    },
    Scenario {
        name: "memory: open or create, and others do so, too",
        operation: open_or_create,
        others: &[open_or_create, open_or_create],
        let_go: open_or_create,
        ..CREATE
    },
    Scenario {
        name: "memory: remove",
        operation: |name| Shared::<u64>::unlink(name).unwrap(),
        hold: open_or_create,
        ..CREATE
    },
    Scenario {
        name: "fifo: create",
        operation: create,
        check: unlinked,
        ..CREATE
    },
    Scenario {
        name: "fifo: remove",
        operation: unlink,
        hold: create,
        check: unlinked,
        ..CREATE
    },
    Scenario {
        name: "fifo: open and write, one waits to read",
        operation: write,
        others: &[read],
        hold: create,
        let_go: write_nothing,
        check: unlinked,
        ..CREATE
    },
];

#[test]
fn killed_after_every_instruction() {
    do_all_once();
    crate::kill_everywhere(SCENARIOS);
}
