//! The robust mutex: a word that names its holder, so that the kernel can release it.
//!
//! | word | state |
//! |---|---|
//! | 0 | free |
//! | thread number, with `WAITERS` | held by this thread |
//! | no number, `OWNER_DIED` | free; the last holder died (the kernel's mark; maybe `WAITERS`) |
//!
//! The holder always sets the kernel's flag `WAITERS`, so that the kernel wakes a waiter when the
//! holder dies. Whether there are waiters is said by another word, `waits`.
//!
//! - **lock** exchanges the word of a free mutex for the thread's number. If the mutex is held, it
//!   sets `waits`, runs the heavy fence, and sleeps while both words stay as they are.
//! - **unlock** stores 0. Then, if `waits` is set, it wakes one waiter.
//! - (IM1) Either the releaser sees `waits`, or the waiter sees the release: an asymmetric fence
//!   ([`fence`](crate::sys::fence)) stands between the release and the releaser's load of `waits`
//!   (light side), and between the waiter's store of `waits` and its last look at the word, which
//!   the kernel does for it (heavy side). So lock and unlock together cost one locked instruction;
//!   in glibc they cost two.
//! - (IM2) `waits` stays set when a waiter is woken. In other designs the unlocker clears it, and
//!   the woken waiter sets it again for those that still sleep. If it were killed before it did so,
//!   while a thread that has barged in holds the mutex, the others would sleep for ever.
//! - (IM3) An unlocker that found no thread to wake clears `waits`. A waiter may have fallen asleep
//!   since the search. So the kernel clears `waits` and wakes all waiters in one step
//!   (`FUTEX_WAKE_OP`), and they set it again.
//!
//! **Deaths.** The mutex is *pending* (see [`robust`](crate::sys::ipc::robust)) from before the
//! first exchange until it is linked, also while the waiter sleeps. So if a waiter is killed after
//! it was woken, the kernel wakes another. Once the mutex is linked, another entry may be the
//! pending one. From before the mutex is unlinked it is pending again, until the unlocker has woken
//! a waiter if there is one. So if the unlocker is killed, the kernel does that.
//!
//! Memory ordering is as of any mutex; the next holder also sees what a dead one wrote.

use crate::policy::spin::Spin;
use crate::sys::Ordering::{Acquire, Relaxed, Release};
use crate::sys::deadline::Deadline;
use crate::sys::ipc::kernel;
use crate::sys::ipc::me::Me;
use crate::sys::ipc::robust::Entry;
use crate::sys::mortal::AtomicU32;
use crate::sys::robust_word::{OWNER, OWNER_DIED, WAITERS};
use crate::sys::{Access, const_fn};

#[repr(C)]
pub(crate) struct RawMutex {
    entry: Entry,
    data: Access,
}

