//! What both versions of parking_lot have in common: names for lock_api's types over our locks.

/// The names, for one version of lock_api.
macro_rules! face {
    ($api:ident) => {
        pub use crate::once::{Once, OnceState};
        pub use crate::raw::{RawFairMutex, RawMutex, RawThreadId};
        pub use ::$api as lock_api;

        /// Mutual exclusion: [`anteroom::Mutex`] says how it works.
        pub type Mutex<T> = lock_api::Mutex<RawMutex, T>;
        /// Holds a [`Mutex`].
        pub type MutexGuard<'a, T> = lock_api::MutexGuard<'a, RawMutex, T>;
        /// Holds a [`Mutex`], and gives access to a part of its data.
        pub type MappedMutexGuard<'a, T> = lock_api::MappedMutexGuard<'a, RawMutex, T>;

        /// Mutual exclusion; each unlock transfers the mutex to the first waiter, if there is one.
        pub type FairMutex<T> = lock_api::Mutex<RawFairMutex, T>;
        /// Holds a [`FairMutex`].
        pub type FairMutexGuard<'a, T> = lock_api::MutexGuard<'a, RawFairMutex, T>;
        /// Holds a [`FairMutex`], and gives access to a part of its data.
        pub type MappedFairMutexGuard<'a, T> = lock_api::MappedMutexGuard<'a, RawFairMutex, T>;

        /// Mutual exclusion; the thread that holds it may lock it again.
        pub type ReentrantMutex<T> = lock_api::ReentrantMutex<RawMutex, RawThreadId, T>;
        /// Holds a [`ReentrantMutex`].
        pub type ReentrantMutexGuard<'a, T> =
            lock_api::ReentrantMutexGuard<'a, RawMutex, RawThreadId, T>;
        /// Holds a [`ReentrantMutex`], and gives access to a part of its data.
        pub type MappedReentrantMutexGuard<'a, T> =
            lock_api::MappedReentrantMutexGuard<'a, RawMutex, RawThreadId, T>;

        /// Many readers, or one writer: [`anteroom::RwLock`] says how it works, and with the
        /// feature `send_guard`, [`anteroom::SendRwLock`].
        pub type RwLock<T> = lock_api::RwLock<RawRwLock, T>;
        /// Reads an [`RwLock`].
        pub type RwLockReadGuard<'a, T> = lock_api::RwLockReadGuard<'a, RawRwLock, T>;
        /// Writes an [`RwLock`].
        pub type RwLockWriteGuard<'a, T> = lock_api::RwLockWriteGuard<'a, RawRwLock, T>;
        /// Reads an [`RwLock`], and can become its writer.
        pub type RwLockUpgradableReadGuard<'a, T> =
            lock_api::RwLockUpgradableReadGuard<'a, RawRwLock, T>;
        /// Reads a part of the data of an [`RwLock`].
        pub type MappedRwLockReadGuard<'a, T> = lock_api::MappedRwLockReadGuard<'a, RawRwLock, T>;
        /// Writes a part of the data of an [`RwLock`].
        pub type MappedRwLockWriteGuard<'a, T> = lock_api::MappedRwLockWriteGuard<'a, RawRwLock, T>;

        #[cfg(feature = "arc_lock")]
        pub use lock_api::{
            ArcMutexGuard, ArcReentrantMutexGuard, ArcRwLockReadGuard,
            ArcRwLockUpgradableReadGuard, ArcRwLockWriteGuard,
        };
    };
}
pub(crate) use face;
