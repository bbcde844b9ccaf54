//! Memory by name: created, opened, removed; and everything that can be wrong with a name, or with
//! what has it.
//!
//! Adversaries 31, 32 and 33.

mod strangers;

use anteroom::ipc::{MessageQueue, Mutex, OpenError, Shared, SharedMemory, TryLockError};
use common::processes::{Child, Name};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

type Counter = Mutex<u64>;

fn path(name: &str) -> String {
    format!("/dev/shm/{name}")
}

#[test]
fn unrelated_mappings_share_the_value() {
    let name = Name::new("value");
    let created = Shared::create(&name, AtomicU64::new(7)).unwrap();
    let opened: Shared<AtomicU64> = Shared::open(&name).unwrap();
    assert_ne!(&raw const *created, &raw const *opened);
    opened.fetch_add(1, SeqCst);
    assert_eq!(created.load(SeqCst), 8);
    Child::fork(|| {
        let third: Shared<AtomicU64> = Shared::open(&name).unwrap();
        third.fetch_add(1, SeqCst);
    })
    .succeed();
    assert_eq!(created.load(SeqCst), 9);
}

#[test]
fn bytes_are_shared_too() {
    let name = Name::new("bytes");
    let created = SharedMemory::create(&name, 1000).unwrap();
    let opened = SharedMemory::open(&name).unwrap();
    assert_eq!((created.size(), opened.size()), (1000, 1000));
    assert!(created.as_ptr().addr().get().is_multiple_of(64));
    let last = |it: &SharedMemory| {
        // SAFETY: within the memory.
        let last = unsafe { it.as_ptr().add(999) };
        // SAFETY: a byte, which is written as an atomic one only.
        unsafe { std::sync::atomic::AtomicU8::from_ptr(last.as_ptr()) }.fetch_add(1, SeqCst)
    };
    assert_eq!((last(&opened), last(&created), last(&opened)), (0, 1, 2));
}

#[test]
fn it_outlives_its_processes_until_it_is_removed() {
    let name = Name::new("outlives");
    Child::fork(|| drop(Shared::create(&name, AtomicU64::new(5)).unwrap())).succeed();
    let opened: Shared<AtomicU64> = Shared::open(&name).unwrap();
    Shared::<AtomicU64>::unlink(&name).unwrap();
    // A process that has it keeps it.
    assert_eq!(opened.load(SeqCst), 5);
    assert!(matches!(
        Shared::<AtomicU64>::open(&name),
        Err(OpenError::NotFound)
    ));
    // The name is free.
    let other = Shared::create(&name, AtomicU64::new(6)).unwrap();
    assert_eq!((opened.load(SeqCst), other.load(SeqCst)), (5, 6));
}

#[test]
fn the_first_creates_and_the_others_open() {
    let name = Name::new("first");
    let children: Vec<_> = (0..8)
        .map(|_| {
            Child::fork(|| {
                let it = Shared::open_or_create(&name, AtomicU64::new(100)).unwrap();
                it.fetch_add(1, SeqCst);
            })
        })
        .collect();
    children.into_iter().for_each(Child::succeed);
    assert_eq!(Shared::<AtomicU64>::open(&name).unwrap().load(SeqCst), 108);
}

/// A process that can open it finds it complete.
#[test]
fn nobody_sees_it_half_made() {
    for _ in 0..200 {
        let name = Name::new("half");
        let child = Child::fork(|| drop(Shared::create(&name, [u64::MAX; 1000]).unwrap()));
        loop {
            match Shared::<[u64; 1000]>::open(&name) {
                Ok(it) => break assert_eq!(*it, [u64::MAX; 1000]),
                Err(OpenError::NotFound) => {}
                Err(error) => panic!("{error}"),
            }
        }
        child.succeed();
    }
}

#[test]
fn names_that_are_none() {
    let long = "n".repeat(256);
    let refused = |name: &str| Shared::create(name, AtomicU64::new(0)).err().unwrap();
    for name in ["", ".", ".."] {
        assert!(matches!(refused(name), OpenError::NameEmpty), "{name}");
    }
    assert!(matches!(refused("a/b"), OpenError::NameHasSlash));
    assert!(matches!(refused("a\0b"), OpenError::NameHasNul));
    assert!(matches!(
        refused(&long),
        OpenError::NameTooLong { most: 255 }
    ));
    assert!(matches!(
        Shared::<u64>::open("a/b"),
        Err(OpenError::NameHasSlash)
    ));
    assert!(matches!(
        Shared::<u64>::unlink("a/b"),
        Err(OpenError::NameHasSlash)
    ));
}

#[test]
fn a_name_that_is_taken_or_missing() {
    let name = Name::new("taken");
    assert!(matches!(
        Shared::<u64>::open(&name),
        Err(OpenError::NotFound)
    ));
    assert!(matches!(
        Shared::<u64>::unlink(&name),
        Err(OpenError::NotFound)
    ));
    let first = Shared::create(&name, AtomicU64::new(1)).unwrap();
    let second = Shared::create(&name, AtomicU64::new(2));
    assert!(matches!(second, Err(OpenError::AlreadyExists)));
    assert_eq!(first.load(SeqCst), 1);
}

