//! Small programs of all operations. Each runs over the algorithms and over their specifications
//! (`loom-tests/litmus.rs` mounts this folder twice): an execution ends with a value, and the sets
//! of these values are compared.
//!
//! A program that could block for ever is none: a deadlock is no outcome.

mod condvar;
mod mutex;
mod rwlock;
mod semaphore;

use super::primitives;
use loom::thread;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One program.
#[allow(
    dead_code,
    reason = "what is said of a program is read in one of the two mounts"
)]
pub(crate) struct Program {
    /// With the file's.
    pub(crate) name: &'static str,
    /// How many preemptions the search over the algorithms allows; `None`: any number.
    pub(crate) preemptions: Option<usize>,
    /// What the specification allows beyond what that search finds; `None`: any number of things,
    /// because of the bound.
    pub(crate) beyond: Option<&'static [&'static str]>,
    /// One execution, and what came of it.
    pub(crate) body: fn() -> String,
}

/// Makes a list of programs of functions in scope: with a bound on preemptions, as in
/// [`anteroom::models`], and what the specification allows *beyond* what is found within it. Of a
/// *bounded* program, more would be found beyond the bound.
macro_rules! programs {
    ($($name:ident: $preemptions:tt $([$($beyond:tt)*])?),* $(,)?) => {
        pub(super) const PROGRAMS: &[super::Program] = &[$(super::Program {
            name: concat!(module_path!(), "::", stringify!($name)),
            preemptions: super::programs!(@bound $preemptions),
            beyond: super::programs!(@beyond $($($beyond)*)?),
            body: || format!("{:?}", $name()),
        }),*];
    };
    (@beyond $(beyond $($beyond:literal)*)?) => { Some(&[$($($beyond),*)?]) };
    (@beyond bounded) => { None };
    (@bound any) => { None };
    (@bound $preemptions:literal) => { Some($preemptions) };
}
use programs;

/// All of them.
pub(crate) fn all() -> impl Iterator<Item = &'static Program> {
    let lists = [
        mutex::PROGRAMS,
        condvar::PROGRAMS,
        rwlock::PROGRAMS,
        semaphore::PROGRAMS,
    ];
    lists.into_iter().flatten()
}

const A_WHILE: Duration = Duration::from_millis(1);
const ZERO: Duration = Duration::ZERO;

/// An instant that has passed, or does so before a thread can ask.
fn now() -> Instant {
    Instant::now()
}

/// Runs `other` on a thread of its own, beside `main`. The thread that ran `main` looks `after`
/// both at what they have left.
fn two<T: 'static, A: 'static, B, C>(
    it: T,
    other: impl FnOnce(&T) -> A + 'static,
    main: impl FnOnce(&T) -> B,
    after: impl FnOnce(&T) -> C,
) -> (A, B, C) {
    let it = Arc::new(it);
    let shared = it.clone();
    let other = thread::spawn(move || other(&shared));
    let main = main(&it);
    let other = other.join().unwrap();
    (other, main, after(&it))
}

/// As [`two`], with two other threads.
fn three<T: 'static, A: 'static, B: 'static, C, D>(
    it: T,
    first: impl FnOnce(&T) -> A + 'static,
    second: impl FnOnce(&T) -> B + 'static,
    main: impl FnOnce(&T) -> C,
    after: impl FnOnce(&T) -> D,
) -> (A, B, C, D) {
    let it = Arc::new(it);
    let (to_first, to_second) = (it.clone(), it.clone());
    let first = thread::spawn(move || first(&to_first));
    let second = thread::spawn(move || second(&to_second));
    let main = main(&it);
    let (first, second) = (first.join().unwrap(), second.join().unwrap());
    (first, second, main, after(&it))
}

/// What `call` returns, or says when it panics.
fn or_panic<R: Debug>(call: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(ToString::to_string);
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        text.unwrap_or_else(|| std::panic::resume_unwind(panic))
    })
}
