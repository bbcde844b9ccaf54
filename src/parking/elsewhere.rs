//! The parking lot of systems other than Linux: parking_lot_core. No thread can be told to watch
//! there, nor look from its place in the queue.

use super::{FilterOp, Look, ParkResult, RequeueOp, UnparkResult};
use crate::policy::lease;
use crate::tokens::{ParkToken, UnparkToken};
use parking_lot_core as core;
use std::time::Instant;

fn given(token: UnparkToken) -> core::UnparkToken {
    core::UnparkToken(token.number())
}

fn done(result: core::UnparkResult) -> UnparkResult {
    UnparkResult {
        unparked_threads: result.unparked_threads,
        requeued_threads: result.requeued_threads,
        have_more_threads: result.have_more_threads,
    }
}

/// # Safety
/// As parking_lot_core's.
pub(crate) unsafe fn park<E: Fn() -> bool, L: Fn(bool)>(
    key: usize,
    validate: impl FnOnce() -> bool,
    before_sleep: impl FnOnce() -> bool,
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
    let before_sleep = || _ = before_sleep();
    let token = core::ParkToken(token.number());
    // SAFETY: the caller's promise is the same.
    match unsafe { core::park(key, validate, before_sleep, timed_out, token, limit) } {
        core::ParkResult::Unparked(core::UnparkToken(given)) => {
            ParkResult::Unparked(UnparkToken::numbered(given))
        }
        core::ParkResult::Invalid => ParkResult::Invalid,
        core::ParkResult::TimedOut => {
            if let Some(look) = look {
                (look.look)(look.first.is_none());
            }
            ParkResult::TimedOut
        }
    }
}

/// # Safety
/// As parking_lot_core's `unpark_filter`.
pub(crate) unsafe fn unpark(
    key: usize,
    mut filter: impl FnMut(ParkToken) -> FilterOp,
    callback: impl FnOnce(UnparkResult) -> UnparkToken,
    _is_relied_on: bool,
) -> UnparkResult {
    let filter = |core::ParkToken(token)| match filter(ParkToken::numbered(token)) {
        FilterOp::Unpark => core::FilterOp::Unpark,
        FilterOp::Skip => core::FilterOp::Skip,
        FilterOp::Stop => core::FilterOp::Stop,
    };
    // SAFETY: the caller's promise is the same.
    done(unsafe { core::unpark_filter(key, filter, |result| given(callback(done(result)))) })
}

/// # Safety
/// As parking_lot_core's.
pub(crate) unsafe fn unpark_requeue(
    from: usize,
    to: usize,
    validate: impl FnOnce() -> RequeueOp,
    callback: impl FnOnce(UnparkResult) -> UnparkToken,
) -> UnparkResult {
    let validate = || match validate() {
        RequeueOp::Abort => core::RequeueOp::Abort,
        RequeueOp::UnparkOneRequeueRest => core::RequeueOp::UnparkOneRequeueRest,
        RequeueOp::RequeueAll => core::RequeueOp::RequeueAll,
    };
    let callback = |_, result| given(callback(done(result)));
    // SAFETY: the caller's promise is the same.
    done(unsafe { core::unpark_requeue(from, to, validate, callback) })
}

pub(crate) fn call_watcher(_key: usize) {}

pub(crate) fn if_empty(_one: usize, _other: usize, _work: impl FnOnce()) {}
