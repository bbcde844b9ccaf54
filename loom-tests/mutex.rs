//! Models of the mutex. What it protects is a loom cell inside it, so two owners at once, or two in
//! a row without a happens-before, are reported by loom itself; a lost wake-up is a deadlock.

use crate::model::{Common, Gate, models};
use anteroom::{Mutex, MutexGuard};
use std::time::Duration;

models! {
    two_threads_exclude_each_other: any,
    two_threads_exclude_each_other: any impatient,
    two_threads_exclude_each_other: any bare,
    three_threads_exclude_each_other: 3,
    three_threads_exclude_each_other: 3 impatient,
    three_threads_exclude_each_other: 1 bare impatient,
    three_threads_exclude_each_other: 2 awake,
    four_threads_exclude_each_other: 1,
    a_failed_try_leaves_no_trace: 4,
    a_held_mutex_is_locked: 2,
    a_timeout_leaves_no_trace: any,
    a_timeout_among_three_leaves_no_trace: 3,
    a_timeout_among_three_leaves_no_trace: 3 impatient,
    a_timeout_among_three_leaves_no_trace: 2 awake,
    woken_waiter_that_gives_up_passes_it_on: 2,
    woken_waiter_that_sleeps_again_sees_the_release: 1,
    a_handoff_may_find_a_faster_thread: 2 impatient,
    a_fair_unlock_hands_over_or_releases: any,
    a_fair_unlock_hands_over_or_releases: 3 bare,
    a_fair_unlock_among_three_loses_no_waiter: 3,
    a_fair_unlock_among_three_loses_no_waiter: 2 bare,
    a_bump_lets_a_waiter_in: 4,
    a_bump_lets_a_waiter_in: 2 bare,
    the_next_owner_may_free_the_mutex: any,
    the_next_owner_may_free_the_mutex: any impatient,
    one_of_three_owners_may_free_the_mutex: 2,
    an_unlocked_guard_is_locked_again: 3,
    two_mutexes_do_not_disturb_each_other: 3,
    a_waiter_relies_on_one_of_another_mutex: 3,
    no_wake_is_left_to_a_thread_of_another_mutex: 0,
    two_threads_exclude_each_other: any stalled,
    three_threads_exclude_each_other: 1 stalled,
    a_timeout_among_three_leaves_no_trace: 1 stalled,
    woken_waiter_that_gives_up_passes_it_on: 1 stalled,
    a_fair_unlock_among_three_loses_no_waiter: 1 stalled,
    two_mutexes_do_not_disturb_each_other: 1 stalled,
    the_next_owner_may_free_the_mutex: 3 stalled,
    a_woken_thread_that_is_stopped_keeps_no_other_out: 1 stalled,
    a_woken_thread_that_is_stopped_keeps_no_other_out: 0 stalled impatient,
    woken_thread_that_is_stopped_keeps_no_two_others_out: 0 stalled,
    waiter_is_not_left_to_a_stopped_thread: 1 stalled,
    waiter_that_relies_on_another_is_not_left_to_a_stopped_thread: 0 stalled,
    a_thread_handed_the_mutex_keeps_no_other_out: 1 stalled,
    a_thread_handed_the_mutex_keeps_no_other_out: 1 lasting,
    a_bump_to_a_stopped_thread_returns: 2 stalled,
    a_late_thread_takes_no_mutex_that_is_held: 2 stalled impatient,
}

const A_WHILE: Duration = Duration::from_millis(1);

fn rest(mutex: Common<Mutex<usize>>, expected: usize) {
    let mut mutex = mutex.into_inner();
    mutex.assert_at_rest();
    assert_eq!(*mutex.get_mut(), expected);
}

fn add_one(mutex: &Mutex<usize>) {
    *mutex.lock() += 1;
}

fn exclude_each_other(others: usize) {
    let mutex = Common::new(Mutex::new(0));
    let others: Vec<_> = (0..others).map(|_| mutex.spawn(add_one)).collect();
    add_one(&mutex);
    let all = 1 + others.len();
    others.into_iter().for_each(|other| other.join().unwrap());
    rest(mutex, all);
}

