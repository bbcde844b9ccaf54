//! The mutex between processes: forked children hold it, wait for it, and are killed.
use anteroom::ipc::{LockError, Mutex, Shared, TryLockError};
use common::processes::{Child, End, Name, shared, until, until_all_asleep, until_asleep};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

anteroom::shareable! {
    struct Board {
        mutex: Mutex<u64>,
        step: AtomicU64,
    }
}

fn board() -> Shared<Board> {
    shared(Board {
        mutex: Mutex::new(0),
        step: AtomicU64::new(0),
    })
}

/// A child that holds the mutex until it is killed.
fn holder(board: &Board) -> Child {
    let child = Child::fork(|| {
        let mut guard = board.mutex.lock().unwrap();
        *guard = 13;
        board.step.store(1, SeqCst);
        loop {
            std::thread::park();
        }
    });
    until("held", || board.step.load(SeqCst) == 1);
    child
}

#[test]
fn processes_exclude_each_other() {
    const ROUNDS: u64 = 20_000;
    let board = board();
    let children: Vec<_> = (0..4)
        .map(|_| {
            Child::fork(|| {
                for _ in 0..ROUNDS {
                    *board.mutex.lock().unwrap() += 1;
                }
            })
        })
        .collect();
    children.into_iter().for_each(Child::succeed);
    assert_eq!(*board.mutex.lock().unwrap(), 4 * ROUNDS);
}

#[test]
fn a_dead_owner_is_told_of_once_repaired() {
    let board = board();
    holder(&board).kill();
    let Err(LockError::OwnerDied(mut died)) = board.mutex.lock() else {
        panic!("the owner died");
    };
    assert_eq!(*died, 13);
    *died = 14;
    drop(died.repair());
    assert_eq!(*board.mutex.lock().unwrap(), 14);
}

#[test]
fn unrepaired_it_is_poisoned_for_everyone() {
    let board = board();
    holder(&board).kill();
    assert!(matches!(board.mutex.lock(), Err(LockError::OwnerDied(_))));
    assert!(matches!(board.mutex.lock(), Err(LockError::Poisoned)));
    assert!(matches!(
        board.mutex.try_lock(),
        Err(TryLockError::Poisoned)
    ));
    Child::fork(|| assert!(matches!(board.mutex.lock(), Err(LockError::Poisoned)))).succeed();
}

#[test]
fn sleeping_waiters_come_in_after_a_death() {
    const WAITERS: u64 = 5;
    let board = board();
    let holder = holder(&board);
    let waiters: Vec<_> = (0..WAITERS)
        .map(|_| {
            Child::fork(|| match board.mutex.lock() {
                Ok(mut guard) => *guard += 1,
                Err(LockError::OwnerDied(mut died)) => {
                    *died = 1;
                    drop(died.repair());
                }
                Err(error) => panic!("{error}"),
            })
        })
        .collect();
    until_all_asleep(&waiters);
    holder.kill();
    waiters.into_iter().for_each(Child::succeed);
    assert_eq!(*board.mutex.lock().unwrap(), WAITERS);
}

#[test]
fn a_killed_waiter_takes_nothing_with_it() {
    let board = board();
    let guard = board.mutex.lock().unwrap();
    let waiters: Vec<_> = (0..4)
        .map(|_| Child::fork(|| *board.mutex.lock().unwrap() += 1))
        .collect();
    until_all_asleep(&waiters);
    let mut waiters = waiters.into_iter();
    waiters.next().unwrap().kill();
    drop(guard);
    waiters.next().unwrap().kill();
    waiters.for_each(Child::succeed);
}

#[test]
fn a_waiter_gives_up_in_time() {
    let board = board();
    let _guard = board.mutex.lock().unwrap();
    Child::fork(|| {
        let early = board.mutex.try_lock_for(Duration::from_millis(1));
        assert!(matches!(early, Err(TryLockError::TimedOut)));
        let past = board.mutex.try_lock_until(Instant::now());
        assert!(matches!(past, Err(TryLockError::TimedOut)));
        assert!(matches!(
            board.mutex.try_lock(),
            Err(TryLockError::WouldBlock)
        ));
    })
    .succeed();
}

