//! The semaphore.

use super::primitives::{Permit, Semaphore, TryAcquireError};
use super::{A_WHILE, ZERO, now, or_panic, programs, three, two};
use std::sync::Arc;

programs! {
    acquire_beside_acquire: 2,
    try_beside_acquire: 2,
    try_beside_try: any,
    timed_beside_acquire: 2,
    timed_beside_add: 2,
    zero_beside_add: 2,
    until_beside_add: 2,
    timed_beside_timed: 2,
    many_beside_one: 2,
    many_timed_beside_two_adds: 2,
    many_waits_beside_try: 2,
    a_reservation_beside_try: 2 [bounded],
    a_reservation_beside_forget: 2,
    a_reservation_beside_none_wanted: 2,
    a_reservation_of_one_beside_try: 2 [bounded],
    two_wait_for_one_each: 1 [bounded],
    three_acquire: 1 [bounded],
    close_beside_acquire: 2,
    close_beside_timed: 2,
    close_beside_try: 2,
    close_beside_add: 2,
    close_beside_many: 2,
    forget_beside_acquire: 2,
    forget_beside_many: 2,
    permits_beside_acquire: 2 [beyond
        "(true, (1, 1), (2, false))" "(true, (1, 2), (2, false))" "(true, (2, 1), (2, false))"],
    debug_beside_close: 2 [bounded],
    owned_forms_beside_acquire: 2 [bounded],
    split_beside_acquire: 2,
    forgotten_beside_timed: 2,
    none_wanted: any,
    none_wanted_beside_close: any,
    split_and_merge: any,
    merge_of_two_semaphores: any,
    too_many_permits: any,
    closed: any,
    closed_twice_beside_add: 2,
}

type Tried = Result<usize, TryAcquireError>;

/// Holds them for no longer than it takes to count them.
fn count<S: std::ops::Deref<Target = Semaphore>>(permit: Permit<S>) -> usize {
    permit.num_permits()
}

/// Takes them for good.
fn keep<S: std::ops::Deref<Target = Semaphore>>(permit: Permit<S>) -> usize {
    let permits = permit.num_permits();
    permit.forget();
    permits
}

fn acquire(semaphore: &Semaphore) -> bool {
    semaphore.acquire().map(count).is_ok()
}

fn take(semaphore: &Semaphore) -> bool {
    semaphore.acquire().map(keep).is_ok()
}

fn try_take(semaphore: &Semaphore) -> Tried {
    semaphore.try_acquire().map(keep)
}

fn timed(semaphore: &Semaphore) -> Tried {
    semaphore.try_acquire_for(A_WHILE).map(keep)
}

fn state(semaphore: &Semaphore) -> (usize, bool) {
    (semaphore.available_permits(), semaphore.is_closed())
}

fn add(semaphore: &Semaphore) {
    semaphore.add_permits(1);
}

fn acquire_beside_acquire() -> impl std::fmt::Debug {
    two(Semaphore::new(1), acquire, acquire, state)
}

fn try_beside_acquire() -> impl std::fmt::Debug {
    let tries = |semaphore: &Semaphore| semaphore.try_acquire().map(count);
    two(Semaphore::new(1), acquire, tries, state)
}

fn try_beside_try() -> impl std::fmt::Debug {
    two(Semaphore::new(1), try_take, try_take, state)
}

fn timed_beside_acquire() -> impl std::fmt::Debug {
    let timed = |semaphore: &Semaphore| semaphore.try_acquire_for(A_WHILE).map(count);
    two(Semaphore::new(1), acquire, timed, state)
}

fn timed_beside_add() -> impl std::fmt::Debug {
    two(Semaphore::new(0), add, timed, state)
}

fn zero_beside_add() -> impl std::fmt::Debug {
    let zero = |semaphore: &Semaphore| {
        let one = semaphore.try_acquire_for(ZERO).map(keep);
        (one, semaphore.try_acquire_many_for(2, ZERO).map(keep))
    };
    two(Semaphore::new(0), add, zero, state)
}

fn until_beside_add() -> impl std::fmt::Debug {
    let until = |semaphore: &Semaphore| {
        let one = semaphore.try_acquire_until(now()).map(keep);
        (one, semaphore.try_acquire_many_until(2, now()).map(keep))
    };
    two(Semaphore::new(0), add, until, state)
}

