//! Reader-writer locks: anteroom, std, parking_lot, usync and crossbeam's `ShardedLock`.

/// A reader-writer lock around a count of the writes that it has guarded.
pub trait ReadWrite: Default + Sync {
    /// What the peer is called in the results.
    const NAME: &'static str;

    /// The count, seen among other readers.
    fn read(&self) -> u64;

    /// Adds one to the count, alone.
    fn write(&self);
}

macro_rules! without_poison {
    ($($peer:ident),*) => {$(
        impl ReadWrite for $peer::RwLock<u64> {
            const NAME: &'static str = stringify!($peer);

            fn read(&self) -> u64 {
                *self.read()
            }

            fn write(&self) {
                *self.write() += 1;
            }
        }
    )*};
}

macro_rules! with_poison {
    ($($name:literal $lock:ty),*) => {$(
        impl ReadWrite for $lock {
            const NAME: &'static str = $name;

            fn read(&self) -> u64 {
                *self.read().unwrap()
            }

            fn write(&self) {
                *self.write().unwrap() += 1;
            }
        }
    )*};
}

without_poison!(anteroom, parking_lot, usync);
with_poison!("std" std::sync::RwLock<u64>, "ShardedLock" crossbeam_utils::sync::ShardedLock<u64>);
