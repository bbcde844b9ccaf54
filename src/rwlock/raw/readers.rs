//! Readers: how they come in and leave. The states and the invariants are in the parent module.

use super::{
    ALL_ADMITTED, ASYMMETRIC, BIASED, DRAINS, IMPATIENT, MAX_AGAIN, MAX_READERS, ONE_READER, READ,
    READERS, RawRwLock, WARM, WRITER, revocation_key, too_many_readers,
};
use crate::deadline::Deadline;
use crate::fence;
use crate::parking::{ParkResult, ParkToken, UnparkToken};
use crate::primitive::Ordering::{Acquire, Relaxed, Release};
use crate::primitive::Patience;
use crate::rwlock::bias::{self, Slot};
use crate::spin::Spin;
use crate::waiters;

/// What tells a reader whether, and how, it may publish itself.
const BIAS: u32 = WRITER | BIASED | ASYMMETRIC;

/// Whether a reader may count itself in. One that is `recursive` passes a writer that waits for other readers: for those that
/// are counted, or, while the bias lasts, for those that may be in their slots.
fn is_readable(state: u32, recursive: bool) -> bool {
    state & WRITER == 0 || (recursive && state & (READERS | BIASED) != 0)
}

impl RawRwLock {
    #[inline]
    pub(crate) fn try_read(&self, recursive: bool) -> bool {
        let inside = self.try_enter(recursive, MAX_READERS);
        if inside {
            self.data.shared();
        }
        inside
    }

    /// False if the deadline passed first.
    #[inline]
    pub(crate) fn read(&self, recursive: bool, deadline: Deadline) -> bool {
        let inside = self.try_enter(recursive, MAX_READERS)
            || self.read_contended(recursive, MAX_READERS, deadline);
        if inside {
            self.data.shared();
        }
        inside
    }

    /// Takes a read that the caller has given back for a while. It must not unwind, so it aborts
    /// where there are too many readers.
    pub(crate) fn read_again(&self) {
        let _ = self.try_enter(false, MAX_AGAIN)
            || self.read_contended(false, MAX_AGAIN, Deadline::NEVER);
        self.data.shared();
    }

    /// Panics if `limit` readers are counted already.
    #[inline(always)]
    fn try_enter(&self, recursive: bool, limit: u32) -> bool {
        // The fast path is a load of the word, a store to our own line, and a load of the word.
        // ORDERING: Relaxed; looked at again.
        let state = self.state.load(Relaxed);
        if state & (WRITER | BIASED) == BIASED
            && let Some(slot) = bias::first_slot()
            && slot.is_free()
            && self.try_publish(slot, state)
        {
            return true;
        }
        self.try_enter_slowly(state, recursive, limit)
    }

    #[inline(never)]
    fn try_enter_slowly(&self, state: u32, recursive: bool, limit: u32) -> bool {
        (state & (WRITER | BIASED) == BIASED
            && bias::free_slot().is_some_and(|slot| self.try_publish(slot, state)))
            || self.try_count(state, recursive, limit)
    }

    /// Enters by publishing itself in a free slot, if the bias is still what it was in `state`.
    #[inline(always)]
    fn try_publish(&self, slot: &Slot, state: u32) -> bool {
        if state & ASYMMETRIC != 0 {
            slot.publish_light(self.key());
        } else {
            slot.publish_fenced(self.key());
        }
        let inside = self.is_still(state);
        if !inside {
            self.withdraw(slot);
        } else if state & ASYMMETRIC == 0 && bias::promotes(self.key()) {
            self.make_asymmetric();
        }
        inside
    }

    /// Whether no writer has come, and the bias is as it was in `state`, when the caller has published itself: either a
    /// writer sees it in the slot, or it sees the writer here (invariant 7).
    #[inline(always)]
    fn is_still(&self, state: u32) -> bool {
        // ORDERING: after the fence in `publish`. Acquire (in it) pairs with the Release of the last writer: only
        // read-modify-writes have changed the word since.
        fence::load_after_full(&self.state) & BIAS == state & BIAS
    }

    /// From now on readers publish with a light fence, and a writer needs a heavy one. The caller reads.
    #[cold]
    fn make_asymmetric(&self) {
        if fence::is_asymmetric() {
            let asymmetric =
                |state| (state & (WRITER | BIASED) == BIASED).then_some(state | ASYMMETRIC);
            // ORDERING: Relaxed, both; the flag says how to order, and orders nothing itself.
            let _ = self.state.fetch_update(Relaxed, Relaxed, asymmetric);
        }
    }

