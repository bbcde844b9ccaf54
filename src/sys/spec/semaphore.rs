//! The semaphore: a number of permits, and whether it is closed.

use super::Monitor;
use crate::raw::{MAX_PERMITS, TryAcquireError, check_initial, check_wanted, too_many_permits};
use crate::sys::deadline::Deadline;
use crate::sys::only_in_models;

/// The untyped semaphore, whose permits do not give themselves back.
pub(crate) struct RawSemaphore {
    monitor: Monitor<State>,
}

#[derive(Clone)]
struct State {
    permits: usize,
    closed: bool,
    /// How often permits were brought.
    brought: usize,
    /// The number of waiters that have a reservation now.
    reserved: usize,
}

impl State {
    fn try_take(&mut self, wanted: usize) -> Result<(), TryAcquireError> {
        if self.closed {
            return Err(TryAcquireError::Closed);
        }
        if wanted > 0 && self.reserved > 0 {
            return Err(TryAcquireError::NoPermits);
        }
        self.permits = self
            .permits
            .checked_sub(wanted)
            .ok_or(TryAcquireError::NoPermits)?;
        Ok(())
    }

    /// False, and nothing changes, if there would be more than `MAX_PERMITS`.
    fn bring(&mut self, permits: usize) -> bool {
        let fit = permits <= MAX_PERMITS - self.permits;
        if fit {
            self.permits += permits;
            self.brought += 1;
        }
        fit
    }
}

impl RawSemaphore {
    pub(crate) const fn new(permits: usize) -> Self {
        check_initial(permits);
        RawSemaphore {
            monitor: Monitor::new(State {
                permits,
                closed: false,
                brought: 0,
                reserved: 0,
            }),
        }
    }

    pub(crate) fn try_take(&self, permits: u32) -> Result<(), TryAcquireError> {
        let wanted = check_wanted(permits);
        self.monitor.change(|state| state.try_take(wanted))
    }

    pub(crate) fn take(&self, permits: u32, deadline: Deadline) -> Result<(), TryAcquireError> {
        let wanted = check_wanted(permits);
        let step = |state: &mut State| match state.try_take(wanted) {
            Err(TryAcquireError::NoPermits) => None,
            done => Some(done),
        };
        // A waiter is called when permits are brought. When more are brought, all may be reserved
        // for it: here, between two steps.
        let mut brought = None;
        let called = |state: &mut State| {
            let before = *brought.get_or_insert(state.brought);
            match state.brought != before && state.brought >= 2 {
                true => Some(None),
                false => step(state).map(Some),
            }
        };
        if let Some(done) = self.monitor.wait(deadline, called, |_| None) {
            return done;
        }
        self.monitor.change(|state| state.reserved += 1);
        let end = |state: &mut State| {
            state.reserved -= 1;
            step(state)
        };
        if let Some(done) = self.monitor.change(end) {
            return done;
        }
        let give_up = |_: &mut State| Err(TryAcquireError::TimedOut);
        self.monitor.wait(deadline, step, give_up)
    }

    pub(crate) fn add_permits(&self, permits: usize) {
        if !self.monitor.change(|state| state.bring(permits)) {
            too_many_permits("Semaphore::add_permits");
        }
    }

    pub(crate) fn give_back(&self, permits: u32) {
        let mut fit = true;
        self.monitor
            .leave(|state| fit = state.bring(permits as usize));
        if !fit {
            too_many_permits("Permit::drop");
        }
    }

    pub(crate) fn forget_permits(&self, permits: usize) -> usize {
        self.monitor.change(|state| {
            let forgotten = permits.min(state.permits);
            state.permits -= forgotten;
            forgotten
        })
    }

    pub(crate) fn close(&self) {
        self.monitor.change(|state| state.closed = true);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.monitor.change(|state| state.closed)
    }

    pub(crate) fn available_permits(&self) -> usize {
        self.monitor.change(|state| state.permits)
    }

    only_in_models! {
        pub(crate) fn assert_at_rest(&mut self) {
            self.monitor.assert_at_rest(|_| true);
        }
    }
}
