//! Waiting for the reader-writer lock in its queue, and waking those who wait. The invariants are
//! those of [`raw`](super).

use super::RawRwLock;
use crate::deadline::Deadline;
use crate::fork;
use crate::lease;
use crate::parking::{self, FilterOp, NO_TOKEN, ParkResult, ParkToken, UnparkToken};
use crate::primitive::Ordering::Relaxed;
use crate::primitive::Patience;
use crate::rwlock::word::{
    AWAKE, NEXT, OTHER_NEXT, PARKED, READERS, UPGRADABLE, WRITER, WRITER_NEXT, admits_reader,
    admits_upgradable, is_named, with_lease,
};
use crate::spin::Spin;
use crate::waiters;
use std::cell::Cell;
use std::ptr;

/// How a thread that waits is about to hold the lock.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Reader,
    RecursiveReader,
    Upgradable,
    Writer,
    /// The upgradable reader that is about to write.
    Upgrade,
}

const KINDS: [Kind; 5] = [
    Kind::Reader,
    Kind::RecursiveReader,
    Kind::Upgradable,
    Kind::Writer,
    Kind::Upgrade,
];

impl Kind {
    /// Whether a thread that was given this has no reason to sleep in the queue.
    fn may_come_in(self, state: usize, given: Given) -> bool {
        let is_next = given.is_next;
        // A name is to be taken away, which is not waited for in the queue.
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

    /// Whether only readers keep it out.
    fn waits_for_readers(self, state: usize) -> bool {
        match self {
            Kind::Writer => state & (WRITER | UPGRADABLE) == 0,
            Kind::Upgrade => true,
            _ => false,
        }
    }
}

/// What a thread in the queue parks with.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Waiter {
    kind: Kind,
    impatient: bool,
    /// It sleeps for a nap only (RW4).
    watching: bool,
}

impl Waiter {
    fn token(self) -> ParkToken {
        let flags = usize::from(self.impatient) + 2 * usize::from(self.watching);
        parking::late(parking::LATE_RWLOCK + 4 * self.kind as usize + flags)
    }

    fn of(token: ParkToken) -> Option<Self> {
        let n = parking::which_late(token)?.checked_sub(parking::LATE_RWLOCK)?;
        Some(Waiter {
            kind: *KINDS.get(n / 4)?,
            impatient: n & 1 != 0,
            watching: n & 2 != 0,
        })
    }

    fn is_impatient_writer(self) -> bool {
        self.impatient && self.kind.next() == WRITER_NEXT
    }

    /// Whether it may come into a lock whose word is this, if what is kept is kept for it.
    fn is_due(self, state: usize) -> bool {
        let is_empty = state & READERS == 0;
        match self.kind {
            Kind::Reader | Kind::RecursiveReader => state & WRITER == 0,
            Kind::Upgradable => state & (WRITER | UPGRADABLE) == 0,
            Kind::Writer => state & (WRITER | UPGRADABLE) == 0 && is_empty,
            Kind::Upgrade => is_empty,
        }
    }
}

/// In this order they are woken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Impatient writers, if the lock is kept for them: they wait for readers to leave.
    Writers,
    /// All readers, so that they wait for one writer at most.
    Readers,
    Others,
}

impl Turn {
    fn is_of(self, waiter: Waiter, state: usize) -> bool {
        let is_reader = matches!(waiter.kind, Kind::Reader | Kind::RecursiveReader);
        match self {
            Turn::Writers => {
                waiter.is_impatient_writer() && state & (WRITER_NEXT | OTHER_NEXT) == WRITER_NEXT
            }
            Turn::Readers => is_reader,
            Turn::Others => !is_reader,
        }
    }
}

/// What a thread was given when it was woken.
#[derive(Clone, Copy)]
pub(super) struct Given {
    /// `AWAKE`, if that is its own.
    pub(super) mark: usize,
    /// Whether the lock is kept for it.
    pub(super) is_next: bool,
}

impl Given {
    pub(super) const NOTHING: Given = Given {
        mark: 0,
        is_next: false,
    };

    fn token(self) -> UnparkToken {
        let marked = usize::from(self.mark != 0);
        UnparkToken(marked + 2 * usize::from(self.is_next))
    }

    fn of(UnparkToken(flags): UnparkToken) -> Self {
        Given {
            mark: if flags & 1 != 0 { AWAKE } else { 0 },
            is_next: flags & 2 != 0,
        }
    }
}

/// How often a thread yields before it parks. With many threads, those that are inside have mostly
/// lost their processor.
const YIELDS: u32 = 8;

/// Unpark token: watch, you are counted as watching.
const WATCH: UnparkToken = UnparkToken(8);

