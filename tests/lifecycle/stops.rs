//! A holder is stopped and goes on; a waiter is woken and cannot run.

use crate::subjects::{Bounded, Broadcast, Channel, Entry, Lock, SharedRead};
use crate::tools::{Thread, interrupt, make};
use anteroom::ipc::{PipeReader, PipeWriter, RwLockError};
use common::processes::{Child, counter, state, until};
use std::io::Read;
use std::sync::atomic::{AtomicI32, Ordering::SeqCst};

/// Stops the process, and waits until it has stopped.
fn stop(child: &Child) {
    child.signal(libc::SIGSTOP);
    until("stopped", || state(child.pid()) == Some('T'));
}

/// The whole process is stopped again and again, in the middle of whatever its threads do.
fn stop_and_continue(life: impl FnOnce()) {
    const STOPS: usize = 30;
    let end = counter();
    let child = Child::fork(|| {
        life();
        end.store(1, SeqCst);
    });
    for _ in 0..STOPS {
        if child.has_ended() {
            break;
        }
        child.signal(libc::SIGSTOP);
        until("stopped or ended", || {
            matches!(state(child.pid()), Some('T' | 'Z'))
        });
        child.signal(libc::SIGCONT);
        // So that it runs between two stops.
        std::thread::yield_now();
    }
    child.succeed();
    assert_eq!(end.load(SeqCst), 1);
}

