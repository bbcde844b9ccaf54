//! The robust mutex: one word that says who holds it, so that the kernel can let go of it for the dead.
//!
//! The word is 0, or the owner's thread number with the kernel's flag `WAITERS`, or the kernel's mark `OWNER_DIED`. The flag is always
//! set, so that the kernel always wakes somebody when the owner dies; whether anybody waits says a word beside it.
//!
//! - **lock**: exchange 0 for the own number. Else say that somebody `waits`, and sleep as long as both words stay the same.
//! - **unlock**: a plain store of 0. Then, if somebody waits, wake one. Between the store and that look there must be a
//!   fence, as there must be between a waiter's word and its last look at the mutex; it is a pair of which the waiter pays for both
//!   (see [`fence`](crate::fence)). So the whole costs one locked instruction, and glibc's costs two.
//! - **`waits` stays** when one is woken. If it were taken back, and set again by whoever was woken for those that still
//!   sleep, as other mutexes do it, then they would sleep for ever if that one is killed before it does so while somebody else
//!   has come in between.
//! - **It is taken back** by an unlocker that found nobody to wake. Somebody may have gone to sleep since, so the kernel takes it back
//!   and wakes all who sleep there in one step (`FUTEX_WAKE_OP`); they will set it again. If nobody came, that is nobody.
//!
//! **Deaths.** The mutex is *pending* (see [`robust`](super::super::robust)) from before the first exchange, also while its would-be
//! owner sleeps: if that one is killed after it was woken, the kernel wakes another. Once it is linked, something else may be
//! pending. It is pending again from before it is unlinked until nobody needs to be woken any more.
//!
//! Memory ordering: as any mutex; what the dead wrote is seen by whoever takes the mutex after them.

use super::super::kernel;
use super::super::me::Me;
use super::super::robust::Entry;
use crate::deadline::Deadline;
use crate::primitive::Ordering::{Acquire, Relaxed, Release};
use crate::primitive::mortal::AtomicU32;
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
        match self.take(me, 0) {
            Ok(locked) => Some(self.enter(me, locked)),
            Err(_) => self.lock_contended(me, deadline, None),
        }
    }

    /// As [`lock`](Self::lock), but also returns nothing as soon as another thread holds it and a
    /// word is not as it was seen. A thread that changes the word wakes all that sleep on it.
    pub(crate) fn lock_unless(
        &self,
        me: Me,
        deadline: Deadline,
        news: (&AtomicU32, u32),
    ) -> Option<Locked> {
        self.entry.pend(me);
        match self.take(me, 0) {
            Ok(locked) => Some(self.enter(me, locked)),
            Err(_) => self.lock_contended(me, deadline, Some(news)),
        }
    }

    /// It is pending.
    #[cold]
    fn lock_contended(
        &self,
        me: Me,
        deadline: Deadline,
        news: Option<(&AtomicU32, u32)>,
    ) -> Option<Locked> {
        let word = &self.entry.word;
        let (mut spin, mut in_time) = (Spin::new(), true);
        loop {
            // ORDERING: Relaxed; what is decided by it, an exchange confirms.
            let value = word.load(Relaxed);
            if value & OWNER == 0 {
                match self.take(me, value) {
                    Ok(locked) => return Some(self.enter(me, locked)),
                    Err(_) => continue,
                }
            }
            if value & OWNER == me.id() && deadline.instant().is_none() {
                Entry::settle(me);
                panic!("shared::Mutex::lock: this thread holds it already");
            }
            // ORDERING: Relaxed; the caller looks again.
            let is_news = news.is_some_and(|(word, seen)| word.load(Relaxed) != seen);
            if !in_time || is_news {
                // If it was woken, that is not lost: whoever holds it will wake another.
                Entry::settle(me);
                return None;
            }
            if spin.again() {
                continue;
            }
            // ORDERING: Relaxed; the fence orders it before the kernel's look at the word, and pairs with the one in `unlock`.
            self.waits().swap(1, Relaxed);
            let limit = kernel::heavy_until();
            let (own, until) = ([(word, value), (self.waits(), 1)], deadline.min(limit));
            match news {
                None => kernel::wait(&own, until),
                Some(news) => kernel::wait(&[own[0], own[1], news], until),
            };
            // Also if it has not slept at all, because they are not as they should be.
            in_time = !deadline.passed();
            // Awake for a while, again: or else, where others take it all the time, it asks for a fence, finds the word changed and does not
            // sleep, and the next one to unlock finds the mark, and nobody to wake: a system call for each, again and again.
            spin = Spin::new();
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
    #[inline]
    fn take(&self, me: Me, value: u32) -> Result<Locked, u32> {
        let taken = me.id() | WAITERS;
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
        self.data.exclusive();
        locked
    }

    /// The calling thread holds it. (It does not look whether that is so: to load the word so soon after the exchange that took it
    /// costs half as much as the whole rest.)
    #[inline]
    pub(crate) fn unlock(&self, me: Me) {
        self.data.exclusive();
        self.entry.pend(me);
        self.entry.unlink(me);
        // ORDERING: Release pairs with the Acquire of the next owner.
        self.entry.word.store(0, Release);
        me.light();
        // ORDERING: Relaxed; after the fence, which pairs with the one of a waiter.
        if self.waits().load(Relaxed) != 0 {
            self.wake();
        }
        Entry::settle(me);
    }

    /// Whether somebody holds it. If not, what its last owner wrote is seen.
    pub(crate) fn is_held(&self) -> bool {
        // ORDERING: Acquire pairs with the Release of the last owner, or of the kernel on its behalf.
        self.entry.word.load(Acquire) & OWNER != 0
    }

    #[cold]
    fn wake(&self) {
        if kernel::wake(&self.entry.word, 1) == 0 {
            kernel::clear_and_wake_all(self.waits(), &self.entry.word);
        }
    }

    /// Whether somebody may be asleep: 1, or 0.
    #[inline]
    fn waits(&self) -> &AtomicU32 {
        &self.entry.own[1]
    }

    /// A word for whatever the mutex is part of, which only its owner writes.
    #[cfg(not(loom))]
    #[inline]
    pub(crate) fn note(&self) -> &AtomicU32 {
        &self.entry.own[0]
    }
}
