//! Locks inside of the program's allocator: waiting for one must not allocate, or it would wait for
//! itself.

mod common;

use anteroom::{Condvar, Mutex, RwLock, Semaphore};
use common::must_end;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

/// Each allocation goes through one of these locks, or two.
struct Locking;

static MUTEX: Mutex<usize> = Mutex::new(0);
static LOCK: RwLock<usize> = RwLock::new(0);
static SEMAPHORE: Semaphore = Semaphore::new(1);
static NOTIFIED: Condvar = Condvar::new();
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

fn pass() {
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

// SAFETY: it does what `System` does, and neither allocates nor panics in between.
unsafe impl GlobalAlloc for Locking {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        pass();
        // SAFETY: the caller's promise is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is the same.
        unsafe { System.dealloc(old, layout) };
    }
}

#[global_allocator]
static ALLOCATOR: Locking = Locking;

#[test]
fn an_allocator_may_use_the_locks() {
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
}
