//! The allocator of this binary: it counts for each thread, and in the process of one test it
//! locks.

use crate::{in_allocator, no_allocation};
use std::alloc::{GlobalAlloc, Layout, System};

struct Observed;

fn observe() {
    in_allocator::pass();
    no_allocation::count();
}

// SAFETY: it does what `System` does; what comes before neither allocates nor panics.
unsafe impl GlobalAlloc for Observed {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        observe();
        // SAFETY: the caller's promise is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        observe();
        // SAFETY: the caller's promise is the same.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        observe();
        // SAFETY: the caller's promise is the same.
        unsafe { System.realloc(old, layout, size) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is the same.
        unsafe { System.dealloc(old, layout) };
    }
}

#[global_allocator]
static ALLOCATOR: Observed = Observed;
