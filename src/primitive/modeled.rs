//! What a model runs on instead of the operating system: loom's cells, a parking lot that really blocks,
//! time as a choice.
//!
//! **The lot.** One queue under one loom mutex, with the functions and the callbacks of parking_lot_core: what
//! that crate runs under its bucket's lock runs here under the lot's. An untimed park blocks for good, so a
//! lost wake-up is a deadlock, which loom reports.
//!
//! **Time.** A timed park never sleeps: it joins the queue, lets go of the lot, takes it again, and if nobody
//! has unparked it in between it has timed out. Loom explores every order of those steps against everybody
//! else's, so every timeout that could happen does, early or late. There is no clock: a deadline that exists
//! has passed as soon as anybody asks.
//!
//! **Patience** (when a waiter asks for a hand-off) is a choice of the model's: [`set_patience`].
//!
//! What this leaves out: the lot's mutex orders memory between everybody who uses it, as the real one does for
//! one bucket but not across buckets; a model cannot show that an ordering is needed where the lot already
//! gives it.

use loom::sync::atomic::AtomicU32;
use std::cell::Cell;

/// See [`crate::primitive::Access`].
pub(crate) struct Access(loom::cell::UnsafeCell<()>);

// SAFETY: the cell holds nothing; it exists for loom to judge the accesses, and loom runs all threads of a
// model on one thread of the system.
unsafe impl Sync for Access {}

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

/// One slot, which everybody shares: in a model every address collides with every other.
pub(crate) fn waiter_counts() -> &'static [AtomicU32; 1] {
    loom::lazy_static! {
        static ref COUNTS: [AtomicU32; 1] = [AtomicU32::new(0)];
    }
    &COUNTS
}

pub(crate) fn fence_seq_cst() {
    loom::sync::atomic::fence(loom::sync::atomic::Ordering::SeqCst);
}

thread_local! {
    static IMPATIENT: Cell<bool> = const { Cell::new(false) };
}

/// How many waiters the table of [`crate::waiters`] counts: none, once nobody waits any more.
pub fn waiters_counted() -> usize {
    let [count] = waiter_counts();
    count.load(loom::sync::atomic::Ordering::Relaxed) as usize
}

/// Chooses for this thread's models whether waiters are patient (they never ask for a hand-off, the default)
/// or not (they always ask).
pub fn set_patience(patient: bool) {
    IMPATIENT.with(|impatient| impatient.set(!patient));
}

pub(crate) struct Patience;

impl Patience {
    pub(crate) fn new() -> Self {
        Patience
    }

    pub(crate) fn exhausted(&mut self) -> bool {
        IMPATIENT.with(Cell::get)
    }
}

/// The same names as parking_lot_core has; its documentation says what each does.
pub(crate) mod lot {
    use loom::sync::Mutex;
    use loom::thread::{self, Thread};
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

    struct Parked {
        key: usize,
        token: ParkToken,
        place: Arc<Place>,
    }

    /// Where one park waits for its own wake-up. The mutex is std's: it is never held across a step of the model.
    struct Place {
        thread: Thread,
        woken: std::sync::Mutex<Option<UnparkToken>>,
    }

    impl Place {
        fn wake(&self, token: UnparkToken) {
            *self.woken.lock().unwrap() = Some(token);
            self.thread.unpark();
        }

        fn wait(&self) -> UnparkToken {
            let mut strays = false;
            loop {
                // Loom forgets an unpark when the thread blocks on something else, so this comes first.
                if let Some(token) = *self.woken.lock().unwrap() {
                    if strays {
                        // It may have been the model's own unpark, which the model will want to see.
                        self.thread.unpark();
                    }
                    return token;
                }
                thread::park();
                strays = self.woken.lock().unwrap().is_none();
            }
        }
    }

    loom::lazy_static! {
        static ref QUEUE: Mutex<Vec<Parked>> = Mutex::new(Vec::new());
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
        let place = {
            let mut queue = QUEUE.lock().unwrap();
            if !validate() {
                return ParkResult::Invalid;
            }
            let place = Arc::new(Place {
                thread: thread::current(),
                woken: std::sync::Mutex::new(None),
            });
            queue.push(Parked {
                key,
                token,
                place: place.clone(),
            });
            place
        };
        before_sleep();

        if timeout.is_some() {
            let mut queue = QUEUE.lock().unwrap();
            if let Some(here) = queue.iter().position(|p| Arc::ptr_eq(&p.place, &place)) {
                let key = queue.remove(here).key;
                timed_out(key, queue.iter().all(|p| p.key != key));
                return ParkResult::TimedOut;
            }
        }
        ParkResult::Unparked(place.wait())
    }

    /// # Safety
    /// As parking_lot_core's.
    pub(crate) unsafe fn unpark_filter(
        key: usize,
        mut filter: impl FnMut(ParkToken) -> FilterOp,
        callback: impl FnOnce(UnparkResult) -> UnparkToken,
    ) -> UnparkResult {
        let mut queue = QUEUE.lock().unwrap();
        let mut chosen = Vec::new();
        let mut next = 0;
        while next < queue.len() {
            if queue[next].key != key {
                next += 1;
                continue;
            }
            match filter(queue[next].token) {
                FilterOp::Unpark => chosen.push(queue.remove(next)),
                FilterOp::Skip => next += 1,
                FilterOp::Stop => break,
            }
        }
        let result = UnparkResult {
            unparked_threads: chosen.len(),
            requeued_threads: 0,
            have_more_threads: queue.iter().any(|p| p.key == key),
        };
        let token = callback(result);
        drop(queue);
        for parked in chosen {
            parked.place.wake(token);
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
        let mut queue = QUEUE.lock().unwrap();
        let op = validate();
        let mut result = UnparkResult::default();
        if op == RequeueOp::Abort {
            callback(op, result);
            return result;
        }
        let mut chosen = None;
        let mut next = 0;
        while next < queue.len() {
            if queue[next].key == from {
                if op == RequeueOp::UnparkOneRequeueRest && chosen.is_none() {
                    chosen = Some(queue.remove(next));
                    result.unparked_threads = 1;
                    continue;
                }
                queue[next].key = to;
                result.requeued_threads += 1;
            }
            next += 1;
        }
        let token = callback(op, result);
        drop(queue);
        if let Some(parked) = chosen {
            parked.place.wake(token);
        }
        result
    }
}
