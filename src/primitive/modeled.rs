//! What a model runs on instead of the operating system: loom's cells, a parking lot that really blocks,
//! time as a choice. What is said of loom here holds for shuttle too, which draws its executions where loom explores
//! them all, except that shuttle has no cells.
//!
//! **The lot.** A queue under a mutex of the model for each key, with the functions and the callbacks of parking_lot_core:
//! what that crate runs under its bucket's lock runs here under the queue's. An untimed park blocks for good, so
//! a lost wake-up is a deadlock, which loom reports.
//!
//! **Time.** A timed park never sleeps: it joins the queue, lets go of it, takes it again, and if nobody
//! has unparked it in between it has timed out. Loom explores every order of those steps against everybody
//! else's, so every timeout that could happen does, early or late. There is no clock: a deadline that exists
//! has passed as soon as anybody asks.
//!
//! **Patience** (when a waiter asks for a hand-over) is a choice of the model's ([`Choices`]).
//!
//! **Bare wakes** are another one. Being unparked orders memory, so a missing Acquire may go unnoticed behind it. With bare
//! wakes the woken thread learns that it was woken, and nothing else.
//!
//! What this leaves out: a queue's mutex orders memory between those who use it, as the real one does; a model cannot show
//! that an ordering is needed where it is given there already.

use super::model;
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::ops::Deref;

/// See [`crate::primitive::Access`].
#[cfg(not(shuttle))]
pub(crate) struct Access(loom::cell::UnsafeCell<()>);

// SAFETY: the cell holds nothing; it exists for loom to judge the accesses, and loom runs all threads of a
// model on one thread of the system.
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

/// A static whose memory stays until the next execution. A thread that has been joined still has to run the destructors
/// of its thread-locals, by when loom may have dropped the statics that they use.
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
    // ORDERING: full, for both of `crate::fence`'s sides.
    model::sync::atomic::fence(model::sync::atomic::Ordering::SeqCst);
}

/// What a model leaves to choice.
#[derive(Clone, Copy, Default, Debug)]
pub struct Choices {
    /// Whether waiters always ask for a hand-over, or never do.
    pub impatient: bool,
    /// How readers are biased.
    pub bias: Bias,
    /// Whether being woken orders nothing: then every ordering that a lock relies on must be its own.
    pub bare_wakes: bool,
}

thread_local! {
    static CHOICES: Cell<Choices> = Cell::new(Choices::default());
}

/// Chooses for this thread's models.
pub fn set_choices(choices: Choices) {
    CHOICES.set(choices);
}

fn impatient() -> bool {
    CHOICES.get().impatient
}

fn bare_wakes() -> bool {
    CHOICES.get().bare_wakes
}

/// Whether readers of an [`RwLock`](crate::RwLock) publish themselves in rows of their own.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Bias {
    /// Never.
    #[default]
    Never,
    /// After some ordinary reads, as on real threads, and then every biased read makes the lock asymmetric.
    Warming,
    /// From the first read on, with an exchange, until there is a writer; and then again after some reads.
    OwnLine,
    /// From the first read on, with a light fence, until there is a writer; and then as `OwnLine`.
    Asymmetric,
}

pub(crate) fn bias() -> Bias {
    CHOICES.get().bias
}

pub(crate) struct Patience {
    asked: bool,
}

impl Patience {
    pub(crate) fn new() -> Self {
        Patience { asked: false }
    }

    pub(crate) fn exhausted(&mut self) -> bool {
        impatient()
    }

    pub(crate) fn limit(deadline: crate::deadline::Deadline) -> crate::deadline::Deadline {
        deadline
    }

    /// For ever, or, for the impatient, for one sleep that may end at any time.
    pub(crate) fn left(&mut self) -> Option<std::time::Duration> {
        let asked = std::mem::replace(&mut self.asked, true);
        match impatient() {
            false => Some(std::time::Duration::MAX),
            true => (!asked).then_some(std::time::Duration::ZERO),
        }
    }
}

/// In a model a thread that spins only repeats what parking explores, so it never does. The names are those of
/// `src/spin.rs`.
pub(crate) mod spin {
    pub(crate) struct Spin;

    impl Spin {
        pub(crate) fn new() -> Self {
            Spin
        }

