//! The reader-writer lock's state machine: a word ([`super::word`]), a queue, a registry of readers
//! ([`super::bias`]), and two places where writers wait for readers.
//!
//! A writer acquires the lock in two steps: it sets `WRITER`, which keeps other writers, upgradable readers and
//! new readers out, and then waits until the counted readers have left. An upgrade is the second step
//! after turning `UPGRADABLE` into `WRITER`. So:
//!
//! | bits | readers | what is inside |
//! |---|---|---|
//! | none | n | n readers |
//! | `UPGRADABLE` | n | n readers and an upgradable one |
//! | `WRITER` | n > 0 | n readers; one writer waits for them to leave |
//! | `WRITER` | 0 | one writer |
//! | either, and `RESERVED` | n | n readers; the bit is kept for a waiter that was woken |
//!
//! ## Biased readers
//! Readers are *counted* in the word or, while `BIASED` is set, *published* in slots: a published reader only reads the
//! word. It writes the lock's address and the period into a slot, passes a fence, and reads the word again. It is
//! inside if nothing has changed. Otherwise it counts itself, and then leaves the slot.
//!
//! A writer that finds `BIASED` ends the bias first: it exchanges `BIASED` for `REVOKING`, from when on readers count
//! themselves. It passes a fence, and looks at the slots. Either the reader sees the change of the word or
//! the writer sees the slot. When the writer has seen each slot without this lock and period, it sets `WRITER` and clears
//! `REVOKING` in one step. Until then it keeps no reader out, so a `try_write` in vain changes nothing for others. Any
//! writer may do this, and a later one takes over from one that gave up.
//!
//! There are two pairs of fences. A full one on both sides costs a reader an exchange, on a line that is its own. The
//! asymmetric pair ([`crate::fence`]) costs readers nothing, but a writer some ten microseconds, so it is for locks that
//! are hardly ever written: `ASYMMETRIC` says that readers rely on it.
//!
//! A bias must be earned: a reader that counts itself begins one when its thread has missed enough by
//! counting ([`super::bias::earns`]). Later a reader sets `ASYMMETRIC` ([`super::bias::promotes`]).
//!
//! ## Invariants
//! - **RW1** `WRITER` and `UPGRADABLE` are never both set. Only their owner clears or exchanges them, or, if
//!   `RESERVED` is set, any thread that confirms or takes the reservation.
//! - **RW2** The *queue* (key: the word's address) holds readers that wait for `WRITER` to go, and writers and
//!   upgradable readers that wait for `WRITER` and `UPGRADABLE` to go. `PARKED` is set whenever a thread is in
//!   it, and changes only under its lock.
//! - **RW3** A thread that clears `WRITER` or `UPGRADABLE` while `PARKED` is set does so under the queue's lock, and
//!   takes out of the queue the threads that may now run, or leaves that to the designated waker (RW6).
//! - **RW4** The *drain* (key: the address plus one) holds at most the owner of `WRITER`. `DRAINS` is set whenever it
//!   is there. The counted reader that leaves last wakes it (and a writer has only a reservation from then on,
//!   unless it is an upgrade, which was inside all the time). In the *revocation* (key: the address plus two)
//!   writers wait for slots, counted as waiters ([`crate::waiters`]); each reader that leaves a slot wakes them.
//! - **RW5** A reader that has left touches the lock no more, unless it finds, under the drain's lock, a writer there,
//!   which borrows the lock.
//! - **RW6** `AWAKE` says that there is a designated waker. It clears the mark in the step in which it sets its bit
//!   or parks. Until then releasers wake no other thread: by the end of the mark it sees what they have
//!   released. If another thread becomes the upgradable reader meanwhile, it lets in the readers that were left in the
//!   queue. To clear the mark too early costs a needless wake-up, nothing else.
//! - **RW7** While a reader is in its slot and inside, the word names its period, with `BIASED` or `REVOKING`. Only a
//!   thread that has seen each slot without this lock and period, after a fence after it had seen `REVOKING`, clears
//!   that; the exchange that does fails if the tag has changed. While `WRITER` is set, neither is.
//! - **RW8** Only a reader that holds a ticket takes one off the tickets, and only the owner of `WRITER` that has
//!   waited long for them revokes them, all at once. While there are tickets, no writer is inside. A
//!   reader whose ticket is revoked waits on as if it had none.
//! - **RW9** No thread depends on a woken one. Whatever is kept for a waiter (the mark, a reservation, a
//!   ticket) others take when they have seen it for a nap ([`super::nap`]). Each thread in the queue naps, and so
//!   does the one in the drain.
//!
//! RW7 compares tags, and a period comes back after 2^19 biases of the process. A writer would have to be stopped
//! between its look and its exchange for a multiple of that, exactly, while its own lock was biased again.
//!
//! ## Fairness
//! A writer that owns `WRITER` waits only for the readers that were inside, for new ones stay out. Between writers, and
//! between writers and parked readers, a running thread may come before a parked one (barging), until that one
//! has waited longer than [`Patience`] and says so in its park token. From then on it is phase-fair (B. Brandenburg and
//! J. Anderson, 2010): the next writer that leaves gives tickets to such readers, and reserves its bit for the first such
//! writer. And where the designated waker does not come in time, a releaser gives way to it, and to all others, in
//! their turn ([`crate::turns`]).