fn timed_beside_timed() -> impl std::fmt::Debug {
    two(Semaphore::new(1), timed, timed, state)
}

fn many_beside_one() -> impl std::fmt::Debug {
    let many = |semaphore: &Semaphore| semaphore.acquire_many(2).map(count).is_ok();
    two(Semaphore::new(2), many, acquire, state)
}

fn many_timed_beside_two_adds() -> impl std::fmt::Debug {
    let many = |semaphore: &Semaphore| semaphore.try_acquire_many_for(2, A_WHILE).map(keep);
    let adds = |semaphore: &Semaphore| {
        semaphore.add_permits(1);
        let between = semaphore.available_permits();
        semaphore.add_permits(1);
        between
    };
    two(Semaphore::new(0), many, adds, state)
}

/// The permit there is may be refused to the try only where another thread waits for more.
fn many_waits_beside_try() -> impl std::fmt::Debug {
    let many = |semaphore: &Semaphore| semaphore.acquire_many(2).map(keep).is_ok();
    let tries = |semaphore: &Semaphore| {
        let tried = try_take(semaphore);
        let left = semaphore.available_permits();
        semaphore.add_permits(2);
        (tried, left)
    };
    two(Semaphore::new(1), many, tries, state)
}

/// As above, with a wake-up that is in vain before.
fn a_reservation_beside_try() -> impl std::fmt::Debug {
    let many = |semaphore: &Semaphore| semaphore.acquire_many(2).map(keep).is_ok();
    let tries = |semaphore: &Semaphore| {
        semaphore.add_permits(1);
        let seen = semaphore.available_permits();
        let tried = (try_take(semaphore), timed(semaphore));
        semaphore.add_permits(2);
        (seen, tried)
    };
    two(Semaphore::new(0), many, tries, state)
}

fn a_reservation_beside_forget() -> impl std::fmt::Debug {
    let many = |semaphore: &Semaphore| semaphore.try_acquire_many_for(2, A_WHILE).map(keep);
    let forget = |semaphore: &Semaphore| {
        semaphore.add_permits(1);
        (semaphore.forget_permits(2), try_take(semaphore))
    };
    two(Semaphore::new(0), many, forget, state)
}

/// Zero permits are there, whatever is reserved.
fn a_reservation_beside_none_wanted() -> impl std::fmt::Debug {
    let many = |semaphore: &Semaphore| semaphore.acquire_many(2).map(keep).is_ok();
    let none = |semaphore: &Semaphore| {
        semaphore.add_permits(1);
        let none = (semaphore.try_acquire_many(0).map(keep), try_take(semaphore));
        semaphore.add_permits(2);
        none
    };
    two(Semaphore::new(0), many, none, state)
}

/// A thread that was called in vain reserves even one.
fn a_reservation_of_one_beside_try() -> impl std::fmt::Debug {
    let tries = |semaphore: &Semaphore| {
        semaphore.add_permits(1);
        let first = try_take(semaphore);
        semaphore.add_permits(1);
        let second = try_take(semaphore);
        let left = semaphore.available_permits();
        semaphore.add_permits(1);
        (first, second, left)
    };
    two(Semaphore::new(0), take, tries, state)
}

fn two_wait_for_one_each() -> impl std::fmt::Debug {
    let main = |semaphore: &Semaphore| {
        semaphore.add_permits(1);
        let left = semaphore.available_permits();
        semaphore.add_permits(1);
        left
    };
    three(Semaphore::new(0), take, take, main, state)
}

fn three_acquire() -> impl std::fmt::Debug {
    let tries = |semaphore: &Semaphore| semaphore.try_acquire().map(count);
    three(Semaphore::new(1), acquire, acquire, tries, state)
}

fn close_beside_acquire() -> impl std::fmt::Debug {
    let close = |semaphore: &Semaphore| {
        let before = semaphore.is_closed();
        semaphore.close();
        (before, semaphore.is_closed())
    };
    two(Semaphore::new(0), take, close, state)
}

