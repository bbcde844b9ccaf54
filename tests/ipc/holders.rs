//! Which thread holds what between processes: where locks may be, how many a thread holds, what a
//! fork, another thread's unmapping and a hostile writer do to that.

mod beside_the_library;
mod mapped;
mod outside;

use anteroom::ipc::{
    AcquireError, Condvar, LockError, MAX_HELD, Mutex, RwLock, RwLockError, Semaphore, Shared,
    TryLockError,
};
use common::alone::alone;
use common::processes::{Child, End, Name, shared, sleep_for_ever, until};
use std::cell::{Cell, UnsafeCell};
use std::mem::forget;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// Whether this panics, and says that a lock is not where it must be.
fn is_refused<R>(f: impl FnOnce() -> R) -> bool {
    let Err(panic) = catch_unwind(AssertUnwindSafe(f)) else {
        return false;
    };
    let text = panic.downcast_ref::<String>().expect("with a number");
    text.contains("in memory that Shared or SharedMemory has mapped")
}

fn is_mapped(address: usize) -> bool {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines().any(|line| {
        let range = line.split(' ').next().unwrap();
        let (start, end) = range.split_once('-').unwrap();
        let number = |text| usize::from_str_radix(text, 16).unwrap();
        (number(start)..number(end)).contains(&address)
    })
}

fn address<T>(it: &T) -> usize {
    std::ptr::from_ref(it).addr()
}

/// A process overwrites a lock that another one holds, and a third one locks it. The one that held
/// it first does not write into the third one's list.
#[test]
fn overwritten_lock_stays_in_the_list_of_its_next_holder() {
    let locks = shared([const { Mutex::new(0_u64) }; 3]);
    let [older, overwritten, held] = &*locks;
    let step = common::processes::counter();
    let first = Child::fork(|| {
        let guard = older.lock().unwrap();
        forget(overwritten.lock().unwrap());
        step.store(1, SeqCst);
        until("the third has locked it", || step.load(SeqCst) == 2);
        drop(guard);
        step.store(3, SeqCst);
        sleep_for_ever();
    });
    until("held", || step.load(SeqCst) == 1);
    let bytes = std::ptr::from_ref(overwritten).cast_mut().cast::<u8>();
    // SAFETY: numbers in shared memory, which no process uses just now.
    unsafe { bytes.write_bytes(0, size_of::<Mutex<u64>>()) };
    let third = Child::fork(|| {
        forget(held.lock().unwrap());
        forget(overwritten.lock().unwrap());
        step.store(2, SeqCst);
        sleep_for_ever();
    });
    until("released", || step.load(SeqCst) == 3);
    third.kill();
    for lock in [held, overwritten] {
        let died = lock.try_lock_for(Duration::from_secs(20));
        assert!(matches!(died, Err(TryLockError::OwnerDied(_))), "{died:?}");
    }
    first.kill();
}

/// At the child's end the kernel would look there, whatever is mapped by then.
#[test]
fn nothing_is_pending_in_memory_that_a_child_has_unmapped() {
    /// What the kernel looks at when the thread ends, beside its list.
    fn pending() -> usize {
        let (mut head, mut size) = (std::ptr::null_mut::<[usize; 3]>(), 0_usize);
        // SAFETY: writes a pointer and a size to where it is told to.
        let got =
            unsafe { libc::syscall(libc::SYS_get_robust_list, 0, &raw mut head, &raw mut size) };
        assert_eq!((got, size), (0, size_of::<[usize; 3]>()));
        // SAFETY: this thread's own list.
        unsafe { (*head)[2] }
    }
    let region = shared(Mutex::new(0));
    let memory = address(&*region)..address(&*region) + size_of::<Mutex<u64>>();
    forget(region.lock().unwrap());
    let child = Child::fork(|| {
        assert!(memory.contains(&pending()), "inherited");
        drop(region);
        assert_eq!(pending(), 0);
    });
    child.succeed();
}

