//! Whether a thread that lets others go touches the primitive once they could have freed it, for
//! stepped tests.

use crate::asleep_for_good;
use crate::page::Page;
use crate::steps::touches;
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Steps through `post`, with what `before` returned, while threads sleep in each of `sleeps`.
/// Takes the memory away as soon as they have left and `is_over` says so. Returns whether that was
/// before the end.
pub fn check_untouched<T: Sync + 'static, P>(
    value: T,
    before: impl Fn(&'static T) -> P,
    post: impl Fn(P),
    sleeps: &[fn(&T)],
    is_over: impl Fn(&T) -> bool,
) -> bool {
    /// How often others may run after an instruction, and for how long in all: the stepped thread
    /// may hold what they wait for.
    const YIELDS: usize = 20;
    const PATIENCE: Duration = Duration::from_millis(50);
    // One at a time: a stepped thread may hold a queue of the parking lot for so long that a thread
    // of another test which is stopped by that seems to sleep for good.
    static TURNS: Mutex<()> = Mutex::new(());
    let _turn = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
    // Leaked, as is what is on it: after all, a thread might touch it at any time.
    let page: &'static Page = Box::leak(Box::new(Page::new()));
    page.open();
    // SAFETY: the page is ours, open, and large and aligned enough for any primitive.
    unsafe { page.start().cast::<T>().write(value) };
    // SAFETY: just made; it lives until it is freed, after which no thread should use it: that is
    // what we check.
    let here: &'static T = unsafe { &*page.start().cast::<T>() };
    let left = &AtomicUsize::new(0);
    let woken = Cell::new(None::<Instant>);
    let freed = Cell::new(false);
    let free_if_possible = |system_call| {
        // Once a system call may have woken the waiters, they get the time to leave.
        if system_call && woken.get().is_none() {
            woken.set(Some(Instant::now()));
        }
        for _ in 0..YIELDS {
            let may_leave = woken.get().is_some_and(|at| at.elapsed() < PATIENCE);
            if !may_leave || freed.get() || left.load(SeqCst) == sleeps.len() {
                break;
            }
            thread::yield_now();
        }
        if !freed.get() && left.load(SeqCst) == sleeps.len() && is_over(here) {
            page.close();
            freed.set(true);
        }
    };
    let touched = thread::scope(|s| {
        let before = before(here);
        for sleep in sleeps {
            asleep_for_good(s, move || {
                sleep(here);
                left.fetch_add(1, SeqCst);
            });
        }
        touches(page, || post(before), &free_if_possible)
    });
    assert!(!touched, "touched after it was free");
    freed.get()
}
