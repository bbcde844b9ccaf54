//! Readers: how they enter and leave. The invariants are those of [`raw`](super).

use super::queue::{Given, Kind, revocation_key};
use super::{RawRwLock, readers};
use crate::policy::spin::{QUIET, Spin};
use crate::rwlock::bias::{self, Earned, Slot};
use crate::rwlock::word::{
    ASYMMETRIC, BIASED, MAX_AGAIN, MAX_READERS, NEXT, ONE_READER, PARKED, READERS, REVOKED,
    WRITER_NEXT, admits_any_reader, admits_reader, entry, fits, is_abandoned, is_being_revoked,
    is_biased_as, is_named, with_lease,
};
use crate::sys::Ordering::{Acquire, Relaxed, Release};
use crate::sys::deadline::Deadline;
use crate::sys::fence;
use crate::waiters;
use std::ptr;

/// Ends a read beyond `limit` readers. For a read that is acquired again it ends the process, as
/// the count of an `Arc` does.
#[cold]
pub(super) fn too_many_readers(limit: usize) -> ! {
    if limit > MAX_READERS {
        eprintln!("RwLock: more than {limit} readers: aborting");
        std::process::abort();
    }
    panic!("RwLock::read: more than {limit} readers");
}

/// What a reader has not done yet when it leaves.
#[derive(Clone, Copy)]
enum Rest {
    /// It has left, and a thread is parked.
    Wake,
    /// It has withdrawn, and a writer may wait for that.
    WakeRevokers,
    /// It still reads.
    Leave,
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

    /// As [`read`](Self::read), of an unbiased lock: its readers earn no bias.
    #[inline]
    pub(crate) fn read_unbiased(&self, recursive: bool, deadline: Deadline) -> bool {
        // ORDERING: Relaxed; looked at again.
        let state = self.state.load(Relaxed);
        let next = state.wrapping_add(ONE_READER);
        // ORDERING: Acquire; pairs with the Release of the last writer (RW1).
        let count = || self.state.compare_exchange(state, next, Acquire, Relaxed);
        if admits_any_reader(state) && count().is_ok() {
            self.data.shared();
            return true;
        }
        self.read(recursive, deadline)
    }

    /// Acquires a read that the caller has released for a while. It must not unwind, so it aborts
    /// if there are too many readers.
    pub(crate) fn read_again(&self) {
        let _ = self.try_enter(false, MAX_AGAIN)
            || self.read_contended(false, MAX_AGAIN, Deadline::NEVER);
        self.data.shared();
    }

    /// Panics if `limit` readers are counted already.
    #[inline(always)]
    fn try_enter(&self, recursive: bool, limit: usize) -> bool {
        // ORDERING: Relaxed; looked at again.
        let state = self.state.load(Relaxed);
        if state == 0 {
            if self.try_count_at_once(0) {
                return true;
            }
        } else if let Some(slot) = bias::first_slot(state)
            && slot.is_free()
            && self.try_publish(slot, state)
        {
            return true;
        }
        self.try_enter_slowly(recursive, limit)
    }

    #[inline(never)]
    fn try_enter_slowly(&self, recursive: bool, limit: usize) -> bool {
        // ORDERING: Relaxed; looked at again.
        let state = self.state.load(Relaxed);
        if admits_any_reader(state) && self.try_count_at_once(state) {
            return true;
        }
        let publishes = state & BIASED != 0
            && bias::free_slot(state).is_some_and(|slot| self.try_publish(slot, state));
        publishes || self.try_count(recursive, limit, Given::NOTHING)
    }

    /// Enters by publishing itself in a free slot, if the bias is what it was in `state`.
    #[inline(always)]
    fn try_publish(&self, slot: &Slot, state: usize) -> bool {
        let entry = entry(self.key(), state);
        if state & ASYMMETRIC != 0 {
            slot.publish_light(entry);
        } else {
            slot.publish_fenced(entry);
        }
        // Either a revoker sees the reader in its slot, or the reader sees the revoker (RW7).
        // ORDERING: Acquire, inside this call, and after the fence of `publish_light` or
        // `publish_fenced`. Pairs with the Release of the last writer: only read-modify-writes have
        // changed the word since.
        let now = fence::load_after_full(&self.state);
        let inside = is_biased_as(state, now);
        if !inside {
            self.withdraw(slot);
        } else if state & ASYMMETRIC == 0 && bias::promotes() {
            self.make_asymmetric(state);
        }
        inside
    }

