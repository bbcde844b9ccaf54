//! Where threads of all processes wait for something to change: an event count whose sleepers may be killed.
//!
//! A waiter *approaches* the gate, looks whether what it waits for has come, and if not sleeps in front of it. Whoever makes a
//! change *opens* it, which lets one sleeper go (or all), or, if nobody has approached since it was last opened, costs one
//! load.
//!
//! The gate's word counts how often it was opened, and its lowest bit says that somebody has approached. The waiter's
//! exchange of that bit and the change that somebody makes before opening must be ordered: the waiter has the heavy side of a pair of
//! fences (see [`fence`](crate::fence)), and whoever opens the light one, which costs nothing.
//!
//! **One is enough.** Opening wakes one. If there is enough for another, the one that was woken opens the gate again: so it does not
//! matter whether two changes open it once or twice.
//!
//! **Deaths.** Beside the word they sleep on an [`Entry`] whose word is always 0, and which is *pending* from before a
//! waiter approaches until it leaves: when it is killed, the kernel wakes another there. So if it was woken, the wake-up is
//! not lost. (The other may be one that was woken already, on the gate's own word, and has not run yet: one is enough.) The one that opens has the same entry pending from before its change until it has woken somebody:
//! [`pend`](Gate::pend) first. Opening itself is one system call, which changes the word and wakes: nobody dies in between.
//!
//! That does not help a waiter who has looked but does not sleep yet when the other one dies between its change and its opening: there
//! is nobody to wake, and the gate's word is as it was. So a waiter sleeps only as long as the words *in which it has looked* are
//! as it saw them, too. (A model found this: `a_killed_opener_leaves_nobody_asleep`.)
//!
//! Sleepers are woken for nothing at times. The word's 31 bits come round after two thousand million openings: a thread that
//! is stopped for exactly that long between its look and its sleep would miss one.

use super::kernel::{self, Watched};
use super::me::Me;
use super::robust::Entry;
use crate::deadline::Deadline;
use crate::fence;
use crate::primitive::Ordering::Relaxed;
use crate::primitive::const_fn;
use crate::primitive::mortal::AtomicU32;

/// Somebody has approached.
const APPROACHED: u32 = 1;

#[repr(C)]
pub(crate) struct Gate {
    /// Its word is always 0; the gate's own is the first of those that are for whatever the entry is part of.
    entry: Entry,
}

/// The gate's word, as a waiter saw it before it looked at what it waits for.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    word: u32,
    /// Until when it may rely on being seen.
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

    /// From now on, if this thread is killed, one who sleeps here is woken. Before a change for which the gate is to be opened, and
    /// before a thread approaches; until [`settle`](Self::settle).
    #[inline]
    pub(crate) fn pend(&self, me: Me) {
        self.entry.pend(me);
    }

    /// Nothing is pending any more.
    #[inline]
    pub(crate) fn settle(me: Me) {
        Entry::settle(me);
    }

    /// Says that this thread may go to sleep, before it looks for the last time. It is pending.
    pub(crate) fn approach(&self) -> Seen {
        // ORDERING: Relaxed; the fence orders the mark before the look that comes now, and pairs with the one in `open`.
        let before = self.word().fetch_or(APPROACHED, Relaxed);
        let limit = kernel::heavy_until();
        Seen {
            word: before | APPROACHED,
            limit,
        }
    }

    /// Whether it has been opened since. If not, whoever was woken here was woken by a death.
    pub(crate) fn is_opened_since(&self, seen: Seen) -> bool {
        // ORDERING: Relaxed; what was changed before, the waiter looks for otherwise.
        self.word().load(Relaxed) != seen.word
    }

    /// Sleeps until the gate is opened or one of `looked_at` is woken, unless the gate has been opened since it was `seen`, or one
    /// of those words is not as it was looked at. May end for no reason. Returns false if the deadline passed.
    ///
    /// In `looked_at` must be the word in whose change the waiter would have seen what it waits for.
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

    /// On so many words at most. Not inline: 128 of them take 3 KiB of the stack.
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

    /// The word on which one is woken when somebody dies for whom this gate is pending, and its value. Those who sleep here
    /// watch it anyway.
    pub(crate) fn pending_word(&self) -> (&dyn Watched, u32) {
        (&self.entry.word, 0)
    }

    /// Lets one go who sleeps here. The change that it waits for has been made, while this gate was pending.
    #[inline]
    pub(crate) fn open(&self, me: Me) {
        self.open_for(1, me);
    }

    /// Lets all go.
    #[inline]
    pub(crate) fn open_for_all(&self, me: Me) {
        self.open_for(usize::MAX, me);
    }

    #[inline]
    fn open_for(&self, count: usize, me: Me) {
        // Orders the change before the look; pairs with the fence in `approach`.
        me.light();
        if self.is_approached() {
            // One more clears the bit and counts the opening. If somebody else has done that by now, it sets the bit for
            // nobody, which costs a wake-up in vain.
            kernel::add_one_and_wake(self.word(), count);
        }
    }

    /// As [`open`](Self::open), of a thread that [is reached](Me::is_reached), if there is nothing to do. Returns whether there
    /// is: then the gate is still to be opened.
    #[inline(always)]
    pub(crate) fn is_to_be_opened(&self) -> bool {
        // As in `open_for`.
        fence::light();
        self.is_approached()
    }

    #[inline(always)]
    fn is_approached(&self) -> bool {
        // ORDERING: Relaxed; after the fence it sees whoever did not see the change.
        self.word().load(Relaxed) & APPROACHED != 0
    }
}
