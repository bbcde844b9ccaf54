//! Where a thread parks, with what, and what it is given: key offsets, park tokens, unpark tokens.
//!
//! A lock's queues have the keys *address + offset* ([`KeyOffset`]). A waiter's [`ParkToken`] says
//! what it waits for, and the [`UnparkToken`] what it was woken with.
//!
//! **Stale wakes.** Some wakes happen before, or together with, the release of the lock, so the
//! lock is alive. Others happen after it. By then the lock may be gone, and its memory may hold
//! another lock whose waiters park under the same key. So a stale wake picks only tokens that no
//! lock of another kind uses under that key. If it finds one, that waiter borrows a lock of the
//! same kind there. So that lock is alive, though it may be another one than the lock that was
//! released.
//!
//! | stale wake of | under the key | picks |
//! |---|---|---|
//! | a mutex | of the mutex | [`Mutex`](ParkToken::Mutex) |
//! | | | [`Requeued`](ParkToken::Requeued) with this very key |
//! | a reader-writer lock | of the lock | [`RwLock`](ParkToken::RwLock) |
//! | a reader that withdraws | + [`Revokers`](KeyOffset::Revokers) | [`Revoker`](ParkToken::Revoker) |
//! | a semaphore | of the semaphore | [`Semaphore`](ParkToken::Semaphore) |
//! | | + [`Front`](KeyOffset::Front) | [`Front`](ParkToken::Front) |
//!
//! Each row has a variant of its own, so no two rows meet. Only waiters for condition variables
//! with a mutex park with `Requeued`, and its value is the address of that mutex, which they
//! borrow. All other wakes come while their lock is alive.
//!
//! **Two copies of this crate** in one process (two versions, or a plugin's own) have a parking lot
//! each, on Linux: no wake of one reaches a waiter of the other. On other systems they may share
//! one copy of parking_lot_core, with parking_lot too. Its tokens are numbers: see [`numbers`].

use std::mem::size_of;

/// Which queue of a lock: what is added to the lock's address.
#[derive(Clone, Copy)]
pub enum KeyOffset {
    /// A lock's own queue; a condition variable's, of waiters with a mutex.
    Own = 0,
    /// A condition variable's queue of waiters with a reader-writer lock. No wake there is stale.
    OtherLock = 1,
    /// A reader-writer lock's queue of writers that wait for readers to leave their slots.
    Revokers = 2,
    /// A semaphore's queue of front waiters.
    Front = 3,
}

// The locks that have such queues are words, so each key is inside its lock, and no other lock's.
const _: () = assert!((KeyOffset::Front as usize) < size_of::<u32>());

impl KeyOffset {
    /// The key of this queue of the lock at this address.
    #[inline(always)]
    pub(crate) fn of(self, lock: usize) -> usize {
        lock + self as usize
    }
}

/// The hash of an address, of so many bits. Its high bits depend on every bit of the address, and
/// different addresses of so many bits have different hashes, for the factor is odd. (Fibonacci
/// hashing: D. Knuth, *The Art of Computer Programming*, volume 3.)
#[inline(always)]
pub(crate) fn hash(address: usize, bits: u32) -> u64 {
    let factor = 0x9E37_79B9_7F4A_7C15 >> (u64::BITS - bits) | 1;
    (address as u64).wrapping_mul(factor) & (u64::MAX >> (u64::BITS - bits))
}

/// The place of an address in a table with so many index bits.
#[inline(always)]
pub(crate) fn index(address: usize, bits: u32) -> usize {
    (hash(address, u64::BITS) >> (u64::BITS - bits)) as usize
}

/// What a thread parks with: what it waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ParkToken {
    /// A notification, with a reader-writer lock.
    Notified,
    /// A notification, with the mutex that has this key, to which the thread may be requeued.
    Requeued(usize),
    /// A mutex.
    Mutex,
    /// A reader-writer lock.
    RwLock(RwLockWaiter),
    /// Readers that are to leave their slots.
    Revoker,
    /// The semaphore's call.
    Semaphore,
    /// So many permits, as a front waiter.
    Front(u32),
}

/// What a thread waits for in a reader-writer lock's queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RwLockWaiter {
    pub(crate) kind: RwLockKind,
    pub(crate) starved: bool,
}

/// How a waiter is about to hold the reader-writer lock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RwLockKind {
    Reader,
    RecursiveReader,
    Upgradable,
    Writer,
    /// The upgradable reader that is about to write.
    Upgrade,
}

/// What a thread is woken with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnparkToken {
    /// Nothing: it tries like any other thread, or was notified.
    Nothing,
    /// It is the designated waker.
    Designated,
    /// The lock is kept for it.
    Kept,
    DesignatedAndKept,
    /// It is the semaphore's front waiter.
    Called,
}

impl UnparkToken {
    const ALL: [Self; 5] = [
        UnparkToken::Nothing,
        UnparkToken::Designated,
        UnparkToken::Kept,
        UnparkToken::DesignatedAndKept,
        UnparkToken::Called,
    ];

    pub(crate) fn number(self) -> usize {
        self as usize
    }

    /// The token with this number.
    pub(crate) fn numbered(number: usize) -> Self {
        Self::ALL[number]
    }

    pub(crate) fn is_designated(self) -> bool {
        matches!(
            self,
            UnparkToken::Designated | UnparkToken::DesignatedAndKept
        )
    }

    pub(crate) fn is_kept(self) -> bool {
        matches!(self, UnparkToken::Kept | UnparkToken::DesignatedAndKept)
    }
}