/// Adversary 32.
#[test]
fn a_child_does_not_hold_what_its_parent_holds() {
    let board = board();
    let guard = board.mutex.lock().unwrap();
    let child = Child::fork(|| {
        // SAFETY: the child forgets its own copy, at its end.
        let inherited = unsafe { std::ptr::read(&guard) };
        drop(inherited);
        assert!(matches!(
            board.mutex.try_lock(),
            Err(TryLockError::WouldBlock)
        ));
        board.step.store(1, SeqCst);
        drop(board.mutex.lock().unwrap());
    });
    until("tried", || board.step.load(SeqCst) == 1);
    until_asleep(child.pid());
    drop(guard);
    child.succeed();
}

/// Adversary 32.
#[test]
fn who_executes_another_program_lets_go() {
    let board = board();
    let child = Child::fork(|| {
        std::mem::forget(board.mutex.lock().unwrap());
        // SAFETY: the arguments end with a null pointer.
        unsafe {
            libc::execl(
                c"/bin/true".as_ptr(),
                c"true".as_ptr(),
                std::ptr::null::<u8>(),
            )
        };
    });
    assert_eq!(child.wait(), End::Exited(0));
    assert!(matches!(board.mutex.lock(), Err(LockError::OwnerDied(_))));
}

/// Adversary 32.
#[test]
fn a_stopped_holder_goes_on() {
    let board = board();
    let holder = holder(&board);
    holder.signal(libc::SIGSTOP);
    let early = board.mutex.try_lock_for(Duration::from_millis(20));
    assert!(matches!(early, Err(TryLockError::TimedOut)));
    holder.signal(libc::SIGCONT);
    holder.kill();
    assert!(matches!(board.mutex.lock(), Err(LockError::OwnerDied(_))));
}

#[test]
fn a_thread_that_ends_holding_it_is_dead_too() {
    let board = board();
    std::thread::scope(|s| {
        s.spawn(|| std::mem::forget(board.mutex.lock().unwrap()));
    });
    assert!(matches!(board.mutex.lock(), Err(LockError::OwnerDied(_))));
}

#[test]
#[should_panic(expected = "this thread holds it already")]
fn locking_it_twice_panics() {
    let board = board();
    let _guard = board.mutex.lock().unwrap();
    let _ = board.mutex.lock();
}

/// Two addresses, one mutex.
#[test]
fn it_works_across_mappings() {
    let name = Name::new("mutex");
    let one = Shared::create(&name, Mutex::new(0_u64)).unwrap();
    let other: Shared<Mutex<u64>> = Shared::open(&name).unwrap();
    assert_ne!(&raw const *one, &raw const *other);
    let guard = one.lock().unwrap();
    assert!(matches!(other.try_lock(), Err(TryLockError::WouldBlock)));
    drop(guard);
    *other.lock().unwrap() += 1;
    assert_eq!(*one.lock().unwrap(), 1);
}

/// Adversary 26: a process dies with many threads and many mutexes.
#[test]
fn a_hundred_mutexes_of_many_threads_come_back() {
    const THREADS: usize = 10;
    let board = shared([const { Mutex::new(0_u64) }; 100]);
    let ready = common::processes::counter();
    let child = Child::fork(|| {
        std::thread::scope(|s| {
            for part in board.chunks(board.len() / THREADS) {
                let ready = &ready;
                s.spawn(move || {
                    let _guards: Vec<_> = part.iter().map(|it| it.lock().unwrap()).collect();
                    ready.fetch_add(1, SeqCst);
                    loop {
                        std::thread::park();
                    }
                });
            }
        });
    });
    until("all held", || ready.load(SeqCst) == THREADS as u64);
    child.kill();
    for mutex in board.iter() {
        assert!(matches!(mutex.lock(), Err(LockError::OwnerDied(_))));
    }
}

/// A forgotten guard's lock stays in the list that the kernel, and the next lock, follow.
#[test]
fn memory_with_a_forgotten_guard_stays() {
    Child::fork(|| {
        let [one, other, forgotten] = [1, 2, 3].map(|it| shared(Mutex::new(it)));
        std::mem::forget(forgotten.lock());
        drop(forgotten);
        let _one = one.lock().unwrap();
        let _other = other.lock().unwrap();
    })
    .succeed();
}
