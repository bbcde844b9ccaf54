//! Who holds how much of what threads of all processes share, so that what the dead held comes back: a number that they change,
//! in which no change is ever half done, nor done twice, whoever is killed when.
//!
//! **The state** is one word of 64 bits: the *value* (permits that are left, say; what it means is the business of whoever uses
//! the ledger), and who changed it last: an *author* and the number of its change.
//!
//! **Slots.** Each thread that uses the ledger has a slot in it. The slot's [`Entry`](super::robust::Entry) is held, as a robust
//! mutex is, while the thread holds anything or is about to, so that the kernel marks it if the thread is killed. (More in
//! [`slot`].) Beside it stand
//! - `recorded`: the number of the slot's last change;
//! - `holds`, twice: what is held after a change of an even number, and of an odd one;
//! - `witnessed`: the number of its last change of which somebody else knows that it was made.
//!
//! **A change** of the slot's, with the next number: write what will be held; exchange the state, with the slot as its author;
//! record the number. Between the last two, the state itself says that the change was made, until somebody else changes it: who
//! finds in the state an author that has not recorded its change *witnesses* it for the author before it overwrites
//! that. So at every instruction this much can be told: the change has been made if it is recorded, or the state
//! names it, or it is witnessed (looked at in this order: who overwrites the state has witnessed before). And what is held
//! is the half of `holds` of the last change that was made. To hold something else without a change of the value is one store.
//!
//! **A death** is found by those who are refused what they want, and by those who sleep: they sleep on the words of all slots, too,
//! and the kernel wakes one of them. Who finds it takes the slot's word over, as one takes over a robust mutex. It
//! finishes the record, gives back what the dead held, *as that slot*, and frees the slot. If it is killed on the
//! way, whoever comes next finds the slot in one of the states that have just been told, and does the same. ([`recovery`])
//!
//! **Numbers.** `recorded` and `witnessed` have 64 bits and only grow; the state has the lowest 24 of them. A thread that is stopped
//! between two looks of its own while another one makes exactly sixteen million changes, and is then killed in the middle of the next
//! one, would be misled.
//!
//! **At once.** Mostly no other thread uses the ledger between two changes of a thread. Then the state names the thread's own change,
//! which is recorded, so there is nothing to witness. And if the state still is what taking made of it ([`Holder`] remembers
//! that), the account holds what was taken then, and nothing need be looked up. So [`take_at_once`](Ledger::take_at_once) and
//! [`give_back_at_once`](Ledger::give_back_at_once) make the same steps as all changes, in line and without a branch back; where
//! they do not apply they have changed nothing, and the call goes the whole way.
//!
//! Some changes need no author: who takes or adds without being held to account just exchanges the value, and leaves the author
//! as it was, whose change has still been made.
//!
//! Source: the recoverable operations of H. Attiya, O. Ben-Baruch and D. Hendler ("Nesting-Safe Recoverable
//! Linearizability", 2018), in which threads leave each other word of what they overwrite.

mod claim;
mod recovery;
mod slot;
mod waiting;

use super::gate::Gate;
use super::me::Me;
use crate::primitive::Ordering::{AcqRel, Acquire, Relaxed};
use crate::primitive::mortal::{AtomicU32, AtomicU64};
use crate::primitive::{array_of, const_fn, in_program_order};
use slot::Slot;
use std::marker::PhantomData;

/// How many threads hold something at once, at most: so many that a waiter can sleep on their words and on those of a gate.
/// `futex_waitv` takes 128 words.
pub(crate) const SLOTS: usize = if cfg!(loom) { 3 } else { 120 };

/// Those of which each belongs to a thread, and then those that are shared.
const ALL_SLOTS: usize = 2 * SLOTS;

/// What a value means.
pub(crate) trait Kind {
    /// The value when so much of it was given back that a dead thread held. Neither number is to be trusted.
    fn given_back(value: u32, held: u32) -> u32;
}

