//! The reader-writer lock between processes: forked children read, write, wait, and are killed.
//!
//! Adversaries 30 and 32, and 25's for random instructions.
use anteroom::ipc::{RwLock, RwLockError, Shared};
use common::processes::{Child, Name, shared, until, until_all_asleep, until_asleep};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

anteroom::shareable! {
    struct Board {
        lock: RwLock<[u64; 2]>,
        step: AtomicU64,
    }
}

fn board() -> Shared<Board> {
    shared(Board {
        lock: RwLock::new([0; 2]),
        step: AtomicU64::new(0),
    })
}

/// A child that does this, which takes a lock, and then says so and keeps it until it is killed.
fn holder<G>(board: &Board, lock: impl FnOnce() -> G) -> Child {
    let before = board.step.load(SeqCst);
    let child = Child::fork(|| {
        let _guard = lock();
        board.step.fetch_add(1, SeqCst);
        loop {
            std::thread::park();
        }
    });
    until("held", || board.step.load(SeqCst) == before + 1);
    child
}

fn reader(board: &Board) -> Child {
    holder(board, || board.lock.read().unwrap())
}

/// It has changed one half of the data.
fn writer(board: &Board) -> Child {
    holder(board, || {
        let mut guard = board.lock.write().unwrap();
        guard[0] += 1;
        guard
    })
}

#[test]
fn readers_see_what_a_writer_has_finished() {
    const ROUNDS: u64 = 3_000;
    let board = board();
    let writers = [(); 2].map(|()| {
        Child::fork(|| {
            for _ in 0..ROUNDS {
                let mut data = board.lock.write().unwrap();
                data[0] += 1;
                data[1] += 1;
            }
        })
    });
    let readers = [(); 3].map(|()| {
        Child::fork(|| {
            for _ in 0..ROUNDS {
                let data = board.lock.read().unwrap();
                assert_eq!(data[0], data[1]);
            }
        })
    });
    writers.into_iter().chain(readers).for_each(Child::succeed);
    assert_eq!(*board.lock.read().unwrap(), [2 * ROUNDS; 2]);
}

#[test]
fn readers_share_it_and_a_writer_does_not() {
    let board = board();
    let _reader = reader(&board);
    let own = board.lock.read().unwrap();
    drop(board.lock.try_read().unwrap());
    Child::fork(|| {
        let refused = board.lock.try_write();
        assert!(matches!(refused, Err(RwLockError::WouldBlock)));
    })
    .succeed();
    drop(own);
    let refused = board.lock.try_write_for(Duration::from_millis(1));
    assert!(matches!(refused, Err(RwLockError::TimedOut)));
    drop(board.lock.try_read().unwrap());
}

#[test]
fn the_locks_of_dead_readers_are_released() {
    let board = board();
    let readers = [reader(&board), reader(&board)];
    let writer = Child::fork(|| drop(board.lock.write().unwrap()));
    until_asleep(writer.pid());
    readers.into_iter().for_each(Child::kill);
    writer.succeed();
    reader(&board).kill();
    drop(board.lock.try_write().unwrap());
}

#[test]
fn a_dead_writer_is_told_of_until_somebody_repairs() {
    let board = board();
    writer(&board).kill();
    for _ in 0..2 {
        let read = board.lock.read();
        assert!(matches!(read, Err(RwLockError::WriterDied(()))));
    }
    let Err(RwLockError::WriterDied(mut died)) = board.lock.write() else {
        panic!("the writer died");
    };
    assert_eq!(*died, [1, 0]);
    died[1] = 1;
    drop(died.repair());
    assert_eq!(*board.lock.read().unwrap(), [1, 1]);
    drop(board.lock.write().unwrap());
}

#[test]
fn unrepaired_it_is_poisoned_for_everyone() {
    let board = board();
    writer(&board).kill();
    let waiter = Child::fork(|| {
        board.step.fetch_add(1, SeqCst);
        let written = board.lock.write();
        assert!(matches!(written, Err(RwLockError::WriterDied(_))));
        drop(written);
        let written = board.lock.write();
        assert!(matches!(written, Err(RwLockError::Poisoned)));
    });
    waiter.succeed();
    let read = board.lock.read();
    assert!(matches!(read, Err(RwLockError::Poisoned)));
    let written = board.lock.try_write();
    assert!(matches!(written, Err(RwLockError::Poisoned)));
}

#[test]
fn sleepers_come_in_after_a_writers_death() {
    let board = board();
    let doomed = writer(&board);
    let sleepers: Vec<_> = (0..6)
        .map(|number| {
            Child::fork(|| match number % 2 {
                0 => match board.lock.read() {
                    Ok(_) | Err(RwLockError::WriterDied(())) => {}
                    Err(other) => panic!("{other}"),
                },
                _ => match board.lock.write() {
                    Ok(_) => {}
                    Err(RwLockError::WriterDied(died)) => drop(died.repair()),
                    Err(other) => panic!("{other}"),
                },
            })
        })
        .collect();
    until_all_asleep(&sleepers);
    doomed.kill();
    sleepers.into_iter().for_each(Child::succeed);
    drop(board.lock.read().unwrap());
}

