//! Which types may be shared between processes.

use crate::primitive::mortal::{AtomicU32, AtomicU64};

/// A type that several processes may have mapped at once, each at an address of its own.
///
/// Implemented for numbers, atomic numbers, arrays, and this module's locks over such types; for a struct of them by
/// [`shareable!`](crate::shareable).
///
/// # Safety
/// Of the type it must hold that
/// - every pattern of bits is a value of it, since another process may have written any;
/// - it holds no address, and nothing else that means something in one process only (a descriptor, a thread);
/// - it may be used by several threads at once through `&`, and need not be dropped;
/// - its layout is the same in every program that was compiled for this machine (`#[repr(C)]`, or that of a
///   number);
/// - [`FINGERPRINT`](Self::FINGERPRINT) is another for every other layout.
pub unsafe trait Shareable: Sync + Sized + 'static {
    /// A number that stands for the type: opening what was created with another one is an error.
    const FINGERPRINT: u64;
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

// SAFETY: as its elements, one after the other.
unsafe impl<T: Shareable, const N: usize> Shareable for [T; N] {
    const FINGERPRINT: u64 = mix_number(mix(T::FINGERPRINT, "array"), N as u64);
}

/// Defines a struct that is [`Shareable`](crate::shared::Shareable), of fields that are.
///
/// ```
/// anteroom::shareable! {
///     /// What the processes of this program share.
///     pub struct Board {
///         pub hits: anteroom::shared::Mutex<u64>,
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

        // SAFETY: so are its fields, and it is laid out as they stand.
        unsafe impl $crate::shared::Shareable for $name {
            const FINGERPRINT: u64 = {
                let it = $crate::shared::fingerprint("struct");
                $(
                    let it = $crate::shared::mix(it, stringify!($field));
                    let it = $crate::shared::mix_number(
                        it,
                        <$type as $crate::shared::Shareable>::FINGERPRINT,
                    );
                )*
                it
            };
        }
    };
}
