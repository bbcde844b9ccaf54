//! Keeps the stacks of a model's threads from one execution to the next, which takes half the time
//! off a search.
//!
//! Loom's threads are coroutines, and for each of them, in each execution, the crate `generator`
//! maps a stack and takes it away again. It has no way to be told not to. But it calls `mmap` and
//! `munmap` by these names, and those of the program come before the C library's.

use libc::{MAP_STACK, SYS_mmap, SYS_munmap, c_int, c_void, off_t};
use std::cell::Cell;
use std::ptr;

/// A mapping that is not used.
#[derive(Clone, Copy)]
struct Kept {
    at: *mut c_void,
    len: usize,
}

const NONE: Kept = Kept {
    at: ptr::null_mut(),
    len: 0,
};

/// As many as the threads of a model, and some more. Nothing here may allocate.
type Shelf = [Kept; 8];

thread_local! {
    /// A search begins and ends all its threads on its own.
    static SHELF: Cell<Shelf> = const { Cell::new([NONE; 8]) };
    /// How long the stacks are: what this thread has mapped as one.
    static STACK: Cell<usize> = const { Cell::new(0) };
}

/// Changes the first that `is_wanted` on the calling thread's shelf to `new`, and returns what it
/// was.
fn exchange(is_wanted: impl Fn(&Kept) -> bool, new: Kept) -> Option<Kept> {
    let mut shelf = SHELF.get();
    let found = shelf.iter_mut().find(|kept| is_wanted(kept))?;
    let old = std::mem::replace(found, new);
    SHELF.set(shelf);
    Some(old)
}

/// # Safety
/// As `mmap`'s.
#[unsafe(no_mangle)]
unsafe extern "C" fn mmap(
    at: *mut c_void,
    len: usize,
    protection: c_int,
    flags: c_int,
    file: c_int,
    offset: off_t,
) -> *mut c_void {
    if at.is_null() && flags & MAP_STACK != 0 {
        STACK.set(len);
        if let Some(kept) = exchange(|kept| kept.len == len, NONE) {
            return kept.at;
        }
    }
    // SAFETY: the caller's promise is the same.
    unsafe { libc::syscall(SYS_mmap, at, len, protection, flags, file, offset) as *mut c_void }
}

/// # Safety
/// As `munmap`'s.
#[unsafe(no_mangle)]
unsafe extern "C" fn munmap(at: *mut c_void, len: usize) -> c_int {
    let is_kept = len == STACK.get() && exchange(|kept| kept.len == 0, Kept { at, len }).is_some();
    if is_kept {
        return 0;
    }
    // SAFETY: the caller's promise is the same.
    unsafe { libc::syscall(SYS_munmap, at, len) as c_int }
}