        pub(crate) fn hot() -> Self {
            Spin
        }

        pub(crate) fn woken() -> Self {
            Spin
        }

        pub(crate) fn is_rested(&mut self) -> bool {
            false
        }

        pub(crate) fn got_it(self) {}

        pub(crate) fn again(&mut self) -> bool {
            false
        }
    }

    pub(crate) fn give_way() {}
}

/// Those of `src/turns.rs`: where waiters are impatient, every turn is a hand-over.
pub(crate) mod turns {
    pub(crate) fn due(_: usize) -> bool {
        super::impatient()
    }

    pub(crate) fn due_by_sample(address: usize) -> bool {
        due(address)
    }

    pub(crate) fn taken(_: usize) {}
}

/// The same names as parking_lot_core has; its documentation says what each does.
pub(crate) mod lot {
    use super::model::sync::Mutex;
    use super::model::sync::atomic::AtomicUsize;
    use super::model::sync::atomic::Ordering::{Acquire, Release};
    use super::model::thread::{self, Thread};
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::time::Instant;

    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(crate) struct ParkToken(pub(crate) usize);

    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(crate) struct UnparkToken(pub(crate) usize);

    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(crate) enum ParkResult {
        Unparked(UnparkToken),
        Invalid,
        TimedOut,
    }

    #[derive(Clone, Copy, Default)]
    pub(crate) struct UnparkResult {
        pub(crate) unparked_threads: usize,
        pub(crate) requeued_threads: usize,
        pub(crate) have_more_threads: bool,
    }

    #[derive(Clone, Copy, PartialEq, Eq)]
    pub(crate) enum FilterOp {
        Unpark,
        Skip,
        Stop,
    }

    #[derive(Clone, Copy, PartialEq, Eq)]
    pub(crate) enum RequeueOp {
        Abort,
        UnparkOneRequeueRest,
        RequeueAll,
    }

    /// A parked thread, in the queue of its key. The std mutexes are never held across a step of the model.
    struct Parked {
        thread: Thread,
        token: ParkToken,
        key: std::sync::Mutex<usize>,
        asleep: std::sync::Mutex<bool>,
        woken: std::sync::Mutex<Option<UnparkToken>>,
        /// Orders what came before the wake-up before what comes after the park, as a real wake-up does.
        bell: AtomicUsize,
    }

    impl Parked {
        fn key(&self) -> usize {
            *self.key.lock().unwrap()
        }

        fn wake(&self, token: UnparkToken) {
            if super::bare_wakes() {
                *self.woken.lock().unwrap() = Some(token);
                return;
            }
            // ORDERING: Release pairs with the Acquire in `wait`.
            self.bell.fetch_add(1, Release);
            *self.woken.lock().unwrap() = Some(token);
            // Loom takes an unpark for the end of whatever the thread is blocked on: only if that is `wait`.
            if *self.asleep.lock().unwrap() {
                self.thread.unpark();
            }
        }

        fn wait(&self) -> UnparkToken {
            while super::bare_wakes() {
                if let Some(token) = *self.woken.lock().unwrap() {
                    return token;
                }
                thread::yield_now();
            }
            let mut strays = false;
            loop {
                if let Some(token) = *self.woken.lock().unwrap() {
                    // ORDERING: Acquire pairs with the Release in `wake`.
                    self.bell.fetch_add(1, Acquire);
                    if strays {
                        // It was the model's own unpark, which the model will want to see.
                        self.thread.unpark();
                    }
                    return token;
                }
                *self.asleep.lock().unwrap() = true;
                thread::park();
                *self.asleep.lock().unwrap() = false;
                strays |= self.woken.lock().unwrap().is_none();
            }
        }
    }

    type Queue = Arc<Mutex<Vec<Arc<Parked>>>>;

    super::model::lazy_static! {
        static ref QUEUES: std::sync::Mutex<BTreeMap<usize, Queue>> = Default::default();
    }

    fn queue(key: usize) -> Queue {
        QUEUES.lock().unwrap().entry(key).or_default().clone()
    }

    /// Whether no thread is parked.
    pub(crate) fn is_empty() -> bool {
        let queues = QUEUES.lock().unwrap().clone();
        queues
            .values()
            .all(|queue| queue.lock().unwrap().is_empty())
    }

