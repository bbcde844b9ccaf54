//! Running a function one machine instruction at a time, and finding out whether it touches a page that has been
//! taken away meanwhile. The processor's trap flag stops the thread after every instruction, and the handler does
//! what any other thread could do at that point.

use crate::common::asleep_for_good;
use crate::page::Page;
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};
use std::{arch, mem, ptr, thread};

/// What is done after each instruction, in the handler of a signal: it allocates nothing, waits for no lock that
/// the stepped thread may hold, and leaves `errno` alone, since what it calls succeeds. It is told whether the
/// instruction was a system call.
pub(crate) type AfterEach<'a> = dyn Fn(bool) + 'a;

thread_local! {
    static AFTER_EACH: Cell<Option<&'static AfterEach<'static>>> = const { Cell::new(None) };
    static STEPS: Cell<usize> = const { Cell::new(0) };
    /// Where the thread goes on, which is its next instruction.
    static NEXT: Cell<*const [u8; 2]> = const { Cell::new(ptr::null()) };
    static GUARDED: Cell<Option<&'static Page>> = const { Cell::new(None) };
    static TOUCHED: Cell<bool> = const { Cell::new(false) };
}

/// Steps through `post`, with what `before` returned, while threads sleep in each of `sleeps`. Takes the memory away
/// as soon as they have left and `is_over` says so. Returns whether that was before the end.
pub(crate) fn check_untouched<T: Sync + 'static, P>(
    value: T,
    before: impl Fn(&'static T) -> P,
    post: impl Fn(P),
    sleeps: &[fn(&T)],
    is_over: impl Fn(&T) -> bool,
) -> bool {
    /// How often others may run after an instruction, and for how long in all: the stepped thread may hold what they
    /// wait for.
    const YIELDS: usize = 20;
    const PATIENCE: Duration = Duration::from_millis(50);
    // One at a time: a stepped thread may hold a queue of the parking lot for so long that a thread of another test
    // which is stopped by that seems to sleep for good.
    static TURNS: Mutex<()> = Mutex::new(());
    let _turn = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
    // Leaked, as is what is on it: after all, somebody might touch it at any time.
    let page: &'static Page = Box::leak(Box::new(Page::new()));
    page.open();
    // SAFETY: the page is ours, open, and large and aligned enough for any primitive.
    unsafe { page.start().cast::<T>().write(value) };
    // SAFETY: just made; it lives until it is freed, after which nobody should use it: that is what we check.
    let here: &'static T = unsafe { &*page.start().cast::<T>() };
    let left = &AtomicUsize::new(0);
    let woken = Cell::new(None::<Instant>);
    let freed = Cell::new(false);
    let free_if_possible = |system_call| {
        // Once a system call may have woken those who sleep, they get the time to leave.
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

/// Runs `f`, and `after_each` after each of its instructions. Returns whether `f` touched the page after it was
/// closed.
fn touches(page: &'static Page, f: impl FnOnce(), after_each: &AfterEach<'_>) -> bool {
    GUARDED.set(Some(page));
    TOUCHED.set(false);
    step_through(f, after_each);
    GUARDED.set(None);
    TOUCHED.get()
}

/// Runs `f`, and `after_each` after each of its instructions.
pub(crate) fn step_through(f: impl FnOnce(), after_each: &AfterEach<'_>) {
    install_handlers();
    // SAFETY: it is not used any more when this returns.
    let after_each: &'static AfterEach<'static> = unsafe { mem::transmute(after_each) };
    STEPS.set(0);
    NEXT.set(ptr::null());
    AFTER_EACH.set(Some(after_each));
    // SAFETY: sets the trap flag; the handler is installed. The stack is as before.
    unsafe { arch::asm!("pushfq", "or qword ptr [rsp], 0x100", "popfq") };
    f();
    // SAFETY: clears the trap flag.
    unsafe { arch::asm!("pushfq", "and qword ptr [rsp], -0x101", "popfq") };
    AFTER_EACH.set(None);
    assert!(STEPS.get() > 2, "it was not stepped");
}

/// SIGTRAP: an instruction has been run.
extern "C" fn trap(_signal: libc::c_int, _info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    const SYSCALL: [u8; 2] = [0x0f, 0x05];
    let Some(after_each) = AFTER_EACH.get() else {
        return;
    };
    STEPS.set(STEPS.get() + 1);
    // SAFETY: the kernel gives a valid one.
    let context = unsafe { &*context.cast::<libc::ucontext_t>() };
    let next = context.uc_mcontext.gregs[libc::REG_RIP as usize] as *const [u8; 2];
    // Where we stopped the last time, not what precedes `next`: some kernels return from a system call to a thread
    // whose trap flag only then counts again, so that one more instruction has been run.
    let last = NEXT.replace(next);
    // SAFETY: two bytes of code that has just been run, or of that and what follows it; both are mapped.
    let system_call = !last.is_null() && unsafe { last.read_unaligned() } == SYSCALL;
    after_each(system_call);
}

/// SIGSEGV: notes that the page was touched, opens it, and lets the thread go on.
extern "C" fn fault(signal: libc::c_int, info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
    // SAFETY: the kernel gives a valid one.
    let info = unsafe { &*info };
    // SAFETY: a SIGSEGV has an address.
    let address = unsafe { info.si_addr() };
    match GUARDED.get() {
        Some(page) if address.addr() & !0xfff == page.start().addr() => {
            page.open();
            TOUCHED.set(true);
        }
        _ => {
            // Not ours: the instruction is run again, and now ends the process.
            // SAFETY: the default action is always allowed.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
    }
}

fn install_handlers() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let handlers = [
            (libc::SIGTRAP, trap as *const () as usize),
            (libc::SIGSEGV, fault as *const () as usize),
        ];
        for (signal, handler) in handlers {
            // SAFETY: all zeros is a valid `sigaction`: no flags, an empty mask.
            let mut action: libc::sigaction = unsafe { mem::zeroed() };
            action.sa_flags = libc::SA_SIGINFO;
            action.sa_sigaction = handler;
            // SAFETY: the handlers do only what is allowed in one, as they say.
            let result = unsafe { libc::sigaction(signal, &action, ptr::null_mut()) };
            assert_eq!(result, 0);
        }
    });
}
