//! The memory in which a lock lies: it is moved, dropped, freed by another thread, unmapped, mapped
//! twice.

use crate::subjects::{Channel, Condvar, Entry, Lock, Subject};
use crate::tools::{Event, Thread, make};
use anteroom::ipc;
use common::processes::{Child, Name};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// A thread waits for it and gets it, as for one that lives for ever.
fn check_contended<L: Lock>(lock: &L) {
    // SAFETY: the threads that use it end before this function does.
    let lock: &'static L = unsafe { &*std::ptr::from_ref(lock) };
    let guard = lock.hold();
    let waiter = Thread::asleep(|| assert_eq!(lock.enter(), Entry::Cleanly));
    drop(guard);
    waiter.join();
}

fn check_channel<C: Channel>(channel: &C) {
    // SAFETY: as above.
    let channel: &'static C = unsafe { &*std::ptr::from_ref(channel) };
    let waiter = Thread::asleep(|| channel.wait());
    channel.signal();
    waiter.join();
    assert!(!channel.try_wait());
}

/// It works at its new place, and another one at its old place.
pub(crate) fn moved<L: Lock>() {
    let name = Name::new("lifecycle");
    let mut here = Box::new(L::make(&name));
    for _ in 0..10 {
        check_contended(&*here);
        let other_name = Name::new("lifecycle");
        let there = Box::new(std::mem::replace(&mut *here, L::make(&other_name)));
        check_contended(&*there);
        check_contended(&*here);
    }
}

pub(crate) fn channel_moved<C: Channel>() {
    let name = Name::new("lifecycle");
    let mut here = Box::new(C::make(&name));
    for _ in 0..10 {
        check_channel(&*here);
        let other_name = Name::new("lifecycle");
        let there = Box::new(std::mem::replace(&mut *here, C::make(&other_name)));
        check_channel(&*there);
        check_channel(&*here);
    }
}

/// Outside a region there is nothing that keeps its memory: it is refused, and nothing is held.
fn refused<R>(what: &str, lock: impl FnOnce() -> R) {
    let panic = match catch_unwind(AssertUnwindSafe(lock)) {
        Ok(_) => panic!("{what} works outside a region"),
        Err(panic) => panic,
    };
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    let text = text.unwrap_or("");
    let why = "must be in memory that Shared or SharedMemory has mapped";
    assert!(text.contains(why), "{what}: the panic says {text:?}");
}

/// Each of these uses of it.
macro_rules! all_refused {
    ($it:expr, $($what:literal: $use:expr;)*) => {
        $(refused($what, || { let _ = $use(&*$it); });)*
    };
}

const SHORT: Duration = Duration::from_millis(1);

pub(crate) fn mutex_outside_a_region() {
    type M = ipc::Mutex<u64>;
    all_refused!(
        Box::new(M::new(0)),
        "lock": |it: &M| it.lock().is_ok();
        "try_lock": |it: &M| it.try_lock().is_ok();
        "try_lock_for": |it: &M| it.try_lock_for(SHORT).is_ok();
    );
    let local = M::new(0);
    refused("on the stack", || drop(local.lock()));
    // Not in its region yet.
    let made = ipc::Shared::<M>::anonymous_with(|it| {
        refused("within create_with", || drop(it.lock()));
    });
    assert!(made.unwrap().lock().is_ok());
}

pub(crate) fn rwlock_outside_a_region() {
    type L = ipc::RwLock<u64>;
    all_refused!(
        Box::new(L::new(0)),
        "read": |it: &L| it.read().is_ok();
        "try_read": |it: &L| it.try_read().is_ok();
        "try_read_for": |it: &L| it.try_read_for(SHORT).is_ok();
        "write": |it: &L| it.write().is_ok();
        "try_write": |it: &L| it.try_write().is_ok();
        "try_write_for": |it: &L| it.try_write_for(SHORT).is_ok();
    );
    let local = L::new(0);
    refused("on the stack", || drop(local.read()));
}

pub(crate) fn semaphore_outside_a_region() {
    type S = ipc::Semaphore;
    for make in [S::new, S::without_give_back] {
        all_refused!(
            Box::new(make(1)),
            "acquire": |it: &S| it.acquire().is_ok();
            "acquire_many": |it: &S| it.acquire_many(0).is_ok();
            "try_acquire": |it: &S| it.try_acquire().is_ok();
            "try_acquire_for": |it: &S| it.try_acquire_for(SHORT).is_ok();
            "add_permits": |it: &S| it.add_permits(1);
            "forget_permits": |it: &S| it.forget_permits(1);
            "available_permits": |it: &S| it.available_permits();
            "close": |it: &S| it.close();
            "is_closed": |it: &S| it.is_closed();
        );
        let local = make(1);
        refused("on the stack", || drop(local.acquire()));
    }
}

pub(crate) fn condvar_outside_a_region() {
    type C = ipc::Condvar;
    let mutex = shared_mutex();
    all_refused!(
        Box::new(C::new()),
        "wait_for": |it: &C| it.wait_for(mutex.lock().unwrap(), SHORT).0.is_ok();
        "wait": |it: &C| it.wait(mutex.lock().unwrap()).is_ok();
        "notify_one": |it: &C| it.notify_one();
        "notify_all": |it: &C| it.notify_all();
    );
    assert!(mutex.try_lock().is_ok(), "a refused wait holds the mutex");
}