/// Park tokens as numbers, for parking_lot_core. (It is checked on all systems.)
///
/// | number | token |
/// |---|---|
/// | 0 | `Notified` |
/// | an address inside `PRIVATE` | one that a stale wake picks |
/// | any other number | `Requeued` |
///
/// `PRIVATE` is a static of this copy of the crate. So no lock is inside it: its addresses are no
/// other object's, neither a mutex's nor another copy's, and no small number as parking_lot's
/// tokens. Another user's number reads as `Notified` or `Requeued`. No stale wake picks that, for
/// no other user's token is the address of one of our mutexes.
#[allow(
    dead_code,
    reason = "on Linux and in models the lot takes the tokens themselves"
)]
mod numbers {
    use super::{ParkToken, RwLockKind, RwLockWaiter};

    const MUTEX: usize = 0;
    const REVOKER: usize = 1;
    const SEMAPHORE: usize = 2;
    /// Twice the kind, and whether it is starved.
    const RWLOCK: usize = 3;
    const KINDS: [RwLockKind; 5] = [
        RwLockKind::Reader,
        RwLockKind::RecursiveReader,
        RwLockKind::Upgradable,
        RwLockKind::Writer,
        RwLockKind::Upgrade,
    ];
    const FRONT: usize = RWLOCK + 2 * KINDS.len();
    const _: () = assert!(MUTEX < REVOKER && REVOKER < SEMAPHORE && SEMAPHORE < RWLOCK);
    const ALL: usize = FRONT + rounded(u32::MAX) as usize + 1;

    static PRIVATE: [u8; ALL] = [0; ALL];

    /// Numbers of permits below this one have a token each.
    const EXACT: u32 = 64;

    /// The number of permits, or a little less: six binary digits, and zeros. It grows with the
    /// permits, so that the largest is that of the most permits.
    const fn rounded(permits: u32) -> u32 {
        if permits < EXACT {
            return permits;
        }
        let log = permits.ilog2();
        EXACT + (log - EXACT.ilog2()) * (EXACT / 2) + (permits >> (log - 5)) % (EXACT / 2)
    }

    /// The least number of permits that is rounded to this one.
    fn least(rounded: u32) -> u32 {
        match rounded.checked_sub(EXACT) {
            Some(large) => (EXACT / 2 + large % (EXACT / 2)) << (large / (EXACT / 2) + 1),
            None => rounded,
        }
    }

    impl ParkToken {
        pub(crate) fn number(self) -> usize {
            let n = match self {
                ParkToken::Notified => return 0,
                ParkToken::Requeued(key) => return key,
                ParkToken::Mutex => MUTEX,
                ParkToken::Revoker => REVOKER,
                ParkToken::Semaphore => SEMAPHORE,
                ParkToken::RwLock(RwLockWaiter { kind, starved }) => {
                    RWLOCK + 2 * kind as usize + usize::from(starved)
                }
                ParkToken::Front(permits) => FRONT + rounded(permits) as usize,
            };
            (&raw const PRIVATE[n]).addr()
        }

        /// The token with this number. A front waiter may want a little more than it says.
        pub(crate) fn numbered(number: usize) -> Self {
            match number.wrapping_sub((&raw const PRIVATE).addr()) {
                _ if number == 0 => ParkToken::Notified,
                MUTEX => ParkToken::Mutex,
                REVOKER => ParkToken::Revoker,
                SEMAPHORE => ParkToken::Semaphore,
                n @ RWLOCK..FRONT => ParkToken::RwLock(RwLockWaiter {
                    kind: KINDS[(n - RWLOCK) / 2],
                    starved: (n - RWLOCK) & 1 != 0,
                }),
                n @ FRONT..ALL => ParkToken::Front(least((n - FRONT) as u32)),
                _ => ParkToken::Requeued(number),
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use crate::tokens::UnparkToken;

        #[test]
        fn number_tells_the_unpark_token() {
            for (number, token) in UnparkToken::ALL.into_iter().enumerate() {
                assert_eq!(token.number(), number);
                assert_eq!(UnparkToken::numbered(number), token);
            }
        }

        #[test]
        fn number_tells_the_park_token() {
            let waiters = KINDS.into_iter().flat_map(|kind| {
                [false, true].map(|starved| ParkToken::RwLock(RwLockWaiter { kind, starved }))
            });
            let mutex = &raw const *Box::new(0_u8);
            let tokens: Vec<_> = waiters
                .chain((0..EXACT).map(ParkToken::Front))
                .chain([ParkToken::Notified, ParkToken::Requeued(mutex.addr())])
                .chain([ParkToken::Mutex, ParkToken::Revoker, ParkToken::Semaphore])
                .collect();
            for &token in &tokens {
                assert_eq!(ParkToken::numbered(token.number()), token);
            }
        }

        #[test]
        fn number_tells_wanted_permits_or_a_little_less() {
            let near_powers = (0..32).flat_map(|log| [-1, 0, 1].map(|near| (1_i64 << log) + near));
            let all = (0..5000).chain(near_powers).chain([i64::from(u32::MAX)]);
            for wanted in all.filter_map(|permits| u32::try_from(permits).ok()) {
                let ParkToken::Front(told) = ParkToken::numbered(ParkToken::Front(wanted).number())
                else {
                    panic!("another token than that of {wanted} permits");
                };
                assert!(
                    told <= wanted && wanted - told <= wanted / 32,
                    "{wanted}: {told}"
                );
                assert!(wanted >= EXACT || told == wanted);
            }
        }

        #[test]
        fn numbers_of_other_users_are_those_of_no_stale_wake() {
            let ends = [0, ALL].map(|end| (&raw const PRIVATE).addr() + end);
            for number in [1, 2, 0x1234, !0, ends[0] - 1, ends[1]] {
                assert_eq!(ParkToken::numbered(number), ParkToken::Requeued(number));
            }
            assert_eq!(ParkToken::numbered(0), ParkToken::Notified);
        }
    }
}