/// What a thread in the queue knows of its watching (RW4).
#[derive(Default)]
struct Watch {
    /// It was called to watch, and is counted as watching.
    is_called: bool,
    /// It may sleep for good only if another one watches, and it has found none.
    must: bool,
    /// It watches, until it is woken or its nap ends.
    is_watching: bool,
    /// It has watched, so that others may have relied on it.
    is_relied_on: bool,
}

pub(super) fn revocation_key(key: usize) -> usize {
    key + 2
}

/// The park token of a writer that waits for a slot. A reader that leaves may come there late.
pub(super) fn revocation_token() -> ParkToken {
    parking::late(2)
}

/// Whether a thread is on its way to a lock with this word, and no other is inside that would wake
/// the next when it leaves.
fn is_expected(state: usize) -> bool {
    let is_kept = match state & (WRITER_NEXT | OTHER_NEXT) {
        0 => false,
        OTHER_NEXT => true,
        _ => state & READERS == 0,
    };
    state & AWAKE != 0 || is_kept && state & (WRITER | UPGRADABLE) == 0
}

impl RawRwLock {
    /// Waits until `attempt` succeeds, or the deadline has passed and it fails once more, or says
    /// by `None` that it has passed.
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
        let mut spin = Spin::hot().with_yields(YIELDS);
        let mut patience = Patience::new();
        let keeps = |impatient| impatient && kind.next() == WRITER_NEXT;
        let mut watch = Watch::default();
        let mut impatient = false;
        // Whether the lock was kept for it at some time, and may still be.
        let mut was_next = false;
        let inside = loop {
            // One that was called to watch leaves the lock to the thread that is on its way, for one nap.
            if !watch.is_called {
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
            }
            self.pass_on(&mut given);
            impatient = patience.exhausted();
            let result = self.park(kind, impatient, given, deadline, &mut watch);
            was_next |= given.is_next;
            given.is_next &= result == ParkResult::Invalid;
            match result {
                ParkResult::Unparked(WATCH) => watch.is_called = true,
                ParkResult::Unparked(token) => {
                    given = Given::of(token);
                    if given.mark != 0 {
                        spin = Spin::woken();
                    }
                }
                ParkResult::TimedOut if deadline.passed() => {
                    // What it has kept, it has kept for itself.
                    given.is_next = keeps(impatient);
                    break attempt(&mut given) == Some(true);
                }
                // Its nap is over, or it has looked: it is awake in the place of a thread that has
                // not come.
                ParkResult::TimedOut if watch.is_watching || impatient => {
                    // ORDERING: Relaxed; the mark is nothing but a hint to others.
                    given.mark = self.state.load(Relaxed) & AWAKE;
                }
                ParkResult::TimedOut | ParkResult::Invalid => {}
            }
        };
        if !inside {
            self.pass_on(&mut given);
            self.keep_no_more(was_next || given.is_next || keeps(impatient));
        }
        if watch.is_relied_on {
            self.keep_watch();
        }
        inside
    }

    /// Sleeps in the queue, unless there is no reason to.
    fn park(
        &self,
        kind: Kind,
        impatient: bool,
        given: Given,
        deadline: Deadline,
        watch: &mut Watch,
    ) -> ParkResult {
        let key = self.key();
        let must_nap = std::mem::take(&mut watch.must);
        let is_called = std::mem::take(&mut watch.is_called);
        let watching = is_called || must_nap && waiters::watch(key);
        watch.is_watching = watching;
        watch.is_relied_on |= watching;
        let is_nap = watching || must_nap || !waiters::fits(key);
        let limit = match (is_nap, impatient) {
            (true, _) => deadline.min(Deadline::after(lease::LONGEST)),
            (false, true) => deadline,
            (false, false) => Patience::limit(deadline),
        };
        let must = Cell::new(false);
        let validate = || {
            let is_unwatched = waiters::needs_watcher(key);
            let wait = |state| {
                // (One that is alone in the queue does not look.)
                let relies = is_unwatched || state & PARKED == 0 && lease::may_stall();
                must.set(!is_nap && relies && is_expected(state));
                let is_left = is_called && is_expected(state);
                if kind.may_come_in(state, given) && !is_left || must.get() {
                    return None;
                }
                let keeps = impatient && kind.waits_for_readers(state);
                let next = if keeps {
                    with_lease(state | WRITER_NEXT)
                } else {
                    state
                };
                Some(next | PARKED)
            };
            // ORDERING: Relaxed, both: the queue's lock orders this against those that wake threads
            // there, and the word itself against those that would let us in: one exchange or the
            // other comes first.
            self.state.fetch_update(Relaxed, Relaxed, wait).is_ok()
        };
        let timed_out = |_, last| {
            if last {
                let empty = |state| {
                    let kept = if state & AWAKE == 0 { NEXT } else { 0 };
                    Some(state & !(PARKED | kept))
                };
                // ORDERING: Relaxed, both; the flags that matter change only under the queue's
                // lock.
                let _ = self.state.fetch_update(Relaxed, Relaxed, empty);
            }
            if watching {
                waiters::unwatch(key);
            }
        };
        let waiter = Waiter {
            kind,
            impatient,
            watching,
        };
        let token = waiter.token();
        // ORDERING: Relaxed; what it misses, the next look sees.
        let look =
            || is_expected(self.state.load(Relaxed)) && waiter.is_due(self.state.load(Relaxed));
        let look = (!is_nap).then_some(look);
        // SAFETY: the key is our address, and we borrow the lock.
        let result = unsafe { parking::park_looking(key, token, limit, validate, timed_out, look) };
        watch.must = must.get();
        if watching && result == ParkResult::Invalid {
            waiters::unwatch(key);
        }
        result
    }

    /// The caller has come in as a reader or upgradable reader, when the word was `before`: others
    /// may come in too.
    #[inline]
    pub(super) fn entered(&self, before: usize, mut given: Given) {
        if given.mark != 0 {
            self.pass_on(&mut given);
        } else if before & PARKED != 0 && before & NEXT != 0 && before & AWAKE == 0 {
            // SAFETY: we borrow the lock.
            unsafe { Self::wake(self.key(), false) };
        }
    }

    /// Leaves it to another thread to wake the next, if it is the caller's to do.
    pub(super) fn pass_on(&self, given: &mut Given) {
        if std::mem::take(&mut given.mark) != 0 {
            self.release(AWAKE, 0, false);
        }
    }

    /// The caller gives up. It may have kept the lock for itself, or another thread for it.
    fn keep_no_more(&self, by_itself: bool) {
        // ORDERING: Relaxed; a thread that keeps the lock later does so for others, or on a lease.
        let state = self.state.load(Relaxed);
        if state & NEXT != 0 && (by_itself || state & (AWAKE | PARKED) == 0) {
            self.release(NEXT, 0, false);
        }
    }

    /// In the child of a fork: whether the lock, whose word was `state`, was kept for a writer that
    /// is not in this process. Then it is no more. (While readers are inside, no lease ends that.)
    #[inline]
    pub(super) fn has_ended_inherited_wait(&self, state: usize) -> bool {
        let is_kept = state & WRITER_NEXT != 0 && state & (READERS | UPGRADABLE) != 0;
        is_kept && fork::generation() != 0 && !self.has_writer_in_queue()
    }

    /// Whether a writer is in the queue. If not, the lock is kept for none from then on.
    #[cold]
    fn has_writer_in_queue(&self) -> bool {
        let found = Cell::new(false);
        let choose = |token| match Waiter::of(token) {
            Some(waiter) if waiter.kind.next() == WRITER_NEXT => {
                found.set(true);
                FilterOp::Stop
            }
            _ => FilterOp::Skip,
        };
        let callback = |_, _| {
            if !found.get() {
                // ORDERING: Relaxed; under the queue's lock, it keeps others out no more.
                self.state.fetch_and(!NEXT, Relaxed);
            }
            NO_TOKEN
        };
        // SAFETY: we borrow the lock.
        unsafe { parking::unpark_some(self.key(), choose, callback) };
        found.get()
    }

    /// The calling thread was a watcher, and waits no more: calls another one if need be.
    #[cold]
    fn keep_watch(&self) {
        let key = self.key();
        // ORDERING: Relaxed; a thread that is called after this calls a watcher itself.
        let state = self.state.load(Relaxed);
        if is_expected(state) && state & PARKED != 0 && waiters::needs_watcher(key) {
            Self::call_watcher(key);
        }
    }

    /// Wakes the next in the queue that may come in, if no thread is awake; or if the release is
    /// `fair`: then the lock is kept for it.
    ///
    /// # Safety
    /// `key` is that of a reader-writer lock. It may be gone.
    #[cold]
    pub(super) unsafe fn wake(key: usize, fair: bool) {
        for turn in [Turn::Writers, Turn::Readers, Turn::Others] {
            // SAFETY: the caller's promise is the same.
            if unsafe { Self::wake_one(key, fair, turn) } {
                return;
            }
        }
    }

    /// Wakes the first whose turn it is. Returns whether there is nothing more to do.
    ///
    /// # Safety
    /// As for [`wake`](Self::wake).
    unsafe fn wake_one(key: usize, fair: bool, turn: Turn) -> bool {
        let lock = ptr::with_exposed_provenance::<Self>(key);
        let picked = Cell::new(None);
        let is_left_to_another = Cell::new(false);
        let writer_waits = Cell::new(false);
        let unwatched = Cell::new(false);
        let choose = |token| {
            let Some(waiter) = Waiter::of(token) else {
                return FilterOp::Skip;
            };
            if picked.get().is_some() {
                return FilterOp::Stop;
            }
            // SAFETY: this waiter parked with a token of ours under this key, so it borrows a lock
            // there (RW6).
            let lock = unsafe { &*lock };
            // ORDERING: Relaxed; a thread that changes the word after what this reads comes here
            // too, if need be.
            let state = lock.state.load(Relaxed);
            if state & AWAKE != 0 && !fair {
                is_left_to_another.set(true);
                return FilterOp::Stop;
            }
            if !turn.is_of(waiter, state) {
                return FilterOp::Skip;
            }
            if waiter.is_due(state) {
                picked.set(Some(waiter));
                return FilterOp::Unpark;
            }
            let waits = waiter.is_impatient_writer() && waiter.kind.waits_for_readers(state);
            writer_waits.set(writer_waits.get() || waits);
            FilterOp::Skip
        };
        let callback = |_, more| {
            let change = |next: &dyn Fn(usize) -> usize| {
                // SAFETY: this is only called where a waiter was found, as above, which does not
                // know yet that it is woken, or is in the queue, whose lock we have.
                let lock = unsafe { &*lock };
                // ORDERING: Relaxed, both; nothing is given, and the queue's lock orders the flags.
                let before = lock.state.fetch_update(Relaxed, Relaxed, |s| Some(next(s)));
                before.unwrap_or_else(|state| state)
            };
            let Some(waiter) = picked.get() else {
                if writer_waits.get() && turn == Turn::Others {
                    change(&|state| with_lease(state | WRITER_NEXT));
                }
                return NO_TOKEN;
            };
            let is_next = fair || waiter.impatient;
            let before = change(&|state| {
                // What was kept until now was kept for no thread.
                let state = state & !NEXT & if more { !0 } else { !PARKED } | AWAKE;
                match is_next {
                    true => with_lease(state | waiter.kind.next()),
                    false => state,
                }
            });
            if waiter.watching {
                waiters::unwatch(key);
            }
            unwatched.set(more && waiters::needs_watcher(key));
            let given = Given {
                mark: !before & AWAKE,
                is_next,
            };
            given.token()
        };
        // SAFETY: the lock may be gone, but `choose` picks only tokens that are a reader-writer
        // lock's.
        unsafe { parking::unpark_some(key, choose, callback) };
        if unwatched.get() {
            Self::call_watcher(key);
        }
        picked.get().is_some()
            || is_left_to_another.get()
            || turn == Turn::Writers && writer_waits.get()
    }

    /// Wakes the last thread in the queue to watch (RW4). The lock with this key may be gone.
    #[cold]
    fn call_watcher(key: usize) {
        let lock = ptr::with_exposed_provenance::<Self>(key);
        let choose = |token| match Waiter::of(token) {
            None => FilterOp::Skip,
            Some(waiter) if waiter.watching => FilterOp::Stop,
            Some(_) => FilterOp::Unpark,
        };
        let callback = |more: bool| {
            if !more {
                // SAFETY: a waiter was found that parked with a token of ours under this key, and
                // does not know yet that it is woken (RW6).
                let lock = unsafe { &*lock };
                // ORDERING: Relaxed; under the queue's lock.
                lock.state.fetch_and(!PARKED, Relaxed);
            }
            if waiters::watch(key) { WATCH } else { NO_TOKEN }
        };
        // SAFETY: the lock may be gone, but `choose` picks only tokens that are a reader-writer
        // lock's.
        unsafe { parking::unpark_last(key, choose, callback) };
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn tokens_tell_what_they_were_made_of() {
        let all = KINDS.into_iter().flat_map(|kind| {
            [0, 1, 2, 3].map(|flags| Waiter {
                kind,
                impatient: flags & 1 != 0,
                watching: flags & 2 != 0,
            })
        });
        for waiter in all {
            assert!(Waiter::of(waiter.token()) == Some(waiter));
        }
        for other in [parking::late(0), revocation_token(), ParkToken(7)] {
            assert!(Waiter::of(other).is_none());
        }
        for (mark, is_next) in [(0, false), (AWAKE, false), (0, true), (AWAKE, true)] {
            let given = Given { mark, is_next };
            let given = Given::of(given.token());
            assert!(given.mark == mark && given.is_next == is_next);
        }
    }
}
