//! A sandbox: from when it begins, the system refuses some calls to this process.

/// Which calls.
#[derive(Clone, Copy)]
pub enum Calls {
    /// Of this number.
    All(libc::c_long),
    /// `linkat` by a descriptor.
    LinkByDescriptor,
}

/// From now on such calls of this thread, and of those that it makes, fail with this error.
pub fn refuse(calls: Calls, error: i32) {
    let refused = libc::SECCOMP_RET_ERRNO | error as u32;
    match calls {
        Calls::All(number) => begin(&[load(NUMBER), is(number as u32, 1), give(refused)]),
        Calls::LinkByDescriptor => begin(&[
            load(NUMBER),
            is(libc::SYS_linkat as u32, 3),
            load(FIFTH_ARGUMENT),
            is(libc::AT_EMPTY_PATH as u32, 1),
            give(refused),
        ]),
    }
}

/// From now on a signal interrupts each other `fallocate` of this process. (Not every kernel lets
/// one do that.)
#[cfg(target_arch = "x86_64")]
pub fn interrupt_fallocate() {
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

    static CALLS: AtomicU32 = AtomicU32::new(0);

    /// In the place of the call.
    extern "C" fn called(_: i32, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
        // SAFETY: the system gives this to the handler, which is alone with it.
        let registers = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
        let register = |it: i32| registers[it as usize];
        let file = register(libc::REG_RDI) as i32;
        let (from, length) = (register(libc::REG_RDX), register(libc::REG_R10));
        let is_interrupted = CALLS.fetch_add(1, SeqCst).is_multiple_of(2);
        let keep_size = libc::FALLOC_FL_KEEP_SIZE;
        // SAFETY: what was asked for, in two calls that are allowed.
        let allocate = || unsafe { libc::fallocate(file, keep_size, from, length) } == 0;
        // SAFETY: as above.
        let lengthen = || unsafe { libc::ftruncate(file, from + length) } == 0;
        let is_done = !is_interrupted && allocate() && lengthen();
        registers[libc::REG_RAX as usize] = if is_done { 0 } else { -i64::from(libc::EINTR) };
    }

    // SAFETY: numbers, an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = called as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO;
    // SAFETY: the handler changes nothing but what the call returns.
    let set = unsafe { libc::sigaction(libc::SIGSYS, &action, std::ptr::null_mut()) };
    assert_eq!(set, 0);
    begin(&[
        load(NUMBER),
        is(libc::SYS_fallocate as u32, 3),
        load(SECOND_ARGUMENT),
        is(0, 1),
        give(libc::SECCOMP_RET_TRAP),
    ]);
}

/// Where a filter finds the call's number, and the low halves of its arguments.
const NUMBER: u32 = 0;
const SECOND_ARGUMENT: u32 = if cfg!(target_endian = "little") {
    24
} else {
    28
};
const FIFTH_ARGUMENT: u32 = SECOND_ARGUMENT + 24;

/// Begins a sandbox that does this, and allows all that comes to its end.
fn begin(filter: &[libc::sock_filter]) {
    let mut program = [filter, &[give(libc::SECCOMP_RET_ALLOW)]].concat();
    let program = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: an option of this process.
    let set = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    assert_eq!(set, 0);
    let mode = libc::SECCOMP_MODE_FILTER;
    // SAFETY: as above; the program is as the kernel wants it, which copies it.
    let begun = unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program) };
    assert_eq!(begun, 0, "{}", std::io::Error::last_os_error());
}

fn load(from: u32) -> libc::sock_filter {
    statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, from)
}

/// Skips so many statements if it is not this.
fn is(what: u32, skip: u8) -> libc::sock_filter {
    libc::sock_filter {
        jf: skip,
        ..statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, what)
    }
}

fn give(what: u32) -> libc::sock_filter {
    statement(libc::BPF_RET | libc::BPF_K, what)
}

fn statement(code: u32, k: u32) -> libc::sock_filter {
    let (jt, jf) = (0, 0);
    libc::sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    }
}
