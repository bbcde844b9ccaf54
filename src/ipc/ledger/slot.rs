//! Slots: the records of a [`Ledger`](super::Ledger), each of one thread's holdings.
//!
//! **The word** is 0 while no thread holds anything by the slot. Else the slot is *armed*: the word
//! has the number of its thread, and the entry is in that thread's robust list. `WAITERS` is always
//! set in it, since each waiter of the ledger sleeps on this word, too, and announces it nowhere.
//!
//! **Biased slots** each have one owner, a thread that finds its slot again after it has held
//! nothing for a while. Only the owner arms its slot, so plain stores do: it links the slot and
//! then arms it, disarms it and then unlinks it. The *reservation* names the owner.
//!
//! **Shared slots** have no owner. Each use begins with a compare-exchange, while pending, as a
//! mutex's.
//!
//! **Retirement.** When all biased slots have owners, another thread retires one whose owner holds
//! nothing, and begins a shared slot in its place. That must not depend on the owner, which may be
//! asleep, a zombie, or dead with its number alive again. Both sides write first and then look (E.
//! W. Dekker's pattern, "Cooperating Sequential Processes", 1965):
//! - The owner arms the slot, runs the light side of the asymmetric fence, and looks at the
//!   reservation. If that has changed, the owner disarms the slot and claims another.
//! - The retirer marks the reservation *contested*, runs the heavy side, and looks at the word. If
//!   that is 0, it retires the slot; else it takes its mark back.
//!
//! (T1) At least one of the two sees the other.
//!
//! (T2) A retired slot is never used again. Its owner may be stopped just before it arms the slot,
//! and arm it at any later time, but holds nothing by it.
//!
//! **Deaths.** If an owner is killed between its two steps, the kernel marks the word, as of any
//! armed slot. If a retirer is killed, the slot stays contested: another retirer goes on with that,
//! or the owner reclaims the slot. (T3) Each change of the reservation has a number of its own, so
//! no exchange succeeds that began before another one. A dead thread's slot is taken over as a
//! mutex is acquired, since several threads may try.
//!
//! How a thread finds its slot is in [`claim`](super::claim).

use super::Held;
use crate::sys::Ordering::{Acquire, Relaxed, Release};
use crate::sys::ipc::me::Me;
use crate::sys::ipc::robust::Entry;
use crate::sys::mortal::{AtomicU32, AtomicU64};
use crate::sys::robust_word::{OWNER, OWNER_DIED, WAITERS};
use crate::sys::{const_fn, in_program_order};

#[repr(C, align(64))]
pub(super) struct Slot {
    /// Its first two own words are what is held after a change of even number, and of odd.
    entry: Entry,
    /// Of a biased slot only.
    reservation: AtomicU64,
    /// The number of the last change.
    recorded: AtomicU64,
    /// The number of the last change that another thread has found made.
    witnessed: AtomicU64,
}

/// The owner of a biased slot, and how many reservations it had before, so that no two are equal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Reservation(u64);

/// In the highest bits of a reservation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Owned = 0,
    Contested = 1,
    Retired = 2,
}

impl Reservation {
    pub(super) const NONE: Reservation = Reservation(0);
    const MODE: u32 = 62;
    const COUNT: u64 = (1 << (Self::MODE - 32)) - 1;

    /// The owner's number, or 0.
    pub(super) fn thread(self) -> u32 {
        self.0 as u32
    }

    /// This reservation if the thread is the owner and the slot not contested; else `NONE`.
    pub(super) fn if_owned_by(self, thread: u32) -> Self {
        match self.thread() == thread && self.0 >> Self::MODE == Mode::Owned as u64 {
            true => self,
            false => Self::NONE,
        }
    }

    fn is_contested(self) -> bool {
        self.0 >> Self::MODE == Mode::Contested as u64
    }

    fn is_retired(self) -> bool {
        self.0 >> Self::MODE == Mode::Retired as u64
    }

    fn next(self, mode: Mode, thread: u32) -> Self {
        let count = (self.0 >> 32).wrapping_add(1) & Self::COUNT;
        Reservation((mode as u64) << Self::MODE | count << 32 | u64::from(thread))
    }
}

