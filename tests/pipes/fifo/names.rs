//! Names of FIFOs, wrong ones, and names of other things.

use super::*;

/// Adversary 31.
#[test]
fn each_wrong_name_is_told_apart() {
    let _turn = turn();
    type Call = fn(&str) -> Result<(), OpenError>;
    let create: Call = |name| Fifo::create(name, 1);
    let open_reader: Call = |name| Fifo::open_reader(name).map(drop);
    let open_writer: Call = |name| Fifo::open_writer(name).map(drop);
    for call in [create, open_reader, open_writer, Fifo::unlink] {
        assert!(matches!(call(""), Err(OpenError::NameEmpty)));
        assert!(matches!(call(".."), Err(OpenError::NameEmpty)));
        assert!(matches!(call("a/b"), Err(OpenError::NameHasSlash)));
        assert!(matches!(call("a\0b"), Err(OpenError::NameHasNul)));
        let long = call(&"x".repeat(256));
        assert!(matches!(long, Err(OpenError::NameTooLong { .. })));
    }
    for bytes in [237, 256] {
        let long = create(&"x".repeat(bytes));
        assert!(matches!(long, Err(OpenError::NameTooLong { most: 236 })));
    }
    let missing = Name::new("missing");
    for call in [open_reader, open_writer, Fifo::unlink] {
        assert!(matches!(call(&missing), Err(OpenError::NotFound)));
    }
    for capacity in [0, usize::MAX, isize::MAX as usize] {
        let refused = Fifo::create(&missing, capacity);
        assert!(matches!(refused, Err(OpenError::SizeOutOfRange)));
    }
    assert_eq!(files(&missing), [""; 0]);
}

/// Adversary 31.
#[test]
fn what_is_no_fifo_is_told_apart_and_left_alone() {
    let _turn = turn();
    let name = Name::new("no-fifo");
    let number = Shared::create(&name, 13_u64).unwrap();
    let taken = Fifo::create(&name, 1);
    assert!(matches!(taken, Err(OpenError::AlreadyExists)));
    let opened = Fifo::open_reader(&name).map(drop);
    assert!(matches!(opened, Err(OpenError::Type { .. })));
    assert!(matches!(Fifo::unlink(&name), Err(OpenError::Type { .. })));
    assert_eq!((*number, files(&name).len()), (13, 1));
    Shared::<u64>::unlink(&name).unwrap();

    fs::write(format!("/dev/shm/{}", &*name), "not anteroom's").unwrap();
    let opened = Fifo::open_writer(&name).map(drop);
    assert!(matches!(opened, Err(OpenError::NotShared)));

    let fifo = fifo(100);
    let taken = Fifo::create(&fifo, 100);
    assert!(matches!(taken, Err(OpenError::AlreadyExists)));
    let opened = SharedMemory::open(&fifo).map(drop);
    assert!(matches!(opened, Err(OpenError::Type { .. })));
    let path = format!("/dev/shm/{}", &*fifo);
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_len(200).unwrap();
    let cut = Fifo::open_reader(&fifo).map(drop);
    assert!(matches!(cut, Err(OpenError::Truncated { .. })));
    Shared::<u64>::unlink(&fifo).unwrap();
    assert_eq!(files(&fifo), [""; 0]);
}

#[test]
fn it_is_for_whom_the_mode_says() {
    let _turn = turn();
    let name = Name::new("mode");
    Fifo::create_with_mode(&name, 0o600, 1).unwrap();
    let files = files(&name);
    assert_eq!(files.len(), 3);
    for file in files {
        let mode = fs::metadata(format!("/dev/shm/{file}"))
            .unwrap()
            .permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
    }
    Fifo::unlink(&name).unwrap();
}