    /// From now on readers publish with a light fence, and a writer needs a heavy one. The caller
    /// reads, by a bias as in `state`.
    #[cold]
    fn make_asymmetric(&self, state: usize) {
        if fence::is_asymmetric() {
            let asymmetric = |now| is_biased_as(state, now).then_some(now | ASYMMETRIC);
            // ORDERING: Relaxed, both; the flag says how to order, and orders nothing itself.
            let _ = self.state.fetch_update(Relaxed, Relaxed, asymmetric);
        }
    }

    /// Frees the slot, and wakes the writers that wait for that. The lock may be gone then.
    #[inline(always)]
    fn withdraw(&self, slot: &Slot) {
        let key = self.key();
        slot.leave();
        Self::left_slot(key);
    }

    /// Enters by counting itself, if the word is `state`, which admits any reader.
    #[inline(always)]
    fn try_count_at_once(&self, state: usize) -> bool {
        let next = state + ONE_READER;
        // ORDERING: Acquire; pairs with the Release of the last writer (RW1).
        let done = self.state.compare_exchange(state, next, Acquire, Relaxed);
        if done.is_ok() {
            self.counted(match state & READERS {
                0 => Earned::Alone,
                _ => Earned::BesideOthers,
            });
        }
        done.is_ok()
    }

    /// Enters by counting itself in the word.
    fn try_count(&self, recursive: bool, limit: usize, mut given: Given) -> bool {
        let mut collision: Option<Spin> = None;
        // ORDERING: Relaxed; the exchange orders.
        let mut state = self.state.load(Relaxed);
        while admits_reader(state, recursive, given.is_next) {
            if readers(state) >= limit {
                self.give_up(&mut given);
                too_many_readers(limit);
            }
            // What is kept for another thread stays kept, where this one passes it.
            let keeps = state & NEXT == 0 || !(given.is_next || is_abandoned(state));
            let kept = if keeps { state } else { state & !NEXT };
            // ORDERING: Acquire; pairs with the Release of the last writer (RW1).
            match self
                .state
                .compare_exchange_weak(state, kept + ONE_READER, Acquire, Relaxed)
            {
                Ok(_) => {
                    let alone = collision.is_none() && state & READERS == 0;
                    if let Some(spin) = collision {
                        spin.got_it();
                    }
                    self.counted(match alone {
                        true => Earned::Alone,
                        false => Earned::BesideOthers,
                    });
                    self.entered(state, given);
                    return true;
                }
                Err(now) => {
                    // Other threads use the word, so this is a wait too: for its cache line.
                    collision.get_or_insert_with(|| Spin::hot(QUIET));
                    state = now;
                }
            }
        }
        self.has_ended_inherited_wait(state) && self.try_count(recursive, limit, given)
    }

    /// Makes the lock biased if that is worth its price to the caller, a counted reader.
    #[inline(always)]
    fn counted(&self, earned: Earned) {
        if bias::begins(self.key(), earned) {
            self.begin_bias();
        }
    }

    /// Makes the lock biased. The caller reads.
    #[cold]
    fn begin_bias(&self) {
        let Some(copy) = bias::numbered_copy().filter(|_| fits(self.key())) else {
            return;
        };
        // (No writer is inside, because the caller is.)
        let begins =
            |state: usize| state & (NEXT | BIASED | REVOKED) == 0 && !is_being_revoked(state);
        // ORDERING: Relaxed; looked at again.
        if begins(self.state.load(Relaxed)) {
            let name = bias::new_period() | copy;
            let next = |state| begins(state).then_some(state | BIASED | name);
            // ORDERING: Release; a reader that acquires this has seen what the caller has seen,
            // also of the slots (RW8). Relaxed, because nothing is read.
            let _ = self.state.fetch_update(Release, Relaxed, next);
        }
    }

    #[cold]
    fn read_contended(&self, recursive: bool, limit: usize, deadline: Deadline) -> bool {
        let kind = match recursive {
            true => Kind::RecursiveReader,
            false => Kind::Reader,
        };
        self.wait(kind, deadline, |given| {
            Some(self.try_count(recursive, limit, *given))
        })
    }

