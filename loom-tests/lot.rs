//! Models of the parking lot itself, over a modelled futex. (All other models use a model of the
//! lot.)
//!
//! Of the keys, `A` and `B` share a bucket, and `C` has another.

use crate::model::models;
use anteroom::parking_lot::{call_watcher, park, park_looking, requeue, unpark, unpark_first};
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use loom::thread;
use std::cell::Cell;

models! {
    a_wake_up_is_not_lost: any,
    a_wake_up_is_not_lost: any bare,
    a_wake_up_orders_memory: any bare,
    a_thread_is_woken_or_its_time_is_up: any,
    a_thread_is_woken_or_its_time_is_up: any bare,
    threads_are_woken_in_their_order: 2,
    the_token_decides_which_is_woken: 2,
    others_of_the_bucket_are_left_alone: 2,
    the_first_is_woken_and_the_rest_are_moved: 2,
    all_are_moved: 2,
    no_waiter_is_moved: 2,
    one_that_moves_leaves_the_other_of_its_bucket: 2,
    others_in_front_are_passed: 2,
    one_behind_others_may_time_out: 2,
    a_queue_whose_first_has_left_takes_more: 2,
    one_that_is_moved_may_time_out: any,
    one_that_is_moved_within_a_bucket_may_time_out: any,
    two_that_move_to_and_fro_do_not_meet: 2,
    one_that_parks_while_another_is_expected_watches: 2 stalled,
    one_that_stays_when_another_is_woken_is_told_to_watch: 2 stalled,
    one_that_another_bucket_is_before_is_told_too: 2 stalled,
    a_watcher_that_leaves_has_a_follower: 2 stalled,
    a_watcher_that_another_lock_hides_has_a_follower: 2 stalled,
    one_that_sleeps_for_good_is_told_before_the_last: 1 stalled,
    last_that_looks_is_told_beside_others: 1 stalled,
    watcher_looks_again: 2 stalled,
    watcher_that_sleeps_again_is_told_again: 2 stalled,
    thread_that_naps_looks_once: 2 stalled,
    thread_behind_another_looks_in_its_round: 1 stalled looking,
}

const A: usize = 1;
const B: usize = 3;
const C: usize = 2;

/// Starts a thread that parks, and returns when it is there: `parked` counts them.
fn sleeper(key: usize, token: usize, parked: &Arc<AtomicUsize>) -> thread::JoinHandle<usize> {
    let before = parked.load(Relaxed);
    let here = parked.clone();
    let sleeper = thread::spawn(move || {
        let validate = || {
            here.store(before + 1, Relaxed);
            true
        };
        park(key, token, false, validate, |_, _| unreachable!()).unwrap()
    });
    while parked.load(Relaxed) == before {
        thread::yield_now();
    }
    sleeper
}

/// Starts a thread that parks and looks, without a limit, and returns when it is there.
fn looker(
    (key, token): (usize, usize),
    naps: bool,
    parked: &Arc<AtomicUsize>,
    expects: impl Fn() -> bool + 'static,
    look: impl Fn(bool) + 'static,
) -> thread::JoinHandle<usize> {
    let before = parked.load(Relaxed);
    let here = parked.clone();
    let looker = thread::spawn(move || {
        let validate = || {
            here.store(before + 1, Relaxed);
            true
        };
        park_looking(key, token, (false, naps), validate, expects, look).unwrap()
    });
    while parked.load(Relaxed) == before {
        thread::yield_now();
    }
    looker
}

/// Starts a thread that does not look unless it watches. It does so while a thread is `expected`,
/// and when it has looked so often, it wakes itself.
fn watcher_for(
    looks: usize,
    parked: &Arc<AtomicUsize>,
    expected: &Arc<AtomicUsize>,
    look: impl Fn() + 'static,
) -> thread::JoinHandle<usize> {
    let (expected, looked) = (expected.clone(), Cell::new(0));
    let expects = {
        let expected = expected.clone();
        move || expected.load(Relaxed) == 1
    };
    let look = move |may_end_a_turn: bool| {
        assert!(may_end_a_turn);
        if expected.load(Relaxed) == 1 {
            looked.set(looked.get() + 1);
            look();
        }
        if looked.get() == looks && expected.swap(0, Relaxed) == 1 {
            assert_eq!(unpark(A, 0, 4).0, 1);
        }
    };
    looker((A, 0), false, parked, expects, look)
}

