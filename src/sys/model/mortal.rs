//! Threads that may be killed at any step, each for a process, and the kernel that buries them.
//!
//! A *step* is an access to an atomic that processes share, a change of the thread's robust list,
//! or a system call. A model kills a thread before its first step, then before its second, and so
//! on, each in a search of its own, until the thread gets through alive ([`mortal`]). A killed
//! thread unwinds. So it must run no destructor that a killed process would not run: models use the
//! raw locks, without guards.
//!
//! **The kernel** is a list of sleeping threads under a mutex of the model, which stands for the
//! locks of the kernel's futex table. A system call is one step for the thread that dies in it: the
//! kernel ends a thread on its way back, not in the middle. A thread killed in its sleep may die
//! before it is woken; or after, when no other thread is woken in its place. A thread that sleeps
//! on several words and is woken on one stays in the others' queues until it runs, as in the
//! kernel: a wake there may hit only this thread. A dead thread's robust list is handled as by the
//! kernel (`kernel/futex/core.c`, `handle_futex_death`).

mod kernel;

pub(crate) use kernel::{
    Watched, add_one_and_wake, clear_and_wake_all, is_alive, sleepers, wait, wake,
};

use super::super::Ordering;
use super::engine::sync::{Mutex, atomic};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// What a killed thread unwinds with.
struct Killed;

thread_local! {
    /// At which step each mortal thread of the model dies, and whether it has died.
    static FATES: [Cell<(u32, bool)>; MORTALS] =
        const { [const { Cell::new((0, false)) }; MORTALS] };
}

loom::thread_local! {
    /// How many steps this thread still makes, if it is mortal.
    static STEPS: Cell<Option<u32>> = Cell::new(None);
    // ORDERING: Relaxed; numbers that differ.
    static ME: u32 = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    /// How many processes have had this thread's number before.
    static BEFORE: Cell<u32> = Cell::new(0);
}

loom::lazy_static! {
    static ref NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1);
    static ref LISTS: std::sync::Mutex<BTreeMap<u32, RobustList>> = Default::default();
    static ref DEAD: Mutex<Vec<u32>> = Mutex::new(Vec::new());
}

/// How many threads of a model can be mortal.
pub const MORTALS: usize = 2;

/// Sets before which of their steps the mortal threads of the next models are killed.
pub fn set_fates(steps: [u32; MORTALS]) {
    FATES.with(|fates| {
        for (fate, step) in fates.iter().zip(steps) {
            fate.set((step, false));
        }
    });
}

/// Whether this mortal thread has been killed since `set_fates`. If not, all steps were tried.
pub fn has_died(which: usize) -> bool {
    FATES.with(|fates| fates[which].get().1)
}

/// Runs `life` as a process that may be killed, the first or the second. Returns `None` if it was.
pub(crate) fn mortal<R>(which: usize, life: impl FnOnce() -> R) -> Option<R> {
    let (step, _) = FATES.with(|fates| fates[which].get());
    STEPS.with(|steps| steps.set(Some(step)));
    let end = catch_unwind(AssertUnwindSafe(life));
    STEPS.with(|steps| steps.set(None));
    match end {
        Ok(result) => Some(result),
        Err(payload) if payload.is::<Killed>() => {
            FATES.with(|fates| fates[which].set((step, true)));
            kernel::bury();
            None
        }
        Err(payload) => resume_unwind(payload),
    }
}

/// Whether this thread dies now.
fn fated() -> bool {
    STEPS.with(|steps| match steps.get() {
        Some(0) => true,
        Some(left) => {
            steps.set(Some(left - 1));
            false
        }
        None => false,
    })
}

fn step() {
    if fated() {
        STEPS.with(|steps| steps.set(None));
        resume_unwind(Box::new(Killed));
    }
}

/// Atomics in memory that processes share: each access is a step.
macro_rules! atomics {
    ($($name:ident: $value:ty),*) => {$(
        #[derive(Debug)]
        pub(crate) struct $name(atomic::$name);

        impl $name {
            pub(crate) fn new(value: $value) -> Self {
                $name(atomic::$name::new(value))
            }

            pub(crate) fn load(&self, order: Ordering) -> $value {
                step();
                self.0.load(order)
            }

            pub(crate) fn store(&self, value: $value, order: Ordering) {
                step();
                self.0.store(value, order);
            }

            #[allow(dead_code, reason = "one list for all widths")]
            pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
                step();
                self.0.swap(value, order)
            }

            #[allow(dead_code, reason = "one list for all widths")]
            pub(crate) fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                step();
                self.0.compare_exchange(current, new, success, failure)
            }

            #[allow(dead_code, reason = "one list for all widths")]
            pub(crate) fn fetch_or(&self, bits: $value, order: Ordering) -> $value {
                step();
                self.0.fetch_or(bits, order)
            }

            #[allow(dead_code, reason = "one list for all widths")]
            pub(crate) fn fetch_and(&self, bits: $value, order: Ordering) -> $value {
                step();
                self.0.fetch_and(bits, order)
            }

            #[allow(dead_code, reason = "one list for all widths")]
            pub(crate) fn fetch_max(&self, other: $value, order: Ordering) -> $value {
                step();
                self.0.fetch_max(other, order)
            }

            #[allow(dead_code, reason = "one list for all widths")]
            pub(crate) fn fetch_add(&self, more: $value, order: Ordering) -> $value {
                step();
                self.0.fetch_add(more, order)
            }
        }
    )*};
}

atomics!(AtomicU32: u32, AtomicU64: u64);

/// A thread's list of the words that it holds, newest first.
#[derive(Default)]
struct RobustList {
    held: Vec<*const AtomicU32>,
    pending: Option<*const AtomicU32>,
}

// SAFETY: in a model all threads run on one thread of the system.
unsafe impl Send for RobustList {}

fn my_list<R>(change: impl FnOnce(&mut RobustList) -> R) -> R {
    let me = my_id();
    change(LISTS.lock().unwrap().entry(me).or_default())
}

/// The number that this thread leaves in words that it holds.
pub(crate) fn my_id() -> u32 {
    ME.with(|me| *me)
}

/// The generation of this thread's process, which differs from that of each of its ancestors.
pub(crate) fn my_generation() -> u32 {
    BEFORE.with(|before| before.get() << 16 | my_id())
}

/// Makes this killed thread go on as a process that descends from it and has got its number. The
/// new process inherits what the thread remembered.
pub(crate) fn live_again() {
    BEFORE.with(|before| before.set(before.get() + 1));
    let me = my_id();
    DEAD.lock().unwrap().retain(|dead| *dead != me);
}

pub(crate) fn pend(word: Option<&AtomicU32>) {
    step();
    my_list(|list| list.pending = word.map(|word| word as *const _));
}

pub(crate) fn link(word: &AtomicU32) {
    step();
    my_list(|list| list.held.insert(0, word));
}

pub(crate) fn unlink(word: &AtomicU32) {
    step();
    let word: *const AtomicU32 = word;
    my_list(|list| {
        let found = list.held.iter().position(|held| *held == word);
        list.held.remove(found.expect("it is in the list"));
    });
}

/// Whether this thread's list is that of a thread that holds nothing.
pub(crate) fn holds_nothing() -> bool {
    my_list(|list| list.held.is_empty() && list.pending.is_none())
}

/// Whether this thread's list has no pending operation.
pub(crate) fn nothing_is_pending() -> bool {
    my_list(|list| list.pending.is_none())
}

/// Whether no thread has been killed and buried.
pub(crate) fn all_are_alive() -> bool {
    DEAD.lock().unwrap().is_empty()
}