/// All bytes zero: nobody holds anything, and the value is 0.
#[repr(C)]
pub(crate) struct Ledger<K, const GATES: usize> {
    state: AtomicU64,
    /// The slots below this one have been in use.
    used: AtomicU32,
    gates: [Gate; GATES],
    slots: [Slot; ALL_SLOTS],
    kind: PhantomData<fn() -> K>,
}

/// The calling thread's slot, armed: it will be found if this thread is killed.
#[derive(Clone, Copy)]
pub(crate) struct Account {
    me: Me,
    slot: usize,
}

/// A thread that holds something, and where that is written. For guards: it does not leave its thread.
#[derive(Clone, Copy)]
pub(crate) struct Holder {
    /// The generation of the thread's process, and above it the number of its slot. In one word: two halves that are written one by
    /// one and read together make the processor wait.
    word: u64,
    /// What it made of the state when it took all that the account holds. If the state still is this, the account still holds just
    /// that.
    made: State,
    not_send: PhantomData<*const ()>,
}

/// How much an account holds; and since which of its changes, which is not looked up twice.
#[derive(Clone, Copy)]
pub(crate) struct Held {
    change: u64,
    pub(crate) amount: u32,
}

impl Held {
    /// As much, in its place.
    #[inline]
    pub(crate) fn now(self, amount: u32) -> Self {
        Held { amount, ..self }
    }

    #[inline]
    pub(crate) fn plus(self, more: u32) -> Self {
        self.now(self.amount.wrapping_add(more))
    }

    #[inline]
    pub(crate) fn minus(self, less: u32) -> Self {
        self.now(self.amount.wrapping_sub(less))
    }
}

/// A value and who changed it last: from the lowest bit on the value, the author, and the number of the change.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct State(u64);

impl State {
    const VALUE_BITS: u32 = 32;
    const AUTHOR_BITS: u32 = 8;
    const NUMBER_SHIFT: u32 = Self::VALUE_BITS + Self::AUTHOR_BITS;

    /// The number's highest bits are lost.
    fn new(value: u32, author: usize, number: u64) -> Self {
        let author = (author as u64 + 1) << Self::VALUE_BITS;
        State(number << Self::NUMBER_SHIFT | author | u64::from(value))
    }

    #[inline(always)]
    pub(crate) fn value(self) -> u32 {
        self.0 as u32
    }

    /// By nobody in particular.
    #[inline(always)]
    fn with_value(self, value: u32) -> Self {
        State(self.0 & (u64::MAX << Self::VALUE_BITS) | u64::from(value))
    }

    /// After the next change by the same author.
    #[inline(always)]
    fn followed_by(self, value: u32) -> Self {
        State(
            self.with_value(value)
                .0
                .wrapping_add(1 << Self::NUMBER_SHIFT),
        )
    }

    /// A slot; or a number that no slot has.
    #[inline(always)]
    fn author(self) -> usize {
        ((self.0 >> Self::VALUE_BITS) as u8).wrapping_sub(1) as usize
    }

    /// No state is like this: it has an author that there is not. Nothing can be taken from its value, nor added to it.
    const NONE: State = State(u64::MAX);

    fn is_by(self, slot: usize, number: u64) -> bool {
        self == Self::new(self.value(), slot, number)
    }
}
const _: () = assert!(ALL_SLOTS < 1 << State::AUTHOR_BITS);

impl<K: Kind, const GATES: usize> Ledger<K, GATES> {
    const_fn! {
        /// With this value, of which nobody holds anything.
        pub(crate) const fn new(value: u32) -> Self {
            Ledger {
                state: AtomicU64::new(value as u64),
                used: AtomicU32::new(0),
                gates: array_of!(Gate::new()),
                slots: array_of!(Slot::new()),
                kind: PhantomData,
            }
        }
    }

    /// As it is at some time between the call and its return.
    #[inline]
    pub(crate) fn value(&self) -> u32 {
        // ORDERING: Acquire, for what was done before it became so.
        State(self.state.load(Acquire)).value()
    }

    #[inline]
    pub(crate) fn gate(&self, number: usize) -> &Gate {
        &self.gates[number]
    }

