//! Readers: how they come in and leave. The states and the invariants are in the parent module.

use super::{
    ALL_ADMITTED, ASYMMETRIC, BIAS, BIASED, DRAINS, IMPATIENT, KEPT, MAX_AGAIN, MAX_READERS,
    ONE_READER, ONE_TICKET, PARKED, READ, READERS, RESERVED, REVOKING, RawRwLock, WRITER,
    assert_own, copy, entry, fits, is_claimable, is_tagged, new_tag, readers, revocation_key, tag,
    tickets, too_many_readers, untagged,
};
use crate::deadline::Deadline;
use crate::fence;
use crate::parking::{ParkResult, ParkToken, UnparkToken};
use crate::primitive::Ordering::{Acquire, Relaxed, Release};
use crate::primitive::Patience;
use crate::rwlock::bias::{self, Slot};
use crate::spin::Spin;
use crate::waiters;
use std::time::Duration;

/// How long a reader that takes its lock again leaves a waiting writer its turn. After that it passes the writer, which
/// may be waiting for another read of the same thread. Long enough for the writer to come on a busy machine.
const LEAVES_TURN: Duration = Duration::from_millis(50);

/// How a reader enters.
#[derive(Clone, Copy)]
struct How {
    /// It passes a writer that waits for counted readers.
    recursive: bool,
    /// It takes a lock again that its guard has given back for a while, so it must not unwind.
    again: bool,
}

/// How a reader takes its lock again.
const AGAIN: How = How {
    recursive: false,
    again: true,
};

/// What came of a reader's count.
#[derive(Clone, Copy, PartialEq)]
enum Count {
    Inside,
    Blocked,
    Full,
}

impl How {
    fn may(self, state: usize) -> bool {
        state & WRITER == 0 || (self.recursive && state & READERS != 0)
    }

    /// What it may not bring the count beyond.
    fn limit(self) -> usize {
        if self.again { MAX_AGAIN } else { MAX_READERS }
    }

    /// Whether it is inside. Panics, or aborts, if there are too many readers.
    fn check(self, count: Count) -> bool {
        if count == Count::Full {
            if self.again {
                eprintln!("RwLock: more than {MAX_AGAIN} readers: aborting");
                std::process::abort();
            }
            too_many_readers();
        }
        count == Count::Inside
    }
}

impl RawRwLock {
    #[inline]
    pub(crate) fn try_read(&self, recursive: bool) -> bool {
        let again = false;
        let inside = self.try_enter(How { recursive, again });
        if inside {
            self.data.shared();
        }
        inside
    }

    /// False if the deadline passed first.
    #[inline]
    pub(crate) fn read(&self, recursive: bool, deadline: Deadline) -> bool {
        let again = false;
        let how = How { recursive, again };
        let inside = self.try_enter(how) || self.read_contended(how, deadline);
        if inside {
            self.data.shared();
        }
        inside
    }

    /// Takes a read that the caller has given back for a while. It must not fail, so it does not panic.
    ///
    /// The caller may hold another read of this lock, for which a writer waits. So it waits for that writer for
    /// [`LEAVES_TURN`] at most, and then enters as a recursive reader.
    pub(crate) fn read_again(&self) {
        let _ = self.try_enter(AGAIN) || self.read_contended(AGAIN, Deadline::NEVER);
        self.data.shared();
    }

    #[inline(always)]
    fn try_enter(&self, how: How) -> bool {
        // ORDERING: Relaxed; looked at again.
        let state = self.state.load(Relaxed);
        // A load of the word, a store to our own line, and a load of the word.
        if bias::HERE
            && state & BIASED != 0
            && copy(state) == bias::own_copy()
            && let Some(slot) = bias::first_slot()
            && slot.is_free()
        {
            return self.publish(slot, state, how);
        }
        // A load and an exchange.
        // ORDERING: Acquire pairs with the Release of the last writer.
        if state == 0
            && self
                .state
                .compare_exchange(0, ONE_READER, Acquire, Relaxed)
                .is_ok()
        {
            if bias::HERE && bias::earns(bias::ALONE) {
                self.begin_bias();
            }
            return true;
        }
        self.try_enter_slowly(how)
    }

