//! The semaphore between processes: the value of a [`Ledger`], with one gate for the waiters.
//!
//! The value is the number of free permits, and the flag `CLOSED`.
//!
//! (IS1) **Giving back** opens the gate for one waiter. A waiter that has slept and leaves, with
//! permits or without, opens it for the next if there are permits left. So one opening is enough
//! for many.
//!
//! (IS2) **A waiter for many permits** may be woken and find too few, while another waiter that
//! wants only one sleeps on. So it, too, opens the gate for the next before it sleeps again. Two of
//! these would wake each other for ever, so only one is at the gate: the holder of `turn`.
//!
//! (IS3) **Without give-back** no thread has a slot. Then the gate is pending instead, from before
//! a change until the gate is opened, and as long as a thread waits.

use super::super::gate::Gate;
use super::super::ledger::{Account, Holder, Kind, Ledger};
use super::super::mutex::raw::RawMutex;
use crate::sys::Ordering::Relaxed;
use crate::sys::const_fn;
use crate::sys::deadline::Deadline;
use crate::sys::ipc::me::Me;
use crate::sys::mortal::AtomicU32;

const CLOSED: u32 = 1 << 31;

/// The largest number beside the flag.
pub(crate) const MAX_PERMITS: u32 = CLOSED - 1;

#[inline]
fn free(value: u32) -> u32 {
    value & MAX_PERMITS
}

#[inline]
fn taken(value: u32, permits: u32) -> Option<u32> {
    (value & CLOSED == 0 && free(value) >= permits).then(|| value - permits)
}

/// Nothing, if there would be more than `MAX_PERMITS`.
#[inline]
fn more(value: u32, permits: u32) -> Option<u32> {
    (permits <= MAX_PERMITS - free(value)).then(|| value + permits)
}

/// Permits beyond `MAX_PERMITS` are lost.
#[inline]
fn given(value: u32, permits: u32) -> u32 {
    value & CLOSED | free(value).saturating_add(permits).min(MAX_PERMITS)
}

struct Permits;

