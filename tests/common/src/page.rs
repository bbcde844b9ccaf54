//! A page of memory that can be taken away: a touch is a fault then, and ends the process.

use std::ptr;

/// A page of its own, closed at first.
pub struct Page(*mut libc::c_void);

// SAFETY: it is memory like any other; what is done with it is up to the callers' `unsafe`.
unsafe impl Sync for Page {}

impl Page {
    const SIZE: usize = 4096;

    #[allow(clippy::new_without_default, reason = "to map memory is no default")]
    pub fn new() -> Self {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a new mapping, wherever there is room.
        let start =
            unsafe { libc::mmap(ptr::null_mut(), Self::SIZE, libc::PROT_NONE, flags, -1, 0) };
        assert_ne!(start, libc::MAP_FAILED);
        Page(start)
    }

    /// Its first byte; it has 4096.
    pub fn start(&self) -> *mut u8 {
        self.0.cast()
    }

    /// From now on it may be touched.
    pub fn open(&self) {
        self.protect(libc::PROT_READ | libc::PROT_WRITE);
    }

    /// From now on it may not be touched.
    pub fn close(&self) {
        self.protect(libc::PROT_NONE);
    }

    fn protect(&self, protection: libc::c_int) {
        // SAFETY: the page is ours.
        let result = unsafe { libc::mprotect(self.0, Self::SIZE, protection) };
        assert_eq!(result, 0);
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // SAFETY: the page is ours, and its owner is done with it.
        unsafe { libc::munmap(self.0, Self::SIZE) };
    }
}
