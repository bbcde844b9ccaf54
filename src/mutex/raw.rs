//! The mutex's state machine: one byte, one locked instruction for lock and unlock together.
//!
//! Every unlock must not miss a waiter: it releases, then looks whether somebody waits. On the fast path that
//! look is a plain load of another cache line ([`crate::waiters`]), ordered by a fence that costs nothing
//! ([`crate::fence`]); waiters pay for both.
//!
//! ## Invariants
//! 1. Only the owner, and whoever holds the queue's lock on behalf of the first waiter in it, changes the byte
//!    from `LOCKED`; anybody changes it from `UNLOCKED` to `LOCKED` and is the owner then.
//! 2. After the store of `UNLOCKED` an unlocker touches the mutex no more, unless it finds, under the queue's
//!    lock, a thread that waits for this mutex: that thread borrows it, so it is alive.
//! 3. A thread that sleeps without a limit of its own has been counted since before its `heavy` fence, and has
//!    seen `LOCKED` since after it. So whoever unlocks after that sees the count. ([`Nap`] says when it does.)
//!
//! 4. While a thread is marked as awake for this mutex, unlockers wake nobody. It ends the mark when it has taken the
//!    mutex (then its own unlock looks for others), or after it has counted itself and before it looks at the byte for
//!    the last time. If it gives up because its time is over, it makes up for a wake that may have been left to it.
//!
//! ## Fairness
//! A running thread may take the mutex ahead of those that sleep (barging). Those that sleep are woken in their order,
//! one at a time. One that was woken, did not get the mutex, and has waited for longer than [`Patience`] likes, says so.
//! Then, when it is the waiters' turn ([`crate::turns`]), an unlocker takes the mutex again on behalf of the first in the
//! queue, still under the queue's lock, and hands it over. If somebody else was faster, that one's unlock comes to the
//! same place. And if it is the waiters' turn while the one who was woken does not come, then perhaps it has no
//! processor to run on, and the unlocker yields its own. `unlock_fair` hands over without ever releasing.
//!
//! Sources: barging with parking by address, parking_lot (A. d'Antras, 2016) after WebKit's (F. Pizlo, 2015);
//! the asymmetric unlock is this crate's.

use crate::deadline::Deadline;
use crate::fence;
use crate::parking::{self, FilterOp, NO_TOKEN, ParkResult, ParkToken, UnparkToken};
use crate::primitive::Ordering::{Acquire, Relaxed, Release};
use crate::primitive::{Access, AtomicU8, Patience, const_fn};
use crate::spin::{self, Spin};
use crate::turns;
use crate::waiters::{self, Nap};
use std::cell::Cell;
use std::ptr;

const UNLOCKED: u8 = 0;
const LOCKED: u8 = 1;

/// You were woken: try to take the mutex.
const TRY: UnparkToken = NO_TOKEN;
/// As `TRY`, and you are marked as awake.
const TRY_AWAKE: UnparkToken = UnparkToken(2);
/// The mutex is yours already.
const HANDED_OVER: UnparkToken = UnparkToken(1);

