//! What does each primitive cost where no other thread wants it?

mod common;

use std::hint::black_box;
use std::time::Duration;

use common::lock::{Bare, Lock, Pthread};
use common::monitor::{self, Monitor};
use common::permits::{MutexAndCondvar, Permits, Posix};
use common::read_write::ReadWrite;
use common::side_by_side::{Measure, compare};
use common::{ask, measuring, time};
use criterion::{Criterion, criterion_group, criterion_main};
use crossbeam_utils::sync::ShardedLock;

fn lock_unlock<L: Lock>(times: u64) -> Duration {
    let lock = L::default();
    let elapsed = time(times, || black_box(&lock).with(|count| *count += 1));
    assert_eq!(lock.with(|count| *count), times);
    elapsed
}

fn read<L: ReadWrite>(times: u64) -> Duration {
    let lock = L::default();
    time(times, || {
        black_box(black_box(&lock).read());
    })
}

fn write<L: ReadWrite>(times: u64) -> Duration {
    let lock = L::default();
    let elapsed = time(times, || black_box(&lock).write());
    assert_eq!(lock.read(), times);
    elapsed
}

fn notify_one<M: Monitor>(times: u64) -> Duration {
    let monitor = M::default();
    time(times, || black_box(&monitor).notify_one())
}

/// As [`notify_one`], without the call.
fn empty_loop(times: u64) -> Duration {
    let monitor = monitor::Anteroom::default();
    time(times, || {
        black_box(&monitor);
    })
}

fn acquire_release<S: Permits>(times: u64) -> Duration {
    let semaphore = S::new(1);
    let elapsed = time(times, || black_box(&semaphore).with(|| ()));
    assert_eq!(semaphore.available(), 1);
    elapsed
}

fn alone(criterion: &mut Criterion) {
    ask!(criterion, "lock and unlock alone", for Peer in [
        anteroom::Mutex<u64>,
        std::sync::Mutex<u64>,
        parking_lot::Mutex<u64>,
        usync::Mutex<u64>,
        Pthread,
        Bare,
    ] lock_unlock::<Peer>);
    ask!(criterion, "read alone", for Peer in [
        anteroom::RwLock<u64>,
        std::sync::RwLock<u64>,
        parking_lot::RwLock<u64>,
        usync::RwLock<u64>,
        ShardedLock<u64>,
    ] read::<Peer>);
    ask!(criterion, "write alone", for Peer in [
        anteroom::RwLock<u64>,
        std::sync::RwLock<u64>,
        parking_lot::RwLock<u64>,
        usync::RwLock<u64>,
        ShardedLock<u64>,
    ] write::<Peer>);
    ask!(criterion, "notify_one without waiters", for Peer in [
        monitor::Anteroom,
        monitor::Std,
        monitor::ParkingLot,
        monitor::Usync,
    ] notify_one::<Peer>);
    criterion.bench_function("empty loop", |bencher| bencher.iter_custom(empty_loop));
    if measuring() {
        let peers: [(&str, Measure); 2] = [
            ("anteroom", Box::new(notify_one::<monitor::Anteroom>)),
            ("empty loop", Box::new(empty_loop)),
        ];
        compare("notify_one beside an empty loop", &peers);
    }
    ask!(criterion, "acquire and release alone", for Peer in [
        anteroom::Semaphore,
        Posix,
        MutexAndCondvar,
    ] acquire_release::<Peer>);
}

criterion_group!(
    name = benches;
    config = common::criterion();
    targets = alone
);
criterion_main!(benches, common::side_by_side::print_table);
