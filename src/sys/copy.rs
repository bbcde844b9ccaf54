//! The number of this copy of the crate. One process may have several copies (a plugin's, two
//! versions), and each has tables of its own.

use super::{AtomicUsize, Ordering::Relaxed};

/// The copy has no number yet.
const UNKNOWN: usize = usize::MAX;
/// The copy gets no number, and never biases a lock.
const REFUSED: usize = usize::MAX - 1;

static COPY: AtomicUsize = AtomicUsize::new(UNKNOWN);

/// What stands for this copy, if it has a number.
pub(crate) fn own() -> Option<usize> {
    // ORDERING: Relaxed, here and below; a number by itself, which never changes once it is known.
    Some(COPY.load(Relaxed)).filter(|copy| *copy < REFUSED)
}

/// As [`own`]. Gives the copy a number if it has none yet: `written` tells what stands for it, if
/// it fits.
///
/// The number is that of a key for thread-local data. The C library gives such a number to one
/// caller of the process at a time, and this one is never given back.
pub(crate) fn numbered(written: fn(usize) -> Option<usize>) -> Option<usize> {
    // ORDERING: Relaxed; see `own`.
    if COPY.load(Relaxed) == UNKNOWN {
        number(written);
    }
    own()
}

/// Whether there is a bias on this system at all. A row is found through a thread-local variable.
/// Where those are emulated, a guard in another one may outlive it, and would miss its slot.
const HERE: bool = cfg!(any(
    all(
        target_os = "linux",
        any(target_env = "gnu", target_env = "musl")
    ),
    target_vendor = "apple",
    target_os = "freebsd",
));

#[cold]
fn number(written: fn(usize) -> Option<usize>) {
    let key = if HERE { key() } else { None };
    let copy = key.and_then(|key| written(key + 1)).unwrap_or(REFUSED);
    // ORDERING: Relaxed; see `own`.
    let known = COPY.compare_exchange(UNKNOWN, copy, Relaxed, Relaxed);
    if let (Some(key), true) = (key, known.is_err() || copy == REFUSED) {
        delete(key);
    }
}

#[cfg(unix)]
fn key() -> Option<usize> {
    let mut key = 0;
    // SAFETY: the call writes the key, and there is no destructor.
    let made = unsafe { libc::pthread_key_create(&mut key, None) } == 0;
    made.then_some(key as usize)
}

#[cfg(unix)]
fn delete(key: usize) {
    // SAFETY: the key is ours, and no thread has used it.
    unsafe { libc::pthread_key_delete(key as libc::pthread_key_t) };
}

#[cfg(not(unix))]
fn key() -> Option<usize> {
    None
}

#[cfg(not(unix))]
fn delete(_: usize) {}

/// The word of a new reader-writer lock: not biased.
pub(crate) const fn new_word() -> usize {
    0
}
