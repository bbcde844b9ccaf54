//! A child that is run one machine instruction at a time, and killed after any of them.

use crate::processes::{Child, is_asleep};
use anteroom::shared::Shareable;
use anteroom::shared::Shared;
use std::ptr;

/// What happens around the operation in which a process is killed.
pub(crate) struct Scenario<T: 'static> {
    pub(crate) name: &'static str,
    /// What they share, as it is in the beginning.
    pub(crate) new: fn() -> T,
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
        assert_eq!(traced.wait(), Some(libc::SIGSTOP), "before the operation");
        traced
    }

    /// Waits until it stops, and returns the signal with which it does; or nothing if it sleeps.
    fn wait(&self) -> Option<i32> {
        let mut looks = 0;
        loop {
            let mut status = 0;
            // SAFETY: our own child.
            let pid = unsafe { libc::waitpid(self.0.pid(), &raw mut status, libc::WNOHANG) };
            if pid != 0 {
                assert!(libc::WIFSTOPPED(status), "it ended by itself: {status:x}");
                return Some(libc::WSTOPSIG(status));
            }
            looks = if is_asleep(self.0.pid()) {
                looks + 1
            } else {
                0
            };
            if looks > 200 {
                return None;
            }
            std::thread::yield_now();
        }
    }

    fn step(&self) -> State {
        ask(libc::PTRACE_SINGLESTEP, self.0.pid());
        self.state()
    }

    fn state(&self) -> State {
        match self.wait() {
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
    // SAFETY: sends this process a signal.
    unsafe { libc::kill(libc::getpid(), libc::SIGSTOP) };
}

/// Whether this machine lets us trace our children.
pub(crate) fn is_permitted() -> bool {
    let child = Child::fork(|| ask(libc::PTRACE_TRACEME, 0));
    child.wait() == crate::processes::End::Exited(0)
}

impl<T: Shareable> Scenario<T> {
    /// Kills the doomed process after `steps` instructions of the operation, or where it sleeps, or not at all. Returns how many it has
    /// made, if it came to the end.
    fn run(&self, steps: usize, asleep: bool) -> Option<usize> {
        let it = Shared::anonymous((self.new)()).unwrap();
        (self.hold)(&it);
        let doomed = Traced::fork(|| (self.before)(&it), || (self.operation)(&it));
        let others: Vec<_> = self
            .others
            .iter()
            .map(|other| Child::fork(|| other(&it)))
            .collect();
        others.iter().for_each(Child::until_asleep_or_done);
        let (mut held, mut made) = (true, 0);
        let done = loop {
            if made == steps {
                break false;
            }
            made += 1;
            let mut state = doomed.step();
            if state == State::Asleep {
                if asleep {
                    break false;
                }
                assert!(std::mem::replace(&mut held, false), "it sleeps for ever");
                (self.let_go)(&it);
                state = doomed.state();
            }
            if state == State::Done {
                break true;
            }
        };
        doomed.0.kill();
        if held {
            (self.let_go)(&it);
        }
        others.into_iter().for_each(Child::succeed);
        (self.check)(&it);
        done.then_some(made)
    }

    /// Kills it after every instruction, or after some that are drawn.
    pub(crate) fn kill_everywhere(&self, all: bool) {
        /// How many are drawn.
        const SAMPLE: usize = 8;
        let name = self.name;
        let length = self.run(usize::MAX, false).expect("it comes to the end");
        let mut random = fastrand::Rng::new();
        let drawn = |_| random.usize(..length);
        let steps: Vec<usize> = match all {
            true => (0..length).collect(),
            false => (0..SAMPLE).map(drawn).collect(),
        };
        for &steps in &steps {
            // On another way through the operation it may be done sooner.
            self.run(steps, false);
        }
        self.run(usize::MAX, true);
        println!(
            "{name}: {length} instructions, killed after {}",
            steps.len()
        );
    }
}