/// How the last holder released the mutex.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Locked {
    /// It unlocked the mutex.
    Cleanly,
    /// It ended while it held the mutex.
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

    /// Acquires the mutex. Returns nothing if another thread, or this one, holds it until the
    /// deadline.
    ///
    /// # Panics
    /// If this thread holds it already and there is no deadline. (Or its memory says so: another
    /// process may have written the number.)
    #[inline]
    pub(crate) fn lock(&self, me: Me, deadline: Deadline) -> Option<Locked> {
        self.entry.pend(me);
        match self.take(me, 0) {
            Ok(locked) => Some(self.enter(me, locked)),
            Err(_) => self.lock_contended(me, deadline, None),
        }
    }

    /// As [`lock`](Self::lock), but `news` is a word and the value that the caller saw there: this
    /// also gives up when another thread holds the mutex and the word has changed. A thread that
    /// changes that word must wake all threads that sleep on it.
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

    /// Acquires the mutex if `take` failed. The caller has made the entry pending.
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
            // ORDERING: Relaxed; an exchange confirms what is decided by it.
            let value = word.load(Relaxed);
            if value & OWNER == 0 {
                match self.take(me, value) {
                    Ok(locked) => return Some(self.enter(me, locked)),
                    Err(_) => continue,
                }
            }
            if value & OWNER == me.id() && deadline.instant().is_none() {
                Entry::settle(me);
                panic!("ipc::Mutex::lock: this thread holds it already");
            }
            // ORDERING: Relaxed; the caller looks again.
            let is_news = news.is_some_and(|(word, seen)| word.load(Relaxed) != seen);
            if !in_time || is_news {
                // If it was woken, no wake-up is lost: the holder will wake another waiter (IM2).
                Entry::settle(me);
                return None;
            }
            if spin.again() {
                continue;
            }
            // ORDERING: Relaxed; the heavy fence orders it before the last look at the word, which
            // the kernel does as it puts the thread to sleep (IM1).
            self.waits().swap(1, Relaxed);
            let limit = kernel::heavy_until();
            let (own, until) = ([(word, value), (self.waits(), 1)], deadline.min(limit));
            match news {
                None => kernel::wait(&own, until),
                Some(news) => kernel::wait(&[own[0], own[1], news], until),
            };
            // (Asked each time: a thread that finds a word changed again and again never sleeps.)
            in_time = !deadline.passed();
            // A woken waiter spins again. Else, where others take the mutex all the time, it would
            // run the heavy fence, find the word changed and not sleep; and the next unlocker would
            // find `waits`, but no thread to wake: system calls in both, again and again.
            spin = Spin::new();
        }
    }

    #[inline]
    pub(crate) fn try_lock(&self, me: Me) -> Option<Locked> {
        self.entry.pend(me);
        // ORDERING: Relaxed; an exchange confirms what is decided by it.
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

    /// Takes the mutex if its word has this value, which is one of a free mutex.
    #[inline]
    fn take(&self, me: Me, value: u32) -> Result<Locked, u32> {
        let taken = me.id() | WAITERS;
        // ORDERING: Acquire pairs with the Release of the last holder, or the kernel's for it.
        let result = self
            .entry
            .word
            .compare_exchange(value, taken, Acquire, Relaxed);
        result.map(|_| match value & OWNER_DIED {
            0 => Locked::Cleanly,
            _ => Locked::OwnerDied,
        })
    }

    /// Links the mutex, which this thread has just taken.
    #[inline]
    fn enter(&self, me: Me, locked: Locked) -> Locked {
        self.entry.link(me);
        self.data.exclusive();
        locked
    }

    /// Releases the mutex, which the calling thread holds. (It does not check that. To load the
    /// word so soon after the exchange that took it would cost half as much as the rest of a lock
    /// and an unlock.)
    #[inline]
    pub(crate) fn unlock(&self, me: Me) {
        self.data.exclusive();
        self.entry.pend(me);
        self.entry.unlink(me);
        // ORDERING: Release pairs with the Acquire of the next holder.
        self.entry.word.store(0, Release);
        me.light();
        // ORDERING: Relaxed; the light fence orders it after the release (IM1).
        if self.waits().load(Relaxed) != 0 {
            self.wake();
        }
        Entry::settle(me);
    }

    /// Whether a thread holds it. If not, what its last holder wrote is seen.
    pub(crate) fn is_held(&self) -> bool {
        // ORDERING: Acquire pairs with the Release of the last holder, or the kernel's for it.
        self.entry.word.load(Acquire) & OWNER != 0
    }

    #[cold]
    fn wake(&self) {
        if kernel::wake(&self.entry.word, 1) == 0 {
            kernel::clear_and_wake_all(self.waits(), &self.entry.word);
        }
    }

    /// 1 if a waiter may be asleep, else 0.
    #[inline]
    fn waits(&self) -> &AtomicU32 {
        &self.entry.own[1]
    }

    /// A word for the primitive that the mutex is part of. Only the holder writes it.
    #[inline]
    pub(crate) fn note(&self) -> &AtomicU32 {
        &self.entry.own[0]
    }
}