mod convert;
mod drain;
mod queue;
mod readers;
#[cfg(all(test, not(loom)))]
mod tests;

use super::nap;
use super::word::*;
use crate::deadline::Deadline;
use crate::parking::{self, ParkResult, ParkToken, UnparkToken};
use crate::primitive::Ordering::{Acquire, Relaxed, Release};
use crate::primitive::{Access, AtomicUsize, Patience, const_fn};
use crate::rwlock::bias;
use crate::spin::Spin;
use drain::{Drain, Drainer};

/// Park tokens in the queue: the bit that the thread waits to set, or zero for a reader …
const READ: usize = 0;
/// … and this if it has waited too long.
const IMPATIENT: usize = 4;

/// Unpark token: all readers have got tickets, not only those that were impatient.
const ALL_ADMITTED: usize = 2;
/// Unpark token: a bit is reserved for the writer or upgradable reader.
const KEPT: usize = 4;
/// Unpark token: the writer or upgradable reader is the designated waker.
const WOKEN: usize = 8;

fn drain_key(key: usize) -> usize {
    key + 1
}

fn revocation_key(key: usize) -> usize {
    key + 2
}

/// The park token in the revocation. A reader that leaves may come there late.
fn revocation_token() -> ParkToken {
    parking::late(2)
}

/// The word of a new lock.
#[cfg(not(loom))]
const fn initial() -> usize {
    0
}

#[cfg(loom)]
fn initial() -> usize {
    use crate::primitive::modeled::{Bias, bias};
    let biased = || new_tag(bias::new_period().unwrap_or_default(), bias::own_copy());
    match bias() {
        Bias::Never | Bias::Warming => 0,
        Bias::OwnLine => biased(),
        Bias::Asymmetric => biased() | ASYMMETRIC,
    }
}

fn is_claimable(state: usize) -> bool {
    state & (WRITER | UPGRADABLE) == 0
}

#[cold]
fn too_many_readers() -> ! {
    panic!("RwLock::read: more than {MAX_READERS} readers");
}

/// Panics if another copy of this crate has biased the lock: this one does not see its readers. Nothing has changed.
fn assert_own(state: usize) {
    assert!(
        !is_tagged(state) || copy(state) == bias::own_copy(),
        "RwLock: the lock is in use by another copy of the crate `anteroom` in this process"
    );
}

/// What came of trying to set a bit.
enum Claim {
    Taken,
    Blocked,
    /// The slots come first: see [`RawRwLock::revoke`].
    Biased,
}

/// What a thread may do that claims a bit.
#[derive(Clone, Copy, Default)]
struct Rights {
    /// It takes what is reserved.
    takes_reserved: bool,
    /// The mark that it clears.
    mark: usize,
    /// The tag of which it has seen all slots empty.
    revoked: usize,
}

/// The untyped reader-writer lock. It appears in the types of guards; use [`RwLock`](crate::RwLock).
pub struct RawRwLock {
    state: AtomicUsize,
    data: Access,
}

