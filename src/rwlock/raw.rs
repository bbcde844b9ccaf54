//! The reader-writer lock's state machine: a word, a queue, a registry of readers, and places where one writer waits
//! for readers.
//!
//! ```text
//! 31        8   7       6            5        4      3        2        1            0
//! +---------+-------+------------+--------+------+--------+--------+------------+--------+
//! | readers | AWAKE | ASYMMETRIC | BIASED | WARM | DRAINS | PARKED | UPGRADABLE | WRITER |
//! +---------+-------+------------+--------+------+--------+--------+------------+--------+
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
//! ## Biased readers
//! Readers are those that are *counted* in the word, and, while `BIASED` is set, those that have *published* themselves
//! in the registry ([`super::bias`]): such a reader only reads the word. It publishes, passes a fence, and looks at
//! the word again; a writer sets `WRITER`, passes a fence, and looks at the slots. So one of them sees the other.
//!
//! There are two pairs of fences. A full one on both sides costs a reader an exchange, on a line that is its own. The
//! asymmetric pair ([`crate::fence`]) costs readers nothing, but a writer some ten microseconds, so it is for locks that
//! are hardly ever written: `ASYMMETRIC` says that readers rely on it.
//!
//! A writer turns the bias off. The first reader after it sets `WARM` as it counts itself, the second `BIASED`
//! (where many threads read, a later one: [`super::bias::begins`]). Later a reader sets `ASYMMETRIC` ([`super::bias::promotes`]).
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
//!    is there. The counted reader that leaves last wakes it. In the *revocation* (key: the address plus two) it waits
//!    for a slot, counted as a waiter ([`crate::waiters`]); every reader that leaves a slot wakes it.
//! 5. A reader that has left touches the lock no more, unless it finds, under the drain's lock, a writer there,
//!    which borrows the lock.
//! 6. `AWAKE` says that a thread was woken that waits for `WRITER` and `UPGRADABLE` to go, and has neither set its bit
//!    nor gone back to sleep; it clears the mark in the same step. Until then nobody else is woken by those who
//!    release: by the end of the mark that thread sees what they have released. If somebody becomes the upgradable reader
//!    meanwhile, it lets in the readers that were left in the queue.
//! 7. While a reader is in its slot and inside, `BIASED` is set: only an owner of `WRITER` who has seen every slot
//!    without this lock clears it, before it looks whether readers are counted. While `WRITER` is set, nobody else
//!    changes `WARM`, `BIASED` and `ASYMMETRIC`, and nobody comes in by publishing.
//!
//! ## Fairness
//! A writer that owns `WRITER` waits only for the readers that were inside, for new ones stay out. Between writers, and
//! between writers and readers that sleep, a running thread may come before one that sleeps (barging), until that one
//! has waited longer than [`Patience`] and says so in its park token. From then on it is phase-fair (B. Brandenburg and
//! J. Anderson, 2010): the next writer that leaves counts such readers in, and hands its bit to the first such writer.
//! A patient reader is not counted in while it sleeps, since the next writer would have to wait until it runs; with
//! more threads than processors every write took that long. And where the thread that was woken does not come in time,
//! whoever releases gives way to it, and to all others, in their turn ([`crate::turns`]).

mod convert;
mod drain;
mod queue;
mod readers;

use crate::deadline::Deadline;
use crate::parking::{self, ParkResult, ParkToken, UnparkToken};
use crate::primitive::Ordering::{Acquire, Relaxed, Release};
use crate::primitive::{Access, AtomicU32, Patience, const_fn};
use crate::rwlock::bias;
use crate::spin::Spin;

const WRITER: u32 = 1;
const UPGRADABLE: u32 = 2;
const PARKED: u32 = 4;
const DRAINS: u32 = 8;
const WARM: u32 = 16;
const BIASED: u32 = 32;
const ASYMMETRIC: u32 = 64;
const AWAKE: u32 = 128;
const ONE_READER: u32 = 256;
const READERS: u32 = !(ONE_READER - 1);

/// Half of what the word can count. The other half is for those who must not be refused, which are as many as there
/// are threads: readers that are admitted from the queue (and go again if that was too many), that take their lock
/// again after a wait, and writers that downgrade.
const MAX_READERS: u32 = READERS / ONE_READER / 2;

/// Park tokens in the queue: the bit that the thread waits to set, or zero for a reader …
const READ: usize = 0;
/// … and this if it has waited too long.
const IMPATIENT: usize = 4;

/// Unpark token: all readers have been counted in, not only those that were impatient.
const ALL_ADMITTED: usize = 2;
/// Unpark token: the writer or upgradable reader owns its bit.
const HANDED_OVER: usize = 4;
/// Unpark token: the writer or upgradable reader is marked as `AWAKE`.
const WOKEN: usize = 8;

