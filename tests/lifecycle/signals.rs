//! A signal handler runs while its thread waits, or in the middle of a call, and uses the lock.

use crate::processes::until;
use crate::subjects::{Channel, Entry, Lock};
use crate::tools::{Thread, interrupt, make};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

static HANDLED: AtomicUsize = AtomicUsize::new(0);

extern "C" fn handle(_: libc::c_int) {
    HANDLED.fetch_add(1, SeqCst);
}

/// Sends the thread signals until it has handled so many, each of which interrupts its sleep.
fn shower(thread: &Thread) {
    const SIGNALS: usize = 100;
    // SAFETY: all zeros is a valid `sigaction`: no flags, an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handle as *const () as usize;
    // SAFETY: the handler only adds to an atomic, which is safe in a signal handler.
    let done = unsafe { libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()) };
    assert_eq!(done, 0);
    for _ in 0..SIGNALS {
        let before = HANDLED.load(SeqCst);
        interrupt(thread);
        until("handled", || {
            thread.is_done() || HANDLED.load(SeqCst) > before
        });
    }
}

/// Signals do not end a wait, and do not lose its wake-up.
pub(crate) fn while_waiting<L: Lock>() {
    let (lock, _name) = make::<L>();
    let guard = lock.hold();
    let waiter = Thread::asleep(|| assert_eq!(lock.enter(), Entry::Cleanly));
    shower(&waiter);
    assert!(!waiter.is_done(), "it came in beside the holder");
    drop(guard);
    waiter.join();
}

pub(crate) fn while_waiting_at_a_channel<C: Channel>() {
    let (channel, _name) = make::<C>();
    let waiter = Thread::asleep(|| channel.wait());
    shower(&waiter);
    assert!(!waiter.is_done(), "it has a signal that was not given");
    channel.signal();
    waiter.join();
}

/// After each instruction of taking and releasing an uncontended lock, a handler tries to take it.
/// It gets it, and releases it, or not; in the end it is free.
#[cfg(target_arch = "x86_64")]
pub(crate) fn handler_that_tries<L: Lock>() {
    use std::cell::Cell;
    let (lock, _name) = make::<L>();
    // What is done once has been done.
    assert_eq!(lock.enter(), Entry::Cleanly);
    assert!(lock.try_enter());
    let (taken, refused) = (Cell::new(0), Cell::new(0));
    crate::steps::step_through(|| drop(lock.hold()), &|_| match lock.try_enter() {
        true => taken.set(taken.get() + 1),
        false => refused.set(refused.get() + 1),
    });
    assert!(taken.get() > 0, "no handler got the lock");
    assert!(refused.get() > 0, "every handler got the lock");
    assert!(lock.try_enter());
    assert_eq!(lock.enter(), Entry::Cleanly);
    // Others wait for it as ever.
    let guard = lock.hold();
    let waiter = Thread::asleep(|| assert_eq!(lock.enter(), Entry::Cleanly));
    drop(guard);
    waiter.join();
}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn handler_that_tries<L: Lock>() {
    crate::runner::ignore("single steps are written for x86-64");
}

/// Memory has no lock: a handler may do what its thread does.
#[cfg(target_arch = "x86_64")]
pub(crate) fn handler_that_signals<C: Channel>() {
    let (channel, _name) = make::<C>();
    crate::steps::step_through(|| channel.signal(), &|_| {
        channel.signal();
        assert!(channel.try_wait());
    });
    assert!(channel.try_wait());
    assert!(!channel.try_wait());
}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn handler_that_signals<C: Channel>() {
    crate::runner::ignore("single steps are written for x86-64");
}
