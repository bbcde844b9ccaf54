//! Which modes a reader-writer lock admits.

use anteroom::RwLock;

/// The modes that it admits.
#[derive(Debug, PartialEq)]
pub enum OpenTo {
    /// No thread is inside.
    All,
    /// There are readers.
    AllButWriters,
    /// There is an upgradable reader.
    Readers,
    /// There is a writer, or one waits for the readers to leave.
    None,
}

/// The modes that the lock admits now, by trying.
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
        (false, false, false) => OpenTo::None,
        _ => panic!("read, upgradable, write: {:?}", (read, upgradable, write)),
    }
}
