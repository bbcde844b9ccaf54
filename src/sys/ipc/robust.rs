//! Robust entries: words that the kernel looks at when the thread that holds them ends.
//!
//! A thread that takes such a word announces it twice, so that the kernel knows of it after every
//! instruction. First the list's head names the entry as *pending*; then the word gets the thread's
//! number; then the entry is linked into the list, and need not be pending any more. To release it:
//! pending, unlinked, the number cleared, a waiter woken, no longer pending.
//!
//! A pending entry may be held or not: the kernel looks at its word. If no thread holds it, the
//! kernel wakes a waiter there, since the dead thread may have been woken to take it, or about to
//! wake another. A thread has at most one pending entry. A linked entry may stay pending, or
//! another one be pending beside it.
//!
//! The links are addresses of the process that holds the entry. Only the kernel follows them, at
//! the thread's end: the process records its entries in private memory ([`held`](super::held)).
//! The links of a released entry mean nothing.
//!
//! Source: the kernel's `Documentation/locking/robust-futexes.rst` (I. Molnár, 2006), and glibc.

use crate::sys::const_fn;
use crate::sys::mortal::{AtomicU32, AtomicU64};

/// Laid out as glibc's robust mutex on 64-bit machines: the word, twenty bytes for the primitive
/// that it is part of, an unused link back, and a link to the next entry. Lists name an entry by
/// the address of that last field.
#[repr(C)]
pub(crate) struct Entry {
    pub(crate) word: AtomicU32,
    pub(crate) own: [AtomicU32; 5],
    _previous: AtomicU64,
    pub(crate) next: AtomicU64,
}

impl Entry {
    const_fn! {
        /// All bytes zero: no thread holds it.
        pub(crate) const fn new() -> Self {
            Entry {
                word: AtomicU32::new(0),
                own: [
                    AtomicU32::new(0),
                    AtomicU32::new(0),
                    AtomicU32::new(0),
                    AtomicU32::new(0),
                    AtomicU32::new(0),
                ],
                _previous: AtomicU64::new(0),
                next: AtomicU64::new(0),
            }
        }
    }
}