fn two_threads_exclude_each_other() {
    exclude_each_other(1);
}

fn three_threads_exclude_each_other() {
    exclude_each_other(2);
}

fn four_threads_exclude_each_other() {
    exclude_each_other(3);
}

fn try_add_one(mutex: &Mutex<usize>) -> usize {
    match mutex.try_lock() {
        Some(mut guard) => {
            *guard += 1;
            1
        }
        None => 0,
    }
}

fn a_failed_try_leaves_no_trace() {
    let mutex = Common::new(Mutex::new(0));
    let other = mutex.spawn(|mutex| try_add_one(mutex) + try_add_one(mutex));
    add_one(&mutex);
    let tried = other.join().unwrap();
    rest(mutex, 1 + tried);
}

fn a_held_mutex_is_locked() {
    let mutex = Common::new(Mutex::new(0));
    assert!(!mutex.is_locked());
    let other = mutex.spawn(|mutex| {
        let mut guard = mutex.lock();
        assert!(mutex.is_locked());
        *guard += 1;
    });
    add_one(&mutex);
    other.join().unwrap();
    assert!(!mutex.is_locked());
    assert!(
        mutex.try_lock_for(A_WHILE).is_some(),
        "no thread is in the way"
    );
    rest(mutex, 2);
}

fn try_add_one_for_a_while(mutex: &Mutex<usize>) -> usize {
    match mutex.try_lock_for(A_WHILE) {
        Some(mut guard) => {
            *guard += 1;
            1
        }
        None => 0,
    }
}

fn a_timeout_leaves_no_trace() {
    let mutex = Common::new(Mutex::new(0));
    let other = mutex.spawn(try_add_one_for_a_while);
    add_one(&mutex);
    let tried = other.join().unwrap();
    rest(mutex, 1 + tried);
}

/// A waiter that gives up must not take with it the wake-up that another one needs.
fn a_timeout_among_three_leaves_no_trace() {
    let mutex = Common::new(Mutex::new(0));
    let timed = mutex.spawn(try_add_one_for_a_while);
    let waiting = mutex.spawn(add_one);
    add_one(&mutex);
    let tried = timed.join().unwrap();
    waiting.join().unwrap();
    rest(mutex, 2 + tried);
}

/// One unlock wakes the timed waiter, and the next leaves the mutex to it.
fn woken_waiter_that_gives_up_passes_it_on() {
    let mutex = Common::new(Mutex::new(0));
    let guard = mutex.lock();
    let timed = mutex.spawn(try_add_one_for_a_while);
    let waiting = mutex.spawn(add_one);
    drop(guard);
    add_one(&mutex);
    let tried = timed.join().unwrap();
    waiting.join().unwrap();
    rest(mutex, 2 + tried);
}

/// The second unlock leaves the mutex to the thread that the first has woken. The other waiter has
/// run the heavy fence before that.
fn woken_waiter_that_sleeps_again_sees_the_release() {
    let mutex = Common::new(Mutex::new(0));
    let guard = mutex.lock();
    let waiters = [mutex.spawn(add_one), mutex.spawn(add_one)];
    loom::thread::yield_now();
    drop(guard);
    add_one(&mutex);
    waiters
        .into_iter()
        .for_each(|waiter| waiter.join().unwrap());
    rest(mutex, 3);
}

fn add_one_fairly(mutex: &Mutex<usize>) {
    let mut guard = mutex.lock();
    *guard += 1;
    MutexGuard::unlock_fair(guard);
}

/// The waiter is woken in vain, so the second unlock must hand the mutex off to it; and then
/// another thread comes in between.
fn a_handoff_may_find_a_faster_thread() {
    let mutex = Common::new(Mutex::new(0));
    let first = mutex.lock();
    let waiter = mutex.spawn(add_one);
    // It may sleep now, and again after it was woken.
    loom::thread::yield_now();
    drop(first);
    let second = mutex.lock();
    loom::thread::yield_now();
    let other = mutex.spawn(try_add_one);
    drop(second);
    waiter.join().unwrap();
    let tried = other.join().unwrap();
    rest(mutex, 1 + tried);
}

