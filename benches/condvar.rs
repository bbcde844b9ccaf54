//! How long does it take to hand a turn to another thread, and to wake a hundred?

mod common;

use std::time::Duration;

use common::monitor::{Anteroom, Monitor, ParkingLot, Std, Usync};
use common::usage::voluntary_switches;
use common::{ask, measuring, race};
use criterion::{Criterion, criterion_group, criterion_main};
use crossbeam_utils::CachePadded;

/// How many [`Monitor::notify_all`] wakes.
const WAITERS: usize = 100;

/// Where the notifier stands while it notifies: with the lock held, so that all woken threads find
/// it taken, or just released.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Notify {
    Locked,
    Unlocked,
}

/// Two threads count up together, one the even numbers and one the odd.
fn turns<M: Monitor>(times: u64) -> Duration {
    let monitor = CachePadded::new(M::default());
    let (elapsed, _) = race(2, |index| {
        for mine in (index as u64..times).step_by(2) {
            let mut turn = monitor.lock();
            while *turn != mine {
                turn = monitor.wait(turn);
            }
            *turn += 1;
            drop(turn);
            monitor.notify_one();
        }
        0
    });
    assert_eq!(*monitor.lock(), times);
    elapsed
}

/// All wait but the last to arrive, which wakes them; that makes a round, and so it goes on.
///
/// Returns with the time how often one of them gave up the processor.
fn rounds_and_switches<M: Monitor>(notify: Notify, times: u64) -> (Duration, u64) {
    const PARTY: u64 = WAITERS as u64 + 1;
    let monitor = CachePadded::new(M::default());
    let result = race(WAITERS + 1, |_| {
        let switches_before = voluntary_switches();
        for round in 1..=times {
            let mut arrived = monitor.lock();
            *arrived += 1;
            if *arrived < round * PARTY {
                while *arrived < round * PARTY {
                    arrived = monitor.wait(arrived);
                }
            } else if notify == Notify::Locked {
                monitor.notify_all();
            } else {
                drop(arrived);
                monitor.notify_all();
            }
        }
        voluntary_switches() - switches_before
    });
    assert_eq!(*monitor.lock(), times * PARTY);
    result
}

fn rounds<M: Monitor>(notify: Notify, times: u64) -> Duration {
    rounds_and_switches::<M>(notify, times).0
}

fn condvar(criterion: &mut Criterion) {
    ask!(criterion, "a turn to and fro", for Peer in [Anteroom, Std, ParkingLot, Usync]
        turns::<Peer>);
    for notify in [Notify::Locked, Notify::Unlocked] {
        let question = format!("notify_all of {WAITERS}, {notify:?}");
        ask!(criterion, question, for Peer in [Anteroom, Std, ParkingLot, Usync]
            |times| rounds::<Peer>(notify, times));
    }
}

fn switches() {
    fn print<M: Monitor>() {
        const ROUNDS: u64 = 200;
        let [locked, unlocked] = [Notify::Locked, Notify::Unlocked].map(|notify| {
            let (_, switches) = rounds_and_switches::<M>(notify, ROUNDS);
            switches as f64 / (ROUNDS * WAITERS as u64) as f64
        });
        println!("{:<48} {locked:>8.2} {unlocked:>8.2}", M::NAME);
    }
    if measuring() {
        let head = format!("switches per waiter, notify_all of {WAITERS}");
        println!("{head:<48} {:>8} {:>8}", "Locked", "Unlocked");
        print::<Anteroom>();
        print::<Std>();
        print::<ParkingLot>();
        print::<Usync>();
    }
}

criterion_group!(
    name = benches;
    config = common::criterion();
    targets = condvar
);
criterion_main!(benches, common::side_by_side::print_table, switches);