/// The result of an attempt to retire a slot.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Retirement {
    Done,
    /// A thread uses it, or it is retired.
    Refused,
    /// Another thread changed the reservation meanwhile.
    Disturbed,
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

    /// Whether the slot is in this thread's list, if its word says that this thread holds it. If it
    /// is not, the process has mapped the memory twice, or the word is nonsense.
    #[inline]
    pub(super) fn is_free_or_in_list_of(&self, me: Me) -> bool {
        !self.is_held_by(me) || self.is_in_list_of(me)
    }

    #[cold]
    pub(super) fn is_in_list_of(&self, me: Me) -> bool {
        let start = std::ptr::from_ref(self).addr();
        me.has_listed(&self.entry, start..start + size_of::<Self>())
    }

    /// Whether a thread holds something by it or is about to, or died so, or has taken it over.
    #[inline(always)]
    pub(super) fn is_armed(&self) -> bool {
        // ORDERING: Acquire pairs with the Release of the thread that disarmed or freed it.
        self.entry.word.load(Acquire) != 0
    }

    /// Arms the slot, which is not armed, if this thread still has it by this reservation. `light`
    /// is the light side of the asymmetric fence.
    #[inline(always)]
    pub(super) fn arm(&self, me: Me, reservation: Reservation, light: impl Fn()) -> bool {
        self.entry.link(me);
        // ORDERING: Relaxed; the fence, `retire`'s partner, orders it before the look (T1).
        self.entry.word.store(me.id() | WAITERS, Relaxed);
        light();
        self.reservation() == reservation || self.back_off(me)
    }

    #[cold]
    #[inline(never)]
    fn back_off(&self, me: Me) -> bool {
        self.disarm(me);
        false
    }

    /// Disarms the slot of this thread. It is armed, holds nothing, and owes no thread a wake-up.
    #[inline(always)]
    pub(super) fn disarm(&self, me: Me) {
        // ORDERING: Release pairs with the Acquire in `is_armed`.
        self.entry.word.store(0, Release);
        in_program_order();
        self.entry.unlink(me);
    }

    /// Arms a shared slot, unless another thread has. Before and after, nothing is pending.
    pub(super) fn arm_shared(&self, me: Me) -> bool {
        self.entry.pend(me);
        let armed = me.id() | WAITERS;
        // ORDERING: Acquire pairs with the Release of the thread that disarmed it, or freed it.
        let taken = self
            .entry
            .word
            .compare_exchange(0, armed, Acquire, Relaxed)
            .is_ok();
        if taken {
            self.entry.link(me);
        }
        Entry::settle(me);
        taken
    }

    /// As [`disarm`](Self::disarm), for a shared slot, which others may link once the word is 0.
    #[cold]
    pub(super) fn disarm_shared(&self, me: Me) {
        self.entry.pend(me);
        self.entry.unlink(me);
        // ORDERING: Release pairs with the Acquire in `arm_shared`, and with that in `take_over`.
        self.entry.word.store(0, Release);
        Entry::settle(me);
    }

    /// Retires the slot if its owner holds nothing by it. `heavy` is the heavy side of the
    /// asymmetric fence, and returns false if the system refuses it.
    pub(super) fn retire(&self, heavy: impl Fn() -> bool) -> Retirement {
        let found = self.reservation();
        if found.is_retired() || self.is_armed() {
            return Retirement::Refused;
        }
        let contested = match found.is_contested() {
            // The retirer that contested it may have been killed.
            true => Some(found),
            false => self.reserve(found, Mode::Contested, found.thread()),
        };
        let Some(contested) = contested else {
            return Retirement::Disturbed;
        };
        // Orders the exchange before the look; pairs with the fence in `arm` (T1).
        let is_idle = heavy() && !self.is_armed();
        let mode = match is_idle {
            true => Mode::Retired,
            false => Mode::Owned,
        };
        match self.reserve(contested, mode, contested.thread()) {
            Some(_) if is_idle => Retirement::Done,
            Some(_) => Retirement::Refused,
            None => Retirement::Disturbed,
        }
    }

    pub(super) fn is_retired(&self) -> bool {
        self.reservation().is_retired()
    }

    /// Takes the slot over from its killed thread. Returns false if there is none.
    pub(super) fn take_over(&self, me: Me) -> bool {
        // ORDERING: Relaxed; the exchange decides.
        let word = self.entry.word.load(Relaxed);
        if word & OWNER_DIED == 0 {
            return false;
        }
        self.entry.pend(me);
        let armed = me.id() | WAITERS;
        // ORDERING: Acquire pairs with the kernel's exchange on behalf of the dead thread.
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

    /// Frees the slot, which was taken over, after giving back what it held and waking waiters.
    ///
    /// The reservation stays the dead thread's, as that of a thread that ends.
    pub(super) fn free(&self, me: Me) {
        // The next owner links it as soon as the word is 0.
        self.entry.pend(me);
        self.entry.unlink(me);
        // ORDERING: Release pairs with the Acquires in `is_armed`, `arm_shared` and `take_over`.
        self.entry.word.store(0, Release);
        Entry::settle(me);
    }

    #[inline(always)]
    pub(super) fn reservation(&self) -> Reservation {
        // ORDERING: Relaxed, here and in `reserve`: the word orders what the slot's last owner
        // left. `used` orders the retirement of the slots for which others were begun.
        Reservation(self.reservation.load(Relaxed))
    }

    /// Exchanges the reservation, if it still is the one that was found.
    pub(super) fn reserve(
        &self,
        found: Reservation,
        mode: Mode,
        thread: u32,
    ) -> Option<Reservation> {
        let next = found.next(mode, thread);
        // ORDERING: Relaxed, as above; in `retire`, the fence orders it before the look.
        let exchanged = self
            .reservation
            .compare_exchange(found.0, next.0, Relaxed, Relaxed);
        exchanged.is_ok().then_some(next)
    }

    #[inline(always)]
    fn holds(&self, number: u64) -> &AtomicU32 {
        &self.entry.own[(number % 2) as usize]
    }

    /// What is held after the last recorded change.
    #[inline]
    pub(super) fn held(&self) -> Held {
        // ORDERING: Relaxed, here and below: only the thread that has the slot writes these (A3).
        let change = self.recorded.load(Relaxed);
        // ORDERING: as above.
        let amount = self.holds(change).load(Relaxed);
        Held { change, amount }
    }

    /// This amount, whatever is recorded.
    #[inline(always)]
    pub(super) fn holds_now(&self, amount: u32) -> Held {
        // ORDERING: as above.
        let change = self.recorded.load(Relaxed);
        Held { change, amount }
    }

    #[inline]
    pub(super) fn restate(&self, held: u32) {
        // ORDERING: as above.
        self.holds(self.recorded.load(Relaxed)).store(held, Relaxed);
    }

    /// Writes what is held after the next change, and returns the number of that change.
    #[inline(always)]
    pub(super) fn prepare(&self, held: Held) -> u64 {
        let number = held.change.wrapping_add(1);
        // ORDERING: Relaxed, as above. The exchange of the state, a Release, follows.
        self.holds(number).store(held.amount, Relaxed);
        number
    }

    #[inline]
    pub(super) fn record(&self, number: u64) {
        // ORDERING: Relaxed; a thread that does not see it witnesses the change needlessly.
        self.recorded.store(number, Relaxed);
    }

    /// For the slot's thread, the last number that it recorded. For others, at least the one before
    /// the change that they find in the state.
    #[inline]
    pub(super) fn recorded(&self) -> u64 {
        // ORDERING: Relaxed, as above.
        self.recorded.load(Relaxed)
    }

    /// Says on behalf of the owner that this change has been made.
    #[cold]
    pub(super) fn witness(&self, number: u64) {
        // ORDERING: Relaxed; the state's exchange, which follows and is read first, releases it.
        self.witnessed.fetch_max(number, Relaxed);
    }

    pub(super) fn is_witnessed(&self, number: u64) -> bool {
        // ORDERING: Relaxed; the state, which was acquired before this, was exchanged after it.
        self.witnessed.load(Relaxed) == number
    }
}
