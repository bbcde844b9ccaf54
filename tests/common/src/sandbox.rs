//! A sandbox: from when it begins, the system refuses some calls to this process.

/// What becomes of a refused call.
#[derive(Clone, Copy)]
pub enum Refusal {
    /// It fails with this error number.
    Fails(i32),
    /// It ends the process with `SIGSYS`.
    Kills,
}

/// A system call, and the argument with which it is refused, if not with any: which one, from zero,
/// and the low half of its value.
pub type Call = (libc::c_long, Option<(u32, u32)>);

/// `linkat` by a descriptor.
pub const LINK_BY_DESCRIPTOR: Call = (libc::SYS_linkat, Some((4, libc::AT_EMPTY_PATH as u32)));

/// From now on, all threads of this process are refused these calls.
pub fn refuse(calls: &[Call], refusal: Refusal) {
    match refusal {
        Refusal::Fails(error) => begin(calls, libc::SECCOMP_RET_ERRNO | error as u32),
        Refusal::Kills => begin(calls, libc::SECCOMP_RET_KILL_PROCESS),
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
    let without_flags = (libc::SYS_fallocate, Some((1, 0)));
    begin(&[without_flags], libc::SECCOMP_RET_TRAP);
}

/// Begins a sandbox that answers these calls so, and allows all others.
fn begin(calls: &[Call], answer: u32) {
    /// Where a filter finds the call's number, and the low half of its first argument.
    const NUMBER: u32 = 0;
    const ARGUMENTS: u32 = 16 + if cfg!(target_endian = "big") { 4 } else { 0 };
    let step = |code, k, jf| libc::sock_filter {
        code: code as u16,
        jt: 0,
        jf,
        k,
    };
    let load = |from| step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, from, 0);
    let skip_unless = |value, steps| {
        let jump = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
        step(jump, value, steps)
    };
    let give = |answer| step(libc::BPF_RET | libc::BPF_K, answer, 0);
    let mut filter = Vec::new();
    for &(call, argument) in calls {
        filter.push(load(NUMBER));
        match argument {
            None => filter.push(skip_unless(call as u32, 1)),
            Some((which, value)) => filter.extend([
                skip_unless(call as u32, 3),
                load(ARGUMENTS + 8 * which),
                skip_unless(value, 1),
            ]),
        }
        filter.push(give(answer));
    }
    filter.push(give(libc::SECCOMP_RET_ALLOW));
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: an option of this process.
    let done = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    assert_eq!(done, 0);
    // SAFETY: the program is as the kernel wants it, which copies it.
    let done = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_TSYNC,
            &raw const program,
        )
    };
    assert_eq!(done, 0, "seccomp: {}", std::io::Error::last_os_error());
}
