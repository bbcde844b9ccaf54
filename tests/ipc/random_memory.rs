//! A condition variable, a semaphore and a reader-writer lock in memory that is full of random
//! bytes: nothing crashes, hangs, or reaches beyond it.
//!
//! Adversary 33. `ANTEROOM_FUZZ=1000000` tries as many. (Queues, pipes and mutexes have theirs
//! beside their other tests.)
use anteroom::ipc::{Condvar, Mutex, RwLock, Semaphore, Shareable};
use common::processes::{Child, counter, shared};
use fastrand::Rng;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

/// Numbers that look like those that are there, for the most part: small ones, flags, and this
/// thread's own.
fn number(random: &mut Rng, me: u32) -> u32 {
    match random.u32(0..8) {
        0 => random.u32(..),
        1 => me,
        2 => me | 0x8000_0000,
        3 => 0xC000_0000 | random.u32(0..3),
        4 | 5 => random.u32(0..8),
        _ => 0,
    }
}

/// Fills memory for it, again and again, and does something with it each time. That must give
/// something now and then.
fn fill<T: Shareable>(new: fn() -> T, something: fn(&T, &mut Rng) -> bool) {
    const ROUNDS: u64 = 500;
    let rounds = std::env::var("ANTEROOM_FUZZ").map_or(2_000, |it| it.parse().unwrap());
    let given = counter();
    for seed in 0..u64::div_ceil(rounds, ROUNDS) {
        // What seems to be held stays so, and mapped, until a process ends.
        let child = Child::fork(|| {
            std::panic::set_hook(Box::new(|_| {}));
            let mut random = Rng::with_seed(seed);
            for _ in 0..ROUNDS {
                let it = shared(new());
                fill_one(&*it, &mut random);
                for _ in 0..4 {
                    // To have too many permits, or readers, is one of the documented panics.
                    let result = catch_unwind(AssertUnwindSafe(|| something(&*it, &mut random)));
                    given.fetch_add(result.unwrap_or(false).into(), SeqCst);
                }
            }
        });
        child.succeed();
    }
    assert!(given.load(SeqCst) > rounds, "most of it works");
}

fn fill_one<T: Shareable>(it: &T, random: &mut Rng) {
    let me = rustix::thread::gettid().as_raw_nonzero().get();
    // Most slots are seldom looked at.
    let words = size_of::<T>() / 4;
    let some = if random.u32(0..8) == 0 {
        words
    } else {
        words.min(150)
    };
    let numbers = Vec::from_iter((0..some).map(|_| number(random, me.cast_unsigned())));
    let memory = std::ptr::from_ref(it).cast_mut().cast::<u32>();
    // SAFETY: it is shareable, so it may be whatever others write there, and as many numbers are
    // within it.
    unsafe { memory.copy_from_nonoverlapping(numbers.as_ptr(), some) };
}

anteroom::shareable! {
    struct Board {
        number: Mutex<u64>,
        changed: Condvar,
    }
}

#[test]
fn a_condition_variable() {
    fill(
        || Board {
            number: Mutex::new(0),
            changed: Condvar::new(),
        },
        |board, random| {
            match random.u32(0..4) {
                0 => board.changed.notify_one(),
                1 => board.changed.notify_all(),
                _ => {
                    let Ok(guard) = board.number.try_lock_for(Duration::ZERO) else {
                        return false;
                    };
                    drop(board.changed.wait_for(guard, Duration::ZERO));
                }
            }
            true
        },
    );
}

#[test]
fn a_semaphore() {
    fill(
        || Semaphore::new(3),
        |semaphore, random| match random.u32(0..4) {
            0 => semaphore.try_acquire().is_ok(),
            1 => semaphore.try_acquire_many(random.u32(0..4)).is_ok(),
            2 => semaphore.try_acquire_for(Duration::ZERO).is_ok(),
            _ => semaphore.available_permits() < 8,
        },
    );
}

#[test]
fn a_reader_writer_lock() {
    fill(
        || RwLock::new(0_u64),
        |lock, random| match random.u32(0..4) {
            0 => lock.try_read().is_ok(),
            1 => lock.try_write().is_ok(),
            2 => lock.try_read_for(Duration::ZERO).is_ok(),
            _ => lock.try_write_for(Duration::ZERO).is_ok(),
        },
    );
}
