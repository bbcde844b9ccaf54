//! Models of the mutex.

use crate::model::models;
use anteroom::{Mutex, MutexGuard};
use loom::thread;
use std::sync::Arc;
use std::time::Duration;

models! {
    two_threads_exclude_each_other: any,
}

fn two_threads_exclude_each_other() {
    let mutex = Arc::new(Mutex::new(0));
    let other = {
        let mutex = mutex.clone();
        thread::spawn(move || *mutex.lock() += 1)
    };
    *mutex.lock() += 1;
    other.join().unwrap();
    assert_eq!(*mutex.lock(), 2);
}
