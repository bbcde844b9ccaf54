//! A child that is run one machine instruction at a time, or up to one.

use common::processes::{Child, End, state, until};
use rustix::thread::{CpuSet, Pid, sched_getaffinity, sched_getcpu, sched_setaffinity};
use std::{mem, ptr};

/// The signal with which the child stops before the operation and after it. Others may send it
/// `SIGSTOP`.
const MARK: libc::c_int = libc::SIGUSR1;

/// A traced child, which stops before its operation and after it.
pub(crate) struct Traced(Child);

/// How far it goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pace {
    OneInstruction,
    ToTheBreakpoint,
}

impl Pace {
    fn request(self) -> libc::c_uint {
        match self {
            Pace::OneInstruction => libc::PTRACE_SINGLESTEP,
            Pace::ToTheBreakpoint => libc::PTRACE_CONT,
        }
    }
}

/// How it stands after that.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum State {
    Running,
    Asleep,
    Done,
}

impl Traced {
    /// Forks a child, and waits until it stops before the operation.
    pub(crate) fn fork(before: impl FnOnce(), operation: impl FnOnce()) -> Self {
        let child = Child::fork(|| {
            ask(libc::PTRACE_TRACEME, 0);
            before();
            stop();
            operation();
            stop();
        });
        let traced = Traced(child);
        until("at the operation", || traced.has_stopped());
        assert_eq!(traced.until_stopped(), MARK, "before it stops");
        traced
    }

    /// Lets it go on. What puts the child to sleep is not over.
    pub(crate) fn go(&self, pace: Pace) -> State {
        let may_sleep = pace == Pace::ToTheBreakpoint || self.is_at_system_call();
        loop {
            ask(pace.request(), self.0.pid());
            if may_sleep && self.falls_asleep() {
                return State::Asleep;
            }
            if let Some(state) = self.stopped() {
                return state;
            }
        }
    }

    /// Waits until that is over which has put it to sleep.
    pub(crate) fn after_sleeping(&self, pace: Pace) -> State {
        loop {
            until("awake", || self.has_stopped());
            if let Some(state) = self.stopped() {
                return state;
            }
            ask(pace.request(), self.0.pid());
        }
    }

    /// How it stands when it has stopped, unless another one wanted it to be quiet for a while.
    fn stopped(&self) -> Option<State> {
        match self.until_stopped() {
            libc::SIGTRAP => Some(State::Running),
            MARK => Some(State::Done),
            libc::SIGSTOP | libc::SIGCONT => None,
            signal => panic!("it got signal {signal}"),
        }
    }

    /// Sets the processor's breakpoint, its only one.
    pub(crate) fn break_at(&self, address: u64) {
        const ENABLE_THE_FIRST: u64 = 1;
        self.set_debug_register(0, address);
        self.set_debug_register(7, ENABLE_THE_FIRST);
    }

    fn set_debug_register(&self, register: usize, value: u64) {
        let place = mem::offset_of!(libc::user, u_debugreg) + 8 * register;
        // SAFETY: our own child.
        let answer = unsafe { libc::ptrace(libc::PTRACE_POKEUSER, self.0.pid(), place, value) };
        assert_eq!(answer, 0, "ptrace: {}", std::io::Error::last_os_error());
    }

    /// Where the instruction is that it executes next.
    pub(crate) fn next_instruction(&self) -> u64 {
        let place =
            mem::offset_of!(libc::user, regs) + mem::offset_of!(libc::user_regs_struct, rip);
        self.peek(libc::PTRACE_PEEKUSER, place as u64)
    }

    /// Lets it run until it sleeps. Returns false if it does not.
    pub(crate) fn run_until_asleep(&self) -> bool {
        ask(libc::PTRACE_CONT, self.0.pid());
        self.falls_asleep()
    }

    pub(crate) fn kill(self) {
        self.0.kill();
    }

