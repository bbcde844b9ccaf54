//! std's and parking_lot's locks and condition variables.

use crate::subjects::{Broadcast, Channel, Entry, Lock, Subject};
use std::sync::PoisonError;

/// A subject of std's or parking_lot's.
macro_rules! peer {
    ($type:ident, $name:literal, $inner:ty, $guard:ty, $hold:expr, $enter:expr, $try:expr) => {
        pub(crate) struct $type($inner);

        impl Subject for $type {
            const NAME: &'static str = $name;
            fn make(_: &str) -> Self {
                $type(Default::default())
            }
        }

        impl Lock for $type {
            type Guard<'a> = $guard;
            const DEATH: Entry = Entry::Cleanly;
            fn hold(&self) -> Self::Guard<'_> {
                $hold(&self.0)
            }
            fn enter(&self) -> Entry {
                drop($enter(&self.0));
                Entry::Cleanly
            }
            fn try_enter(&self) -> bool {
                $try(&self.0)
            }
        }
    };
}

type StdM = std::sync::Mutex<u64>;
type StdRw = std::sync::RwLock<u64>;

fn std_lock(it: &StdM) -> std::sync::MutexGuard<'_, u64> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}

fn std_read(it: &StdRw) -> std::sync::RwLockReadGuard<'_, u64> {
    it.read().unwrap_or_else(PoisonError::into_inner)
}

fn std_write(it: &StdRw) -> std::sync::RwLockWriteGuard<'_, u64> {
    it.write().unwrap_or_else(PoisonError::into_inner)
}

type PlM = parking_lot::Mutex<u64>;
type PlRw = parking_lot::RwLock<u64>;

peer!(
    StdMutex,
    "std_mutex",
    StdM,
    std::sync::MutexGuard<'a, u64>,
    std_lock,
    std_lock,
    |it: &StdM| it.try_lock().is_ok()
);
peer!(
    StdWritten,
    "std_rwlock_written",
    StdRw,
    std::sync::RwLockWriteGuard<'a, u64>,
    std_write,
    std_read,
    |it: &StdRw| it.try_read().is_ok()
);
peer!(
    StdRead,
    "std_rwlock_read",
    StdRw,
    std::sync::RwLockReadGuard<'a, u64>,
    std_read,
    std_write,
    |it: &StdRw| it.try_write().is_ok()
);
peer!(
    PlMutex,
    "parking_lot_mutex",
    PlM,
    parking_lot::MutexGuard<'a, u64>,
    PlM::lock,
    PlM::lock,
    |it: &PlM| it.try_lock().is_some()
);
peer!(
    PlWritten,
    "parking_lot_rwlock_written",
    PlRw,
    parking_lot::RwLockWriteGuard<'a, u64>,
    PlRw::write,
    PlRw::read,
    |it: &PlRw| it.try_read().is_some()
);
peer!(
    PlRead,
    "parking_lot_rwlock_read",
    PlRw,
    parking_lot::RwLockReadGuard<'a, u64>,
    PlRw::read,
    PlRw::write,
    |it: &PlRw| it.try_write().is_some()
);

/// A condition variable with a number, of std's or parking_lot's.
macro_rules! condvar {
    ($type:ident, $name:literal, $mutex:ty, $condvar:ty, $lock:expr, $wait:expr) => {
        pub(crate) struct $type($mutex, $condvar);

        impl Subject for $type {
            const NAME: &'static str = $name;
            fn make(_: &str) -> Self {
                $type(Default::default(), Default::default())
            }
        }

        impl Channel for $type {
            fn wait(&self) {
                let mut signals = $lock(&self.0);
                while *signals == 0 {
                    signals = $wait(&self.1, signals);
                }
                *signals -= 1;
            }
            fn try_wait(&self) -> bool {
                let mut signals = $lock(&self.0);
                let is_one = *signals > 0;
                *signals -= u64::from(is_one);
                is_one
            }
            fn signal(&self) {
                *$lock(&self.0) += 1;
                self.1.notify_one();
            }
        }

        impl Broadcast for $type {
            fn signal_all(&self) {
                *$lock(&self.0) += 1;
                self.1.notify_all();
            }
        }
    };
}

condvar!(
    StdCondvar,
    "std_condvar",
    StdM,
    std::sync::Condvar,
    std_lock,
    |it: &std::sync::Condvar, guard| it.wait(guard).unwrap_or_else(PoisonError::into_inner)
);
condvar!(
    PlCondvar,
    "parking_lot_condvar",
    PlM,
    parking_lot::Condvar,
    PlM::lock,
    |it: &parking_lot::Condvar, mut guard| {
        it.wait(&mut guard);
        guard
    }
);