impl Kind for Permits {
    #[inline]
    fn given_back(value: u32, held: u32) -> u32 {
        given(value, held)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refused {
    Closed,
    NoPermits,
    TimedOut,
    TooManyThreads,
    TooManyHeld,
}

#[repr(C)]
pub(crate) struct RawSemaphore {
    /// Not 0 if the permits of dead threads are lost.
    without_give_back: AtomicU32,
    /// Among the waiters for many permits (IS2).
    turn: RawMutex,
    ledger: Ledger<Permits, 1>,
}

impl RawSemaphore {
    const_fn! {
        /// There are at most `MAX_PERMITS` permits.
        pub(crate) const fn new(permits: u32, gives_back: bool) -> Self {
            RawSemaphore {
                without_give_back: AtomicU32::new(!gives_back as u32),
                turn: RawMutex::new(),
                ledger: Ledger::new(permits),
            }
        }
    }

    #[inline]
    fn me(&self) -> Me {
        Me::for_lock(self, "ipc::Semaphore")
    }

    /// The calling thread's account; nothing without give-back.
    #[inline(always)]
    fn account(&self, me: Me) -> Result<Option<Account>, Refused> {
        // ORDERING: Relaxed; it never changes.
        match self.without_give_back.load(Relaxed) {
            0 if !me.has_room() => Err(Refused::TooManyHeld),
            0 => match self.ledger.account(me) {
                None => Err(Refused::TooManyThreads),
                account => Ok(account),
            },
            _ => Ok(None),
        }
    }

    /// Takes at most `MAX_PERMITS` permits. Waits if there is a deadline, which may be never.
    #[inline]
    pub(crate) fn take(&self, permits: u32, wait: Option<Deadline>) -> Result<Holder, Refused> {
        match self.take_at_once(permits) {
            Some(holder) => Ok(holder),
            None => self.take_after_a_look(permits, wait),
        }
    }

    /// Succeeds if the thread holds none, there are enough, and no other thread changes them now.
    #[inline(always)]
    fn take_at_once(&self, permits: u32) -> Option<Holder> {
        let me = Me::for_lock_at_once(self)?;
        let change = |value| taken(value, permits);
        // ORDERING: Relaxed; it never changes.
        if self.without_give_back.load(Relaxed) != 0 {
            let changed = self.ledger.change_unaccounted_at_once(change);
            return changed.map(|_| Holder::unaccounted(me));
        }
        if permits == 0 || !me.has_room() {
            return None;
        }
        self.ledger.take_at_once(me, permits, change)
    }

    #[inline(never)]
    fn take_after_a_look(&self, permits: u32, wait: Option<Deadline>) -> Result<Holder, Refused> {
        let me = self.me();
        let account = self.account(me)?;
        if let Some(account) = account {
            self.assert_countable(account, permits);
        }
        let end = match self.try_take(account, permits) {
            Err(_) => self.take_contended(me, account, permits, wait),
            Ok(end) => end,
        };
        let Some(account) = account else {
            return end.map(|()| Holder::unaccounted(me));
        };
        if end.is_err() || permits == 0 {
            self.ledger.leave(account);
        }
        end.map(|()| account.holder())
    }

    /// Makes sure that what the thread holds can be counted in 32 bits.
    ///
    /// # Panics
    /// If the account, which has nothing pending, would hold more than that.
    fn assert_countable(&self, account: Account, permits: u32) {
        let held = self.ledger.held(account).amount;
        if held.checked_add(permits).is_none() {
            self.ledger.leave(account);
            panic!("ipc::Semaphore::acquire_many: a thread would hold more than u32::MAX permits");
        }
    }

    /// Fails with the value if there are too few permits.
    #[inline(always)]
    fn try_take(&self, account: Option<Account>, permits: u32) -> Result<Result<(), Refused>, u32> {
        let change = |value| taken(value, permits);
        let end = match account {
            Some(account) => {
                let held = self.ledger.held(account).plus(permits);
                self.ledger.change(account, held, change)
            }
            None => self.ledger.change_unaccounted(change),
        };
        match end {
            Ok(_) => Ok(Ok(())),
            Err(value) if value & CLOSED != 0 => Ok(Err(Refused::Closed)),
            Err(value) => Err(value),
        }
    }

    #[cold]
    fn take_contended(
        &self,
        me: Me,
        account: Option<Account>,
        permits: u32,
        wait: Option<Deadline>,
    ) -> Result<(), Refused> {
        let Some(deadline) = wait else {
            // Dead threads may have held some.
            self.ledger.recover(me);
            let end = self.try_take(account, permits);
            return end.unwrap_or(Err(Refused::NoPermits));
        };
        if permits == 1 {
            return self.wait(me, account, 1, deadline);
        }
        if self.turn.lock(me, deadline).is_none() {
            return Err(Refused::TimedOut);
        }
        let end = self.wait(me, account, permits, deadline);
        self.turn.unlock(me);
        end
    }

    fn wait(
        &self,
        me: Me,
        account: Option<Account>,
        permits: u32,
        deadline: Deadline,
    ) -> Result<(), Refused> {
        if account.is_none() {
            self.ledger.pend(me);
        }
        let attempt = || self.try_take(account, permits);
        let woken = || {
            if permits > 1 {
                // The opener of the gate cleared `APPROACHED`, though this thread may sleep again.
                self.ledger.gate(0).approach();
                self.pass_on(me);
            }
        };
        let end = self.ledger.wait(me, 0, deadline, attempt, woken);
        self.pass_on(me);
        if account.is_none() {
            Gate::settle(me);
        }
        end.unwrap_or(Err(Refused::TimedOut))
    }

    /// Opens the gate if another waiter may use what this thread was woken for (IS1).
    fn pass_on(&self, me: Me) {
        self.let_go_on(me, self.ledger.value());
    }

    /// Wakes the waiters that can use this value.
    #[inline(always)]
    fn let_go_on(&self, me: Me, value: u32) {
        let gate = self.ledger.gate(0);
        if value & CLOSED != 0 {
            gate.open_for_all(me);
        } else if free(value) > 0 {
            gate.open(me);
        }
    }

    /// Gives back some of the holder's permits. Does nothing in a child of the holder's process.
    #[inline(never)]
    pub(crate) fn give_back(&self, holder: Holder, permits: u32) {
        match holder.is_unaccounted() {
            true => self.give_back_unaccounted(holder, permits),
            false => self.give_back_accounted(holder, permits),
        }
    }

    #[inline(always)]
    fn give_back_unaccounted(&self, holder: Holder, permits: u32) {
        if let Some(me) = holder.me_at_once().filter(|_| permits > 0) {
            self.ledger.pend(me);
            let change = |value| more(value, permits);
            if self.ledger.change_unaccounted_at_once(change).is_some() {
                return match self.ledger.gate(0).is_to_be_opened() {
                    false => Gate::settle(me),
                    true => self.settle_and_wake(me),
                };
            }
        }
        self.give_back_after_a_look(holder, permits);
    }

    #[inline(always)]
    fn give_back_accounted(&self, holder: Holder, permits: u32) {
        let change = |value| more(value, permits).filter(|_| permits > 0);
        match self.ledger.give_back_at_once(holder, change) {
            Some(account) if !self.ledger.gate(0).is_to_be_opened() => {
                self.ledger.leave_with(account, 0);
            }
            Some(account) => self.leave_and_wake(account),
            None => self.give_back_after_a_look(holder, permits),
        }
    }

    /// Permits were given back that no account had. The gate is pending.
    #[inline(never)]
    fn settle_and_wake(&self, me: Me) {
        self.pass_on(me);
        Gate::settle(me);
    }

    /// Ends the account's use after it has given something back.
    #[inline(never)]
    fn leave_and_wake(&self, account: Account) {
        self.pass_on(account.me());
        self.ledger.leave(account);
    }

    #[inline(never)]
    fn give_back_after_a_look(&self, holder: Holder, permits: u32) {
        let Some(me) = holder.me().filter(|_| permits > 0) else {
            return;
        };
        if holder.is_unaccounted() {
            self.change_unaccounted(me, |value| Some(given(value, permits)));
            return;
        }
        let account = holder.account(me);
        let held = self.ledger.held(account);
        // The record is in shared memory: nothing is given back that does not stand there.
        let permits = permits.min(held.amount);
        let change = |value| Some(given(value, permits));
        let _ = self.ledger.change(account, held.minus(permits), change);
        self.leave_and_wake(account);
    }

    /// Makes the holder's permits ones that are not given back.
    pub(crate) fn forget(&self, holder: Holder, permits: u32) {
        let me = holder
            .me()
            .filter(|_| !holder.is_unaccounted() && permits > 0);
        if let Some(me) = me {
            let account = holder.account(me);
            let held = self.ledger.held(account).amount.saturating_sub(permits);
            self.ledger.restate(account, held);
            self.ledger.leave_with(account, held);
        }
    }

    /// Changes the value, unless `change` refuses that, and wakes the waiters that can use it.
    #[inline(always)]
    fn change_unaccounted(&self, me: Me, change: impl Fn(u32) -> Option<u32>) -> bool {
        self.ledger.pend(me);
        let changed = self.ledger.change_unaccounted(change);
        if let Ok(value) = changed {
            self.let_go_on(me, value);
        }
        Gate::settle(me);
        changed.is_ok()
    }

    /// Adds permits. Returns false, and changes nothing, if there would be too many.
    pub(crate) fn add(&self, permits: u32) -> bool {
        self.change_unaccounted(self.me(), |value| more(value, permits))
    }

    /// Takes up to this many permits for good. Returns how many.
    pub(crate) fn take_for_good(&self, permits: u32) -> u32 {
        self.me();
        loop {
            let value = self.ledger.value();
            let less = permits.min(free(value));
            let change = |now| (now == value).then(|| now - less);
            if self.ledger.change_unaccounted(change).is_ok() {
                return less;
            }
        }
    }

    pub(crate) fn close(&self) {
        self.change_unaccounted(self.me(), |value| Some(value | CLOSED));
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.me();
        self.ledger.value() & CLOSED != 0
    }

    /// How many permits are free, after those of dead threads were recovered.
    pub(crate) fn free(&self) -> u32 {
        self.ledger.recover(self.me());
        free(self.ledger.value())
    }
}
