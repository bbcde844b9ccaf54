//! Locks outside of the memory that the crate has mapped.

use super::*;

#[test]
fn locks_outside_of_regions_are_refused() {
    let (mutex, lock) = (Box::new(Mutex::new(0)), Box::new(RwLock::new(0)));
    let (semaphore, condvar) = (Box::new(Semaphore::new(1)), Condvar::new());
    let without = Semaphore::without_give_back(1);
    for _ in 0..2 {
        assert!(is_refused(|| mutex.lock().is_ok()));
        assert!(is_refused(|| mutex.try_lock().is_ok()));
        assert!(is_refused(|| lock.read().is_ok()));
        assert!(is_refused(|| lock.try_write().is_ok()));
        for semaphore in [&*semaphore, &without] {
            assert!(is_refused(|| semaphore.acquire().is_ok()));
            assert!(is_refused(|| semaphore.try_acquire_many(0).is_ok()));
            assert!(is_refused(|| semaphore.add_permits(1)));
            assert!(is_refused(|| semaphore.forget_permits(1)));
            assert!(is_refused(|| semaphore.available_permits()));
            assert!(is_refused(|| semaphore.close()));
            assert!(is_refused(|| semaphore.is_closed()));
        }
        assert!(is_refused(|| condvar.notify_one()));
        assert!(is_refused(|| condvar.notify_all()));
        // And where the thread has used a lock that is inside, between two times.
        drop(shared(Mutex::new(0)).lock());
    }
    // Nothing has changed: moved into a region, they are as they were made.
    let [semaphore, without] = [shared(*semaphore), shared(without)];
    assert_eq!(
        (semaphore.available_permits(), semaphore.is_closed()),
        (1, false)
    );
    assert_eq!(
        (without.available_permits(), without.is_closed()),
        (1, false)
    );
}

/// It could overwrite a lock that it has locked.
#[test]
fn locks_that_are_being_made_in_place_are_outside() {
    let tries = Cell::new(0);
    let fill = |mutex: &mut Mutex<u64>| {
        tries.set(tries.get() + 1);
        assert!(is_refused(|| forget(mutex.lock())));
        assert!(is_refused(|| forget(mutex.try_lock())));
        *mutex = Mutex::new(7);
    };
    let names = [
        Name::new("made"),
        Name::new("made-too"),
        Name::new("or-made"),
    ];
    let made = [
        Shared::anonymous_with(fill),
        Shared::create_with(&names[0], fill),
        Shared::create_with_mode_and(&names[1], 0o600, fill),
        Shared::open_or_create_with(&names[2], fill),
    ];
    assert_eq!(tries.get(), made.len());
    for it in made {
        assert_eq!(*it.unwrap().lock().unwrap(), 7);
    }
}

#[test]
fn condvar_outside_of_regions_leaves_the_mutex_unlocked() {
    let (mutex, condvar) = (shared(Mutex::new(0)), Condvar::new());
    let guard = mutex.lock().unwrap();
    assert!(is_refused(|| condvar.wait(guard).is_ok()));
    drop(mutex.try_lock().unwrap());
}
