//! The functions that the types ask of raw locks, with their signatures. The algorithms and their
//! specifications both have them, or this does not compile.
//!
//! Lists of signatures, and no traits: an untyped lock has its functions without an import, its
//! `new` is `const`, and its documentation is a user's. What a panic says, and the limits, are in
//! [`raw`](crate::raw), once.

/// Checks that a type has these functions. The types of both sides are the same to the letter.
macro_rules! has {
    ($raw:ty { $($name:ident: $signature:ty,)* }) => { $(const _: $signature = <$raw>::$name;)* };
}

/// Checks that the raw locks of a module have what the types ask of them.
macro_rules! are_raw_locks {
    ($($locks:ident)::+) => {
        const _: () = {
            use crate::raw::{Requeue, TryAcquireError, Waits};
            use crate::sys::deadline::Deadline;
            use $($locks)::+::condvar::RawCondvar as Condvar;
            use $($locks)::+::mutex::RawMutex as Mutex;
            use $($locks)::+::rwlock::RawRwLock as RwLock;
            use $($locks)::+::semaphore::RawSemaphore as Semaphore;

            $crate::sys::signatures::has! { Mutex {
                new: fn() -> Mutex,
                key: fn(&Mutex) -> usize,
                is_locked: fn(&Mutex) -> bool,
                try_lock: fn(&Mutex) -> bool,
                lock: fn(&Mutex),
                lock_until: fn(&Mutex, Deadline) -> bool,
                unlock: unsafe fn(&Mutex),
                unlock_fair: unsafe fn(&Mutex),
                bump: unsafe fn(&Mutex),
            } }
            $crate::sys::signatures::has! { RwLock {
                new: fn() -> RwLock,
                unbiased: fn() -> RwLock,
                key: fn(&RwLock) -> usize,
                is_locked: fn(&RwLock) -> bool,
                is_locked_exclusive: fn(&RwLock) -> bool,
                is_waited_for: fn(&RwLock) -> bool,
                is_reader_waited_for: fn(&RwLock) -> bool,
                try_read: fn(&RwLock, bool) -> bool,
                read: fn(&RwLock, bool, Deadline) -> bool,
                read_unbiased: fn(&RwLock, bool, Deadline) -> bool,
                read_again: fn(&RwLock),
                unlock_read: unsafe fn(&RwLock),
                unlock_read_fair: unsafe fn(&RwLock),
                try_write: fn(&RwLock) -> bool,
                write: fn(&RwLock, Deadline) -> bool,
                write_unbiased: fn(&RwLock, Deadline) -> bool,
                write_again: fn(&RwLock),
                unlock_write: unsafe fn(&RwLock),
                unlock_write_fair: unsafe fn(&RwLock),
                try_upgradable_read: fn(&RwLock) -> bool,
                upgradable_read: fn(&RwLock, Deadline) -> bool,
                unlock_upgradable: unsafe fn(&RwLock),
                unlock_upgradable_fair: unsafe fn(&RwLock),
                try_upgrade: unsafe fn(&RwLock) -> bool,
                upgrade_by: unsafe fn(&RwLock, Deadline) -> bool,
                downgrade: unsafe fn(&RwLock),
                downgrade_to_upgradable: unsafe fn(&RwLock),
                downgrade_upgradable: unsafe fn(&RwLock),
            } }
            $crate::sys::signatures::has! { Semaphore {
                new: fn(usize) -> Semaphore,
                try_take: fn(&Semaphore, u32) -> Result<(), TryAcquireError>,
                take: fn(&Semaphore, u32, Deadline) -> Result<(), TryAcquireError>,
                add_permits: fn(&Semaphore, usize),
                give_back: fn(&Semaphore, u32),
                forget_permits: fn(&Semaphore, usize) -> usize,
                available_permits: fn(&Semaphore) -> usize,
                close: fn(&Semaphore),
                is_closed: fn(&Semaphore) -> bool,
            } }
            $crate::sys::signatures::has! { Condvar {
                new: fn() -> Condvar,
                notify_one: fn(&Condvar) -> bool,
                notify_all: fn(&Condvar) -> usize,
            } }

            /// Waits with any guard of a lock that can be released and acquired again.
            #[allow(dead_code, reason = "it is only compiled")]
            fn waits<G: Waits>() {
                let _: fn(&Condvar, &mut G, Deadline) -> bool = Condvar::wait;
            }
            const fn is_waited_with<L: Requeue>() {}
            is_waited_with::<Mutex>();
            is_waited_with::<RwLock>();
        };
    };
}
pub(super) use {are_raw_locks, has};
