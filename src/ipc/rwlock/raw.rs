//! The reader-writer lock between processes: the value of a [`Ledger`], with two gates.
//!
//! The value is the number of readers, and three flags:
//! - `CLOSED`: a writer is inside, or waits for the readers to leave. No other thread enters.
//! - `DIED`: a writer was killed while it wrote. Readers do not enter; the next writer is told.
//! - `POISONED`: the dead writer's data was not repaired. No thread ever enters again.
//!
//! A thread's slot records how often it reads, whether `CLOSED` is its own, and whether it writes.
//! - (IRW1) A writer is inside once it has seen the last reader leave, and then records `WRITING`.
//!   If it is killed before, `CLOSED` is taken back; if after, `DIED` takes the place of `CLOSED`.
//! - (IRW2) The writer that has closed the lock waits at the *exit* gate, which the last reader to
//!   leave opens. All others wait at the *entrance* gate, which a leaving writer opens for all.

use super::super::ledger::{Account, Held, Holder, Kind, Ledger};
use crate::sys::deadline::Deadline;
use crate::sys::ipc::me::Me;
use crate::sys::{Access, const_fn};

const CLOSED: u32 = 1 << 31;
const DIED: u32 = 1 << 30;
const POISONED: u32 = 1 << 29;
/// The mask of the number of readers, and their limit.
pub(crate) const READERS: u32 = POISONED - 1;

/// In what a thread holds: it writes.
const WRITING: u32 = 1 << 30;

const ENTRANCE: usize = 0;
const EXIT: usize = 1;

#[inline]
fn readers(value: u32) -> u32 {
    value & READERS
}

/// The value with one more reader, unless a flag is in the way.
#[inline]
fn one_more(value: u32) -> Option<u32> {
    (value < READERS).then(|| value + 1)
}

/// The value with one reader less, if no writer waits for that.
#[inline]
fn one_less(value: u32) -> Option<u32> {
    (readers(value) > 0 && value & CLOSED == 0).then(|| value - 1)
}

struct Readers;

impl Kind for Readers {
    #[inline]
    fn given_back(value: u32, held: u32) -> u32 {
        let left = readers(value).saturating_sub(readers(held));
        let flags = match held & (CLOSED | WRITING) {
            0 | WRITING => value,
            CLOSED => value & !CLOSED,
            _ => value & !CLOSED | DIED,
        };
        flags & !READERS | left
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refused {
    Poisoned,
    WouldBlock,
    TimedOut,
    TooManyThreads,
    TooManyHeld,
}

/// What a write lock comes with: whether the last writer was killed while it wrote.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Written {
    Cleanly,
    WriterDied,
}

#[repr(C)]
pub(crate) struct RawRwLock {
    ledger: Ledger<Readers, 2>,
    data: Access,
}

impl RawRwLock {
    const_fn! {
        pub(crate) const fn new() -> Self {
            RawRwLock {
                ledger: Ledger::new(0),
                data: Access::new(),
            }
        }
    }

    fn account(&self, me: Me) -> Result<Account, Refused> {
        if !me.has_room() {
            return Err(Refused::TooManyHeld);
        }
        self.ledger.account(me).ok_or(Refused::TooManyThreads)
    }

    /// Acquires the lock for reading. Waits if there is a deadline, which may be never. Returns
    /// nothing if a writer died and no other has repaired the data.
    ///
    /// # Panics
    /// If there are [`READERS`] readers.
    #[inline]
    pub(crate) fn read(&self, wait: Option<Deadline>) -> Result<Option<Holder>, Refused> {
        match self.read_at_once() {
            Some(holder) => Ok(Some(holder)),
            None => self.read_after_a_look(wait),
        }
    }

    /// Succeeds if this thread does not read and made the last change, and no writer is in the way.
    #[inline(always)]
    fn read_at_once(&self) -> Option<Holder> {
        let me = Me::for_lock_at_once(self).filter(|me| me.has_room())?;
        let holder = self.ledger.take_at_once(me, 1, one_more)?;
        self.data.shared();
        Some(holder)
    }

