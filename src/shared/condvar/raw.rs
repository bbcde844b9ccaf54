//! The condition variable: a count of notifications, for whose change waiters sleep.
//!
//! - **wait**: with the mutex held, set `WAITS`, and remember the count. Release the mutex, sleep as long as both stay
//!   the same, take the mutex.
//! - **notify**: if nobody waits, that is all. Else count, and wake one, or all. Who changes what is waited for while holding the mutex,
//!   and then notifies, finds everybody counted as waiting who has not seen the change: the mutex orders that, without a fence.
//! - **`WAITS` is taken back** only by a notifier that wakes all, or finds nobody to wake; the kernel takes it back and wakes
//!   all who sleep in one step, and who does not sleep yet finds it changed. (Were it taken back with each notification, the second of two
//!   would miss the second of two waiters.)
//!
//! **Deaths.** Waiters are woken on the word of an [`Entry`], which is always 0. It is *pending* while a waiter sleeps: if that one
//! is killed, woken or not, the kernel wakes another there. (Notifiers do not wake on the count: who is woken on one word and has not
//! run yet can still be the one whom the kernel wakes on another, in the place of somebody else. A model of that:
//! `two_notifications_beside_a_killed_sleeper_wake_two`.) It is pending for a notifier, from before it counts until it has woken somebody:
//! if that one is killed, the kernel does it. That would be one where all were to be woken, so a notifier of all first says `ALL`, and a
//! waiter that finds this done and not undone does it again. A waiter that has been woken and takes the mutex again may be killed too, but
//! for it the mutex is pending: then it was notified, and nobody else is in its place.

use crate::deadline::Deadline;
use crate::primitive::Ordering::Relaxed;
use crate::primitive::const_fn;
use crate::primitive::mortal::AtomicU32;
use crate::shared::kernel;
use crate::shared::me::Me;
use crate::shared::mutex::raw::{Locked, RawMutex};
use crate::shared::robust::Entry;
use crate::spin::Spin;

/// Somebody may be asleep.
const WAITS: u32 = 1;
/// All are being woken.
const ALL: u32 = 2;

/// All zero: nobody waits.
#[repr(C)]
pub(crate) struct RawCondvar {
    entry: Entry,
}

impl RawCondvar {
    const_fn! {
        pub(crate) const fn new() -> Self {
            RawCondvar { entry: Entry::new() }
        }
    }

    /// How often somebody was notified. It comes round, which a waiter would miss that is stopped for exactly so long.
    fn count(&self) -> &AtomicU32 {
        &self.entry.own[0]
    }

    /// `WAITS` and `ALL`.
    #[inline]
    fn waits(&self) -> &AtomicU32 {
        &self.entry.own[1]
    }

    /// Releases the mutex, which this thread holds, waits, and takes it again. May wait for no time at all. Returns how the mutex
    /// came, and whether the deadline has passed.
    pub(crate) fn wait(&self, me: Me, mutex: &RawMutex, deadline: Deadline) -> (Locked, bool) {
        let seen = self.approach();
        mutex.unlock(me);
        let in_time = self.sleep(me, seen, deadline);
        let locked = mutex.lock(me, Deadline::NEVER);
        (locked.expect("there is no deadline"), !in_time)
    }

    /// Says that this thread waits, while it holds the mutex. Returns the count.
    pub(crate) fn approach(&self) -> u32 {
        // ORDERING: Relaxed, here and below; the mutex orders it before the notifier's look, and what is waited for as well.
        self.waits().fetch_or(WAITS, Relaxed);
        self.count().load(Relaxed)
    }

    /// Sleeps, without the mutex, until somebody is notified. Returns false if the deadline has passed. The entry stays
    /// pending.
    pub(crate) fn sleep(&self, me: Me, seen: u32, deadline: Deadline) -> bool {
        let mut spin = Spin::unyielding();
        while spin.again() {
            // ORDERING: Relaxed; as in `approach`.
            if self.count().load(Relaxed) != seen {
                return true;
            }
        }
        self.entry.pend(me);
        // The one on which it is woken comes first: see `kernel::wait`.
        let words = [
            (&self.entry.word, 0),
            (self.count(), seen),
            (self.waits(), WAITS),
        ];
        let in_time = kernel::wait(&words, deadline);
        // ORDERING: Relaxed; whose mark it is has died, or wakes all itself.
        if self.waits().load(Relaxed) & ALL != 0 {
            self.wake_all();
        }
        in_time
    }

    /// Whether anybody has been notified, or is being.
    #[cfg(loom)]
    pub(crate) fn has_notified(&self) -> bool {
        // ORDERING: Relaxed; asked when who did it has ended.
        self.waits().load(Relaxed) & ALL != 0 || self.count().load(Relaxed) != 0
    }

    /// Wakes one, if there is one.
    #[inline]
    pub(crate) fn notify_one(&self, me: Me) {
        self.notify(me, Self::wake_one);
    }

    /// Wakes all.
    #[inline]
    pub(crate) fn notify_all(&self, me: Me) {
        self.notify(me, Self::wake_all);
    }

    #[inline]
    fn notify(&self, me: Me, wake: fn(&Self)) {
        // ORDERING: Relaxed; as in `approach`.
        if self.waits().load(Relaxed) != 0 {
            self.entry.pend(me);
            wake(self);
            Entry::settle(me);
        }
    }

    /// The entry is pending.
    #[cold]
    fn wake_one(&self) {
        // ORDERING: Relaxed; as in `approach`.
        self.count().fetch_add(1, Relaxed);
        if kernel::wake(&self.entry.word, 1) == 0 {
            kernel::clear_and_wake_all(self.waits(), &self.entry.word);
        }
    }

    /// As above.
    #[cold]
    fn wake_all(&self) {
        // ORDERING: Relaxed, here and below; as in `approach`.
        self.waits().fetch_or(ALL, Relaxed);
        self.count().fetch_add(1, Relaxed);
        kernel::clear_and_wake_all(self.waits(), &self.entry.word);
    }
}
