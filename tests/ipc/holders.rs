//! Which thread holds what between processes: where locks may be, how many a thread holds, what a
//! fork, another thread's unmapping and a hostile writer do to that.
use anteroom::shared::{
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

#[test]
fn locks_outside_of_regions_are_refused() {
    let (mutex, lock) = (Box::new(Mutex::new(0)), Box::new(RwLock::new(0)));
    let (semaphore, condvar) = (Box::new(Semaphore::new(1)), Condvar::new());
    let without = Semaphore::without_give_back(1);
    for _ in 0..2 {
        assert!(is_refused(|| mutex.lock().is_ok()));
        assert!(is_refused(|| mutex.try_lock().is_ok()));
        assert!(is_refused(|| lock.read().is_ok()));
        assert!(is_refused(|| lock.try_write().is_ok()));
        for semaphore in [&*semaphore, &without] {
            assert!(is_refused(|| semaphore.acquire().is_ok()));
            assert!(is_refused(|| semaphore.try_acquire_many(0).is_ok()));
            assert!(is_refused(|| semaphore.add_permits(1)));
            assert!(is_refused(|| semaphore.forget_permits(1)));
            assert!(is_refused(|| semaphore.available_permits()));
            assert!(is_refused(|| semaphore.close()));
            assert!(is_refused(|| semaphore.is_closed()));
        }
        assert!(is_refused(|| condvar.notify_one()));
        assert!(is_refused(|| condvar.notify_all()));
        // And where the thread has used a lock that is inside, between two times.
        drop(shared(Mutex::new(0)).lock());
    }
    // Nothing has changed: moved into a region, they are as they were made.
    let [semaphore, without] = [shared(*semaphore), shared(without)];
    assert_eq!(
        (semaphore.available_permits(), semaphore.is_closed()),
        (1, false)
    );
    assert_eq!(
        (without.available_permits(), without.is_closed()),
        (1, false)
    );
}

/// It could overwrite a lock that it has locked.
#[test]
fn locks_that_are_being_made_in_place_are_outside() {
    let tries = Cell::new(0);
    let fill = |mutex: &mut Mutex<u64>| {
        tries.set(tries.get() + 1);
        assert!(is_refused(|| forget(mutex.lock())));
        assert!(is_refused(|| forget(mutex.try_lock())));
        *mutex = Mutex::new(7);
    };
    let names = [
        Name::new("made"),
        Name::new("made-too"),
        Name::new("or-made"),
    ];
    let made = [
        Shared::anonymous_with(fill),
        Shared::create_with(&names[0], fill),
        Shared::create_with_mode_and(&names[1], 0o600, fill),
        Shared::open_or_create_with(&names[2], fill),
    ];
    assert_eq!(tries.get(), made.len());
    for it in made {
        assert_eq!(*it.unwrap().lock().unwrap(), 7);
    }
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

#[test]
fn condvar_outside_of_regions_leaves_the_mutex_unlocked() {
    let (mutex, condvar) = (shared(Mutex::new(0)), Condvar::new());
    let guard = mutex.lock().unwrap();
    assert!(is_refused(|| condvar.wait(guard).is_ok()));
    drop(mutex.try_lock().unwrap());
}

/// Another thread unmaps the region; something else is mapped where it was.
#[test]
fn memory_that_another_thread_unmapped_is_outside() {
    alone(|| {
        let region = shared(Mutex::new(0_u64));
        drop(region.lock().unwrap());
        let start = std::ptr::from_ref(&*region) as usize & !4095;
        std::thread::scope(|s| s.spawn(move || drop(region)).join().unwrap());
        // SAFETY: nothing is mapped there: `MAP_FIXED_NOREPLACE` makes sure.
        let there = unsafe {
            libc::mmap(
                start as *mut _,
                4096,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE,
                -1,
                0,
            )
        };
        // No other test runs in this process, so that nothing else has been mapped there.
        assert_eq!(there as usize, start);
        // SAFETY: mapped, zero, and for this test alone.
        let mutex = unsafe { &*there.cast::<Mutex<u64>>() };
        assert!(is_refused(|| mutex.lock().is_ok()));
    });
}

#[test]
fn memory_in_which_another_thread_holds_a_lock_stays_mapped() {
    let (region, other) = (Arc::new(shared(Mutex::new(0))), shared(Mutex::new(0)));
    let start = address(&**region);
    let (forgotten, is_forgotten) = mpsc::channel();
    let (dropped, is_dropped) = mpsc::channel();
    std::thread::scope(|s| {
        let (other, its) = (&other, region.clone());
        let thread = s.spawn(move || {
            forget(its.lock().unwrap());
            drop(its);
            forgotten.send(()).unwrap();
            is_dropped.recv().unwrap();
            drop(other.lock().unwrap());
        });
        is_forgotten.recv().unwrap();
        drop(region);
        assert!(is_mapped(start));
        dropped.send(()).unwrap();
        thread.join().unwrap();
    });
}

/// The kernel has walked its list.
#[test]
fn memory_of_a_thread_that_has_ended_is_unmapped() {
    Child::fork(|| {
        let region = shared(Mutex::new(0));
        let start = address(&*region);
        let thread = std::thread::scope(|s| {
            let life = || {
                forget(region.lock().unwrap());
                rustix::thread::gettid().as_raw_nonzero()
            };
            s.spawn(life).join().unwrap()
        });
        let task = format!("/proc/self/task/{thread}");
        until("ended", || !std::path::Path::new(&task).exists());
        assert!(matches!(region.lock(), Err(LockError::OwnerDied(_))));
        drop(region);
        assert!(!is_mapped(start));
    })
    .succeed();
}

#[test]
fn memory_is_unmapped_after_guards_released_in_any_order() {
    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        Child::fork(|| {
            let regions = [0, 1, 2].map(|it| shared(Mutex::new(it)));
            let starts = regions.each_ref().map(|it| address(&**it));
            let mut guards = regions.each_ref().map(|it| Some(it.lock().unwrap()));
            for place in order {
                guards[place] = None;
            }
            drop(guards);
            drop(regions);
            assert!(!starts.into_iter().any(is_mapped));
        })
        .succeed();
    }
}

/// Also where it is not the newest: the others go on.
#[test]
fn memory_with_a_forgotten_guard_stays_while_others_change() {
    let others = shared([const { Mutex::new(0) }; 8]);
    std::thread::scope(|s| {
        for _ in 0..3 {
            let others = &others;
            s.spawn(move || {
                for round in 0..2000 {
                    let region = shared(Mutex::new(0));
                    let start = address(&*region);
                    let older = others[round % 4].lock().unwrap();
                    forget(region.lock().unwrap());
                    let newer = others[4 + round % 4].lock().unwrap();
                    let dropper = (round % 100 == 0).then(|| {
                        let region = region;
                        s.spawn(move || {
                            drop(region);
                            assert!(is_mapped(start));
                        })
                    });
                    drop(older);
                    drop(newer);
                    drop(others[round % 8].lock().unwrap());
                    if let Some(dropper) = dropper {
                        dropper.join().unwrap();
                        // It holds it until its end: enough.
                        if round >= 900 {
                            return;
                        }
                    }
                }
            });
        }
    });
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

/// The C library's robust mutexes and ours, in one list.
mod beside_the_library {
    use super::*;

    /// A robust `pthread_mutex_t` in shared memory.
    struct Pthread(*mut libc::pthread_mutex_t);

    impl Pthread {
        fn new(memory: &Shared<[u64; 8]>) -> Self {
            let mutex = std::ptr::from_ref(&**memory)
                .cast_mut()
                .cast::<libc::pthread_mutex_t>();
            let mut how = std::mem::MaybeUninit::<libc::pthread_mutexattr_t>::uninit();
            let how = how.as_mut_ptr();
            // SAFETY: attributes to be initialized.
            assert_eq!(unsafe { libc::pthread_mutexattr_init(how) }, 0);
            let robust = libc::PTHREAD_MUTEX_ROBUST;
            // SAFETY: initialized attributes.
            assert_eq!(unsafe { libc::pthread_mutexattr_setrobust(how, robust) }, 0);
            let shared = libc::PTHREAD_PROCESS_SHARED;
            // SAFETY: as above.
            let set = unsafe { libc::pthread_mutexattr_setpshared(how, shared) };
            assert_eq!(set, 0);
            // SAFETY: as above; the mutex is large and aligned enough, and used for nothing else.
            assert_eq!(unsafe { libc::pthread_mutex_init(mutex, how) }, 0);
            Pthread(mutex)
        }

        fn lock(&self) -> i32 {
            // SAFETY: made by `new`.
            unsafe { libc::pthread_mutex_lock(self.0) }
        }

        fn unlock(&self) {
            // SAFETY: as above; this thread holds it.
            assert_eq!(unsafe { libc::pthread_mutex_unlock(self.0) }, 0);
        }

        fn owner_died(&self) -> bool {
            let died = self.lock() == libc::EOWNERDEAD;
            if died {
                // SAFETY: as above.
                unsafe { libc::pthread_mutex_consistent(self.0) };
            }
            self.unlock();
            died
        }
    }

    /// Locks and unlocks two of each in every order of eight steps, and dies: what it held is told
    /// of.
    #[test]
    fn all_are_let_go_of_by_the_kernel() {
        let memory = [0, 1].map(|_| shared([0_u64; 8]));
        let theirs = memory.each_ref().map(Pthread::new);
        let ours = shared([const { Mutex::new(0_u64) }; 2]);
        let mut random = fastrand::Rng::with_seed(13);
        for _ in 0..150 {
            let steps: Vec<usize> = (0..10).map(|_| random.usize(..4)).collect();
            let mut held = [false; 4];
            steps.iter().for_each(|it| held[*it] = !held[*it]);
            let child = Child::fork(|| {
                let mut held = [false; 4];
                for step in &steps {
                    match (step, held[*step]) {
                        (0 | 1, false) => forget(ours[*step].lock().unwrap()),
                        // SAFETY: its guard was forgotten.
                        (0 | 1, true) => unsafe { ours[*step].force_unlock() },
                        (_, false) => assert_eq!(theirs[step - 2].lock(), 0),
                        (_, true) => theirs[step - 2].unlock(),
                    }
                    held[*step] = !held[*step];
                }
                // SAFETY: it kills this process.
                unsafe { libc::raise(libc::SIGKILL) };
            });
            assert_eq!(child.wait(), End::Killed(libc::SIGKILL));
            for (place, mutex) in ours.iter().enumerate() {
                let died = match mutex.try_lock() {
                    Ok(_) => false,
                    Err(TryLockError::OwnerDied(died)) => {
                        drop(died.repair());
                        true
                    }
                    Err(error) => panic!("{error}, after {steps:?}"),
                };
                assert_eq!(died, held[place], "ours, {place} after {steps:?}");
            }
            for (place, mutex) in theirs.iter().enumerate() {
                let died = mutex.owner_died();
                assert_eq!(died, held[place + 2], "theirs, {place} after {steps:?}");
            }
        }
    }
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
