//! What a model runs on instead of the operating system: loom's cells, a parking lot that really
//! blocks, and time as a choice.
//!
//! What is said of loom here holds for shuttle too, except that shuttle draws executions at random
//! where loom explores all of them, and has no cells.
//!
//! **The lot.** Each key has a queue under a mutex of the model, with the functions and callbacks
//! of parking_lot_core. What that crate runs under its bucket's lock runs here under the queue's.
//! An untimed park blocks for good, so a lost wake-up is a deadlock, which loom reports.
//!
//! **Time.** A timed park never sleeps. It joins the queue, releases it, and locks it again; if no
//! thread has unparked it meanwhile, it has timed out. Loom explores every order of those steps and
//! the other threads'. So every timeout that could happen does, early or late. There is no clock: a
//! deadline that exists has passed as soon as a thread asks. A parked waiter looks by itself when
//! no other thread can run, if the model asks for that ([`Choices::looking`]).
//!
//! **Choices** ([`Choices`]) are left to the model:
//! - whether waiters starve, and so ask for a direct handoff;
//! - bare wakes: being unparked orders memory, which may hide a missing Acquire; with bare wakes
//!   the woken thread learns that it was woken, and nothing else;
//! - weak compare-exchanges that fail for no reason ([`weak`]).
//!
//! **Processes** that share memory, and are killed at any step, are [`mortal`] threads.
//!
//! **Left out.** A queue's mutex orders memory between its users, as the real one does. So a model
//! cannot show that an ordering is needed where that mutex gives it already.

pub(crate) mod face;
pub(crate) mod interface;
#[cfg(all(feature = "ipc", target_os = "linux", not(shuttle)))]
pub(crate) mod ipc;
pub(crate) mod lot;
#[cfg(not(shuttle))]
pub mod lot_itself;
#[cfg(not(shuttle))]
pub(crate) mod mortal;
pub(crate) mod policy;
#[cfg(not(shuttle))]
pub mod specified;
pub(crate) mod weak;

use super::{Ordering, engine};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::ops::Deref;

/// See [`crate::sys::Access`].
#[cfg(not(shuttle))]
pub(crate) struct Access(loom::cell::UnsafeCell<()>);

// SAFETY: the cell holds nothing: loom only judges the accesses. Loom runs all threads of a model
// on one thread of the system.
#[cfg(not(shuttle))]
unsafe impl Sync for Access {}

#[cfg(not(shuttle))]
impl Access {
    pub(crate) fn new() -> Self {
        Access(loom::cell::UnsafeCell::new(()))
    }

    pub(crate) fn shared(&self) {
        self.0.with(|_| ());
    }

    pub(crate) fn exclusive(&self) {
        self.0.with_mut(|_| ());
    }
}

/// A static whose memory stays until the next execution. A joined thread has yet to run the
/// destructors of its thread-locals. By then loom may have dropped the statics that they use.
pub(crate) struct Kept<T: 'static>(Option<Box<T>>);

thread_local! {
    static KEPT: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
}

impl<T: 'static> Kept<T> {
    pub(crate) fn new(it: T) -> Self {
        KEPT.take();
        Kept(Some(Box::new(it)))
    }
}

impl<T: 'static> Deref for Kept<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("only dropping takes it out")
    }
}

impl<T: 'static> Drop for Kept<T> {
    fn drop(&mut self) {
        if let Some(it) = self.0.take() {
            KEPT.with_borrow_mut(|kept| kept.push(it));
        }
    }
}

pub(crate) fn fence_seq_cst() {
    // ORDERING: SeqCst, for both sides of `crate::sys::fence`.
    engine::sync::atomic::fence(engine::sync::atomic::Ordering::SeqCst);
    if PAUSES.try_with(Cell::get).is_ok_and(|pauses| pauses) {
        engine::thread::yield_now();
    }
}

/// A model.
#[derive(Debug)]
pub struct Model {
    /// Its name, after that of its module.
    pub name: &'static str,
    /// How many preemptions of a running thread its search allows. `None`: any number.
    pub preemptions: Option<usize>,
    /// How it differs from the usual. `loom-tests/model.rs` explains the words.
    pub how: &'static [&'static str],
    /// One execution of it.
    pub body: fn(),
}

