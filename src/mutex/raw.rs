//! The mutex's state machine: one byte, and one locked instruction for lock and unlock together.
//!
//! An unlock must not miss a waiter: it releases, then looks for waiters. On the fast path that
//! look is a plain load of another cache line ([`crate::waiters`]), ordered by the light side of an
//! asymmetric fence ([`crate::sys::fence`]). What an unlocker saves by that, waiters pay.
//!
//! | byte | meaning |
//! |---|---|
//! | `UNLOCKED` | free |
//! | `LOCKED` | held |
//! | from `RESERVED` on | kept for one waiter on a lease, then free; other bits: since when |
//!
//! ## Invariants
//! - **M1.** Only the holder changes the byte from `LOCKED`. A thread becomes the holder by the
//!   exchange that makes the byte `LOCKED`. Any thread may do so if the byte is free, which is
//!   `UNLOCKED` or a reserved one whose lease is over; M5 says which thread may do so before.
//! - **M2.** After the store of `UNLOCKED` an unlocker touches the mutex no more. The exception:
//!   under the queue's lock, it finds a thread that waits for a mutex at this address. That thread
//!   borrows the mutex, so one exists there, and the unlocker may reserve it. (It may be another
//!   mutex than the one that was released.)
//! - **M3.** A thread that sleeps until it is woken has seen `LOCKED` after a `heavy` fence that it
//!   ran itself, or that another waiter with the same slot ran. The slot has had a count since
//!   before that fence. So each later unlocker sees the count ([`waiters::park`]). A thread that
//!   saw a reserved byte watches (M6). Requeued threads run no fence before they sleep. They are
//!   counted before the thread that is woken beside them acquires the mutex, so that its unlock
//!   sees the count ([`requeued`](RawMutex::requeued)).
//! - **M4.** While this mutex has a designated waker, unlockers wake no other thread, but for a
//!   handoff that is due and for `unlock_fair`. The designation ends when that thread has acquired
//!   the mutex (then its own unlock looks for waiters); or when it parks again, by the exchange
//!   that counts it, before its last look at the byte; or when a waiter that looks ends it (M6). If
//!   the designated waker gives up because its time is over, it looks once more after a fence, and
//!   acquires the mutex if that is free: an unlocker may have left a wake-up to it.
//! - **M5.** A reserved byte (`RESERVED` or more) is on a lease ([`lease`]) for a waiter that was
//!   woken with `RESERVED_FOR_YOU`. That thread itself changes it to `LOCKED`, so no thread holds
//!   the mutex before it runs. When the lease is over, the mutex is free: any thread may take it,
//!   or reserve it anew. A thread that was woken so takes whichever reservation it finds. If its
//!   own lease is over, that may be another waiter's, which then finds the mutex held and parks
//!   again.
//! - **M6.** No waiter depends on a woken thread for longer than a lease if the watcher runs, and
//!   else for longer than its round: W of [`crate::waiters`]. The exception: a requeued waiter
//!   looks only if it was told to watch.
//!
//! ## Fairness
//! A running thread may acquire the mutex ahead of parked waiters (barging). Parked waiters are
//! woken in their order, one at a time. A woken thread that did not get the mutex, and has waited
//! for the starvation threshold ([`Starvation`]), counts as starved. Then, once in each handoff
//! interval ([`handoff`]), an unlocker reserves the mutex for the first thread in the queue, under
//! the queue's lock. If another thread barges in before that, its unlock does the same. And the
//! designated waker may have no processor to run on. So while it is on its way, a thread yields
//! after about every tenth of its unlocks ([`handoff::is_sampled`]). `unlock_fair` reserves the
//! mutex at once, so that the mutex never looks free in between.
//!
//! Sources: barging with parking by address is parking_lot's (A. d'Antras, 2016) after WebKit's (F.
//! Pizlo, 2015); the designated waker is nsync's; the asymmetric unlock is this crate's.
//!
//! [`Starvation`]: crate::policy::Starvation

mod wait;

