//! Atomics whose weak compare-exchange may fail for no reason, as a processor's, and unlike loom's.
//!
//! Whether it fails is a choice of the model. If so, each thread's first try on an atomic fails,
//! the next may succeed, and so on. A failure that the code does not expect becomes a lost permit,
//! a lost flag or an endless loop.

use super::engine::sync::atomic;
use super::engine::thread::{ThreadId, current};
use super::{Ordering, weak_fails};
use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

macro_rules! atomics {
    ($($name:ident: $value:ty),*) => {$(
        pub(crate) struct $name {
            atomic: atomic::$name,
            /// The threads whose last try failed for no reason.
            failed: RefCell<Vec<ThreadId>>,
        }

        // SAFETY: in a model all threads run on one thread of the system, in turn. None is
        // suspended while it uses the list.
        unsafe impl Sync for $name {}

        impl $name {
            pub(crate) fn new(value: $value) -> Self {
                $name { atomic: atomic::$name::new(value), failed: RefCell::default() }
            }

            pub(crate) fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                if weak_fails() && self.fails_now() {
                    // ORDERING: the caller's, for the case of failure.
                    return Err(self.atomic.load(failure));
                }
                self.atomic.compare_exchange_weak(current, new, success, failure)
            }

            /// True every other time.
            fn fails_now(&self) -> bool {
                let me = current().id();
                let mut failed = self.failed.borrow_mut();
                match failed.iter().position(|thread| *thread == me) {
                    Some(found) => {
                        failed.swap_remove(found);
                        false
                    }
                    None => {
                        failed.push(me);
                        true
                    }
                }
            }
        }

        impl Deref for $name {
            type Target = atomic::$name;

            fn deref(&self) -> &atomic::$name {
                &self.atomic
            }
        }

        impl DerefMut for $name {
            fn deref_mut(&mut self) -> &mut atomic::$name {
                &mut self.atomic
            }
        }
    )*};
}

atomics!(AtomicUsize: usize);
