//! The robust mutex: one word that says who holds it, so that the kernel can let go of it for the dead.
//!
//! The word is 0, or the owner's thread number, with two flags of the kernel's: `WAITERS` (somebody sleeps) and `OWNER_DIED`
//! (the last owner ended while it held it).
//!
//! - **lock**: exchange 0 for the own number. Else set `WAITERS` and sleep as long as the word stays the same.
//! - **unlock**: exchange the own number for 0. If `WAITERS` is set, *leave it set*, and wake one.
//! - **Who takes it keeps the flags**, whether it slept or not. glibc's mutexes are released to 0, and whoever was woken
//!   sets the flag again for the others; if it is killed before that while somebody else has come in between, nobody
//!   wakes the others, ever. Here the flag outlives whoever was woken.
//! - **The flag is cleared** by an unlocker that found nobody to wake. Somebody may have gone to sleep since, so
//!   the kernel clears it and wakes all who sleep there in one step (`FUTEX_WAKE_OP`); they will set it again. If nobody came, that
//!   is nobody.
//!
//! **Deaths.** The mutex is *pending* (see [`robust`](super::super::robust)) from before the first exchange until it is linked, also while its
//! would-be owner sleeps: if that one is killed after it was woken, the kernel wakes another. It is pending again from
//! before it is unlinked until nobody needs to be woken any more.
//!
//! Memory ordering: as any mutex; what the dead wrote is seen by whoever takes the mutex after them.

use super::super::kernel::{self, Me};
use super::super::robust::Entry;
use crate::deadline::Deadline;
use crate::primitive::Ordering::{Acquire, Relaxed, Release};
use crate::primitive::robust_word::{OWNER, OWNER_DIED, WAITERS};
use crate::primitive::{Access, const_fn};
use crate::spin::Spin;

/// Without data.
#[repr(C)]
pub(crate) struct RawMutex {
    entry: Entry,
    data: Access,
}

/// What a lock comes with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Locked {
    /// The last owner released it.
    Cleanly,
    /// The last owner ended while it held it.
    OwnerDied,
}

impl RawMutex {
    const_fn! {
        pub(crate) const fn new() -> Self {
            RawMutex {
                entry: Entry::new(),
                data: Access::new(),
            }
        }
    }

    /// Returns nothing if somebody holds it until the deadline.
    ///
    /// # Panics
    /// If this thread holds it already, and there is no deadline.
    #[inline]
    pub(crate) fn lock(&self, me: Me, deadline: Deadline) -> Option<Locked> {
        self.entry.pend(me);
        // ORDERING: Acquire pairs with the Release of the last owner.
        let taken = self
            .entry
            .word
            .compare_exchange(0, me.id(), Acquire, Relaxed);
        if taken.is_ok() {
            return Some(self.enter(me, Locked::Cleanly));
        }
        let locked = self.lock_contended(me, deadline);
        match locked {
            Some(locked) => Some(self.enter(me, locked)),
            None => {
                Entry::settle(me);
                None
            }
        }
    }

    #[cold]
    fn lock_contended(&self, me: Me, deadline: Deadline) -> Option<Locked> {
        let word = &self.entry.word;
        let mut spin = Spin::new();
        loop {
            // ORDERING: Relaxed; what is decided by it, an exchange confirms.
            let value = word.load(Relaxed);
            if value & OWNER == 0 {
                match self.take(me, value) {
                    Ok(locked) => return Some(locked),
                    Err(_) => continue,
                }
            }
            if value & OWNER == me.id() && deadline.instant().is_none() {
                Entry::settle(me);
                panic!("shared::Mutex::lock: this thread holds it already");
            }
            if spin.again() {
                continue;
            }
            let marked = value | WAITERS;
            // ORDERING: Relaxed; the flag is for whoever changes this word next.
            let is_marked = value == marked
                || word
                    .compare_exchange(value, marked, Relaxed, Relaxed)
                    .is_ok();
            if is_marked && !kernel::wait(&[(word, marked)], deadline) {
                return None;
            }
        }
    }

    /// Returns nothing if somebody holds it.
    #[inline]
    pub(crate) fn try_lock(&self, me: Me) -> Option<Locked> {
        self.entry.pend(me);
        // ORDERING: Relaxed; what is decided by it, the exchange confirms.
        let mut value = self.entry.word.load(Relaxed);
        while value & OWNER == 0 {
            match self.take(me, value) {
                Ok(locked) => return Some(self.enter(me, locked)),
                Err(now) => value = now,
            }
        }
        Entry::settle(me);
        None
    }

    /// Takes it as it is, which is free.
    fn take(&self, me: Me, value: u32) -> Result<Locked, u32> {
        let taken = me.id() | (value & WAITERS);
        // ORDERING: Acquire pairs with the Release of the last owner, or of the kernel on its behalf.
        let result = self
            .entry
            .word
            .compare_exchange(value, taken, Acquire, Relaxed);
        result.map(|_| match value & OWNER_DIED {
            0 => Locked::Cleanly,
            _ => Locked::OwnerDied,
        })
    }

    /// It is this thread's.
    #[inline]
    fn enter(&self, me: Me, locked: Locked) -> Locked {
        self.entry.link(me);
        Entry::settle(me);
        self.data.exclusive();
        locked
    }

    /// Does nothing if the calling thread does not hold it: the child of a fork that held it, say.
    #[inline]
    pub(crate) fn unlock(&self, me: Me) {
        if !self.is_held_by(me) {
            return;
        }
        self.data.exclusive();
        self.entry.pend(me);
        self.entry.unlink(me);
        // ORDERING: Release pairs with the Acquire of the next owner.
        if self
            .entry
            .word
            .compare_exchange(me.id(), 0, Release, Relaxed)
            .is_err()
        {
            self.unlock_contended();
        }
        Entry::settle(me);
    }

    #[inline]
    pub(crate) fn is_held_by(&self, me: Me) -> bool {
        // ORDERING: Relaxed; only the thread itself writes its number.
        self.entry.word.load(Relaxed) & OWNER == me.id()
    }

    #[cold]
    fn unlock_contended(&self) {
        let word = &self.entry.word;
        // ORDERING: as in `unlock`. An exchange, beside the kernel's that clears the flag.
        word.swap(WAITERS, Release);
        if kernel::wake(word, 1) == 0 {
            kernel::clear_and_wake_all(word, WAITERS);
        }
    }

    /// A word for whatever the mutex is part of, which only its owner writes.
    #[inline]
    pub(crate) fn note(&self) -> &crate::primitive::mortal::AtomicU32 {
        &self.entry.own[0]
    }
}
