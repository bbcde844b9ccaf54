//! Processes that are killed in the middle of every operation: after each of its machine instructions, one by one, and at
//! random times by the thousand. Nobody hangs, nobody owns twice, and nothing is lost.
//!
//! `cargo test` draws some instructions, and kills some hundreds; `ANTEROOM_KILLS=all cargo test --release --test kills --
//! --nocapture` goes through all of them, and kills a hundred thousand.
//!
//! Adversaries 25 to 30.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod mutex;
#[path = "../common/processes.rs"]
#[allow(dead_code, reason = "for all tests of processes")]
mod processes;
mod queue;
mod storm;
mod trace;

use trace::Scenario;

/// Whether everything is to be tried.
fn all() -> bool {
    std::env::var("ANTEROOM_KILLS").is_ok_and(|kills| kills == "all")
}

fn kill_everywhere<T>(scenarios: &[Scenario<T>]) {
    if !trace::is_permitted() {
        return eprintln!("ptrace is not permitted here: only the storms are run");
    }
    scenarios.iter().for_each(|it| it.kill_everywhere(all()));
}
