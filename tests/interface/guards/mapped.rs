//! Guards of a part of the data.

use super::*;

#[test]
fn a_mapped_mutex_guard_holds_the_whole_mutex_and_writes_its_part() {
    must_end(|| {
        let mutex = Mutex::new(((1, 2), "three"));
        let pair = MutexGuard::map(mutex.lock(), |data| &mut data.0);
        let mut second = MappedMutexGuard::map(pair, |pair| &mut pair.1);
        assert!(mutex.is_locked());
        *second += 20;
        drop(second);
        assert!(!mutex.is_locked());
        MappedMutexGuard::unlock_fair(MutexGuard::map(mutex.lock(), |data| &mut data.1));
        assert!(!mutex.is_locked());
        assert_eq!(mutex.into_inner(), ((1, 22), "three"));
    });
}

#[test]
fn a_mapped_read_guard_is_one_reader() {
    must_end(|| {
        let lock = RwLock::new(((1, 2), "three"));
        let other = lock.read();
        let pair = RwLockReadGuard::map(lock.read(), |data| &data.0);
        let second = MappedRwLockReadGuard::map(pair, |pair| &pair.1);
        assert_eq!(*second, 2);
        drop(other);
        assert_eq!(open(&lock), OpenTo::AllButWriters);
        drop(second);
        assert_eq!(open(&lock), OpenTo::All);
        MappedRwLockReadGuard::unlock_fair(RwLockReadGuard::map(lock.read(), |data| &data.1));
        assert_eq!(open(&lock), OpenTo::All);
    });
}

#[test]
fn a_mapped_write_guard_is_the_writer_and_writes_its_part() {
    must_end(|| {
        let lock = RwLock::new(((1, 2), "three"));
        let pair = RwLockWriteGuard::map(lock.write(), |data| &mut data.0);
        let mut second = MappedRwLockWriteGuard::map(pair, |pair| &mut pair.1);
        assert_eq!(open(&lock), OpenTo::None);
        *second += 20;
        drop(second);
        assert_eq!(open(&lock), OpenTo::All);
        MappedRwLockWriteGuard::unlock_fair(RwLockWriteGuard::map(lock.write(), |data| {
            &mut data.1
        }));
        assert_eq!(open(&lock), OpenTo::All);
        assert_eq!(lock.into_inner(), ((1, 22), "three"));
    });
}

#[test]
fn try_map_gives_the_part_or_the_guard_back() {
    must_end(|| {
        let mutex = Mutex::new(vec![1, 2]);
        let all = MutexGuard::try_map(mutex.lock(), |data| data.get_mut(2)).unwrap_err();
        assert_eq!(*all, [1, 2]);
        assert!(mutex.is_locked());
        let mut second = MutexGuard::try_map(all, |data| data.get_mut(1)).unwrap();
        *second = 20;
        let mut second = MappedMutexGuard::try_map(second, |_| None::<&mut ()>).unwrap_err();
        *second += 1;
        assert!(mutex.is_locked());
        drop(second);
        assert_eq!(mutex.into_inner(), [1, 21]);
    });
}

#[test]
fn try_map_of_a_reader_or_writer_gives_the_part_or_the_guard_back() {
    must_end(|| {
        let lock = RwLock::new(vec![1, 2]);
        let all = RwLockReadGuard::try_map(lock.read(), |data| data.get(2)).unwrap_err();
        let second = RwLockReadGuard::try_map(all, |data| data.get(1)).unwrap();
        let second = MappedRwLockReadGuard::try_map(second, |_| None::<&()>).unwrap_err();
        assert_eq!(*second, 2);
        assert_eq!(open(&lock), OpenTo::AllButWriters);
        drop(second);

        let all = RwLockWriteGuard::try_map(lock.write(), |data| data.get_mut(2)).unwrap_err();
        let second = RwLockWriteGuard::try_map(all, |data| data.get_mut(1)).unwrap();
        let mut second = MappedRwLockWriteGuard::try_map(second, |_| None::<&mut ()>).unwrap_err();
        *second = 20;
        assert_eq!(open(&lock), OpenTo::None);
        drop(second);
        assert_eq!(open(&lock), OpenTo::All);
        assert_eq!(lock.into_inner(), [1, 20]);
    });
}

#[test]
fn a_guard_maps_to_and_from_unsized_parts() {
    must_end(|| {
        let mutex = Mutex::new([1, 2, 3]);
        let mut tail = MutexGuard::map(mutex.lock(), |data| &mut data[1..]);
        tail.reverse();
        let any = MappedMutexGuard::map(tail, |tail| &mut tail[0] as &mut (dyn Any + Send));
        let number = MappedMutexGuard::try_map(any, |any| any.downcast_mut::<i32>());
        assert_eq!(*number.unwrap(), 3);
        assert_eq!(mutex.into_inner(), [1, 3, 2]);
    });
}

/// Adversary 24.
#[test]
fn a_panic_in_a_map_closure_releases_the_lock_once() {
    must_end(|| {
        let mutex = Mutex::new(0);
        panics(|| MutexGuard::map(mutex.lock(), |_| -> &mut i32 { quiet_panic() }));
        panics(|| MutexGuard::try_map(mutex.lock(), |_| -> Option<&mut i32> { quiet_panic() }));
        let mapped = || MutexGuard::map(mutex.lock(), |n| n);
        panics(|| MappedMutexGuard::map(mapped(), |_| -> &mut i32 { quiet_panic() }));
        assert!(!mutex.is_locked());

        let lock = RwLock::new(0);
        panics(|| RwLockWriteGuard::map(lock.write(), |_| -> &mut i32 { quiet_panic() }));
        assert_eq!(open(&lock), OpenTo::All);
        // Of two readers one leaves: released twice, it would take the other one's place with it.
        let other = lock.read();
        panics(|| RwLockReadGuard::map(lock.read(), |_| -> &i32 { quiet_panic() }));
        panics(|| RwLockReadGuard::try_map(lock.read(), |_| -> Option<&i32> { quiet_panic() }));
        assert_eq!(open(&lock), OpenTo::AllButWriters);
        drop(other);
        assert_eq!(open(&lock), OpenTo::All);
    });
}
