//! A signal handler runs while its thread waits, or in the middle of a call, and uses the lock.

use crate::subjects::{Channel, Entry, Lock};
use crate::tools::{Thread, interrupt, make};
use common::processes::until;
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
    common::steps::step_through(|| drop(lock.hold()), &|_| match lock.try_enter() {
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

/// Interrupts the call once, after one instruction of each few, and again until all were: a handler
/// that came again and again could keep the call from ever making a change of its own. After each
/// call it does `after`.
#[cfg(target_arch = "x86_64")]
fn interrupt_once(call: impl Fn(), handle: impl Fn(), mut after: impl FnMut()) {
    use std::cell::Cell;
    const EACH: usize = 101;
    let mut at = 1;
    let step = Cell::new(usize::MAX);
    while step.get() >= at {
        step.set(0);
        common::steps::step_through(&call, &|_| {
            step.set(step.get() + 1);
            if step.get() == at {
                handle();
            }
        });
        after();
        at += EACH;
    }
}

/// As above, between processes: it is free in the end, and others wait for it as ever.
#[cfg(target_arch = "x86_64")]
pub(crate) fn handler_that_tries_between<L: Lock>() {
    use std::cell::Cell;
    let (lock, _name) = make::<L>();
    assert_eq!(lock.enter(), Entry::Cleanly);
    assert!(lock.try_enter());
    let (taken, refused) = (Cell::new(0), Cell::new(0));
    let tries = || match lock.try_enter() {
        true => taken.set(taken.get() + 1),
        false => refused.set(refused.get() + 1),
    };
    interrupt_once(|| drop(lock.hold()), tries, || ());
    assert!(taken.get() > 0, "no handler got the lock");
    assert!(refused.get() > 0, "every handler got the lock");
    assert!(lock.try_enter());
    let guard = lock.hold();
    let waiter = Thread::asleep(|| assert_eq!(lock.enter(), Entry::Cleanly));
    drop(guard);
    waiter.join();
}

/// A handler uses the channel in the middle of the same use. Where the interrupted call holds a
/// lock that it needs, it panics, or a try fails; else it does what it is to do. No signal is lost,
/// and none comes twice.
#[cfg(target_arch = "x86_64")]
pub(crate) fn handler_that_signals_between<C: Channel>() {
    use std::cell::Cell;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    let (channel, _name) = make::<C>();
    channel.signal();
    channel.wait();
    // Their backtraces would take a minute.
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !panic.to_string().contains("holds it already") {
            usual(panic);
        }
    }));
    // What a handler did, and how often it was refused.
    let (done, refused) = (Cell::new(0), Cell::new(0));
    let handle = |act: &dyn Fn() -> bool| match catch_unwind(AssertUnwindSafe(act)) {
        Ok(true) => done.set(done.get() + 1),
        Ok(false) => refused.set(refused.get() + 1),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().copied().unwrap_or("");
            assert!(text.contains("holds it already"), "it panics: {text:?}");
            refused.set(refused.get() + 1);
        }
    };
    let signal = || {
        channel.signal();
        true
    };

    let (calls, taken) = (Cell::new(0), Cell::new(0));
    let call = || calls.set(calls.get() + usize::from(signal()));
    let take_all = || {
        while channel.try_wait() {
            taken.set(taken.get() + 1);
        }
    };
    interrupt_once(call, || handle(&signal), take_all);
    assert!(done.get() > 0, "no handler has signalled");
    assert!(refused.get() > 0, "no handler was refused");
    assert_eq!(taken.get(), calls.get() + done.get());

    // The other side: there are two signals at each call.
    [&done, &refused, &taken].iter().for_each(|it| it.set(0));
    let mut given = 2;
    (0..given).for_each(|_| channel.signal());
    let call = || {
        assert!(channel.try_wait());
        taken.set(taken.get() + 1);
    };
    let give = || {
        while given - taken.get() - done.get() < 2 {
            channel.signal();
            given += 1;
        }
    };
    interrupt_once(call, || handle(&|| channel.try_wait()), give);
    assert!(done.get() > 0, "no handler has taken a signal");
    assert!(refused.get() > 0, "no handler was refused");
    let left = (0..).take_while(|_| channel.try_wait()).count();
    assert_eq!(left, given - taken.get() - done.get());

    let waiter = Thread::asleep(|| channel.wait());
    channel.signal();
    waiter.join();
}

/// While no thread waits, a handler may notify in the middle of a notification.
#[cfg(target_arch = "x86_64")]
pub(crate) fn handler_that_notifies() {
    let (condvar, _name) = make::<crate::subjects::Condvar>();
    let notify = || {
        condvar.1.notify_one();
        condvar.1.notify_all();
    };
    common::steps::step_through(notify, &|_| notify());
    let waiter = Thread::asleep(|| condvar.wait());
    condvar.signal();
    waiter.join();
}

/// As above, between processes.
#[cfg(target_arch = "x86_64")]
pub(crate) fn handler_that_notifies_between() {
    let (condvar, _name) = make::<crate::subjects::SharedCondvar>();
    let notify = || {
        condvar.0.condvar.notify_one();
        condvar.0.condvar.notify_all();
    };
    notify();
    interrupt_once(notify, notify, || ());
    let waiter = Thread::asleep(|| condvar.wait());
    condvar.signal();
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
    common::steps::step_through(|| channel.signal(), &|_| {
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

#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn handler_that_tries_between<L: Lock>() {
    handler_that_tries::<L>();
}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn handler_that_signals_between<C: Channel>() {
    handler_that_signals::<C>();
}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn handler_that_notifies() {
    handler_that_signals::<crate::subjects::Condvar>();
}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn handler_that_notifies_between() {
    handler_that_notifies();
}
