//! Where the system refuses what shared memory asks of it: an error that names the call, or it goes
//! on without.
//!
//! Adversary 45.
use anteroom::ipc::{
    AcquireError, Condvar, Fifo, LockError, MessageQueue, Mutex, OpenError, RwLock, RwLockError,
    Selector, Semaphore, Shared, SharedMemory, pipe,
};
use common::processes::{Child, Name, counter, is_asleep, shared, until};
use common::sandbox::Refusal::Fails;
use common::sandbox::{LINK_BY_DESCRIPTOR, refuse};
use std::cell::Cell;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

const ERRORS: [i32; 2] = [libc::EPERM, libc::ENOSYS];
const LONG: Duration = Duration::from_secs(60);

/// Everything that creates or opens memory fails with an error that names the call.
fn nothing_is_opened(name: &str, refused: &str) {
    let other = Name::new("other");
    let errors = [
        Shared::create(&other, AtomicU64::new(0)).err(),
        Shared::anonymous(AtomicU64::new(0)).err(),
        Shared::<AtomicU64>::open(name).err(),
        Shared::open_or_create(name, AtomicU64::new(0)).err(),
        Shared::open_or_create(&other, AtomicU64::new(0)).err(),
        SharedMemory::create(&other, 10).err(),
        MessageQueue::create(&other, 10, 10).err(),
        Fifo::create(&other, 10).err(),
    ];
    for error in errors {
        let is_right =
            matches!(&error, Some(OpenError::Unsupported { call }) if call.contains(refused));
        assert!(is_right, "{refused}: {error:?}");
    }
    assert_eq!(pipe(10).err().unwrap().kind(), ErrorKind::Unsupported);
    assert!(matches!(
        Shared::<AtomicU64>::unlink(&other),
        Err(OpenError::NotFound)
    ));
}

#[test]
fn a_sandbox_that_refuses_a_call_refuses_the_memory() {
    let name = Name::new("sandbox");
    let _it = Shared::create(&name, AtomicU64::new(0)).unwrap();
    let calls = [
        (libc::SYS_futex_waitv, "futex_waitv"),
        (libc::SYS_get_robust_list, "get_robust_list"),
    ];
    for (call, refused) in calls {
        for error in ERRORS {
            Child::fork(|| {
                refuse(&[(call, None)], Fails(error));
                nothing_is_opened(&name, refused);
            })
            .succeed();
        }
    }
    // Outside nothing has changed.
    assert!(Shared::<AtomicU64>::open(&name).is_ok());
}

/// Waits until the process has been seen asleep. (It naps, so it is awake again soon.)
fn until_napping(child: &Child) {
    until("asleep", || is_asleep(child.pid()));
}

/// Runs a child, which is `ready` before it waits in a sandbox for what comes, and then that.
fn wait_in_a_sandbox(waits: impl Fn(&dyn Fn()), comes: impl Fn()) {
    ERRORS
        .into_iter()
        .for_each(|error| wait_once(error, &waits, &comes));
}

fn wait_once(error: i32, waits: impl Fn(&dyn Fn()), comes: impl Fn()) {
    let step = counter();
    let child = Child::fork(|| {
        refuse(&[(libc::SYS_futex_waitv, None)], Fails(error));
        waits(&|| step.store(1, SeqCst));
    });
    until("ready", || step.load(SeqCst) == 1);
    until_napping(&child);
    comes();
    child.succeed();
}

#[test]
fn a_waiter_whose_sandbox_begins_late_gets_the_lock() {
    let lock = shared(Mutex::new(0));
    let guard = Cell::new(None);
    for error in ERRORS {
        guard.set(Some(lock.lock().unwrap()));
        let waits = |ready: &dyn Fn()| {
            ready();
            *lock.lock().unwrap() += 1;
        };
        wait_once(error, waits, || drop(guard.take()));
    }
    assert_eq!(*lock.lock().unwrap(), 2);
}

#[test]
fn a_writer_whose_sandbox_begins_late_waits_for_the_readers() {
    for error in ERRORS {
        let (lock, step) = (shared(RwLock::new(0)), counter());
        let reader = lock.read().unwrap();
        let child = Child::fork(|| {
            refuse(&[(libc::SYS_futex_waitv, None)], Fails(error));
            let late = lock.try_write_for(Duration::from_millis(20));
            assert!(matches!(late, Err(RwLockError::TimedOut)));
            step.store(1, SeqCst);
            *lock.write().unwrap() += 1;
        });
        until("timed out", || step.load(SeqCst) == 1);
        until_napping(&child);
        drop(reader);
        child.succeed();
        assert_eq!(*lock.read().unwrap(), 1);
    }
}

/// It finds a death, too, though no one wakes it.
#[test]
fn a_waiter_whose_sandbox_begins_late_sees_a_death() {
    let (mutex, lock, step) = (shared(Mutex::new(0)), shared(RwLock::new(0)), counter());
    let holder = Child::fork(|| {
        let _guards = (mutex.lock().unwrap(), lock.read().unwrap());
        step.store(1, SeqCst);
        common::processes::sleep_for_ever();
    });
    until("held", || step.load(SeqCst) == 1);
    let waiter = Child::fork(|| {
        refuse(&[(libc::SYS_futex_waitv, None)], Fails(libc::EPERM));
        step.store(2, SeqCst);
        drop(lock.write().unwrap());
        assert!(matches!(mutex.lock(), Err(LockError::OwnerDied(_))));
    });
    until("in the sandbox", || step.load(SeqCst) == 2);
    until_napping(&waiter);
    holder.kill();
    waiter.succeed();
}

