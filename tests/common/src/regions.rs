//! What the processes of a test share.

use anteroom::ipc::{Shareable, Shared};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// A number that the children share with their parent.
pub fn counter() -> Shared<AtomicU64> {
    Shared::anonymous(AtomicU64::new(0)).unwrap()
}

/// Something that the children share with their parent.
pub fn shared<T: Shareable>(it: T) -> Shared<T> {
    Shared::anonymous(it).unwrap()
}

/// A name in shared memory of this test's own, which is gone after it, whatever happens.
pub struct Name(String);

impl Name {
    pub fn new(test: &str) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let (process, next) = (std::process::id(), NEXT.fetch_add(1, SeqCst));
        Name(format!("anteroom-test-{test}-{process}-{next}"))
    }
}

impl std::ops::Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let _ = anteroom::ipc::SharedMemory::unlink(&self.0);
    }
}
