//! The mutex's state machine: one byte, one locked instruction for lock and unlock together.
//!
//! Every unlock must not miss a waiter: it releases, then looks whether somebody waits. On the fast path that
//! look is a plain load of another cache line ([`crate::waiters`]), ordered by a fence that costs nothing
//! ([`crate::fence`]); waiters pay for both.
//!
//! ## Invariants
//! 1. Only the holder changes the byte from `LOCKED`. Any thread may change it from `UNLOCKED` to
//!    `LOCKED`, and is the holder then.
//! 2. After the store of `UNLOCKED` an unlocker touches the mutex no more, unless it finds, under the queue's
//!    lock, a thread that waits for this mutex: that thread borrows it, so it is alive.
//!    So it is where the unlocker reserves the mutex for a waiter, under the queue's lock.
//! 3. A thread that sleeps without a limit of its own has been counted since before its `heavy`
//!    fence, and has seen `LOCKED` since after it. So whoever unlocks after that sees the count.
//!    ([`waiters::park`] says when it does.)
//!
//! 4. While a thread is marked as awake for this mutex, unlockers wake nobody. It ends the mark when it has taken the
//!    mutex (then its own unlock looks for others), or after it has counted itself and before it looks at the byte for
//!    the last time. If it gives up because its time is over, it looks once more after a fence, and takes
//!    the mutex if that is free: then a wake may have been left to it.
//! 5. A byte from `RESERVED` on says that the mutex is free, and kept on a lease ([`lease`]) for a waiter
//!    that was woken with `RESERVED_FOR_YOU`. That thread changes it to `LOCKED`; when the lease is over,
//!    any thread may. So nothing is ever held by a thread that has not run.
//! 6. No waiter depends on another one that was woken: invariant W of [`crate::waiters`].
//!
//! ## Fairness
//! A running thread may take the mutex ahead of those that sleep (barging). Those that sleep are woken in their order,
//! one at a time. One that was woken, did not get the mutex, and has waited for longer than [`Patience`] likes, says so.
//! Then, when it is the waiters' turn ([`crate::turns`]), an unlocker reserves the mutex for the first
//! in the queue, still under the queue's lock. If another thread was faster, its unlock comes to the
//! same place. And if it is the waiters' turn while the designated waker does not come, then perhaps it
//! has no processor to run on, and the unlocker yields its own. `unlock_fair` reserves it at once: the
//! mutex never looks free in between.
//!
//! Sources: barging with parking by address, parking_lot (A. d'Antras, 2016) after WebKit's (F. Pizlo, 2015);
//! the asymmetric unlock is this crate's.

use crate::deadline::Deadline;
use crate::fence;
use crate::lease;
use crate::parking::{self, FilterOp, NO_TOKEN, ParkResult, ParkToken, UnparkToken};
use crate::primitive::Ordering::{Acquire, Relaxed, Release};
use crate::primitive::{Access, AtomicU8, Patience, const_fn};
use crate::spin::{self, Spin};
use crate::turns;
use crate::waiters;
use std::cell::Cell;
use std::ptr;

const UNLOCKED: u8 = 0;
const LOCKED: u8 = 1;
/// The least of the values that say that the mutex is kept for a waiter; the rest of the byte is when
/// its lease began.
const RESERVED: u8 = 0x80;
const LEASES: u32 = 0x80;

/// You were woken: try to take the mutex.
const TRY: UnparkToken = NO_TOKEN;
/// As `TRY`, and you are marked as awake.
const TRY_AWAKE: UnparkToken = UnparkToken(2);
/// The mutex is kept for you: take it.
const RESERVED_FOR_YOU: UnparkToken = UnparkToken(1);

/// What a waiter parks with.
fn waiting() -> ParkToken {
    parking::late(0)
}

/// A byte that keeps the mutex for a waiter from now on.
fn reserved() -> u8 {
    RESERVED | lease::begin(LEASES) as u8
}

/// Whether any thread may take a mutex whose byte is this.
fn is_free(state: u8) -> bool {
    let is_over = || lease::is_over(u32::from(state), LEASES);
    state == UNLOCKED || state & RESERVED != 0 && is_over()
}

