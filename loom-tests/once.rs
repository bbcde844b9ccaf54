//! Models of the `Once` of `anteroom-parking_lot`: its own code, over loom's atomic and this
//! crate's mutex and condition variable.

use crate::model::{Common, models};
use algorithm::{NEW, Once, OnceState, POISONED};
use loom::cell::UnsafeCell;

mod parts {
    pub(super) use anteroom::{Condvar, Mutex};
    pub(super) use loom::sync::atomic::{AtomicU8, Ordering};
}
#[path = "../parking_lot/src/once.rs"]
#[allow(dead_code, unreachable_pub, reason = "the package uses the rest")]
mod algorithm;

models! {
    one_of_two_callers_runs_its_closure: 3,
    one_of_two_callers_runs_its_closure: 2 bare,
    one_of_three_callers_runs_its_closure: 1,
    a_look_that_finds_it_done_sees_what_was_done: any,
    a_waiter_sees_what_was_done: 3,
    a_waiter_behind_a_caller_sees_what_was_done: 1,
    a_caller_goes_on_after_a_panic: 3,
    a_forced_waiter_outlasts_a_panic: 2,
}

/// A `Once`, and what it protects: loom sees to it that it is written before it is read.
struct Begun {
    once: Once,
    runs: UnsafeCell<usize>,
}

fn new() -> Common<Begun> {
    let parts = (
        parts::AtomicU8::new(NEW),
        parts::Mutex::new(()),
        parts::Condvar::new(),
    );
    Common::new(Begun {
        once: Once::of(parts.0, parts.1, parts.2),
        runs: UnsafeCell::new(0),
    })
}

fn run(begun: &Begun) {
    // SAFETY: loom reports a race.
    begun.runs.with_mut(|runs| unsafe { *runs += 1 });
}

#[track_caller]
fn check(begun: &Begun) {
    // SAFETY: see above.
    assert_eq!(begun.runs.with(|runs| unsafe { *runs }), 1);
}

fn call(begun: &Begun) {
    begun.once.call_once(|| run(begun));
    check(begun);
}

fn wait(begun: &Begun) {
    begun.once.wait();
    check(begun);
}

/// Runs `others` beside `this`.
fn beside(this: fn(&Begun), others: &[fn(&Begun)]) {
    let begun = new();
    let others: Vec<_> = others.iter().map(|other| begun.spawn(*other)).collect();
    this(&begun);
    others.into_iter().for_each(|other| other.join().unwrap());
    check(&begun);
    assert_eq!(begun.once.state(), OnceState::Done);
    begun.into_inner();
}

fn one_of_two_callers_runs_its_closure() {
    beside(call, &[call]);
}

fn one_of_three_callers_runs_its_closure() {
    beside(call, &[call, call]);
}

fn a_look_that_finds_it_done_sees_what_was_done() {
    fn look(begun: &Begun) {
        if begun.once.is_completed() {
            check(begun);
        }
        if begun.once.state().is_completed() {
            check(begun);
        }
    }
    beside(call, &[look]);
}

fn a_waiter_sees_what_was_done() {
    beside(call, &[wait]);
}

fn a_waiter_behind_a_caller_sees_what_was_done() {
    beside(call, &[call, wait]);
}

/// The closure panics. (A real panic would poison loom's mutexes.)
fn panic_in_it(begun: &Begun) {
    if begun.once.begin(true).is_some() {
        begun.once.end(POISONED);
    }
}

fn a_caller_goes_on_after_a_panic() {
    fn call_anyway(begun: &Begun) {
        begun.once.call_once_force(|_| run(begun));
        check(begun);
    }
    beside(call_anyway, &[panic_in_it]);
}

fn a_forced_waiter_outlasts_a_panic() {
    fn panic_then_call(begun: &Begun) {
        panic_in_it(begun);
        begun.once.call_once_force(|_| run(begun));
        check(begun);
    }
    fn wait_anyway(begun: &Begun) {
        begun.once.wait_force();
        check(begun);
    }
    beside(panic_then_call, &[wait_anyway]);
}
