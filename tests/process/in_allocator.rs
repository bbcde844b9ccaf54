//! Locks inside of the program's allocator: waiting for one must not allocate, or it would wait for
//! itself.

use anteroom::{Condvar, Mutex, RwLock, Semaphore};
use common::alone::{ALONE, alone};
use common::must_end;
use std::ffi::CStr;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

/// The only test in whose process the allocator locks.
const TEST: &CStr = c"in_allocator::an_allocator_may_use_the_locks";

// Each allocation goes through one of these locks, or two.
static MUTEX: Mutex<usize> = Mutex::new(0);
static LOCK: RwLock<usize> = RwLock::new(0);
static SEMAPHORE: Semaphore = Semaphore::new(1);
static NOTIFIED: Condvar = Condvar::new();
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

/// Whether this is the process of [`TEST`]: asked at its first allocation, before there are
/// threads.
fn locks() -> bool {
    const UNKNOWN: u8 = 2;
    static LOCKS: AtomicU8 = AtomicU8::new(UNKNOWN);
    if LOCKS.load(Relaxed) == UNKNOWN {
        // SAFETY: no other thread changes the environment.
        let name = unsafe { libc::getenv(ALONE.as_ptr()) };
        // SAFETY: a text, which stays as it is.
        let locks = !name.is_null() && unsafe { CStr::from_ptr(name) } == TEST;
        LOCKS.store(u8::from(locks), Relaxed);
    }
    LOCKS.load(Relaxed) == 1
}

/// Goes through the locks, if it is for this process to do.
pub(crate) fn pass() {
    if !locks() {
        return;
    }
    let number = ALLOCATIONS.fetch_add(1, Relaxed);
    // Now and then for so long that others spin out, and, more rarely, that their first sleep is
    // over.
    let stay = || match number % 64 {
        0..4 => thread::sleep(Duration::from_millis(3)),
        4..16 => thread::sleep(Duration::from_micros(100)),
        _ => {}
    };
    match number % 5 {
        0 => {
            let mut guard = MUTEX.lock();
            *guard += 1;
            stay();
            NOTIFIED.notify_all();
        }
        1 => {
            let mut guard = LOCK.write();
            *guard += 1;
            stay();
        }
        2 => {
            let guard = LOCK.read();
            assert!(*guard <= number);
            stay();
        }
        3 => {
            let permit = SEMAPHORE.acquire();
            assert!(permit.is_ok());
            stay();
        }
        _ => {
            let mut guard = MUTEX.lock();
            NOTIFIED.wait_for(&mut guard, Duration::from_millis(1));
        }
    }
}

#[test]
fn an_allocator_may_use_the_locks() {
    alone(|| {
        must_end(|| {
            for _ in 0..20 {
                let start = Barrier::new(4);
                thread::scope(|s| {
                    for _ in 0..4 {
                        s.spawn(|| {
                            // So that their first waits come together.
                            start.wait();
                            for number in 0..50 {
                                drop(std::hint::black_box(Box::new(number)));
                            }
                        });
                    }
                });
            }
        });
        assert!(ALLOCATIONS.load(Relaxed) >= 20 * 4 * 50);
    });
}
