//! A process that wants a processor all the time.

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

/// A child that does nothing but run, until this is dropped or the benchmark dies.
pub struct EndlessLoop(Pid);

impl EndlessLoop {
    pub fn start() -> Self {
        // SAFETY: the child calls nothing that could need another thread of its parent.
        match unsafe { libc::fork() } {
            0 => {
                // SAFETY: a system call about the calling process only.
                unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
                loop {
                    std::hint::spin_loop();
                }
            }
            child => Self(Pid::from_raw(child).expect("cannot fork")),
        }
    }
}

impl Drop for EndlessLoop {
    fn drop(&mut self) {
        kill_process(self.0, Signal::KILL).expect("a child that has not been waited for");
        waitpid(Some(self.0), WaitOptions::empty()).expect("a child");
    }
}
