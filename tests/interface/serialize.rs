//! With the feature `serde`, a lock is written and read as its value.

use anteroom::{Mutex, RwLock, SendRwLock, poison};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

#[test]
fn a_lock_is_written_and_read_as_its_value() {
    macro_rules! check {
        ($Lock:ty) => {
            let lock: $Lock = serde_json::from_str("[1,2]").unwrap();
            assert_eq!(serde_json::to_string(&lock).unwrap(), "[1,2]");
            // It has been released again.
            assert_eq!(serde_json::to_string(&lock).unwrap(), "[1,2]");
            assert!(serde_json::from_str::<$Lock>("1").is_err());
        };
    }
    check!(Mutex<Vec<u8>>);
    check!(RwLock<Vec<u8>>);
    check!(SendRwLock<Vec<u8>>);
    check!(poison::Mutex<Vec<u8>>);
    check!(poison::RwLock<Vec<u8>>);
    let unsized_value: &Mutex<[u8]> = &Mutex::new([3]);
    assert_eq!(serde_json::to_string(unsized_value).unwrap(), "[3]");
}

#[test]
fn a_poisoned_lock_is_not_written() {
    let (mutex, lock) = (poison::Mutex::new(1), poison::RwLock::new(1));
    let poison = || {
        let _guards = (mutex.lock().unwrap(), lock.write().unwrap());
        resume_unwind(Box::new(()))
    };
    let ended: Result<(), _> = catch_unwind(AssertUnwindSafe(poison));
    assert!(ended.is_err());
    assert!(serde_json::to_string(&mutex).is_err());
    assert!(serde_json::to_string(&lock).is_err());
}
