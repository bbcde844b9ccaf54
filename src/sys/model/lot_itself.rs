//! The crate's own parking lot, for models of it: tokens are numbers.

use crate::parking::lot;
use crate::parking::{FilterOp, Look, NO_LOOK, ParkResult, RequeueOp};
use crate::tokens::{ParkToken, UnparkToken};
use std::cell::Cell;
use std::time::{Duration, Instant};

/// Parks with a token. Returns what it was given, or `None` if its time was up: then
/// `timed_out` gets the key, and whether it was the last there.
pub fn park(
    key: usize,
    token: usize,
    timed: bool,
    validate: impl FnOnce() -> bool,
    timed_out: impl FnOnce(usize, bool),
) -> Option<usize> {
    let (token, limit) = (ParkToken::Requeued(token), timed.then(Instant::now));
    let was_told = Cell::new(false);
    let before_sleep = || {
        was_told.set(true);
        false
    };
    // SAFETY: the model's keys are its own.
    let result = unsafe {
        lot::park(
            key,
            validate,
            before_sleep,
            timed_out,
            token,
            limit,
            NO_LOOK,
        )
    };
    assert_eq!(was_told.get(), result != ParkResult::Invalid);
    given(result)
}

/// As [`park`], for a thread that looks, and naps first if it `naps`.
pub fn park_looking(
    key: usize,
    token: usize,
    (timed, naps): (bool, bool),
    validate: impl FnOnce() -> bool,
    expects: impl Fn() -> bool,
    look: impl Fn(bool),
) -> Option<usize> {
    let look = Look {
        key,
        first: naps.then_some(Duration::ZERO),
        expects,
        look,
    };
    let (token, limit) = (ParkToken::Requeued(token), timed.then(Instant::now));
    // SAFETY: the model's keys are its own.
    given(unsafe { lot::park(key, validate, || true, |_, _| {}, token, limit, Some(look)) })
}

fn given(result: ParkResult) -> Option<usize> {
    match result {
        ParkResult::Unparked(given) => Some(given.number()),
        ParkResult::TimedOut => None,
        ParkResult::Invalid => Some(usize::MAX),
    }
}

/// Tells a thread that looks under the key to watch.
pub fn call_watcher(key: usize) {
    lot::call_watcher(key);
}

/// Unparks the first thread with this token, and gives it `given`. Returns how many there were,
/// and whether others stay.
pub fn unpark(key: usize, token: usize, given: usize) -> (usize, bool) {
    let mut found = false;
    let choose = |other| match (found, other == ParkToken::Requeued(token)) {
        (true, _) => FilterOp::Stop,
        (false, false) => FilterOp::Skip,
        (false, true) => {
            found = true;
            FilterOp::Unpark
        }
    };
    // SAFETY: the model's keys are its own.
    let result = unsafe { lot::unpark(key, choose, |_| UnparkToken::numbered(given), true) };
    (result.unparked_threads, result.have_more_threads)
}

/// Unparks the first thread.
pub fn unpark_first(key: usize, given: usize) -> (usize, bool) {
    let mut found = false;
    let first = |_| match std::mem::replace(&mut found, true) {
        false => FilterOp::Unpark,
        true => FilterOp::Stop,
    };
    // SAFETY: the model's keys are its own.
    let result = unsafe { lot::unpark(key, first, |_| UnparkToken::numbered(given), false) };
    (result.unparked_threads, result.have_more_threads)
}

/// Requeues all threads, or unparks the first and requeues the others, or neither. Returns both
/// numbers.
pub fn requeue(from: usize, to: usize, unpark: Option<bool>, given: usize) -> (usize, usize) {
    let op = match unpark {
        None => RequeueOp::Abort,
        Some(true) => RequeueOp::UnparkOneRequeueRest,
        Some(false) => RequeueOp::RequeueAll,
    };
    // SAFETY: the model's keys are its own.
    let result = unsafe { lot::unpark_requeue(from, to, || op, |_| UnparkToken::numbered(given)) };
    (result.unparked_threads, result.requeued_threads)
}