use crate::parking::{self, FilterOp};
use crate::policy::spin;
use crate::policy::{handoff, lease};
use crate::sys::Ordering::{Acquire, Relaxed, Release};
use crate::sys::deadline::Deadline;
use crate::sys::fence;
use crate::sys::{Access, AtomicU8, const_fn, only_in_models, without};
use crate::tokens::{ParkToken, UnparkToken};
use crate::waiters;
use std::cell::Cell;
use std::ptr;

const UNLOCKED: u8 = 0;
const LOCKED: u8 = 1;
/// The least byte of a reserved mutex. The lower bits say when its lease began.
const RESERVED: u8 = 0x80;
const LEASES: u32 = 0x80;

/// Unpark token: try to acquire the mutex.
const TRY: UnparkToken = UnparkToken::Nothing;
/// As `TRY`, for the designated waker.
const TRY_WAKER: UnparkToken = UnparkToken::Designated;
/// Unpark token: the mutex is reserved for this thread.
const RESERVED_FOR_YOU: UnparkToken = UnparkToken::Kept;

/// A byte that reserves the mutex from now on.
fn reserved() -> u8 {
    RESERVED | lease::begin(LEASES) as u8
}

/// Whether any thread may acquire a mutex with this byte (M1, M5).
#[inline]
fn is_free(state: u8) -> bool {
    let is_over = || lease::is_over(u32::from(state), LEASES);
    state == UNLOCKED || state & RESERVED != 0 && is_over()
}

/// The untyped mutex: what [`Mutex`](crate::Mutex) has beside its data.
///
/// Its methods are named as those of lock_api 0.4. With the feature `lock_api` or `lock_api_04` it
/// has the traits of that crate, too. It is unlocked by hand, on any thread.
pub struct RawMutex {
    state: AtomicU8,
    data: Access,
}

impl RawMutex {
    const_fn! {
        /// Creates an unlocked mutex.
        pub const fn new() -> Self {
            RawMutex {
                state: AtomicU8::new(UNLOCKED),
                data: Access::new(),
            }
        }
    }

    /// The key under which waiters park, and by which they are counted.
    #[inline(always)]
    pub(crate) fn key(&self) -> usize {
        // Exposed, so that a stale wake finds its way back to the mutex.
        (&raw const *self).expose_provenance()
    }

    #[inline(always)]
    fn try_take(&self) -> bool {
        // ORDERING: Acquire; pairs with the Release of the last unlocker's store (M1).
        let taken = self
            .state
            .compare_exchange(UNLOCKED, LOCKED, Acquire, Relaxed);
        match taken {
            Ok(_) => true,
            Err(LOCKED) => false,
            Err(state) => self.take_over(state),
        }
    }

    /// Acquires the mutex with byte `state`, if the lease for which it was kept is over.
    #[cold]
    fn take_over(&self, state: u8) -> bool {
        is_free(state) && self.take_from(state)
    }

    fn take_from(&self, state: u8) -> bool {
        // ORDERING: Acquire; pairs with the Release of the last unlocker's store, directly or
        // through its release sequence (M5).
        self.state
            .compare_exchange(state, LOCKED, Acquire, Relaxed)
            .is_ok()
    }

    /// Locks the mutex if it is free. Returns whether it did.
    #[inline]
    pub fn try_lock(&self) -> bool {
        let taken = self.try_take();
        if taken {
            self.data.exclusive();
        }
        taken
    }

