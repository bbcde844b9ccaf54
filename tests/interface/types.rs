//! What the compiler knows of the public types: which of them may cross threads, how large they
//! are, and that they can be made in a constant. Most of this file is checked by compiling it.

use anteroom::{
    AcquireError, ArcMutexGuard, ArcRwLockReadGuard, ArcRwLockUpgradableReadGuard,
    ArcRwLockWriteGuard, Condvar, MappedMutexGuard, MappedRwLockReadGuard, MappedRwLockWriteGuard,
    Mutex, MutexGuard, OwnedSemaphorePermit, RawMutex, RawRwLock, RwLock, RwLockReadGuard,
    RwLockUpgradableReadGuard, RwLockWriteGuard, Semaphore, SemaphorePermit, TryAcquireError,
    WaitTimeoutResult,
};
use static_assertions::{assert_impl_all, assert_not_impl_any, const_assert};
use std::cell::Cell;
use std::fmt::{Debug, Display};
use std::mem::size_of;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::sync::{Arc, MutexGuard as StdGuard};

/// May cross threads, but not be shared between them.
type SendOnly = Cell<u8>;
/// May be shared between threads, but not cross them.
type SyncOnly = StdGuard<'static, u8>;
/// Neither.
type Neither = Rc<u8>;

assert_impl_all!(SendOnly: Send);
assert_not_impl_any!(SendOnly: Sync);
assert_impl_all!(SyncOnly: Sync);
assert_not_impl_any!(SyncOnly: Send);
assert_not_impl_any!(Neither: Send, Sync);

// A mutex gives its data to one thread at a time: that is to send it, and never to share it.
assert_impl_all!(Mutex<u8>: Send, Sync, Unpin);
assert_impl_all!(Mutex<SendOnly>: Send, Sync);
assert_not_impl_any!(Mutex<SyncOnly>: Send, Sync);
assert_not_impl_any!(Mutex<Neither>: Send, Sync);
assert_impl_all!(Mutex<dyn Debug + Send>: Send, Sync);
assert_not_impl_any!(Mutex<dyn Debug>: Send, Sync);

// A reader-writer lock shares its data between readers, and sends it to writers.
assert_impl_all!(RwLock<u8>: Send, Sync, Unpin);
assert_impl_all!(RwLock<SendOnly>: Send);
assert_not_impl_any!(RwLock<SendOnly>: Sync);
assert_not_impl_any!(RwLock<SyncOnly>: Send, Sync);
assert_not_impl_any!(RwLock<Neither>: Send, Sync);
assert_impl_all!(RwLock<dyn Debug + Send + Sync>: Send, Sync);

assert_impl_all!(Condvar: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe, Default, Debug);
assert_impl_all!(Semaphore: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe, Debug);
assert_impl_all!(RawMutex: Send, Sync);
assert_impl_all!(RawRwLock: Send, Sync);
assert_impl_all!(Mutex<u8>: Default, Debug, From<u8>);
assert_impl_all!(RwLock<u8>: Default, Debug, From<u8>);
assert_not_impl_any!(Mutex<u8>: Clone);
assert_not_impl_any!(RwLock<u8>: Clone);
assert_not_impl_any!(Condvar: Clone);
assert_not_impl_any!(Semaphore: Clone);

/// A guard stays on its thread, whatever it guards, and is shared exactly when what it guards may
/// be.
macro_rules! assert_guards {
    ($($Guard:ident <$($lifetime:lifetime)?>;)*) => {$(
        assert_not_impl_any!($Guard<$($lifetime,)? u8>: Send, Clone);
        assert_impl_all!($Guard<$($lifetime,)? u8>: Sync, Debug, Display, Unpin);
        assert_impl_all!($Guard<$($lifetime,)? u8>: UnwindSafe, RefUnwindSafe);
        assert_not_impl_any!($Guard<$($lifetime,)? SendOnly>: Send, Sync);
        assert_not_impl_any!($Guard<$($lifetime,)? SyncOnly>: Send);
        assert_not_impl_any!($Guard<$($lifetime,)? Neither>: Send, Sync);
        assert_impl_all!($Guard<$($lifetime,)? str>: Sync, Debug, Display);
    )*};
}

assert_guards! {
    MutexGuard<'static>;
    MappedMutexGuard<'static>;
    ArcMutexGuard<>;
    RwLockReadGuard<'static>;
    RwLockWriteGuard<'static>;
    RwLockUpgradableReadGuard<'static>;
    MappedRwLockReadGuard<'static>;
    MappedRwLockWriteGuard<'static>;
    ArcRwLockReadGuard<>;
    ArcRwLockWriteGuard<>;
    ArcRwLockUpgradableReadGuard<>;
}

