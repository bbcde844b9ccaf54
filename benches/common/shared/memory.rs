//! Memory for what libc initialises in place.

use std::marker::PhantomData;

use anteroom::ipc::SharedMemory;

/// A value in memory that this process shares with those that it forks.
pub struct Placed<T> {
    memory: SharedMemory,
    value: PhantomData<T>,
}

// SAFETY: it gives out nothing but the address.
unsafe impl<T> Sync for Placed<T> {}

impl<T> Placed<T> {
    /// Initialised by a function that returns zero.
    pub fn new(initialise: impl FnOnce(*mut T) -> libc::c_int) -> Self {
        let memory = SharedMemory::anonymous(size_of::<T>()).expect("no shared memory");
        let value = PhantomData;
        let placed = Self { memory, value };
        assert!(placed.get().is_aligned());
        assert_eq!(initialise(placed.get()), 0);
        placed
    }

    /// Where it is, as long as this lives.
    pub fn get(&self) -> *mut T {
        self.memory.as_ptr().cast().as_ptr()
    }
}