/// It has closed the lock before those that come after it.
#[test]
fn a_writer_killed_while_it_waits_takes_nothing_with_it() {
    let board = board();
    let guard = board.lock.read().unwrap();
    let waiting = Child::fork(|| drop(board.lock.write()));
    until_asleep(waiting.pid());
    let behind = Child::fork(|| drop(board.lock.read().unwrap()));
    until_asleep(behind.pid());
    let refused = board.lock.try_read();
    assert!(matches!(refused, Err(RwLockError::WouldBlock)));
    waiting.kill();
    behind.succeed();
    drop(guard);
    drop(board.lock.try_write().unwrap());
}

#[test]
fn a_writer_that_gives_up_lets_in_who_waits_behind_it() {
    let board = board();
    let guard = board.lock.read().unwrap();
    let waiting = Child::fork(|| {
        let refused = board.lock.try_write_for(Duration::from_millis(200));
        assert!(matches!(refused, Err(RwLockError::TimedOut)));
        let refused = board.lock.try_write_until(Instant::now());
        assert!(matches!(refused, Err(RwLockError::TimedOut)));
    });
    let behind = Child::fork(|| drop(board.lock.read().unwrap()));
    waiting.succeed();
    behind.succeed();
    drop(guard);
}

#[test]
fn timed_readers_give_up() {
    let board = board();
    let _writer = writer(&board);
    let refused = board.lock.try_read_for(Duration::from_millis(1));
    assert!(matches!(refused, Err(RwLockError::TimedOut)));
    let refused = board.lock.try_read_until(Instant::now());
    assert!(matches!(refused, Err(RwLockError::TimedOut)));
    let refused = board.lock.try_read();
    assert!(matches!(refused, Err(RwLockError::WouldBlock)));
}

/// Adversary 32.
#[test]
fn a_child_does_not_hold_what_its_parent_holds() {
    let board = board();
    let guard = board.lock.write().unwrap();
    Child::fork(|| {
        // SAFETY: the child forgets its own copy, at its end.
        drop(unsafe { std::ptr::read(&guard) });
        let refused = board.lock.try_read();
        assert!(matches!(refused, Err(RwLockError::WouldBlock)));
    })
    .succeed();
    drop(guard);
    let guard = board.lock.read().unwrap();
    Child::fork(|| {
        // SAFETY: as above.
        drop(unsafe { std::ptr::read(&guard) });
        let refused = board.lock.try_write();
        assert!(matches!(refused, Err(RwLockError::WouldBlock)));
    })
    .succeed();
    drop(guard);
    drop(board.lock.try_write().unwrap());
}

#[test]
fn too_many_threads_are_an_error() {
    let board = board();
    let most = RwLock::<[u64; 2]>::MAX_THREADS;
    let readers: Vec<_> = (0..most).map(|_| reader(&board)).collect();
    let refused = board.lock.read();
    assert!(matches!(refused, Err(RwLockError::TooManyThreads)));
    let refused = board.lock.write();
    assert!(matches!(refused, Err(RwLockError::TooManyThreads)));
    drop(readers);
    drop(board.lock.write().unwrap());
}

/// Two addresses, one lock.
#[test]
fn it_works_across_mappings() {
    let name = Name::new("rwlock");
    let one = Shared::create(&name, RwLock::new(0_u64)).unwrap();
    let other: Shared<RwLock<u64>> = Shared::open(&name).unwrap();
    assert_ne!(&raw const *one, &raw const *other);
    let guard = one.write().unwrap();
    assert!(matches!(other.try_read(), Err(RwLockError::WouldBlock)));
    drop(guard);
    *other.write().unwrap() += 1;
    assert_eq!(*one.read().unwrap(), 1);
}

/// Children read and write, and are killed at random. What they see is whole, or they are told.
#[test]
fn in_a_storm_of_kills_nobody_sees_half_a_change() {
    const KILLS: usize = 500;
    let board = board();
    let write = || match board.lock.write() {
        Ok(mut data) => {
            assert_eq!(data[0], data[1]);
            data[0] += 1;
            data[1] += 1;
        }
        Err(RwLockError::WriterDied(mut died)) => {
            died[1] = died[0];
            drop(died.repair());
        }
        Err(other) => panic!("{other}"),
    };
    let read = || match board.lock.read() {
        Ok(data) => assert_eq!(data[0], data[1]),
        Err(RwLockError::WriterDied(())) => {}
        Err(other) => panic!("{other}"),
    };
    let worker = |writes: bool| {
        Child::fork(|| {
            loop {
                if writes {
                    write()
                } else {
                    read()
                }
                board.step.fetch_add(1, SeqCst);
            }
        })
    };
    let mut children: Vec<_> = [true, false, true, false].map(worker).into();
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..KILLS {
        let before = board.step.load(SeqCst);
        until("a process came in", || board.step.load(SeqCst) > before);
        for _ in 0..random.u32(..5_000) {
            std::hint::spin_loop();
        }
        let killed = children.swap_remove(random.usize(..children.len()));
        killed.signal(libc::SIGKILL);
        assert_eq!(killed.wait(), common::processes::End::Killed(libc::SIGKILL));
        children.push(worker(random.bool()));
    }
    drop(children);
    write();
    read();
}