// It may be shared also when its data must stay where it is: so must the guard.
assert_impl_all!(MutexGuard<'static, SyncOnly>: Sync);
assert_impl_all!(ArcRwLockReadGuard<SyncOnly>: Sync);

// Permits are not bound to the thread that acquired them.
assert_impl_all!(SemaphorePermit<'static>: Send, Sync, Debug, Unpin);
assert_impl_all!(OwnedSemaphorePermit: Send, Sync, Debug, Unpin);
assert_not_impl_any!(SemaphorePermit<'static>: Clone);
assert_not_impl_any!(OwnedSemaphorePermit: Clone);

assert_impl_all!(AcquireError: Send, Sync, Copy, Eq, std::error::Error);
assert_impl_all!(TryAcquireError: Send, Sync, Copy, Eq, std::error::Error);
assert_impl_all!(WaitTimeoutResult: Send, Sync, Copy, Eq, Debug);

// What a guard or a permit is called is what the methods return.
const _: for<'a> fn(&'a Mutex<u8>) -> MutexGuard<'a, u8> = Mutex::lock;
const _: fn(&Arc<Mutex<u8>>) -> ArcMutexGuard<u8> = Mutex::lock_arc;
const _: for<'a> fn(&'a RwLock<u8>) -> RwLockReadGuard<'a, u8> = RwLock::read;
const _: for<'a> fn(&'a RwLock<u8>) -> RwLockWriteGuard<'a, u8> = RwLock::write;
const _: for<'a> fn(&'a RwLock<u8>) -> RwLockUpgradableReadGuard<'a, u8> = RwLock::upgradable_read;
const _: for<'a> fn(&'a Semaphore) -> Result<SemaphorePermit<'a>, AcquireError> =
    Semaphore::acquire;

// The limit is the documented one, and what is left over of the word is enough for the flags.
const_assert!(Semaphore::MAX_PERMITS == usize::MAX >> 10);

#[test]
fn locks_are_small() {
    assert_eq!(size_of::<Mutex<()>>(), 1);
    assert_eq!(size_of::<Mutex<[u8; 7]>>(), 8);
    assert_eq!(align_of::<Mutex<()>>(), 1);
    assert!(size_of::<RwLock<()>>() <= 8);
    assert!(size_of::<Condvar>() <= 8);
    assert!(size_of::<Semaphore>() <= 8);
}

#[test]
fn guards_are_as_large_as_what_they_point_to() {
    let word = size_of::<usize>();
    assert_eq!(size_of::<MutexGuard<'_, u64>>(), word);
    assert_eq!(size_of::<RwLockReadGuard<'_, u64>>(), word);
    assert_eq!(size_of::<ArcRwLockWriteGuard<u64>>(), word);
    assert_eq!(size_of::<MutexGuard<'_, str>>(), 2 * word);
    assert_eq!(size_of::<MappedMutexGuard<'_, u64>>(), 2 * word);
    assert_eq!(size_of::<SemaphorePermit<'_>>(), 2 * word);
    assert_eq!(size_of::<OwnedSemaphorePermit>(), 2 * word);
}

#[test]
fn an_optional_guard_is_no_larger_than_a_guard() {
    fn assert_no_larger<T>() {
        assert_eq!(size_of::<Option<T>>(), size_of::<T>());
    }
    assert_no_larger::<MutexGuard<'_, u64>>();
    assert_no_larger::<MappedMutexGuard<'_, u64>>();
    assert_no_larger::<ArcMutexGuard<u64>>();
    assert_no_larger::<RwLockReadGuard<'_, u64>>();
    assert_no_larger::<RwLockWriteGuard<'_, u64>>();
    assert_no_larger::<RwLockUpgradableReadGuard<'_, u64>>();
    assert_no_larger::<SemaphorePermit<'_>>();
    assert_no_larger::<OwnedSemaphorePermit>();
}

#[test]
fn all_can_be_made_in_a_constant_and_used_from_a_static() {
    static NAMES: Mutex<Vec<&str>> = Mutex::new(Vec::new());
    static COUNT: RwLock<usize> = RwLock::new(0);
    static CHANGED: Condvar = Condvar::new();
    static STALLS: Semaphore = Semaphore::new(1);
    let other = std::thread::spawn(|| {
        let permit = STALLS.acquire().unwrap();
        NAMES.lock().push("static");
        CHANGED.notify_all();
        *COUNT.write() += permit.num_permits();
    });
    let mut names = NAMES.lock();
    CHANGED.wait_while(&mut names, |names| names.is_empty());
    assert_eq!(*names, ["static"]);
    other.join().unwrap();
    assert_eq!(*COUNT.read(), STALLS.available_permits());
}

#[test]
fn locks_of_unsized_data_lock() {
    let slice: &Mutex<[u8]> = &Mutex::new([1, 2, 3]);
    slice.lock()[1] = 5;
    assert_eq!(*slice.lock(), [1, 5, 3]);
    let shown: Arc<RwLock<dyn Debug + Send + Sync>> = Arc::new(RwLock::new("a &str"));
    assert_eq!(format!("{:?}", shown.read_arc()), "\"a &str\"");
    let condition: &Mutex<dyn Fn() -> bool> = &Mutex::new(|| false);
    let mut guard = condition.lock();
    Condvar::new().wait_while(&mut guard, |condition| condition());
}
