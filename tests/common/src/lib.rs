//! What the tests share: a limit on how long a test may hang, how to know that a thread sleeps,
//! child processes, sandboxes, and memory that is taken away.

pub mod alone;
#[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]
pub mod ends;
pub mod open;
#[cfg(unix)]
pub mod page;
#[cfg(target_os = "linux")]
pub mod processes;
#[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]
mod regions;
#[cfg(target_os = "linux")]
pub mod sandbox;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub mod steps;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub mod untouched;

use std::fmt::Display;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

/// How long anything may take before a test says that it hangs: far more than it needs on a loaded
/// machine.
const LIMIT: Duration = Duration::from_secs(300);

/// How long a turn, or what is kept for a thread, is at least that thread's. Where a test has seen
/// that less time went by, on either side, the order is fixed; where more, it is not, and the test
/// asks again.
pub const KEPT: Duration = Duration::from_millis(4);

/// Closes the semaphore if the test fails, so that the threads that wait for its permits end, and
/// the failure is seen at once.
pub struct CloseIfFailed<'a>(pub &'a anteroom::Semaphore);

impl Drop for CloseIfFailed<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.close();
        }
    }
}

/// Writes to the standard error, also where the output of tests is captured. It takes no lock, so
/// that a forked child may call it.
pub fn say(text: &str) {
    // SAFETY: as many bytes as there are.
    #[cfg(unix)]
    unsafe {
        libc::write(2, text.as_ptr().cast(), text.len())
    };
    #[cfg(not(unix))]
    {
        use std::io::Write;
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
}

/// Says that a test, or a part of it, does not run, since what it needs is missing on this machine.
/// Counts those of this process.
#[track_caller]
pub fn skip(reason: impl Display) {
    static SKIPPED: AtomicUsize = AtomicUsize::new(0);
    let (number, place) = (SKIPPED.fetch_add(1, Relaxed) + 1, Location::caller());
    say(&format!("SKIPPED (number {number}): {place}: {reason}\n"));
}

/// The command that runs programs for this processor on another one, if that is so here. It cannot
/// do all that the processor and its kernel can. `cargo xtask platforms` sets the variable.
pub fn emulator() -> Option<String> {
    std::env::var("ANTEROOM_EMULATOR").ok()
}

/// Whether a reader-writer lock can be biased here.
pub const HAS_BIAS: bool = cfg!(all(
    target_pointer_width = "64",
    any(
        target_os = "linux",
        target_vendor = "apple",
        target_os = "freebsd"
    )
));

/// Runs `test` on a thread of its own and returns what it returns, or panics as it does. A test
/// that hangs fails, and its threads are left behind.
#[track_caller]
pub fn must_end<R: Send + 'static>(test: impl FnOnce() -> R + Send + 'static) -> R {
    let (ended, end) = mpsc::channel::<()>();
    let runner = thread::spawn(move || {
        // Dropped when the test ends, also by a panic.
        let _ended = ended;
        test()
    });
    if end.recv_timeout(LIMIT) == Err(mpsc::RecvTimeoutError::Timeout) {
        panic!("the test hangs: it has not ended after {LIMIT:?}");
    }
    match runner.join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Lets other threads run until `condition` holds.
#[track_caller]
pub fn until(mut condition: impl FnMut() -> bool) {
    const EAGER: u32 = 200;
    let start = Instant::now();
    let mut looks = 0;
    while !condition() {
        assert!(
            start.elapsed() < LIMIT,
            "what was waited for has not come after {LIMIT:?}"
        );
        looks += 1;
        match looks < EAGER {
            true => thread::yield_now(),
            // It takes its time: others need the processor more than we do.
            false => thread::sleep(Duration::from_micros(50)),
        }
    }
}

/// Starts `work` on a thread of `scope`, and returns when that thread has gone to sleep in it.
#[track_caller]
pub fn asleep<'scope, R: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> R + Send + 'scope,
) -> ScopedJoinHandle<'scope, R> {
    start_until(sleeps, scope, work)
}

/// As [`asleep`], for a sleep that has no limit of its own and that only a wake-up ends. (A waiter
/// of the mutex takes a short nap before it, in which an unlocker need not see it.)
#[track_caller]
pub fn asleep_for_good<'scope, R: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> R + Send + 'scope,
) -> ScopedJoinHandle<'scope, R> {
    start_until(sleeps_for_good, scope, work)
}

#[track_caller]
fn start_until<'scope, R: Send + 'scope>(
    ready: impl Fn(i32) -> bool,
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> R + Send + 'scope,
) -> ScopedJoinHandle<'scope, R> {
    let thread = Arc::new(AtomicI32::new(0));
    let told = thread.clone();
    let handle = scope.spawn(move || {
        told.store(this_thread(), Relaxed);
        // The last clone is gone before `work` begins, so that nothing but `work` can put us to
        // sleep.
        drop(told);
        work()
    });
    until(|| thread.load(Relaxed) != 0);
    until(|| ready(thread.load(Relaxed)) || handle.is_finished());
    handle
}

