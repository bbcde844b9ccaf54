//! What the kernel has counted for this process or thread.

use std::mem::MaybeUninit;
use std::thread;
use std::time::Duration;

/// The processor time that the process has used so far.
pub fn cpu() -> Duration {
    let usage = usage(libc::RUSAGE_SELF);
    let duration = |time: libc::timeval| {
        Duration::from_secs(time.tv_sec as u64) + Duration::from_micros(time.tv_usec as u64)
    };
    duration(usage.ru_utime) + duration(usage.ru_stime)
}

/// Returns when the process has all but stopped using the processor, so all its threads sleep; or
/// after a second or two, for some locks never let it come to that.
pub fn wait_until_idle() {
    const MOMENT: Duration = Duration::from_millis(10);
    for _ in 0..100 {
        let before = cpu();
        thread::sleep(MOMENT);
        if cpu() - before < MOMENT / 20 {
            return;
        }
    }
}

/// How often threads of the process have given up the processor, and how often they have lost it.
pub fn switches() -> [u64; 2] {
    let usage = usage(libc::RUSAGE_SELF);
    [usage.ru_nvcsw, usage.ru_nivcsw].map(|switches| switches as u64)
}

/// How often the calling thread has given up the processor to wait for something.
pub fn voluntary_switches() -> u64 {
    usage(libc::RUSAGE_THREAD).ru_nvcsw as u64
}

fn usage(whose: libc::c_int) -> libc::rusage {
    let mut usage = MaybeUninit::uninit();
    // SAFETY: the pointer is good for writes.
    let read = unsafe { libc::getrusage(whose, usage.as_mut_ptr()) };
    assert_eq!(read, 0);
    // SAFETY: the call has succeeded, so it has filled in the whole struct.
    unsafe { usage.assume_init() }
}
