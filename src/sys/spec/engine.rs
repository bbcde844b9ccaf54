//! What the specifications run on: loom, or shuttle.

use super::execution::Life;

#[cfg(any(not(feature = "shuttle"), anteroom_models))]
pub(super) use over_loom::{Condvar, Mutex, MutexGuard, Tries, current};
#[cfg(all(feature = "shuttle", not(anteroom_models)))]
pub(super) use over_shuttle::{Condvar, Mutex, MutexGuard, Tries, current};

#[cfg(any(not(feature = "shuttle"), anteroom_models))]
mod over_loom {
    use super::Life;
    use loom::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::array::from_fn;
    use std::hash::{Hash, Hasher};
    use std::panic::catch_unwind;
    use std::sync::Arc;

    pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard};

    loom::thread_local! {
        static THREAD: OfThread = OfThread {
            life: Life::new(number()),
            tries: catch_unwind(|| TRIES.clone()).ok(),
        };
    }

    loom::lazy_static! {
        static ref TRIES: Arc<All> = Arc::new(All {
            next: std::sync::atomic::AtomicUsize::new(0),
            tries: from_fn(|_| AtomicUsize::new(0)),
        });
    }

    const MANY: usize = 8;

    struct OfThread {
        life: Life,
        /// None if the model's first thread has ended before this one used a lock.
        tries: Option<Arc<All>>,
    }

    struct All {
        /// How many mutexes have one.
        next: std::sync::atomic::AtomicUsize,
        tries: [AtomicUsize; MANY],
    }

    /// The number of the calling thread's execution. The execution lives at least as long as the
    /// thread.
    pub(crate) fn current() -> usize {
        // A destructor of another thread-local may come after that of this one.
        let known = THREAD.try_with(|thread| thread.life.execution());
        known.unwrap_or_else(|_| number())
    }

    /// Loom tells the number of an execution only as a part of a thread's. It is greater than any
    /// number of a thread in an execution.
    fn number() -> usize {
        struct Greatest(usize);

        impl Hasher for Greatest {
            fn finish(&self) -> u64 {
                self.0 as u64
            }

            fn write(&mut self, _: &[u8]) {}

            fn write_usize(&mut self, part: usize) {
                self.0 = self.0.max(part);
            }
        }

        let mut greatest = Greatest(0);
        loom::thread::current().id().hash(&mut greatest);
        greatest.0
    }

    /// Counts the tries of a mutex, and of every eighth other one. Loom wants an atomic to be made
    /// before any other thread uses it, so all are made together, with the first one.
    pub(crate) struct Tries(usize);

    impl Tries {
        pub(crate) fn new() -> Self {
            let tries = THREAD.try_with(|thread| thread.tries.clone());
            // ORDERING: Relaxed; threads of a model run in turn.
            let next = |all: Arc<All>| all.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Tries(tries.ok().flatten().map_or(0, next) % MANY)
        }

        pub(crate) fn add(&self) {
            // ORDERING: Relaxed; it orders nothing.
            self.with(|tries| tries.fetch_add(1, Relaxed));
        }

        pub(crate) fn look(&self) {
            // ORDERING: Relaxed; it orders nothing.
            self.with(|tries| tries.load(Relaxed));
        }

        fn with(&self, step: impl FnOnce(&AtomicUsize) -> usize) {
            let tries = THREAD.try_with(|thread| thread.tries.clone());
            if let Ok(Some(tries)) = tries {
                step(&tries.tries[self.0]);
            }
        }
    }
}

#[cfg(all(feature = "shuttle", not(anteroom_models)))]
mod over_shuttle {
    use super::Life;
    use shuttle::current::{TaskId, with_labels_for_task};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    pub(crate) use shuttle::sync::{Condvar, Mutex, MutexGuard};

    /// Of the first thread of an execution. Shuttle drops it when the execution ends.
    #[derive(Clone, Debug)]
    struct Label(Arc<Life>);

    /// The number of the calling thread's execution.
    pub(crate) fn current() -> usize {
        static NEXT: AtomicUsize = AtomicUsize::new(1);

        with_labels_for_task(TaskId::from(0), |labels| {
            if labels.get::<Label>().is_none() {
                // ORDERING: Relaxed; numbers that differ.
                let life = Life::new(NEXT.fetch_add(1, Relaxed));
                labels.insert(Label(Arc::new(life)));
            }
            let label = labels.get::<Label>().expect("it was inserted");
            label.0.execution()
        })
    }

    /// In shuttle, a try is a point at which threads switch by itself.
    pub(crate) struct Tries;

    impl Tries {
        pub(crate) fn new() -> Self {
            Tries
        }

        pub(crate) fn add(&self) {}

        pub(crate) fn look(&self) {}
    }
}
