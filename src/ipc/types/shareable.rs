//! [`Shareable`]: the types that processes may share.

use crate::sys::mortal::{AtomicU32, AtomicU64};

/// A type that several processes may have mapped at once, each at an address of its own.
///
/// Implemented for numbers, atomic numbers, arrays, and this module's locks over such types; for a
/// struct of them by [`shareable!`](crate::shareable).
///
/// # Safety
/// The type must fulfil all of this:
/// - Every pattern of bits is a value of it, since another process may have written any.
/// - It holds no address, nor anything else that only one process knows (a descriptor, a thread).
/// - Several threads may use it at once through `&`, and it need not be dropped.
/// - Its layout is the same in every program for this machine (`#[repr(C)]`, or a number's).
/// - [`FINGERPRINT`](Self::FINGERPRINT) differs for every other layout.
/// - [`HAS_LOCKS`](Self::HAS_LOCKS) is true if one of this module's locks is in it, however deep.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot lie in memory that processes share",
    label = "this type is not `Shareable`",
    note = "numbers, atomics, arrays and the locks of `anteroom::ipc` are `Shareable`",
    note = "define a struct of them with the macro `anteroom::shareable!`"
)]
pub unsafe trait Shareable: Sync + Sized + 'static {
    /// Identifies the type: opening what was created with another fingerprint is an error.
    const FINGERPRINT: u64;

    /// Whether one of this module's locks (a `Mutex`, `RwLock`, `Semaphore` or `Condvar`) is in it.
    ///
    /// A lock whose data has locks gives the data by `&` only, which is all that these need. With
    /// `&mut`, a guard could overwrite a lock that another thread holds, so that does not compile.
    ///
    /// ```
    /// use anteroom::ipc::{Mutex, RwLock, Shared};
    ///
    /// let rows = Shared::anonymous(RwLock::new([const { Mutex::new(0_u64) }; 8]))?;
    /// *rows.write().unwrap()[3].lock().unwrap() = 1;
    /// # Ok::<(), anteroom::ipc::OpenError>(())
    /// ```
    /// ```compile_fail
    /// use anteroom::ipc::{Mutex, RwLock, Shared};
    ///
    /// let rows = Shared::anonymous(RwLock::new([const { Mutex::new(0_u64) }; 8]))?;
    /// rows.write().unwrap()[3] = Mutex::new(1);
    /// # Ok::<(), anteroom::ipc::OpenError>(())
    /// ```
    const HAS_LOCKS: bool = false;
}

/// Refuses to compile where a guard would give `&mut` to data that has locks.
pub(crate) const fn assert_no_locks<T: Shareable>() {
    const {
        assert!(
            !T::HAS_LOCKS,
            "a lock's data that has locks is not given by `&mut`: lock these through `&` \
             (`&*guard`), and keep what is to be changed in them"
        );
    }
}

/// Mixes a text into a fingerprint (FNV-1a, G. Fowler, L. C. Noll and K.-P. Vo).
#[doc(hidden)]
pub const fn mix(fingerprint: u64, text: &str) -> u64 {
    let (mut fingerprint, bytes) = (fingerprint, text.as_bytes());
    let mut at = 0;
    while at < bytes.len() {
        fingerprint = (fingerprint ^ bytes[at] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        at += 1;
    }
    fingerprint
}

/// Mixes a number into a fingerprint.
#[doc(hidden)]
pub const fn mix_number(fingerprint: u64, number: u64) -> u64 {
    (fingerprint.rotate_left(23) ^ number).wrapping_mul(0x0000_0100_0000_01b3)
}

/// The fingerprint of a type without parameters.
#[doc(hidden)]
pub const fn fingerprint(name: &str) -> u64 {
    mix(0xcbf2_9ce4_8422_2325, name)
}

macro_rules! numbers {
    ($($name:ty),*) => {$(
        // SAFETY: a number.
        unsafe impl Shareable for $name {
            const FINGERPRINT: u64 = fingerprint(stringify!($name));
        }
    )*};
}

numbers!(
    u8,
    u16,
    u32,
    u64,
    u128,
    usize,
    i8,
    i16,
    i32,
    i64,
    i128,
    isize,
    f32,
    f64,
    ()
);
numbers!(AtomicU32, AtomicU64);

// SAFETY: as for its elements, which stand one after the other.
unsafe impl<T: Shareable, const N: usize> Shareable for [T; N] {
    const FINGERPRINT: u64 = mix_number(mix(T::FINGERPRINT, "array"), N as u64);
    const HAS_LOCKS: bool = T::HAS_LOCKS;
}

/// Defines a struct that is [`Shareable`](crate::ipc::Shareable), whose fields are shareable.
///
/// ```
/// anteroom::shareable! {
///     /// What the processes of this program share.
///     pub struct Board {
///         pub hits: anteroom::ipc::Mutex<u64>,
///         pub names: [u8; 32],
///     }
/// }
/// ```
#[macro_export]
macro_rules! shareable {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $($(#[$field_meta:meta])* $field_vis:vis $field:ident: $type:ty),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[repr(C)]
        $vis struct $name {
            $($(#[$field_meta])* $field_vis $field: $type),*
        }

        // SAFETY: so are its fields; `repr(C)` lays it out as they stand.
        unsafe impl $crate::ipc::Shareable for $name {
            const FINGERPRINT: u64 = {
                let it = $crate::ipc::fingerprint("struct");
                $(
                    let it = $crate::ipc::mix(it, stringify!($field));
                    let it = $crate::ipc::mix_number(
                        it,
                        <$type as $crate::ipc::Shareable>::FINGERPRINT,
                    );
                )*
                it
            };
            const HAS_LOCKS: bool =
                false $(|| <$type as $crate::ipc::Shareable>::HAS_LOCKS)*;
        }
    };
}

/// All ways to `&mut` of a lock's data. None compiles if the data has locks.
///
/// ```compile_fail
/// use anteroom::ipc::{Mutex, Shared};
/// let it = Shared::anonymous(Mutex::new(Mutex::new(0_u64))).unwrap();
/// let _ = &mut *it.lock().unwrap();
/// ```
/// ```compile_fail
/// use anteroom::ipc::{LockError, Mutex, Shared};
/// let it = Shared::anonymous(Mutex::new(Mutex::new(0_u64))).unwrap();
/// let Err(LockError::OwnerDied(mut died)) = it.lock() else { return };
/// let _ = &mut *died;
/// ```
/// ```compile_fail
/// use anteroom::ipc::{Condvar, Mutex, Shared};
/// let it = Shared::anonymous(Mutex::new(Condvar::new())).unwrap();
/// let _ = Condvar::new().wait_while(it.lock().unwrap(), |_| false);
/// ```
/// ```compile_fail
/// use anteroom::ipc::{Mutex, RwLock, Semaphore, Shared};
/// anteroom::shareable! {
///     struct Board {
///         count: u64,
///         stalls: Semaphore,
///     }
/// }
/// let board = Board { count: 0, stalls: Semaphore::new(1) };
/// let it = Shared::anonymous(RwLock::new(board)).unwrap();
/// let _ = &mut it.write().unwrap().count;
/// ```
/// ```compile_fail
/// use anteroom::ipc::{RwLock, RwLockError, Shared};
/// let it = Shared::anonymous(RwLock::new(RwLock::new(0_u64))).unwrap();
/// let Err(RwLockError::WriterDied(mut died)) = it.write() else { return };
/// let _ = &mut *died;
/// ```
#[cfg(doctest)]
struct NoMutOfLocks;
