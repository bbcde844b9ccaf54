//! A child that is run one machine instruction at a time, and killed after any of them.

use crate::processes::{Child, is_asleep};
use std::ops::Deref;
use std::ptr;

/// What the processes of a scenario share: memory with a `T` in it, or a `T` that has its own.
pub(crate) type Common<T> = Box<dyn Deref<Target = T>>;

/// A `T` that shares by itself what is in it.
pub(crate) fn own<T: 'static>(it: T) -> Common<T> {
    struct Own<T>(T);
    impl<T> Deref for Own<T> {
        type Target = T;

        fn deref(&self) -> &T {
            &self.0
        }
    }
    Box::new(Own(it))
}

/// What happens around the operation in which a process is killed.
pub(crate) struct Scenario<T: 'static> {
    pub(crate) name: &'static str,
    /// What they share, as it is in the beginning.
    pub(crate) new: fn() -> Common<T>,
    /// What the doomed process does before the operation.
    pub(crate) before: fn(&T),
    /// The operation, which is run in steps.
    pub(crate) operation: fn(&T),
    /// What others do at the same time, each a process. They are asleep when the operation begins, if they ever sleep, and must
    /// end, whatever happens to the doomed one.
    pub(crate) others: &'static [fn(&T)],
    /// What the test itself does first, and undoes when the doomed process sleeps, or is dead.
    pub(crate) hold: fn(&T),
    pub(crate) let_go: fn(&T),
    /// What must be true when all have ended.
    pub(crate) check: fn(&T),
}

/// How a stepped child stands.
#[derive(PartialEq, Eq, Debug)]
enum State {
    Running,
    Asleep,
    Done,
}

struct Traced(Child);

impl Traced {
    /// Forks a child that stops before the operation, and after it.
    fn fork(before: impl FnOnce(), operation: impl FnOnce()) -> Self {
        let child = Child::fork(|| {
            ask(libc::PTRACE_TRACEME, 0);
            before();
            stop();
            operation();
            stop();
        });
        let traced = Traced(child);
        let stopped = traced.wait(usize::MAX);
        assert_eq!(stopped, Some(libc::SIGSTOP), "before the operation");
        traced
    }

    /// Waits until it stops, and returns the signal with which it does; or nothing if it sleeps, and for more than `looks`.
    fn wait(&self, looks: usize) -> Option<i32> {
        // A look at `/proc` takes longer than most steps.
        const SELDOM: usize = 64;
        let (mut polls, mut asleep) = (0_usize, 0);
        let mut stopped = None;
        crate::processes::until("stopped", || {
            let mut status = 0;
            // SAFETY: our own child.
            let pid = unsafe { libc::waitpid(self.0.pid(), &raw mut status, libc::WNOHANG) };
            if pid != 0 {
                assert!(libc::WIFSTOPPED(status), "it ended by itself: {status:x}");
                stopped = Some(libc::WSTOPSIG(status));
            }
            polls += 1;
            if polls.is_multiple_of(SELDOM) && is_asleep(self.0.pid()) {
                asleep += 1;
            }
            stopped.is_some() || asleep > looks
        });
        stopped
    }

    fn step(&self) -> State {
        ask(libc::PTRACE_SINGLESTEP, self.0.pid());
        self.state(20)
    }

    /// Lets it run until it sleeps, and stops it there. Or until it is done, and says so by false.
    fn goes_to_sleep(&self) -> bool {
        ask(libc::PTRACE_CONT, self.0.pid());
        match self.wait(20) {
            Some(signal) => assert_eq!(signal, libc::SIGSTOP),
            None => {
                self.0.signal(libc::SIGSTOP);
                assert_eq!(self.wait(usize::MAX), Some(libc::SIGSTOP), "asleep");
                return true;
            }
        }
        false
    }

    fn state(&self, looks: usize) -> State {
        match self.wait(looks) {
            Some(libc::SIGTRAP) => State::Running,
            Some(libc::SIGSTOP) => State::Done,
            Some(signal) => panic!("it got signal {signal}"),
            None => State::Asleep,
        }
    }
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
    unsafe { libc::kill(this, libc::SIGSTOP) };
}

/// Whether this machine lets us trace our children.
pub(crate) fn is_permitted() -> bool {
    let child = Child::fork(|| ask(libc::PTRACE_TRACEME, 0));
    child.wait() == crate::processes::End::Exited(0)
}

/// Where the doomed process is killed.
#[derive(Clone, Copy)]
enum At {
    /// After so many instructions of the operation. (Where it has to sleep, it is woken, once.)
    Instruction(usize),
    /// The same, but counted from where it sleeps, if it does.
    AfterSleeping(usize),
    Asleep,
}

impl<T> Scenario<T> {
    /// Returns how many instructions it has made, if it came to the end.
    fn run(&self, at: At) -> Option<usize> {
        let it = (self.new)();
        (self.hold)(&it);
        let doomed = Traced::fork(|| (self.before)(&it), || (self.operation)(&it));
        let others: Vec<_> = self
            .others
            .iter()
            .map(|other| Child::fork(|| other(&it)))
            .collect();
        others.iter().for_each(Child::until_asleep_or_done);
        let mut held = true;
        let mut let_go = || {
            if std::mem::take(&mut held) {
                (self.let_go)(&it);
            }
        };
        let (mut made, mut done) = (0, false);
        let steps = match at {
            At::Instruction(steps) => steps,
            At::AfterSleeping(steps) => {
                done = !doomed.goes_to_sleep();
                steps
            }
            At::Asleep => {
                done = !doomed.goes_to_sleep();
                0
            }
        };
        while !done && made < steps {
            made += 1;
            let mut state = doomed.step();
            if state == State::Asleep {
                let_go();
                state = doomed.state(usize::MAX);
            }
            done = state == State::Done;
        }
        doomed.0.kill();
        let_go();
        others.into_iter().for_each(Child::succeed);
        (self.check)(&it);
        done.then_some(made)
    }

    /// Kills it after every instruction, or after some that are drawn.
    pub(crate) fn kill_everywhere(&self, all: bool) {
        /// How many are drawn, and of how many: before it sleeps for the first time most of them only spin.
        const SAMPLE: usize = 8;
        const FIRST: usize = 1000;
        let mut kills = 1;
        self.run(At::Asleep);
        if all {
            let mut steps = 0;
            while self.run(At::Instruction(steps)).is_none() {
                steps += 1;
            }
            kills += steps;
        } else {
            let mut random = fastrand::Rng::new();
            for _ in 0..SAMPLE {
                self.run(At::Instruction(random.usize(..FIRST)));
                self.run(At::AfterSleeping(random.usize(..FIRST)));
            }
            kills += 2 * SAMPLE;
        }
        println!("{}: killed {kills} times", self.name);
    }
}