    #[inline(never)]
    fn read_after_a_look(&self, wait: Option<Deadline>) -> Result<Option<Holder>, Refused> {
        let me = Me::for_lock(self, "ipc::RwLock");
        let account = self.account(me)?;
        let attempt = || self.try_read(account);
        let end = match attempt() {
            Err(_) => self.enter_contended(me, wait, attempt),
            Ok(end) => end,
        };
        if end != Ok(true) {
            self.ledger.leave(account);
            return end.map(|_| None);
        }
        self.data.shared();
        Ok(Some(account.holder()))
    }

    /// Returns whether it entered. Fails with the value while a writer is in the way.
    #[inline]
    fn try_read(&self, account: Account) -> Result<Result<bool, Refused>, u32> {
        let held = self.ledger.held(account).plus(1);
        match self.ledger.change(account, held, one_more) {
            Ok(_) => Ok(Ok(true)),
            Err(value) if value & POISONED != 0 => Ok(Err(Refused::Poisoned)),
            Err(value) if value & CLOSED != 0 => Err(value),
            Err(value) if value & DIED != 0 => Ok(Ok(false)),
            Err(_) => {
                self.ledger.leave(account);
                panic!("ipc::RwLock::read: more than {READERS} readers");
            }
        }
    }

    /// Releases a read lock. Does nothing in a child, as [`unlock_write`](Self::unlock_write).
    #[inline(never)]
    pub(crate) fn unlock_read(&self, holder: Holder) {
        let leave = |value| {
            self.data.shared();
            one_less(value)
        };
        match self.ledger.give_back_at_once(holder, leave) {
            Some(account) => self.ledger.leave_with(account, 0),
            None => self.unlock_read_after_a_look(holder),
        }
    }

    #[inline(never)]
    fn unlock_read_after_a_look(&self, holder: Holder) {
        let Some(me) = holder.me() else {
            return;
        };
        self.data.shared();
        let account = holder.account(me);
        let held = self.ledger.held(account);
        // The record is in shared memory: nothing is given back that does not stand there.
        if readers(held.amount) == 0 {
            self.ledger.leave(account);
            return;
        }
        let held = held.minus(1);
        let value = self.change(account, held, |value| Readers::given_back(value, 1));
        if value & CLOSED != 0 && readers(value) == 0 {
            self.ledger.gate(EXIT).open(me);
        }
        self.ledger.leave_with(account, held.amount);
    }

    /// Acquires the lock for writing, as [`read`](Self::read).
    #[inline]
    pub(crate) fn write(&self, wait: Option<Deadline>) -> Result<(Holder, Written), Refused> {
        match self.write_at_once() {
            Some(holder) => Ok((holder, Written::Cleanly)),
            None => self.write_after_a_look(wait),
        }
    }

    /// Succeeds if no thread is in the way, and this thread made the last change.
    #[inline(always)]
    fn write_at_once(&self) -> Option<Holder> {
        let me = Me::for_lock_at_once(self).filter(|me| me.has_room())?;
        let close = |value| (value == 0).then_some(CLOSED);
        let holder = self.ledger.take_at_once(me, CLOSED, close)?;
        self.ledger.restate(holder.account(me), CLOSED | WRITING);
        self.data.exclusive();
        Some(holder)
    }

    #[inline(never)]
    fn write_after_a_look(&self, wait: Option<Deadline>) -> Result<(Holder, Written), Refused> {
        let me = Me::for_lock(self, "ipc::RwLock");
        let account = self.account(me)?;
        let attempt = || self.try_close(account, wait.is_some());
        let closed = match attempt() {
            Err(_) => self.enter_contended(me, wait, attempt),
            Ok(end) => end,
        };
        let empty = match closed {
            Ok(value) if readers(value) != 0 => self.wait_at_exit(me, account, wait),
            end => end,
        };
        let value = match empty {
            Ok(value) => value,
            Err(refused) => {
                self.ledger.leave(account);
                return Err(refused);
            }
        };
        self.ledger
            .restate(account, self.ledger.held(account).amount | WRITING);
        self.data.exclusive();
        let written = match value & DIED {
            0 => Written::Cleanly,
            _ => Written::WriterDied,
        };
        Ok((account.holder(), written))
    }

