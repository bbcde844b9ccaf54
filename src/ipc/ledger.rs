//! The ledger: a value that all processes change, and a record of how much each thread holds.
//!
//! What a killed thread held is given back. No change is ever half done, or done twice.
//!
//! **The state** is one word of 64 bits: the *value* (the permits that are left, say; the user of
//! the ledger defines it), and its last change: the *author* and the number of the change.
//!
//! **Slots.** Each thread that uses the ledger has a slot in it ([`slot`]). The slot's
//! [`Entry`](crate::sys::ipc::robust::Entry) is held, as a robust mutex is, while the thread holds
//! something or is about to. So the kernel marks it if the thread is killed. Beside it stand
//! - `recorded`: the number of the slot's last change;
//! - `holds`, twice: what is held after a change of an even number, and of an odd one;
//! - `witnessed`: the number of its last change that another thread has found made.
//!
//! **A change** takes the next number of its slot, and three steps: write what will be held;
//! exchange the state, with the slot as its author; record the number.
//! - (A1) A change has been made if it is recorded, or the state names it, or it is witnessed.
//!   After the exchange, the state names it. A thread that is about to overwrite a state whose
//!   author has not recorded the change *witnesses* it first. So a thread that looks in this order
//!   finds every change that was made.
//! - (A2) The slot holds what the half of `holds` says that belongs to its last change made. So
//!   holding something else without changing the value is one store.
//! - (A3) Only the thread that has armed the slot or taken it over writes `recorded` and `holds`.
//!
//! **A death** is found by threads that are refused what they want, and by waiters: these sleep on
//! the words of all slots, too, and the kernel wakes one. The finder takes the slot's word over, as
//! a robust mutex is taken over. It finishes the record (A1), gives back what the dead thread held,
//! *as that slot*, and frees the slot. If the finder is killed on the way, the next one finds the
//! slot in a state of the same kind, and does the same. ([`recovery`])
//!
//! **Numbers.** `recorded` and `witnessed` have 64 bits and only grow; the state has the lowest 24
//! bits. This would mislead a thread that is stopped between two looks while another one makes
//! exactly 2²⁴ changes and is killed in the middle of the next.
//!
//! **The fast path.** Mostly, no other thread uses the ledger between two changes of a thread. Then
//! the state names the thread's own change, which is recorded, so there is nothing to witness. If
//! the state is even the one that the thread's acquisition made ([`Holder`] remembers it), the
//! account holds what was taken then, and nothing need be looked up.
//! [`take_at_once`](Ledger::take_at_once) and [`give_back_at_once`](Ledger::give_back_at_once) take
//! the three steps in line, without a loop. Where they do not apply, they change nothing, and the
//! call goes the whole way.
//!
//! Some changes need no author: they exchange only the value. The author's change stays made.
//!
//! Source: the recoverable operations of H. Attiya, O. Ben-Baruch and D. Hendler ("Nesting-Safe
//! Recoverable Linearizability", 2018), whose threads tell what they overwrite.

mod claim;
mod holder;
mod recovery;
mod slot;
mod waiting;

use super::gate::Gate;
use crate::sys::Ordering::{AcqRel, Acquire, Relaxed};
use crate::sys::ipc::me::Me;
use crate::sys::mortal::{AtomicU32, AtomicU64};
use crate::sys::{array_of, const_fn, in_program_order, sizes};
pub(crate) use holder::{Account, Holder};
use slot::Slot;
use std::marker::PhantomData;

/// How many threads can hold something at once.
pub(crate) const SLOTS: usize = sizes::HOLDERS;

/// First the biased slots, of which each belongs to a thread, then the shared ones.
const ALL_SLOTS: usize = 2 * SLOTS;

/// The meaning of a value.
pub(crate) trait Kind {
    /// The value after as much was given back as a dead thread held. Neither number can be trusted.
    fn given_back(value: u32, held: u32) -> u32;
}

/// All bytes zero: no thread holds anything, and the value is 0.
#[repr(C)]
pub(crate) struct Ledger<K, const GATES: usize> {
    state: AtomicU64,
    /// The slots below this one have been in use.
    used: AtomicU32,
    gates: [Gate; GATES],
    slots: [Slot; ALL_SLOTS],
    kind: PhantomData<fn() -> K>,
}

/// How much an account holds, and the number of its last change, so as not to look that up twice.
#[derive(Clone, Copy)]
pub(crate) struct Held {
    change: u64,
    pub(crate) amount: u32,
}

impl Held {
    /// This amount instead.
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

/// From the lowest bit on: the value, the author of its last change, and that change's number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct State(u64);

impl State {
    const VALUE_BITS: u32 = 32;
    const AUTHOR_BITS: u32 = 8;
    const NUMBER_SHIFT: u32 = Self::VALUE_BITS + Self::AUTHOR_BITS;