    /// # Safety
    /// The caller is one of the readers, and on the thread that it was on when it became one.
    #[inline(always)]
    pub(crate) unsafe fn unlock_read(&self) {
        self.data.shared();
        let key = self.key();
        // If the caller has published itself, the word has had that name since (RW7).
        // ORDERING: Relaxed; the caller has seen the name before.
        let state = self.state.load(Relaxed);
        let (state, rest) = if !is_named(state) && state & WRITER_NEXT == 0 {
            // ORDERING: Release; pairs with the Acquire of the writer that enters next (RW1).
            let before = self.state.fetch_sub(ONE_READER, Release);
            if before & (READERS | PARKED) != ONE_READER | PARKED {
                return;
            }
            (before, Rest::Wake)
        } else if let Some(slot) = bias::own_first_slot(state)
            && slot.is_mine(entry(key, state))
        {
            slot.leave();
            if !Self::has_revokers(key) {
                return;
            }
            (state, Rest::WakeRevokers)
        } else {
            (state, Rest::Leave)
        };
        // SAFETY: the caller's promise is the same; it borrowed the lock until just now (RW6).
        unsafe { Self::unlock_rest(key, state, rest) };
    }

    /// What is left to do of [`unlock_read`](Self::unlock_read). It is one call for all three, so
    /// that `unlock_read` itself is short enough for compilers to inline.
    ///
    /// # Safety
    /// As for `unlock_read`. The lock with this key may be gone, unless the caller still reads.
    #[cold]
    unsafe fn unlock_rest(key: usize, state: usize, rest: Rest) {
        match rest {
            // SAFETY: the key is that of a lock that the caller borrowed (RW6).
            Rest::Wake => unsafe { Self::released(key, state, false) },
            Rest::WakeRevokers => Self::wake_revokers(key),
            Rest::Leave => {
                let lock = ptr::with_exposed_provenance::<Self>(key);
                // SAFETY: the caller reads the lock, and so it borrows it.
                let lock = unsafe { &*lock };
                // SAFETY: the caller's promise is the same.
                unsafe { lock.unlock_slowly(state, false) };
            }
        }
    }

    /// As [`unlock_read`](Self::unlock_read). A thread that waits for this enters first.
    ///
    /// # Safety
    /// As for [`unlock_read`](Self::unlock_read).
    pub(crate) unsafe fn unlock_read_fair(&self) {
        self.data.shared();
        // ORDERING: Relaxed; looked at again.
        let state = self.state.load(Relaxed);
        if self.is_revoked_for(state) {
            self.keep_for_revoker();
        }
        // SAFETY: the caller's promise is the same.
        unsafe { self.unlock_slowly(state, true) };
    }

    /// # Safety
    /// As for [`unlock_read`](Self::unlock_read). `state` was loaded after the caller entered.
    #[inline(never)]
    unsafe fn unlock_slowly(&self, state: usize, fair: bool) {
        if is_named(state) && !bias::is_foreign(state) {
            let entry = entry(self.key(), state);
            if let Some(slot) = bias::slot_of(entry) {
                return self.withdraw(slot);
            }
            let key = self.key();
            if bias::take_stray(entry) {
                return Self::left_slot(key);
            }
        }
        // SAFETY: a reader that is in no slot was counted.
        unsafe { self.unlock_counted(fair) };
    }

    /// # Safety
    /// The caller is one of the readers that are counted.
    unsafe fn unlock_counted(&self, fair: bool) {
        let key = self.key();
        // The lease of a writer that waits for the last reader begins now, not when it came.
        let next = |state: usize| match state - ONE_READER {
            free if free & (READERS | WRITER_NEXT) == WRITER_NEXT => Some(with_lease(free)),
            more => Some(more),
        };
        // ORDERING: Release; pairs with the Acquire of the writer that enters next (RW1). Relaxed,
        // because nothing is read.
        let before = self.state.fetch_update(Release, Relaxed, next);
        let state = before.unwrap_or_else(|state| state);
        // SAFETY: the caller borrowed the lock until just now (RW6).
        unsafe { Self::left(key, state, fair) };
    }

    /// Wakes the next, after a counted reader has left a lock. `state` is the word before that. The
    /// lock may be gone.
    ///
    /// # Safety
    /// `key` is that of a reader-writer lock (RW6).
    #[inline(always)]
    unsafe fn left(key: usize, state: usize, fair: bool) {
        if state & (READERS | PARKED) == ONE_READER | PARKED {
            // SAFETY: the caller's promise is the same.
            unsafe { Self::released(key, state, fair) };
        }
    }

    /// Whether a thread waits for the caller, a reader, to leave.
    #[inline]
    pub(crate) fn is_reader_waited_for(&self) -> bool {
        // ORDERING: Relaxed; see `is_locked`.
        let state = self.state.load(Relaxed);
        state & PARKED != 0 || self.is_revoked_for(state)
    }

    /// Whether a writer may be asleep until a slot is left.
    fn is_revoked_for(&self, state: usize) -> bool {
        state & REVOKED != 0 && waiters::any(revocation_key(self.key()))
    }
}
