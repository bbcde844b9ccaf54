//! Each test runs in a process of its own, so that it starts with one thread and with a crate that
//! has not been used. The process leads a group, which the runner kills when the test is over: no
//! process, thread or file of a test outlives it, however the test ends.

use libtest_mimic::{Completion, Failed};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use rustix::time::Timespec;
use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// The argument with which this program runs one test.
pub(crate) const ALONE: &str = "--alone";

/// The exit code of a test whose premise does not hold.
const NO_PREMISE: i32 = 77;

/// How long a test may take, in seconds: far more than it needs on a loaded machine.
const LIMIT: usize = 300;

/// Ends the test: what it needs is missing here, so it counts as ignored.
pub(crate) fn ignore(reason: &str) -> ! {
    eprintln!("{reason}");
    std::process::exit(NO_PREMISE)
}

/// Runs the test of this name in a process of its own.
pub(crate) fn run(name: &str) -> Result<Completion, Failed> {
    if name.starts_with("two_copies::") {
        crate::copies::build().map_err(|error| format!("no plugin was built:\n{error}"))?;
    }
    let output = File::from(memfd_create("output", MemfdFlags::CLOEXEC)?);
    let mut test = Command::new(std::env::current_exe()?)
        .args([ALONE, name])
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output.try_clone()?)
        .process_group(0)
        .spawn()?;
    let group = i32::try_from(test.id()).expect("a process's number");
    let in_time = ends_in_time(group);
    // SAFETY: a group of processes that this test has started. Its leader has not been waited for,
    // so that the number is still its own.
    unsafe { libc::kill(-group, libc::SIGKILL) };
    let status = test.wait()?;
    wait_for_the_rest(group);
    remove_files(group);
    let text = text_of(output)?;
    match status.code() {
        _ if !in_time => Err(format!("it hangs: {LIMIT} seconds are over\n{text}").into()),
        Some(0) => Ok(Completion::Completed),
        Some(NO_PREMISE) => {
            eprintln!("{name} is ignored: {}", text.trim());
            Ok(Completion::ignored_with(text.trim()))
        }
        _ => Err(format!("{status}\n{text}").into()),
    }
}

fn ends_in_time(pid: i32) -> bool {
    let pid = Pid::from_raw(pid).expect("not 0");
    let end = pidfd_open(pid, PidfdFlags::empty()).expect("our own child");
    let second = Timespec {
        tv_sec: 1,
        tv_nsec: 0,
    };
    // Second by second: if all of us are stopped for an hour, that is one.
    (0..LIMIT).any(|_| poll(&mut [PollFd::new(&end, PollFlags::IN)], Some(&second)) == Ok(1))
}

/// Waits for the group's other processes, whose parents have died and which were killed. This
/// process is the one that inherits them.
fn wait_for_the_rest(group: i32) {
    // SAFETY: children of this process, in the group of a test that is over.
    while unsafe { libc::waitpid(-group, std::ptr::null_mut(), 0) } > 0 {}
}

/// Children of a test whose parents die become this process's.
pub(crate) fn inherit_orphans() {
    // SAFETY: an option of this process.
    let done = unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
    assert_eq!(done, 0);
}

/// Removes what the test has left in shared memory, which bears its process's number.
fn remove_files(process: i32) {
    crate::peers::remove_queues(process);
    let number = format!("-{process}-");
    for file in std::fs::read_dir("/dev/shm")
        .into_iter()
        .flatten()
        .flatten()
    {
        let name = file.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("anteroom-test-") && name.contains(&number) {
            let _ = std::fs::remove_file(file.path());
        }
    }
}

fn text_of(mut file: File) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
