//! What the table says of std, parking_lot, glibc and the kernel was seen by running the same tests
//! with their primitives: `ANTEROOM_LIFECYCLE_PEERS=1 cargo test --test lifecycle -- peers::`. A
//! test that fails there, or that hangs, says what they do at that event. (glibc's are told apart
//! by where they are: in one process, or in shared memory, the mutex being robust there.)

use std::cell::UnsafeCell;
use std::ffi::CString;
use std::mem::MaybeUninit;

/// Calls a function of the C library, which must succeed.
macro_rules! c {
    ($call:expr) => {{
        // SAFETY: the object was initialized, and lives as long as the process.
        let result = unsafe { $call };
        assert_eq!(result, 0, stringify!($call));
    }};
}

/// An object of the C library's, and a number.
pub(crate) struct C<T>(UnsafeCell<T>, UnsafeCell<u64>);

// SAFETY: they are for all threads; the number is a mutex's.
unsafe impl<T> Sync for C<T> {}

impl<T> C<T> {
    fn get(&self) -> *mut T {
        self.0.get()
    }
}

/// Memory for it, which stays: shared with the children of a fork, or with all processes by its
/// name.
fn place<T>(shared: Option<(&str, bool)>) -> &'static C<T> {
    let Some((name, create)) = shared else {
        let zeros = MaybeUninit::<C<T>>::zeroed();
        // SAFETY: of these types any bytes are values, and zeros are what they are before they are
        // initialized.
        return Box::leak(Box::new(unsafe { zeros.assume_init() }));
    };
    let name = CString::new(format!("/{name}")).unwrap();
    let flags = libc::O_RDWR | if create { libc::O_CREAT } else { 0 };
    // SAFETY: a name that ends with a zero byte.
    let file = unsafe { libc::shm_open(name.as_ptr(), flags, 0o600) };
    let size = size_of::<C<T>>();
    let access = libc::PROT_READ | libc::PROT_WRITE;
    c!(libc::ftruncate(file, size as libc::off_t));
    // SAFETY: a new mapping, wherever there is room.
    let start = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            size,
            access,
            libc::MAP_SHARED,
            file,
            0,
        )
    };
    assert_ne!(start, libc::MAP_FAILED);
    // SAFETY: mapped for ever, large enough, and zeros at first.
    unsafe { &*start.cast() }
}

/// What a kind of object of the C library's is.
macro_rules! c_peer {
    ($type:ident, $inner:ty, $name:literal, $shared:expr, $init:expr) => {
        pub(crate) struct $type(&'static C<$inner>);

        impl Subject for $type {
            const NAME: &'static str = $name;
            fn make(name: &str) -> Self {
                let it = place($shared.then_some((name, true)));
                let init: fn(&C<$inner>) = $init;
                init(it);
                $type(it)
            }
            fn open(name: &str) -> Option<Self> {
                $shared.then(|| $type(place(Some((name, false)))))
            }
        }
    };
}

mod c_library;
mod kernel;
mod std_and_parking_lot;

pub(crate) use c_library::*;
pub(crate) use kernel::*;
pub(crate) use std_and_parking_lot::*;
