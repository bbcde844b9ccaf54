//! The reader-writer lock's state machine: a word ([`super::word`]), a queue, a reader registry.
//!
//! | bits | readers | inside |
//! |---|---|---|
//! | none | n | n readers |
//! | `UPGRADABLE` | n | n readers and an upgradable one |
//! | `WRITER` | 0 | one writer |
//!
//! A waiter may be stopped at any time, and the others must be able to go on without it. So no
//! thread owns one of these bits before it is inside. What is kept for a waiter is kept on a lease
//! ([`lease`](crate::policy::lease)); after that, any thread may enter.
//!
//! | flag | meaning |
//! |---|---|
//! | `PARKED` | a thread is in the queue |
//! | `DESIGNATED` | there is a designated waker: it has neither entered nor passed that on |
//! | `WRITER_NEXT` | new readers, writers and upgradable readers keep out: a writer enters next |
//! | `OTHER_NEXT` | new writers and upgradable readers keep out |
//! | both | all keep out but the woken thread, of whatever kind: a fair release keeps the lock |
//!
//! ## Biased readers
//! A reader is *counted* in the word. Or, while `BIASED` is set, it *publishes* itself: it writes
//! an *entry*, the lock's address and the bias's period, into a slot of the registry
//! ([`super::bias`]), and only reads the word. The bias has a *name*: its period, and the copy of
//! this crate that began it.
//!
//! A writer *revokes* the bias before it waits for anything else: it turns `BIASED` into `REVOKED`,
//! passes a fence, and looks at the slots. A reader publishes itself, passes a fence, and looks
//! whether the word has the same bias still. So one of the two sees the other. Meanwhile new
//! readers count themselves. When no slot has the entry, the writer takes the name away.
//!
//! There are two pairs of fences. With the full pair, a reader pays an exchange, on a cache line of
//! its own. The asymmetric pair ([`crate::sys::fence`]) costs readers nothing, but a writer about
//! ten microseconds. So it is for locks that are hardly ever written: `ASYMMETRIC` says that
//! readers rely on it. [`super::bias`] decides when a bias begins, and when it becomes asymmetric.
//!
//! ## Invariants
//! - **RW1.** `WRITER` is set only where no reader is counted, there is no name, and no other
//!   thread owns `WRITER` or `UPGRADABLE`. `UPGRADABLE` is set only where neither is set. Only the
//!   owner clears or exchanges them. While `WRITER` is set, no reader enters and no bias begins.
//! - **RW2.** The *queue* (key: the word's address) holds all waiters, but for those that wait for
//!   slots. `PARKED` is set whenever a thread is in it, and changes only under its lock.
//! - **RW3.** Where a thread of the queue may enter, there is a designated waker, or a thread that
//!   is about to wake one. Four kinds of thread wake the next ([`wake`](RawRwLock::wake)): one that
//!   releases something while `PARKED` is set (of counted readers, the last); one that was woken
//!   and entered as a reader or upgradable reader; one that entered as either without being woken,
//!   while the lock was kept for a waiter; one that was woken, and gives up or parks again.
//! - **RW4.** While a thread is on its way (`DESIGNATED`), or the lock is free and kept, with
//!   others in the queue, one of them watches (W of [`crate::waiters`]).
//! - **RW5.** A starved writer in the queue that waits for readers has set `WRITER_NEXT`. If the
//!   flag was cleared since, then some thread will wake the next: one that is inside, or one that
//!   was woken. The thread that wakes the next sets the flag again for such a writer.
//! - **RW6.** A thread that has released touches the lock no more. The exception: under the queue's
//!   lock, it finds a thread there that waits for a lock of this kind. That thread borrows the lock
//!   at this address, perhaps another one than was released.
//! - **RW7.** While a reader is inside by its slot, the word has the name that it has published.
//!   Only a *revoker* takes a name away: a thread that has counted itself in the word and then,
//!   after the fence, seen no slot with the entry. While a revoker is counted, no bias begins. So
//!   it takes away the name it has looked for, however long it was stopped in between.
//! - **RW8.** No slot has the entry of a name when a bias with that name begins. So a forgotten
//!   guard concerns its own lock only. (The exception: a reader that was stopped since an earlier
//!   bias with the same name has just published that entry, and has yet to look at the word. It
//!   will find the name there, and be inside by the new bias.)
//! - **RW9.** A copy of the crate neither publishes readers of a bias that another copy began, nor
//!   revokes it: the other's rows are unknown here. Its readers count themselves; writers panic.
//! - **RW10.** The word of an *unbiased* lock counts one revoker that does not exist, from the
//!   beginning and for good. So no bias begins (RW7), each reader is counted, and any thread may
//!   release its read.
//!
//! ## Fairness
//! A running thread may enter ahead of parked waiters (barging). A thread that has waited for the
//! starvation threshold ([`Starvation`]) is *starved*. A starved writer sets `WRITER_NEXT`, so that
//! it waits only for the readers that are inside by then. A writer that waits for a slot does so at
//! once. When a starved thread is woken, the lock is kept for it.
//!
//! Of the threads in the queue that may enter, one is woken: a starved writer, if the lock is kept
//! for one; else a reader, even if a writer came before it; else any. Of several, the first in the
//! queue. A reader that enters wakes the next. While the woken thread is on its way, one release in
//! each handoff interval ([`handoff`]) wakes the next all the same, and keeps the lock for it. And
//! a thread yields after about every tenth of its releases, because the woken thread may have no
//! processor to run on.
//!
//! Sources: the bias is BRAVO's (D. Dice and A. Kogan, USENIX ATC 2019), with rows, names and two
//! fences of this crate's; the queue is parking_lot's (A. d'Antras, 2016), with one thread woken at
//! a time.
//!
//! [`Starvation`]: crate::policy::Starvation

