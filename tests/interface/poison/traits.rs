//! The traits of `anteroom::poison`, side by side with std's, and the texts.

use anteroom::poison::{self, Mutex, RwLock};
use std::cell::Cell;
use std::fmt::{Debug, Display};
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::sync;

/// Whether the type implements the trait.
macro_rules! implements {
    ($Type:ty: $($Trait:tt)+) => {{
        #[allow(dead_code)]
        struct Probe<T: ?Sized>(PhantomData<T>);
        #[allow(dead_code)]
        trait No {
            const IMPLEMENTED: bool = false;
        }
        impl<T: ?Sized> No for Probe<T> {}
        impl<T: ?Sized + $($Trait)+> Probe<T> {
            #[allow(dead_code)]
            const IMPLEMENTED: bool = true;
        }
        <Probe<$Type>>::IMPLEMENTED
    }};
}

/// Checks that our type has a trait exactly if std's has it.
macro_rules! assert_same {
    ($Ours:ty, $Stds:ty) => {
        assert_same! { $Ours, $Stds, Send Sync Unpin UnwindSafe RefUnwindSafe }
        assert_same! { $Ours, $Stds, Debug Display Default Clone }
    };
    ($Ours:ty, $Stds:ty, $($Trait:ident)+) => {$(
        let (ours, stds) = (implements!($Ours: $Trait), implements!($Stds: $Trait));
        assert_eq!(ours, stds, stringify!($Ours: $Trait));
    )+};
}

#[test]
fn locks_and_guards_have_the_traits_of_those_of_std() {
    use poison as ours;
    macro_rules! all_of {
        ($($T:ty;)+) => {$(
            assert_same! { ours::Mutex<$T>, sync::Mutex<$T> }
            assert_same! { ours::RwLock<$T>, sync::RwLock<$T> }
            assert_same! { ours::MutexGuard<'static, $T>, sync::MutexGuard<'static, $T> }
            assert_same! { ours::RwLockReadGuard<'static, $T>, sync::RwLockReadGuard<'static, $T> }
            assert_same! { ours::RwLockWriteGuard<'static, $T>, sync::RwLockWriteGuard<'static, $T> }
        )+};
    }
    all_of! {
        u8;
        Cell<u8>;
        sync::MutexGuard<'static, u8>;
        Rc<u8>;
        &'static mut u8;
        Box<dyn Fn()>;
        str;
    }
    assert_same! { poison::Condvar, sync::Condvar }
    assert_same! { poison::WaitTimeoutResult, sync::WaitTimeoutResult }
    assert!(implements!(Mutex<u8>: Send) && !implements!(Mutex<Rc<u8>>: Send));
    assert!(implements!(poison::WaitTimeoutResult: Copy + Eq + Debug));
}

#[test]
fn mapped_guards_stay_on_their_thread() {
    macro_rules! check {
        ($($Guard:ident)*) => {$(
            assert!(!implements!(poison::$Guard<'static, u8>: Send));
            assert!(implements!(poison::$Guard<'static, u8>: Sync + Debug + Display));
            assert!(!implements!(poison::$Guard<'static, Cell<u8>>: Sync));
        )*};
    }
    check! { MappedMutexGuard MappedRwLockReadGuard MappedRwLockWriteGuard }
}

#[test]
fn locks_and_guards_are_as_large_as_those_of_std() {
    assert!(size_of::<Mutex<u64>>() <= size_of::<sync::Mutex<u64>>());
    assert!(size_of::<RwLock<u64>>() <= size_of::<sync::RwLock<u64>>());
    let word = size_of::<usize>();
    assert_eq!(size_of::<poison::MutexGuard<'_, u64>>(), 2 * word);
    assert_eq!(size_of::<poison::RwLockReadGuard<'_, u64>>(), 2 * word);
    assert_eq!(size_of::<poison::RwLockWriteGuard<'_, u64>>(), 2 * word);
}

/// Compiles, because a guard that only reads is covariant.
#[test]
fn a_read_guard_of_longer_lived_data_is_one_of_shorter_lived_data() {
    fn shorter<'a, 'b>(
        guard: poison::RwLockReadGuard<'a, &'static str>,
        _: &'b str,
    ) -> poison::RwLockReadGuard<'a, &'b str> {
        guard
    }
    fn shorter_part<'a, 'b>(
        guard: poison::MappedRwLockReadGuard<'a, &'static str>,
        _: &'b str,
    ) -> poison::MappedRwLockReadGuard<'a, &'b str> {
        guard
    }
    let (lock, local) = (RwLock::new("text"), String::new());
    let whole = lock.read().unwrap();
    assert_eq!(*shorter(whole, &local), "text");
    let part = poison::RwLockReadGuard::map(lock.read().unwrap(), |text| text);
    assert_eq!(*shorter_part(part, &local), "text");
}

/// The texts of Rust 1.95. Its mutex, unlike its reader-writer lock, quotes `<locked>`.
#[test]
fn locks_print_as_those_of_std() {
    let mutex = Mutex::new(5);
    assert_eq!(
        format!("{mutex:?}"),
        "Mutex { data: 5, poisoned: false, .. }"
    );
    let guard = mutex.lock().unwrap();
    assert_eq!(format!("{guard:?} {guard}"), "5 5");
    let locked = r#"Mutex { data: "<locked>", poisoned: false, .. }"#;
    assert_eq!(format!("{mutex:?}"), locked);
    drop(guard);
    let poisoned = super::poisoned_mutex(5);
    assert_eq!(
        format!("{poisoned:?}"),
        "Mutex { data: 5, poisoned: true, .. }"
    );

    let lock = RwLock::new(5);
    assert_eq!(
        format!("{lock:?}"),
        "RwLock { data: 5, poisoned: false, .. }"
    );
    let guard = lock.write().unwrap();
    assert_eq!(
        format!("{lock:?}"),
        "RwLock { data: <locked>, poisoned: false, .. }"
    );
    drop(guard);
    let poisoned = super::poisoned_lock(5);
    assert_eq!(
        format!("{poisoned:?}"),
        "RwLock { data: 5, poisoned: true, .. }"
    );
    assert_eq!(format!("{:?}", poison::Condvar::new()), "Condvar { .. }");
}

#[test]
fn locks_hold_unsized_data_and_have_default_values() {
    let slice: &Mutex<[u8]> = &Mutex::new([1, 2, 3]);
    slice.lock().unwrap()[1] = 5;
    assert_eq!(*slice.lock().unwrap(), [1, 5, 3]);
    let shown: Box<RwLock<dyn Debug>> = Box::new(RwLock::new("a &str"));
    assert_eq!(format!("{:?}", shown.read().unwrap()), "\"a &str\"");
    assert_eq!(Mutex::<u8>::default().into_inner().unwrap(), 0);
    assert_eq!(RwLock::<u8>::default().into_inner().unwrap(), 0);
    assert_eq!(Mutex::from(3).get_mut().unwrap(), &3);
}
