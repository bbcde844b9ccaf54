//! Reader-writer locks: anteroom, std, parking_lot, usync and crossbeam's `ShardedLock`.

/// A reader-writer lock around a count of the writes that it has guarded.
pub trait ReadWrite: Default + Sync {
    /// What the peer is called in the results.
    const NAME: &'static str;

    /// Runs `section` among other readers.
    fn with_read<R>(&self, section: impl FnOnce(&u64) -> R) -> R;

    /// Runs `section` alone.
    fn with_write<R>(&self, section: impl FnOnce(&mut u64) -> R) -> R;

    /// The count, seen among other readers.
    fn read(&self) -> u64 {
        self.with_read(|count| *count)
    }

    /// Adds one to the count, alone.
    fn write(&self) {
        self.with_write(|count| *count += 1);
    }
}

macro_rules! without_poison {
    ($($peer:ident),*) => {$(
        impl ReadWrite for $peer::RwLock<u64> {
            const NAME: &'static str = stringify!($peer);

            fn with_read<R>(&self, section: impl FnOnce(&u64) -> R) -> R {
                section(&self.read())
            }

            fn with_write<R>(&self, section: impl FnOnce(&mut u64) -> R) -> R {
                section(&mut self.write())
            }
        }
    )*};
}

macro_rules! with_poison {
    ($($name:literal $lock:ty),*) => {$(
        impl ReadWrite for $lock {
            const NAME: &'static str = $name;

            fn with_read<R>(&self, section: impl FnOnce(&u64) -> R) -> R {
                section(&self.read().unwrap())
            }

            fn with_write<R>(&self, section: impl FnOnce(&mut u64) -> R) -> R {
                section(&mut self.write().unwrap())
            }
        }
    )*};
}

without_poison!(anteroom, parking_lot, usync);
with_poison!("std" std::sync::RwLock<u64>, "ShardedLock" crossbeam_utils::sync::ShardedLock<u64>);