    /// Lets go all who sleep at any gate.
    fn open_all(&self, me: Me) {
        self.gates.iter().for_each(|gate| gate.open_for_all(me));
    }

    /// From now on, if this thread is killed, one who sleeps at one of the gates is woken; for changes without an account. Until
    /// [`Gate::settle`].
    pub(crate) fn pend(&self, me: Me) {
        self.gates[0].pend(me);
    }

    /// What the account holds.
    #[inline]
    pub(crate) fn held(&self, account: Account) -> Held {
        self.slots[account.slot].held()
    }

    /// From now on the account holds this, though the value is the same.
    #[inline]
    pub(crate) fn restate(&self, account: Account, held: u32) {
        self.slots[account.slot].restate(held);
    }

    /// Changes the value, and at the same time what the account holds. Returns the new value, or the present one if `change`
    /// refuses it.
    #[inline]
    pub(crate) fn change(
        &self,
        account: Account,
        held: Held,
        change: impl Fn(u32) -> Option<u32>,
    ) -> Result<u32, u32> {
        self.change_as(account.slot, held, change)
    }

    /// As [`account`](Self::account) and [`change`](Self::change), if the thread holds nothing, and has made the last change itself.
    /// Else nothing is changed, and the account may be armed.
    #[inline(always)]
    pub(crate) fn take_at_once(
        &self,
        me: Me,
        held: u32,
        change: impl Fn(u32) -> Option<u32>,
    ) -> Option<Holder> {
        let account = self.account_at_once(me)?;
        // ORDERING: Relaxed; the exchange in `follow` confirms it.
        let last = State(self.state.load(Relaxed));
        if last.author() != account.slot {
            return None;
        }
        let made = self.follow(account, last, change(last.value())?, held)?;
        Some(Holder {
            made,
            ..account.holder()
        })
    }

    /// As [`change`](Self::change), for all that the account holds, if no thread has changed anything since it took that. Else nothing
    /// is changed.
    #[inline(always)]
    pub(crate) fn give_back_at_once(
        &self,
        holder: Holder,
        change: impl Fn(u32) -> Option<u32>,
    ) -> Option<Account> {
        let account = holder.account(holder.me_at_once()?);
        self.follow(account, holder.made, change(holder.made.value())?, 0)?;
        Some(account)
    }

    /// Changes the value, and at the same time what the account holds, if the state is the one that it has made last.
    ///
    /// There is nothing to witness, for this thread has recorded its changes.
    #[inline(always)]
    fn follow(&self, account: Account, last: State, value: u32, held: u32) -> Option<State> {
        let author = &self.slots[account.slot];
        let number = author.prepare(author.holds_now(held));
        let next = last.followed_by(value);
        // ORDERING: AcqRel, as in `exchange`.
        let exchanged = self.state.compare_exchange(last.0, next.0, AcqRel, Relaxed);
        exchanged.ok()?;
        in_program_order();
        author.record(number);
        Some(next)
    }

    fn change_as(
        &self,
        slot: usize,
        held: Held,
        change: impl Fn(u32) -> Option<u32>,
    ) -> Result<u32, u32> {
        let author = &self.slots[slot];
        let number = author.prepare(held);
        let changed = self.exchange(|state| {
            // Who is refused overwrites nothing: so it leaves the author's line alone, which that one is about to write.
            let value = change(state.value())?;
            if state.author() != slot {
                self.witness(state);
            }
            Some(State::new(value, slot, number))
        })?;
        in_program_order();
        author.record(number);
        Ok(changed)
    }

    /// Leaves word of this change, which is about to be overwritten, if its author has not recorded it.
    #[inline]
    fn witness(&self, state: State) {
        let Some(author) = self.slots.get(state.author()) else {
            return;
        };
        // Its author made all changes before this one, and has recorded them.
        let next = author.recorded().wrapping_add(1);
        if state.is_by(state.author(), next) {
            author.witness(next);
        }
    }

