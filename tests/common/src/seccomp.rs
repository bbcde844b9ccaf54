//! Refusing system calls to a process, as sandboxes do.

/// What becomes of a refused call.
#[derive(Clone, Copy)]
pub enum Refusal {
    /// It fails with this error number.
    Fails(i32),
    /// It ends the process with `SIGSYS`.
    Kills,
}

/// A system call, and the first argument with which it is refused, if not with any.
pub type Call = (libc::c_long, Option<u32>);

/// From now on, all threads of this process are refused these calls.
pub fn refuse(calls: &[Call], refusal: Refusal) {
    const NUMBER: u32 = 0;
    /// The lower half of the first argument, on a little-endian machine.
    const ARGUMENT: u32 = 16;
    let refused = match refusal {
        Refusal::Fails(error) => libc::SECCOMP_RET_ERRNO | error as u32,
        Refusal::Kills => libc::SECCOMP_RET_KILL_PROCESS,
    };
    let step = |code, k, jt, jf| libc::sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    };
    let load = |from| step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, from, 0, 0);
    let skip_unless = |value, steps| {
        let jump = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
        step(jump, value, 0, steps)
    };
    let answer = |answer| step(libc::BPF_RET | libc::BPF_K, answer, 0, 0);
    let mut filter = Vec::new();
    for &(call, argument) in calls {
        filter.push(load(NUMBER));
        match argument {
            None => filter.push(skip_unless(call as u32, 1)),
            Some(argument) => filter.extend([
                skip_unless(call as u32, 3),
                load(ARGUMENT),
                skip_unless(argument, 1),
            ]),
        }
        filter.push(answer(refused));
    }
    filter.push(answer(libc::SECCOMP_RET_ALLOW));
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
