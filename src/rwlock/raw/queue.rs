//! The reader-writer lock's queue: waiting and waking. The invariants are those of [`raw`](super).

mod wake;

use super::RawRwLock;
use crate::parking::{self, FilterOp, Look, ParkResult};
use crate::policy::Starvation;
use crate::policy::spin::{QUIET, Spin};
use crate::rwlock::word::{
    DESIGNATED, NEXT, OTHER_NEXT, PARKED, READERS, UPGRADABLE, WRITER, WRITER_NEXT, admits_reader,
    admits_upgradable, is_late, is_named, with_lease,
};
use crate::sys::Ordering::Relaxed;
use crate::sys::deadline::Deadline;
use crate::sys::fork;
pub(super) use crate::tokens::RwLockKind as Kind;
use crate::tokens::{KeyOffset, ParkToken, RwLockWaiter as Waiter, UnparkToken};
use std::cell::Cell;

impl Kind {
    /// Whether a thread that was given this has no reason to sleep in the queue.
    fn may_enter(self, state: usize, given: Given) -> bool {
        let is_next = given.is_next;
        // (With a name, a writer has to revoke the bias first. For that it does not wait in this
        // queue.)
        let is_empty = state & READERS == 0 || is_named(state);
        match self {
            Kind::Reader => admits_reader(state, false, is_next),
            Kind::RecursiveReader => admits_reader(state, true, is_next),
            Kind::Upgradable => admits_upgradable(state, is_next),
            Kind::Writer => admits_upgradable(state, is_next) && is_empty,
            Kind::Upgrade => is_empty,
        }
    }

    /// The flag that keeps the lock for it.
    fn next(self) -> usize {
        match self {
            Kind::Writer | Kind::Upgrade => WRITER_NEXT,
            _ => OTHER_NEXT,
        }
    }

    /// Whether a writer or an upgradable reader keeps it out.
    pub(super) fn is_excluded(self, state: usize) -> bool {
        match self {
            Kind::Reader | Kind::RecursiveReader => state & WRITER != 0,
            Kind::Upgradable | Kind::Writer => state & (WRITER | UPGRADABLE) != 0,
            Kind::Upgrade => false,
        }
    }
}

impl Waiter {
    fn is_starved_writer(self) -> bool {
        self.starved && self.kind.next() == WRITER_NEXT
    }

    /// Whether it may enter a lock with this word. If the lock is kept, this supposes that it is
    /// kept for this thread.
    fn is_due(self, state: usize) -> bool {
        let waits_for_readers = self.kind.next() == WRITER_NEXT && state & READERS != 0;
        !waits_for_readers && !self.kind.is_excluded(state)
    }
}

/// What a thread was given when it was woken.
#[derive(Clone, Copy)]
pub(super) struct Given {
    /// `DESIGNATED`, if it is the designated waker.
    pub(super) designation: usize,
    /// Whether the lock is kept for it.
    pub(super) is_next: bool,
}

impl Given {
    pub(super) const NOTHING: Given = Given {
        designation: 0,
        is_next: false,
    };

    pub(super) fn token(self) -> UnparkToken {
        match (self.designation != 0, self.is_next) {
            (false, false) => UnparkToken::Nothing,
            (true, false) => UnparkToken::Designated,
            (false, true) => UnparkToken::Kept,
            (true, true) => UnparkToken::DesignatedAndKept,
        }
    }

    pub(super) fn of(token: UnparkToken) -> Self {
        Given {
            designation: if token.is_designated() { DESIGNATED } else { 0 },
            is_next: token.is_kept(),
        }
    }
}

/// How often a thread yields before it parks. Among many threads, the holders have mostly lost
/// their processors, and run during a yield.
const YIELDS: u32 = 8;

pub(super) fn revocation_key(key: usize) -> usize {
    KeyOffset::Revokers.of(key)
}

/// The state in which the lock is kept for a thread of this kind. It is not kept for a writer while
/// there is an upgradable reader, which may have entered after the writer was chosen: that thread
/// may wait for a new reader, and so new readers must not be kept out.
pub(super) fn keep_for(kind: Kind, state: usize) -> usize {
    match kind {
        Kind::Writer if kind.is_excluded(state) => state,
        _ => with_lease(state | kind.next()),
    }
}

/// Whether waiters depend on a thread that is on its way: a designated waker; or one for which the
/// lock is kept, while no thread is inside that will wake the next when it leaves.
fn is_expected(state: usize) -> bool {
    let is_kept = match state & (WRITER_NEXT | OTHER_NEXT) {
        0 => false,
        OTHER_NEXT => true,
        _ => state & READERS == 0,
    };
    state & DESIGNATED != 0 || is_kept && state & (WRITER | UPGRADABLE) == 0
}

impl RawRwLock {
    /// Waits until `attempt` succeeds; or it fails once more after the deadline; or it returns
    /// `None`, for a deadline that has passed.
    #[cold]
    pub(super) fn wait(
        &self,
        kind: Kind,
        deadline: Deadline,
        mut attempt: impl FnMut(&mut Given) -> Option<bool>,
    ) -> bool {
        let mut given = Given::NOTHING;
        if deadline.is_past() {
            return attempt(&mut given) == Some(true);
        }
        let mut spin = Spin::hot(QUIET).with_yields(YIELDS);
        let mut starvation = Starvation::new();
        let keeps = |starved| starved && kind.next() == WRITER_NEXT;
        let mut starved = false;
        // Whether the lock was kept for this thread at some time, and may still be.
        let mut was_next = false;
        let inside = loop {
            match attempt(&mut given) {
                Some(true) => {
                    spin.got_it();
                    break true;
                }
                Some(false) => {}
                None => break false,
            }
            if spin.again() {
                continue;
            }
            self.pass_on(&mut given);
            starved = starvation.is_reached();
            let result = self.park(kind, starved, given, deadline);
            was_next |= given.is_next;
            given.is_next &= result == ParkResult::Invalid;
            match result {
                ParkResult::Unparked(token) => {
                    given = Given::of(token);
                    if given.designation != 0 {
                        spin = Spin::woken();
                    }
                }
                ParkResult::TimedOut if deadline.passed() => {
                    // If this thread keeps the lock, as a starved writer, it does so for itself.
                    given.is_next = keeps(starved);
                    break attempt(&mut given) == Some(true);
                }
                ParkResult::TimedOut | ParkResult::Invalid => {}
            }
        };
        if !inside {
            self.pass_on(&mut given);
            self.keep_no_more(was_next || given.is_next || keeps(starved));
        }
        inside
    }