/// Stopping a process stops holder and waiters alike.
pub(crate) fn whole_process<L: Lock>() {
    let (lock, _name) = make::<L>();
    stop_and_continue(|| {
        let threads: Vec<_> = (0..3)
            .map(|_| {
                Thread::spawn(|| {
                    for _ in 0..2000 {
                        drop(lock.hold());
                        assert_eq!(lock.enter(), Entry::Cleanly);
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(Thread::join);
    });
}

pub(crate) fn whole_process_of_a_condvar<C: Channel>() {
    let (condvar, _name) = make::<C>();
    stop_and_continue(|| {
        let waiter = Thread::spawn(|| (0..2000).for_each(|_| condvar.wait()));
        (0..2000).for_each(|_| condvar.signal());
        waiter.join();
    });
}

/// A stopped holder holds: others wait. It goes on, and so do they.
pub(crate) fn holder<L: Lock>() {
    let (lock, _name) = make::<L>();
    let steps = counter();
    let holder = Child::fork(|| {
        let guard = lock.hold();
        steps.store(1, SeqCst);
        until("may release", || steps.load(SeqCst) == 2);
        drop(guard);
    });
    until("held", || steps.load(SeqCst) == 1);
    stop(&holder);
    let waiter = Thread::asleep(|| assert_eq!(lock.enter(), Entry::Cleanly));
    steps.store(2, SeqCst);
    assert!(!lock.try_enter());
    assert!(!waiter.is_done());
    holder.signal(libc::SIGCONT);
    waiter.join();
    holder.succeed();

    // Killed while it is stopped, it is as dead as others.
    let holder = Child::fork(|| {
        let _guard = lock.hold();
        steps.store(3, SeqCst);
        common::processes::sleep_for_ever();
    });
    until("held", || steps.load(SeqCst) == 3);
    stop(&holder);
    let waiter = Thread::asleep(|| assert_eq!(lock.enter(), L::DEATH));
    holder.kill();
    waiter.join();
}

/// A process that uses the channel is stopped between two calls: others go on.
pub(crate) fn user_of_a_channel<C: Channel>() {
    let (channel, _name) = make::<C>();
    let steps = counter();
    let user = Child::fork(|| {
        channel.signal();
        channel.wait();
        steps.store(1, SeqCst);
        until("may go on", || steps.load(SeqCst) == 2);
        channel.signal();
    });
    until("used", || steps.load(SeqCst) == 1);
    stop(&user);
    let waiter = Thread::asleep(|| channel.wait());
    channel.signal();
    waiter.join();
    steps.store(2, SeqCst);
    user.signal(libc::SIGCONT);
    channel.wait();
    user.succeed();
}

/// The pipe whose end the handler reads, so that its thread stops there, and the other end.
static DOOR: [AtomicI32; 2] = [const { AtomicI32::new(-1) }; 2];
/// How many threads are stopped there.
static STOPPED: AtomicI32 = AtomicI32::new(0);

extern "C" fn stop_at_the_door(_: libc::c_int) {
    STOPPED.fetch_add(1, SeqCst);
    let mut byte = 0_u8;
    // SAFETY: one byte, of this function's own.
    while unsafe { libc::read(DOOR[0].load(SeqCst), (&raw mut byte).cast(), 1) } < 0 {}
}

/// Stops a thread of this process, as a garbage collector does, or a debugger.
fn stop_thread(thread: &Thread) {
    let mut ends = [0; 2];
    // SAFETY: two descriptors, as it wants them.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    DOOR.iter()
        .zip(ends)
        .for_each(|(it, end)| it.store(end, SeqCst));
    // SAFETY: the handler only does what is allowed in one.
    unsafe { libc::signal(libc::SIGUSR1, stop_at_the_door as *const () as usize) };
    let before = STOPPED.load(SeqCst);
    interrupt(thread);
    until("stopped", || STOPPED.load(SeqCst) > before);
}

fn let_it_go_on() {
    // SAFETY: a descriptor of this process, which is not used any more.
    unsafe { libc::close(DOOR[1].load(SeqCst)) };
}

/// A waiter is woken and cannot run. The lock is free, and others get it, those that sleep as well.
pub(crate) fn woken_waiter<L: Lock>() {
    let (lock, _name) = make::<L>();
    let guard = lock.hold();
    let stopped = Thread::asleep(|| assert_eq!(lock.enter(), Entry::Cleanly));
    stop_thread(&stopped);
    drop(guard);
    for _ in 0..3 {
        let guard = lock.hold();
        let waiter = Thread::asleep(|| assert_eq!(lock.enter(), Entry::Cleanly));
        drop(guard);
        waiter.join();
    }
    assert!(!stopped.is_done());
    let_it_go_on();
    stopped.join();
}

/// As above, between processes: the waiter's process is stopped.
pub(crate) fn woken_waiter_between<L: Lock>() {
    let (lock, _name) = make::<L>();
    let guard = lock.hold();
    let stopped = Child::fork(|| assert_eq!(lock.enter(), Entry::Cleanly));
    stopped.until_asleep_or_done();
    stop(&stopped);
    drop(guard);
    for _ in 0..3 {
        let guard = lock.hold();
        let waiter = Thread::asleep(|| assert_eq!(lock.enter(), Entry::Cleanly));
        drop(guard);
        waiter.join();
    }
    stopped.signal(libc::SIGCONT);
    stopped.succeed();
}

/// A waiter that has been notified and cannot run has its notification. Others get theirs.
pub(crate) fn woken_waiter_of_a_condvar<C: Broadcast>() {
    let (condvar, _name) = make::<C>();
    let stopped = Thread::asleep(|| condvar.wait());
    stop_thread(&stopped);
    condvar.signal();
    for _ in 0..3 {
        let waiter = Thread::asleep(|| condvar.wait());
        condvar.signal_all();
        waiter.join();
    }
    // The others may have taken the signal that it was woken for.
    condvar.signal_all();
    let_it_go_on();
    stopped.join();
}

/// As above, between processes.
pub(crate) fn woken_waiter_of_a_channel<C: Channel>() {
    let (channel, _name) = make::<C>();
    let stopped = Child::fork(|| channel.wait());
    stopped.until_asleep_or_done();
    stop(&stopped);
    channel.signal();
    for _ in 0..3 {
        let waiter = Thread::asleep(|| channel.wait());
        channel.signal();
        waiter.join();
    }
    stopped.signal(libc::SIGCONT);
    stopped.succeed();
}

/// Two wait for the same, the first in another process, which is stopped there. What comes for one
/// of them, the other one gets; and what comes next, the first, when it goes on.
fn second_of_two_waiters(wait: impl Fn() + Clone + Send + 'static, signal: impl Fn()) {
    let stopped = Child::fork(&wait);
    stopped.until_asleep_or_done();
    let waiter = Thread::asleep(wait);
    stop(&stopped);
    assert!(!waiter.is_done());
    signal();
    waiter.join();
    assert!(!stopped.has_ended());
    signal();
    stopped.signal(libc::SIGCONT);
    stopped.succeed();
}

pub(crate) fn second_receiver_of_a_channel<C: Channel>() {
    let (channel, _name) = make::<C>();
    second_of_two_waiters(|| channel.wait(), || channel.signal());
}

pub(crate) fn second_sender_of_a_channel<C: Bounded>() {
    let (channel, _name) = make::<C>();
    channel.fill();
    second_of_two_waiters(|| channel.signal(), || channel.wait());
}

/// The end of the file reaches the second of two readers, too.
pub(crate) fn second_reader_at_the_end() {
    let (reader, writer) = anteroom::ipc::pipe(100).unwrap();
    let reader: &PipeReader = Box::leak(Box::new(reader));
    let ends: &_ = Box::leak(Box::new(counter()));
    let wait = move |writer: Option<PipeWriter>| {
        drop(writer);
        assert_eq!({ reader }.read(&mut [0]).unwrap(), 0);
        ends.fetch_add(1, SeqCst);
    };
    let given = std::cell::Cell::new(Some(writer));
    let stopped = Child::fork(|| wait(given.take()));
    stopped.until_asleep_or_done();
    let waiter = Thread::asleep(move || wait(None));
    stop(&stopped);
    assert!(!waiter.is_done());
    drop(given.take());
    waiter.join();
    assert_eq!(ends.load(SeqCst), 1);
    stopped.signal(libc::SIGCONT);
    stopped.succeed();
    assert_eq!(ends.load(SeqCst), 2);
}

/// A writer between processes keeps new readers out while it waits, and is stopped there. It goes
/// on, and so do they.
pub(crate) fn stopped_writer_between() {
    let (lock, _name) = make::<SharedRead>();
    let guard = lock.hold();
    let writer = Child::fork(|| assert_eq!(lock.enter(), Entry::Cleanly));
    writer.until_asleep_or_done();
    stop(&writer);
    let refused = lock.0.try_read().err();
    assert!(matches!(refused, Some(RwLockError::WouldBlock)));
    drop(guard);
    let reader = Thread::asleep(|| drop(lock.hold()));
    assert!(!reader.is_done());
    writer.signal(libc::SIGCONT);
    writer.succeed();
    reader.join();
}

/// A process is stopped in the middle of a signal. Others signal when it goes on or is killed, if
/// it keeps them from that; and take signals meanwhile.
#[cfg(target_arch = "x86_64")]
pub(crate) fn user_in_the_middle_of_a_call<C: Channel>() {
    use std::cell::Cell;
    /// In instructions.
    const EACH: usize = 401;
    let (channel, _name) = make::<C>();
    let mut kept = 0;
    for end in [libc::SIGCONT, libc::SIGKILL] {
        for at in (1..).step_by(EACH) {
            channel.signal();
            let step = Cell::new(0);
            let child = Child::fork(|| {
                common::steps::step_through(|| channel.signal(), &|_| {
                    step.set(step.get() + 1);
                    if step.get() == at {
                        // SAFETY: it stops this process.
                        unsafe { libc::raise(libc::SIGSTOP) };
                    }
                });
            });
            until("stopped or ended", || {
                matches!(state(child.pid()), Some('T' | 'Z'))
            });
            let is_over = child.has_ended();
            channel.wait();
            let other = Thread::asleep(|| channel.signal());
            kept += usize::from(!other.is_done());
            if !is_over {
                child.signal(end);
            }
            other.join();
            child.wait();
            let signals = (0..).take_while(|_| channel.try_wait()).count();
            let killed = usize::from(end == libc::SIGKILL);
            assert!((2 - killed..=2).contains(&signals), "{signals} signals");
            if is_over {
                break;
            }
        }
    }
    assert!(kept > 0, "it was never in the middle of a call");
}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn user_in_the_middle_of_a_call<C: Channel>() {
    crate::runner::ignore("single steps are written for x86-64");
}