    /// Frees the slot, and wakes the writer that may wait for that.
    #[inline(always)]
    fn withdraw(&self, slot: &Slot) {
        let key = self.key();
        slot.leave();
        // The lock may be gone from here on. The fence orders the slot before the count, against the heavy one of a
        // writer that parks (invariant 5).
        fence::light();
        if waiters::any(revocation_key(key)) {
            Self::wake_revoker(key);
        }
    }

    /// Enters by counting itself in the word, which was `state` a moment ago.
    fn try_count(&self, mut state: u32, recursive: bool, limit: u32) -> bool {
        let mut collision: Option<Spin> = None;
        while is_readable(state, recursive) {
            if state / ONE_READER >= limit {
                too_many_readers(limit);
            }
            let next = (state | warmer(state)) + ONE_READER;
            // ORDERING: Acquire pairs with the Release of the last writer.
            match self
                .state
                .compare_exchange_weak(state, next, Acquire, Relaxed)
            {
                Ok(_) => {
                    bias::restart();
                    if let Some(spin) = collision {
                        spin.got_it();
                    }
                    return true;
                }
                Err(now) => {
                    // Others are at the word, so this is a wait too, for its cache line.
                    collision.get_or_insert_with(Spin::hot);
                    state = now;
                }
            }
        }
        false
    }

    #[cold]
    fn read_contended(&self, recursive: bool, limit: u32, deadline: Deadline) -> bool {
        if deadline.is_past() {
            return false;
        }
        let mut spin = Spin::hot();
        let mut patience = Patience::new();
        loop {
            if self.try_enter(recursive, limit) {
                spin.got_it();
                return true;
            }
            if spin.again() {
                continue;
            }
            let blocked = |state| !is_readable(state, recursive);
            let impatient = if patience.exhausted() { IMPATIENT } else { 0 };
            let until = match impatient {
                0 => Patience::limit(deadline),
                _ => deadline,
            };
            match self.park(ParkToken(READ | impatient), 0, until, blocked) {
                ParkResult::Unparked(UnparkToken(given))
                    if impatient != 0 || given & ALL_ADMITTED != 0 =>
                {
                    // ORDERING: Acquire pairs with the Release by which the writer counted us in. A read-modify-write
                    // reads the newest value, as in `claim`.
                    if self.state.fetch_or(0, Acquire) / ONE_READER > limit {
                        // SAFETY: we were counted in.
                        unsafe { self.unlock_counted() };
                        too_many_readers(limit);
                    }
                    return true;
                }
                ParkResult::TimedOut if deadline.passed() => return false,
                ParkResult::Unparked(_) | ParkResult::TimedOut | ParkResult::Invalid => {}
            }
        }
    }

    /// # Safety
    /// The caller is one of the readers, and on the thread that it was on when it became one.
    #[inline(always)]
    pub(crate) unsafe fn unlock_read(&self) {
        self.data.shared();
        // If we have published ourselves, the lock has been biased since, and is until we leave (invariant 7).
        // ORDERING: Relaxed; we have seen the flag before.
        let biased = self.state.load(Relaxed) & BIASED != 0;
        if biased
            && let Some(slot) = bias::first_slot()
            && slot.is_mine(self.key())
        {
            self.withdraw(slot);
        } else {
            // SAFETY: the caller's promise is the same.
            unsafe { self.unlock_slowly(biased) };
        }
    }

    /// # Safety
    /// The caller is one of the readers.
    #[inline(never)]
    unsafe fn unlock_slowly(&self, biased: bool) {
        match biased.then(|| bias::slot_of(self.key())).flatten() {
            Some(slot) => self.withdraw(slot),
            // SAFETY: if it is in no slot, it was counted in.
            None => unsafe { self.unlock_counted() },
        }
    }

    /// # Safety
    /// The caller is one of the readers that are counted.
    #[inline]
    unsafe fn unlock_counted(&self) {
        let key = self.key();
        // ORDERING: Release pairs with the Acquire by which a writer sees that the readers have left.
        let state = self.state.fetch_sub(ONE_READER, Release);
        if state & (READERS | DRAINS) == ONE_READER | DRAINS {
            Self::wake_drained(key);
        }
    }
}

/// What a reader that counts itself adds to the bias: the second such after a writer, or a later one, makes the lock
/// biased.
#[inline]
fn warmer(state: u32) -> u32 {
    #[cfg(loom)]
    if !bias::begins() {
        return 0;
    }
    match state & (WRITER | WARM) {
        0 => WARM,
        WARM if bias::begins() => BIASED,
        // Or a writer waits: what it has seen must not change.
        _ => 0,
    }
}