impl RawRwLock {
    const_fn! {
        pub(crate) const fn new() -> Self {
            RawRwLock {
                state: AtomicUsize::new(initial()),
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
        let state = self.state.load(Relaxed);
        state & (READERS | WRITER | UPGRADABLE) != 0
            || (is_tagged(state) && (copy(state) != bias::own_copy() || self.is_published(state)))
    }

    pub(crate) fn is_locked_exclusive(&self) -> bool {
        // ORDERING: as above.
        let state = self.state.load(Relaxed);
        state & (WRITER | RESERVED) == WRITER && !is_read(state)
    }

    // ---- Writers and upgradable readers.

    /// Sets `bit`, `WRITER` or `UPGRADABLE`, if `free` says so.
    #[inline]
    fn try_claim(&self, bit: usize, rights: Rights, free: impl Fn(usize) -> bool) -> Claim {
        // ORDERING: Relaxed; the exchange orders.
        let mut state = self.state.load(Relaxed);
        loop {
            let takes = rights.takes_reserved && state & RESERVED != 0;
            let mut left = match takes {
                true => state & !(WRITER | UPGRADABLE | RESERVED),
                false => state,
            };
            if !free(left) {
                return Claim::Blocked;
            }
            if bit == WRITER {
                let tag = tag(left);
                if tag != 0 && tag != rights.revoked {
                    return Claim::Biased;
                }
                left = untagged(left);
            }
            let next = (left | bit) & !rights.mark;
            // ORDERING: Acquire pairs with the Release of the last writer, and, where `free` asks for no
            // readers, with those of the readers that have left.
            match self
                .state
                .compare_exchange_weak(state, next, Acquire, Relaxed)
            {
                Ok(before) => {
                    let left_out = before & AWAKE != 0 || (takes && before & WRITER != 0);
                    if bit == UPGRADABLE && before & PARKED != 0 && left_out {
                        // A releaser left readers to the designated waker, or to the writer. They may join us.
                        self.release(UPGRADABLE, UPGRADABLE, false);
                    }
                    return Claim::Taken;
                }
                Err(now) => state = now,
            }
        }
    }

    /// Waits until neither `WRITER` nor `UPGRADABLE` is set, and sets `bit`.
    #[cold]
    fn claim(&self, bit: usize, deadline: Deadline) -> bool {
        let mut spin = None;
        let mut patience = Patience::new();
        let mut rights = Rights::default();
        // Whether the thread is the designated waker, and whether its time is up.
        let mut mark = 0;
        let mut over = false;
        loop {
            match self.try_claim(bit, rights, is_claimable) {
                Claim::Taken => {
                    if let Some(spin) = spin {
                        Spin::got_it(spin);
                    }
                    return true;
                }
                Claim::Biased => {
                    if mark != 0 {
                        // It may take long, and end with a panic.
                        self.resign();
                        (mark, rights.mark) = (0, 0);
                    }
                    let deadline = if over { None } else { Some(deadline) };
                    if !self.revoke(deadline, &mut rights) {
                        return false;
                    }
                    continue;
                }
                Claim::Blocked => rights.takes_reserved = false,
            }
            if over {
                return false;
            }
            if spin.get_or_insert_with(Spin::hot).again() {
                continue;
            }
            let impatient = if patience.exhausted() { IMPATIENT } else { 0 };
            let token = ParkToken(bit | impatient);
            let parked = self.park(token, mark, deadline, |state| !is_claimable(state));
            if parked != ParkResult::Invalid {
                (mark, rights.mark) = (0, 0);
            }
            match parked {
                ParkResult::Unparked(UnparkToken(given)) if given & KEPT != 0 => {
                    // ORDERING: Acquire pairs with the Release by which the bit was reserved. A
                    // read-modify-write reads the newest value, so this does not rely on what a
                    // wake-up orders.
                    self.state.fetch_or(0, Acquire);
                    rights.takes_reserved = true;
                }
                ParkResult::Unparked(UnparkToken(given)) => {
                    mark = if given & WOKEN != 0 { AWAKE } else { 0 };
                    rights.mark = mark;
                    spin = Some(Spin::woken());
                }
                ParkResult::TimedOut => {
                    // If a thread was woken, it has not come (RW9).
                    rights.takes_reserved = true;
                    rights.mark = AWAKE;
                    over = deadline.passed();
                }
                ParkResult::Invalid => {}
            }
        }
    }

    #[inline]
    pub(crate) fn try_write(&self) -> bool {
        let taken = self.try_write_at_once();
        if taken {
            self.data.exclusive();
        }
        taken
    }

    fn try_write_at_once(&self) -> bool {
        let mut rights = Rights::default();
        loop {
            // ORDERING: Relaxed; `revoke` looks again. This look spares readers a revocation for nothing.
            let state = self.state.load(Relaxed);
            let free = |state| is_claimable(state) && !is_read(state);
            if !free(state) {
                return false;
            }
            assert_own(state);
            if is_tagged(state) && self.is_published(state) {
                return false;
            }
            match self.try_claim(WRITER, rights, free) {
                Claim::Taken => return true,
                Claim::Blocked => return false,
                Claim::Biased if self.revoke(None, &mut rights) => {}
                Claim::Biased => return false,
            }
        }
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

    /// Takes a write that the caller's guard has given back for a while. The guard lives on, so this does not unwind.
    pub(crate) fn write_again(&self) {
        struct Abort;
        impl Drop for Abort {
            fn drop(&mut self) {
                // A model that fails unwinds all its threads.
                if cfg!(not(loom)) {
                    std::process::abort();
                }
            }
        }
        let abort = Abort;
        self.write(Deadline::NEVER);
        std::mem::forget(abort);
    }

    #[cold]
    fn write_contended(&self, deadline: Deadline) -> bool {
        if deadline.is_past() {
            return self.try_write_at_once();
        }
        while self.claim(WRITER, deadline) {
            match self.drain(Drainer::Writer, deadline) {
                Drain::Done => return true,
                Drain::TimedOut => {
                    self.release(WRITER, 0, false);
                    return false;
                }
                Drain::Lost => {}
            }
        }
        false
    }

    /// # Safety
    /// The caller is the writer.
    #[inline]
    pub(crate) unsafe fn unlock_write(&self) {
        self.data.exclusive();
        // ORDERING: Release pairs with the Acquire of the thread that enters next.
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
        let taken = self.try_claim(UPGRADABLE, Rights::default(), is_claimable);
        let taken = matches!(taken, Claim::Taken);
        if taken {
            self.data.shared();
        }
        taken
    }

    /// False if the deadline passed first.
    #[inline]
    pub(crate) fn upgradable_read(&self, deadline: Deadline) -> bool {
        let taken = self.try_claim(UPGRADABLE, Rights::default(), is_claimable);
        let taken = matches!(taken, Claim::Taken)
            || (!deadline.is_past() && self.claim(UPGRADABLE, deadline));
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

    /// Whether a thread is in the queue.
    #[inline]
    fn is_waited_for(&self) -> bool {
        // ORDERING: Relaxed, as in `is_locked`.
        self.state.load(Relaxed) & PARKED != 0
    }

    /// Lets waiters have the lock for a while, if there are any.
    ///
    /// # Safety
    /// The caller is the writer, and is it again on return.
    #[inline]
    pub(crate) unsafe fn bump_write(&self) {
        if self.is_waited_for() {
            // SAFETY: the caller is the writer.
            unsafe { self.unlock_write_fair() };
            self.write_again();
        }
    }

    /// As [`bump_write`](Self::bump_write).
    ///
    /// # Safety
    /// The caller is the upgradable reader, and is it again on return.
    #[inline]
    pub(crate) unsafe fn bump_upgradable(&self) {
        if self.is_waited_for() {
            // SAFETY: the caller is the upgradable reader.
            unsafe { self.unlock_upgradable_fair() };
            self.upgradable_read(Deadline::NEVER);
        }
    }

    /// For models: no thread holds the lock, waits for it, or touches it at the same time as this.
    #[cfg(loom)]
    pub(crate) fn assert_at_rest(&mut self) {
        assert!(!self.is_locked(), "at rest");
        let state = crate::primitive::at_rest!(self.state);
        let left = PARKED | DRAINS | RESERVED;
        assert_eq!((state & left, tickets(state)), (0, 0), "at rest");
    }
}
