//! The locks with std's names and types: a panic of a holder poisons its lock.
//!
//! Where a program says `use std::sync::{Condvar, Mutex, RwLock}`, it says `use
//! anteroom::poison::{Condvar, Mutex, RwLock}`, and nothing else changes. The errors are std's own
//! types.
//!
//! ```
//! use anteroom::poison::{Condvar, Mutex};
//!
//! static READY: Mutex<bool> = Mutex::new(false);
//! static CHANGED: Condvar = Condvar::new();
//!
//! std::thread::scope(|s| {
//!     s.spawn(|| {
//!         *READY.lock().unwrap() = true;
//!         CHANGED.notify_one();
//!     });
//!     let mut ready = READY.lock().unwrap();
//!     while !*ready {
//!         ready = CHANGED.wait(ready).unwrap();
//!     }
//! });
//! ```
//!
//! # Poisoning
//! A guard that can write poisons its lock when it is dropped in a panic that began after the guard
//! was acquired. From then on each method that gives access to the data returns an error, which has
//! the guard, until `clear_poison` is called. Readers never poison.
//!
//! # What is different from std
//! - A [`Condvar`] has no spurious wake-ups. A wait with one mutex while other threads wait with
//!   another panics; then the guard, which the call has consumed, poisons its mutex.
//! - [`RwLock`] readers are biased: see [`crate::RwLock`] for fairness, tries, and the number of
//!   readers. A thread that reads twice at once may deadlock, as with std.
//! - [`Mutex`] has the fairness of [`crate::Mutex`]. Locking it twice on one thread deadlocks.
//! - What std has behind a feature of its nightly toolchain (mapped guards, `get_cloned`, `set`,
//!   `replace`, `data_ptr`) is here on every toolchain.
//! - The types are not those of std: a function that takes a `std::sync::MutexGuard` takes no guard
//!   of this module.
//!
//! Poisoning costs a look at std's count of panics for each acquisition for writing and its
//! release. In a user's model these locks take part as the others do. A `static` lock that one
//! execution has poisoned stays so in the next, as its data stays.

mod condvar;
mod flag;
mod mapped;
mod mutex;
mod rwlock;

pub use condvar::{Condvar, WaitTimeoutResult};
pub use mapped::{MappedMutexGuard, MappedRwLockReadGuard, MappedRwLockWriteGuard};
pub use mutex::{Mutex, MutexGuard};
pub use rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
pub use std::sync::{LockResult, PoisonError, TryLockError, TryLockResult};

/// Implements what a guard does with the data that `$data`, a pointer, leads to.
macro_rules! access {
    ($Guard:ident, |$guard:ident| $data:expr) => {
        // SAFETY: a guard that other threads borrow gives them `&T` only.
        unsafe impl<T: ?Sized + Sync> Sync for $Guard<'_, T> {}

        impl<T: ?Sized> std::ops::Deref for $Guard<'_, T> {
            type Target = T;

            #[inline]
            fn deref(&self) -> &T {
                let $guard = self;
                // SAFETY: the guard holds the lock, so that no other thread writes.
                unsafe { &*$data }
            }
        }

        impl<T: ?Sized + std::fmt::Debug> std::fmt::Debug for $Guard<'_, T> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                (**self).fmt(f)
            }
        }

        impl<T: ?Sized + std::fmt::Display> std::fmt::Display for $Guard<'_, T> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                (**self).fmt(f)
            }
        }
    };
    (mut $Guard:ident, |$guard:ident| $data:expr) => {
        crate::poison::access! { $Guard, |$guard| $data }

        impl<T: ?Sized> std::ops::DerefMut for $Guard<'_, T> {
            #[inline]
            fn deref_mut(&mut self) -> &mut T {
                let $guard = self;
                // SAFETY: the guard holds the lock exclusively, and is borrowed exclusively.
                unsafe { &mut *$data }
            }
        }
    };
}
use access;