#[test]
fn another_type_is_refused() {
    let name = Name::new("type");
    let _it: Shared<Counter> = Shared::create(&name, Mutex::new(0)).unwrap();
    assert!(matches!(
        Shared::<Mutex<i64>>::open(&name),
        Err(OpenError::Type { .. })
    ));
    assert!(matches!(
        Shared::<[Counter; 1]>::open(&name),
        Err(OpenError::Type { .. })
    ));
    assert!(matches!(
        SharedMemory::open(&name),
        Err(OpenError::Type { .. })
    ));
    let created = Shared::open_or_create(&name, AtomicU64::new(0));
    assert!(matches!(created, Err(OpenError::Type { .. })));
    assert!(Shared::<Counter>::open(&name).is_ok());
}

#[test]
fn sizes_that_no_memory_has() {
    let name = Name::new("sizes");
    for size in [0, usize::MAX, isize::MAX as usize] {
        let refused = SharedMemory::create(&name, size);
        assert!(matches!(refused, Err(OpenError::SizeOutOfRange)), "{size}");
        let refused = SharedMemory::anonymous(size);
        assert!(matches!(refused, Err(OpenError::SizeOutOfRange)), "{size}");
    }
    // More than there is: refused, and nothing stays behind.
    assert!(matches!(
        SharedMemory::create(&name, 1 << 50),
        Err(OpenError::System(_))
    ));
    assert!(!fs::exists(path(&name)).unwrap());
}