    /// Locks the mutex, blocking until it is free.
    #[inline]
    pub fn lock(&self) {
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

    /// Whether it is held now, or kept for a thread after a handoff. The answer may be stale.
    pub fn is_locked(&self) -> bool {
        // ORDERING: Relaxed; the answer may be stale, so it orders nothing.
        !is_free(self.state.load(Relaxed))
    }

    /// Unlocks the mutex. As soon as another thread can lock it, its memory may be freed.
    ///
    /// # Safety
    /// The caller holds the mutex: it has locked the mutex, or the thread that did so has left the
    /// unlocking to it.
    #[inline]
    pub unsafe fn unlock(&self) {
        self.data.exclusive();
        let key = self.key();
        // ORDERING: Release; pairs with the Acquire of the next holder's `try_take` (M1). The fence
        // orders the store before the load in `any`; it pairs with `heavy` in `waiters::park` (M3).
        self.state.store(UNLOCKED, Release);
        fence::light();
        if waiters::any(key) {
            Self::unlocked(key);
        }
    }

    /// Wakes a waiter, after the mutex with this key, which may be gone, was released.
    #[cold]
    fn unlocked(key: usize) {
        if !waiters::has_waker(key) {
            Self::wake_one(key);
        } else if handoff::is_sampled() && !(handoff::due(key) && Self::wake_one(key)) {
            // No handoff is due, and the designated waker may have no processor to run on.
            spin::give_way();
        }
    }

    /// Wakes the first waiter for the mutex with this key, which may be gone. Reserves the mutex
    /// for it if there is a starved waiter and the handoff interval is over, and it is not a
    /// requeued one. Returns whether one was woken.
    fn wake_one(key: usize) -> bool {
        let is_handoff = waiters::has_starved(key) && handoff::due(key);
        let token = Cell::new(TRY);
        let designates = Cell::new(false);
        let choose = |waiter| {
            if !is_handoff && waiters::has_waker(key) {
                return FilterOp::Stop;
            }
            // Requeued waiters mostly hold the mutex for a short time. So several may be on their
            // way at once, and none of them becomes the designated waker.
            if waiter == ParkToken::Requeued(key) {
                return FilterOp::Unpark;
            }
            if waiter != ParkToken::Mutex {
                return FilterOp::Skip;
            }
            if !is_handoff {
                designates.set(true);
                return FilterOp::Unpark;
            }
            let mutex = ptr::with_exposed_provenance::<Self>(key);
            // SAFETY: this waiter parked with our token here, so it borrows a mutex (M2).
            let mutex = unsafe { &*mutex };
            if !mutex.reserve() {
                // A thread barged in, and its unlock will come here too. No thread behind this
                // waiter may overtake it.
                return FilterOp::Stop;
            }
            handoff::record(key);
            token.set(RESERVED_FOR_YOU);
            FilterOp::Unpark
        };
        let callback = || {
            if token.get() == RESERVED_FOR_YOU {
                waiters::hand_off(key);
            } else if designates.get() && !without::DESIGNATED {
                token.set(if waiters::wake(key) { TRY_WAKER } else { TRY });
            } else {
                waiters::remove(key);
            }
            token.get()
        };
        // SAFETY: the mutex may be gone, but `choose` picks only tokens that no lock of another
        // kind uses under this key (the table in `tokens`).
        unsafe { parking::unpark_first(key, choose, callback) }
    }

    /// Reserves the mutex for a waiter, under the queue's lock. False if it is not free. (A mutex
    /// with a reservation whose lease is over is free, and gets a new one: M5.)
    fn reserve(&self) -> bool {
        let next = |state| is_free(state).then(reserved);
        // ORDERING: Relaxed, both; this exchange continues the release sequence of the store that
        // it reads. The waiter reads the result with Acquire.
        self.state.fetch_update(Relaxed, Relaxed, next).is_ok()
    }

    /// Releases by a direct handoff, if a waiter is known: the mutex never looks free in between.
    ///
    /// # Safety
    /// As for [`unlock`](Self::unlock).
    pub unsafe fn unlock_fair(&self) {
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
                // No thread is in the queue. One that is about to park there will see this byte.
                UNLOCKED
            };
            // ORDERING: Release; pairs with the Acquire of the next holder's `take_from` or
            // `try_take` (M1, M5).
            self.state.store(state, Release);
            RESERVED_FOR_YOU
        };
        // SAFETY: we hold the mutex until the callback releases it.
        unsafe { parking::unpark_some(key, first, release) };
    }

    /// Lets a waiter have the mutex for a while, if there is one.
    ///
    /// # Safety
    /// As for [`unlock`](Self::unlock). The caller holds the mutex again when this returns.
    #[inline]
    pub unsafe fn bump(&self) {
        if waiters::any(self.key()) {
            // SAFETY: the caller's promise is the same.
            unsafe { self.unlock_fair() };
            self.lock();
        }
    }

    only_in_models! {
        /// The mutex is free, without waiters, and no thread touches it at the same time.
        pub(crate) fn assert_at_rest(&mut self) {
            assert_eq!(crate::sys::at_rest!(self.state), 0, "at rest");
        }
    }
}