    /// Sleeps in the queue, unless there is no reason to.
    fn park(&self, kind: Kind, starved: bool, given: Given, deadline: Deadline) -> ParkResult {
        let limit = match starved {
            true => deadline,
            false => Starvation::limit(deadline),
        };
        let validate = || {
            let wait = |state| {
                if kind.may_enter(state, given) {
                    return None;
                }
                let next = match starved && kind.next() == WRITER_NEXT {
                    true => keep_for(kind, state),
                    false => state,
                };
                Some(next | PARKED)
            };
            // ORDERING: Relaxed, both. The queue's lock orders this against threads that wake
            // others there (RW2). The word orders it against threads whose release would let this
            // one enter: one exchange or the other comes first.
            self.state.fetch_update(Relaxed, Relaxed, wait).is_ok()
        };
        let timed_out = |_, last| {
            if last {
                let empty = |state| {
                    let kept = if state & DESIGNATED == 0 { NEXT } else { 0 };
                    Some(state & !(PARKED | kept))
                };
                // ORDERING: Relaxed, both; `PARKED` changes only under the queue's lock (RW2), and
                // the others order nothing.
                let _ = self.state.fetch_update(Relaxed, Relaxed, empty);
            }
        };
        let (key, token) = (self.key(), ParkToken::RwLock(Waiter { kind, starved }));
        let look = Some(Look {
            key,
            first: None,
            // ORDERING: Relaxed; under the queue's lock.
            expects: || is_expected(self.state.load(Relaxed)),
            look: |_| self.look(),
        });
        // SAFETY: the key is our address, and we borrow the lock.
        unsafe { parking::park_looking(key, token, limit, validate, || false, timed_out, look) }
    }

    /// What a thread in the queue does when it looks: if the thread that is on its way is late, it
    /// wakes another one in its place.
    fn look(&self) {
        // ORDERING: Relaxed; what it misses, the next look sees.
        let state = self.state.load(Relaxed);
        if is_expected(state) && is_late(state) {
            self.release(DESIGNATED, 0, false);
        }
    }

    /// Wakes the next, after the caller has entered as a reader or upgradable reader: others may
    /// enter too (RW3). `before` is the word until then.
    #[inline]
    pub(super) fn entered(&self, before: usize, mut given: Given) {
        if given.designation != 0 {
            self.pass_on(&mut given);
        } else if before & PARKED != 0 && before & NEXT != 0 && before & DESIGNATED == 0 {
            // SAFETY: we borrow the lock.
            unsafe { Self::wake(self.key(), false) };
        }
    }

    /// If the caller is the designated waker, ends the designation and wakes the next, which is the
    /// designated waker then.
    pub(super) fn pass_on(&self, given: &mut Given) {
        if std::mem::take(&mut given.designation) != 0 {
            self.release(DESIGNATED, 0, false);
        }
    }

    /// Gives up what the caller was given, before it panics.
    #[cold]
    pub(super) fn give_up(&self, given: &mut Given) {
        self.pass_on(given);
        if std::mem::take(&mut given.is_next) {
            self.keep_no_more(true);
        }
    }

    /// The caller gives up. Ends the keeping of the lock if it was kept for the caller, by itself
    /// or by the thread that woke it (`by_itself`); or if no waiter is left to keep it for.
    fn keep_no_more(&self, by_itself: bool) {
        // ORDERING: Relaxed; a thread that keeps the lock later does so for others, or on a lease.
        let state = self.state.load(Relaxed);
        if state & NEXT != 0 && (by_itself || state & (DESIGNATED | PARKED) == 0) {
            self.release(NEXT, 0, false);
        }
    }

    /// In the child of a fork: whether the lock, with the word `state`, was kept for a writer that
    /// is not in this process. If so, it is kept no more. (With readers inside, no lease ends it.)
    #[inline]
    pub(super) fn has_ended_inherited_wait(&self, state: usize) -> bool {
        let is_kept = state & WRITER_NEXT != 0 && state & (READERS | UPGRADABLE) != 0;
        is_kept && fork::generation() != 0 && !self.has_writer_in_queue()
    }

    /// Whether a writer is in the queue. If not, the lock is kept for none from then on.
    #[cold]
    fn has_writer_in_queue(&self) -> bool {
        let found = Cell::new(false);
        let choose = |token| match token {
            ParkToken::RwLock(waiter) if waiter.kind.next() == WRITER_NEXT => {
                found.set(true);
                FilterOp::Stop
            }
            _ => FilterOp::Skip,
        };
        let callback = |_, _| {
            if !found.get() {
                // ORDERING: Relaxed; under the queue's lock, and it keeps others out no more.
                self.state.fetch_and(!NEXT, Relaxed);
            }
            UnparkToken::Nothing
        };
        // SAFETY: we borrow the lock.
        unsafe { parking::unpark_some(self.key(), choose, callback) };
        found.get()
    }
}