    /// Changes the value for nobody's account. Returns the new value, or the present one if `change` refuses it.
    #[inline]
    pub(crate) fn change_unaccounted(
        &self,
        change: impl Fn(u32) -> Option<u32>,
    ) -> Result<u32, u32> {
        self.exchange(|state| {
            let value = change(state.value())?;
            Some(state.with_value(value))
        })
    }

    /// As [`change_unaccounted`](Self::change_unaccounted), if no other thread changes it now. Else nothing is changed.
    #[inline(always)]
    pub(crate) fn change_unaccounted_at_once(
        &self,
        change: impl Fn(u32) -> Option<u32>,
    ) -> Option<u32> {
        // ORDERING: Relaxed; the exchange confirms it.
        let state = State(self.state.load(Relaxed));
        let value = change(state.value())?;
        let new = state.with_value(value);
        // ORDERING: AcqRel, as in `exchange`.
        let exchanged = self.state.compare_exchange(state.0, new.0, AcqRel, Relaxed);
        exchanged.ok().map(|_| value)
    }

    /// Exchanges the state for what `next` makes of it, and returns the new value; or the present one if that refuses it.
    #[inline]
    fn exchange(&self, next: impl Fn(State) -> Option<State>) -> Result<u32, u32> {
        // ORDERING: Acquire pairs with the Release of whoever made it so, here and below.
        let mut state = State(self.state.load(Acquire));
        loop {
            let Some(new) = next(state) else {
                return Err(state.value());
            };
            // ORDERING: AcqRel: what was done before, here and by the others, is seen by whoever finds it so; that somebody
            // witnessed the last change as well.
            let exchanged = self.state.compare_exchange(state.0, new.0, AcqRel, Acquire);
            match exchanged {
                Ok(_) => return Ok(new.value()),
                Err(now) => state = State(now),
            }
        }
    }
}

impl Account {
    /// The calling thread.
    #[inline]
    pub(crate) fn me(self) -> Me {
        self.me
    }

    /// For whatever gives back later what this account holds.
    #[inline]
    pub(crate) fn holder(self) -> Holder {
        Holder::new(self.me, self.slot as u32)
    }
}

impl Holder {
    /// In the place of a slot.
    const UNACCOUNTED: u32 = u32::MAX;

    #[inline]
    fn new(me: Me, slot: u32) -> Self {
        Holder {
            word: u64::from(slot) << 32 | u64::from(me.generation()),
            made: State::NONE,
            not_send: PhantomData,
        }
    }

    /// A thread that is not held to account.
    #[inline]
    pub(crate) fn unaccounted(me: Me) -> Self {
        Holder::new(me, Holder::UNACCOUNTED)
    }

    #[inline]
    fn slot(self) -> u32 {
        (self.word >> 32) as u32
    }

    #[inline]
    pub(crate) fn is_unaccounted(self) -> bool {
        self.slot() == Holder::UNACCOUNTED
    }

    /// The calling thread, if this is it. It does not leave its thread, so it is, but in the child of a fork, for ever: the
    /// child and what descends from it are of other generations, whatever their threads' numbers are.
    #[inline]
    pub(crate) fn me(self) -> Option<Me> {
        Me::of(self.word as u32)
    }

    /// As [`me`](Self::me), if the thread knows that without asking.
    #[inline(always)]
    pub(crate) fn me_at_once(self) -> Option<Me> {
        Me::of_at_once(self.word as u32)
    }

    /// As it is, but its account may hold more than this, or less.
    #[cfg(not(loom))]
    #[inline]
    pub(crate) fn of_a_part(self) -> Self {
        Holder {
            made: State::NONE,
            ..self
        }
    }

    /// Whether both are the same account.
    #[cfg(not(loom))]
    #[inline]
    pub(crate) fn is_same(self, other: Self) -> bool {
        self.word == other.word
    }

    /// The account of the calling thread, which this is.
    #[inline]
    pub(crate) fn account(self, me: Me) -> Account {
        Account {
            me,
            slot: self.slot() as usize,
        }
    }
}