/// One too many is refused, and whatever was held is let go of by the kernel.
#[test]
fn a_thread_is_refused_one_lock_too_many() {
    const MORE: usize = 3;
    let all = shared([const { Mutex::new(0_u64) }; MAX_HELD + MORE]);
    let (lock, semaphore) = (shared(RwLock::new(0)), shared(Semaphore::new(9)));
    let child = Child::fork(|| {
        for mutex in &all[..MAX_HELD] {
            forget(mutex.lock().unwrap());
        }
        for mutex in &all[MAX_HELD..] {
            assert!(matches!(mutex.lock(), Err(LockError::TooManyHeld)));
            let tried = mutex.try_lock();
            assert!(matches!(tried, Err(TryLockError::TooManyHeld)));
        }
        assert!(matches!(lock.read(), Err(RwLockError::TooManyHeld)));
        assert!(matches!(lock.write(), Err(RwLockError::TooManyHeld)));
        let permit = semaphore.acquire();
        assert_eq!(permit.err(), Some(AcquireError::TooManyHeld));
        // SAFETY: its guard was forgotten.
        unsafe { all[MAX_HELD / 2].force_unlock() };
        forget(semaphore.acquire().unwrap());
        assert!(matches!(lock.read(), Err(RwLockError::TooManyHeld)));
        sleep_for_ever();
    });
    until("all held", || semaphore.available_permits() == 8);
    child.kill();
    for (place, mutex) in all.iter().enumerate() {
        let died = matches!(mutex.try_lock(), Err(TryLockError::OwnerDied(_)));
        assert_eq!(died, place < MAX_HELD && place != MAX_HELD / 2);
    }
    assert_eq!(semaphore.available_permits(), 9);
}

/// Two at a time, along a chain that is longer than what a thread may hold.
#[test]
fn hand_over_hand_locking_never_holds_too_many() {
    let chain = shared([const { Mutex::new(0_u64) }; 3]);
    let mut held = chain[0].lock().unwrap();
    for step in 1..3 * MAX_HELD {
        held = chain[step % 3].lock().unwrap();
        *held += 1;
    }
    drop(held);
    assert!(chain.iter().all(|mutex| mutex.try_lock().is_ok()));
}

/// The number is the parent's again: what it held is not the child's all the same.
#[test]
fn inherited_guards_are_inert_where_the_number_lives_again() {
    const LAST: &str = "/proc/sys/kernel/ns_last_pid";
    if std::fs::OpenOptions::new().write(true).open(LAST).is_err() {
        return common::skip(format_args!(
            "{LAST} may not be written here: no number is made to live again"
        ));
    }
    let board = shared([const { Mutex::new(0_u64) }; 1]);
    let lock = shared(RwLock::new(0_u64));
    let semaphore = shared(Semaphore::new(4));
    let met = common::processes::counter();
    let gone = common::processes::counter();
    let parent = Child::fork(|| {
        let number = std::process::id();
        let guard = board[0].lock().unwrap();
        let writer = lock.write().unwrap();
        let permit = semaphore.acquire_many(2).unwrap();
        // SAFETY: the child ends by itself, and so does this process.
        if unsafe { libc::fork() } != 0 {
            // SAFETY: without destructors.
            unsafe { libc::_exit(0) };
        }
        until("the parent's number is free", || gone.load(SeqCst) == 1);
        let mut inherited = Some((guard, writer, permit));
        for _ in 0..100_000 {
            let _ = std::fs::write(LAST, (number - 1).to_string());
            // SAFETY: the child drops what it has inherited, and ends.
            let child = unsafe { libc::fork() };
            if child == 0 {
                if std::process::id() == number {
                    drop(inherited.take());
                    met.fetch_add(1, SeqCst);
                }
                // SAFETY: without destructors.
                unsafe { libc::_exit(0) };
            }
            // SAFETY: our own child.
            unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
            if child as u32 == number {
                break;
            }
        }
        gone.fetch_add(1, SeqCst);
        // SAFETY: without destructors.
        unsafe { libc::_exit(0) };
    });
    parent.succeed();
    let Err(LockError::OwnerDied(died)) = board[0].lock() else {
        panic!("it died");
    };
    let guard = died.repair();
    let Err(RwLockError::WriterDied(died)) = lock.write() else {
        panic!("it died");
    };
    let writer = died.repair();
    assert_eq!(semaphore.available_permits(), 4);
    gone.fetch_add(1, SeqCst);
    until("done", || gone.load(SeqCst) == 2);
    assert_eq!(met.load(SeqCst), 1, "the number lived again");
    Child::fork(|| {
        assert!(matches!(board[0].try_lock(), Err(TryLockError::WouldBlock)));
        assert!(matches!(lock.try_read(), Err(RwLockError::WouldBlock)));
        assert_eq!(semaphore.available_permits(), 4);
    })
    .succeed();
    drop((guard, writer));
}

#[test]
fn permits_of_two_holders_do_not_merge() {
    let semaphore = shared(Semaphore::new(4));
    let mut mine = semaphore.acquire_many(2).unwrap();
    Child::fork(|| {
        let mut own = semaphore.acquire().unwrap();
        // SAFETY: the child forgets its other copy, at its end.
        let inherited = unsafe { std::ptr::read(&mine) };
        let merged = catch_unwind(AssertUnwindSafe(|| own.merge(inherited)));
        assert!(merged.is_err());
        assert_eq!((own.num_permits(), semaphore.available_permits()), (1, 1));
        // SAFETY: as above.
        let mut inherited = unsafe { std::ptr::read(&mine) };
        let merged = catch_unwind(AssertUnwindSafe(|| inherited.merge(own)));
        assert!(merged.is_err());
        assert_eq!(semaphore.available_permits(), 2, "its own came back");
        let part = inherited.split(1).unwrap();
        inherited.merge(part);
        drop(inherited.split(1));
        inherited.forget();
        assert_eq!(semaphore.available_permits(), 2);
    })
    .succeed();
    let part = mine.split(1).unwrap();
    mine.merge(part);
    drop(mine);
    assert_eq!(semaphore.available_permits(), 4);
}