/// As above, when it has looked once.
fn watcher(parked: &Arc<AtomicUsize>, expected: &Arc<AtomicUsize>) -> thread::JoinHandle<usize> {
    watcher_for(1, parked, expected, || ())
}

fn one_that_parks_while_another_is_expected_watches() {
    let (parked, expected) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
    expected.store(1, Relaxed);
    assert_eq!(watcher(&parked, &expected).join().unwrap(), 4);
}

fn one_that_stays_when_another_is_woken_is_told_to_watch() {
    let (parked, expected) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
    let watcher = watcher(&parked, &expected);
    let other = sleeper(A, 1, &parked);
    expected.store(1, Relaxed);
    assert_eq!(unpark(A, 1, 2), (1, true));
    assert_eq!(other.join().unwrap(), 2);
    assert_eq!(watcher.join().unwrap(), 4);
    assert_eq!(unpark_first(A, 3), (0, false));
}

fn one_that_another_bucket_is_before_is_told_too() {
    let (parked, expected) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
    let watcher = watcher(&parked, &expected);
    let other = looker((B, 0), false, &parked, || true, |_| ());
    expected.store(1, Relaxed);
    call_watcher(A);
    assert_eq!(watcher.join().unwrap(), 4);
    assert_eq!(unpark_first(B, 2), (1, false));
    assert_eq!(other.join().unwrap(), 2);
}

/// Because it was woken, or because its time was up.
fn a_watcher_that_leaves_has_a_follower() {
    for timed in [false, true] {
        let (parked, expected) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
        let follower = watcher(&parked, &expected);
        expected.store(1, Relaxed);
        let here = parked.clone();
        let first = thread::spawn(move || {
            let validate = || {
                here.store(2, Relaxed);
                true
            };
            park_looking(A, 1, (timed, false), validate, || true, |_| ())
        });
        while parked.load(Relaxed) < 2 {
            thread::yield_now();
        }
        let (woken, _) = unpark(A, 1, 2);
        assert!(timed || woken == 1);
        assert_eq!(follower.join().unwrap(), 4);
        first.join().unwrap();
    }
}

fn a_watcher_that_another_lock_hides_has_a_follower() {
    let (parked, expected) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
    let follower = watcher(&parked, &expected);
    expected.store(1, Relaxed);
    let first = thread::spawn(|| park_looking(A, 1, (true, false), || true, || true, |_| ()));
    call_watcher(B);
    assert_eq!(first.join().unwrap(), None);
    assert_eq!(follower.join().unwrap(), 4);
}

/// The last one is told in vain: it may be stopped, as the one that is woken.
fn one_that_sleeps_for_good_is_told_before_the_last() {
    let (parked, expected) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
    let other = sleeper(A, 1, &parked);
    let watcher = watcher(&parked, &expected);
    let last = looker((A, 2), false, &parked, || false, |_| ());
    expected.store(1, Relaxed);
    assert_eq!(unpark(A, 1, 2), (1, true));
    assert_eq!(watcher.join().unwrap(), 4);
    assert_eq!(unpark(A, 2, 3), (1, false));
    assert_eq!((other.join().unwrap(), last.join().unwrap()), (2, 3));
}

/// Those before and behind it do not look, and it does not sleep for good: it came behind another.
fn last_that_looks_is_told_beside_others() {
    let (parked, expected) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
    let before = sleeper(A, 1, &parked);
    let first = looker((A, 2), false, &parked, || false, |_| ());
    let watcher = watcher(&parked, &expected);
    let behind = sleeper(A, 1, &parked);
    expected.store(1, Relaxed);
    assert_eq!(unpark(A, 2, 2), (1, true));
    assert_eq!(first.join().unwrap(), 2);
    assert_eq!(watcher.join().unwrap(), 4);
    assert_eq!(unpark(A, 1, 3), (1, true));
    assert_eq!(unpark(A, 1, 3), (1, false));
    assert_eq!((before.join().unwrap(), behind.join().unwrap()), (3, 3));
}

