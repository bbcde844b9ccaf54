//! Programs with an [`RwLock`].

use crate::program::{Inside, SOON, THREADS, below, check, on_threads, one_in};
use anteroom::{RwLock, RwLockReadGuard, RwLockUpgradableReadGuard, RwLockWriteGuard};
use std::sync::Arc;

type Lock = RwLock<Inside>;

fn read(lock: &Lock, _: usize) {
    let guard = match below(6) {
        0 => lock.try_read(),
        1 => lock.try_read_for(SOON),
        2 => Some(lock.read_recursive()),
        _ => Some(lock.read()),
    };
    if let Some(inside) = guard {
        inside.read();
        if one_in(4) {
            // Even if a writer waits.
            lock.read_recursive().read();
        }
    }
}

fn write(lock: &Lock, _: usize) {
    let guard = match below(4) {
        0 => lock.try_write(),
        1 => lock.try_write_for(SOON),
        _ => Some(lock.write()),
    };
    if let Some(inside) = guard {
        stop_writing(inside);
    }
}

fn stop_writing(inside: RwLockWriteGuard<'_, Inside>) {
    inside.write();
    match below(4) {
        0 => RwLockWriteGuard::downgrade(inside).read(),
        1 => RwLockWriteGuard::downgrade_to_upgradable(inside).read(),
        2 => RwLockWriteGuard::unlock_fair(inside),
        _ => {}
    }
}

fn read_upgradably(lock: &Lock, _: usize) {
    use RwLockUpgradableReadGuard as Guard;
    let guard = match below(4) {
        0 => lock.try_upgradable_read(),
        1 => lock.try_upgradable_read_for(SOON),
        _ => Some(lock.upgradable_read()),
    };
    let Some(inside) = guard else { return };
    inside.read();
    let upgraded = match below(6) {
        0 => return Guard::downgrade(inside).read(),
        1 => return Guard::unlock_fair(inside),
        2 => Guard::try_upgrade(inside),
        3 => Guard::try_upgrade_for(inside, SOON),
        _ => Ok(Guard::upgrade(inside)),
    };
    match upgraded {
        Ok(inside) => stop_writing(inside),
        Err(inside) => inside.read(),
    }
}

fn check_mix(mix: fn(&Lock, usize)) {
    let lock = Arc::new(Lock::default());
    on_threads(THREADS, &lock, mix);
    let lock = Arc::into_inner(lock);
    lock.expect("all have ended").assert_at_rest();
}

#[test]
fn readers_and_writers_keep_apart() {
    check(|| {
        check_mix(|lock, n| {
            for _ in 0..2 {
                [read, read, write, read_upgradably][below(4)](lock, n);
            }
        });
    });
}

#[test]
fn a_writer_among_readers_comes_in() {
    check(|| {
        check_mix(|lock, n| {
            for _ in 0..3 {
                if n == 0 {
                    write(lock, n)
                } else {
                    read(lock, n)
                }
            }
        });
    });
}

#[test]
fn those_that_upgrade_follow_each_other() {
    check(|| {
        check_mix(|lock, n| {
            for _ in 0..2 {
                if n < 5 {
                    read_upgradably(lock, n)
                } else {
                    read(lock, n)
                }
            }
        });
    });
}

#[test]
fn readers_let_others_in() {
    check(|| {
        check_mix(|lock, n| {
            if n < 3 {
                return write(lock, n);
            }
            let mut inside = lock.read();
            inside.read();
            RwLockReadGuard::bump(&mut inside);
            inside.read();
        });
    });
}
