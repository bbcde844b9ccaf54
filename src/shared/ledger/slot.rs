//! A thread's line in a [`Ledger`](super::Ledger).
//!
//! **Its word** is 0 while the thread holds nothing and is about no change. Else the slot is *armed*: the word
//! holds the thread's number, and it is in the thread's robust list. Nobody else writes the word of a slot that is reserved for a thread
//! that lives, nor links it; so it takes no exchange, and nothing has to be pending: it is linked first and then armed, disarmed first and then
//! unlinked. `WAITERS` is always set in it: whoever
//! sleeps at a gate of the ledger sleeps on this word too, and does not say so.
//!
//! Whoever takes over a slot of the dead does it as a mutex is taken over, since several may try to.
//!
//! **Reservations.** A thread keeps its slot when it holds nothing, and finds it again through a small memory of its own. A
//! reservation is the thread's number and how many reservations the slot has had, so that no two are the same. How slots
//! are found, and found again when their threads have ended, is in [`claim`](super::claim).

use super::super::me::Me;
use super::super::robust::Entry;
use crate::primitive::Ordering::{Acquire, Relaxed, Release};
use crate::primitive::mortal::{AtomicU32, AtomicU64};
use crate::primitive::robust_word::{OWNER, OWNER_DIED, WAITERS};
use crate::primitive::{const_fn, in_program_order};

#[repr(C, align(64))]
pub(super) struct Slot {
    /// Its first two own numbers are what is held after a change of an even number, and of an odd one.
    entry: Entry,
    reservation: AtomicU64,
    /// The number of the last change.
    recorded: AtomicU64,
    /// The number of the last change that somebody else knows to have been made.
    witnessed: AtomicU64,
}

/// For whom a slot is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Reservation(u64);

impl Reservation {
    pub(super) const NONE: Reservation = Reservation(0);

    /// A thread's number, or 0.
    pub(super) fn thread(self) -> u32 {
        self.0 as u32
    }

    /// The next one, which is for this thread, or for nobody.
    pub(super) fn next(self, thread: u32) -> Self {
        let count = (self.0 >> 32) as u32;
        Reservation(u64::from(count.wrapping_add(1)) << 32 | u64::from(thread))
    }
}

impl Slot {
    const_fn! {
        pub(super) const fn new() -> Self {
            Slot {
                entry: Entry::new(),
                reservation: AtomicU64::new(0),
                recorded: AtomicU64::new(0),
                witnessed: AtomicU64::new(0),
            }
        }
    }

    pub(super) fn word(&self) -> &AtomicU32 {
        &self.entry.word
    }

    #[inline]
    pub(super) fn is_held_by(&self, me: Me) -> bool {
        // ORDERING: Relaxed; only the thread itself writes its number.
        self.entry.word.load(Relaxed) & OWNER == me.id()
    }

    /// Whether it is in this thread's list, if it says that this thread holds it. It may be there by another address, since this process
    /// can have the memory mapped twice; or its word is nonsense.
    #[inline]
    pub(super) fn is_free_or_in_list_of(&self, me: Me) -> bool {
        !self.is_held_by(me) || self.is_in_list_of(me)
    }

    #[cfg(not(loom))]
    #[cold]
    fn is_in_list_of(&self, me: Me) -> bool {
        let start = std::ptr::from_ref(self).addr();
        me.list().names_any_in(start..start + size_of::<Self>())
    }

    #[cfg(loom)]
    fn is_in_list_of(&self, me: Me) -> bool {
        self.is_held_by(me)
    }

    /// Whether its owner holds something or is about a change, or died so, or somebody has taken it over.
    pub(super) fn is_armed(&self) -> bool {
        // ORDERING: Acquire pairs with the Release of who disarmed it.
        self.entry.word.load(Acquire) != 0
    }

    /// The slot is reserved for this thread, and not armed.
    #[inline]
    pub(super) fn arm(&self, me: Me) {
        self.entry.link(me);
        // ORDERING: Relaxed; it tells nothing but that this thread lives.
        self.entry.word.store(me.id() | WAITERS, Relaxed);
    }