#[test]
fn permits_of_two_mappings_do_not_merge() {
    let name = Name::new("merge");
    let one = Shared::create(&name, Semaphore::new(4)).unwrap();
    let other: Shared<Semaphore> = Shared::open(&name).unwrap();
    let mut mine = one.acquire().unwrap();
    let theirs = other.acquire().unwrap();
    let merged = catch_unwind(AssertUnwindSafe(|| mine.merge(theirs)));
    assert!(merged.is_err());
    assert_eq!((mine.num_permits(), one.available_permits()), (1, 3));
    drop(mine);
    assert_eq!(other.available_permits(), 4);
}

/// After it, the thread is as one that has never tried.
#[test]
fn locking_twice_panics_and_leaves_nothing_pending() {
    let board = shared([const { Mutex::new(0_u64) }; 2]);
    Child::fork(|| {
        forget(board[0].lock().unwrap());
        let twice = catch_unwind(AssertUnwindSafe(|| board[0].lock().is_ok()));
        assert!(twice.is_err());
        assert_eq!(pending(), 0);
        drop(board[1].lock().unwrap());
    })
    .succeed();
    assert!(matches!(board[0].lock(), Err(LockError::OwnerDied(_))));
    drop(board[1].lock().unwrap());
}

/// What the calling thread's robust list says is pending.
fn pending() -> usize {
    let (mut list, mut size) = (std::ptr::null::<[usize; 3]>(), 0_usize);
    // SAFETY: the call writes a pointer and a size to where it is told to.
    let done = unsafe { libc::syscall(libc::SYS_get_robust_list, 0, &raw mut list, &raw mut size) };
    assert_eq!(done, 0);
    // SAFETY: a list's head, of this thread.
    unsafe { (*list)[2] }
}

/// A child writes what it likes to the links of a lock, while its parent locks and unlocks in all
/// orders.
#[test]
fn links_that_another_process_overwrites_are_not_followed() {
    const LOCKS: usize = 8;
    let name = Name::new("hostile");
    let board = Shared::create(&name, [const { Mutex::new(0_u64) }; LOCKS]).unwrap();
    let stop = common::processes::counter();
    let victims: Vec<UnsafeCell<u64>> = (0..64).map(|_| UnsafeCell::new(0x1111)).collect();
    let target = victims[32].get() as u64;
    let hostile = Child::fork(|| {
        let path = format!("/dev/shm/{}", &*name);
        let file = std::fs::File::options().write(true).open(path).unwrap();
        let values = [0, 1, target, target + 8, u64::MAX, 0x1000];
        for turn in 0_usize.. {
            if stop.load(SeqCst) == 1 {
                return;
            }
            let value = values[turn % values.len()].to_ne_bytes();
            for lock in 0..LOCKS {
                let entry = (64 + lock * size_of::<Mutex<u64>>()) as u64;
                file.write_all_at(&value, entry + 24).unwrap();
                file.write_all_at(&value, entry + 32).unwrap();
            }
        }
    });
    for round in 0_usize..20_000 {
        let mut guards: Vec<_> = board.iter().map(|it| it.lock().ok()).collect();
        for step in 0..LOCKS {
            guards[(round + step * 3) % LOCKS] = None;
        }
    }
    stop.store(1, SeqCst);
    hostile.succeed();
    // SAFETY: only the test itself may write there.
    assert!(victims.iter().all(|it| unsafe { *it.get() } == 0x1111));
}

/// A child of a fork links anew what the library has emptied.
#[test]
fn a_child_that_is_killed_lets_go_of_what_it_has_locked_itself() {
    let board = shared([const { Mutex::new(0_u64) }; 3]);
    let _mine = board[0].lock().unwrap();
    let counter: Shared<AtomicU64> = common::processes::counter();
    let child = Child::fork(|| {
        let _guards = [1, 2].map(|it| board[it].lock().unwrap());
        counter.fetch_add(1, SeqCst);
        sleep_for_ever();
    });
    until("locked", || counter.load(SeqCst) == 1);
    child.kill();
    for mutex in &board[1..] {
        assert!(matches!(mutex.lock(), Err(LockError::OwnerDied(_))));
    }
    assert!(matches!(board[0].try_lock(), Err(TryLockError::WouldBlock)));
}