#[test]
fn a_waiter_whose_sandbox_begins_late_gets_permits_and_messages() {
    let semaphore = shared(Semaphore::new(0));
    let waits = |ready: &dyn Fn()| {
        let late = semaphore.try_acquire_for(Duration::from_millis(20));
        assert!(matches!(late, Err(AcquireError::TimedOut)));
        ready();
        drop(semaphore.acquire_many(2).unwrap());
        semaphore.acquire_many(2).unwrap().forget();
    };
    wait_in_a_sandbox(waits, || semaphore.add_permits(2));

    let queue = MessageQueue::anonymous(1, 8).unwrap();
    let waits = |ready: &dyn Fn()| {
        ready();
        let received = queue.receive(Selector::Any, &mut [0; 8]).unwrap();
        assert_eq!(received.kind, 7);
    };
    wait_in_a_sandbox(waits, || queue.send(7, b"late").unwrap());
}

#[test]
fn a_waiter_whose_sandbox_begins_late_is_notified() {
    let (mutex, condvar) = (shared(Mutex::new(0)), shared(Condvar::new()));
    let waits = |ready: &dyn Fn()| {
        ready();
        let guard = mutex.lock().unwrap();
        let (guard, timed_out) = condvar.wait_while_for(guard, |it| *it == 0, LONG);
        assert!(!timed_out.timed_out());
        *guard.unwrap() = 0;
    };
    let comes = || {
        *mutex.lock().unwrap() += 1;
        condvar.notify_all();
    };
    wait_in_a_sandbox(waits, comes);
}

/// A name is given through `/proc` then.
#[test]
fn where_a_descriptor_cannot_be_linked_proc_is_used() {
    for error in [libc::ENOENT, libc::EPERM] {
        let name = Name::new("link");
        Child::fork(|| {
            refuse(&[LINK_BY_DESCRIPTOR], Fails(error));
            drop(Shared::create(&name, AtomicU64::new(3)).unwrap());
            let again = Shared::create(&name, AtomicU64::new(4)).err();
            assert!(matches!(again, Some(OpenError::AlreadyExists)));
        })
        .succeed();
        assert_eq!(Shared::<AtomicU64>::open(&name).unwrap().load(SeqCst), 3);
    }
}

/// Takes `/proc` away from this process. Returns false, and says so, where that is not allowed.
#[track_caller]
fn leave_proc() -> bool {
    let private = libc::MS_REC | libc::MS_PRIVATE;
    let nothing = std::ptr::null::<libc::c_char>();
    // SAFETY: concerns this process only.
    let unshare = || unsafe { libc::unshare(libc::CLONE_NEWNS) } == 0;
    let root = c"/".as_ptr();
    // SAFETY: concerns the mounts of this process, which are its own now.
    let part = || unsafe { libc::mount(nothing, root, nothing, private, nothing.cast()) } == 0;
    // SAFETY: as above.
    let unmount = || unsafe { libc::umount2(c"/proc".as_ptr(), libc::MNT_DETACH) } == 0;
    let left = unshare() && part() && unmount();
    if !left {
        common::skip("/proc cannot be unmounted here");
    }
    left && !std::fs::exists("/proc/self").unwrap()
}

#[test]
fn without_proc_memory_is_created_or_the_error_says_what_is_missing() {
    let (name, second) = (Name::new("proc"), Name::new("proc"));
    Child::fork(|| {
        if !leave_proc() {
            return;
        }
        match Shared::create(&name, Mutex::new(1)) {
            Ok(it) => {
                *it.lock().unwrap() += 1;
                let again = Shared::<Mutex<i32>>::open(&name).unwrap();
                assert_eq!(*again.lock().unwrap(), 2);
                let again = Shared::create(&name, Mutex::new(1)).err();
                assert!(matches!(again, Some(OpenError::AlreadyExists)));
                Shared::<Mutex<i32>>::unlink(&name).unwrap();
            }
            Err(OpenError::Unsupported { call }) => assert!(call.contains("/proc")),
            Err(error) => panic!("{error}"),
        }
        refuse(&[LINK_BY_DESCRIPTOR], Fails(libc::ENOENT));
        let refused = Shared::create(&second, Mutex::new(1)).err();
        let is_right =
            matches!(&refused, Some(OpenError::Unsupported { call }) if call.contains("/proc"));
        assert!(is_right, "{refused:?}");
        // What has no name needs none.
        *shared(Mutex::new(1)).lock().unwrap() += 1;
    })
    .succeed();
}

#[cfg(target_arch = "x86_64")]
#[test]
fn an_interrupted_allocation_is_tried_again() {
    let name = Name::new("signals");
    Child::fork(|| {
        common::sandbox::interrupt_fallocate();
        let made = SharedMemory::create(&name, 5_000_000).unwrap();
        assert_eq!(made.size(), 5_000_000);
        assert_eq!(SharedMemory::open(&name).unwrap().size(), 5_000_000);
    })
    .succeed();
}