/// What a waiter parks with.
fn waiting() -> ParkToken {
    parking::late(0)
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
        // ORDERING: Acquire pairs with the Release of whoever stored UNLOCKED.
        self.state
            .compare_exchange(UNLOCKED, LOCKED, Acquire, Relaxed)
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
        self.state.load(Relaxed) == LOCKED
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

    /// After the mutex with this key, which may be gone, was released while somebody waits.
    #[cold]
    fn unlocked(key: usize) {
        if !waiters::is_awake(key) {
            Self::wake_one(key);
        } else if turns::due_by_sample(key) && !Self::wake_one(key) {
            turns::taken(key);
            spin::give_way();
        }
    }

    /// Wakes the first waiter for the mutex with this key, which may be gone, and takes the mutex for it if it is the
    /// waiters' turn. Returns whether somebody was woken.
    fn wake_one(key: usize) -> bool {
        let turn = waiters::is_eager(key) && turns::due(key);
        let token = Cell::new(TRY);
        let mark = Cell::new(false);
        let choose = |waiter| {
            if !turn && waiters::is_awake(key) {
                return FilterOp::Stop;
            }
            // Those that were moved here come in numbers, and do little: the more of them are on their way, the better.
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
            // SAFETY: this waiter parked as `waiting` under this key, so it borrows a mutex there
            // (invariant 2).
            let mutex = unsafe { &*mutex };
            // ORDERING: Relaxed; this exchange continues the release sequence of the store that it reads, and
            // the waiter reads what it writes with Acquire.
            let taken = mutex
                .state
                .compare_exchange(UNLOCKED, LOCKED, Relaxed, Relaxed);
            if taken.is_err() {
                // Somebody barged in, and will come here too. Nobody behind this waiter may pass it.
                return FilterOp::Stop;
            }
            turns::taken(key);
            token.set(HANDED_OVER);
            FilterOp::Unpark
        };
        let callback = || {
            if token.get() == HANDED_OVER {
                waiters::hand_over(key);
            } else if !mark.get() {
                waiters::remove_one(key);
            } else if waiters::wake(key) {
                token.set(TRY_AWAKE);
            }
            token.get()
        };
        // SAFETY: the mutex may be gone, but `choose` picks only `late` tokens.
        unsafe { parking::unpark_first(key, choose, callback) }
    }

    /// Releases, and gives the mutex to the first waiter if one is known: it never looks free in between.
    ///
    /// # Safety
    /// The caller owns the mutex.
    pub(crate) unsafe fn unlock_fair(&self) {
        if !waiters::any(self.key()) {
            // SAFETY: the caller's promise is the same.
            return unsafe { self.unlock() };
        }
        self.data.exclusive();
        let handed_over = |found, _| {
            if found {
                waiters::remove_one(self.key());
                // ORDERING: Release pairs with the Acquire load of the waiter that is handed the mutex.
                self.state.store(LOCKED, Release);
            } else {
                // Nobody is in the queue, and whoever is on the way there will see this under its lock.
                // ORDERING: Release pairs with the Acquire of the next owner's `try_take`.
                self.state.store(UNLOCKED, Release);
            }
            HANDED_OVER
        };
        // SAFETY: we own the mutex until the callback releases it.
        unsafe { parking::unpark_one(self.key(), handed_over) };
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
        let key = self.key();
        let mut spin = Spin::hot();
        let mut nap = Nap::new();
        let mut patience = Patience::new();
        // Whether the calling thread is marked so, and whether it ever was.
        let (mut awake, mut was_awake) = (false, false);
        loop {
            // A look first: the exchange would take the line from its owner for nothing.
            // ORDERING: Relaxed; `try_take` orders what follows.
            if (spin.is_rested() || self.state.load(Relaxed) == UNLOCKED) && self.try_take() {
                if awake {
                    waiters::got_it(key);
                }
                spin.got_it();
                return true;
            }
            if spin.again() {
                continue;
            }
            if patience.exhausted() && was_awake {
                waiters::hurry(key);
            }
            let result = self.park(awake, deadline, &mut nap);
            awake = result == ParkResult::Unparked(TRY_AWAKE);
            was_awake |= awake;
            match result {
                ParkResult::Unparked(HANDED_OVER) => {
                    self.receive();
                    return true;
                }
                ParkResult::TimedOut if deadline.passed() => {
                    if was_awake {
                        self.pass_on();
                    }
                    return false;
                }
                ParkResult::Unparked(_) | ParkResult::TimedOut | ParkResult::Invalid => {}
            }
            if awake {
                spin = Spin::woken();
            }
        }
    }

    /// A thread that was awake gives up: whoever unlocked meanwhile may have left the others to it.
    fn pass_on(&self) {
        // ORDERING: the fence orders the end of the mark before the loads (Relaxed, here and below), against the
        // unlocker's light one.
        fence::heavy();
        if self.state.load(Relaxed) == UNLOCKED && waiters::any(self.key()) {
            Self::wake_one(self.key());
        }
    }

    /// The calling thread was handed the mutex: makes the former owner's work visible to it.
    fn receive(&self) {
        // ORDERING: Acquire pairs with the Release of whoever handed over: in `unlock_fair` directly, in
        // `wake_one` through the release sequence of the last unlocker's store. An exchange reads the newest value,
        // so this does not rely on what a wake-up orders.
        let state = self.state.swap(LOCKED, Acquire);
        debug_assert_eq!(state, LOCKED);
    }

    fn park(&self, awake: bool, deadline: Deadline, nap: &mut Nap) -> ParkResult {
        // ORDERING: Relaxed; the queue's lock orders this look against hand-overs, `heavy` against unlocks.
        let validate = || self.state.load(Relaxed) == LOCKED;
        // SAFETY: the key is our address, and we borrow the mutex. A condition variable may move its waiters here, but
        // nobody is moved away.
        unsafe { waiters::park(self.key(), waiting(), awake, deadline, nap, validate) }
    }

    /// `threads` were moved to the queue of the mutex with this key, under its lock, behind a thread that was
    /// woken: that one will take the mutex, and on unlocking see the others counted.
    pub(crate) fn requeued(key: usize, threads: usize) {
        waiters::add(key, threads);
    }

    /// What a thread that was moved to the mutex's queue, and was woken there with this token, does first. Returns whether
    /// the mutex is its own. (It was woken without a mark: see `wake_one`.)
    pub(crate) fn lock_after(&self, token: UnparkToken) -> bool {
        let handed_over = token == HANDED_OVER;
        if handed_over {
            self.receive();
            self.data.exclusive();
        }
        handed_over
    }

    /// For models: nobody holds the mutex, waits for it, or touches it at the same time as this.
    #[cfg(loom)]
    pub(crate) fn assert_at_rest(&mut self) {
        assert_eq!(crate::primitive::at_rest!(self.state), 0, "at rest");
    }
}