/// Implements what both locks have of std's: accessors of the value, and the ways to make a lock.
/// `$read` and `$write` acquire it, `$try_read` looks whether it is free to be read.
macro_rules! lock {
    ($Lock:ident, $Raw:ident, $read:ident, $write:ident, $try_read:ident, locked: $locked:expr) => {
        impl<T> $Lock<T> {
            const_fn! {
                /// Creates a lock that no thread holds and that is not poisoned.
                pub const fn new(value: T) -> Self {
                    $Lock {
                        raw: $Raw::new(),
                        poison: Flag::new(),
                        data: UnsafeCell::new(value),
                    }
                }
            }

            /// Returns a copy of the value.
            ///
            /// # Errors
            /// If the lock is poisoned.
            pub fn get_cloned(&self) -> Result<T, PoisonError<()>>
            where
                T: Clone,
            {
                match self.$read() {
                    Ok(guard) => Ok(guard.clone()),
                    Err(_) => Err(PoisonError::new(())),
                }
            }

            /// Sets the value. The old one is dropped after the lock is released.
            ///
            /// # Errors
            /// If the lock is poisoned: with the new value, which was not set.
            pub fn set(&self, value: T) -> Result<(), PoisonError<T>> {
                self.replace(value).map(drop)
            }

            /// Sets the value, and returns the old one.
            ///
            /// # Errors
            /// If the lock is poisoned: with the new value, which was not set.
            pub fn replace(&self, value: T) -> LockResult<T> {
                match self.$write() {
                    Ok(mut guard) => Ok(std::mem::replace(&mut *guard, value)),
                    Err(_) => Err(PoisonError::new(value)),
                }
            }

            /// Returns the value, without locking: no other thread can have the lock.
            ///
            /// # Errors
            /// If the lock is poisoned: with the value.
            pub fn into_inner(self) -> LockResult<T> {
                let poisoned = self.poison.get();
                flag::result(poisoned, self.data.into_inner())
            }
        }

        impl<T: ?Sized> $Lock<T> {
            /// Whether the lock is poisoned. Unless the caller holds it, the answer may be stale.
            #[inline]
            pub fn is_poisoned(&self) -> bool {
                self.poison.get()
            }

            /// Makes the lock one that is not poisoned, because the caller has looked at the value
            /// or set it.
            #[inline]
            pub fn clear_poison(&self) {
                self.poison.clear();
            }

            /// Returns the value, without locking: the lock is borrowed exclusively.
            ///
            /// # Errors
            /// If the lock is poisoned: with the value.
            pub fn get_mut(&mut self) -> LockResult<&mut T> {
                let poisoned = self.poison.get();
                flag::result(poisoned, self.data.get_mut())
            }

            /// Returns a pointer to the value, which may be used while the lock is held.
            pub const fn data_ptr(&self) -> *mut T {
                self.data.get()
            }
        }

        // SAFETY: sending a lock sends its data, and nothing of it stays behind.
        unsafe impl<T: ?Sized + Send> Send for $Lock<T> {}

        // What a panic leaves behind is seen only by way of a `PoisonError`.
        impl<T: ?Sized> UnwindSafe for $Lock<T> {}
        impl<T: ?Sized> RefUnwindSafe for $Lock<T> {}

        impl<T: Default> Default for $Lock<T> {
            fn default() -> Self {
                $Lock::new(T::default())
            }
        }

        impl<T> From<T> for $Lock<T> {
            fn from(value: T) -> Self {
                $Lock::new(value)
            }
        }

        impl<T: ?Sized + fmt::Debug> fmt::Debug for $Lock<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut fields = f.debug_struct(stringify!($Lock));
                match self.$try_read() {
                    Ok(guard) => fields.field("data", &&*guard),
                    Err(TryLockError::Poisoned(guard)) => fields.field("data", &&**guard.get_ref()),
                    Err(TryLockError::WouldBlock) => fields.field("data", &$locked),
                };
                fields.field("poisoned", &self.poison.get());
                fields.finish_non_exhaustive()
            }
        }
    };
}
use lock;