    /// The highest bits of the number are lost.
    fn new(value: u32, author: usize, number: u64) -> Self {
        let author = (author as u64 + 1) << Self::VALUE_BITS;
        State(number << Self::NUMBER_SHIFT | author | u64::from(value))
    }

    #[inline(always)]
    pub(crate) fn value(self) -> u32 {
        self.0 as u32
    }

    /// This value, with the same author and number.
    #[inline(always)]
    fn with_value(self, value: u32) -> Self {
        State(self.0 & (u64::MAX << Self::VALUE_BITS) | u64::from(value))
    }

    /// This value, by the same author's next change.
    #[inline(always)]
    fn followed_by(self, value: u32) -> Self {
        State(
            self.with_value(value)
                .0
                .wrapping_add(1 << Self::NUMBER_SHIFT),
        )
    }

    /// A slot's index, or a number that no slot has.
    #[inline(always)]
    fn author(self) -> usize {
        ((self.0 >> Self::VALUE_BITS) as u8).wrapping_sub(1) as usize
    }

    /// No ledger has this state: its author does not exist. Its value can be neither less nor more.
    const NONE: State = State(u64::MAX);

    fn is_by(self, slot: usize, number: u64) -> bool {
        self == Self::new(self.value(), slot, number)
    }
}
const _: () = assert!(ALL_SLOTS < 1 << State::AUTHOR_BITS);

impl<K: Kind, const GATES: usize> Ledger<K, GATES> {
    const_fn! {
        /// A ledger with this value, of which no thread holds anything.
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

    /// The value at some time between the call and its return.
    #[inline]
    pub(crate) fn value(&self) -> u32 {
        // ORDERING: Acquire, for what was done before the value became this; pairs with `exchange`.
        State(self.state.load(Acquire)).value()
    }

    #[inline]
    pub(crate) fn gate(&self, number: usize) -> &Gate {
        &self.gates[number]
    }

    /// Wakes all waiters of all gates.
    fn open_all(&self, me: Me) {
        self.gates.iter().for_each(|gate| gate.open_for_all(me));
    }

    /// From now on, if this thread is killed, a waiter of one of the gates is woken. For changes
    /// without an account; until [`Gate::settle`].
    pub(crate) fn pend(&self, me: Me) {
        self.gates[0].pend(me);
    }

    #[inline]
    pub(crate) fn held(&self, account: Account) -> Held {
        self.slots[account.slot].held()
    }

    /// Makes the account hold this from now on, with the value unchanged.
    #[inline]
    pub(crate) fn restate(&self, account: Account, held: u32) {
        self.slots[account.slot].restate(held);
    }

    /// Changes the value and what the account holds, in one step. Returns the new value, or the
    /// refused one.
    #[inline]
    pub(crate) fn change(
        &self,
        account: Account,
        held: Held,
        change: impl Fn(u32) -> Option<u32>,
    ) -> Result<u32, u32> {
        self.change_as(account.slot, held, change)
    }

    /// As [`account`](Self::account) and [`change`](Self::change), if the thread holds nothing and
    /// has made the last change itself. Else nothing is changed, but the account may be armed.
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
        let mut holder = account.holder();
        holder.made = made;
        Some(holder)
    }

    /// As [`change`](Self::change), giving back all that the account holds, if the state has not
    /// changed since that was taken. Else nothing is changed.
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

    /// Changes the value and what the account holds, if the state is the account's own last one.
    ///
    /// There is nothing to witness, since this thread has recorded its changes.
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
            // A refused change overwrites nothing, and leaves alone the line that the author writes
            // next.
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

    /// Witnesses this change, which is about to be overwritten, if it is not recorded (A1).
    #[inline]
    fn witness(&self, state: State) {
        let Some(author) = self.slots.get(state.author()) else {
            return;
        };
        // The author made all changes before this one, and has recorded them.
        let next = author.recorded().wrapping_add(1);
        if state.is_by(state.author(), next) {
            author.witness(next);
        }
    }

    /// Changes the value for no account. Returns the new value, or the refused one.
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

    /// As [`change_unaccounted`](Self::change_unaccounted), if no other thread does so now.
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

    /// Exchanges the state for the one that `next` makes of it. Returns the new value, or the
    /// refused one.
    #[inline]
    fn exchange(&self, next: impl Fn(State) -> Option<State>) -> Result<u32, u32> {
        // ORDERING: Acquire, here and below; pairs with the Release of the last exchange.
        let mut state = State(self.state.load(Acquire));
        loop {
            let Some(new) = next(state) else {
                return Err(state.value());
            };
            // ORDERING: AcqRel; a thread that finds this state sees what this thread and its
            // predecessors did before, the witness of the last change included (A1).
            let exchanged = self.state.compare_exchange(state.0, new.0, AcqRel, Acquire);
            match exchanged {
                Ok(_) => return Ok(new.value()),
                Err(now) => state = State(now),
            }
        }
    }
}
