//! Running a function one machine instruction at a time, and finding out whether it touches a page
//! that has been taken away meanwhile. The processor's trap flag stops the thread after every
//! instruction, and the handler does what any other thread could do at that point.

use crate::page::Page;
use std::cell::Cell;
use std::sync::Once;
use std::{arch, mem, ptr};

/// What is done after each instruction, in the handler of a signal: it allocates nothing, waits for
/// no lock that the stepped thread may hold, and leaves `errno` alone, since what it calls
/// succeeds. It is told whether the instruction was a system call.
pub type AfterEach<'a> = dyn Fn(bool) + 'a;

thread_local! {
    static AFTER_EACH: Cell<Option<&'static AfterEach<'static>>> = const { Cell::new(None) };
    static STEPS: Cell<usize> = const { Cell::new(0) };
    /// Where the thread goes on, which is its next instruction.
    static NEXT: Cell<*const [u8; 2]> = const { Cell::new(ptr::null()) };
    static GUARDED: Cell<Option<&'static Page>> = const { Cell::new(None) };
    static TOUCHED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f`, and `after_each` after each of its instructions. Returns whether `f` touched the page
/// after it was closed.
pub fn touches(page: &'static Page, f: impl FnOnce(), after_each: &AfterEach<'_>) -> bool {
    GUARDED.set(Some(page));
    TOUCHED.set(false);
    step_through(f, after_each);
    GUARDED.set(None);
    TOUCHED.get()
}

/// Runs `f`, and `after_each` after each of its instructions.
pub fn step_through(f: impl FnOnce(), after_each: &AfterEach<'_>) {
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
    // Where we stopped the last time, not what precedes `next`: some kernels return from a system
    // call to a thread whose trap flag only then counts again, so that one more instruction has
    // been run.
    let last = NEXT.replace(next);
    // SAFETY: two bytes of code that has just been run, or of that and what follows it; both are
    // mapped.
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
