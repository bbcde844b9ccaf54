//! How many executions loom explores for three small programs over anteroom's mutex, and over
//! loom's own.
#![cfg(feature = "loom")]

use loom::thread;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// What the programs need of a mutex.
trait Counter: Send + Sync + Sized + 'static {
    fn new() -> Self;
    fn add(&self, amount: i32) -> i32;
}

impl Counter for anteroom::Mutex<i32> {
    fn new() -> Self {
        anteroom::Mutex::new(0)
    }

    fn add(&self, amount: i32) -> i32 {
        let mut count = self.lock();
        *count += amount;
        *count
    }
}

impl Counter for loom::sync::Mutex<i32> {
    fn new() -> Self {
        loom::sync::Mutex::new(0)
    }

    fn add(&self, amount: i32) -> i32 {
        let mut count = self.lock().unwrap();
        *count += amount;
        *count
    }
}

/// Three threads add one each.
fn three_add<C: Counter>() {
    let count = Arc::new(C::new());
    let others = [count.clone(), count.clone()].map(|count| thread::spawn(move || count.add(1)));
    count.add(1);
    for other in others {
        other.join().unwrap();
    }
    assert_eq!(count.add(0), 3);
}

fn add_often<C: Counter>(count: &C) {
    for _ in 0..3 {
        count.add(1);
    }
}

/// Two threads add three times each.
fn two_add_often<C: Counter>() {
    let count = Arc::new(C::new());
    let other = {
        let count = count.clone();
        thread::spawn(move || add_often(&*count))
    };
    add_often(&*count);
    other.join().unwrap();
    assert_eq!(count.add(0), 6);
}

/// Two threads move from one account to the other, one this way and one that way.
fn two_accounts<C: Counter>() {
    let accounts = Arc::new((C::new(), C::new()));
    accounts.0.add(10);
    accounts.1.add(10);
    let other = {
        let accounts = accounts.clone();
        thread::spawn(move || {
            accounts.0.add(1);
            accounts.1.add(-1);
        })
    };
    accounts.1.add(2);
    accounts.0.add(-2);
    other.join().unwrap();
    assert_eq!((accounts.0.add(0), accounts.1.add(0)), (9, 11));
}

fn executions(program: fn()) -> usize {
    let executions = Arc::new(AtomicUsize::new(0));
    let counter = executions.clone();
    loom::model(move || {
        counter.fetch_add(1, Relaxed);
        program();
    });
    executions.load(Relaxed)
}

#[test]
fn are_hardly_more_than_over_looms_mutex() {
    let programs: [(&str, fn(), fn()); 3] = [
        (
            "three_add",
            three_add::<anteroom::Mutex<i32>>,
            three_add::<loom::sync::Mutex<i32>>,
        ),
        (
            "two_add_often",
            two_add_often::<anteroom::Mutex<i32>>,
            two_add_often::<loom::sync::Mutex<i32>>,
        ),
        (
            "two_accounts",
            two_accounts::<anteroom::Mutex<i32>>,
            two_accounts::<loom::sync::Mutex<i32>>,
        ),
    ];
    for (name, ours, looms) in programs {
        let (ours, looms) = (executions(ours), executions(looms));
        println!("{name}: {ours} executions over anteroom's mutex, {looms} over loom's");
        assert!(
            ours > 1 && 2 * ours <= 3 * looms,
            "{name}: {ours} over {looms}"
        );
    }
}
