//! A sandbox refuses `membarrier`: from the start, or when the process has used it.

use crate::runner::ignore;
use crate::subjects::{Channel, Entry, Lock, ReadLocked};
use crate::tools::{Thread, make};
use common::processes::{Child, End};

/// What a sandbox answers.
const ANSWERS: [i32; 2] = [libc::EPERM, libc::ENOSYS];

/// From now on, in this process and its children, `membarrier` fails like that. Whether that was
/// possible.
fn refuse_membarrier(answer: i32) -> bool {
    const CALL_NUMBER: u32 = std::mem::offset_of!(libc::seccomp_data, nr) as u32;
    let step = |code: u32, jumps: [u8; 2], k: u32| libc::sock_filter {
        code: code as u16,
        jt: jumps[0],
        jf: jumps[1],
        k,
    };
    let number = u32::try_from(libc::SYS_membarrier).unwrap();
    let mut steps = [
        step(
            libc::BPF_LD | libc::BPF_W | libc::BPF_ABS,
            [0, 0],
            CALL_NUMBER,
        ),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, [0, 1], number),
        step(
            libc::BPF_RET | libc::BPF_K,
            [0, 0],
            libc::SECCOMP_RET_ERRNO | answer.cast_unsigned(),
        ),
        step(libc::BPF_RET | libc::BPF_K, [0, 0], libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog {
        len: steps.len() as u16,
        filter: steps.as_mut_ptr(),
    };
    // SAFETY: an option of this process.
    let done = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    assert_eq!(done, 0);
    let filter = libc::SECCOMP_MODE_FILTER;
    // SAFETY: a program of that many steps, which the kernel copies.
    if unsafe { libc::prctl(libc::PR_SET_SECCOMP, filter, &raw const program) } != 0 {
        return false;
    }
    // SAFETY: it only asks.
    unsafe { libc::syscall(libc::SYS_membarrier, 0, 0, 0) == -1 }
}

/// What a child answers where no filter can be installed.
const NO_FILTER: i32 = 9;

/// Runs `life` where `membarrier` is refused, after `before`, in a process for each answer.
fn refused(before: impl Fn(), life: impl Fn()) {
    for answer in ANSWERS {
        let child = crate::tools::fork_with_outcome(|| {
            before();
            if !refuse_membarrier(answer) {
                return NO_FILTER;
            }
            life();
            0
        });
        match child.wait() {
            End::Exited(NO_FILTER) => ignore("seccomp filters are refused"),
            end => assert_eq!(end, End::Exited(0), "where the answer is {answer}"),
        }
    }
}

fn use_it<L: Lock>(lock: &'static L) {
    for _ in 0..5 {
        let guard = lock.hold();
        let waiter = Thread::asleep(|| assert_eq!(lock.enter(), Entry::Cleanly));
        assert!(!waiter.is_done());
        drop(guard);
        waiter.join();
    }
    let threads: Vec<_> = (0..2)
        .map(|_| {
            Thread::spawn(|| {
                for _ in 0..200 {
                    drop(lock.hold());
                    assert_eq!(lock.enter(), Entry::Cleanly);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(Thread::join);
    // Between processes, or with a copy.
    Child::fork(|| assert_eq!(lock.enter(), Entry::Cleanly)).succeed();
}

fn use_channel<C: Channel>(channel: &'static C) {
    for _ in 0..5 {
        let waiter = Thread::asleep(|| channel.wait());
        assert!(!waiter.is_done());
        channel.signal();
        waiter.join();
    }
    let waiter = Thread::spawn(|| (0..200).for_each(|_| channel.wait()));
    (0..200).for_each(|_| channel.signal());
    waiter.join();
}

pub(crate) fn from_the_start<L: Lock>() {
    refused(|| (), || use_it(make::<L>().0));
}

pub(crate) fn channel_from_the_start<C: Channel>() {
    refused(|| (), || use_channel(make::<C>().0));
}

/// The process has used it, and cannot any more.
pub(crate) fn later<L: Lock>() {
    let (lock, _name) = make::<L>();
    refused(|| use_it(lock), || use_it(lock));
}

pub(crate) fn channel_later<C: Channel>() {
    let (channel, _name) = make::<C>();
    refused(|| use_channel(channel), || use_channel(channel));
}

/// Biased readers relied on what the process can do no more. A writer waits longer.
pub(crate) fn later_with_biased_readers() {
    let (lock, _name) = make::<ReadLocked>();
    let bias = || (0..100_000).for_each(|_| drop(lock.hold()));
    refused(bias, || {
        let reader = lock.hold();
        assert!(!lock.try_enter(), "a writer beside a reader");
        drop(reader);
        assert_eq!(lock.enter(), Entry::Cleanly);
        use_it(lock);
        use_it(make::<ReadLocked>().0);
    });
}