    #[inline(never)]
    fn try_enter_slowly(&self, how: How) -> bool {
        // ORDERING: Relaxed; looked at again.
        let state = self.state.load(Relaxed);
        if bias::HERE && state & BIASED != 0 {
            if copy(state) == bias::own_copy() {
                if let Some(slot) = bias::free_slot() {
                    return self.publish(slot, state, how);
                }
            } else if !how.again {
                assert_own(state);
            }
        }
        how.check(self.try_count(how))
    }

    /// Enters by publishing itself in a free slot, if the bias is still what it was in `state`, or else by counting itself.
    #[inline(always)]
    fn publish(&self, slot: &Slot, state: usize, how: How) -> bool {
        let entry = entry(self.key(), state);
        if state & ASYMMETRIC != 0 {
            slot.publish_light(entry);
        } else {
            slot.publish_fenced(entry);
        }
        // Either a writer sees it in the slot, or it sees here that the bias has ended (RW7).
        // ORDERING: after the fence. Acquire (in it) pairs with the Release of the last writer: only
        // read-modify-writes have changed the word since.
        if (fence::load_after_full(&self.state) ^ state) & BIAS != 0 {
            return self.count_instead(slot, how);
        }
        if state & ASYMMETRIC == 0 && bias::promotes(self.key()) {
            self.make_asymmetric();
        }
        true
    }

    /// The bias has ended while the caller published itself. It leaves its slot when it is counted, and not before: a
    /// `try_write` that has failed because of the slot has then failed because of a reader.
    #[cold]
    fn count_instead(&self, slot: &Slot, how: How) -> bool {
        let count = self.try_count(how);
        self.withdraw(slot);
        how.check(count)
    }

    /// From now on readers publish with a light fence, and a writer needs a heavy one. The caller reads.
    #[cold]
    fn make_asymmetric(&self) {
        if fence::is_asymmetric() {
            let asymmetric = |state| (state & BIASED != 0).then_some(state | ASYMMETRIC);
            // ORDERING: Relaxed, both; the flag says how to order, and orders nothing itself.
            let _ = self.state.fetch_update(Relaxed, Relaxed, asymmetric);
        }
    }

    /// Makes the lock biased, where that is possible and no thread waits. The caller is one of the counted readers.
    #[cold]
    fn begin_bias(&self) {
        bias::spend();
        let may = |state| state & (WRITER | PARKED | BIASED) == 0 && tickets(state) == 0;
        // ORDERING: Relaxed; looked at again.
        let state = self.state.load(Relaxed);
        let (true, true, Some(copy_bits)) = (may(state), fits(self.key()), bias::numbered_copy())
        else {
            return;
        };
        // What is left of the last bias must be over, as for a writer (RW7).
        let last = tag(state);
        if last != 0 {
            if copy(state) != copy_bits {
                return;
            }
            Self::fence_for(state);
            if self.is_published(state) {
                return;
            }
        }
        let Some(period) = bias::new_period() else {
            return;
        };
        let begin = |state| {
            (may(state) && tag(state) == last)
                .then_some(untagged(state) | new_tag(period, copy_bits))
        };
        // ORDERING: Release, so that a reader that publishes itself in this period comes after the readers that we have
        // seen leave their slots, as we do; Relaxed where it fails.
        let _ = self.state.fetch_update(Release, Relaxed, begin);
    }

    /// Frees the slot, and wakes the writers that may wait for that.
    #[inline(always)]
    fn withdraw(&self, slot: &Slot) {
        let key = self.key();
        slot.leave();
        // The lock may be gone from here on. The fence orders the slot before the count, against the heavy one of a
        // writer that parks (RW4).
        fence::light();
        if waiters::any(revocation_key(key)) {
            Self::wake_revokers(key, 0);
        }
    }

