//! The files of a FIFO, and its door: refused calls, races for a name, and deaths at each system
//! call of creating, opening and removing.
//!
//! Adversaries 31, 42, 44.

#[cfg(target_arch = "x86_64")]
mod deaths;
mod owners;

use anteroom::ipc::{Fifo, MessageQueue, OpenError, Shared, SharedMemory};
use common::processes::{Child, Name, counter, turn, until};
use std::fs;
use std::io::{Read, Write};
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

const NOW: Duration = Duration::ZERO;

/// The names of all files that begin with this one.
fn files(name: &str) -> Vec<String> {
    let names = fs::read_dir("/dev/shm").unwrap();
    let names = names.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.filter(|file| file.starts_with(name)).collect()
}

#[track_caller]
fn assert_no_files(name: &str) {
    assert_eq!(files(name), [""; 0]);
}

/// Both ends open, and a byte goes through.
#[track_caller]
fn assert_works(name: &str) {
    std::thread::scope(|s| {
        let writer = s.spawn(|| Fifo::open_writer(name).unwrap());
        let mut reader = Fifo::open_reader(name).unwrap();
        writer.join().unwrap().write_all(b"x").unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "x");
    });
}

#[test]
fn every_unlink_removes_all_files_of_a_fifo() {
    let _turn = turn();
    let name = Name::new("every-unlink");
    for unlink in [
        Fifo::unlink,
        SharedMemory::unlink,
        Shared::<u64>::unlink,
        MessageQueue::unlink,
    ] {
        Fifo::create(&name, 100).unwrap();
        unlink(&name).unwrap();
        assert_no_files(&name);
    }
}

/// The files that a foreign removal leaves behind.
#[test]
fn litter_is_swept_by_create_and_by_unlink() {
    let _turn = turn();
    let name = Name::new("litter");
    let path = format!("/dev/shm/{}", &*name);
    for _ in 0..3 {
        Fifo::create(&name, 100).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(files(&name).len(), 2, "the bells are left");
    }
    assert!(matches!(Fifo::unlink(&name), Err(OpenError::NotFound)));
    assert_no_files(&name);
    Fifo::create(&name, 100).unwrap();
    fs::remove_file(&path).unwrap();
    Fifo::create(&name, 100).unwrap();
    assert_eq!(files(&name).len(), 3);
    assert_works(&name);
    Fifo::unlink(&name).unwrap();
    assert_no_files(&name);
}

/// Only files that are an unfinished FIFO's are swept.
#[test]
fn names_that_look_like_litter_are_left_alone() {
    let _turn = turn();
    let name = Name::new("alike");
    let [fifo, number] = ["fifo", "number"].map(|it| (it, format!("{}.{:016x}", &*name, it.len())));
    Fifo::create(&fifo.1, 100).unwrap();
    Shared::create(&number.1, 7_u64).unwrap();
    let bell = format!("{}.{:016x}.r", &*name, 9);
    Shared::create(&bell, 8_u64).unwrap();
    Fifo::create(&name, 100).unwrap();
    Fifo::unlink(&name).unwrap();
    assert!(matches!(Fifo::unlink(&name), Err(OpenError::NotFound)));
    assert_works(&fifo.1);
    assert_eq!(*Shared::<u64>::open(&number.1).unwrap(), 7);
    assert_eq!(*Shared::<u64>::open(&bell).unwrap(), 8);
    Fifo::unlink(&fifo.1).unwrap();
    Shared::<u64>::unlink(&number.1).unwrap();
    Shared::<u64>::unlink(&bell).unwrap();
    assert_no_files(&name);
}

#[test]
fn longest_name_works() {
    let _turn = turn();
    let short = Name::new("long");
    let name = format!("{:x<236}", &*short);
    Fifo::create(&name, 100).unwrap();
    assert_works(&name);
    let again = Fifo::create(&name, 100);
    assert!(matches!(again, Err(OpenError::AlreadyExists)));
    Fifo::unlink(&name).unwrap();
    assert_no_files(&short);
}

#[test]
fn fifo_without_its_bells_says_so_and_can_be_removed() {
    let _turn = turn();
    let name = Name::new("damaged");
    Fifo::create(&name, 100).unwrap();
    for file in files(&name).iter().filter(|file| **file != *name) {
        fs::remove_file(format!("/dev/shm/{file}")).unwrap();
    }
    let opened = Fifo::try_open_reader_for(&name, NOW);
    assert!(matches!(opened, Err(OpenError::NotShared)), "{opened:?}");
    Fifo::unlink(&name).unwrap();
    assert_no_files(&name);
}

/// Each creator owns what it created until it removes it; there is always some way to go on, and in
/// the end nothing is left. Some are killed meanwhile.
#[test]
fn creators_in_a_storm_keep_what_they_made() {
    let _turn = turn();
    let name = Name::new("storm");
    let won = counter();
    let life = || {
        for _ in 0..200 {
            match Fifo::create(&name, 100) {
                Ok(()) => {}
                Err(OpenError::AlreadyExists) => continue,
                Err(error) => panic!("create: {error}"),
            }
            match Fifo::try_open_reader_for(&name, NOW) {
                Ok(_) | Err(OpenError::TimedOut) => {}
                Err(error) => panic!("open: {error}"),
            }
            Fifo::unlink(&name).expect("no other process removes it");
            won.fetch_add(1, SeqCst);
        }
    };
    let children: Vec<_> = (0..6).map(|_| Child::fork(life)).collect();
    children.into_iter().for_each(Child::succeed);
    assert!(won.load(SeqCst) > 0);
    assert_no_files(&name);
}

