//! What the in-process primitives ask of the system: the processors, the clock, and to yield. No
//! function here allocates, opens a file, or keeps a value that a fork could find half made.

use std::thread;

/// The number of processors on which the calling thread may run.
#[cfg(all(target_os = "linux", not(miri)))]
pub(crate) fn processors() -> usize {
    // The call fails if there are more processors than the set has room for.
    rustix::thread::sched_getaffinity(None)
        .map_or(rustix::thread::CpuSet::MAX_CPU, |set| set.count() as usize)
}

/// The number of processors on which this process may run.
#[cfg(any(not(target_os = "linux"), miri))]
pub(crate) fn processors() -> usize {
    thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Microseconds since an arbitrary start, modulo 2³².
#[cfg(unix)]
pub(crate) fn microseconds() -> u32 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the call writes `time`, and cannot fail for this clock.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    (time.tv_sec as u32)
        .wrapping_mul(1_000_000)
        .wrapping_add(time.tv_nsec as u32 / 1000)
}

/// Microseconds since the first call, modulo 2³². Only for systems without fork.
#[cfg(not(unix))]
pub(crate) fn microseconds() -> u32 {
    use std::{sync::OnceLock, time::Instant};
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_micros() as u32
}

/// Yields the processor to other threads. Does nothing under `SCHED_DEADLINE`, where a yield gives
/// up the rest of the period, which may be 100 ms.
pub(crate) fn give_way() {
    if !is_under_deadline() {
        thread::yield_now();
    }
}

/// Whether the calling thread is scheduled by deadline now. To ask takes a quarter of a yield.
#[cfg(all(target_os = "linux", not(miri)))]
fn is_under_deadline() -> bool {
    // The C library's function is a stub in musl.
    // SAFETY: the call only reads.
    let policy = unsafe { libc::syscall(libc::SYS_sched_getscheduler, 0) };
    policy >= 0 && policy as i32 & !libc::SCHED_RESET_ON_FORK == libc::SCHED_DEADLINE
}

#[cfg(any(not(target_os = "linux"), miri))]
fn is_under_deadline() -> bool {
    false
}