/// The untyped mutex. It appears in the types of guards; use [`Mutex`](crate::Mutex).
pub struct RawMutex {
    state: AtomicU8,
    data: Access,
}

impl RawMutex {
    const_fn! {
        pub(crate) const fn new() -> Self {
            RawMutex {
                state: AtomicU8::new(UNLOCKED),
                data: Access::new(),
            }
        }
    }

    /// The key under which waiters park, and by which they are counted.
    #[inline(always)]
    pub(crate) fn key(&self) -> usize {
        // Exposed, so that a late wake may find its way back to it.
        (&raw const *self).expose_provenance()
    }

    /// What a waiter for a condition variable parks with: the mutex's address. In the queue of that address, where it
    /// may be moved, only such waiters have it: there it is a `late` token.
    pub(crate) fn moved(&self) -> ParkToken {
        ParkToken(self.key())
    }

    #[inline(always)]
    fn try_take(&self) -> bool {
        // ORDERING: Acquire pairs with the Release of the last unlocker's store.
        let taken = self
            .state
            .compare_exchange(UNLOCKED, LOCKED, Acquire, Relaxed);
        match taken {
            Ok(_) => true,
            Err(LOCKED) => false,
            Err(state) => self.take_over(state),
        }
    }

    /// Takes the mutex whose byte was this, if the lease for which it was kept is over.
    #[cold]
    fn take_over(&self, state: u8) -> bool {
        is_free(state) && self.take_from(state)
    }

    fn take_from(&self, state: u8) -> bool {
        // ORDERING: Acquire pairs with the Release of the last unlocker's store, directly or through its
        // release sequence.
        self.state
            .compare_exchange(state, LOCKED, Acquire, Relaxed)
            .is_ok()
    }

    #[inline]
    pub(crate) fn try_lock(&self) -> bool {
        let taken = self.try_take();
        if taken {
            self.data.exclusive();
        }
        taken
    }

    #[inline]
    pub(crate) fn lock(&self) {
        if !self.try_take() {
            self.lock_contended(Deadline::NEVER);
        }
        self.data.exclusive();
    }

    /// False if the deadline passed first.
    #[inline]
    pub(crate) fn lock_until(&self, deadline: Deadline) -> bool {
        let taken = self.try_take() || self.lock_contended(deadline);
        if taken {
            self.data.exclusive();
        }
        taken
    }

    pub(crate) fn is_locked(&self) -> bool {
        // ORDERING: Relaxed; the answer may be old when the caller reads it, so it orders nothing.
        !is_free(self.state.load(Relaxed))
    }

    /// # Safety
    /// The caller owns the mutex.
    #[inline]
    pub(crate) unsafe fn unlock(&self) {
        self.data.exclusive();
        let key = self.key();
        // ORDERING: Release pairs with the Acquire of the next owner's `try_take`. The fence orders the store
        // before the load in `any`, against `heavy` in `park` (invariant 3).
        self.state.store(UNLOCKED, Release);
        fence::light();
        if waiters::any(key) {
            Self::unlocked(key);
        }
    }

    /// After the mutex with this key, which may be gone, was released while a thread waits.
    #[cold]
    fn unlocked(key: usize) {
        if !waiters::is_awake(key) {
            Self::wake_one(key);
        } else if turns::due_by_sample(key) && !Self::wake_one(key) {
            turns::taken(key);
            spin::give_way();
        }
    }

