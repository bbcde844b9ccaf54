//! The reader-writer lock: the threads inside, and a claim to be next.

use super::Monitor;
use crate::sys::deadline::Deadline;
use crate::sys::only_in_models;

/// The untyped reader-writer lock: what [`RwLock`](crate::RwLock) has beside its data.
pub struct RawRwLock {
    monitor: Monitor<State>,
}

/// A writer that waits claims the lock first, and then waits for the readers to leave. (Before its
/// claim, it is like a writer that waits and lets readers pass.)
///
/// A reader does not enter in one step. It arrives first, and is refused if a writer has come
/// meanwhile. A writer that only tries is refused if a reader has arrived.
#[derive(Clone)]
struct State {
    readers: usize,
    /// Readers that look whether they may enter.
    arriving: usize,
    /// The arriving readers that have waited: the lock may be kept for them.
    expected: usize,
    /// Also while that reader upgrades.
    upgradable: bool,
    /// A writer is inside, or has claimed the lock.
    writer: bool,
    /// A writer is inside.
    written: bool,
}

impl State {
    const FREE: Self = State {
        readers: 0,
        arriving: 0,
        expected: 0,
        upgradable: false,
        writer: false,
        written: false,
    };

    /// A recursive reader passes a writer that waits.
    fn lets_in(&self, recursive: bool) -> bool {
        !self.writer || (recursive && !self.written)
    }

    fn arrive(&mut self, recursive: bool) -> bool {
        let may = self.lets_in(recursive);
        self.arriving += usize::from(may);
        may
    }

    fn enter(&mut self, recursive: bool) -> bool {
        let may = self.lets_in(recursive);
        self.arriving -= 1;
        self.readers += usize::from(may);
        may
    }

    /// A waiting writer sees that no reader is inside. It has claimed the lock, or another writer
    /// has, or all have lost their claims: that is the same to it.
    fn begin_writing(&mut self) -> bool {
        let is_next = self.writer && !self.written || self.is_claimable();
        is_next && self.try_begin_writing()
    }

    /// Becomes the writer at once, or not at all.
    fn try_begin_writing(&mut self) -> bool {
        let may = self.readers == 0 && self.arriving == 0;
        if may {
            self.end_writing(false);
            self.writer = true;
            self.written = true;
        }
        may
    }

    /// A waiter gives up. All claims end with it, but for an upgrade's.
    fn give_up(&mut self) {
        self.writer &= self.written || self.upgradable;
    }

    fn end_writing(&mut self, upgradable: bool) {
        self.writer = false;
        self.written = false;
        self.upgradable = upgradable;
    }

    fn is_claimable(&self) -> bool {
        !self.writer && !self.upgradable
    }

    fn try_read_upgradably(&mut self) -> bool {
        let may = self.is_claimable() && self.expected == 0;
        self.upgradable |= may;
        may
    }
}

impl RawRwLock {
    /// Creates an open lock.
    pub const fn new() -> Self {
        RawRwLock {
            monitor: Monitor::new(State::FREE),
        }
    }

    /// The same: no specified lock is biased.
    pub(crate) const fn unbiased() -> Self {
        RawRwLock::new()
    }

    /// An address that identifies this lock.
    pub(crate) fn key(&self) -> usize {
        (&raw const *self).addr()
    }

    /// Whether a thread holds the lock now, in any mode.
    pub fn is_locked(&self) -> bool {
        self.monitor
            .change(|state| state.readers > 0 || state.upgradable || state.writer)
    }

    /// Whether a thread writes now.
    pub fn is_locked_exclusive(&self) -> bool {
        self.monitor.change(|state| state.written)
    }

    pub(crate) fn try_read(&self, recursive: bool) -> bool {
        self.monitor.change(|state| state.arrive(recursive))
            && self.monitor.change(|state| state.enter(recursive))
    }

    pub(crate) fn read(&self, recursive: bool, deadline: Deadline) -> bool {
        if self.try_read(recursive) {
            return true;
        }
        let arrive = |state: &mut State| {
            state.arrive(recursive).then(|| {
                state.expected += 1;
                true
            })
        };
        while self.monitor.wait(deadline, arrive, |_| false) {
            let enter = |state: &mut State| {
                state.expected -= 1;
                state.enter(recursive)
            };
            if self.monitor.change(enter) {
                return true;
            }
        }
        self.monitor.change(State::give_up);
        false
    }

    pub(crate) fn read_unbiased(&self, recursive: bool, deadline: Deadline) -> bool {
        self.read(recursive, deadline)
    }