    /// Enters by counting itself in the word.
    fn try_count(&self, how: How) -> Count {
        let mut collision: Option<Spin> = None;
        // ORDERING: Relaxed; the exchange orders.
        let mut state = self.state.load(Relaxed);
        while how.may(state) {
            if readers(state) >= how.limit() {
                return Count::Full;
            }
            // ORDERING: Acquire pairs with the Release of the last writer.
            match self
                .state
                .compare_exchange_weak(state, state + ONE_READER, Acquire, Relaxed)
            {
                Ok(_) => {
                    let met = collision.is_some() || state & READERS != 0;
                    if let Some(spin) = collision {
                        spin.got_it();
                    }
                    let gain = if met { bias::MET_OTHERS } else { bias::ALONE };
                    if bias::HERE && state & BIASED == 0 && bias::earns(gain) {
                        self.begin_bias();
                    }
                    return Count::Inside;
                }
                Err(now) => {
                    // Others are at the word, so this is a wait too, for its cache line.
                    collision.get_or_insert_with(Spin::hot);
                    state = now;
                }
            }
        }
        Count::Blocked
    }

    /// Enters by a ticket, unless it was revoked (RW8). Where there are too many readers, the ticket is given back.
    fn try_ticket(&self, how: How) -> Count {
        // A read-modify-write reads the newest value, so this does not rely on what a wake-up orders.
        // ORDERING: Acquire pairs with the Release by which the writer gave out the ticket.
        self.state.fetch_or(0, Acquire);
        let full = |state| readers(state) >= how.limit();
        let enter = |state| match tickets(state) {
            0 => None,
            _ if full(state) => Some(state - ONE_TICKET),
            _ => Some(state - ONE_TICKET + ONE_READER),
        };
        // ORDERING: as above.
        match self.state.fetch_update(Acquire, Relaxed, enter) {
            Ok(before) if full(before) => Count::Full,
            Ok(_) => Count::Inside,
            Err(_) => Count::Blocked,
        }
    }

    /// Turns a writer's reservation into the caller's read. It is the writer for a moment, so that it lets in
    /// the threads that may join it, or, where there are too many readers, those that may come next.
    fn try_take_reserved(&self, how: How) -> Count {
        const BOTH: usize = WRITER | RESERVED;
        let take = |state| (state & BOTH == BOTH).then(|| state - RESERVED);
        // ORDERING: Acquire pairs with the Release by which the bit was reserved.
        match self.state.fetch_update(Acquire, Relaxed, take) {
            // While we own `WRITER`, only recursive readers are counted, each up to the limit.
            Ok(before) if readers(before) >= how.limit() => {
                self.release(WRITER, 0, false);
                Count::Full
            }
            Ok(_) => {
                self.release(WRITER, ONE_READER, false);
                Count::Inside
            }
            Err(_) => Count::Blocked,
        }
    }

    #[cold]
    fn read_contended(&self, mut how: How, deadline: Deadline) -> bool {
        if deadline.is_past() {
            return false;
        }
        let mut spin = Spin::hot();
        let mut patience = Patience::new();
        let (mut takes_reserved, mut over) = (false, false);
        loop {
            if self.try_enter(how) {
                spin.got_it();
                return true;
            }
            if std::mem::take(&mut takes_reserved) && how.check(self.try_take_reserved(how)) {
                return true;
            }
            if over {
                return false;
            }
            if spin.again() {
                continue;
            }
            let blocked = |state| !how.may(state);
            let impatient = if patience.exhausted() { IMPATIENT } else { 0 };
            let leaves_turn = how.again && !how.recursive;
            let until = match (leaves_turn, impatient) {
                (true, _) => deadline.min(Deadline::after(LEAVES_TURN)),
                (_, 0) => Patience::limit(deadline),
                _ => deadline,
            };
            match self.park(ParkToken(READ | impatient), 0, until, blocked) {
                ParkResult::Unparked(UnparkToken(given)) => {
                    let admitted = impatient != 0 || given & ALL_ADMITTED != 0;
                    if admitted && how.check(self.try_ticket(how)) {
                        return true;
                    }
                }
                ParkResult::TimedOut => {
                    // If a thread was woken, it has not come (RW9).
                    takes_reserved = !leaves_turn && (cfg!(loom) || impatient != 0);
                    how.recursive |= how.again;
                    over = deadline.passed();
                }
                ParkResult::Invalid => {}
            }
        }
    }

