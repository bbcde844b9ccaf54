//! Where and when it was measured.

use std::process::Command;
use std::time::Duration;
use std::{fs, thread};

use crate::common::side_by_side::others_busy;

/// The processor, the kernel, the compiler, the day, and how busy others are.
pub fn description() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown processor", |line| {
        line.trim_start_matches([' ', '\t', ':'])
    });
    let processors = thread::available_parallelism().map_or(0, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let others = others_busy(|| thread::sleep(Duration::from_millis(500)));
    let parts = [
        model.to_string(),
        format!("{processors} processors"),
        format!("Linux {}", kernel.trim()),
        said("rustc", "-V"),
        said("date", "+%Y-%m-%d"),
        format!("others keep {others:.1} processors busy"),
    ];
    let known = parts.into_iter().filter(|part| !part.is_empty());
    known.collect::<Vec<_>>().join(", ")
}

/// What a program prints, or nothing if it is not there.
fn said(program: &str, argument: &str) -> String {
    let output = Command::new(program).arg(argument).output();
    output.map_or(String::new(), |output| {
        String::from_utf8_lossy(&output.stdout).trim().into()
    })
}
