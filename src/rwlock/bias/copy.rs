//! Which copy of this crate has biased a lock. One process may have several copies (a plugin's, two
//! versions), and each has rows of its own.

use crate::rwlock::word;

#[cfg(not(loom))]
use crate::primitive::{AtomicUsize, Ordering::Relaxed};

/// Whether another copy of the crate has biased a lock with this word. Then its readers are not in
/// this copy's rows (RW9).
pub(in crate::rwlock) fn is_foreign(state: usize) -> bool {
    word::is_named(state) && Some(word::copy_of(state)) != own_copy()
}

#[cfg(loom)]
fn own_copy() -> Option<usize> {
    word::copy(1)
}

#[cfg(loom)]
pub(in crate::rwlock) fn numbered_copy() -> Option<usize> {
    own_copy()
}

/// The copy has no number yet.
#[cfg(not(loom))]
const UNKNOWN: usize = usize::MAX;
/// The copy gets no number, and never biases a lock.
#[cfg(not(loom))]
const REFUSED: usize = usize::MAX - 1;

#[cfg(not(loom))]
static COPY: AtomicUsize = AtomicUsize::new(UNKNOWN);

#[cfg(not(loom))]
fn own_copy() -> Option<usize> {
    // ORDERING: Relaxed, here and below; a number by itself, which never changes once it is known.
    Some(COPY.load(Relaxed)).filter(|copy| *copy < REFUSED)
}

/// This copy's bits in a word that it has biased. Gives the copy a number if it has none yet.
///
/// The number is that of a key for thread-local data. The C library gives such a number to one
/// caller of the process at a time, and this one is never given back.
#[cfg(not(loom))]
pub(in crate::rwlock) fn numbered_copy() -> Option<usize> {
    // ORDERING: Relaxed; see `own_copy`.
    if COPY.load(Relaxed) == UNKNOWN {
        number();
    }
    own_copy()
}

/// Whether there is a bias on this system at all. A row is found through a thread-local variable.
/// Where those are emulated, a guard in another one may outlive it, and would miss its slot.
#[cfg(not(loom))]
const HERE: bool = word::HAS_BIAS
    && cfg!(any(
        all(
            target_os = "linux",
            any(target_env = "gnu", target_env = "musl")
        ),
        target_vendor = "apple",
        target_os = "freebsd",
    ));

#[cfg(not(loom))]
#[cold]
fn number() {
    let key = if HERE { key() } else { None };
    let copy = key.and_then(|key| word::copy(key + 1)).unwrap_or(REFUSED);
    // ORDERING: Relaxed; see `own_copy`.
    let known = COPY.compare_exchange(UNKNOWN, copy, Relaxed, Relaxed);
    if let (Some(key), true) = (key, known.is_err() || copy == REFUSED) {
        delete(key);
    }
}

#[cfg(all(unix, not(loom)))]
fn key() -> Option<usize> {
    let mut key = 0;
    // SAFETY: the call writes the key, and there is no destructor.
    let made = unsafe { libc::pthread_key_create(&mut key, None) } == 0;
    made.then_some(key as usize)
}

#[cfg(all(unix, not(loom)))]
fn delete(key: usize) {
    // SAFETY: the key is ours, and no thread has used it.
    unsafe { libc::pthread_key_delete(key as libc::pthread_key_t) };
}

#[cfg(not(any(unix, loom)))]
fn key() -> Option<usize> {
    None
}

#[cfg(not(any(unix, loom)))]
fn delete(_: usize) {}