    /// # Safety
    /// The caller is one of the readers, and on the thread that it was on when it became one.
    #[inline(always)]
    pub(crate) unsafe fn unlock_read(&self) {
        self.data.shared();
        // If we have published ourselves, the word has named the period since, and does until we leave (RW7).
        // ORDERING: Relaxed; we have seen the tag before.
        let state = self.state.load(Relaxed);
        if !bias::HERE || !is_tagged(state) {
            // SAFETY: it is in no slot, so it was counted.
            unsafe { self.unlock_counted() };
        } else if let Some(slot) = bias::first_slot()
            && slot.is_mine(entry(self.key(), state))
        {
            self.withdraw(slot);
        } else {
            // SAFETY: the caller's promise is the same.
            unsafe { self.unlock_slowly(state) };
        }
    }

    /// # Safety
    /// The caller is one of the readers.
    #[inline(never)]
    unsafe fn unlock_slowly(&self, state: usize) {
        match bias::slot_of(entry(self.key(), state)) {
            Some(slot) => {
                self.withdraw(slot);
                bias::has_left();
            }
            // SAFETY: if it is in no slot, it was counted.
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
        if state & (READERS | DRAINS) == ONE_READER | DRAINS && tickets(state) == 0 {
            Self::wake_drained(key);
        }
    }

    /// Gives a read back for a while if a writer waits for it, and takes it again.
    ///
    /// # Safety
    /// The caller is one of the readers, and is one again on return.
    pub(crate) unsafe fn bump_read(&self) {
        // ORDERING: Relaxed; an answer that may be old costs a turn.
        let state = self.state.load(Relaxed);
        if state & WRITER != 0 {
            // SAFETY: the caller is a reader.
            unsafe { self.unlock_read() };
        } else if state & REVOKING != 0
            && let Some(slot) = bias::slot_of(entry(self.key(), state))
        {
            if self.withdraw_for_writer(slot, state) {
                return;
            }
        } else {
            return;
        }
        self.read_again();
    }

    /// Leaves the slot. If it was the last one, reserves the lock for a writer that waits for it. Returns whether the
    /// caller is a reader again, since that writer has given up.
    fn withdraw_for_writer(&self, slot: &Slot, state: usize) -> bool {
        let key = self.key();
        slot.leave();
        bias::has_left();
        Self::fence_for(state);
        if !waiters::any(revocation_key(key)) {
            return false;
        }
        let reserve = |now| {
            (tag(now) == tag(state) && is_claimable(now))
                .then_some(untagged(now) | WRITER | RESERVED)
        };
        let kept = !self.is_published(state)
            // ORDERING: Release pairs with the Acquire of the thread that takes it.
            && self.state.fetch_update(Release, Relaxed, reserve).is_ok();
        let woken = Self::wake_revokers(key, if kept { KEPT } else { 0 });
        woken == 0 && kept && AGAIN.check(self.try_take_reserved(AGAIN))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// Threads that wait, come in by a ticket or take a reservation, and forget their guards, one after the other.
    #[test]
    fn too_many_readers_are_refused_also_where_they_were_woken() {
        let how = How {
            recursive: false,
            again: false,
        };
        for how in [how, AGAIN] {
            let lock = RawRwLock::new();
            let full = how.limit() * ONE_READER;
            // ORDERING: Relaxed, here and below; a test with one thread.
            lock.state
                .store(full - ONE_READER + 2 * ONE_TICKET, Relaxed);
            assert!(lock.try_ticket(how) == Count::Inside);
            assert!(lock.try_ticket(how) == Count::Full);
            assert!(lock.try_ticket(how) == Count::Blocked);
            assert_eq!(lock.state.load(Relaxed), full);
            lock.state
                .store((full - ONE_READER) | WRITER | RESERVED, Relaxed);
            assert!(lock.try_take_reserved(how) == Count::Inside);
            assert_eq!(lock.state.load(Relaxed), full);
            lock.state.store(full | WRITER | RESERVED, Relaxed);
            assert!(lock.try_take_reserved(how) == Count::Full);
            assert!(lock.try_take_reserved(how) == Count::Blocked);
            assert_eq!(lock.state.load(Relaxed), full);
        }
    }
}