fn a_fair_unlock_hands_over_or_releases() {
    let mutex = Common::new(Mutex::new(0));
    let other = mutex.spawn(add_one_fairly);
    add_one_fairly(&mutex);
    other.join().unwrap();
    rest(mutex, 2);
}

fn a_fair_unlock_among_three_loses_no_waiter() {
    let mutex = Common::new(Mutex::new(0));
    let fair = mutex.spawn(add_one_fairly);
    let timed = mutex.spawn(try_add_one_for_a_while);
    add_one(&mutex);
    fair.join().unwrap();
    let tried = timed.join().unwrap();
    rest(mutex, 2 + tried);
}

fn a_bump_lets_a_waiter_in() {
    let mutex = Common::new(Mutex::new(0));
    let other = mutex.spawn(add_one);
    let mut guard = mutex.lock();
    MutexGuard::bump(&mut guard);
    *guard += 1;
    drop(guard);
    other.join().unwrap();
    rest(mutex, 2);
}

/// As rayon's latches do: the thread that sees all done frees the mutex, while another may still be
/// about to return from `unlock`. glibc 13690, musl c68de0be.
fn add_one_and_free_if_last(mutex: &Mutex<usize>, all: usize) {
    let mut guard = mutex.lock();
    *guard += 1;
    let last = *guard == all;
    drop(guard);
    if last {
        let mutex = (&raw const *mutex).cast_mut();
        // SAFETY: no thread locks it any more; if one still touches it, loom reports that.
        let mutex = unsafe { &mut *mutex };
        mutex.assert_at_rest();
    }
}

fn the_next_owner_may_free_the_mutex() {
    let mutex = Common::new(Mutex::new(0));
    let other = mutex.spawn(|mutex| add_one_and_free_if_last(mutex, 2));
    add_one_and_free_if_last(&mutex, 2);
    other.join().unwrap();
}

fn one_of_three_owners_may_free_the_mutex() {
    let mutex = Common::new(Mutex::new(0));
    let second = mutex.spawn(|mutex| add_one_and_free_if_last(mutex, 3));
    let third = mutex.spawn(|mutex| add_one_and_free_if_last(mutex, 3));
    add_one_and_free_if_last(&mutex, 3);
    second.join().unwrap();
    third.join().unwrap();
}

fn an_unlocked_guard_is_locked_again() {
    let mutex = Common::new(Mutex::new(0));
    let other = mutex.spawn(add_one);
    let mut guard = mutex.lock();
    MutexGuard::unlocked(&mut guard, || add_one(&mutex));
    *guard += 1;
    drop(guard);
    other.join().unwrap();
    rest(mutex, 3);
}

/// In a model every address shares one slot of the waiters' table. A waiter of the second mutex may
/// find the slot fenced already, thanks to a waiter of the first, which never looks at the second.
fn a_waiter_relies_on_one_of_another_mutex() {
    let both = Common::new([Mutex::new(0), Mutex::new(0)]);
    let held = both[0].lock();
    let released = both[1].lock();
    let first = both.spawn(|both| add_one(&both[0]));
    let second = both.spawn(|both| add_one(&both[1]));
    drop(released);
    second.join().unwrap();
    drop(held);
    first.join().unwrap();
    for mut mutex in both.into_inner() {
        mutex.assert_at_rest();
        assert_eq!(*mutex.get_mut(), 1);
    }
}

/// While a thread is awake that was woken for the first mutex, two wait for the second.
fn no_wake_is_left_to_a_thread_of_another_mutex() {
    let both = Common::new([Mutex::new(0), Mutex::new(0)]);
    let held = [both[0].lock(), both[1].lock()];
    let waiters = [1, 1, 0].map(|which| both.spawn(move |both| add_one(&both[which])));
    loom::thread::yield_now();
    drop(held);
    for waiter in waiters {
        waiter.join().unwrap();
    }
    for mut mutex in both.into_inner() {
        mutex.assert_at_rest();
    }
}

