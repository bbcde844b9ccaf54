//! Models of the robust mutex.

use super::{mortal_process, process, share};
use crate::ipc::mutex::raw::{Locked, RawMutex};
use crate::models;
use crate::sys::deadline::Deadline;
use crate::sys::ipc::me::Me;
use std::time::Duration;

models! {
    two_processes_exclude_each_other: any,
    two_processes_exclude_each_other: 3 one_by_one,
    three_processes_exclude_each_other: 2,
    three_processes_exclude_each_other: 2 awake,
    a_killed_process_lets_go: 3 mortal,
    a_killed_process_lets_go: 2 mortal one_by_one,
    a_killed_process_lets_two_go: 2 mortal,
    a_killed_waiter_loses_no_wake_up: 2 mortal,
    a_killed_waiter_loses_no_wake_up: 2 mortal awake,
    a_timed_waiter_leaves_no_trace: 3,
    a_try_leaves_nothing_pending: 3,
    a_try_beside_a_killed_process: any mortal,
    the_dead_owner_is_reported_once: 2 mortal,
}

fn lock(mutex: &RawMutex) -> Locked {
    mutex.lock(Me::get(), Deadline::NEVER).expect("no deadline")
}

fn unlock(mutex: &RawMutex) {
    mutex.unlock(Me::get());
}

fn lock_once(mutex: &RawMutex) {
    lock(mutex);
    unlock(mutex);
}

/// When all have ended, it can be taken. Its last holder was killed if `killed`, and else no holder
/// was.
fn rest(mutex: &RawMutex, killed: bool) {
    let locked = mutex.try_lock(Me::get()).expect("it is free");
    assert!(killed || locked == Locked::Cleanly);
    unlock(mutex);
    assert_eq!(mutex.try_lock(Me::get()), Some(Locked::Cleanly));
    unlock(mutex);
}

fn two_processes_exclude_each_other() {
    let mutex = share(RawMutex::new());
    let other = process(&mutex, lock_once);
    lock_once(&mutex);
    other.join().unwrap();
    rest(&mutex, false);
}

fn three_processes_exclude_each_other() {
    let mutex = share(RawMutex::new());
    let others = [process(&mutex, lock_once), process(&mutex, lock_once)];
    lock_once(&mutex);
    others.into_iter().for_each(|other| other.join().unwrap());
    rest(&mutex, false);
}

fn a_killed_process_lets_go() {
    let mutex = share(RawMutex::new());
    let other = mortal_process(&mutex, lock_once);
    lock_once(&mutex);
    let lived = other.join().unwrap();
    rest(&mutex, !lived);
}

fn a_killed_process_lets_two_go() {
    let mutex = share(RawMutex::new());
    let doomed = mortal_process(&mutex, lock_once);
    let other = process(&mutex, lock_once);
    lock_once(&mutex);
    other.join().unwrap();
    let lived = doomed.join().unwrap();
    rest(&mutex, !lived);
}

/// Two sleep while the mutex is held. One of them may be killed before, in or after its wake-up,
/// also while a faster thread has the mutex.
fn a_killed_waiter_loses_no_wake_up() {
    let mutex = share(RawMutex::new());
    lock(&mutex);
    let doomed = mortal_process(&mutex, lock_once);
    let other = process(&mutex, lock_once);
    unlock(&mutex);
    lock_once(&mutex);
    other.join().unwrap();
    let lived = doomed.join().unwrap();
    rest(&mutex, !lived);
}

fn a_timed_waiter_leaves_no_trace() {
    let mutex = share(RawMutex::new());
    let timed = process(&mutex, |mutex| {
        let me = Me::get();
        if mutex.lock(me, Deadline::after(Duration::ZERO)).is_some() {
            mutex.unlock(me);
        }
    });
    let other = process(&mutex, lock_once);
    lock_once(&mutex);
    timed.join().unwrap();
    other.join().unwrap();
    rest(&mutex, false);
}

fn a_try_leaves_nothing_pending() {
    let mutex = share(RawMutex::new());
    let other = process(&mutex, try_once);
    lock_once(&mutex);
    other.join().unwrap();
    rest(&mutex, false);
}

fn try_once(mutex: &RawMutex) {
    let me = Me::get();
    if mutex.try_lock(me).is_some() {
        mutex.unlock(me);
    }
}

fn a_try_beside_a_killed_process() {
    let mutex = share(RawMutex::new());
    let other = mortal_process(&mutex, try_once);
    lock_once(&mutex);
    let lived = other.join().unwrap();
    rest(&mutex, !lived);
}

/// The first holder after the dead one is told of it; the next is not.
fn the_dead_owner_is_reported_once() {
    let mutex = share(RawMutex::new());
    let other = mortal_process(&mutex, lock_once);
    let first = lock(&mutex);
    unlock(&mutex);
    let lived = other.join().unwrap();
    let second = lock(&mutex);
    unlock(&mutex);
    assert!(first == Locked::Cleanly || second == Locked::Cleanly);
    assert!(!lived || first == second);
    assert_eq!(lock(&mutex), Locked::Cleanly);
    unlock(&mutex);
}
