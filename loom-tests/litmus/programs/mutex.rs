//! The mutex.

use super::primitives::{Mutex, MutexGuard};
use super::{A_WHILE, ZERO, now, programs, three, two};
use std::sync::Arc;

programs! {
    lock_beside_lock: 2,
    three_lock: 1 [bounded],
    try_beside_lock: 2,
    try_beside_try: any,
    two_tries_beside_lock: 2 [beyond "(1, (None, Some(2)), 3)"],
    timed_beside_lock: 2,
    zero_beside_lock: 2,
    until_beside_lock: 2,
    timed_beside_timed: 2,
    timed_beside_a_holder: 2,
    fair_unlock_beside_lock: 2,
    fair_unlock_beside_try: 2,
    bump_beside_lock: 2,
    bump_beside_try: 2 [beyond "(Some(1), (0, 1), 2)"],
    unlocked_beside_lock: 2,
    unlocked_fair_beside_lock: 2,
    is_locked_beside_lock: 2,
    is_locked_beside_timed: 2,
    debug_beside_lock: 2,
    arc_forms_beside_lock: 2 [bounded],
    mapped_beside_try: 2,
    forced_unlock_beside_lock: 2,
    alone: any,
}

type Number = Mutex<u32>;

fn new() -> Number {
    Mutex::new(0)
}

/// Adds one to what it was.
fn add_one(mut guard: MutexGuard<'_, u32>) -> u32 {
    *guard += 1;
    *guard
}

fn lock(number: &Number) -> u32 {
    add_one(number.lock())
}

fn try_lock(number: &Number) -> Option<u32> {
    number.try_lock().map(add_one)
}

fn timed(number: &Number) -> Option<u32> {
    number.try_lock_for(A_WHILE).map(add_one)
}

fn lock_beside_lock() -> impl std::fmt::Debug {
    two(new(), lock, lock, lock)
}

fn three_lock() -> impl std::fmt::Debug {
    three(new(), lock, lock, lock, lock)
}

fn try_beside_lock() -> impl std::fmt::Debug {
    two(new(), lock, try_lock, try_lock)
}

fn try_beside_try() -> impl std::fmt::Debug {
    two(new(), try_lock, try_lock, try_lock)
}

fn two_tries_beside_lock() -> impl std::fmt::Debug {
    let tries = |number: &Number| (try_lock(number), try_lock(number));
    two(new(), lock, tries, lock)
}

fn timed_beside_lock() -> impl std::fmt::Debug {
    two(new(), lock, timed, timed)
}

fn zero_beside_lock() -> impl std::fmt::Debug {
    let zero = |number: &Number| number.try_lock_for(ZERO).map(add_one);
    two(new(), lock, zero, zero)
}

fn until_beside_lock() -> impl std::fmt::Debug {
    let until = |number: &Number| number.try_lock_until(now()).map(add_one);
    two(new(), lock, until, until)
}

fn timed_beside_timed() -> impl std::fmt::Debug {
    two(new(), timed, timed, try_lock)
}

/// The holder asks whether the other thread has given up.
fn timed_beside_a_holder() -> impl std::fmt::Debug {
    let hold = |number: &Number| {
        let mut held = number.lock();
        *held += 10;
        let before = *held;
        drop(held);
        (before, try_lock(number))
    };
    two(new(), timed, hold, lock)
}

fn fair_unlock_beside_lock() -> impl std::fmt::Debug {
    let fair = |number: &Number| {
        let mut held = number.lock();
        *held += 1;
        MutexGuard::unlock_fair(held);
        lock(number)
    };
    two(new(), lock, fair, lock)
}

fn fair_unlock_beside_try() -> impl std::fmt::Debug {
    let fair = |number: &Number| {
        let held = number.lock();
        MutexGuard::unlock_fair(held);
        (number.is_locked(), try_lock(number))
    };
    two(new(), timed, fair, try_lock)
}

fn bump_beside_lock() -> impl std::fmt::Debug {
    let bump = |number: &Number| {
        let mut held = number.lock();
        let before = *held;
        MutexGuard::bump(&mut held);
        (before, *held)
    };
    two(new(), lock, bump, lock)
}

