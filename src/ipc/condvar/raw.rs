//! The condition variable between processes: a count of notifications, on which waiters sleep.
//!
//! - **wait**, with the mutex held: set `WAITS`, remember the count, release the mutex, sleep while
//!   the count and the flags are unchanged, acquire the mutex.
//! - **notify**: do nothing if no thread waits. Else count, and wake one waiter, or all.
//! - (IC1) A notifier that changes the condition with the mutex held, and then notifies, finds
//!   `WAITS` set by every waiter that missed the change: the mutex orders that, without a fence.
//! - (IC2) Only a notifier that wakes all, or finds no thread to wake, clears `WAITS`. The kernel
//!   clears it and wakes all in one step; a waiter that does not sleep yet sees the change. (If
//!   each notification cleared it, the second of two would miss the second of two waiters.)
//!
//! **Deaths.** Waiters are woken on the word of an [`Entry`], which is always 0.
//! - (IC3) The entry is *pending* while a waiter sleeps: if that one is killed, woken or not, the
//!   kernel wakes another. Notifiers never wake on the count: a waiter that was woken on one word
//!   and has not run yet could absorb the kernel's wake-up on another word. (Model:
//!   `two_notifications_beside_a_killed_sleeper_wake_two`.)
//! - (IC4) It is pending for a notifier, from before it counts until it has woken a waiter: if the
//!   notifier is killed, the kernel wakes one. That would be one where all were meant. So a
//!   notifier of all first sets `ALL`, and a waiter that finds `ALL` still set wakes all again.
//! - (IC5) A woken waiter that is killed while it acquires the mutex has been notified, and no
//!   other waiter takes its place. For it, the mutex is pending.

use crate::ipc::mutex::raw::{Locked, RawMutex};
use crate::policy::awake::stay_awake;
use crate::sys::Ordering::Relaxed;
use crate::sys::deadline::Deadline;
use crate::sys::ipc::kernel;
use crate::sys::ipc::me::Me;
use crate::sys::ipc::robust::Entry;
use crate::sys::mortal::AtomicU32;
use crate::sys::{const_fn, only_in_models};
use std::ptr;

/// A waiter may be asleep.
const WAITS: u32 = 1;
/// A notifier is waking all.
const ALL: u32 = 2;

/// All zero: no thread waits.
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

    /// How many notifications there were. A waiter that is stopped for exactly 2³² misses them.
    fn count(&self) -> &AtomicU32 {
        &self.entry.own[0]
    }

    #[inline]
    fn waits(&self) -> &AtomicU32 {
        &self.entry.own[1]
    }

    /// Releases the mutex, which this thread holds, waits, and acquires it again. It may wait for
    /// no time at all. Returns how the mutex was released, and whether the deadline has passed.
    pub(crate) fn wait(&self, me: Me, mutex: &RawMutex, deadline: Deadline) -> (Locked, bool) {
        let seen = self.approach();
        mutex.unlock(me);
        let in_time = self.sleep(me, seen, deadline);
        let locked = mutex.lock(me, Deadline::NEVER);
        (locked.expect("there is no deadline"), !in_time)
    }

    /// Announces that this thread waits, while it holds the mutex. Returns the count.
    pub(crate) fn approach(&self) -> u32 {
        // ORDERING: Relaxed, here and below; the mutex orders it before the notifier's look (IC1).
        self.waits().fetch_or(WAITS, Relaxed);
        self.count().load(Relaxed)
    }

    /// Sleeps until a notification, or returns false after the deadline. The entry stays pending.
    pub(crate) fn sleep(&self, me: Me, seen: u32, deadline: Deadline) -> bool {
        // ORDERING: Relaxed; as in `approach`.
        let is_notified = || self.count().load(Relaxed) != seen;
        if !deadline.passed() && stay_awake(ptr::from_ref(self).addr(), is_notified) {
            return true;
        }
        self.entry.pend(me);
        // The word on which it is woken comes first: see `kernel::wait`.
        let words = [
            (&self.entry.word, 0),
            (self.count(), seen),
            (self.waits(), WAITS),
        ];
        let in_time = kernel::wait(&words, deadline);
        // ORDERING: Relaxed; the notifier that set it has died, or wakes all itself (IC4).
        if self.waits().load(Relaxed) & ALL != 0 {
            self.wake_all();
        }
        in_time
    }

    only_in_models! {
        /// Whether there was a notification, or one is under way.
        pub(crate) fn has_notified(&self) -> bool {
            // ORDERING: Relaxed; asked after the notifier has ended.
            self.waits().load(Relaxed) & ALL != 0 || self.count().load(Relaxed) != 0
        }
    }

    #[inline]
    pub(crate) fn notify_one(&self, me: Me) {
        self.notify(me, Self::wake_one);
    }

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

    /// The entry is pending.
    #[cold]
    fn wake_all(&self) {
        // ORDERING: Relaxed, here and below; as in `approach`.
        self.waits().fetch_or(ALL, Relaxed);
        self.count().fetch_add(1, Relaxed);
        kernel::clear_and_wake_all(self.waits(), &self.entry.word);
    }
}