    /// Kills it, which is asleep, just after it was woken: meanwhile it gets this thread's
    /// processor only when this thread does not want it.
    pub(crate) fn kill_woken_by(self, wake: impl FnOnce()) {
        let pid = Pid::from_raw(self.0.pid());
        let (own, its) = [None, pid].map(|it| sched_getaffinity(it).unwrap()).into();
        let mut here = CpuSet::new();
        here.set(sched_getcpu());
        sched_setaffinity(None, &here).unwrap();
        sched_setaffinity(pid, &here).unwrap();
        set_policy(self.0.pid(), libc::SCHED_IDLE);
        wake();
        self.0.signal(libc::SIGKILL);
        set_policy(self.0.pid(), libc::SCHED_OTHER);
        sched_setaffinity(pid, &its).unwrap();
        sched_setaffinity(None, &own).unwrap();
        assert_eq!(self.0.wait(), End::Killed(libc::SIGKILL));
    }

    fn is_at_system_call(&self) -> bool {
        const SYSCALL: [u8; 2] = [0x0f, 0x05];
        let code = self.peek(libc::PTRACE_PEEKTEXT, self.next_instruction());
        code.to_le_bytes().starts_with(&SYSCALL)
    }

    /// Reads a word of the child.
    fn peek(&self, request: libc::c_uint, place: u64) -> u64 {
        let (place, none) = (place as usize, ptr::null_mut::<libc::c_void>());
        // SAFETY: our own child, whose registers and memory are read only.
        unsafe { libc::ptrace(request, self.0.pid(), place, none) }.cast_unsigned()
    }

    /// Whether it sleeps before it stops.
    fn falls_asleep(&self) -> bool {
        /// So often it has to look asleep: it is so in passing, too.
        const LOOKS: usize = 20;
        let mut looks = 0;
        until("asleep or stopped", || match state(self.0.pid()) {
            Some('S') => {
                looks += 1;
                looks > LOOKS
            }
            state => {
                looks = 0;
                is_stopped(state)
            }
        });
        looks > LOOKS
    }

    /// Whether it has stopped, which is left to be waited for.
    fn has_stopped(&self) -> bool {
        is_stopped(state(self.0.pid()))
    }

    /// Waits until it stops, and returns the signal with which it does.
    fn until_stopped(&self) -> i32 {
        let mut status = 0;
        // SAFETY: our own child, which no other thread waits for.
        let pid = unsafe { libc::waitpid(self.0.pid(), &raw mut status, 0) };
        assert_eq!(pid, self.0.pid());
        assert!(libc::WIFSTOPPED(status), "it ended by itself: {status:x}");
        libc::WSTOPSIG(status)
    }
}

fn is_stopped(state: Option<char>) -> bool {
    matches!(state, Some('t' | 'T' | 'Z') | None)
}

fn ask(request: libc::c_uint, pid: libc::pid_t) {
    let none = ptr::null_mut::<libc::c_void>();
    // SAFETY: our own child, or the child itself asking to be traced.
    let answer = unsafe { libc::ptrace(request, pid, none, none) };
    assert_eq!(answer, 0, "ptrace: {}", std::io::Error::last_os_error());
}

/// Not `raise`, of which a thread cannot be sure to be its only one.
fn stop() {
    let this = std::process::id().cast_signed();
    // SAFETY: sends this process a signal.
    unsafe { libc::kill(this, MARK) };
}

fn set_policy(pid: libc::pid_t, policy: libc::c_int) {
    let priority = libc::sched_param { sched_priority: 0 };
    // SAFETY: a valid parameter, for our own child.
    let set = unsafe { libc::sched_setscheduler(pid, policy, &raw const priority) };
    assert_eq!(
        set,
        0,
        "sched_setscheduler: {}",
        std::io::Error::last_os_error()
    );
}

/// Whether this machine lets us trace our children.
pub(crate) fn is_permitted() -> bool {
    let child = Child::fork(|| ask(libc::PTRACE_TRACEME, 0));
    child.wait() == End::Exited(0)
}
