//! Memory that is unmapped, and memory that is mapped twice.

use super::*;
use crate::subjects::{Channel, Condvar, Entry, Lock, ReadLocked, Subject};
use crate::tools::{Event, Thread, make};
use common::page::Page;
use common::processes::Child;
use std::sync::Arc;

/// A lock in a page that is unmapped when it is free. Another one is mapped there.
pub(crate) fn unmapped<L: Lock>() {
    for _ in 0..20 {
        let page = Page::new();
        page.open();
        let place = page.start().cast::<L>();
        // SAFETY: the page is large enough, aligned, and this test's own.
        unsafe { place.write(L::make("")) };
        // SAFETY: it was written, and is used by this function only, which unmaps it in the end.
        check_contended(unsafe { &*place });
    }
}

pub(crate) fn condvar_unmapped<C: Channel>() {
    for _ in 0..20 {
        let page = Page::new();
        page.open();
        let place = page.start().cast::<C>();
        // SAFETY: as in `unmapped`.
        unsafe { place.write(C::make("")) };
        // SAFETY: as in `unmapped`.
        check_channel(unsafe { &*place });
    }
}

/// A guard is forgotten by one thread, and the region is dropped by another: it stays mapped, so
/// that the first one's next lock, and the kernel at its end, find what they follow.
pub(crate) fn unmapped_by_another_thread<L: Lock>() {
    let (lock, name) = make::<L>();
    let (other, other_name) = make::<L>();
    let (forgotten, dropped) = (Event::new(), Event::new());
    let child = Child::fork(|| {
        let again = L::open(&name).expect("it has a name");
        let again: Arc<L> = Arc::new(again);
        let mine = again.clone();
        let (told, go) = (forgotten.clone(), dropped.clone());
        let user = Thread::spawn(move || {
            std::mem::forget(mine.hold());
            drop(mine);
            told.happen();
            go.wait();
            for _ in 0..10 {
                check_contended(other);
            }
            // Its end is the death of a holder: of both locks.
            std::mem::forget(other.hold());
        });
        forgotten.wait();
        drop(again);
        dropped.happen();
        user.join();
    });
    child.succeed();
    assert_eq!(other.enter(), L::DEATH);
    assert_eq!(lock.enter(), L::DEATH);
    drop(other_name);
}

/// One mapping is dropped while a thread waits in another.
pub(crate) fn channel_unmapped<C: Channel>() {
    let (channel, name) = make::<C>();
    for _ in 0..10 {
        let again = C::open(&name).expect("it has a name");
        let waiter = Thread::asleep(|| channel.wait());
        again.signal();
        Thread::spawn(move || drop(again)).join();
        waiter.join();
    }
}

/// Two addresses, one lock: what is held by one is held by the other, and each wakes the other's
/// waiters.
pub(crate) fn mapped_twice<L: Lock>() {
    let (one, name) = make::<L>();
    let other: &'static L = Box::leak(Box::new(L::open(&name).expect("it has a name")));
    for [one, other] in [[one, other], [other, one]] {
        let guard = one.hold();
        assert!(!other.try_enter());
        let waiter = Thread::asleep(|| assert_eq!(other.enter(), Entry::Cleanly));
        assert!(!waiter.is_done());
        drop(guard);
        waiter.join();
    }
}

pub(crate) fn channel_mapped_twice<C: Channel>() {
    let (one, name) = make::<C>();
    let other: &'static C = Box::leak(Box::new(C::open(&name).expect("it has a name")));
    for [one, other] in [[one, other], [other, one]] {
        let waiter = Thread::asleep(|| other.wait());
        one.signal();
        waiter.join();
    }
}

/// One subject of one process at two addresses.
fn at_two_addresses<S: Subject>() -> [&'static S; 2] {
    const SIZE: usize = 4096;
    assert!(size_of::<S>() <= SIZE);
    let file = rustix::fs::memfd_create("twice", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
    rustix::fs::ftruncate(&file, SIZE as u64).unwrap();
    let access = rustix::mm::ProtFlags::READ | rustix::mm::ProtFlags::WRITE;
    let places = [(); 2].map(|()| {
        let (flags, any) = (rustix::mm::MapFlags::SHARED, std::ptr::null_mut());
        // SAFETY: a new mapping, wherever there is room.
        let start = unsafe { rustix::mm::mmap(any, SIZE, access, flags, &file, 0) };
        start.unwrap().cast::<S>()
    });
    // SAFETY: a page of its own, which is large enough and aligned.
    unsafe { places[0].write(S::make("")) };
    // SAFETY: it was written, and stays mapped; what it holds is shared between threads.
    places.map(|place| unsafe { &*place })
}

/// What is held by one address is held by the other, and each releases what the other one has
/// taken. Waiters are not woken by the other address, so none waits here.
pub(crate) fn mapped_twice_in_one_process<L: Lock>() {
    for _ in 0..10 {
        let [one, other] = at_two_addresses::<L>();
        for [one, other] in [[one, other], [other, one]] {
            let guard = one.hold();
            assert!(!other.try_enter());
            drop(guard);
            assert!(other.try_enter());
            assert_eq!(other.enter(), Entry::Cleanly);
        }
    }
}

/// A reader by one address reads by bias, which a writer by the other address does not see.
pub(crate) fn read_lock_mapped_twice_in_one_process() {
    let [one, other] = at_two_addresses::<ReadLocked>();
    let guard = one.hold();
    assert!(!one.try_enter());
    assert!(other.try_enter(), "a writer that does not see the reader");
    drop(guard);
}

/// A notification by one address does not find a waiter by the other.
pub(crate) fn condvar_mapped_twice_in_one_process() {
    let [one, other] = at_two_addresses::<Condvar>();
    let waiter = Thread::asleep(|| one.wait());
    *other.0.lock() += 1;
    assert!(!other.1.notify_one());
    assert_eq!(other.1.notify_all(), 0);
    assert!(!waiter.is_done());
    assert!(one.1.notify_one());
    waiter.join();
}
