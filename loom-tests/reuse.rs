//! Models of stale wakes: the releaser of a lock comes to its queue when the lock is gone, and a
//! lock of another kind is at that address, with waiters of its own. They must sleep on.

use crate::model::{Common, models};
use anteroom::{Condvar, Mutex, RwLock, Semaphore, TryAcquireError};
use std::cell::UnsafeCell;
use std::mem::{MaybeUninit, align_of, size_of};
use std::time::Duration;

models! {
    a_mutex_wakes_no_waiter_of_a_semaphore: any,
    a_semaphore_wakes_no_waiter_of_a_condvar: any,
    a_last_reader_wakes_no_waiter_of_a_condvar: any,
    no_writer_waits_for_a_forgotten_reader_of_another_lock: 2 own_line,
    no_writer_waits_for_a_forgotten_reader_of_a_moved_lock: 2 warming,
    a_forgotten_reader_of_a_moved_lock_does_not_stand_for_another: 1 warming impatient,
}

const A_WHILE: Duration = Duration::from_millis(1);

/// Holds one lock after another, each without data, so that all have the same address.
#[repr(align(64))]
struct Place(UnsafeCell<MaybeUninit<[u8; 256]>>);

impl Place {
    fn with<T>(lock: T) -> Common<Place> {
        let place = Place(UnsafeCell::new(MaybeUninit::uninit()));
        let place = Common::new(place);
        place.put(lock);
        place
    }

    fn put<T>(&self, lock: T) -> &T {
        const { assert!(size_of::<T>() <= 256 && align_of::<T>() <= 64) };
        // SAFETY: it fits, and no thread uses what was here before.
        unsafe { self.0.get().cast::<T>().write(lock) };
        self.get()
    }

    fn get<T>(&self) -> &T {
        // SAFETY: the models ask for what is here.
        unsafe { &*self.0.get().cast::<T>() }
    }

    /// The releaser of the lock may still be about to look for waiters.
    fn replace<Old, New>(&self, new: New) -> &New {
        // SAFETY: the models have the old lock here, and no thread uses it any more.
        unsafe { self.0.get().cast::<Old>().drop_in_place() };
        self.put(new)
    }
}

fn a_mutex_wakes_no_waiter_of_a_semaphore() {
    let place = Place::with(Mutex::new(()));
    let guard = place.get::<Mutex<()>>().lock();
    let next = place.spawn(|place| {
        drop(place.get::<Mutex<()>>().lock());
        let semaphore = place.replace::<Mutex<()>, _>(Semaphore::new(0));
        let permit = semaphore.try_acquire_for(A_WHILE);
        assert!(matches!(permit, Err(TryAcquireError::TimedOut)));
    });
    drop(guard);
    next.join().unwrap();
}

fn a_semaphore_wakes_no_waiter_of_a_condvar() {
    let place = Place::with(Semaphore::new(0));
    let next = place.spawn(|place| {
        let semaphore = place.get::<Semaphore>();
        let permit = match semaphore.try_acquire_for(A_WHILE) {
            Ok(permit) => permit,
            Err(_) => semaphore.acquire().unwrap(),
        };
        permit.forget();
        let changed = place.replace::<Semaphore, _>(Condvar::new());
        let mutex = Mutex::new(());
        assert!(changed.wait_for(&mut mutex.lock(), A_WHILE).timed_out());
    });
    place.get::<Semaphore>().add_permits(1);
    next.join().unwrap();
}

fn a_last_reader_wakes_no_waiter_of_a_condvar() {
    let place = Place::with(RwLock::new(()));
    let guard = place.get::<RwLock<()>>().read();
    let next = place.spawn(|place| {
        let lock = place.get::<RwLock<()>>();
        drop(lock.try_write_for(A_WHILE).unwrap_or_else(|| lock.write()));
        let changed = place.replace::<RwLock<()>, _>(Condvar::new());
        let lock = RwLock::new(());
        assert!(changed.wait_for(&mut lock.read(), A_WHILE).timed_out());
    });
    drop(guard);
    next.join().unwrap();
}

/// It stays in its slot until the lock is gone, and no longer.
fn no_writer_waits_for_a_forgotten_reader_of_another_lock() {
    let place = Place::with(RwLock::new(()));
    std::mem::forget(place.get::<RwLock<()>>().read());
    place.replace::<RwLock<()>, _>(RwLock::new(()));
    let writer = place.spawn(|place| drop(place.get::<RwLock<()>>().write()));
    drop(place.get::<RwLock<()>>().read());
    writer.join().unwrap();
}

/// It stays in its slot for ever, and the next lock there is never biased by that name.
fn no_writer_waits_for_a_forgotten_reader_of_a_moved_lock() {
    let place = Place::with(RwLock::new(()));
    let reader = place.spawn(|place| {
        drop(place.get::<RwLock<()>>().read());
        std::mem::forget(place.get::<RwLock<()>>().read());
    });
    reader.join().unwrap();
    // The old one is not dropped here.
    let lock = place.put(RwLock::new(()));
    drop(lock.read());
    let writer = place.spawn(|place| drop(place.get::<RwLock<()>>().write()));
    drop(lock.read());
    writer.join().unwrap();
}

/// A reader that is counted leaves as one, though a writer waits for it and the bias is gone.
fn a_forgotten_reader_of_a_moved_lock_does_not_stand_for_another() {
    let place = Place::with(RwLock::new(()));
    drop(place.get::<RwLock<()>>().read());
    std::mem::forget(place.get::<RwLock<()>>().read());
    let lock = place.put(RwLock::new(()));
    let data = lock.read();
    let writer = place.spawn(|place| drop(place.get::<RwLock<()>>().write()));
    loom::thread::yield_now();
    drop(data);
    writer.join().unwrap();
}