fn shared_mutex() -> ipc::Shared<ipc::Mutex<u64>> {
    ipc::Shared::anonymous(ipc::Mutex::new(0)).unwrap()
}

/// Its guard was forgotten. The next lock at the same address knows nothing of that.
pub(crate) fn dropped_with_a_forgotten_guard<L: Lock>() {
    let mut place = Box::new(L::make(""));
    for _ in 0..10 {
        std::mem::forget(place.hold());
        // Dropped, and another one is made at its address.
        *place = L::make("");
        assert!(place.try_enter());
        check_contended(&*place);
    }
}

/// As above: the memory stays mapped, and what this thread locks next finds nothing wrong.
pub(crate) fn dropped_with_a_forgotten_guard_between<L: Lock>() {
    let child = Child::fork(|| {
        for _ in 0..10 {
            let name = Name::new("lifecycle");
            let lock = L::make(&name);
            std::mem::forget(lock.hold());
            drop(lock);
            let other_name = Name::new("lifecycle");
            let other = L::make(&other_name);
            check_contended(&other);
        }
    });
    child.succeed();
}

/// A condition variable without waiters is dropped, and another one is made at its address.
pub(crate) fn condvar_dropped<C: Channel>() {
    let mut place = Box::new(C::make(""));
    for _ in 0..10 {
        check_channel(&*place);
        *place = C::make("");
    }
}

/// A channel has no guards. Dropped by one process, or with a signal inside, others have it still.
pub(crate) fn channel_dropped<C: Channel>() {
    let (channel, name) = make::<C>();
    for _ in 0..10 {
        let again = C::open(&name).expect("it has a name");
        again.signal();
        drop(again);
        channel.wait();
        check_channel(channel);
    }
}

/// A pipe's last end is dropped by another thread than the one that made it, with bytes inside.
pub(crate) fn pipe_dropped() {
    for _ in 0..10 {
        let (reader, writer) = ipc::pipe(10).unwrap();
        writer.try_write(b"a").unwrap();
        let (other_reader, other_writer) = (reader.clone(), writer.clone());
        Thread::spawn(move || drop((reader, writer))).join();
        other_writer.try_write(b"b").unwrap();
        assert_eq!(other_reader.try_read(&mut [0; 10]).unwrap(), 2);
    }
}

/// The thread that gets the lock frees it at once, while the one that released it may still be in
/// the middle of that.
pub(crate) fn freed_by_another_thread<L: Lock>() {
    const ROUNDS: usize = 300;
    for _ in 0..ROUNDS {
        let lock: *mut L = Box::into_raw(Box::new(L::make("")));
        // SAFETY: alive until the other thread frees it, which is after this one's release.
        let guard = unsafe { &*lock }.hold();
        let (address, started) = (lock.expose_provenance(), Event::new());
        let told = started.clone();
        let user = thread::spawn(move || {
            let lock: *mut L = std::ptr::with_exposed_provenance_mut(address);
            told.happen();
            // SAFETY: alive, since this thread frees it.
            assert_eq!(unsafe { &*lock }.enter(), Entry::Cleanly);
            // SAFETY: made by a box; no other thread may use it, since this one has had it.
            let mut freed = unsafe { Box::from_raw(lock) };
            *freed = L::make("");
            assert!(freed.try_enter());
        });
        started.wait();
        drop(guard);
        user.join().unwrap();
    }
}

pub(crate) fn condvar_freed_by_another_thread() {
    const ROUNDS: usize = 300;
    for _ in 0..ROUNDS {
        let condvar: *mut Condvar = Box::into_raw(Box::new(Condvar::make("")));
        let address = condvar.expose_provenance();
        let waiter = thread::spawn(move || {
            let condvar: *mut Condvar = std::ptr::with_exposed_provenance_mut(address);
            // SAFETY: alive, since this thread frees it.
            unsafe { &*condvar }.wait();
            // SAFETY: made by a box; the notifier does not use it after its notification, which it
            // gives before it releases the mutex, which this thread has had since.
            drop(unsafe { Box::from_raw(condvar) });
        });
        // SAFETY: alive until the waiter has the mutex, which is after the guard's release.
        let condvar = unsafe { &*condvar };
        let mut signals = condvar.0.lock();
        *signals += 1;
        condvar.1.notify_one();
        drop(signals);
        waiter.join().unwrap();
    }
}

/// The last handle is dropped by the thread that gets in, as soon as it does.
pub(crate) fn let_go_by_another_thread<L: Lock>() {
    for _ in 0..100 {
        let name = Name::new("lifecycle");
        let lock = Arc::new(L::make(&name));
        let guard = lock.hold();
        let (other, started) = (lock.clone(), Event::new());
        let told = started.clone();
        let user = thread::spawn(move || {
            told.happen();
            assert_eq!(other.enter(), Entry::Cleanly);
            drop(other);
        });
        started.wait();
        drop(guard);
        drop(lock);
        user.join().unwrap();
    }
}

pub(crate) fn channel_let_go_by_another_thread<C: Channel>() {
    for _ in 0..100 {
        let name = Name::new("lifecycle");
        let channel = Arc::new(C::make(&name));
        let other = channel.clone();
        let user = thread::spawn(move || {
            other.wait();
            drop(other);
        });
        channel.signal();
        drop(channel);
        user.join().unwrap();
    }
}

mod mapped;

pub(crate) use mapped::*;
