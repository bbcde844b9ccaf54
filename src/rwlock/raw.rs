//! The reader-writer lock's state machine: a word, a queue, and a place where one writer waits for readers.
//!
//! ```text
//! 31            4   3        2        1            0
//! +-------------+--------+--------+------------+--------+
//! |   readers   | DRAINS | PARKED | UPGRADABLE | WRITER |
//! +-------------+--------+--------+------------+--------+
//! ```
//!
//! A writer takes the lock in two steps: it takes `WRITER`, which keeps other writers, upgradable readers and
//! new readers out, and then waits until the readers that are inside have left. An upgrade is the second step
//! after turning `UPGRADABLE` into `WRITER`. So:
//!
//! | bits | readers | who is inside |
//! |---|---|---|
//! | none | n | n readers |
//! | `UPGRADABLE` | n | n readers and an upgradable one |
//! | `WRITER` | n > 0 | n readers; one writer waits for them to leave |
//! | `WRITER` | 0 | one writer |
//!
//! ## Invariants
//! 1. `WRITER` and `UPGRADABLE` are never both set; only their owner clears or exchanges them, and while either
//!    is set nobody else sets one.
//! 2. The *queue* (key: the word's address) holds readers that wait for `WRITER` to go, and writers and
//!    upgradable readers that wait for `WRITER` and `UPGRADABLE` to go. `PARKED` is set whenever a thread is in
//!    it, and changes only under its lock.
//! 3. Whoever clears `WRITER` or `UPGRADABLE` while `PARKED` is set does so under the queue's lock, and takes
//!    out of the queue everybody who may now run. So nobody is left who waits for a bit that is not set.
//! 4. The *drain* (key: the address plus one) holds at most the owner of `WRITER`. `DRAINS` is set whenever it
//!    is there. The reader that leaves last wakes it.
//! 5. A reader that has left touches the lock no more, unless it finds, under the drain's lock, a writer there,
//!    which borrows the lock.
//!
//! ## Fairness
//! Phase-fair (B. Brandenburg and J. Anderson, 2010): a reader that sleeps waits for one writer at most, for a
//! writer that leaves admits every reader that is in the queue by counting it in; and a writer that owns
//! `WRITER` waits only for the readers that were inside. Between writers, a running one may come before one
//! that sleeps (barging), until that one has waited longer than [`Patience`] and says so in its park token:
//! then the bit is handed to it.

mod queue;

use crate::deadline::Deadline;
use crate::parking::{self, ParkResult, ParkToken, UnparkToken};
use crate::primitive::Ordering::{Acquire, Relaxed, Release};
use crate::primitive::{Access, AtomicU32, Patience, const_fn};
use crate::spin::Spin;

const WRITER: u32 = 1;
const UPGRADABLE: u32 = 2;
const PARKED: u32 = 4;
const DRAINS: u32 = 8;
const ONE_READER: u32 = 16;
const READERS: u32 = !(ONE_READER - 1);

/// Half of what the word can count. The other half is for those who must not be refused, which are as many as there
/// are threads: readers that are admitted from the queue (and go again if that was too many), that take their lock
/// again after a wait, and writers that downgrade.
const MAX_READERS: u32 = READERS / ONE_READER / 2;

/// Park tokens in the queue: the bit that the thread waits to set, or zero for a reader …
const READ: usize = 0;
/// … and this if it has waited too long.
const IMPATIENT: usize = 4;

/// Unpark token: readers have been counted in.
const ADMITTED: usize = 2;
/// Unpark token: the writer or upgradable reader owns its bit.
const HANDED_OVER: usize = 4;

/// The park token in the drain. A reader that leaves may come there late.
fn drain_token() -> ParkToken {
    parking::late(1)
}

fn is_readable(state: u32, recursive: bool) -> bool {
    // With readers inside, the writer only waits, and a recursive reader may pass it.
    state & WRITER == 0 || (recursive && state & READERS != 0)
}

fn is_claimable(state: u32) -> bool {
    state & (WRITER | UPGRADABLE) == 0
}