    pub(crate) fn read_again(&self) {
        self.read(false, Deadline::NEVER);
    }

    pub(crate) fn try_write(&self) -> bool {
        self.monitor
            .change(|state| state.is_claimable() && state.try_begin_writing())
    }

    pub(crate) fn write(&self, deadline: Deadline) -> bool {
        let claim = |state: &mut State| {
            // A writer whose time is up takes what is kept for another one.
            let joins = deadline.exists() && !state.written && !state.upgradable;
            let may = state.is_claimable() || joins;
            state.writer |= may;
            may.then_some(true)
        };
        let written = self.monitor.wait(deadline, claim, |_| false) && self.begin_writing(deadline);
        if !written {
            self.monitor.change(State::give_up);
        }
        written
    }

    /// Waits for the readers to leave.
    fn begin_writing(&self, deadline: Deadline) -> bool {
        let begin = |state: &mut State| state.begin_writing().then_some(true);
        self.monitor.wait(deadline, begin, |_| false)
    }

    pub(crate) fn write_unbiased(&self, deadline: Deadline) -> bool {
        self.write(deadline)
    }

    pub(crate) fn write_again(&self) {
        self.write(Deadline::NEVER);
    }

    pub(crate) fn try_upgradable_read(&self) -> bool {
        self.monitor.change(State::try_read_upgradably)
    }

    pub(crate) fn upgradable_read(&self, deadline: Deadline) -> bool {
        let claim = |state: &mut State| state.try_read_upgradably().then_some(true);
        let claimed = self.monitor.wait(deadline, claim, |_| false);
        if !claimed {
            self.monitor.change(State::give_up);
        }
        claimed
    }

    /// Turns the caller's upgradable read into a write if there are no readers.
    ///
    /// # Safety
    /// The caller is the upgradable reader; if this returns true, it is the writer.
    pub unsafe fn try_upgrade(&self) -> bool {
        self.monitor.change(State::try_begin_writing)
    }

    /// # Safety
    /// The caller is the upgradable reader, and if this returns true, the writer.
    pub(crate) unsafe fn upgrade_by(&self, deadline: Deadline) -> bool {
        self.monitor.change(|state| state.writer = true);
        let upgraded = self.begin_writing(deadline);
        if !upgraded {
            self.monitor.change(|state| state.end_writing(true));
        }
        upgraded
    }

    /// Turns the caller's write into a read, with no other writer in between.
    ///
    /// # Safety
    /// The caller is the writer, and a reader when this returns.
    pub unsafe fn downgrade(&self) {
        self.monitor.change(|state| {
            state.end_writing(false);
            state.readers += 1;
        });
    }

    /// Turns the caller's write into an upgradable read.
    ///
    /// # Safety
    /// The caller is the writer, and the upgradable reader when this returns.
    pub unsafe fn downgrade_to_upgradable(&self) {
        self.monitor.change(|state| state.end_writing(true));
    }

    /// Turns the caller's upgradable read into a read.
    ///
    /// # Safety
    /// The caller is the upgradable reader, and a reader when this returns.
    pub unsafe fn downgrade_upgradable(&self) {
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
    /// As for [`unlock_read`](Self::unlock_read).
    pub(crate) unsafe fn unlock_read_fair(&self) {
        // SAFETY: the caller's promise is the same.
        unsafe { self.unlock_read() };
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

    /// Releases the upgradable read.
    ///
    /// # Safety
    /// The caller is the upgradable reader.
    pub unsafe fn unlock_upgradable(&self) {
        self.monitor.leave(|state| state.upgradable = false);
    }

    /// As [`unlock_upgradable`](Self::unlock_upgradable).
    ///
    /// # Safety
    /// As for [`unlock_upgradable`](Self::unlock_upgradable).
    pub unsafe fn unlock_upgradable_fair(&self) {
        // SAFETY: the caller's promise is the same.
        unsafe { self.unlock_upgradable() };
    }

    only_in_models! {
        pub(crate) fn assert_at_rest(&mut self) {
            let free = |state: &State| state.readers == 0 && !state.upgradable && !state.writer;
            self.monitor.assert_at_rest(free);
        }

        pub(crate) fn assert_unbiased_at_rest(&mut self) {
            self.assert_at_rest();
        }
    }

    pub(crate) fn is_waited_for(&self) -> bool {
        self.monitor.is_waited_for()
    }

    pub(crate) fn is_reader_waited_for(&self) -> bool {
        self.monitor.is_waited_for()
    }
}
