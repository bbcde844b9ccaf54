//! What the tests of other libraries ask of a semaphore, and no other file here does.
//! `CONFORMANCE.md` has all of it.

use anteroom::Semaphore;
use common::{asleep, must_end};
use std::thread;

#[test]
fn a_waiter_for_many_takes_its_number_and_leaves_the_rest() {
    must_end(|| {
        let semaphore = Semaphore::new(5);
        thread::scope(|s| {
            let waiter = asleep(s, || semaphore.acquire_many(7).unwrap().forget());
            assert!(semaphore.try_acquire_many(6).is_err());
            semaphore.add_permits(5);
            waiter.join().unwrap();
        });
        assert_eq!(semaphore.available_permits(), 3);
        assert_eq!(semaphore.forget_permits(4), 3);
        assert_eq!(semaphore.available_permits(), 0);
    });
}

#[test]
fn asking_for_the_number_of_permits_changes_nothing() {
    must_end(|| {
        let semaphore = Semaphore::new(1);
        assert_eq!([1; 3], [(); 3].map(|()| semaphore.available_permits()));
        let taken = semaphore.acquire().unwrap();
        thread::scope(|s| {
            let waiter = asleep(s, || drop(semaphore.acquire().unwrap()));
            assert_eq!([0; 3], [(); 3].map(|()| semaphore.available_permits()));
            drop(taken);
            waiter.join().unwrap();
        });
        assert_eq!(semaphore.available_permits(), 1);
    });
}
