//! Programs with a [`Semaphore`].

use crate::program::{SOON, THREADS, below, check, on_threads, one_in};
use anteroom::Semaphore;
use shuttle::thread;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

const PERMITS: usize = 3;

struct Stalls {
    semaphore: Semaphore,
    /// Permits that a thread holds.
    held: AtomicUsize,
}

impl Stalls {
    fn new() -> Arc<Self> {
        Arc::new(Stalls {
            semaphore: Semaphore::new(PERMITS),
            held: AtomicUsize::new(0),
        })
    }

    /// Returns whether the semaphore is open.
    fn visit(&self) -> bool {
        let wanted = 1 + below(PERMITS);
        let permits = wanted as u32;
        let permit = match below(4) {
            0 => self.semaphore.try_acquire_many(permits).ok(),
            1 => self.semaphore.try_acquire_many_for(permits, SOON).ok(),
            _ => self.semaphore.acquire_many(permits).ok(),
        };
        if let Some(_permit) = permit {
            let before = self.held.fetch_add(wanted, Relaxed);
            assert!(before + wanted <= PERMITS, "too many are inside");
            thread::yield_now();
            self.held.fetch_sub(wanted, Relaxed);
        }
        !self.semaphore.is_closed()
    }
}

#[test]
fn there_are_never_too_many_inside_and_all_come_in() {
    check(|| {
        let stalls = Stalls::new();
        on_threads(THREADS, &stalls, |stalls, _| {
            for _ in 0..2 {
                assert!(stalls.visit());
            }
        });
        assert_eq!(stalls.semaphore.available_permits(), PERMITS);
        let stalls = Arc::into_inner(stalls);
        stalls.expect("all have ended").semaphore.assert_at_rest();
    });
}

#[test]
fn closing_releases_all_who_wait() {
    check(|| {
        let stalls = Stalls::new();
        on_threads(THREADS, &stalls, |stalls, n| {
            // Some have none to give them back what they want.
            match n {
                0 => stalls.semaphore.close(),
                1 => drop(stalls.semaphore.forget_permits(2)),
                _ => while stalls.visit() && !one_in(3) {},
            }
        });
    });
}