/// Creators, openers and removers of all kinds, of which some are killed.
#[test]
fn storm_with_removers_and_deaths_leaves_nothing() {
    let _turn = turn();
    let name = Name::new("removers");
    let life = || {
        loop {
            match Fifo::create(&name, 100) {
                Ok(()) | Err(OpenError::AlreadyExists) => {}
                Err(error) => panic!("create: {error}"),
            }
            match Fifo::try_open_writer_for(&name, NOW) {
                Ok(_) | Err(OpenError::TimedOut | OpenError::NotFound) => {}
                Err(error) => panic!("open: {error}"),
            }
            for unlink in [Fifo::unlink, SharedMemory::unlink] {
                match unlink(&name) {
                    Ok(()) | Err(OpenError::NotFound) => {}
                    Err(error) => panic!("unlink: {error}"),
                }
            }
        }
    };
    let mut random = fastrand::Rng::with_seed(44);
    let mut children: Vec<_> = (0..4).map(|_| Child::fork(life)).collect();
    for _ in 0..200 {
        std::thread::sleep(Duration::from_micros(random.u64(0..2000)));
        let one = random.usize(..children.len());
        assert!(!children[one].has_ended(), "it panicked");
        children.swap_remove(one).kill();
        children.push(Child::fork(life));
    }
    children.into_iter().for_each(Child::kill);
    let _ = Fifo::unlink(&name);
    assert_no_files(&name);
}

/// With one descriptor more each time, until all calls succeed.
#[test]
fn too_few_descriptors_leave_nothing_half_done() {
    let _turn = turn();
    let name = Name::new("emfile");
    Fifo::create(&name, 100).unwrap();
    let most = (0..64).find(|most| {
        let opened = counter();
        Child::fork(|| {
            let limit = libc::rlimit {
                rlim_cur: *most,
                rlim_max: *most,
            };
            // SAFETY: a limit of this process.
            let set = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
            assert_eq!(set, 0);
            let too_many = |error: &OpenError| {
                matches!(error, OpenError::System(error)
                    if error.raw_os_error() == Some(libc::EMFILE))
            };
            match Fifo::try_open_reader_for(&name, NOW) {
                Err(OpenError::TimedOut) => _ = opened.fetch_add(1, SeqCst),
                Err(error) if too_many(&error) => {}
                other => panic!("{other:?}"),
            }
            let other = format!("{}-other", &*name);
            match Fifo::create(&other, 100) {
                Ok(()) => _ = opened.fetch_add(1, SeqCst),
                Err(error) if too_many(&error) => {}
                Err(error) => panic!("{error}"),
            }
            match Fifo::unlink(&other) {
                Ok(()) | Err(OpenError::NotFound) => {}
                Err(error) if too_many(&error) => {}
                Err(error) => panic!("{error}"),
            }
        })
        .succeed();
        let _ = Fifo::unlink(&format!("{}-other", &*name));
        assert_eq!(files(&name).len(), 3, "with {most} descriptors");
        let alone = Fifo::try_open_writer_for(&name, NOW);
        assert!(matches!(alone, Err(OpenError::TimedOut)), "{alone:?}");
        opened.load(SeqCst) == 2
    });
    assert!(most.is_some_and(|most| most > 4), "{most:?}");
    assert_works(&name);
    Fifo::unlink(&name).unwrap();
    assert_no_files(&name);
}

/// Adversary 22: a signal whose handler asks for interrupted calls ends no opening.
#[test]
fn signals_end_no_opening() {
    let _turn = turn();
    extern "C" fn ignore(_: libc::c_int) {}
    let name = Name::new("signals");
    Fifo::create(&name, 100).unwrap();
    let reader = Child::fork(|| {
        // SAFETY: all zeros is a valid `sigaction`: no flags, an empty mask.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = ignore as *const () as usize;
        // SAFETY: the handler does nothing.
        unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()) };
        let mut text = String::new();
        let mut reader = Fifo::open_reader(&name).unwrap();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "x");
    });
    for _ in 0..100 {
        common::processes::until_asleep(reader.pid());
        reader.signal(libc::SIGUSR1);
    }
    let mut writer = Fifo::open_writer(&name).unwrap();
    writer.write_all(b"x").unwrap();
    drop(writer);
    reader.succeed();
    Fifo::unlink(&name).unwrap();
    assert_no_files(&name);
}

/// In a `/dev/shm` of the child's own, which has room for so few files.
#[test]
fn full_file_system_refuses_and_stays_empty() {
    let _turn = turn();
    for files_at_most in 1..6 {
        Child::fork(|| {
            let mount_alone = libc::MS_REC | libc::MS_PRIVATE;
            let nothing = std::ptr::null();
            let root = c"/".as_ptr();
            // SAFETY: the child's own namespace.
            let alone = unsafe { libc::unshare(libc::CLONE_NEWNS) } == 0
                // SAFETY: a text that ends with zero.
                && unsafe {
                    libc::mount(nothing, root, nothing, mount_alone, nothing.cast())
                } == 0;
            let options = format!("mode=1777,nr_inodes={files_at_most}\0");
            // SAFETY: texts that end with zero.
            let mounted = alone
                && unsafe {
                    libc::mount(
                        c"tmpfs".as_ptr(),
                        c"/dev/shm".as_ptr(),
                        c"tmpfs".as_ptr(),
                        0,
                        options.as_ptr().cast(),
                    )
                } == 0;
            if !mounted {
                return common::skip("not permitted: a file system of one's own");
            }
            // One is the folder.
            match Fifo::create("full", 100) {
                Ok(()) => assert!(files_at_most > 3),
                Err(error) => {
                    assert!(files_at_most <= 3, "{error}");
                    assert!(matches!(error, OpenError::System(_)), "{error}");
                    assert_no_files("");
                }
            }
        })
        .succeed();
    }
}