fn two_mutexes_do_not_disturb_each_other() {
    let both = Common::new([Mutex::new(0), Mutex::new(0)]);
    let first = both.spawn(|both| add_one(&both[0]));
    let second = both.spawn(|both| add_one(&both[1]));
    add_one(&both[0]);
    add_one(&both[1]);
    first.join().unwrap();
    second.join().unwrap();
    for mut mutex in both.into_inner() {
        mutex.assert_at_rest();
        assert_eq!(*mutex.get_mut(), 2);
    }
}

/// `unlock` unlocks for a thread that is stopped when it has been woken, and for another one; or
/// only for the first. Whatever happens, it must not need that thread.
fn does_not_need_the_first(unlock: fn(MutexGuard<'_, usize>), others: usize) {
    let gate = Gate::default();
    let mutex = Common::new(Mutex::new(0));
    let closed = gate.lock().unwrap();
    let guard = mutex.lock();
    let stopped = mutex.spawn_stoppable(&gate, add_one);
    loom::thread::yield_now();
    let others: Vec<_> = (0..others).map(|_| mutex.spawn(add_one)).collect();
    loom::thread::yield_now();
    unlock(guard);
    let all = 1 + others.len();
    others.into_iter().for_each(|other| other.join().unwrap());
    drop(closed);
    stopped.join().unwrap();
    rest(mutex, all);
}

fn a_woken_thread_that_is_stopped_keeps_no_other_out() {
    does_not_need_the_first(|guard| drop(guard), 1);
}

fn woken_thread_that_is_stopped_keeps_no_two_others_out() {
    does_not_need_the_first(|guard| drop(guard), 2);
}

/// The second unlock of the first mutex finds the designated waker that the first has woken. So
/// many threads wait for the second mutex all the while.
fn is_not_left_to_a_stopped_thread(others: usize) {
    let gate = Gate::default();
    let both = Common::new([Mutex::new(0), Mutex::new(0)]);
    let closed = gate.lock().unwrap();
    let held = both[1].lock();
    let others: Vec<_> = (0..others)
        .map(|_| both.spawn(|both| add_one(&both[1])))
        .collect();
    loom::thread::yield_now();
    let guard = both[0].lock();
    let stopped = both.spawn_stoppable(&gate, |both| add_one(&both[0]));
    loom::thread::yield_now();
    drop(guard);
    let guard = both[0].lock();
    let waiter = both.spawn(|both| add_one(&both[0]));
    loom::thread::yield_now();
    drop(guard);
    waiter.join().unwrap();
    drop((closed, held));
    stopped.join().unwrap();
    others.into_iter().for_each(|other| other.join().unwrap());
    for mut mutex in both.into_inner() {
        mutex.assert_at_rest();
    }
}

fn waiter_is_not_left_to_a_stopped_thread() {
    is_not_left_to_a_stopped_thread(0);
}

/// It finds the slot fenced already, by the waiter for the second mutex.
fn waiter_that_relies_on_another_is_not_left_to_a_stopped_thread() {
    is_not_left_to_a_stopped_thread(1);
}

fn a_thread_handed_the_mutex_keeps_no_other_out() {
    fn unlock_fair(guard: MutexGuard<'_, usize>) {
        MutexGuard::unlock_fair(guard);
    }
    does_not_need_the_first(unlock_fair, 1);
}

fn a_bump_to_a_stopped_thread_returns() {
    does_not_need_the_first(|mut guard| MutexGuard::bump(&mut guard), 0);
}

/// The mutex is kept for a waiter, and another thread takes it first.
fn a_late_thread_takes_no_mutex_that_is_held() {
    let mutex = Common::new(Mutex::new(0));
    let guard = mutex.lock();
    let waiter = mutex.spawn(add_one);
    loom::thread::yield_now();
    MutexGuard::unlock_fair(guard);
    add_one(&mutex);
    waiter.join().unwrap();
    rest(mutex, 2);
}
