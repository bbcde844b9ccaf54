//! A process executes another program while it holds a lock.

use crate::subjects::{Channel, Entry, Lock, Pipe, SharedMutex, Subject};
use crate::tools::{Thread, make};
use anteroom::ipc::TryLockError;
use common::processes::{Child, End, until, until_asleep};
use std::ffi::CString;
use std::io::Read;

/// The argument with which this program is the other one: then a subject's name and its name in
/// shared memory follow.
pub(crate) const AFTER_EXEC: &str = "--after-exec";

/// What the other program's exit code says.
const CLEANLY: i32 = 40;
const AFTER_DEATH: i32 = 41;

/// Replaces the program of this process by this one, with those arguments.
fn execute(arguments: &[&str]) {
    let program = CString::new("/proc/self/exe").unwrap();
    let arguments: Vec<_> = arguments
        .iter()
        .map(|it| CString::new(*it).unwrap())
        .collect();
    let mut pointers = vec![program.as_ptr()];
    pointers.extend(arguments.iter().map(|it| it.as_ptr()));
    pointers.push(std::ptr::null());
    // SAFETY: the texts end with a zero byte, and the array with a null pointer.
    unsafe { libc::execv(program.as_ptr(), pointers.as_ptr()) };
    panic!("execv: {}", std::io::Error::last_os_error());
}

/// The other program's main, for a lock.
pub(crate) fn enter<L: Lock>(name: &str) -> i32 {
    let lock = L::open(name).unwrap_or_else(|| L::make(name));
    match lock.enter() {
        Entry::Cleanly => CLEANLY,
        Entry::AfterDeath => AFTER_DEATH,
    }
}

/// The other program's main, for a channel.
pub(crate) fn signal<C: Channel>(name: &str) -> i32 {
    C::open(name).expect("it has a name").signal();
    CLEANLY
}

/// The new program has none of the old one's memory, so its locks are new.
pub(crate) fn by_the_holder<L: Lock>() {
    let (lock, name) = make::<L>();
    let child = Child::fork(|| {
        let _guard = lock.hold();
        execute(&[AFTER_EXEC, L::NAME, &name]);
    });
    assert_eq!(child.wait(), End::Exited(CLEANLY));
    assert!(lock.try_enter());
}

/// What the old program held counts as a dead holder's. The new program sees that, by the name.
pub(crate) fn by_the_holder_between<L: Lock>() {
    let (lock, name) = make::<L>();
    let outcome = match L::DEATH {
        Entry::Cleanly => CLEANLY,
        Entry::AfterDeath => AFTER_DEATH,
    };
    let child = Child::fork(|| {
        let _guard = lock.hold();
        execute(&[AFTER_EXEC, L::NAME, &name]);
    });
    assert_eq!(child.wait(), End::Exited(outcome));
    assert_eq!(lock.enter(), Entry::Cleanly);
}

/// A process that executes another program while it waits waits no more: the signal is another's.
pub(crate) fn while_it_is_waited_for<C: Channel>() {
    let (channel, name) = make::<C>();
    let waiter = Thread::asleep(|| channel.wait());
    let child = Child::fork(|| execute(&[AFTER_EXEC, C::NAME, &name]));
    assert_eq!(child.wait(), End::Exited(CLEANLY));
    waiter.join();
}

/// Another program has no end of the pipe: a reader comes to the end of the file.
pub(crate) fn closes_the_ends_of_a_pipe() {
    let Pipe(mut reader, writer) = Pipe::make("");
    // As large as a program: it sleeps until it is killed.
    let child = Child::fork(|| {
        let sleep = c"/bin/sleep".as_ptr();
        // SAFETY: the texts end with a zero byte, and the arguments with a null pointer.
        unsafe { libc::execl(sleep, sleep, c"1000".as_ptr(), std::ptr::null::<u8>()) };
    });
    drop(writer);
    assert_eq!(reader.read(&mut [0]).unwrap(), 0);
    until_asleep(child.pid());
    child.kill();
}

/// The condition variable of the new program is a new one.
pub(crate) fn makes_a_new_condvar() {
    let child = Child::fork(|| execute(&[AFTER_EXEC, "condvar", ""]));
    assert_eq!(child.wait(), End::Exited(CLEANLY));
}

/// The other program's main, for that.
pub(crate) fn signal_a_new_one<C: Channel>(name: &str) -> i32 {
    let channel = C::make(name);
    channel.signal();
    channel.wait();
    CLEANLY
}

/// Another thread than the main one executes a program while it holds a lock: that stays held.
pub(crate) fn by_another_thread() {
    let (lock, _name) = make::<SharedMutex>();
    let child = Child::fork(|| {
        let other = std::thread::spawn(|| {
            std::mem::forget(lock.hold());
            let sleep = c"/bin/sleep".as_ptr();
            // SAFETY: the texts end with a zero byte, and the arguments with a null pointer.
            unsafe { libc::execl(sleep, sleep, c"1000".as_ptr(), std::ptr::null::<u8>()) };
        });
        other.join().expect("it executes another program");
    });
    let name = format!("/proc/{}/comm", child.pid());
    until("executed", || {
        std::fs::read_to_string(&name).is_ok_and(|it| it == "sleep\n")
    });
    let is_held = || matches!(lock.0.try_lock(), Err(TryLockError::WouldBlock));
    assert!(is_held());
    child.kill();
    assert!(is_held());
}
