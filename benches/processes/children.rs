//! The processes that are measured: forked, and killed in the end wherever they are.

use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
use std::{io, ptr};

/// Child processes, which do not outlive this.
pub struct Children(Vec<libc::pid_t>);

impl Children {
    /// Forks so many, each of which gets its index.
    ///
    /// This process may have no other threads.
    pub fn fork(count: usize, life: impl Fn(usize)) -> Self {
        let mut children = Self(Vec::new());
        for index in 0..count {
            // SAFETY: there is only this thread, so the child may do whatever we may.
            match unsafe { libc::fork() } {
                0 => live(|| life(index)),
                -1 => panic!("fork: {}", io::Error::last_os_error()),
                child => children.0.push(child),
            }
        }
        children
    }

    /// # Panics
    /// If one has ended by itself: none of them should.
    pub fn check(&self) {
        // SAFETY: plain bytes.
        let mut ended: libc::siginfo_t = unsafe { std::mem::zeroed() };
        let how = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
        // SAFETY: it is good for writes.
        unsafe { libc::waitid(libc::P_ALL, 0, &raw mut ended, how) };
        // SAFETY: filled in by the call, or still zero.
        let child = unsafe { ended.si_pid() };
        assert_eq!(child, 0, "a measured process has failed");
    }

    /// The processor time that all of them have used so far.
    pub fn cpu(&self) -> Duration {
        self.0.iter().map(|&child| cpu(child)).sum()
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        for &child in &self.0 {
            // SAFETY: our own child, which has not been waited for.
            unsafe { libc::kill(child, libc::SIGKILL) };
        }
        for &child in &self.0 {
            // SAFETY: as above.
            unsafe { libc::waitpid(child, ptr::null_mut(), 0) };
        }
    }
}

fn live(life: impl FnOnce()) -> ! {
    // If we are killed, so is the child.
    // SAFETY: an option of this process.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    let end = catch_unwind(AssertUnwindSafe(life));
    // SAFETY: ends this process, without its parent's destructors.
    unsafe { libc::_exit(if end.is_ok() { 0 } else { 101 }) }
}

/// The processor time that a process has used so far.
fn cpu(process: libc::pid_t) -> Duration {
    let mut clock = 0;
    // SAFETY: it is good for writes.
    let found = unsafe { libc::clock_getcpuclockid(process, &raw mut clock) };
    assert_eq!(found, 0);
    let mut time = MaybeUninit::<libc::timespec>::uninit();
    // SAFETY: as above.
    let read = unsafe { libc::clock_gettime(clock, time.as_mut_ptr()) };
    assert_eq!(read, 0);
    // SAFETY: the call has succeeded.
    let time = unsafe { time.assume_init() };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