mod convert;
mod queue;
mod readers;
mod revoke;
#[cfg(test)]
mod tests;
mod writers;

use super::bias;
use super::word::{
    DESIGNATED, NEXT, OTHER_NEXT, PARKED, READERS, UNBIASED, UPGRADABLE, WRITER, WRITER_NEXT,
    is_named, readers, with_lease,
};
use crate::policy::handoff;
use crate::sys::Ordering::{Relaxed, Release};
use crate::sys::{Access, AtomicUsize, const_fn, copy, only_in_models};

/// The untyped reader-writer lock: what [`RwLock`](crate::RwLock) has beside its data.
///
/// Its methods are named as those of lock_api 0.4. With the feature `lock_api` or `lock_api_04` it
/// has the traits of that crate, too. It is released by hand. The thread that acquired a read must
/// release it; [`RawSendRwLock`](crate::RawSendRwLock) allows any thread.
///
/// A lock must not be moved while a thread reads it: at its new place a writer may enter at once.
pub struct RawRwLock {
    state: AtomicUsize,
    data: Access,
}

impl RawRwLock {
    const_fn! {
        /// Creates an open lock.
        pub const fn new() -> Self {
            RawRwLock {
                state: AtomicUsize::new(copy::new_word()),
                data: Access::new(),
            }
        }
    }

    const_fn! {
        /// Creates an open lock that is never biased, so that any thread may release a read (RW10).
        pub(crate) const fn unbiased() -> Self {
            RawRwLock {
                state: AtomicUsize::new(UNBIASED),
                data: Access::new(),
            }
        }
    }

    #[inline(always)]
    pub(crate) fn key(&self) -> usize {
        // Exposed, so that a stale wake finds its way back to the lock.
        (&raw const *self).expose_provenance()
    }

    /// Whether a thread holds the lock now, in any mode. The answer may be stale.
    pub fn is_locked(&self) -> bool {
        // ORDERING: Relaxed, here and below; the answer may be stale, so it orders nothing.
        let state = self.state.load(Relaxed);
        state & (READERS | WRITER | UPGRADABLE) != 0 || self.is_published(state)
    }

    /// Whether a thread writes now. The answer may be stale.
    pub fn is_locked_exclusive(&self) -> bool {
        // ORDERING: Relaxed; see above.
        self.state.load(Relaxed) & WRITER != 0
    }

