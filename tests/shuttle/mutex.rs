//! Programs with a [`Mutex`].

use crate::program::{Inside, SOON, THREADS, below, check, on_threads, one_in};
use anteroom::{Mutex, MutexGuard};
use std::sync::Arc;

fn enter(mutex: &Mutex<Inside>) -> Option<MutexGuard<'_, Inside>> {
    match below(4) {
        0 => mutex.try_lock(),
        1 => mutex.try_lock_for(SOON),
        _ => Some(mutex.lock()),
    }
}

fn take_turns(mutex: &Mutex<Inside>, _: usize) {
    for _ in 0..3 {
        let Some(mut inside) = enter(mutex) else {
            continue;
        };
        inside.write();
        match below(4) {
            0 => MutexGuard::unlock_fair(inside),
            1 => {
                MutexGuard::bump(&mut inside);
                inside.write();
            }
            _ => {}
        }
    }
}

#[test]
fn one_is_inside_and_all_come_in() {
    check(|| {
        let mutex = Arc::new(Mutex::new(Inside::default()));
        on_threads(THREADS, &mutex, take_turns);
        let mutex = Arc::into_inner(mutex);
        mutex.expect("all have ended").assert_at_rest();
    });
}

#[test]
fn two_mutexes_do_not_confuse_each_other() {
    check(|| {
        let both: Arc<[Mutex<Inside>; 2]> = Arc::default();
        on_threads(THREADS, &both, |both, n| {
            take_turns(&both[n % 2], n);
            if one_in(2) {
                take_turns(&both[(n + 1) % 2], n);
            }
        });
    });
}