/// Makes a list of models from functions in scope. `any` searches without a bound on preemptions.
/// The words after that say how a model differs from the usual.
#[doc(hidden)]
#[macro_export]
macro_rules! models {
    ($($name:ident: $preemptions:tt $($how:ident)*),* $(,)?) => {
        pub(crate) const MODELS: &[$crate::Model] = &[$($crate::Model {
            name: concat!(module_path!(), "::", stringify!($name) $(, "_", stringify!($how))*),
            preemptions: $crate::models!(@bound $preemptions),
            how: &[$(stringify!($how)),*],
            body: $name,
        }),*];
    };
    (@bound any) => { None };
    (@bound $preemptions:literal) => { Some($preemptions) };
}

/// What a model leaves to choice.
#[derive(Clone, Copy, Default, Debug)]
pub struct Choices {
    /// Whether waiters always ask for a direct handoff, or never do.
    pub impatient: bool,
    /// How readers are biased.
    pub bias: Bias,
    /// Whether being woken orders nothing. Then a lock relies only on its own orderings.
    pub bare_wakes: bool,
    /// Whether a weak compare-exchange fails every other time.
    pub weak_fails: bool,
    /// Whether the kernel wakes the newest sleeper first: it promises no order.
    pub newest_first: bool,
    /// Whether other threads run while a thread joins the queues of several words.
    pub one_by_one: bool,
    /// Whether a waiter looks once more each time before it may sleep, as a spinning one does.
    pub awake: bool,
    /// Whether every lease is over as soon as a thread asks, or none ever is.
    pub stalled: bool,
    /// Whether a lease is over for each thread that has ever watched, and for no other.
    pub lasting: bool,
    /// Whether parked waiters look by themselves when no other thread can run.
    pub looking: bool,
}

thread_local! {
    static CHOICES: Cell<Choices> = Cell::new(Choices::default());
}

super::thread_locals! {
    static STOP: RefCell<Option<std::sync::Arc<engine::sync::Mutex<()>>>> = RefCell::new(None);
    static PAUSES: Cell<bool> = Cell::new(false);
}

/// From now on, the calling thread of the model lets others run after each of its full fences.
/// (Loom does not see that a load there is in the way of another thread's exchange, which comes
/// after a load of its own.)
pub fn pause_after_fences() {
    PAUSES.with(|pauses| pauses.set(true));
}

/// From now on, the calling thread is stopped each time it is woken, as a signal handler may stop a
/// thread. It goes on when it can lock `gate`.
pub fn stop_when_woken(gate: std::sync::Arc<engine::sync::Mutex<()>>) {
    STOP.with(|stop| *stop.borrow_mut() = Some(gate));
}

fn stop_if_wanted() {
    let gate = STOP.with(|stop| stop.borrow_mut().take());
    if let Some(gate) = gate {
        drop(gate.lock().unwrap());
        STOP.with(|stop| *stop.borrow_mut() = Some(gate));
    }
}

/// Sets the choices of the models that this thread runs next.
pub fn set_choices(choices: Choices) {
    CHOICES.set(choices);
}

fn impatient() -> bool {
    CHOICES.get().impatient
}

fn weak_fails() -> bool {
    CHOICES.get().weak_fails
}

#[cfg(not(shuttle))]
fn newest_first() -> bool {
    CHOICES.get().newest_first
}

#[cfg(not(shuttle))]
fn joins_one_by_one() -> bool {
    CHOICES.get().one_by_one
}

pub(crate) fn looking() -> bool {
    CHOICES.get().looking
}

fn bare_wakes() -> bool {
    CHOICES.get().bare_wakes
}

/// Whether readers of an [`RwLock`](crate::RwLock) publish themselves in slot rows.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Bias {
    /// Never.
    #[default]
    Never,
    /// After each counted read. Then every biased read makes the lock asymmetric.
    Warming,
    /// From the first read on, with an exchange, until a writer comes.
    OwnLine,
    /// From the first read on, with a light fence, until a writer comes.
    Asymmetric,
}

pub(crate) fn bias() -> Bias {
    CHOICES.get().bias
}
