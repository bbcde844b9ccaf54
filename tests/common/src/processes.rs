//! Child processes of a test: forked, killed, waited for.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use rustix::time::{ClockId, Timespec, clock_gettime};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

#[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]
pub use crate::regions::{Name, counter, shared};

/// How a child ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    Exited(i32),
    Killed(i32),
}

/// A child process, which does not outlive this.
pub struct Child {
    pid: libc::pid_t,
    ended: bool,
}

impl Child {
    /// Forks a child that runs `life` and exits: with 0, or 101 if that panics.
    pub fn fork(life: impl FnOnce()) -> Self {
        say_panics_without_locks();
        // SAFETY: the child runs `life` and ends, and glibc lets it allocate.
        match unsafe { libc::fork() } {
            -1 => panic!("fork: {}", std::io::Error::last_os_error()),
            0 => {
                // If the test itself is killed, so is the child.
                // SAFETY: an option of this process.
                unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
                let end = catch_unwind(AssertUnwindSafe(life));
                // SAFETY: ends this process, without its parent's destructors.
                unsafe { libc::_exit(if end.is_ok() { 0 } else { 101 }) }
            }
            pid => Child { pid, ended: false },
        }
    }

    pub fn pid(&self) -> libc::pid_t {
        self.pid
    }

    pub fn signal(&self, signal: i32) {
        assert!(!self.ended);
        // SAFETY: our own child, which has not been waited for.
        let sent = unsafe { libc::kill(self.pid, signal) };
        assert_eq!(sent, 0);
    }

    /// Whether it has ended, though it has not been waited for.
    pub fn has_ended(&self) -> bool {
        state(self.pid).is_none_or(|state| state == 'Z')
    }

    /// Kills it and waits until it is dead.
    pub fn kill(self) {
        self.signal(libc::SIGKILL);
        self.wait();
    }

    /// Waits for its end, a minute at most.
    pub fn wait(mut self) -> End {
        let pid = Pid::from_raw(self.pid).expect("a number");
        let end = pidfd_open(pid, PidfdFlags::empty()).expect("our own child");
        let second = Timespec {
            tv_sec: 1,
            tv_nsec: 0,
        };
        // Second by second: if all of us are stopped for an hour, that is one.
        let ends = (0..60).any(|_| {
            let ends = poll(&mut [PollFd::new(&end, PollFlags::IN)], Some(&second));
            ends == Ok(1)
        });
        assert!(ends, "process {} hangs", self.pid);
        self.reap(0).expect("it waits")
    }

    /// Waits for its end, which must be a good one.
    pub fn succeed(self) {
        assert_eq!(self.wait(), End::Exited(0));
    }

    /// Waits until it sleeps, or has ended.
    pub fn until_asleep_or_done(&self) {
        let mut looks = 0;
        until("asleep or done", || {
            let rests = matches!(state(self.pid), Some('S' | 'Z'));
            looks = if rests { looks + 1 } else { 0 };
            looks > 50
        });
    }

    fn reap(&mut self, flags: i32) -> Option<End> {
        let mut status = 0;
        // SAFETY: our own child, which has not been waited for.
        let pid = unsafe { libc::waitpid(self.pid, &raw mut status, flags) };
        self.ended = pid == self.pid;
        self.ended.then(|| match libc::WIFSIGNALED(status) {
            true => End::Killed(libc::WTERMSIG(status)),
            false => End::Exited(libc::WEXITSTATUS(status)),
        })
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.ended {
            self.signal(libc::SIGKILL);
            self.reap(0);
        }
    }
}

/// A child has only the thread that forked it. What another one had locked just then, to print its
/// backtrace, say, stays locked there for ever.
fn say_panics_without_locks() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            crate::say(&format!("process {}: {panic}\n", std::process::id()));
        }));
    });
}

/// Whether the process sleeps in the kernel.
pub fn is_asleep(pid: libc::pid_t) -> bool {
    state(pid) == Some('S')
}

/// The letter that stands in `/proc` after its name.
pub fn state(pid: libc::pid_t) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')').next()?.trim_start().chars().next()
}

/// One test at a time: a child has all descriptors of its parent, also those of other tests, whose
/// pipes would not end before it does.
pub fn turn() -> MutexGuard<'static, ()> {
    static TURNS: Mutex<()> = Mutex::new(());
    TURNS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Until it is killed.
pub fn sleep_for_ever() {
    loop {
        std::thread::park();
    }
}

/// Waits until something holds that nothing tells of. A minute of work is for ever: on a loaded
/// machine it takes longer.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let work = || clock_gettime(ClockId::ThreadCPUTime).tv_sec;
    let start = work();
    while !holds() {
        assert!(work() - start < 60, "never {what}");
        std::thread::yield_now();
    }
}

/// Waits until the process sleeps, and goes on doing so for some looks.
pub fn until_asleep(pid: libc::pid_t) {
    until_asleep_at_once(&[pid]);
}

/// Waits until all of them sleep at once, and go on doing so for some looks. One after the other
/// would not do: one may sleep because another one has what it needs, and run later.
pub fn until_all_asleep(children: &[Child]) {
    let pids: Vec<_> = children.iter().map(Child::pid).collect();
    until_asleep_at_once(&pids);
}

fn until_asleep_at_once(pids: &[libc::pid_t]) {
    let mut looks = 0;
    until("asleep", || {
        let all = pids.iter().all(|&pid| is_asleep(pid));
        looks = if all { looks + 1 } else { 0 };
        looks > 50
    });
}
