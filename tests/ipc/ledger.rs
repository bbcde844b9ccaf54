//! How a thread is known to a semaphore, or a reader-writer lock, between processes: by a slot,
//! which it finds again.
use anteroom::ipc::{AcquireError, Mutex, RwLock, RwLockError, Semaphore, Shared, TryLockError};
use common::alone::alone;
use common::processes::{Child, End, Name, counter, shared, until, until_asleep};
use std::sync::Barrier;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

/// More threads than there are slots.
const MANY: usize = Semaphore::MAX_THREADS + 10;

fn park() -> ! {
    loop {
        std::thread::park();
    }
}

/// If it stood twice in the list that the kernel follows at its end, what it held before would
/// never be reached.
#[test]
fn who_holds_twice_is_listed_once() {
    let (mutex, semaphore, step) = (shared(Mutex::new(0)), shared(Semaphore::new(3)), counter());
    let child = Child::fork(|| {
        let _guard = mutex.lock().unwrap();
        let _permits = [semaphore.acquire().unwrap(), semaphore.acquire().unwrap()];
        drop(semaphore.acquire().unwrap());
        step.fetch_add(1, SeqCst);
        park();
    });
    until("held", || step.load(SeqCst) == 1);
    child.kill();
    assert_eq!(semaphore.available_permits(), 3);
    let died = mutex.try_lock_for(Duration::from_secs(20));
    assert!(matches!(died, Err(TryLockError::OwnerDied(_))), "{died:?}");
}

/// A thread remembers its slots by the addresses of semaphores. The slot that it had in the one
/// before is another process's here.
#[test]
fn another_semaphore_at_the_same_address_is_another_one() {
    alone(|| {
        let (name, step) = (Name::new("address"), counter());
        let named = Shared::create(&name, Semaphore::new(2)).unwrap();
        let child = Child::fork(|| {
            let _permit = named.acquire().unwrap();
            step.fetch_add(1, SeqCst);
            park();
        });
        until("held", || step.load(SeqCst) == 1);

        let before = shared(Semaphore::new(2));
        drop(before.acquire().unwrap());
        let address = std::ptr::from_ref(&*before);
        drop(before);
        let after = Shared::<Semaphore>::open(&name).unwrap();
        // No other test runs in this process, so that the kernel takes the same place again.
        assert_eq!(std::ptr::from_ref(&*after), address);
        let permit = after.acquire().unwrap();
        child.kill();
        assert_eq!(after.available_permits(), 1);
        drop(permit);
        assert_eq!(after.available_permits(), 2);
    });
}

#[test]
fn a_child_does_not_take_its_parents_slot_for_its_own() {
    let (semaphore, step) = (shared(Semaphore::new(2)), counter());
    drop(semaphore.acquire().unwrap());
    let child = Child::fork(|| {
        let _permit = semaphore.acquire().unwrap();
        step.fetch_add(1, SeqCst);
        park();
    });
    until("held", || step.load(SeqCst) == 1);
    let _permit = semaphore.acquire().unwrap();
    child.kill();
    assert_eq!(semaphore.available_permits(), 1);
}

/// Uses both, and holds nothing afterwards.
fn use_once(semaphore: &Semaphore, lock: &RwLock<u64>) {
    drop(semaphore.acquire().unwrap());
    drop(lock.read().unwrap());
    *lock.write().unwrap() += 1;
}

#[test]
fn zombies_use_up_no_slots() {
    let (semaphore, lock) = (shared(Semaphore::new(2)), shared(RwLock::new(0)));
    // Reaped when this is dropped.
    let zombies: Vec<_> = (0..MANY)
        .map(|_| {
            let child = Child::fork(|| use_once(&semaphore, &lock));
            until("ended", || child.has_ended());
            child
        })
        .collect();
    use_once(&semaphore, &lock);
    assert_eq!(*lock.read().unwrap(), MANY as u64 + 1);
    for zombie in zombies {
        assert_eq!(zombie.wait(), End::Exited(0));
    }
}

#[test]
fn idle_threads_use_up_no_slots() {
    let (semaphore, lock) = (shared(Semaphore::new(2)), shared(RwLock::new(0)));
    let together = Barrier::new(MANY + 1);
    std::thread::scope(|s| {
        for thread in 0..MANY {
            let (semaphore, lock, together) = (&semaphore, &lock, &together);
            // Each half at once: all together may be more than there are slots, while the thread that
            // has the lock waits for a processor.
            let use_by_halves = move |times| {
                for half in 0..2 {
                    if thread % 2 == half {
                        (0..times).for_each(|_| use_once(semaphore, lock));
                    }
                    together.wait();
                }
            };
            s.spawn(move || {
                use_by_halves(1);
                together.wait();
                // All live: some find their own slots, some a shared one.
                use_by_halves(100);
            });
        }
        let wait = |times| (0..times).for_each(|_| _ = together.wait());
        wait(2);
        use_once(&semaphore, &lock);
        wait(3);
    });
    assert_eq!(*lock.read().unwrap(), 101 * MANY as u64 + 1);
    assert_eq!(semaphore.available_permits(), 2);
}

#[test]
fn a_thousand_threads_find_a_slot_one_after_the_other() {
    let (semaphore, lock) = (shared(Semaphore::new(2)), shared(RwLock::new(0)));
    for _ in 0..1_000 {
        std::thread::scope(|s| {
            s.spawn(|| use_once(&semaphore, &lock));
        });
    }
    assert_eq!(*lock.read().unwrap(), 1_000);
}

