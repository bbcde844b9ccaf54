//! A thread ends while it has a guard: in a thread-local, forgotten, or leaked.

use crate::peers::SignalsAndHolds;
use crate::subjects::{Channel, Condvar, Entry, Lock, Pipe, SharedCondvar, Subject, locked};
use crate::tools::{Event, Thread, make};
use std::any::Any;
use std::cell::RefCell;
use std::io::{ErrorKind, Read};

thread_local! {
    /// Dropped when the thread ends.
    static KEPT: RefCell<Option<Box<dyn Any>>> = const { RefCell::new(None) };
}

/// From now on the thread keeps it until its end.
fn keep<T: 'static>(it: T) {
    KEPT.with(|kept| *kept.borrow_mut() = Some(Box::new(it)));
}

fn leak<T>(it: T) {
    Box::leak(Box::new(it));
}

/// A thread takes the lock, does that with the guard, and ends, while another one waits. Before it
/// takes the lock, it does `first`. The waiter gets in, and learns what a `waiter` does.
fn end_with<L: Lock>(first: fn(), end: fn(L::Guard<'static>), waiter: Entry) {
    let (lock, _name) = make::<L>();
    let (held, go) = (Event::new(), Event::new());
    let holder = {
        let (held, go) = (held.clone(), go.clone());
        Thread::spawn(move || {
            first();
            let guard = lock.hold();
            held.happen();
            go.wait();
            end(guard);
        })
    };
    held.wait();
    assert!(!lock.try_enter());
    let waiter = Thread::asleep(move || assert_eq!(lock.enter(), waiter));
    assert!(!waiter.is_done());
    go.happen();
    holder.join();
    waiter.join();
    assert_eq!(lock.enter(), Entry::Cleanly);
}

/// The guard is dropped with the thread-local. That is destroyed before what the crate keeps for
/// the thread, or after it: as they were first used.
pub(crate) fn guard_in_a_thread_local<L: Lock>() {
    end_with::<L>(|| (), keep, Entry::Cleanly);
    end_with::<L>(|| keep(()), keep, Entry::Cleanly);
}

/// It stays held for ever, and nothing else does.
fn stays_held<L: Lock>(end: fn(L::Guard<'static>)) {
    let (lock, _name) = make::<L>();
    Thread::spawn(move || end(lock.hold())).join();
    assert!(!lock.try_enter());
    let (other, _name) = make::<L>();
    let guard = other.hold();
    let waiter = Thread::asleep(|| assert_eq!(other.enter(), Entry::Cleanly));
    drop(guard);
    waiter.join();
    assert!(!lock.try_enter());
}

pub(crate) fn forgotten_guard<L: Lock>() {
    stays_held::<L>(std::mem::forget);
}

pub(crate) fn leaked_guard<L: Lock>() {
    stays_held::<L>(leak);
}

/// The end of a thread counts as its death.
pub(crate) fn forgotten_guard_between<L: Lock>() {
    end_with::<L>(|| (), std::mem::forget, L::DEATH);
}

pub(crate) fn leaked_guard_between<L: Lock>() {
    end_with::<L>(|| (), leak, L::DEATH);
}

/// A thread notifies, and ends with the mutex: a waiter has been notified, and waits for the mutex.
fn notify_and_end_with(end: fn(anteroom::MutexGuard<'static, u64>)) -> (Thread, bool) {
    let (condvar, _name) = make::<Condvar>();
    let waiter = Thread::asleep(|| condvar.wait());
    let notifier = Thread::spawn(move || {
        let mut signals = condvar.0.lock();
        *signals += 1;
        condvar.1.notify_one();
        end(signals);
    });
    notifier.join();
    (waiter, condvar.0.is_locked())
}

pub(crate) fn condvar_guard_in_a_thread_local() {
    notify_and_end_with(keep).0.join();
}

fn condvar_mutex_stays_held(end: fn(anteroom::MutexGuard<'static, u64>)) {
    let (waiter, is_locked) = notify_and_end_with(end);
    assert!(is_locked && !waiter.is_done());
    // Other condition variables work.
    let (condvar, _name) = make::<Condvar>();
    let other = Thread::asleep(|| condvar.wait());
    condvar.signal();
    other.join();
}

pub(crate) fn condvar_guard_forgotten() {
    condvar_mutex_stays_held(std::mem::forget);
}

pub(crate) fn condvar_guard_leaked() {
    condvar_mutex_stays_held(leak);
}

/// The waiter gets the mutex of the thread that has ended.
fn shared_condvar_waiter_wakes(end: fn(anteroom::ipc::MutexGuard<'static, u64>)) {
    let (condvar, _name) = make::<SharedCondvar>();
    let waiter = Thread::asleep(|| condvar.wait());
    let notifier = Thread::spawn(move || {
        let (mut signals, _) = locked(&condvar.0.mutex);
        *signals += 1;
        condvar.0.condvar.notify_one();
        end(signals);
    });
    notifier.join();
    waiter.join();
}

/// As above, of the C library.
pub(crate) fn peer_ends_with_the_mutex<C: SignalsAndHolds>() {
    let (condvar, _name) = make::<C>();
    let waiter = Thread::asleep(|| condvar.wait());
    Thread::spawn(|| condvar.signal_and_hold()).join();
    waiter.join();
}

pub(crate) fn shared_condvar_guard_in_a_thread_local() {
    shared_condvar_waiter_wakes(keep);
}

pub(crate) fn shared_condvar_guard_forgotten() {
    shared_condvar_waiter_wakes(std::mem::forget);
}

pub(crate) fn shared_condvar_guard_leaked() {
    shared_condvar_waiter_wakes(leak);
}

/// A thread uses a mapping of its own, does that with it, and ends. Others do not notice.
fn channel_end_with<C: Channel>(end: fn(C)) {
    let (channel, name) = make::<C>();
    Thread::spawn(move || {
        let again = C::open(&name).expect("it has a name");
        again.signal();
        end(again);
    })
    .join();
    channel.wait();
    let waiter = Thread::asleep(|| channel.wait());
    channel.signal();
    waiter.join();
}

pub(crate) fn channel_in_a_thread_local<C: Channel>() {
    channel_end_with::<C>(keep);
}

pub(crate) fn forgotten_channel<C: Channel>() {
    channel_end_with::<C>(std::mem::forget);
}

pub(crate) fn leaked_channel<C: Channel>() {
    channel_end_with::<C>(leak);
}

/// The end of a pipe in a thread-local is closed with it.
pub(crate) fn pipe_in_a_thread_local() {
    let Pipe(mut reader, writer) = Pipe::make("");
    Thread::spawn(move || keep(writer)).join();
    assert_eq!(reader.read(&mut [0]).unwrap(), 0, "the end of the file");
}

/// The end of a pipe stays open as long as the process lives.
fn pipe_stays_open(end: fn(anteroom::ipc::PipeWriter)) {
    let Pipe(reader, writer) = Pipe::make("");
    Thread::spawn(move || end(writer)).join();
    let error = reader.try_read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
}

pub(crate) fn forgotten_pipe() {
    pipe_stays_open(std::mem::forget);
}

pub(crate) fn leaked_pipe() {
    pipe_stays_open(leak);
}
