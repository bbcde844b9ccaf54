//! Gates: event counts between processes, in which a killed waiter loses no wake-up.
//!
//! A waiter *approaches* the gate, checks its condition, and sleeps in front of the gate if the
//! condition does not hold. A thread that makes a change *opens* the gate, which wakes one waiter
//! (or all). If no waiter has approached since the gate was last opened, opening it costs one load.
//!
//! The gate's word counts its openings. Its lowest bit, `APPROACHED`, says that a waiter may sleep.
//!
//! - (G1) Either the waiter sees the change, or the opener sees the bit. Between its exchange of
//!   the bit and its check, the waiter runs the heavy side of an asymmetric fence (see
//!   [`fence`](crate::sys::fence)). Between the change and its look at the bit, the opener runs the
//!   light side, which costs nothing.
//! - (G2) Opening wakes one waiter. If there is enough for another, that one opens the gate again.
//!   So changes may share one.
//! - (G3) A waiter that is killed wakes another. Besides the word, waiters sleep on an [`Entry`]
//!   whose word is always 0. It is *pending* from before a waiter approaches until it leaves: when
//!   the waiter is killed, the kernel wakes another one there. (That may be one that was woken on
//!   the gate's word and has not run yet: one is enough.)
//! - (G4) An opener that is killed wakes a waiter, too: the entry is pending for it from before its
//!   change until it has opened the gate ([`pend`](Gate::pend) first). Opening is one system call
//!   that changes the word and wakes, so no death comes between the two.
//! - (G5) A waiter also watches the words *in which it has checked* its condition. G4 does not help
//!   a waiter that has checked and does not sleep yet when the opener dies between change and
//!   opening: the kernel finds no thread to wake, and the gate's word is unchanged. (A model found
//!   this: `a_killed_opener_leaves_no_waiter_asleep`.)
//!
//! Some wake-ups are spurious. The count has 31 bits: a thread that is stopped between its check
//! and its sleep for exactly 2³¹ openings would miss one.

use crate::sys::Ordering::Relaxed;
use crate::sys::const_fn;
use crate::sys::deadline::Deadline;
use crate::sys::fence;
use crate::sys::ipc::kernel::{self, Watched};
use crate::sys::ipc::me::Me;
use crate::sys::ipc::robust::Entry;
use crate::sys::mortal::AtomicU32;

/// A waiter has approached since the gate was last opened.
const APPROACHED: u32 = 1;

#[repr(C)]
pub(crate) struct Gate {
    /// Its word is always 0. The gate's own word is the first of the entry's words for its user.
    entry: Entry,
}

/// The gate's word, as a waiter saw it before it checked its condition.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    word: u32,
    /// Until when openers are sure to see the waiter's bit.
    limit: Deadline,
}

impl Gate {
    const_fn! {
        pub(crate) const fn new() -> Self {
            Gate { entry: Entry::new() }
        }
    }

    fn word(&self) -> &AtomicU32 {
        &self.entry.own[0]
    }

    /// From now on, if this thread is killed, a waiter of this gate is woken (G3, G4). Called
    /// before the change for which the gate is opened, and before approaching; until
    /// [`settle`](Self::settle).
    #[inline]
    pub(crate) fn pend(&self, me: Me) {
        self.entry.pend(me);
    }

    /// Ends what [`pend`](Self::pend) began.
    #[inline]
    pub(crate) fn settle(me: Me) {
        Entry::settle(me);
    }

    /// Announces that this thread may sleep, before its last check. The gate is pending.
    pub(crate) fn approach(&self) -> Seen {
        // ORDERING: Relaxed; the heavy fence orders the bit before the check that follows (G1).
        let before = self.word().fetch_or(APPROACHED, Relaxed);
        let limit = kernel::heavy_until();
        Seen {
            word: before | APPROACHED,
            limit,
        }
    }

    /// Whether the gate was opened since. If not, a waiter that was woken was woken by a death.
    pub(crate) fn is_opened_since(&self, seen: Seen) -> bool {
        // ORDERING: Relaxed; the waiter reads the change itself elsewhere.
        self.word().load(Relaxed) != seen.word
    }

    /// Sleeps until the gate is opened or one of `looked_at` is woken. It does not sleep if the
    /// gate was opened since it was `seen`, or a word has changed. It may end for no reason.
    /// Returns false if the deadline passed.
    ///
    /// `looked_at` must contain the word in which the waiter would have seen the change (G5).
    pub(crate) fn sleep(
        &self,
        seen: Seen,
        looked_at: &[(&dyn Watched, u32)],
        deadline: Deadline,
    ) -> bool {
        match 2 + looked_at.len() <= kernel::FEW_WORDS {
            true => self.sleep_on::<{ kernel::FEW_WORDS }>(seen, looked_at, deadline),
            false => self.sleep_on::<{ kernel::MOST_WORDS }>(seen, looked_at, deadline),
        }
    }

    /// At most `N` words. Not inline: 128 of them take 3 KiB of stack.
    #[inline(never)]
    fn sleep_on<const N: usize>(
        &self,
        seen: Seen,
        looked_at: &[(&dyn Watched, u32)],
        deadline: Deadline,
    ) -> bool {
        let mut words = [(self.word() as &dyn Watched, seen.word); N];
        words[1] = self.pending_word();
        words[2..][..looked_at.len()].copy_from_slice(looked_at);
        kernel::wait(&words[..2 + looked_at.len()], deadline.min(seen.limit)) || !deadline.passed()
    }

    /// The word on which a waiter is woken when a thread dies for which this gate is pending, and
    /// its value. Every waiter of this gate watches it anyway.
    pub(crate) fn pending_word(&self) -> (&dyn Watched, u32) {
        (&self.entry.word, 0)
    }

    /// Wakes one waiter. The change that it waits for has been made, while this gate was pending.
    #[inline]
    pub(crate) fn open(&self, me: Me) {
        self.open_for(1, me);
    }

    #[inline]
    pub(crate) fn open_for_all(&self, me: Me) {
        self.open_for(usize::MAX, me);
    }

    #[inline]
    fn open_for(&self, count: usize, me: Me) {
        // The light side: orders the change before the look at the bit (G1).
        me.light();
        if self.is_approached() {
            // Adding one clears the bit and counts the opening. If another thread has done so by
            // now, it sets the bit instead, which costs one needless wake-up.
            kernel::add_one_and_wake(self.word(), count);
        }
    }

    /// As the first half of [`open`](Self::open), for a thread that heavy fences reach. Returns
    /// whether the gate is still to be opened.
    #[inline(always)]
    pub(crate) fn is_to_be_opened(&self) -> bool {
        // As in `open_for` (G1).
        fence::light();
        self.is_approached()
    }

    #[inline(always)]
    fn is_approached(&self) -> bool {
        // ORDERING: Relaxed; after the light fence, it sees a waiter that missed the change (G1).
        self.word().load(Relaxed) & APPROACHED != 0
    }
}
