//! A quota of processor time for this process, as a container has it: by the kernel's control
//! groups if this process may make one, else by a process that stops and continues this one.

use std::any::Any;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, fs, io, process, thread};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, waitpid};

/// How many processors' time this process gets.
pub const PROCESSORS: f64 = 0.4;
/// What is used up in a period is given again in the next; the kernel's default, and containers'.
const PERIOD: Duration = Duration::from_millis(100);

/// Where the kernel's control groups of processor time usually are: version 1, and version 2.
const GROUPS: [&str; 3] = [
    "/sys/fs/cgroup/cpu",
    "/sys/fs/cgroup/cpu,cpuacct",
    "/sys/fs/cgroup",
];

/// What limits this process until it is dropped.
pub fn begin() -> Box<dyn Any> {
    match Group::make().and_then(Group::enter) {
        Ok(group) => Box::new(group),
        Err(_) => Box::new(Stopper::start()),
    }
}

/// How a quota is kept on this machine.
pub fn how() -> impl fmt::Display {
    match Group::make() {
        Ok(_) => "by a control group of the kernel",
        Err(_) => "by a process that stops and continues the measured one",
    }
}

/// A control group, removed when it is dropped.
struct Group {
    parent: &'static Path,
    path: PathBuf,
}

impl Group {
    /// An empty group with the quota.
    fn make() -> io::Result<Self> {
        let make = |parent: &&'static str| {
            let parent = Path::new(*parent);
            let path = parent.join(format!("anteroom-benchmark-{}", process::id()));
            fs::create_dir(&path)?;
            let group = Self { parent, path };
            group.limit()?;
            Ok(group)
        };
        let mut error = io::Error::from(io::ErrorKind::NotFound);
        for parent in &GROUPS {
            match make(parent) {
                Ok(group) => return Ok(group),
                Err(new) => error = new,
            }
        }
        Err(error)
    }

    fn limit(&self) -> io::Result<()> {
        let period = PERIOD.as_micros();
        let quota = PERIOD.mul_f64(PROCESSORS).as_micros();
        let write = |file, text| fs::write(self.path.join(file), text);
        write("cpu.max", format!("{quota} {period}")).or_else(|_| {
            write("cpu.cfs_period_us", period.to_string())?;
            write("cpu.cfs_quota_us", quota.to_string())
        })
    }

    /// Moves this process into it.
    fn enter(self) -> io::Result<Self> {
        move_to(&self.path)?;
        Ok(self)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // (Nothing can be done if this fails, and an empty group does no harm.)
        _ = move_to(self.parent);
        _ = fs::remove_dir(&self.path);
    }
}

fn move_to(group: &Path) -> io::Result<()> {
    fs::write(group.join("cgroup.procs"), process::id().to_string())
}

/// A child that stops and continues this process, until this is dropped or this process dies.
struct Stopper {
    child: Pid,
    /// The child ends when this is closed.
    end: Option<OwnedFd>,
}

impl Stopper {
    fn start() -> Self {
        let parent = getpid();
        let processors = thread::available_parallelism().map_or(1, usize::from);
        // All threads of the parent run, or none.
        let runs = PERIOD.mul_f64(PROCESSORS / processors as f64);
        let (closed, end) = rustix::pipe::pipe().expect("cannot make a pipe");
        // SAFETY: the child makes system calls only, and leaves by `_exit`.
        match unsafe { libc::fork() } {
            0 => {
                drop(end);
                stop_and_continue(parent, runs, &closed);
                // SAFETY: ends the calling process.
                unsafe { libc::_exit(0) }
            }
            child => Self {
                child: Pid::from_raw(child).expect("cannot fork"),
                end: Some(end),
            },
        }
    }
}

impl Drop for Stopper {
    fn drop(&mut self) {
        // (The child continues this process before it ends.)
        self.end = None;
        waitpid(Some(self.child), WaitOptions::empty()).expect("a child");
    }
}

/// Until the other end of the pipe is closed, by its process or because that has ended.
fn stop_and_continue(process: Pid, runs: Duration, closed: &OwnedFd) {
    // An interrupt from the keyboard is for the parent, which could not end while it is stopped.
    for signal in [libc::SIGINT, libc::SIGTERM] {
        // SAFETY: a disposition without a handler.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    let timeout = Timespec::try_from(runs).expect("less than a second");
    let is_closed = || {
        let mut ends = [PollFd::new(closed, PollFlags::IN)];
        poll(&mut ends, Some(&timeout)) != Ok(0)
    };
    while !is_closed() {
        if kill_process(process, Signal::STOP).is_err() {
            return;
        }
        thread::sleep(PERIOD - runs);
        _ = kill_process(process, Signal::CONT);
    }
}
