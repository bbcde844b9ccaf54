//! A mutex and a condition variable that work together: anteroom, std, parking_lot, usync.

use std::ops::DerefMut;

/// A count, a mutex around it, and a condition variable to wait on until it changes.
pub trait Monitor: Default + Sync {
    /// What the peer is called in the results.
    const NAME: &'static str;

    /// Access to the count.
    type Guard<'a>: DerefMut<Target = u64>
    where
        Self: 'a;

    /// Enters the monitor.
    fn lock(&self) -> Self::Guard<'_>;

    /// Leaves the monitor until notified, and enters it again.
    fn wait<'a>(&'a self, guard: Self::Guard<'a>) -> Self::Guard<'a>;

    /// Wakes one that waits.
    fn notify_one(&self);

    /// Wakes all that wait.
    fn notify_all(&self);
}

/// std's pair.
pub type Std = (std::sync::Mutex<u64>, std::sync::Condvar);

impl Monitor for Std {
    const NAME: &'static str = "std";

    type Guard<'a> = std::sync::MutexGuard<'a, u64>;

    fn lock(&self) -> Self::Guard<'_> {
        self.0.lock().unwrap()
    }

    fn wait<'a>(&'a self, guard: Self::Guard<'a>) -> Self::Guard<'a> {
        self.1.wait(guard).unwrap()
    }

    fn notify_one(&self) {
        self.1.notify_one();
    }

    fn notify_all(&self) {
        self.1.notify_all();
    }
}

macro_rules! without_poison {
    ($($pair:ident $peer:ident),*) => {$(
        #[doc = concat!(stringify!($peer), "'s pair.")]
        pub type $pair = ($peer::Mutex<u64>, $peer::Condvar);

        impl Monitor for $pair {
            const NAME: &'static str = stringify!($peer);

            type Guard<'a> = $peer::MutexGuard<'a, u64>;

            fn lock(&self) -> Self::Guard<'_> {
                self.0.lock()
            }

            fn wait<'a>(&'a self, mut guard: Self::Guard<'a>) -> Self::Guard<'a> {
                self.1.wait(&mut guard);
                guard
            }

            fn notify_one(&self) {
                self.1.notify_one();
            }

            fn notify_all(&self) {
                self.1.notify_all();
            }
        }
    )*};
}

without_poison!(Anteroom anteroom, ParkingLot parking_lot, Usync usync);