/// Forks a child that gets this number, if the system allows that, and no other process is faster
/// each time.
fn fork_as(number: libc::pid_t, life: impl Fn()) -> Option<Child> {
    (0..100).find_map(|_| {
        let before = (number - 1).to_string();
        std::fs::write("/proc/sys/kernel/ns_last_pid", before).ok()?;
        let child = Child::fork(&life);
        (child.pid() == number).then_some(child)
    })
}

#[test]
fn slots_of_dead_threads_whose_numbers_live_again_are_found() {
    let semaphore = shared(Semaphore::new(2));
    let mut living = Vec::new();
    // (Other processes may be faster to take a number, also again and again.)
    for _ in 0..10 * MANY {
        if living.len() == MANY {
            break;
        }
        let child = Child::fork(|| drop(semaphore.acquire().unwrap()));
        let number = child.pid();
        child.succeed();
        match fork_as(number, common::processes::sleep_for_ever) {
            Some(child) => living.push(child),
            None if living.is_empty() => {
                return common::skip("process numbers cannot be chosen here");
            }
            None => {}
        }
    }
    assert_eq!(living.len(), MANY, "so many live again");
    drop(semaphore.acquire().unwrap());
}

/// The descendant has inherited what the dead thread remembered of its slots.
#[test]
fn descendant_with_the_number_of_the_dead_hears_of_its_death() {
    const HEARD: u64 = 1;
    const NOT_HEARD: u64 = 2;
    const NO_NUMBER: u64 = 3;
    let (lock, semaphore) = (shared(RwLock::new(0)), shared(Semaphore::new(1)));
    let (is_gone, end) = (counter(), counter());
    let holder = Child::fork(|| {
        let _held = (lock.write().unwrap(), semaphore.acquire().unwrap());
        let number = std::process::id();
        // SAFETY: the child ends by itself, and so does this process.
        if unsafe { libc::fork() } != 0 {
            // SAFETY: without destructors.
            unsafe { libc::_exit(0) };
        }
        until("the holder's number is free", || is_gone.load(SeqCst) == 1);
        let descendant = fork_as(number as libc::pid_t, || {
            if std::process::id() != number {
                return;
            }
            let died = lock.try_write_for(Duration::from_secs(30));
            let Err(RwLockError::WriterDied(it)) = died else {
                panic!("it has not heard of the death");
            };
            drop(it.repair());
            drop(semaphore.try_acquire_for(Duration::from_secs(30)).unwrap());
        });
        let heard = descendant.map(|it| it.wait() == End::Exited(0));
        end.store(
            match heard {
                Some(true) => HEARD,
                Some(false) => NOT_HEARD,
                None => NO_NUMBER,
            },
            SeqCst,
        );
        // SAFETY: without destructors.
        unsafe { libc::_exit(0) };
    });
    holder.succeed();
    is_gone.store(1, SeqCst);
    until("the descendant has ended", || end.load(SeqCst) != 0);
    match end.load(SeqCst) {
        NO_NUMBER => common::skip("process numbers cannot be chosen here"),
        end => assert_eq!(end, HEARD),
    }
}

/// What is held by a shared slot comes back to a waiter that began to wait before the slot was
/// begun.
#[test]
fn a_waiter_is_woken_by_a_death_in_a_shared_slot() {
    let (semaphore, step) = (shared(Semaphore::new(1)), counter());
    let permit = semaphore.acquire().unwrap();
    let waiter = Child::fork(|| drop(semaphore.acquire_many(2).unwrap()));
    until_asleep(waiter.pid());
    let _zombies: Vec<_> = (0..MANY)
        .map(|_| {
            let child = Child::fork(|| assert!(semaphore.try_acquire().is_err()));
            until("ended", || child.has_ended());
            child
        })
        .collect();
    drop(permit);
    let holder = Child::fork(|| {
        let _permit = semaphore.acquire().unwrap();
        step.fetch_add(1, SeqCst);
        park();
    });
    until("held", || step.load(SeqCst) == 1);
    // Too few for the waiter as long as the holder lives.
    semaphore.add_permits(1);
    until_asleep(waiter.pid());
    holder.kill();
    waiter.succeed();
    assert_eq!(semaphore.available_permits(), 2);
}

/// As many as there are slots hold something, and one more is refused, as long as they do.
#[test]
fn too_many_holders_are_refused_until_one_lets_go() {
    let semaphore = shared(Semaphore::new(1_000));
    let (held, go) = (counter(), Barrier::new(MANY - 9));
    let refused = || semaphore.try_acquire().err() == Some(AcquireError::TooManyThreads);
    std::thread::scope(|s| {
        for _ in 0..MANY {
            s.spawn(|| drop(semaphore.acquire().unwrap()))
                .join()
                .unwrap();
        }
        for _ in 0..Semaphore::MAX_THREADS {
            s.spawn(|| {
                let permit = semaphore.acquire().unwrap();
                held.fetch_add(1, SeqCst);
                go.wait();
                drop(permit);
            });
        }
        until("held", || {
            held.load(SeqCst) == Semaphore::MAX_THREADS as u64
        });
        assert!(refused());
        assert!(refused());
        go.wait();
    });
    assert!(!refused());
    assert_eq!(semaphore.available_permits(), 1_000);
}