    /// Wakes the first waiter for the mutex with this key, which may be gone, and reserves the mutex for
    /// it if it is the waiters' turn. Returns whether a thread was woken.
    fn wake_one(key: usize) -> bool {
        let turn = waiters::is_eager(key) && turns::due(key);
        let token = Cell::new(TRY);
        let mark = Cell::new(false);
        let choose = |waiter| {
            if !turn && waiters::is_awake(key) {
                return FilterOp::Stop;
            }
            // Those that were moved here come in numbers, and do little: the more of them are on their
            // way, the better.
            if waiter == ParkToken(key) {
                return FilterOp::Unpark;
            }
            if waiter != waiting() {
                return FilterOp::Skip;
            }
            if !turn {
                mark.set(true);
                return FilterOp::Unpark;
            }
            let mutex = ptr::with_exposed_provenance::<Self>(key);
            // SAFETY: this waiter parked with a token of ours under this key, so it borrows a mutex
            // there (invariant 2).
            let mutex = unsafe { &*mutex };
            if !mutex.reserve() {
                // A thread barged in, and will come here too. No thread behind this waiter may pass it.
                return FilterOp::Stop;
            }
            turns::taken(key);
            token.set(RESERVED_FOR_YOU);
            FilterOp::Unpark
        };
        let callback = || {
            if token.get() == RESERVED_FOR_YOU {
                waiters::hand_over(key);
            } else if mark.get() && !cfg!(anteroom_without = "designated") {
                token.set(if waiters::wake(key) { TRY_AWAKE } else { TRY });
            } else {
                waiters::remove(key);
            }
            token.get()
        };
        // SAFETY: the mutex may be gone, but `choose` picks only `late` tokens.
        unsafe { parking::unpark_first(key, choose, callback) }
    }

    /// Reserves the mutex for a waiter, under the queue's lock. False if it is not free.
    fn reserve(&self) -> bool {
        let next = |state| is_free(state).then(reserved);
        // ORDERING: Relaxed, both; this exchange continues the release sequence of the store that it
        // reads, and the waiter reads what it writes with Acquire.
        self.state.fetch_update(Relaxed, Relaxed, next).is_ok()
    }

    /// Releases, and reserves the mutex for the first waiter if one is known: it never looks free in
    /// between.
    ///
    /// # Safety
    /// The caller owns the mutex.
    pub(crate) unsafe fn unlock_fair(&self) {
        if !waiters::any(self.key()) {
            // SAFETY: the caller's promise is the same.
            return unsafe { self.unlock() };
        }
        let key = self.key();
        self.data.exclusive();
        let found = Cell::new(false);
        let first = |_| match found.replace(true) {
            true => FilterOp::Stop,
            false => FilterOp::Unpark,
        };
        let release = |_, _| {
            let state = if found.get() {
                waiters::remove(key);
                reserved()
            } else {
                // No thread is in the queue, and one on the way there will see this under its lock.
                UNLOCKED
            };
            // ORDERING: Release pairs with the Acquire of the next holder's `take_from` or `try_take`.
            self.state.store(state, Release);
            RESERVED_FOR_YOU
        };
        // SAFETY: we own the mutex until the callback releases it.
        unsafe { parking::unpark_some(key, first, release) };
    }

    /// Lets a waiter have the mutex for a while, if there is one.
    ///
    /// # Safety
    /// The caller owns the mutex, and does again when this returns.
    #[inline]
    pub(crate) unsafe fn bump(&self) {
        if waiters::any(self.key()) {
            // SAFETY: the caller's promise is the same.
            unsafe { self.unlock_fair() };
            self.lock();
        }
    }

    #[cold]
    fn lock_contended(&self, deadline: Deadline) -> bool {
        if deadline.is_past() {
            return false;
        }
        let key = self.key();
        let mut spin = Spin::hot();
        let mut patience = Patience::new();
        let mut is_awake = false;
        // Whether this thread was woken, and did not take the mutex.
        let mut in_vain = false;
        loop {
            // A look first: the exchange would take the line from its owner for nothing.
            // ORDERING: Relaxed; `try_take` orders what follows.
            if (spin.is_rested() || is_free(self.state.load(Relaxed))) && self.try_take() {
                if is_awake {
                    waiters::got_it(key);
                }
                spin.got_it();
                return true;
            }
            if spin.again() {
                continue;
            }
            if patience.exhausted() && in_vain {
                waiters::hurry(key);
            }
            let was_awake = is_awake;
            let result = self.park(was_awake, deadline);
            is_awake = result == ParkResult::Unparked(TRY_AWAKE);
            match result {
                ParkResult::Unparked(RESERVED_FOR_YOU) if self.receive() => return true,
                ParkResult::TimedOut if deadline.passed() => return self.last_try(was_awake),
                ParkResult::Unparked(_) => in_vain = true,
                ParkResult::TimedOut | ParkResult::Invalid => {}
            }
            if is_awake {
                spin = Spin::woken();
            }
        }
    }

