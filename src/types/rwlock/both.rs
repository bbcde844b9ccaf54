//! What [`RwLock`](crate::RwLock) and [`SendRwLock`](crate::SendRwLock) have in common.

/// Writes all but the type itself. The last six are its guards, by reference and behind an `Arc`.
macro_rules! rwlock {
    (
        $Lock:ident, by $read:ident, $write:ident;
        $Read:ident, $Write:ident, $Upgradable:ident,
        $ArcRead:ident, $ArcWrite:ident, $ArcUpgradable:ident
    ) => {
        // SAFETY: sending a lock sends its data, and nothing of it stays behind.
        unsafe impl<T: ?Sized + Send> Send for $Lock<T> {}
        // SAFETY: readers share `&T` between threads (`Sync`); a writer may take the data out
        // (`Send`).
        unsafe impl<T: ?Sized + Send + Sync> Sync for $Lock<T> {}

        impl<T: ?Sized> $Lock<T> {
            acquire! {
                "the lock for reading", $Read, $ArcRead, tries as RwLock,
                by |raw: &RawRwLock, deadline| raw.$read(false, deadline),
                at once |raw: &RawRwLock| raw.try_read(false);
                read, try_read, try_read_for, try_read_until;
                read_arc, try_read_arc, try_read_arc_for, try_read_arc_until
            }

            acquire! {
                "the lock for reading, even if a writer waits for other readers to leave",
                $Read, $ArcRead, tries as RwLock,
                by |raw: &RawRwLock, deadline| raw.$read(true, deadline),
                at once |raw: &RawRwLock| raw.try_read(true);
                read_recursive, try_read_recursive,
                try_read_recursive_for, try_read_recursive_until;
                read_arc_recursive, try_read_arc_recursive,
                try_read_arc_recursive_for, try_read_arc_recursive_until
            }

            acquire! {
                "the lock for writing", $Write, $ArcWrite, tries as RwLock,
                by RawRwLock::$write, at once RawRwLock::try_write;
                write, try_write, try_write_for, try_write_until;
                write_arc, try_write_arc, try_write_arc_for, try_write_arc_until
            }

            acquire! {
                "the lock for reading, keeping writers and other upgradable readers out",
                $Upgradable, $ArcUpgradable, tries as RwLock,
                by RawRwLock::upgradable_read, at once RawRwLock::try_upgradable_read;
                upgradable_read, try_upgradable_read,
                try_upgradable_read_for, try_upgradable_read_until;
                upgradable_read_arc, try_upgradable_read_arc,
                try_upgradable_read_arc_for, try_upgradable_read_arc_until
            }

            /// Whether a thread writes now. The answer may be stale when the caller gets it.
            pub fn is_locked_exclusive(&self) -> bool {
                self.raw.is_locked_exclusive()
            }

            /// Returns the data, without locking: the lock is borrowed exclusively.
            pub fn get_mut(&mut self) -> &mut T {
                self.data.get_mut()
            }
        }

        // Another thread that borrows the guard gets the lock by this, so `T: Send`.
        impl<'a, M: Mode<RawRwLock>, T: ?Sized + Send> Guard<&'a $Lock<T>, M, T> {
            /// Returns the lock.
            #[inline]
            pub fn rwlock(this: &Self) -> &'a $Lock<T> {
                this.lock()
            }
        }

        // Another thread that borrows the guard gets the lock by this, so `T: Send`.
        impl<M: Mode<RawRwLock>, T: ?Sized + Send> Guard<Arc<$Lock<T>>, M, T> {
            /// Returns the lock.
            #[inline]
            pub fn rwlock(this: &Self) -> &Arc<$Lock<T>> {
                this.lock()
            }
        }
    };
}
pub(crate) use rwlock;