fn bump_beside_try() -> impl std::fmt::Debug {
    let bump = |number: &Number| {
        let mut held = number.lock();
        let before = *held;
        MutexGuard::bump(&mut held);
        (before, *held)
    };
    two(new(), try_lock, bump, lock)
}

fn unlocked_beside_lock() -> impl std::fmt::Debug {
    let unlocked = |number: &Number| {
        let mut held = number.lock();
        let inside = MutexGuard::unlocked(&mut held, || try_lock(number));
        (inside, *held)
    };
    two(new(), lock, unlocked, lock)
}

fn unlocked_fair_beside_lock() -> impl std::fmt::Debug {
    let unlocked = |number: &Number| {
        let mut held = number.lock();
        let inside = MutexGuard::unlocked_fair(&mut held, || try_lock(number));
        (inside, *held)
    };
    two(new(), lock, unlocked, lock)
}

fn is_locked_beside_lock() -> impl std::fmt::Debug {
    let ask = |number: &Number| (number.is_locked(), number.is_locked());
    two(new(), lock, ask, Mutex::is_locked)
}

fn is_locked_beside_timed() -> impl std::fmt::Debug {
    let ask = |number: &Number| {
        let held = number.lock();
        let mine = number.is_locked();
        drop(held);
        (mine, number.is_locked())
    };
    two(new(), timed, ask, Mutex::is_locked)
}

fn debug_beside_lock() -> impl std::fmt::Debug {
    let show = |number: &Number| format!("{number:?}");
    two(new(), lock, show, show)
}

fn arc_forms_beside_lock() -> impl std::fmt::Debug {
    let arc = |number: &Arc<Number>| {
        let first = number.try_lock_arc().map(|held| *held);
        let second = number.try_lock_arc_for(A_WHILE).map(|held| *held);
        let third = number.try_lock_arc_until(now()).map(|held| *held);
        (first, second, third, *number.lock_arc())
    };
    two(
        Arc::new(new()),
        |number| lock(number),
        arc,
        |number| lock(number),
    )
}

fn mapped_beside_try() -> impl std::fmt::Debug {
    let mapped = |pair: &Mutex<(u32, u32)>| {
        let mut second = MutexGuard::map(pair.lock(), |pair| &mut pair.1);
        *second += 1;
        let shown = format!("{second:?} {second}");
        let mapped = MutexGuard::try_map(pair_after(second, pair), |_| None::<&mut u32>);
        (shown, mapped.map(|_| ()).map_err(|pair| *pair))
    };
    /// Locks again after the mapped guard is gone.
    fn pair_after<'a>(
        second: super::primitives::MappedMutexGuard<'_, u32>,
        pair: &'a Mutex<(u32, u32)>,
    ) -> MutexGuard<'a, (u32, u32)> {
        drop(second);
        pair.lock()
    }
    let look = |pair: &Mutex<(u32, u32)>| pair.try_lock().map(|pair| *pair);
    two(Mutex::new((0, 0)), mapped, look, look)
}

fn forced_unlock_beside_lock() -> impl std::fmt::Debug {
    let forced = |number: &Number| {
        let first = *MutexGuard::leak(number.lock());
        // SAFETY: the guard was leaked, and what it gave is not used any more.
        unsafe { number.force_unlock() };
        std::mem::forget(number.lock());
        let locked = number.is_locked();
        // SAFETY: the guard was forgotten.
        unsafe { number.force_unlock_fair() };
        (first, locked)
    };
    two(new(), lock, forced, lock)
}

fn alone() -> impl std::fmt::Debug {
    let mut number = new();
    *number.get_mut() += 1;
    let held = number.lock();
    let refused = (
        number.is_locked(),
        number.try_lock().is_none(),
        number.try_lock_for(A_WHILE).is_none(),
        number.try_lock_for(ZERO).is_none(),
        number.try_lock_until(now()).is_none(),
        format!("{number:?}"),
        format!("{held:?}"),
    );
    drop(held);
    let unlimited = number
        .try_lock_for(std::time::Duration::MAX)
        .map(|held| *held);
    let shown = format!("{number:?}");
    (refused, unlimited, shown, number.into_inner())
}
