//! The reader-writer lock: who is inside, and who claims to be next.

use super::Monitor;
use crate::deadline::Deadline;

/// The untyped reader-writer lock. It appears in the types of guards; use [`RwLock`](crate::RwLock).
pub struct RawRwLock {
    monitor: Monitor<State>,
}

/// As in the real one's table: a writer takes `writer` first, and then waits for the readers to leave.
#[derive(Default)]
struct State {
    readers: usize,
    upgradable: bool,
    writer: bool,
}

impl State {
    /// A recursive reader passes a writer that waits.
    fn try_read(&mut self, recursive: bool) -> Option<()> {
        let may = !self.writer || (recursive && self.readers > 0);
        may.then(|| self.readers += 1)
    }

    fn try_claim(&mut self) -> Option<&mut Self> {
        (!self.writer && !self.upgradable).then_some(self)
    }

    fn end_writing(&mut self, upgradable: bool) {
        self.writer = false;
        self.upgradable = upgradable;
    }
}

impl RawRwLock {
    pub(crate) fn new() -> Self {
        RawRwLock {
            monitor: Monitor::new(State::default()),
        }
    }

    /// What tells it from other locks.
    pub(crate) fn key(&self) -> usize {
        (&raw const *self).addr()
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.monitor
            .change(|state| state.readers > 0 || state.upgradable || state.writer)
    }

    pub(crate) fn is_locked_exclusive(&self) -> bool {
        self.monitor
            .change(|state| state.writer && state.readers == 0)
    }

    pub(crate) fn try_read(&self, recursive: bool) -> bool {
        self.monitor
            .change(|state| state.try_read(recursive).is_some())
    }

    pub(crate) fn read(&self, recursive: bool, deadline: Deadline) -> bool {
        let step = |state: &mut State| state.try_read(recursive).map(|()| true);
        self.monitor.wait(deadline, step, |_| false)
    }

    pub(crate) fn read_again(&self) {
        self.read(false, Deadline::NEVER);
    }

    pub(crate) fn try_write(&self) -> bool {
        self.monitor.change(|state| {
            let may = state.readers == 0 && state.try_claim().is_some();
            state.writer |= may;
            may
        })
    }

    pub(crate) fn write(&self, deadline: Deadline) -> bool {
        let claim = |state: &mut State| {
            state
                .try_claim()
                .map(|state| state.writer = true)
                .map(|()| true)
        };
        self.monitor.wait(deadline, claim, |_| false) && self.drain(deadline, false)
    }

    /// Waits for the readers to leave; gives up `writer`, and is `upgradable` again or not, when the time is up.
    fn drain(&self, deadline: Deadline, upgradable: bool) -> bool {
        let empty = |state: &mut State| (state.readers == 0).then_some(true);
        self.monitor.wait(deadline, empty, |state| {
            state.end_writing(upgradable);
            false
        })
    }

    pub(crate) fn write_again(&self) {
        self.write(Deadline::NEVER);
    }

    pub(crate) fn try_upgradable_read(&self) -> bool {
        let claim = |state: &mut State| state.try_claim().map(|state| state.upgradable = true);
        self.monitor.change(claim).is_some()
    }

    pub(crate) fn upgradable_read(&self, deadline: Deadline) -> bool {
        let claim = |state: &mut State| {
            state
                .try_claim()
                .map(|state| state.upgradable = true)
                .map(|()| true)
        };
        self.monitor.wait(deadline, claim, |_| false)
    }

    /// # Safety
    /// The caller is the upgradable reader; if this returns true, it is the writer.
    pub(crate) unsafe fn try_upgrade(&self) -> bool {
        self.monitor.change(|state| {
            let may = state.readers == 0;
            state.writer = may;
            state.upgradable = !may;
            may
        })
    }

    /// # Safety
    /// The caller is the upgradable reader, and if this returns true, the writer.
    pub(crate) unsafe fn upgrade(&self, deadline: Deadline) -> bool {
        self.monitor.change(|state| {
            state.upgradable = false;
            state.writer = true;
        });
        self.drain(deadline, true)
    }

    /// # Safety
    /// The caller is the writer, and a reader when this returns.
    pub(crate) unsafe fn downgrade(&self) {
        self.monitor.change(|state| {
            state.end_writing(false);
            state.readers += 1;
        });
    }

    /// # Safety
    /// The caller is the writer, and the upgradable reader when this returns.
    pub(crate) unsafe fn downgrade_to_upgradable(&self) {
        self.monitor.change(|state| state.end_writing(true));
    }

    /// # Safety
    /// The caller is the upgradable reader, and a reader when this returns.
    pub(crate) unsafe fn downgrade_upgradable(&self) {
        self.monitor.change(|state| {
            state.upgradable = false;
            state.readers += 1;
        });
    }

    /// # Safety
    /// The caller is one of the readers.
    pub(crate) unsafe fn unlock_read(&self) {
        self.monitor.leave(|state| state.readers -= 1);
    }

    /// # Safety
    /// The caller is the writer.
    pub(crate) unsafe fn unlock_write(&self) {
        self.monitor.leave(|state| state.end_writing(false));
    }

    /// # Safety
    /// As for [`unlock_write`](Self::unlock_write).
    pub(crate) unsafe fn unlock_write_fair(&self) {
        // SAFETY: the caller's promise is the same.
        unsafe { self.unlock_write() };
    }

    /// # Safety
    /// The caller is the upgradable reader.
    pub(crate) unsafe fn unlock_upgradable(&self) {
        self.monitor.leave(|state| state.upgradable = false);
    }

    /// # Safety
    /// As for [`unlock_upgradable`](Self::unlock_upgradable).
    pub(crate) unsafe fn unlock_upgradable_fair(&self) {
        // SAFETY: the caller's promise is the same.
        unsafe { self.unlock_upgradable() };
    }

    #[cfg(anteroom_models)]
    pub(crate) fn assert_at_rest(&mut self) {
        let free = |state: &State| state.readers == 0 && !state.upgradable && !state.writer;
        self.monitor.assert_at_rest(free);
    }

    /// # Safety
    /// The caller is one of the readers, and is one again on return.
    pub(crate) unsafe fn bump_read(&self) {
        if self.monitor.is_waited_for() {
            // SAFETY: the caller is a reader.
            unsafe { self.unlock_read() };
            self.read_again();
        }
    }

    /// # Safety
    /// The caller is the writer, and is it again on return.
    pub(crate) unsafe fn bump_write(&self) {
        if self.monitor.is_waited_for() {
            // SAFETY: the caller is the writer.
            unsafe { self.unlock_write() };
            self.write_again();
        }
    }

    /// # Safety
    /// The caller is the upgradable reader, and is it again on return.
    pub(crate) unsafe fn bump_upgradable(&self) {
        if self.monitor.is_waited_for() {
            // SAFETY: the caller is the upgradable reader.
            unsafe { self.unlock_upgradable() };
            self.upgradable_read(Deadline::NEVER);
        }
    }
}
