//! The semaphore: a number of permits, and whether it is closed.

use super::super::types::TryAcquireError;
use super::Monitor;
use crate::deadline::Deadline;

/// As the real one's.
pub(crate) const MAX_PERMITS: usize = usize::MAX >> 6;

/// The untyped semaphore, without permits that give themselves back.
pub(crate) struct RawSemaphore {
    monitor: Monitor<State>,
}

struct State {
    permits: usize,
    closed: bool,
}

impl State {
    fn try_take(&mut self, wanted: usize) -> Result<(), TryAcquireError> {
        if self.closed {
            return Err(TryAcquireError::Closed);
        }
        self.permits = self
            .permits
            .checked_sub(wanted)
            .ok_or(TryAcquireError::NoPermits)?;
        Ok(())
    }
}

impl RawSemaphore {
    pub(crate) fn new(permits: usize) -> Self {
        assert!(
            permits <= MAX_PERMITS,
            "Semaphore::new: more than MAX_PERMITS permits"
        );
        RawSemaphore {
            monitor: Monitor::new(State {
                permits,
                closed: false,
            }),
        }
    }

    pub(crate) fn try_take(&self, permits: u32) -> Result<(), TryAcquireError> {
        self.monitor
            .change(|state| state.try_take(permits as usize))
    }

    pub(crate) fn take(&self, permits: u32, deadline: Deadline) -> Result<(), TryAcquireError> {
        let step = |state: &mut State| match state.try_take(permits as usize) {
            Err(TryAcquireError::NoPermits) => None,
            done => Some(done),
        };
        let give_up = |_: &mut State| Err(TryAcquireError::NoPermits);
        self.monitor.wait(deadline, step, give_up)
    }

    pub(crate) fn add_permits(&self, permits: usize) {
        let fit = self.monitor.change(|state| {
            let fit = permits <= MAX_PERMITS - state.permits;
            state.permits += if fit { permits } else { 0 };
            fit
        });
        assert!(
            fit,
            "Semaphore::add_permits: more than MAX_PERMITS ({MAX_PERMITS}) permits"
        );
    }

    pub(crate) fn give_back(&self, permits: u32) {
        self.monitor
            .leave(|state| state.permits += permits as usize);
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

    #[cfg(anteroom_models)]
    pub(crate) fn assert_at_rest(&mut self) {
        self.monitor.assert_at_rest(|_| true);
    }
}
