//! Tests that need a process of their own.

use crate::{emulator, say};
use std::any::type_name;
use std::ffi::CStr;
use std::process::Command;

/// The variable that says of which test this process is, if of one only.
pub const ALONE: &CStr = c"ANTEROOM_TEST_ALONE";

/// Runs `test`, a closure in the body of a test function, in a process that runs nothing else: this
/// program is started again with only that test.
#[track_caller]
pub fn alone<F: FnOnce()>(test: F) {
    let variable = ALONE.to_str().expect("ASCII");
    // The path of the function in which the closure is.
    let path = type_name::<F>().trim_end_matches("::{{closure}}");
    let (_, name) = path.split_once("::").expect("a path begins with its crate");
    if std::env::var(variable).is_ok_and(|alone| alone == name) {
        return test();
    }
    let output = this_program()
        .args(["--exact", name, "--nocapture", "--test-threads", "1"])
        .env(variable, name)
        .output()
        .expect("it runs once more");
    let [out, errors] = [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it));
    for skipped in errors.lines().filter(|line| line.starts_with("SKIPPED")) {
        say(&format!("{skipped}\n"));
    }
    assert!(
        output.status.success() && out.contains("test result: ok. 1 passed"),
        "{name}, alone: {}\n{out}\n{errors}",
        output.status
    );
}

/// This program again, under the same emulator, if any.
pub fn this_program() -> Command {
    let program = std::env::current_exe().expect("a test is a program");
    let Some(emulator) = emulator() else {
        return Command::new(program);
    };
    let mut words = emulator.split(' ');
    let mut command = Command::new(words.next().expect("split gives one at least"));
    command.args(words).arg(program);
    command
}
