//! A process ends by `exit`, which runs handlers, while locks are held, and its handlers use locks.

use crate::subjects::{Channel, Entry, Lock};
use crate::tools::{Event, Thread, make};
use common::processes::{Child, End};
use std::sync::Mutex;

/// What the handler does. (It is a function without arguments.)
static AT_EXIT: Mutex<Option<Box<dyn FnOnce() + Send>>> = Mutex::new(None);

/// Arranges for this to be done when the process exits, when what is thread-local is gone.
fn at_exit(work: impl FnOnce() + Send + 'static) {
    extern "C" fn handler() {
        let work = AT_EXIT.lock().unwrap().take();
        let work = std::panic::AssertUnwindSafe(work.expect("once"));
        if std::panic::catch_unwind(|| { work }.0()).is_err() {
            // SAFETY: ends this process at once.
            unsafe { libc::_exit(101) }
        }
    }
    *AT_EXIT.lock().unwrap() = Some(Box::new(work));
    // SAFETY: the handler stays, and does not unwind.
    let done = unsafe { libc::atexit(handler) };
    assert_eq!(done, 0);
}

/// Ends a child, with its handlers.
fn exit() -> ! {
    // SAFETY: the child has no thread that uses what the handlers destroy.
    unsafe { libc::exit(0) }
}

/// The handler finds the lock held, by the thread that runs it; nothing hangs.
fn exit_while_holding<L: Lock>(lock: &'static L) {
    let child = Child::fork(|| {
        let _guard = lock.hold();
        let waiter = Thread::asleep(|| panic!("it came in: {:?}", lock.enter()));
        at_exit(move || {
            assert!(!lock.try_enter());
            assert!(!waiter.is_done());
        });
        exit();
    });
    assert_eq!(child.wait(), End::Exited(0));
}

pub(crate) fn with_a_guard_alive<L: Lock>() {
    let (lock, _name) = make::<L>();
    exit_while_holding(lock);
    assert!(lock.try_enter());
}

/// What it held counts as a dead holder's.
pub(crate) fn with_a_guard_alive_between<L: Lock>() {
    let (lock, _name) = make::<L>();
    exit_while_holding(lock);
    assert_eq!(lock.enter(), L::DEATH);
    assert_eq!(lock.enter(), Entry::Cleanly);
}

/// A thread waits while the process exits: it does not keep that up.
pub(crate) fn while_a_thread_waits<C: Channel>() {
    let (channel, _name) = make::<C>();
    let child = Child::fork(|| {
        let waiter = Thread::asleep(|| channel.wait());
        at_exit(move || assert!(!waiter.is_done()));
        exit();
    });
    assert_eq!(child.wait(), End::Exited(0));
    // A signal is not lost on the dead.
    channel.signal();
    channel.wait();
}

/// A lock is used by a handler, when the thread's own variables are gone, also against a waiter.
pub(crate) fn used_by_a_handler<L: Lock>() {
    let (lock, _name) = make::<L>();
    let child = Child::fork(|| {
        assert_eq!(lock.enter(), Entry::Cleanly);
        let (go, ended) = (Event::new(), Event::new());
        let waiter = {
            let (go, ended) = (go.clone(), ended.clone());
            Thread::spawn(move || {
                go.wait();
                assert_eq!(lock.enter(), Entry::Cleanly);
                ended.happen();
            })
        };
        at_exit(move || {
            assert_eq!(lock.enter(), Entry::Cleanly);
            let guard = lock.hold();
            go.happen();
            waiter.until_asleep();
            drop(guard);
            ended.wait();
            // And the other way round.
            assert_eq!(lock.enter(), Entry::Cleanly);
        });
        exit();
    });
    assert_eq!(child.wait(), End::Exited(0));
    assert_eq!(lock.enter(), Entry::Cleanly);
}

pub(crate) fn channel_used_by_a_handler<C: Channel>() {
    let (channel, _name) = make::<C>();
    let child = Child::fork(|| {
        let ended = Event::new();
        let waiter = {
            let ended = ended.clone();
            Thread::asleep(move || {
                channel.wait();
                channel.signal();
                ended.happen();
            })
        };
        at_exit(move || {
            waiter.until_asleep();
            channel.signal();
            ended.wait();
            channel.wait();
            assert!(!channel.try_wait());
        });
        exit();
    });
    assert_eq!(child.wait(), End::Exited(0));
}
