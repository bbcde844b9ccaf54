//! The parking lot of systems other than Linux: parking_lot_core. No thread can be told to watch
//! there, nor look from its place in the queue.

use super::Look;
use crate::policy::lease;
use std::time::Instant;

pub(crate) use parking_lot_core::{
    FilterOp, ParkResult, ParkToken, RequeueOp, UnparkResult, UnparkToken, park, unpark_filter,
    unpark_one, unpark_requeue,
};

/// # Safety
/// As parking_lot_core's `park`.
pub(crate) unsafe fn park_looking<E: Fn() -> bool, L: Fn(bool)>(
    key: usize,
    validate: impl FnOnce() -> bool,
    before_sleep: impl FnOnce(),
    timed_out: impl FnOnce(usize, bool),
    token: ParkToken,
    limit: Option<Instant>,
    look: Option<Look<E, L>>,
) -> ParkResult {
    let look = look.filter(|look| look.key == key);
    let nap = |look: &Look<E, L>| match look.first {
        Some(first) => first,
        None if (look.expects)() => lease::LONGEST,
        None => lease::ROUND,
    };
    let nap = look.as_ref().map(|look| Instant::now() + nap(look));
    let limit = limit.into_iter().chain(nap).min();
    // SAFETY: the caller's promise is the same.
    let result = unsafe { park(key, validate, before_sleep, timed_out, token, limit) };
    if let (ParkResult::TimedOut, Some(look)) = (result, look) {
        (look.look)(look.first.is_none());
    }
    result
}

pub(crate) fn call_watcher(_key: usize) {}

pub(crate) fn if_empty(_one: usize, _other: usize, _work: impl FnOnce()) {}
