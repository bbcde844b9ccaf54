//! Deaths at each system call.

use super::*;
use rustix::fd::OwnedFd;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, pidfd_getfd};

/// A child that is stopped at its system calls, before and after each.
struct Stepped(Child);

impl Stepped {
    /// Nothing if tracing is not permitted.
    fn fork(life: impl FnOnce()) -> Option<Self> {
        let child = Child::fork(|| {
            // SAFETY: asks to be traced.
            let traced = unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) } == 0;
            // SAFETY: stops this thread.
            unsafe { libc::raise(libc::SIGSTOP) };
            match traced {
                true => life(),
                // SAFETY: ends this process.
                false => unsafe { libc::_exit(77) },
            }
        });
        let mut status = 0;
        // SAFETY: our own child.
        unsafe { libc::waitpid(child.pid(), &raw mut status, libc::WUNTRACED) };
        assert!(libc::WIFSTOPPED(status));
        Some(Stepped(child))
    }

    /// Goes on to the next stop. Returns false if it has ended, or sleeps.
    fn step(&self) -> bool {
        // SAFETY: our own child, which has stopped.
        unsafe { libc::ptrace(libc::PTRACE_SYSCALL, self.0.pid(), 0, 0) };
        let (mut status, mut stopped) = (0, false);
        let mut looks = 0;
        until("stopped, asleep or done", || {
            // SAFETY: our own child. Its end is left to be waited for.
            let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
            let flags = libc::WSTOPPED | libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
            let pid = self.0.pid() as libc::id_t;
            // SAFETY: as above.
            unsafe { libc::waitid(libc::P_PID, pid, &raw mut info, flags) };
            // SAFETY: it was written, or is all zeros.
            let is_there = unsafe { info.si_pid() } != 0;
            if is_there && info.si_code == libc::CLD_TRAPPED {
                // SAFETY: our own child.
                unsafe { libc::waitpid(self.0.pid(), &raw mut status, 0) };
                stopped = true;
                return true;
            }
            let sleeps = common::processes::is_asleep(self.0.pid());
            looks = if sleeps { looks + 1 } else { 0 };
            is_there || looks > 50
        });
        stopped
    }
}

/// Runs `life` once for each stop, killed there. `check` is told how many stops it made.
fn at_each_stop(before: impl Fn(), life: impl Fn(), check: impl Fn(Child, usize)) {
    for stops in 1.. {
        before();
        let Some(stepped) = Stepped::fork(&life) else {
            return common::skip("ptrace is not permitted here");
        };
        let steps = (0..stops).take_while(|_| stepped.step()).count();
        check(stepped.0, steps);
        if steps < stops {
            assert!(stops > 20, "it makes more system calls than {stops}");
            return;
        }
    }
}

/// The dead may have as much memory as it takes 10 ms to free.
fn with_memory(life: impl FnOnce()) {
    const SIZE: usize = 64 << 20;
    let mut memory = vec![0_u8; SIZE];
    memory.iter_mut().step_by(4096).for_each(|byte| *byte = 1);
    std::hint::black_box(&mut memory);
    life();
    std::hint::black_box(&mut memory);
}

/// A writer that waits behind the door beside a reader that is killed there waits on as if the
/// reader had never come. It may open only while the reader lives.
#[test]
fn opener_killed_at_any_step_was_never_there() {
    kill_openers(|_| ());
}

/// As if another thread of the opener had forked just before: the descriptors outlive it.
#[test]
fn descriptors_of_a_dead_opener_are_no_end() {
    kill_openers(|reader| descriptors_of(reader, "anteroom-test-door"));
}

fn kill_openers<H>(inherit: impl Fn(&Child) -> H) {
    let _turn = turn();
    let name = Name::new("door");
    Fifo::create(&name, 100).unwrap();
    let entered = counter();
    at_each_stop(
        || (),
        || with_memory(|| _ = Fifo::open_reader(&name)),
        |reader, _| {
            let opened = counter();
            let writer = Child::fork(|| {
                match Fifo::try_open_writer_for(&name, Duration::from_millis(100)) {
                    Ok(_) => _ = opened.fetch_add(1, SeqCst),
                    Err(OpenError::TimedOut) => {}
                    Err(error) => panic!("{error}"),
                }
            });
            writer.until_asleep_or_done();
            let before = opened.load(SeqCst);
            let heirs = inherit(&reader);
            reader.kill();
            writer.succeed();
            assert_eq!(opened.load(SeqCst), before, "opened beside the dead");
            drop(heirs);
            let late = Fifo::try_open_writer_for(&name, NOW);
            assert!(matches!(late, Err(OpenError::TimedOut)), "{late:?}");
            entered.fetch_add(before, SeqCst);
        },
    );
    assert!(entered.load(SeqCst) > 0, "in the end it waits for writers");
    assert_works(&name);
    Fifo::unlink(&name).unwrap();
    assert_no_files(&name);
}

/// Those that it has of files whose names begin like that.
fn descriptors_of(child: &Child, name: &str) -> Vec<OwnedFd> {
    let pid = rustix::process::Pid::from_raw(child.pid()).unwrap();
    let pidfd = rustix::process::pidfd_open(pid, PidfdFlags::empty()).unwrap();
    let folder = fs::read_dir(format!("/proc/{}/fd", child.pid())).unwrap();
    let open = folder.map(|it| it.unwrap());
    let of_name = open.filter(|it| {
        let file = fs::read_link(it.path()).unwrap();
        file.to_string_lossy().contains(name)
    });
    let numbers = of_name.map(|it| it.file_name().to_str().unwrap().parse().unwrap());
    let numbers: Vec<i32> = numbers.collect();
    numbers
        .into_iter()
        .map(|it| pidfd_getfd(&pidfd, it, PidfdGetfdFlags::empty()).unwrap())
        .collect()
}

#[test]
fn creator_killed_at_any_step_leaves_nothing_or_all() {
    let _turn = turn();
    let name = Name::new("creator");
    at_each_stop(
        || (),
        || with_memory(|| Fifo::create(&name, 100).unwrap()),
        |creator, _| {
            creator.signal(libc::SIGKILL);
            // Beside its death, and after it.
            let created = Fifo::create(&name, 100);
            assert!(
                matches!(created, Ok(()) | Err(OpenError::AlreadyExists)),
                "{created:?}"
            );
            assert_works(&name);
            let _ = creator.wait();
            Fifo::unlink(&name).unwrap();
            assert_no_files(&name);
        },
    );
}

#[test]
fn remover_killed_at_any_step_leaves_nothing_or_all() {
    let _turn = turn();
    let name = Name::new("remover");
    at_each_stop(
        || Fifo::create(&name, 100).unwrap(),
        || Fifo::unlink(&name).unwrap(),
        |remover, _| {
            remover.kill();
            match Fifo::try_open_reader_for(&name, NOW) {
                Err(OpenError::TimedOut) => assert_works(&name),
                Err(OpenError::NotFound) => {}
                other => panic!("{other:?}"),
            }
            match Fifo::unlink(&name) {
                Ok(()) | Err(OpenError::NotFound) => {}
                Err(error) => panic!("{error}"),
            }
            assert_no_files(&name);
        },
    );
}