    /// Closes the lock, also while others read if this thread can wait for them. Returns the new
    /// value, or fails with the one that is in the way.
    #[inline]
    fn try_close(&self, account: Account, can_wait: bool) -> Result<Result<u32, Refused>, u32> {
        let held = self.ledger.held(account);
        let held = held.now(held.amount | CLOSED);
        let change = |value| {
            let is_open = value & (CLOSED | POISONED) == 0 && (can_wait || readers(value) == 0);
            is_open.then_some(value | CLOSED)
        };
        match self.ledger.change(account, held, change) {
            Err(value) if value & POISONED != 0 => Ok(Err(Refused::Poisoned)),
            Err(value) => Err(value),
            closed => Ok(Ok(closed?)),
        }
    }

    /// Waits for the readers to leave, after the lock was closed.
    #[cold]
    fn wait_at_exit(
        &self,
        me: Me,
        account: Account,
        wait: Option<Deadline>,
    ) -> Result<u32, Refused> {
        let attempt = || match self.ledger.value() {
            value if readers(value) == 0 => Ok(value),
            value => Err(value),
        };
        let deadline = wait.expect("only a waiting writer closes it before others leave");
        if let Some(value) = self.ledger.wait(me, EXIT, deadline, attempt, || ()) {
            return Ok(value);
        }
        let held = self.ledger.held(account);
        let held = held.now(held.amount & !CLOSED);
        self.change(account, held, |value| value & !CLOSED);
        self.ledger.gate(ENTRANCE).open_for_all(me);
        Err(Refused::TimedOut)
    }

    /// Releases the write lock, with the data right unless `poison`.
    #[inline(never)]
    pub(crate) fn unlock_write(&self, holder: Holder, poison: bool) {
        let open = |value| {
            self.data.exclusive();
            (value == CLOSED && !poison).then_some(0)
        };
        match self.ledger.give_back_at_once(holder, open) {
            Some(account) if !self.ledger.gate(ENTRANCE).is_to_be_opened() => {
                self.ledger.leave_with(account, 0);
            }
            Some(account) => self.leave_and_wake(account),
            None => self.unlock_write_after_a_look(holder, poison),
        }
    }

    #[inline(never)]
    fn unlock_write_after_a_look(&self, holder: Holder, poison: bool) {
        let Some(me) = holder.me() else {
            return;
        };
        self.data.exclusive();
        let account = holder.account(me);
        let held = self.ledger.held(account);
        let held = held.now(held.amount & !(CLOSED | WRITING));
        let end = if poison { POISONED } else { 0 };
        self.change(account, held, |value| value & !(CLOSED | DIED) | end);
        self.leave_and_wake(account);
    }

    /// Ends the account's use and opens the entrance for all.
    #[inline(never)]
    fn leave_and_wake(&self, account: Account) {
        self.ledger.gate(ENTRANCE).open_for_all(account.me());
        self.ledger.leave(account);
    }

    /// Makes a change that is not refused. Returns the new value.
    #[inline]
    fn change(&self, account: Account, held: Held, change: impl Fn(u32) -> u32) -> u32 {
        let changed = self
            .ledger
            .change(account, held, |value| Some(change(value)));
        changed.unwrap_or_else(|value| value)
    }

    /// After a refusal, first recovers what dead threads held, and then waits.
    #[cold]
    fn enter_contended<R>(
        &self,
        me: Me,
        wait: Option<Deadline>,
        attempt: impl Fn() -> Result<Result<R, Refused>, u32>,
    ) -> Result<R, Refused> {
        let Some(deadline) = wait else {
            self.ledger.recover(me);
            return attempt().unwrap_or(Err(Refused::WouldBlock));
        };
        let end = self.ledger.wait(me, ENTRANCE, deadline, attempt, || ());
        end.unwrap_or(Err(Refused::TimedOut))
    }
}