/// Takes a lock by `own`, and again as soon as it has dropped that guard, until a thread that
/// sleeps in `other` has got in. Returns how often it passed that thread over, which sleeps again
/// before each release. (What took longer than the lock is [`KEPT`] for one thread does not count.)
#[track_caller]
pub fn times_passed_over<O, G>(own: impl Fn() -> O, other: impl Fn() -> G + Sync) -> usize {
    const TOO_OFTEN: usize = 100;
    let (sleeper, served) = (AtomicI32::new(0), AtomicBool::new(false));
    let (mut releases, mut times) = (0, 0);
    thread::scope(|s| {
        let mut guard = own();
        s.spawn(|| {
            sleeper.store(this_thread(), Relaxed);
            let _guard = other();
            served.store(true, Relaxed);
        });
        until(|| sleeper.load(Relaxed) != 0);
        while !served.load(Relaxed) && releases < TOO_OFTEN {
            until(|| sleeps_for_good(sleeper.load(Relaxed)));
            let released = Instant::now();
            drop(guard);
            guard = own();
            let is_passed_over = !served.load(Relaxed) && released.elapsed() < KEPT;
            times += usize::from(is_passed_over);
            releases += 1;
        }
    });
    assert!(releases > 0, "it got in while the lock was held");
    times
}

/// A sequence of numbers that looks random and is the same each time (splitmix64, S. Vigna, 2015).
pub struct Random(pub u64);

impl Random {
    /// The next number, below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }

    /// Spins for a while, differently long each time.
    pub fn pause(&mut self, longest: u64) {
        for _ in 0..self.below(longest) {
            std::hint::spin_loop();
        }
    }
}

/// Where threads meet, again and again, to go on at as nearly the same time as can be.
pub struct Meeting {
    people: usize,
    arrived: AtomicUsize,
}

impl Meeting {
    pub fn of(people: usize) -> Self {
        Meeting {
            people,
            arrived: AtomicUsize::new(0),
        }
    }

    /// Waits, awake, for the others.
    pub fn wait(&self) {
        let before = self.arrived.fetch_add(1, SeqCst);
        let all = (before / self.people + 1) * self.people;
        until(|| {
            // Often, before others may run.
            (0..20_000).any(|_| {
                std::hint::spin_loop();
                self.arrived.load(SeqCst) >= all
            })
        });
    }
}

/// The kernel's number of the calling thread.
#[cfg(target_os = "linux")]
fn this_thread() -> i32 {
    // SAFETY: it only asks.
    unsafe { libc::gettid() }
}

/// Whether the thread is asleep: not running, and not waiting to run. Seen twice in the same sleep,
/// so that it is hardly a lock of the parking lot or of the allocator that it waits for.
#[cfg(target_os = "linux")]
fn sleeps(thread: i32) -> bool {
    const APART: Duration = Duration::from_millis(1);
    let sleep = current_sleep(thread);
    if sleep.is_some() {
        thread::sleep(APART);
    }
    sleep.is_some() && current_sleep(thread) == sleep
}

/// Whether the thread sleeps without a limit: seen twice in the same endless wait, so that it is
/// not a lock of the parking lot or of the allocator that it waits for. Or in the same sleep for
/// longer than any nap lasts: a waiter that is parked behind others looks now and then.
#[cfg(target_os = "linux")]
pub fn sleeps_for_good(thread: i32) -> bool {
    const APART: Duration = Duration::from_millis(2);
    const LONG: Duration = Duration::from_millis(20);
    /// The system call's numbers. With 32 bits there is a second one, `futex_time64`.
    const FUTEX: &[libc::c_long] = match size_of::<usize>() {
        4 => &[libc::SYS_futex, 422],
        _ => &[libc::SYS_futex],
    };
    let endless_wait = || {
        let call = std::fs::read_to_string(format!("/proc/self/task/{thread}/syscall")).ok()?;
        // Number, address, operation, value, timeout: "running" has none of them.
        let mut words = call.split_whitespace();
        let number = words.next()?.parse();
        let futex = number.is_ok_and(|number| FUTEX.contains(&number));
        (futex && words.nth(3)? == "0x0").then_some(call)
    };
    if emulator().is_some() || std::fs::metadata("/proc/thread-self/syscall").is_err() {
        // A kernel without this file, or with another processor's numbers in it: a nap is over by
        // then, or nearly always.
        thread::sleep(10 * APART);
        return sleeps(thread);
    }
    if let Some(wait) = endless_wait() {
        thread::sleep(APART);
        return endless_wait() == Some(wait);
    }
    let sleep = current_sleep(thread);
    if sleep.is_some() {
        thread::sleep(LONG);
    }
    sleep.is_some() && current_sleep(thread) == sleep
}

/// How often the thread has gone to sleep, if it sleeps.
#[cfg(target_os = "linux")]
fn current_sleep(thread: i32) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/self/task/{thread}/status")).ok()?;
    let mut told = status.lines().filter_map(|line| line.split_once(":\t"));
    told.find(|told| *told == ("State", "S (sleeping)"))?;
    let (_, times) = told.find(|(what, _)| *what == "voluntary_ctxt_switches")?;
    Some(String::from(times))
}

#[cfg(not(target_os = "linux"))]
fn this_thread() -> i32 {
    1
}

#[cfg(not(target_os = "linux"))]
fn sleeps_for_good(thread: i32) -> bool {
    sleeps(thread)
}

/// Elsewhere the system does not tell, so that only time can.
#[cfg(not(target_os = "linux"))]
fn sleeps(_thread: i32) -> bool {
    thread::sleep(Duration::from_millis(50));
    true
}
