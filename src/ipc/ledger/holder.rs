//! Which thread holds something of a ledger, and by which slot.

use super::State;
use crate::sys::ipc::me::Me;
use std::marker::PhantomData;

/// The calling thread's slot, armed: if this thread is killed, that is found.
#[derive(Clone, Copy)]
pub(crate) struct Account {
    pub(super) me: Me,
    pub(super) slot: usize,
}

/// A holder, for guards: its process and its slot. It never leaves its thread.
#[derive(Clone, Copy)]
pub(crate) struct Holder {
    /// The generation of the thread's process, and above it the number of its slot. It is one word
    /// because the processor waits for two halves that are written one by one and read together.
    word: u64,
    /// The state that the thread made when it took all that the account holds. If the state still
    /// is this one, the account still holds just that.
    pub(super) made: State,
    not_send: PhantomData<*const ()>,
}

impl Account {
    #[inline]
    pub(crate) fn me(self) -> Me {
        self.me
    }

    /// The holder, for a guard that gives back later what this account holds.
    #[inline]
    pub(crate) fn holder(self) -> Holder {
        Holder::new(self.me, self.slot as u32)
    }
}

impl Holder {
    /// Stands in the place of a slot.
    const UNACCOUNTED: u32 = u32::MAX;

    #[inline]
    pub(super) fn new(me: Me, slot: u32) -> Self {
        Holder {
            word: u64::from(slot) << 32 | u64::from(me.generation()),
            made: State::NONE,
            not_send: PhantomData,
        }
    }

    /// The holder of something that no account records.
    #[inline]
    pub(crate) fn unaccounted(me: Me) -> Self {
        Holder::new(me, Holder::UNACCOUNTED)
    }

    #[inline]
    pub(super) fn slot(self) -> u32 {
        (self.word >> 32) as u32
    }

    #[inline]
    pub(crate) fn is_unaccounted(self) -> bool {
        self.slot() == Holder::UNACCOUNTED
    }

    /// The calling thread, if it is the holder. It always is, except in the child of a fork: the
    /// child and its descendants are of other generations, whatever their threads' numbers are.
    #[inline]
    pub(crate) fn me(self) -> Option<Me> {
        Me::of(self.word as u32)
    }

    /// As [`me`](Self::me), if the thread knows that without asking.
    #[inline(always)]
    pub(crate) fn me_at_once(self) -> Option<Me> {
        Me::of_at_once(self.word as u32)
    }

    /// The same holder, if its account may hold more or less than what was taken.
    #[inline]
    pub(crate) fn of_a_part(self) -> Self {
        Holder {
            made: State::NONE,
            ..self
        }
    }

    /// Whether both are the same account.
    #[inline]
    pub(crate) fn is_same(self, other: Self) -> bool {
        self.word == other.word
    }

    /// The account of the holder, which is the calling thread.
    #[inline]
    pub(crate) fn account(self, me: Me) -> Account {
        Account {
            me,
            slot: self.slot() as usize,
        }
    }
}