fn close_beside_timed() -> impl std::fmt::Debug {
    two(Semaphore::new(0), timed, Semaphore::close, state)
}

fn close_beside_try() -> impl std::fmt::Debug {
    two(Semaphore::new(1), try_take, Semaphore::close, state)
}

fn close_beside_add() -> impl std::fmt::Debug {
    let main = |semaphore: &Semaphore| {
        semaphore.add_permits(1);
        semaphore.close();
    };
    two(Semaphore::new(0), take, main, state)
}

fn close_beside_many() -> impl std::fmt::Debug {
    let many = |semaphore: &Semaphore| semaphore.acquire_many(2).map(keep).is_ok();
    three(Semaphore::new(1), many, add, Semaphore::close, state)
}

fn forget_beside_acquire() -> impl std::fmt::Debug {
    let forget = |semaphore: &Semaphore| {
        let forgotten = semaphore.forget_permits(2);
        semaphore.add_permits(1);
        forgotten
    };
    two(Semaphore::new(1), take, forget, state)
}

fn forget_beside_many() -> impl std::fmt::Debug {
    let many = |semaphore: &Semaphore| semaphore.acquire_many(2).map(keep).is_ok();
    let forget = |semaphore: &Semaphore| {
        let forgotten = semaphore.forget_permits(1);
        semaphore.add_permits(2);
        forgotten
    };
    two(Semaphore::new(1), many, forget, state)
}

fn permits_beside_acquire() -> impl std::fmt::Debug {
    let ask =
        |semaphore: &Semaphore| (semaphore.available_permits(), semaphore.available_permits());
    two(Semaphore::new(2), acquire, ask, state)
}

fn debug_beside_close() -> impl std::fmt::Debug {
    let close = |semaphore: &Semaphore| {
        let tried = try_take(semaphore);
        semaphore.close();
        tried
    };
    let show = |semaphore: &Semaphore| format!("{semaphore:?}");
    two(Semaphore::new(1), close, show, show)
}

fn owned_forms_beside_acquire() -> impl std::fmt::Debug {
    let owned = |semaphore: &Arc<Semaphore>| {
        let shared = || semaphore.clone();
        (
            shared().try_acquire_owned().map(count),
            shared().try_acquire_many_owned(2).map(count),
            shared().try_acquire_owned_for(A_WHILE).map(count),
            shared().try_acquire_owned_until(now()).map(count),
            shared().try_acquire_many_owned_for(2, A_WHILE).map(count),
            shared().try_acquire_many_owned_until(1, now()).map(count),
            shared().acquire_owned().map(count).is_ok(),
            shared().acquire_many_owned(1).map(count).is_ok(),
        )
    };
    let semaphore = Arc::new(Semaphore::new(1));
    two(
        semaphore,
        |semaphore| acquire(semaphore),
        owned,
        |it| state(it),
    )
}

fn split_beside_acquire() -> impl std::fmt::Debug {
    let split = |semaphore: &Semaphore| {
        let mut both = semaphore.acquire_many(2).unwrap();
        let one = both.split(1).map(count);
        (one, count(both))
    };
    two(Semaphore::new(2), acquire, split, state)
}

fn forgotten_beside_timed() -> impl std::fmt::Debug {
    two(Semaphore::new(1), take_unless_timed, timed, state)
}

fn take_unless_timed(semaphore: &Semaphore) -> Tried {
    let permit = semaphore.try_acquire()?;
    let permits = permit.num_permits();
    permit.forget();
    semaphore.add_permits(1);
    Ok(permits)
}

/// Zero permits are always there, while the semaphore is open.
fn none_wanted() -> impl std::fmt::Debug {
    let none = |semaphore: &Semaphore| {
        (
            semaphore
                .acquire_many(0)
                .map(count)
                .map_err(|e| e.to_string()),
            semaphore.try_acquire_many(0).map(count),
            semaphore.try_acquire_many_for(0, A_WHILE).map(count),
            semaphore.try_acquire_many_for(0, ZERO).map(count),
            semaphore.forget_permits(0),
        )
    };
    let semaphore = Semaphore::new(0);
    semaphore.add_permits(0);
    let open = none(&semaphore);
    semaphore.close();
    semaphore.add_permits(0);
    (open, none(&semaphore), state(&semaphore))
}

