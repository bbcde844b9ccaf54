//! What the in-process primitives ask the system for. Nothing here allocates, opens a file, or
//! keeps a value that a fork could find half made.

use std::thread;

/// On how many processors the calling thread may run.
#[cfg(all(target_os = "linux", not(miri)))]
pub(crate) fn processors() -> usize {
    // It fails where there are more of them than the set has room for.
    rustix::thread::sched_getaffinity(None)
        .map_or(rustix::thread::CpuSet::MAX_CPU, |set| set.count() as usize)
}

/// On how many processors this process may run.
#[cfg(any(not(target_os = "linux"), miri))]
pub(crate) fn processors() -> usize {
    thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Microseconds since some time before, modulo 2³².
#[cfg(unix)]
pub(crate) fn microseconds() -> u32 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: it writes there, and cannot fail for this clock.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    (time.tv_sec as u32)
        .wrapping_mul(1_000_000)
        .wrapping_add(time.tv_nsec as u32 / 1000)
}

/// Microseconds since the first question, modulo 2³². (Where nothing forks.)
#[cfg(not(unix))]
pub(crate) fn microseconds() -> u32 {
    use std::{sync::OnceLock, time::Instant};
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_micros() as u32
}

/// Lets other threads run on this processor, if any want to. Not under `SCHED_DEADLINE`, where to
/// yield means to give up the rest of the period: a hundred milliseconds, perhaps.
pub(crate) fn give_way() {
    if !is_under_deadline() {
        thread::yield_now();
    }
}

/// Whether the calling thread is now scheduled by deadline. To ask takes a quarter of what it takes
/// to yield.
#[cfg(all(target_os = "linux", not(miri)))]
fn is_under_deadline() -> bool {
    // The C library's function is a stub in musl.
    // SAFETY: it only asks.
    let policy = unsafe { libc::syscall(libc::SYS_sched_getscheduler, 0) };
    policy >= 0 && policy as i32 & !libc::SCHED_RESET_ON_FORK == libc::SCHED_DEADLINE
}

#[cfg(any(not(target_os = "linux"), miri))]
fn is_under_deadline() -> bool {
    false
}