#[cold]
fn too_many_readers() -> ! {
    panic!("RwLock::read: more than {MAX_READERS} readers");
}

/// The untyped reader-writer lock. It appears in the types of guards; use [`RwLock`](crate::RwLock).
pub struct RawRwLock {
    state: AtomicU32,
    data: Access,
}

impl RawRwLock {
    const_fn! {
        pub(crate) const fn new() -> Self {
            RawRwLock {
                state: AtomicU32::new(0),
                data: Access::new(),
            }
        }
    }

    #[inline(always)]
    pub(crate) fn key(&self) -> usize {
        // Exposed, so that a late wake may find its way back to it.
        (&raw const *self).expose_provenance()
    }

    pub(crate) fn is_locked(&self) -> bool {
        // ORDERING: Relaxed, here and below: an answer that may be old orders nothing.
        self.state.load(Relaxed) & (READERS | WRITER | UPGRADABLE) != 0
    }

    pub(crate) fn is_locked_exclusive(&self) -> bool {
        // ORDERING: as above.
        let state = self.state.load(Relaxed);
        state & WRITER != 0 && state & READERS == 0
    }

    // ---- Readers.

    /// Panics if there are `limit` readers already.
    #[inline]
    fn try_enter(&self, recursive: bool, limit: u32) -> bool {
        // ORDERING: Relaxed; the exchange orders.
        let mut state = self.state.load(Relaxed);
        while is_readable(state, recursive) {
            if state / ONE_READER >= limit {
                too_many_readers();
            }
            // ORDERING: Acquire pairs with the Release of the last writer.
            match self
                .state
                .compare_exchange_weak(state, state + ONE_READER, Acquire, Relaxed)
            {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        false
    }

    #[inline]
    pub(crate) fn try_read(&self, recursive: bool) -> bool {
        let inside = self.try_enter(recursive, MAX_READERS);
        if inside {
            self.data.shared();
        }
        inside
    }

    /// False if the deadline passed first.
    #[inline]
    pub(crate) fn read(&self, recursive: bool, deadline: Deadline) -> bool {
        let inside = self.try_enter(recursive, MAX_READERS)
            || self.read_contended(recursive, MAX_READERS, deadline);
        if inside {
            self.data.shared();
        }
        inside
    }

    /// Takes a read that the caller has given back for a while. It must not fail, so it does not panic.
    pub(crate) fn read_again(&self) {
        let _ = self.try_enter(false, u32::MAX)
            || self.read_contended(false, u32::MAX, Deadline::NEVER);
        self.data.shared();
    }

    #[cold]
    fn read_contended(&self, recursive: bool, limit: u32, deadline: Deadline) -> bool {
        let mut spin = Spin::new();
        loop {
            if self.try_enter(recursive, limit) {
                return true;
            }
            if spin.again() {
                continue;
            }
            let blocked = |state| !is_readable(state, recursive);
            match self.park(ParkToken(READ), deadline, blocked) {
                ParkResult::Unparked(UnparkToken(given)) if given & ADMITTED != 0 => {
                    // ORDERING: Acquire pairs with the Release by which the writer counted us in.
                    if self.state.load(Acquire) / ONE_READER > limit {
                        // SAFETY: we were counted in.
                        unsafe { self.unlock_read() };
                        too_many_readers();
                    }
                    return true;
                }
                ParkResult::TimedOut => return false,
                ParkResult::Unparked(_) | ParkResult::Invalid => {}
            }
        }
    }

    /// # Safety
    /// The caller is one of the readers.
    #[inline]
    pub(crate) unsafe fn unlock_read(&self) {
        self.data.shared();
        let key = self.key();
        // ORDERING: Release pairs with the Acquire by which a writer sees that the readers have left.
        let state = self.state.fetch_sub(ONE_READER, Release);
        if state & (READERS | DRAINS) == ONE_READER | DRAINS {
            Self::wake_drained(key);
        }
    }

    // ---- Writers and upgradable readers.

    /// Sets `bit`, `WRITER` or `UPGRADABLE`, when neither is set.
    #[inline]
    fn try_claim(&self, bit: u32, free: impl Fn(u32) -> bool) -> bool {
        // ORDERING: Relaxed; the exchange orders.
        let mut state = self.state.load(Relaxed);
        while free(state) {
            // ORDERING: Acquire pairs with the Release of the last writer, and, where `free` asks for no
            // readers, with those of the readers that have left.
            match self
                .state
                .compare_exchange_weak(state, state | bit, Acquire, Relaxed)
            {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        false
    }

    /// Waits until neither `WRITER` nor `UPGRADABLE` is set, and sets `bit`.
    #[cold]
    fn claim(&self, bit: u32, deadline: Deadline) -> bool {
        let mut spin = Spin::new();
        let mut patience = Patience::new();
        loop {
            if self.try_claim(bit, is_claimable) {
                return true;
            }
            if spin.again() {
                continue;
            }
            let impatient = if patience.exhausted() { IMPATIENT } else { 0 };
            let token = ParkToken(bit as usize | impatient);
            match self.park(token, deadline, |state| !is_claimable(state)) {
                ParkResult::Unparked(UnparkToken(given)) if given & HANDED_OVER != 0 => {
                    // ORDERING: Acquire pairs with the Release by which the bit was handed over.
                    self.state.load(Acquire);
                    return true;
                }
                ParkResult::TimedOut => return false,
                ParkResult::Unparked(_) | ParkResult::Invalid => {}
            }
        }
    }

    /// Waits until the readers have left. The caller owns `WRITER`.
    fn drain(&self, deadline: Deadline) -> bool {
        let mut spin = Spin::new();
        loop {
            // ORDERING: Acquire pairs with the Release of every reader that has left.
            if self.state.load(Acquire) & READERS == 0 {
                return true;
            }
            if spin.again() {
                continue;
            }
            let validate = || {
                let blocked = |state| state & READERS != 0;
                self.set_while(DRAINS, blocked)
            };
            let timed_out = |_, _| {
                // ORDERING: Relaxed; the queue's lock orders it against the last reader's change of the bit.
                self.state.fetch_and(!DRAINS, Relaxed);
            };
            let key = self.key() + 1;
            // SAFETY: the key is inside our word, and we borrow the lock.
            let result =
                unsafe { parking::park(key, drain_token(), deadline, validate, || {}, timed_out) };
            if result == ParkResult::TimedOut {
                return false;
            }
        }
    }

    #[inline]
    pub(crate) fn try_write(&self) -> bool {
        let free = |state| state & (READERS | WRITER | UPGRADABLE) == 0;
        let taken = self.try_claim(WRITER, free);
        if taken {
            self.data.exclusive();
        }
        taken
    }

    /// False if the deadline passed first.
    #[inline]
    pub(crate) fn write(&self, deadline: Deadline) -> bool {
        // ORDERING: Acquire as in `try_claim`.
        let taken = self
            .state
            .compare_exchange(0, WRITER, Acquire, Relaxed)
            .is_ok()
            || self.write_contended(deadline);
        if taken {
            self.data.exclusive();
        }
        taken
    }

    #[cold]
    fn write_contended(&self, deadline: Deadline) -> bool {
        if !self.claim(WRITER, deadline) {
            return false;
        }
        let drained = self.drain(deadline);
        if !drained {
            self.release(WRITER, 0, false);
        }
        drained
    }

    /// # Safety
    /// The caller is the writer.
    #[inline]
    pub(crate) unsafe fn unlock_write(&self) {
        self.data.exclusive();
        // ORDERING: Release pairs with the Acquire of whoever enters next.
        let alone = self.state.compare_exchange(WRITER, 0, Release, Relaxed);
        if alone.is_err() {
            self.release(WRITER, 0, false);
        }
    }

    /// # Safety
    /// The caller is the writer.
    pub(crate) unsafe fn unlock_write_fair(&self) {
        self.data.exclusive();
        self.release(WRITER, 0, true);
    }

    #[inline]
    pub(crate) fn try_upgradable_read(&self) -> bool {
        let taken = self.try_claim(UPGRADABLE, is_claimable);
        if taken {
            self.data.shared();
        }
        taken
    }

    /// False if the deadline passed first.
    #[inline]
    pub(crate) fn upgradable_read(&self, deadline: Deadline) -> bool {
        let taken = self.try_claim(UPGRADABLE, is_claimable) || self.claim(UPGRADABLE, deadline);
        if taken {
            self.data.shared();
        }
        taken
    }

    /// # Safety
    /// The caller is the upgradable reader.
    #[inline]
    pub(crate) unsafe fn unlock_upgradable(&self) {
        self.data.shared();
        self.release(UPGRADABLE, 0, false);
    }

    /// # Safety
    /// The caller is the upgradable reader.
    pub(crate) unsafe fn unlock_upgradable_fair(&self) {
        self.data.shared();
        self.release(UPGRADABLE, 0, true);
    }

    // ---- From one mode to another.

    /// Turns the caller's upgradable read into a write if there are no readers.
    ///
    /// # Safety
    /// The caller is the upgradable reader; if this returns true, it is the writer.
    pub(crate) unsafe fn try_upgrade(&self) -> bool {
        // ORDERING: Relaxed; the exchange orders.
        let mut state = self.state.load(Relaxed);
        while state & READERS == 0 {
            let upgraded = state - UPGRADABLE + WRITER;
            // ORDERING: Acquire pairs with the Release of every reader that has left.
            match self
                .state
                .compare_exchange_weak(state, upgraded, Acquire, Relaxed)
            {
                Ok(_) => {
                    self.data.exclusive();
                    return true;
                }
                Err(now) => state = now,
            }
        }
        false
    }

    /// Turns the caller's upgradable read into a write, once the readers have left. New ones stay out.
    ///
    /// # Safety
    /// The caller is the upgradable reader. If this returns true, it is the writer; if it returns false, the
    /// deadline passed, and it is still the upgradable reader.
    pub(crate) unsafe fn upgrade(&self, deadline: Deadline) -> bool {
        // UPGRADABLE goes and WRITER comes, in one step.
        // ORDERING: Relaxed; `drain` orders.
        self.state.fetch_sub(UPGRADABLE - WRITER, Relaxed);
        let drained = self.drain(deadline);
        if drained {
            self.data.exclusive();
        } else {
            self.release(WRITER, UPGRADABLE, false);
        }
        drained
    }

    /// Turns the caller's write into a read, with no other writer in between.
    ///
    /// # Safety
    /// The caller is the writer, and a reader when this returns.
    pub(crate) unsafe fn downgrade(&self) {
        self.data.exclusive();
        self.release(WRITER, ONE_READER, false);
    }

    /// Turns the caller's write into an upgradable read.
    ///
    /// # Safety
    /// The caller is the writer, and the upgradable reader when this returns.
    pub(crate) unsafe fn downgrade_to_upgradable(&self) {
        self.data.exclusive();
        self.release(WRITER, UPGRADABLE, false);
    }

    /// Turns the caller's upgradable read into a read. Panics, and leaves it as it is, if there are too many readers.
    ///
    /// # Safety
    /// The caller is the upgradable reader, and a reader when this returns.
    pub(crate) unsafe fn downgrade_upgradable(&self) {
        // ORDERING: Relaxed; it is only counted.
        if self.state.load(Relaxed) / ONE_READER >= MAX_READERS {
            too_many_readers();
        }
        self.release(UPGRADABLE, ONE_READER, false);
    }

    /// Whether somebody is in the queue, or waits for readers to leave.
    #[inline]
    pub(crate) fn has_waiters(&self) -> bool {
        // ORDERING: Relaxed, as in `is_locked`.
        let state = self.state.load(Relaxed);
        state & PARKED != 0 || (state & WRITER != 0 && state & READERS != 0)
    }

    /// For models: nobody holds the lock, waits for it, or touches it at the same time as this.
    #[cfg(loom)]
    pub(crate) fn assert_at_rest(&mut self) {
        self.state
            .with_mut(|state| assert_eq!(*state, 0, "at rest"));
    }
}