/// What changes the header of a counter, and which error says so.
#[test]
fn a_damaged_header_is_refused() {
    type Case = (u64, &'static [u8], fn(&OpenError) -> bool);
    let cases: [Case; 6] = [
        (0, b"x", |it| matches!(it, OpenError::NotShared)),
        (8, &[9], |it| {
            matches!(
                it,
                OpenError::Version {
                    expected: 2,
                    found: 9
                }
            )
        }),
        (16, &[1, 2, 3], |it| matches!(it, OpenError::Type { .. })),
        (24, &[1], |it| {
            matches!(
                it,
                OpenError::Size {
                    expected: 48,
                    found: 1
                }
            )
        }),
        (24, &[0xff; 8], |it| {
            matches!(
                it,
                OpenError::Size {
                    found: u64::MAX,
                    ..
                }
            )
        }),
        (32, &[64], |it| {
            matches!(
                it,
                OpenError::Align {
                    expected: 8,
                    found: 64
                }
            )
        }),
    ];
    for (offset, bytes, is_right) in cases {
        let name = Name::new("header");
        drop(Shared::<Counter>::create(&name, Mutex::new(0)).unwrap());
        let file = File::options().write(true).open(path(&name)).unwrap();
        file.write_all_at(bytes, offset).unwrap();
        let error = Shared::<Counter>::open(&name).unwrap_err();
        assert!(is_right(&error), "{error:?}");
    }
}

#[test]
fn a_short_file_is_refused() {
    let name = Name::new("short");
    drop(SharedMemory::create(&name, 100_000).unwrap());
    let file = File::options().write(true).open(path(&name)).unwrap();
    for length in [99_999, 4096, 64, 48] {
        file.set_len(length).unwrap();
        let refused = SharedMemory::open(&name);
        assert!(matches!(refused, Err(OpenError::Truncated { found, .. }) if found == length));
    }
    for length in [47, 1, 0] {
        file.set_len(length).unwrap();
        assert!(matches!(
            SharedMemory::open(&name),
            Err(OpenError::NotShared)
        ));
    }
}

/// Nor is one that says of itself that it is as large as the address space.
#[test]
fn a_size_from_a_file_is_not_believed() {
    let name = Name::new("size");
    drop(SharedMemory::create(&name, 100).unwrap());
    let file = File::options().write(true).open(path(&name)).unwrap();
    for size in [101_u64, 1 << 40, i64::MAX as u64, u64::MAX] {
        file.write_all_at(&size.to_ne_bytes(), 24).unwrap();
        let error = SharedMemory::open(&name).unwrap_err();
        let right = matches!(
            error,
            OpenError::Truncated { .. } | OpenError::SizeOutOfRange
        );
        assert!(right, "{error:?}");
    }
    file.write_all_at(&0_u64.to_ne_bytes(), 24).unwrap();
    assert!(matches!(
        SharedMemory::open(&name),
        Err(OpenError::SizeOutOfRange)
    ));
}

#[test]
fn what_somebody_else_made_is_refused_and_left_alone() {
    let refused = |name: &str| Shared::<Counter>::open(name).unwrap_err();
    let file = Name::new("file");
    File::create(path(&file))
        .unwrap()
        .write_all(&[7; 1000])
        .unwrap();
    assert!(matches!(refused(&file), OpenError::NotShared));
    assert!(matches!(
        Shared::<Counter>::create(&file, Mutex::new(0)),
        Err(OpenError::AlreadyExists)
    ));
    assert_eq!(fs::read(path(&file)).unwrap(), [7; 1000]);

    let link = Name::new("link");
    symlink(path(&file), path(&link)).unwrap();
    assert!(matches!(refused(&link), OpenError::NotShared));

    let fifo = Name::new("fifo");
    let c_path = std::ffi::CString::new(path(&fifo)).unwrap();
    // SAFETY: a path.
    assert_eq!(unsafe { libc::mkfifo(c_path.as_ptr(), 0o600) }, 0);
    assert!(matches!(refused(&fifo), OpenError::NotShared));

    let folder = Name::new("folder");
    fs::create_dir(path(&folder)).unwrap();
    let error = refused(&folder);
    fs::remove_dir(path(&folder)).unwrap();
    assert!(matches!(error, OpenError::NotShared));
}

/// Any bytes are some state of a mutex: using it may fail, but does nothing that it should not.
/// `ANTEROOM_FUZZ=1000000` tries as many.
#[test]
fn random_bytes_are_survived() {
    let rounds = std::env::var("ANTEROOM_FUZZ").map_or(2_000, |it| it.parse().unwrap());
    let mut random = fastrand::Rng::with_seed(33);
    let name = Name::new("random");
    drop(Shared::<[Counter; 4]>::create(&name, [const { Mutex::new(0) }; 4]).unwrap());
    let file = File::options().write(true).open(path(&name)).unwrap();
    for _ in 0..rounds {
        let mut bytes = [0; size_of::<[Counter; 4]>()];
        random.fill(&mut bytes);
        if random.bool() {
            // Held by no thread: else hardly any would be.
            bytes
                .chunks_mut(size_of::<Counter>())
                .for_each(|it| it[..4].fill(0));
        }
        file.write_all_at(&bytes, 64).unwrap();
        let board: Shared<[Counter; 4]> = Shared::open(&name).unwrap();
        for mutex in board.iter() {
            match mutex.try_lock() {
                Ok(mut guard) => *guard = guard.wrapping_add(1),
                Err(TryLockError::OwnerDied(died)) => drop(died.repair()),
                Err(TryLockError::Poisoned) => {}
                // Seldom, as each asks for a fence of all processors.
                Err(_) if random.u8(..16) == 0 => drop(mutex.try_lock_for(Duration::ZERO)),
                Err(_) => {}
            }
        }
    }
}

#[test]
fn errors_say_what_is_wrong() {
    let error = OpenError::Version {
        expected: 1,
        found: 2,
    };
    assert_eq!(error.to_string(), "its layout has version 2, not 1");
    let error: std::io::Error = OpenError::NotFound.into();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    let error: std::io::Error = OpenError::NotShared.into();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
}

/// Runs on a stack that is much smaller than the value.
fn on_a_small_stack<R: Send>(run: impl FnOnce() -> R + Send) -> R {
    std::thread::scope(|s| {
        let thread = std::thread::Builder::new().stack_size(256 << 10);
        thread.spawn_scoped(s, run).unwrap().join().unwrap()
    })
}

#[test]
fn a_value_of_many_megabytes_is_made_in_place() {
    type Large = [Mutex<[u64; 64]>; 40_000];
    const { assert!(size_of::<Large>() > 16 << 20) };
    let (name, second) = (Name::new("large"), Name::new("large"));
    on_a_small_stack(|| {
        let fill = |it: &mut Large| it[39_999].get_mut()[63] += 5;
        let check = |it: &Large| {
            assert_eq!(it[0].lock().unwrap()[0], 0);
            assert_eq!(it[39_999].lock().unwrap()[63], 5);
        };
        check(&Shared::create_with(&name, fill).unwrap());
        check(&Shared::<Large>::open(&name).unwrap());
        check(&Shared::open_or_create_with(&name, fill).unwrap());
        check(&Shared::open_or_create_with(&second, fill).unwrap());
        check(&Shared::anonymous_with(fill).unwrap());
        let refused = Shared::<Large>::create_with(&name, |_| ());
        assert!(matches!(refused, Err(OpenError::AlreadyExists)));
    });
}

/// Nothing has the name afterwards.
#[test]
fn a_panic_while_a_value_is_made_creates_nothing() {
    let name = Name::new("panic");
    let panic =
        std::panic::catch_unwind(|| Shared::<u64>::create_with(&name, |_| panic!("wanted")));
    assert!(panic.is_err());
    let mode = |it: &mut AtomicU64| *it.get_mut() = 3;
    let made = Shared::create_with_mode_and(&name, 0o640, mode).unwrap();
    assert_eq!(made.load(SeqCst), 3);
    let mode = fs::metadata(path(&name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode & !0o037, 0o640 & !0o037);
}