fn watcher_looks_again() {
    let (parked, expected) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
    expected.store(1, Relaxed);
    let watcher = watcher_for(2, &parked, &expected, || ());
    assert_eq!(watcher.join().unwrap(), 4);
}

fn watcher_that_sleeps_again_is_told_again() {
    let (parked, expected) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
    let watcher = watcher_for(2, &parked, &expected, {
        let (expected, has_come) = (expected.clone(), Cell::new(false));
        move || {
            if !has_come.replace(true) {
                expected.store(0, Relaxed);
            }
        }
    });
    for _ in 0..2 {
        expected.store(1, Relaxed);
        call_watcher(A);
        while expected.load(Relaxed) == 1 {
            thread::yield_now();
        }
    }
    assert_eq!(watcher.join().unwrap(), 4);
}

fn thread_that_naps_looks_once() {
    let parked = Arc::new(AtomicUsize::new(0));
    let looked = Arc::new(AtomicUsize::new(0));
    let looks = looked.clone();
    let look = move |may_end_a_turn: bool| {
        assert!(!may_end_a_turn);
        assert_eq!(looks.swap(1, Relaxed), 0);
    };
    let sleeper = looker((A, 0), true, &parked, || false, look);
    while looked.load(Relaxed) == 0 {
        thread::yield_now();
    }
    assert_eq!(unpark(A, 0, 1), (1, false));
    assert_eq!(sleeper.join().unwrap(), 1);
}

/// Without being told.
fn thread_behind_another_looks_in_its_round() {
    let (parked, expected) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
    let first = looker((A, 1), false, &parked, || false, |_| ());
    let watcher = watcher(&parked, &expected);
    expected.store(1, Relaxed);
    assert_eq!(watcher.join().unwrap(), 4);
    assert_eq!(unpark(A, 1, 2), (1, false));
    assert_eq!(first.join().unwrap(), 2);
}

fn a_wake_up_is_not_lost() {
    let done = Arc::new(AtomicUsize::new(0));
    let waiter = thread::spawn({
        let done = done.clone();
        move || {
            park(
                A,
                0,
                false,
                || done.load(Relaxed) == 0,
                |_, _| unreachable!(),
            )
            .unwrap()
        }
    });
    done.store(1, Relaxed);
    let (woken, others) = unpark_first(A, 4);
    let given = waiter.join().unwrap();
    assert_eq!(given, if woken == 1 { 4 } else { usize::MAX });
    assert!(!others);
    assert_eq!(unpark_first(A, 0), (0, false));
}

/// What the waker did before is seen after the park.
fn a_wake_up_orders_memory() {
    let cell = Arc::new(loom::cell::UnsafeCell::new(0));
    let parked = Arc::new(AtomicUsize::new(0));
    let waiter = thread::spawn({
        let (cell, parked) = (cell.clone(), parked.clone());
        move || {
            let validate = || {
                parked.store(1, Relaxed);
                true
            };
            park(A, 0, false, validate, |_, _| unreachable!());
            // SAFETY: the model judges whether the other thread is done with it.
            cell.with(|cell| unsafe { *cell })
        }
    });
    while parked.load(Relaxed) == 0 {
        thread::yield_now();
    }
    // SAFETY: as above.
    cell.with_mut(|cell| unsafe { *cell = 4 });
    assert_eq!(unpark_first(A, 0).0, 1);
    assert_eq!(waiter.join().unwrap(), 4);
}

fn a_thread_is_woken_or_its_time_is_up() {
    let waiter = thread::spawn(|| {
        let told = Cell::new(None);
        let given = park(A, 0, true, || true, |key, last| told.set(Some((key, last))));
        assert_eq!(told.get(), given.is_none().then_some((A, true)));
        given
    });
    let (woken, others) = unpark_first(A, 4);
    let given = waiter.join().unwrap();
    assert_eq!(given, (woken == 1).then_some(4));
    assert!(!others);
    assert_eq!(unpark_first(A, 0), (0, false));
}

