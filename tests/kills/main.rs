//! Processes that are killed in the middle of every operation: before each of its machine
//! instructions, one by one, and at random times by the thousand. None hangs, none holds twice,
//! and nothing is lost.
//!
//! `cargo test` draws some instructions, and kills some hundreds; `ANTEROOM_KILLS=all cargo test
//! --release --test kills -- --nocapture` goes through all of them, and kills three hundred
//! thousand.
//!
//! Adversaries 25 to 30.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod condvar;
mod leaving;
mod mutex;
mod names;
mod numbers;
mod pipe;
mod queue;
mod rwlock;
mod scenario;
mod semaphore;
mod storm;
mod trace;

use anteroom::ipc::Mutex;
use scenario::Scenario;
use std::time::Duration;
use storm::Storm;

/// Whether everything is to be tried.
fn all() -> bool {
    std::env::var("ANTEROOM_KILLS").is_ok_and(|kills| kills == "all")
}

fn kill_everywhere<T>(scenarios: &[Scenario<T>]) {
    if !trace::is_permitted() {
        return common::skip("ptrace is not permitted here: only the storms are run");
    }
    wait_once();
    let kills = scenarios.iter().map(|it| it.kill_everywhere(all()));
    println!("killed {} times in all", kills.sum::<usize>());
}

/// What is done when a process waits for the first time is inherited by the children, so that it is
/// not stepped through.
fn wait_once() {
    let mutex = common::processes::shared(Mutex::new(()));
    let _guard = mutex.lock();
    assert!(mutex.try_lock_for(Duration::from_micros(1)).is_err());
}

/// The full run's storms kill three hundred thousand in all.
fn rage<T>(storm: &Storm<T>) {
    storm::rage(storm, if all() { 50_000 } else { 200 });
}
