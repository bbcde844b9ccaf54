//! How a thread is known to a semaphore, or a reader-writer lock, between processes: by a slot, which it finds again.
#![cfg(target_os = "linux")]

#[path = "common/processes.rs"]
#[allow(dead_code, reason = "for all tests of processes")]
mod processes;

use anteroom::shared::{Mutex, Semaphore, Shared, TryLockError};
use processes::{Child, Name, counter, shared, until};
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

fn park() -> ! {
    loop {
        std::thread::park();
    }
}

/// If it stood twice in the list that the kernel follows at its end, what it held before would never be reached.
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

/// A thread remembers its slots by the addresses of semaphores. The slot that it had in the one before is somebody else's here.
#[test]
fn another_semaphore_at_the_same_address_is_another_one() {
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
    if std::ptr::from_ref(&*after) != address {
        return eprintln!("the kernel has mapped it elsewhere");
    }
    let permit = after.acquire().unwrap();
    child.kill();
    assert_eq!(after.available_permits(), 1);
    drop(permit);
    assert_eq!(after.available_permits(), 2);
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
