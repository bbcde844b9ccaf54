//! Counts what passes through a program's queues. It has `static` locks, as many a dependency has,
//! and does not know that a model may run over it.

use anteroom::{Mutex, Semaphore};

static PASSED: Mutex<u64> = Mutex::new(0);

/// So many threads may measure at once.
static METERS: Semaphore = Semaphore::new(1);

/// Counts one more item. Returns how many there are now.
pub fn pass() -> u64 {
    let _meter = METERS.acquire();
    let mut passed = PASSED.lock();
    *passed += 1;
    *passed
}
