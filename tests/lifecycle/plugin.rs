//! A plugin with a copy of the crate of its own, which `copies.rs` builds and loads: it does to a
//! subject what the host says, and answers with a number.

#[allow(dead_code, reason = "a plugin uses a part of it")]
mod subjects;

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use subjects::*;

thread_local! {
    /// What this thread holds, until it is told to release it.
    static HELD: RefCell<Option<Box<dyn Any>>> = const { RefCell::new(None) };
}

fn use_lock<L: Lock>(lock: &'static L, operation: &str) -> i32 {
    match operation {
        "enter" => i32::from(lock.enter() == Entry::Cleanly),
        "try_enter" => i32::from(lock.try_enter()),
        "hold" => {
            let guard: L::Guard<'static> = lock.hold();
            let guard = Box::new(guard);
            HELD.with(|held| *held.borrow_mut() = Some(guard));
            1
        }
        "release" => i32::from(HELD.with(|held| held.borrow_mut().take()).is_some()),
        _ => panic!("{operation}"),
    }
}

fn use_channel<C: Channel>(channel: &'static C, operation: &str) -> i32 {
    match operation {
        "wait" => channel.wait(),
        "signal" => channel.signal(),
        "try_wait" => return i32::from(channel.try_wait()),
        _ => panic!("{operation}"),
    }
    1
}

/// The subject at this address, which the host keeps; or the one of this name, which this opens and
/// keeps.
fn found<S: Subject>(address: *const (), name: &str) -> &'static S {
    match name {
        // SAFETY: the host says so.
        "" => unsafe { &*address.cast::<S>() },
        name => Box::leak(Box::new(S::open(name).expect("it has a name"))),
    }
}

fn call(kind: &str, address: *const (), name: &str, operation: &str) -> i32 {
    macro_rules! by_kind {
        ($($use:ident: $($subject:ident)*;)*) => {
            match kind {
                $($($subject::NAME => $use::<$subject>(found(address, name), operation),)*)*
                _ => panic!("{kind}"),
            }
        };
    }
    by_kind! {
        use_lock: Mutex Written ReadLocked Semaphore;
        use_lock: SharedMutex SharedWritten SharedRead SharedSemaphore;
        use_channel: Condvar SharedCondvar Queue Pipe Named Memory;
    }
}

/// A text of the host's: where it is, and how many bytes.
#[repr(C)]
pub struct Text {
    start: *const u8,
    length: usize,
}

impl Text {
    /// # Safety
    /// There are so many bytes, which stay as they are while this is used.
    unsafe fn get(&self) -> &str {
        // SAFETY: the caller's promise.
        let bytes = unsafe { std::slice::from_raw_parts(self.start, self.length) };
        std::str::from_utf8(bytes).unwrap()
    }
}

/// Does `operation` to a subject of this kind: the one at this address, or, if it has one, of this
/// name. Answers 1 for yes, 0 for no, and -1 for a panic.
///
/// # Safety
/// There is such a subject, which lives as long as the process; the texts are texts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn anteroom_plugin(
    kind: &Text,
    address: *const (),
    name: &Text,
    operation: &Text,
) -> i32 {
    // SAFETY: the caller's promise.
    let [kind, name, operation] = [kind, name, operation].map(|text| unsafe { text.get() });
    let done = catch_unwind(AssertUnwindSafe(|| call(kind, address, name, operation)));
    done.unwrap_or(-1)
}