    /// It is this thread's, armed, holds nothing, and owes nobody a wake-up.
    #[inline]
    pub(super) fn disarm(&self, me: Me) {
        // ORDERING: Release pairs with the Acquire of whoever looks whether it is armed when this thread has ended.
        self.entry.word.store(0, Release);
        in_program_order();
        self.entry.unlink(me);
    }

    /// Takes it over from a thread that was killed while it was armed. Returns false if there is none, any more.
    pub(super) fn take_over(&self, me: Me) -> bool {
        // ORDERING: Relaxed; the exchange decides.
        let word = self.entry.word.load(Relaxed);
        if word & OWNER_DIED == 0 {
            return false;
        }
        self.entry.pend(me);
        let armed = me.id() | WAITERS;
        // ORDERING: Acquire pairs with the kernel's exchange on behalf of the dead.
        let taken = self
            .entry
            .word
            .compare_exchange(word, armed, Acquire, Relaxed);
        match taken {
            Ok(_) => self.entry.link(me),
            Err(_) => Entry::settle(me),
        }
        taken.is_ok()
    }

    /// What its owner held is given back, and whoever is concerned has been woken: nobody has it any more. This thread has taken
    /// it over.
    pub(super) fn free(&self, me: Me) {
        let next = self.reservation().next(0);
        // ORDERING: Release pairs with the Acquire of its next owner.
        self.reservation.store(next.0, Release);
        // Its next owner links it as soon as the word is 0.
        self.entry.pend(me);
        self.entry.unlink(me);
        // ORDERING: Release pairs with the Acquire of its next owner, or of whoever takes it over.
        self.entry.word.store(0, Release);
        Entry::settle(me);
    }

    #[inline]
    pub(super) fn reservation(&self) -> Reservation {
        // ORDERING: Acquire pairs with the Release of whoever freed it.
        Reservation(self.reservation.load(Acquire))
    }

    /// Reserves it for another, if nobody has done so.
    pub(super) fn reserve(&self, found: Reservation, thread: u32) -> Option<Reservation> {
        let next = found.next(thread);
        // ORDERING: Relaxed; `found` has been acquired, and it is still there.
        let exchanged = self
            .reservation
            .compare_exchange(found.0, next.0, Relaxed, Relaxed);
        exchanged.is_ok().then_some(next)
    }

    fn holds(&self, number: u64) -> &AtomicU32 {
        &self.entry.own[(number % 2) as usize]
    }

    /// What is held after the last change on record.
    #[inline]
    pub(super) fn held(&self) -> u32 {
        // ORDERING: Relaxed, here and below: only the slot's owner writes these, and whoever has taken it over.
        self.holds(self.recorded.load(Relaxed)).load(Relaxed)
    }

    #[inline]
    pub(super) fn restate(&self, held: u32) {
        // ORDERING: as above.
        self.holds(self.recorded.load(Relaxed)).store(held, Relaxed);
    }

    /// Writes down what is held after the next change, and returns its number.
    #[inline]
    pub(super) fn prepare(&self, held: u32) -> u64 {
        // ORDERING: as above. The exchange of the state comes after it, as it releases.
        let number = self.recorded.load(Relaxed).wrapping_add(1);
        // ORDERING: as above.
        self.holds(number).store(held, Relaxed);
        number
    }

    /// That change has been made.
    #[inline]
    pub(super) fn record(&self, number: u64) {
        // ORDERING: Relaxed; who does not see it witnesses the change in vain.
        self.recorded.store(number, Relaxed);
    }

    /// As its owner left it, or, for others, as it was at the time of the change that they look at, at least.
    #[inline]
    pub(super) fn recorded(&self) -> u64 {
        // ORDERING: Relaxed, as above.
        self.recorded.load(Relaxed)
    }

    /// For its owner: this change has been made.
    #[cold]
    pub(super) fn witness(&self, number: u64) {
        // ORDERING: Relaxed; the exchange of the state that comes now releases it, for whoever looks at the state first.
        self.witnessed.fetch_max(number, Relaxed);
    }

    pub(super) fn is_witnessed(&self, number: u64) -> bool {
        // ORDERING: Relaxed; the state, which was acquired before this, was exchanged after it.
        self.witnessed.load(Relaxed) == number
    }
}
