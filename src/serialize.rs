//! With the feature `serde`, a lock is written and read as its value.
//!
//! Writing acquires the lock (a reader-writer lock for reading), and blocks until it has it. A
//! poisoned lock is an error.

use crate::{Mutex, RwLock, SendRwLock, poison};
use serde::de::{Deserialize, Deserializer};
use serde::ser::{Error, Serialize, Serializer};

macro_rules! as_value {
    ($Lock:ty, |$lock:ident| $guard:expr) => {
        impl<T: ?Sized + Serialize> Serialize for $Lock {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let $lock = self;
                $guard.serialize(serializer)
            }
        }

        impl<'de, T: Deserialize<'de>> Deserialize<'de> for $Lock {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                T::deserialize(deserializer).map(Self::new)
            }
        }
    };
}

as_value! { Mutex<T>, |lock| lock.lock() }
as_value! { RwLock<T>, |lock| lock.read() }
as_value! { SendRwLock<T>, |lock| lock.read() }
as_value! { poison::Mutex<T>, |lock| lock.lock().map_err(|_| S::Error::custom("poisoned mutex"))? }
as_value! { poison::RwLock<T>, |lock| lock.read().map_err(|_| S::Error::custom("poisoned lock"))? }
