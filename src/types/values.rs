//! What the locks offer beside guards: access to the value for one call, the unwind-safety of std's
//! locks, and their text.

use super::mutex::Mutex;
use super::rwlock::RwLock;
use super::send_rwlock::SendRwLock;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};

macro_rules! values {
    ($Lock:ident, $read:ident, $write:ident, $try_read:ident) => {
        impl<T> $Lock<T> {
            /// Returns a copy of the value, made while the lock is held.
            pub fn get_cloned(&self) -> T
            where
                T: Clone,
            {
                self.$read().clone()
            }

            /// Sets the value. The old one is dropped after the lock is released.
            pub fn set(&self, value: T) {
                drop(self.replace(value));
            }

            /// Sets the value, and returns the old one.
            pub fn replace(&self, value: T) -> T {
                std::mem::replace(&mut *self.$write(), value)
            }
        }

        impl<T: ?Sized> $Lock<T> {
            /// Calls `f` with the value, while the lock is held.
            pub fn with<F, R>(&self, f: F) -> R
            where
                F: FnOnce(&T) -> R,
            {
                f(&self.$read())
            }

            /// Calls `f` with the value, to change it, while the lock is held.
            pub fn with_mut<F, R>(&self, f: F) -> R
            where
                F: FnOnce(&mut T) -> R,
            {
                f(&mut self.$write())
            }
        }

        impl<T: Default> Default for $Lock<T> {
            fn default() -> Self {
                $Lock::new(T::default())
            }
        }

        impl<T> From<T> for $Lock<T> {
            fn from(data: T) -> Self {
                $Lock::new(data)
            }
        }

        // A thread that sees the value after a panic has to expect what it may find there, as with
        // every lock that does not poison.
        impl<T: ?Sized> UnwindSafe for $Lock<T> {}
        impl<T: ?Sized> RefUnwindSafe for $Lock<T> {}

        impl<T: ?Sized + fmt::Debug> fmt::Debug for $Lock<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut fields = f.debug_struct(stringify!($Lock));
                match self.$try_read() {
                    Some(data) => fields.field("data", &&*data),
                    None => fields.field("data", &format_args!("<locked>")),
                };
                fields.finish()
            }
        }
    };
}

values! { Mutex, lock, lock, try_lock }
values! { RwLock, read, write, try_read }
values! { SendRwLock, read, write, try_read }