    /// The time is up.
    fn last_try(&self, was_awake: bool) -> bool {
        if was_awake {
            // ORDERING: the fence orders the end of the mark before the exchange in `try_take`,
            // against the unlocker's light one: one that left the others to this thread has
            // released the mutex before that.
            fence::heavy();
        }
        self.try_take()
    }

    /// The mutex was kept for the calling thread: takes it, and makes the former holder's work visible.
    /// False if it was late, and another thread has taken it.
    fn receive(&self) -> bool {
        // An exchange reads the newest value, so this does not rely on what a wake-up orders.
        // ORDERING: Acquire, as in `try_take`.
        let taken = self
            .state
            .compare_exchange(UNLOCKED, LOCKED, Acquire, Relaxed);
        match taken {
            Ok(_) => true,
            Err(LOCKED) => false,
            Err(state) => self.take_from(state),
        }
    }

    fn park(&self, was_awake: bool, deadline: Deadline) -> ParkResult {
        let (key, token) = (self.key(), waiting());
        // ORDERING: Relaxed; the queue's lock orders this look against handoffs, `heavy` against
        // unlocks.
        let validate = || !is_free(self.state.load(Relaxed));
        // ORDERING: Relaxed; under the queue's lock.
        let is_kept = || self.state.load(Relaxed) != LOCKED;
        let wake = || self.wake_if_free();
        // SAFETY: the key is our address, and we borrow the mutex. A condition variable may move its
        // waiters here, but no thread is moved away.
        unsafe { waiters::park(key, token, was_awake, deadline, validate, is_kept, wake) }
    }

    /// What a parked waiter does that looks: as an unlocker.
    fn wake_if_free(&self) {
        // ORDERING: Relaxed; what it misses, the next look sees.
        if is_free(self.state.load(Relaxed)) {
            Self::wake_one(self.key());
        }
    }

    /// Whether a waiter that was moved to the queue may depend on another one, under its lock.
    pub(crate) fn expects_moved(&self) -> bool {
        // ORDERING: Relaxed; under the queue's lock. A caller that holds the mutex knows that it
        // does.
        self.state.load(Relaxed) != LOCKED || waiters::is_awake_locked(self.key())
    }

    /// What a waiter does that was moved to the queue, and looks.
    pub(crate) fn look_moved(&self) {
        waiters::look_moved(self.key(), || self.wake_if_free());
    }

    /// `threads` were moved to the queue of the mutex with this key, under its lock, behind a thread
    /// that was woken: that one will take the mutex, and on unlocking see the others counted.
    /// Returns whether they may depend on it, or on another thread that is on its way, so that one
    /// of them is to watch.
    ///
    /// # Safety
    /// Those threads borrow the mutex, and the queue stays locked until this returns.
    pub(crate) unsafe fn requeued(key: usize, threads: usize) -> bool {
        waiters::add(key, threads);
        let mutex = ptr::with_exposed_provenance::<Self>(key);
        // SAFETY: the caller's promise.
        unsafe { &*mutex }.expects_moved()
    }

    /// What a thread that was moved to the mutex's queue, and was woken there with this token, does
    /// first. Returns whether the mutex is its own. (It was woken without a mark: see `wake_one`.)
    pub(crate) fn lock_after(&self, token: UnparkToken) -> bool {
        let taken = match token {
            RESERVED_FOR_YOU => self.receive(),
            _ => false,
        };
        if taken {
            self.data.exclusive();
        }
        taken
    }

    /// For models: nobody holds the mutex, waits for it, or touches it at the same time as this.
    #[cfg(loom)]
    pub(crate) fn assert_at_rest(&mut self) {
        assert_eq!(crate::primitive::at_rest!(self.state), 0, "at rest");
    }
}
