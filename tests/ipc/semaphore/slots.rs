//! How many threads may hold permits, and how many permits a thread.

use super::*;

/// A slot is a thread's, until it is dead.
#[test]
fn too_many_threads_are_an_error_until_some_have_ended() {
    let board = board(Semaphore::new(1_000));
    let holders: Vec<_> = (0..Semaphore::MAX_THREADS)
        .map(|_| holder(&board, 1))
        .collect();
    let refused = Some(AcquireError::TooManyThreads);
    assert_eq!(board.semaphore.try_acquire().err(), refused);
    assert_eq!(board.semaphore.acquire().err(), refused);
    drop(holders);
    drop(board.semaphore.acquire_many(1_000).unwrap());
}

/// Threads that come, hold nothing any more, and end, use up nothing.
#[test]
fn slots_of_threads_that_have_ended_are_used_again() {
    let board = board(Semaphore::new(1));
    for _ in 0..3 * Semaphore::MAX_THREADS {
        std::thread::scope(|s| {
            s.spawn(|| drop(board.semaphore.acquire().unwrap()));
        });
    }
}

/// Added permits let a thread hold more than can be free, but not more than it can be asked to give
/// back.
#[test]
fn a_thread_that_would_hold_too_many_is_refused_before() {
    const MOST: usize = Semaphore::MAX_PERMITS;
    let board = board(Semaphore::new(MOST));
    let semaphore = &board.semaphore;
    let child = Child::fork(|| {
        let _first = semaphore.acquire_many(MOST as u32).unwrap();
        semaphore.add_permits(MOST);
        let _second = semaphore.acquire_many(MOST as u32).unwrap();
        semaphore.add_permits(2);
        let _third = semaphore.acquire().unwrap();
        let refused = std::panic::catch_unwind(|| drop(semaphore.acquire()));
        assert!(refused.is_err(), "it holds 2^32 - 1");
        assert_eq!(semaphore.available_permits(), 1);
        board.step.store(1, SeqCst);
        park();
    });
    until("held", || board.step.load(SeqCst) == 1);
    child.kill();
    assert_eq!(semaphore.available_permits(), MOST, "they come back");
}

/// A shared slot is not freed while its thread holds something by it.
#[test]
fn a_thread_that_was_refused_keeps_its_shared_slot() {
    const MOST: usize = Semaphore::MAX_PERMITS;
    let board = board(Semaphore::new(1));
    let semaphore = &board.semaphore;
    let all = Semaphore::MAX_THREADS;
    let (go, end) = (&Barrier::new(all + 1), &Barrier::new(all + 1));
    thread::scope(|scope| {
        for _ in 0..all {
            scope.spawn(|| {
                drop(semaphore.acquire().unwrap());
                go.wait();
                end.wait();
            });
        }
        go.wait();
        // All slots of their own have owners: this thread gets a shared one.
        drop(semaphore.acquire().unwrap());
        semaphore.add_permits(MOST - 1);
        let first = semaphore.acquire_many(MOST as u32).unwrap();
        semaphore.add_permits(MOST);
        let second = semaphore.acquire_many(MOST as u32).unwrap();
        semaphore.add_permits(2);
        let refused = std::panic::catch_unwind(|| drop(semaphore.acquire_many(2)));
        let other = scope.spawn(|| semaphore.try_acquire_many(2).is_ok());
        let other_has_them = other.join();
        drop(first);
        let free = semaphore.available_permits();
        drop(second);
        // Else a failure would wait for those that wait here.
        end.wait();
        assert!(refused.is_err(), "it would hold 2^32");
        assert!(other_has_them.unwrap());
        assert_eq!(free, MOST);
    });
}
