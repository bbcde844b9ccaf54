//! Who can come into a reader-writer lock.

use anteroom::RwLock;

/// Those to whom it is open.
#[derive(Debug, PartialEq)]
pub enum OpenTo {
    /// Nobody is inside.
    All,
    /// There are readers.
    AllButWriters,
    /// There is an upgradable reader.
    Readers,
    /// There is a writer, or one waits for the readers to leave.
    Nobody,
}

/// To whom the lock is open now, by trying.
#[track_caller]
pub fn open<T>(lock: &RwLock<T>) -> OpenTo {
    // One statement each, so that no guard lives on.
    let read = lock.try_read().is_some();
    let upgradable = lock.try_upgradable_read().is_some();
    let write = lock.try_write().is_some();
    match (read, upgradable, write) {
        (true, true, true) => OpenTo::All,
        (true, true, false) => OpenTo::AllButWriters,
        (true, false, false) => OpenTo::Readers,
        (false, false, false) => OpenTo::Nobody,
        _ => panic!("read, upgradable, write: {:?}", (read, upgradable, write)),
    }
}