fn none_wanted_beside_close() -> impl std::fmt::Debug {
    let none = |semaphore: &Semaphore| {
        (
            semaphore.acquire_many(0).map(count).is_ok(),
            semaphore.try_acquire_many(0).map(count),
            semaphore.try_acquire_many_for(0, A_WHILE).map(count),
        )
    };
    two(Semaphore::new(0), none, Semaphore::close, state)
}

fn split_and_merge() -> impl std::fmt::Debug {
    let semaphore = Semaphore::new(3);
    let mut all = semaphore.acquire_many(3).unwrap();
    let none = all.split(4).map(count);
    let nothing = all.split(0).map(count);
    let two = all.split(2).unwrap();
    let parts = (all.num_permits(), two.num_permits(), state(&semaphore));
    let shown = format!("{two:?}");
    all.merge(two);
    let whole = all.num_permits();
    let same = std::ptr::eq(*all.semaphore(), &raw const semaphore);
    let rest = all.split(1).unwrap();
    all.forget();
    let (before, _) = state(&semaphore);
    drop(rest);
    let huge = semaphore.acquire().unwrap().split(usize::MAX).is_none();
    (
        none,
        nothing,
        parts,
        shown,
        whole,
        same,
        before,
        huge,
        state(&semaphore),
    )
}

fn merge_of_two_semaphores() -> impl std::fmt::Debug {
    let (one, other) = (Semaphore::new(1), Semaphore::new(1));
    let refused = {
        let mut mine = one.acquire().unwrap();
        let its = other.acquire().unwrap();
        let refused = or_panic(|| mine.merge(its));
        (refused, mine.num_permits(), state(&one), state(&other))
    };
    let most = Semaphore::new(2 * u32::MAX as usize);
    let overflown = {
        let mut mine = most.acquire_many(u32::MAX).unwrap();
        let more = most.acquire().unwrap();
        let overflown = or_panic(|| mine.merge(more));
        (overflown, mine.num_permits(), state(&most))
    };
    (refused, state(&one), state(&other), overflown, state(&most))
}

fn too_many_permits() -> impl std::fmt::Debug {
    const MOST: usize = Semaphore::MAX_PERMITS;
    let new = or_panic(|| Semaphore::new(MOST + 1));
    let semaphore = Semaphore::new(MOST);
    let added = or_panic(|| semaphore.add_permits(1));
    let full = state(&semaphore);
    let held = semaphore.acquire().unwrap();
    let again = or_panic(|| semaphore.add_permits(1));
    let overflow = or_panic(|| semaphore.add_permits(usize::MAX));
    let after = state(&semaphore);
    // Where the one that is held would be one too many.
    let too_late = or_panic(|| drop(held));
    (
        MOST,
        new,
        added,
        full,
        again,
        overflow,
        after,
        too_late,
        state(&semaphore),
    )
}

fn closed() -> impl std::fmt::Debug {
    let semaphore = Semaphore::new(2);
    let held = semaphore.acquire().unwrap();
    semaphore.close();
    semaphore.close();
    let refused = (
        semaphore.acquire().map(count),
        semaphore
            .acquire_many(2)
            .map(count)
            .map_err(|e| e.to_string()),
        semaphore
            .try_acquire()
            .map(count)
            .map_err(|e| e.to_string()),
        semaphore.try_acquire_for(A_WHILE).map(count),
        semaphore.try_acquire_for(ZERO).map(count),
        semaphore.try_acquire_many_until(9, now()).map(count),
    );
    let before = state(&semaphore);
    drop(held);
    let forgotten = semaphore.forget_permits(9);
    semaphore.add_permits(3);
    (
        refused,
        before,
        forgotten,
        state(&semaphore),
        format!("{semaphore:?}"),
    )
}

fn closed_twice_beside_add() -> impl std::fmt::Debug {
    let close = |semaphore: &Semaphore| {
        semaphore.close();
        semaphore.close();
        try_take(semaphore)
    };
    let add_and_take = |semaphore: &Semaphore| {
        semaphore.add_permits(1);
        timed(semaphore)
    };
    two(Semaphore::new(0), close, add_and_take, state)
}