fn threads_are_woken_in_their_order() {
    let parked = Arc::new(AtomicUsize::new(0));
    let first = sleeper(A, 0, &parked);
    let second = sleeper(A, 0, &parked);
    assert_eq!(unpark_first(A, 1), (1, true));
    assert_eq!(first.join().unwrap(), 1);
    assert_eq!(unpark_first(A, 2), (1, false));
    assert_eq!(second.join().unwrap(), 2);
    // One that came alone leaves a queue that works.
    let third = sleeper(A, 0, &parked);
    assert_eq!(unpark_first(A, 3), (1, false));
    assert_eq!(third.join().unwrap(), 3);
}

fn the_token_decides_which_is_woken() {
    let parked = Arc::new(AtomicUsize::new(0));
    let first = sleeper(A, 10, &parked);
    let second = sleeper(A, 20, &parked);
    assert_eq!(unpark(A, 30, 0), (0, true));
    // The last in the queue leaves, and another comes behind the first.
    assert_eq!(unpark(A, 20, 1), (1, true));
    assert_eq!(second.join().unwrap(), 1);
    let third = sleeper(A, 20, &parked);
    assert_eq!(unpark_first(A, 2), (1, true));
    assert_eq!(first.join().unwrap(), 2);
    assert_eq!(unpark_first(A, 3), (1, false));
    assert_eq!(third.join().unwrap(), 3);
}

fn others_of_the_bucket_are_left_alone() {
    let parked = Arc::new(AtomicUsize::new(0));
    let other = sleeper(B, 0, &parked);
    let waiter = thread::spawn(|| {
        let told = Cell::new(None);
        let given = park(A, 0, true, || true, |key, last| told.set(Some((key, last))));
        assert_eq!(told.get(), given.is_none().then_some((A, true)));
        given
    });
    assert_eq!(requeue(A, C, Some(false), 0).0, 0);
    let (at_a, more_at_a) = unpark_first(A, 1);
    let (at_c, more_at_c) = unpark_first(C, 1);
    assert_eq!(unpark_first(B, 2), (1, false));
    assert_eq!(other.join().unwrap(), 2);
    assert!(!more_at_a && !more_at_c);
    let given = waiter.join().unwrap();
    assert_eq!(given.is_some(), at_a + at_c == 1);
}

fn the_first_is_woken_and_the_rest_are_moved() {
    let parked = Arc::new(AtomicUsize::new(0));
    let first = sleeper(A, 0, &parked);
    let second = sleeper(A, 0, &parked);
    let third = sleeper(C, 0, &parked);
    assert_eq!(requeue(A, C, Some(true), 1), (1, 1));
    assert_eq!(first.join().unwrap(), 1);
    assert_eq!(unpark_first(A, 4), (0, false));
    // It is behind those that were there.
    assert_eq!(unpark_first(C, 3), (1, true));
    assert_eq!(third.join().unwrap(), 3);
    assert_eq!(unpark_first(C, 2), (1, false));
    assert_eq!(second.join().unwrap(), 2);
}

fn all_are_moved() {
    let parked = Arc::new(AtomicUsize::new(0));
    let first = sleeper(A, 0, &parked);
    let second = sleeper(A, 0, &parked);
    // In the same bucket, and then into another, and back.
    assert_eq!(requeue(A, B, Some(false), 4), (0, 2));
    assert_eq!(requeue(B, C, Some(false), 4), (0, 2));
    assert_eq!(requeue(C, B, Some(false), 4), (0, 2));
    assert_eq!(unpark_first(A, 4), (0, false));
    assert_eq!(unpark_first(C, 4), (0, false));
    assert_eq!(unpark_first(B, 1), (1, true));
    assert_eq!(unpark_first(B, 2), (1, false));
    assert_eq!(first.join().unwrap(), 1);
    assert_eq!(second.join().unwrap(), 2);
}

fn no_waiter_is_moved() {
    let parked = Arc::new(AtomicUsize::new(0));
    let waiter = sleeper(A, 0, &parked);
    assert_eq!(requeue(A, C, None, 4), (0, 0));
    assert_eq!(requeue(C, A, Some(true), 4), (0, 0));
    let other = sleeper(A, 0, &parked);
    assert_eq!(unpark_first(A, 1), (1, true));
    assert_eq!(waiter.join().unwrap(), 1);
    assert_eq!(unpark_first(A, 2), (1, false));
    assert_eq!(other.join().unwrap(), 2);
}