fn drain_key(key: usize) -> usize {
    key + 1
}

fn revocation_key(key: usize) -> usize {
    key + 2
}

/// The park token in the drain. A reader that leaves may come there late.
fn drain_token() -> ParkToken {
    parking::late(1)
}

/// The park token in the revocation. A reader that leaves may come there late.
fn revocation_token() -> ParkToken {
    parking::late(2)
}

/// The word of a new lock.
#[cfg(not(loom))]
const fn initial() -> u32 {
    0
}

#[cfg(loom)]
fn initial() -> u32 {
    use crate::primitive::modeled::{Bias, bias};
    match bias() {
        Bias::Never | Bias::Warming => 0,
        Bias::OwnLine => WARM | BIASED,
        Bias::Asymmetric => WARM | BIASED | ASYMMETRIC,
    }
}

fn is_claimable(state: u32) -> bool {
    state & (WRITER | UPGRADABLE) == 0
}

/// The limit of a read that is taken again, which may not panic: what is left of the word is for
/// readers that are admitted from the queue, each of them a thread that waits.
const MAX_AGAIN: u32 = READERS / ONE_READER - (1 << 16);

/// Ends a read that `limit` readers refuse: one that is taken again ends the process, as the count
/// of an `Arc` does.
#[cold]
fn too_many_readers(limit: u32) -> ! {
    if limit > MAX_READERS {
        eprintln!("RwLock: more than {limit} readers: aborting");
        std::process::abort();
    }
    panic!("RwLock::read: more than {limit} readers");
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
                state: AtomicU32::new(initial()),
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
        state & (READERS | WRITER | UPGRADABLE) != 0 || (state & BIASED != 0 && self.is_published())
    }

    pub(crate) fn is_locked_exclusive(&self) -> bool {
        // ORDERING: as above.
        let state = self.state.load(Relaxed);
        state & (WRITER | READERS) == WRITER && !(state & BIASED != 0 && self.is_published())
    }

    // ---- Writers and upgradable readers.

    /// Sets `bit`, `WRITER` or `UPGRADABLE`, when neither is set, and clears `mark`, `AWAKE` if that is the caller's.
    #[inline]
    fn try_claim(&self, bit: u32, mark: u32, free: impl Fn(u32) -> bool) -> bool {
        // ORDERING: Relaxed; the exchange orders.
        let mut state = self.state.load(Relaxed);
        while free(state) {
            // ORDERING: Acquire pairs with the Release of the last writer, and, where `free` asks for no
            // readers, with those of the readers that have left.
            match self
                .state
                .compare_exchange_weak(state, (state | bit) & !mark, Acquire, Relaxed)
            {
                Ok(before) => {
                    if bit == UPGRADABLE && before & (AWAKE | PARKED) == AWAKE | PARKED {
                        // Whoever released left readers to the thread that is awake. They may join us.
                        self.release(UPGRADABLE, UPGRADABLE, false);
                    }
                    return true;
                }
                Err(now) => state = now,
            }
        }
        false
    }

    /// Waits until neither `WRITER` nor `UPGRADABLE` is set, and sets `bit`.
    #[cold]
    fn claim(&self, bit: u32, deadline: Deadline) -> bool {
        if self.try_claim(bit, 0, is_claimable) {
            return true;
        }
        if deadline.is_past() {
            return false;
        }
        let mut spin = Spin::hot();
        let mut patience = Patience::new();
        let mut mark = 0;
        loop {
            if self.try_claim(bit, mark, is_claimable) {
                spin.got_it();
                return true;
            }
            if spin.again() {
                continue;
            }
            let impatient = if patience.exhausted() { IMPATIENT } else { 0 };
            let token = ParkToken(bit as usize | impatient);
            match self.park(token, mark, deadline, |state| !is_claimable(state)) {
                ParkResult::Unparked(UnparkToken(given)) if given & HANDED_OVER != 0 => {
                    // ORDERING: Acquire pairs with the Release by which the bit was handed over. A read-modify-write
                    // reads the newest value, so this does not rely on what a wake-up orders.
                    self.state.fetch_or(0, Acquire);
                    return true;
                }
                ParkResult::Unparked(UnparkToken(given)) => {
                    mark = if given & WOKEN != 0 { AWAKE } else { 0 };
                    spin = Spin::woken();
                }
                ParkResult::TimedOut => return false,
                ParkResult::Invalid => {}
            }
        }
    }

    #[inline]
    pub(crate) fn try_write(&self) -> bool {
        // ORDERING: Relaxed; `drain_at_once` looks again. This look spares readers a revocation for nothing.
        let biased = self.state.load(Relaxed) & BIASED != 0;
        let free = |state| state & (READERS | WRITER | UPGRADABLE) == 0;
        if (biased && self.is_published()) || !self.try_claim(WRITER, 0, free) {
            return false;
        }
        let taken = self.drain_at_once(0);
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
            return self.try_write();
        }
        self.claim(WRITER, deadline) && self.drain(0, deadline)
    }

    /// What a writer clears when it has seen that no reader is inside: its bit, and what is left of the bias, which it has
    /// ended (`end_bias`).
    #[inline]
    fn writer_bits(&self) -> u32 {
        // ORDERING: Relaxed; while we own `WRITER` nobody else changes the flag.
        self.state.load(Relaxed) & (WRITER | WARM)
    }

    /// # Safety
    /// The caller is the writer.
    #[inline]
    pub(crate) unsafe fn unlock_write(&self) {
        self.data.exclusive();
        // ORDERING: Release pairs with the Acquire of whoever enters next.
        let alone = self.state.compare_exchange(WRITER, 0, Release, Relaxed);
        if alone.is_err() {
            self.release(self.writer_bits(), 0, false);
        }
    }

    /// # Safety
    /// The caller is the writer.
    pub(crate) unsafe fn unlock_write_fair(&self) {
        self.data.exclusive();
        self.release(self.writer_bits(), 0, true);
    }

    #[inline]
    pub(crate) fn try_upgradable_read(&self) -> bool {
        let taken = self.try_claim(UPGRADABLE, 0, is_claimable);
        if taken {
            self.data.shared();
        }
        taken
    }

    /// False if the deadline passed first.
    #[inline]
    pub(crate) fn upgradable_read(&self, deadline: Deadline) -> bool {
        let taken = self.try_claim(UPGRADABLE, 0, is_claimable) || self.claim(UPGRADABLE, deadline);
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

    /// Whether somebody is in the queue.
    #[inline]
    pub(crate) fn is_waited_for(&self) -> bool {
        // ORDERING: Relaxed, as in `is_locked`.
        self.state.load(Relaxed) & PARKED != 0
    }

    /// Whether a writer waits for the caller, which reads, to leave. (Whoever is in the queue does not.)
    #[inline]
    pub(crate) fn is_reader_waited_for(&self) -> bool {
        // ORDERING: Relaxed, as in `is_locked`.
        self.state.load(Relaxed) & WRITER != 0
    }

    /// For models: nobody holds the lock, waits for it, or touches it at the same time as this.
    #[cfg(loom)]
    pub(crate) fn assert_at_rest(&mut self) {
        assert!(!self.is_locked(), "at rest");
        let state = crate::primitive::at_rest!(self.state);
        assert_eq!(state & (PARKED | DRAINS), 0, "at rest");
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::process::Command;

    const CHILD: &str = "ANTEROOM_TEST_ABORTS";
    const NAME: &str = "rwlock::raw::tests::read_taken_again_at_the_limit_aborts";

    /// A lock with so many readers that were forgotten.
    fn read_by(readers: u32) -> RawRwLock {
        let lock = RawRwLock::new();
        // ORDERING: Relaxed; one thread.
        lock.state.store(readers * ONE_READER, Relaxed);
        lock
    }

    #[test]
    fn read_taken_again_at_the_limit_aborts() {
        if std::env::var_os(CHILD).is_some() {
            return read_by(MAX_AGAIN).read_again();
        }
        let this = std::env::current_exe().expect("a test is a program");
        let child = Command::new(this)
            .args(["--exact", NAME, "--nocapture"])
            .env(CHILD, "1")
            .output()
            .expect("it runs once more");
        assert!(!child.status.success());
        let said = String::from_utf8_lossy(&child.stderr);
        assert!(said.contains("readers: aborting"), "{said}");
    }

    #[test]
    fn read_taken_again_below_the_limit_is_counted() {
        let lock = read_by(MAX_AGAIN - 1);
        lock.read_again();
        // ORDERING: Relaxed; one thread.
        assert_eq!(lock.state.load(Relaxed) / ONE_READER, MAX_AGAIN);
    }
}

impl Drop for RawRwLock {
    fn drop(&mut self) {
        // ORDERING: Relaxed; nobody else uses the lock.
        if self.state.load(Relaxed) & BIASED != 0 {
            // A lock that comes to this address later must not find a forgotten reader.
            let key = self.key();
            bias::slots().for_each(|slot| slot.purge(key));
        }
    }
}