    // ---- Writers and upgradable readers.

    /// Takes away `remove`, which the caller owns or was given, and puts `add` in its place. If
    /// `fair`, the first in the queue enters ahead of all others.
    #[cold]
    fn release(&self, remove: usize, add: usize, fair: bool) {
        let key = self.key();
        // ORDERING: Relaxed; the exchange orders.
        let mut state = self.state.load(Relaxed);
        loop {
            let next = (state & !remove) + add;
            let next = match fair && state & PARKED != 0 {
                // For the next in the queue, of whatever kind. (With readers inside, only
                // `OTHER_NEXT`: a writer has to wait for them, and once it is starved it keeps new
                // readers out itself.)
                true if next & READERS != 0 => with_lease(next | OTHER_NEXT),
                true => with_lease(next | WRITER_NEXT | OTHER_NEXT),
                false => next,
            };
            // A fair release has kept the lock for the next in the queue. If a designation ends and
            // the queue is empty by now, so does that.
            let is_kept_in_vain = next & (PARKED | OTHER_NEXT) == OTHER_NEXT;
            let next = match remove & DESIGNATED != 0 && is_kept_in_vain {
                true => next & !NEXT,
                false => next,
            };
            // ORDERING: Release; pairs with the Acquire of the threads that enter next (RW1).
            match self
                .state
                .compare_exchange_weak(state, next, Release, Relaxed)
            {
                Ok(_) => {
                    // SAFETY: the caller owned something of the lock until just now (RW6).
                    unsafe { Self::released(key, state & !(remove & DESIGNATED), fair) };
                    return;
                }
                Err(now) => state = now,
            }
        }
    }

    /// Wakes the next, after something of a lock was released. `state` is the word before that. The
    /// lock may be gone.
    ///
    /// # Safety
    /// `key` is that of a reader-writer lock.
    #[inline]
    unsafe fn released(key: usize, state: usize, fair: bool) {
        if state & PARKED != 0 {
            // SAFETY: the caller's promise is the same.
            unsafe { Self::released_while_parked(key, state, fair) };
        }
    }

    /// # Safety
    /// As for [`released`](Self::released).
    #[cold]
    unsafe fn released_while_parked(key: usize, state: usize, fair: bool) {
        if state & DESIGNATED == 0 || fair {
            // SAFETY: the caller's promise is the same.
            unsafe { Self::wake(key, fair) };
        } else if handoff::is_sampled() {
            if handoff::due(key) {
                // SAFETY: the caller's promise is the same.
                unsafe { Self::wake(key, true) };
                handoff::record(key);
            }
            // The designated waker may have no processor to run on.
            crate::policy::spin::give_way();
        }
    }

    /// Whether a thread is in the queue.
    #[inline]
    pub(crate) fn is_waited_for(&self) -> bool {
        // ORDERING: Relaxed; see `is_locked`.
        self.state.load(Relaxed) & PARKED != 0
    }

    only_in_models! {
        /// The lock is free, without waiters, and no thread touches it at the same time.
        pub(crate) fn assert_at_rest(&mut self) {
            self.assert_rests(0);
        }

        /// As [`assert_at_rest`](Self::assert_at_rest), for a lock that is never biased.
        pub(crate) fn assert_unbiased_at_rest(&mut self) {
            self.assert_rests(UNBIASED);
        }

        fn assert_rests(&mut self, revokers: usize) {
            assert!(!self.is_locked(), "at rest");
            let state = crate::sys::at_rest!(self.state);
            assert_eq!(state & (PARKED | DESIGNATED), 0, "at rest");
            assert_eq!(super::word::revokers(state), revokers, "at rest");
        }
    }
}

impl Drop for RawRwLock {
    fn drop(&mut self) {
        // ORDERING: Relaxed; no other thread uses the lock.
        let state = self.state.load(Relaxed);
        if is_named(state) && !bias::is_foreign(state) {
            // Rows are for locks that exist.
            bias::purge(super::word::entry(self.key(), state));
        }
    }
}