    /// # Safety
    /// As parking_lot_core's.
    pub(crate) unsafe fn park(
        key: usize,
        validate: impl FnOnce() -> bool,
        before_sleep: impl FnOnce(),
        timed_out: impl FnOnce(usize, bool),
        token: ParkToken,
        timeout: Option<Instant>,
    ) -> ParkResult {
        let parked = {
            let queue = queue(key);
            let mut queue = queue.lock().unwrap();
            if !validate() {
                return ParkResult::Invalid;
            }
            let parked = Arc::new(Parked {
                thread: thread::current(),
                token,
                key: key.into(),
                asleep: false.into(),
                woken: None.into(),
                bell: AtomicUsize::new(0),
            });
            queue.push(parked.clone());
            parked
        };
        before_sleep();

        while timeout.is_some() {
            let key = parked.key();
            let queue = queue(key);
            let mut queue = queue.lock().unwrap();
            if parked.key() != key {
                continue; // It was moved meanwhile.
            }
            let Some(here) = queue.iter().position(|p| Arc::ptr_eq(p, &parked)) else {
                break; // Somebody has taken it out, and will wake it.
            };
            queue.remove(here);
            timed_out(key, queue.is_empty());
            return ParkResult::TimedOut;
        }
        ParkResult::Unparked(parked.wait())
    }

    /// # Safety
    /// As parking_lot_core's.
    pub(crate) unsafe fn unpark_filter(
        key: usize,
        mut filter: impl FnMut(ParkToken) -> FilterOp,
        callback: impl FnOnce(UnparkResult) -> UnparkToken,
    ) -> UnparkResult {
        let mut chosen = Vec::new();
        let (result, token) = {
            let queue = queue(key);
            let mut queue = queue.lock().unwrap();
            let mut next = 0;
            while next < queue.len() {
                match filter(queue[next].token) {
                    FilterOp::Unpark => chosen.push(queue.remove(next)),
                    FilterOp::Skip => next += 1,
                    FilterOp::Stop => break,
                }
            }
            let result = UnparkResult {
                unparked_threads: chosen.len(),
                requeued_threads: 0,
                have_more_threads: !queue.is_empty(),
            };
            (result, callback(result))
        };
        for parked in chosen {
            parked.wake(token);
        }
        result
    }

    /// # Safety
    /// As parking_lot_core's.
    pub(crate) unsafe fn unpark_one(
        key: usize,
        callback: impl FnOnce(UnparkResult) -> UnparkToken,
    ) -> UnparkResult {
        let mut found = false;
        let first = |_| match std::mem::replace(&mut found, true) {
            false => FilterOp::Unpark,
            true => FilterOp::Stop,
        };
        // SAFETY: the caller's promise is the same.
        unsafe { unpark_filter(key, first, callback) }
    }

    /// # Safety
    /// As parking_lot_core's.
    pub(crate) unsafe fn unpark_requeue(
        from: usize,
        to: usize,
        validate: impl FnOnce() -> RequeueOp,
        callback: impl FnOnce(RequeueOp, UnparkResult) -> UnparkToken,
    ) -> UnparkResult {
        let mut chosen = None;
        let (result, token) = {
            // In the order of the keys, as everybody who takes two.
            let first = queue(from.min(to));
            let second = queue(from.max(to));
            let mut first = first.lock().unwrap();
            let mut second = second.lock().unwrap();
            let (source, target) = match from < to {
                true => (&mut first, &mut second),
                false => (&mut second, &mut first),
            };
            let op = validate();
            let mut result = UnparkResult::default();
            if op != RequeueOp::Abort {
                let mut moved = std::mem::take(&mut **source);
                if op == RequeueOp::UnparkOneRequeueRest && !moved.is_empty() {
                    chosen = Some(moved.remove(0));
                    result.unparked_threads = 1;
                }
                result.requeued_threads = moved.len();
                for parked in moved {
                    *parked.key.lock().unwrap() = to;
                    target.push(parked);
                }
            }
            (result, callback(op, result))
        };
        if let Some(parked) = chosen {
            parked.wake(token);
        }
        result
    }
}