fn one_that_moves_leaves_the_other_of_its_bucket() {
    let parked = Arc::new(AtomicUsize::new(0));
    let first = sleeper(A, 0, &parked);
    let other = sleeper(B, 0, &parked);
    assert_eq!(requeue(A, C, Some(false), 4), (0, 1));
    assert_eq!(unpark_first(C, 1), (1, false));
    assert_eq!(first.join().unwrap(), 1);
    let second = sleeper(C, 0, &parked);
    assert_eq!(unpark_first(B, 2), (1, false));
    assert_eq!(other.join().unwrap(), 2);
    assert_eq!(unpark_first(C, 3), (1, false));
    assert_eq!(second.join().unwrap(), 3);
}

fn others_in_front_are_passed() {
    let parked = Arc::new(AtomicUsize::new(0));
    let other = sleeper(B, 0, &parked);
    let waiter = sleeper(A, 0, &parked);
    assert_eq!(unpark_first(A, 1), (1, false));
    assert_eq!(waiter.join().unwrap(), 1);
    assert_eq!(unpark_first(B, 2), (1, false));
    assert_eq!(other.join().unwrap(), 2);
}

fn one_behind_others_may_time_out() {
    let parked = Arc::new(AtomicUsize::new(0));
    let first = sleeper(A, 0, &parked);
    let second = thread::spawn(|| park(A, 0, true, || true, |_, _| {}));
    assert_eq!(unpark_first(A, 1).0, 1);
    let (woken, others) = unpark_first(A, 2);
    assert!(!others);
    assert_eq!(first.join().unwrap(), 1);
    assert_eq!(second.join().unwrap(), (woken == 1).then_some(2));
    assert_eq!(unpark_first(A, 3), (0, false));
}

fn a_queue_whose_first_has_left_takes_more() {
    let parked = Arc::new(AtomicUsize::new(0));
    let first = sleeper(A, 0, &parked);
    let second = sleeper(A, 0, &parked);
    assert_eq!(unpark_first(A, 1), (1, true));
    assert_eq!(first.join().unwrap(), 1);
    let third = sleeper(A, 0, &parked);
    assert_eq!(unpark_first(A, 2), (1, true));
    assert_eq!(second.join().unwrap(), 2);
    assert_eq!(unpark_first(A, 3), (1, false));
    assert_eq!(third.join().unwrap(), 3);
}

fn one_that_is_moved_may_time_out() {
    move_one_with_a_limit(A, C);
}

fn one_that_is_moved_within_a_bucket_may_time_out() {
    move_one_with_a_limit(A, B);
}

fn move_one_with_a_limit(from: usize, to: usize) {
    let waiter = thread::spawn(move || {
        let told = Cell::new(None);
        let given = park(
            from,
            0,
            true,
            || true,
            |key, last| told.set(Some((key, last))),
        );
        (given, told.get())
    });
    let (_, moved) = requeue(from, to, Some(false), 4);
    let (woken, _) = unpark_first(to, 1);
    assert!(woken <= moved);
    let (late, _) = match woken {
        0 => unpark_first(from, 2),
        _ => (0, false),
    };
    let (given, told) = waiter.join().unwrap();
    match given {
        Some(1) => assert_eq!(woken, 1),
        Some(2) => assert_eq!(late, 1),
        Some(other) => panic!("given {other}"),
        None => {
            assert_eq!(woken + late, 0);
            let key = if moved == 1 { to } else { from };
            assert_eq!(told, Some((key, true)));
        }
    }
    assert_eq!(given.is_none(), told.is_some());
    assert_eq!(unpark_first(from, 0).0 + unpark_first(to, 0).0, 0);
}

/// Two locks at once, always in one order.
fn two_that_move_to_and_fro_do_not_meet() {
    let parked = Arc::new(AtomicUsize::new(0));
    let waiter = sleeper(A, 0, &parked);
    let fro = thread::spawn(|| requeue(C, A, Some(false), 4).1);
    let to = requeue(A, C, Some(false), 4).1;
    assert_eq!(to, 1);
    let at = if fro.join().unwrap() == 1 { A } else { C };
    assert_eq!(unpark_first(at, 1), (1, false));
    assert_eq!(waiter.join().unwrap(), 1);
}
