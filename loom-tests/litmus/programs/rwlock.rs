//! The reader-writer lock.

use super::primitives::{RwLock, RwLockReadGuard, RwLockUpgradableReadGuard, RwLockWriteGuard};
use super::{A_WHILE, ZERO, now, programs, three, two};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

programs! {
    write_beside_read: 2,
    write_beside_write: 2,
    read_beside_read: 2,
    two_read_beside_write: 1 [bounded],
    try_read_beside_write: 2,
    try_read_beside_try_write: any,
    try_read_beside_try_read: any,
    try_write_beside_try_write: any,
    try_write_beside_read: 2,
    try_upgradable_beside_try_upgradable: any,
    try_upgradable_beside_try_write: any,
    try_upgradable_beside_read: 2,
    try_read_beside_upgradable: 2,
    three_try: 1 [bounded],
    tries_beside_two_readers: 1 [bounded],
    timed_read_beside_write: 2,
    timed_write_beside_read: 2,
    timed_write_beside_reading: 2,
    timed_write_beside_upgradable: 2,
    timed_write_beside_timed_write: 2,
    timed_upgradable_beside_write: 2,
    zero_and_until_beside_write: 2 [bounded],
    zero_and_until_beside_read: 2 [bounded],
    zero_write_beside_reading: 2,
    reads_again_beside_write: 2,
    recursive_beside_write: 2 [bounded],
    recursive_alone_beside_write: 2,
    timed_again_beside_write: 2,
    downgrade_beside_write: 2,
    downgrade_beside_read: 2,
    downgrade_beside_tries: 2,
    downgrade_to_upgradable_beside_write: 2,
    downgrade_of_upgradable_beside_write: 2,
    upgrade_beside_read: 2,
    upgrade_beside_write: 2,
    try_upgrade_beside_read: 2,
    try_upgrade_beside_try_read: any,
    try_upgrade_beside_try_write: any,
    timed_upgrade_beside_read: 2 [bounded],
    timed_upgrade_beside_tries: 2 [bounded],
    with_upgraded_beside_read: 2,
    try_with_upgraded_beside_read: 2,
    timed_with_upgraded_beside_read: 2 [bounded],
    fair_unlock_beside_read: 2 [bounded],
    fair_unlock_beside_write: 2,
    fair_unlock_of_upgradable_beside_write: 2,
    bump_of_read_beside_write: 2,
    bump_of_write_beside_write: 2,
    bump_of_write_beside_read: 2,
    bump_of_upgradable_beside_write: 2,
    unlocked_read_beside_write: 2,
    unlocked_write_beside_write: 2,
    unlocked_upgradable_beside_write: 2,
    is_locked_beside_read: 2 [beyond "(0, (true, false), (false, false))"],
    is_locked_beside_write: 2,
    is_locked_beside_upgrade: 2 [beyond
        "((0, 10), (false, true), (false, false))" "((0, 10), (true, false), (false, false))"
        "((0, 10), (true, true), (false, false))"],
    is_locked_beside_a_waiting_writer: 2,
    debug_beside_write: 2,
    debug_beside_read: 2,
    arc_forms_beside_write: 1 [bounded],
    mapped_beside_write: 2,
    forced_unlock_beside_write: 2,
    alone: any,
    panics_release: any,
}

type Number = RwLock<u32>;

fn new() -> Number {
    RwLock::new(0)
}

fn add_one(mut guard: RwLockWriteGuard<'_, u32>) -> u32 {
    *guard += 1;
    *guard
}

fn write(number: &Number) -> u32 {
    add_one(number.write())
}

fn try_write(number: &Number) -> Option<u32> {
    number.try_write().map(add_one)
}

fn timed_write(number: &Number) -> Option<u32> {
    number.try_write_for(A_WHILE).map(add_one)
}

fn read(number: &Number) -> u32 {
    *number.read()
}

fn try_read(number: &Number) -> Option<u32> {
    number.try_read().map(|number| *number)
}

fn try_upgradable(number: &Number) -> Option<u32> {
    number.try_upgradable_read().map(|number| *number)
}

fn upgradable(number: &Number) -> u32 {
    *number.upgradable_read()
}

/// What every kind of try says.
fn tries(number: &Number) -> (bool, bool, bool) {
    let read = number.try_read().is_some();
    let upgradable = number.try_upgradable_read().is_some();
    let write = number.try_write().is_some();
    (read, upgradable, write)
}

fn write_beside_read() -> impl std::fmt::Debug {
    two(new(), write, read, tries)
}

fn write_beside_write() -> impl std::fmt::Debug {
    two(new(), write, write, tries)
}

fn read_beside_read() -> impl std::fmt::Debug {
    two(new(), read, read, tries)
}

fn two_read_beside_write() -> impl std::fmt::Debug {
    three(new(), read, write, read, tries)
}

fn try_read_beside_write() -> impl std::fmt::Debug {
    two(new(), write, try_read, tries)
}

/// Nothing else is held: one of them at least is let in.
fn try_read_beside_try_write() -> impl std::fmt::Debug {
    two(new(), try_write, try_read, tries)
}

fn try_read_beside_try_read() -> impl std::fmt::Debug {
    two(new(), try_read, try_read, tries)
}

fn try_write_beside_try_write() -> impl std::fmt::Debug {
    two(new(), try_write, try_write, tries)
}

fn try_write_beside_read() -> impl std::fmt::Debug {
    two(new(), read, try_write, tries)
}

fn try_upgradable_beside_try_upgradable() -> impl std::fmt::Debug {
    two(new(), try_upgradable, try_upgradable, tries)
}

fn try_upgradable_beside_try_write() -> impl std::fmt::Debug {
    two(new(), try_upgradable, try_write, tries)
}

fn try_upgradable_beside_read() -> impl std::fmt::Debug {
    two(new(), read, try_upgradable, tries)
}

fn try_read_beside_upgradable() -> impl std::fmt::Debug {
    two(new(), upgradable, try_read, tries)
}

fn three_try() -> impl std::fmt::Debug {
    three(new(), try_read, try_write, try_upgradable, tries)
}

/// Whatever tries while this thread reads may fail, but not because of another try.
fn tries_beside_two_readers() -> impl std::fmt::Debug {
    let main = |number: &Number| {
        let held = number.read();
        let again = try_read(number);
        (*held, again)
    };
    three(new(), try_write, try_read, main, tries)
}

fn timed_read(number: &Number) -> Option<u32> {
    number.try_read_for(A_WHILE).map(|number| *number)
}

fn timed_read_beside_write() -> impl std::fmt::Debug {
    two(new(), write, timed_read, tries)
}

fn timed_write_beside_read() -> impl std::fmt::Debug {
    two(new(), read, timed_write, tries)
}

/// A thread that reads sees by its tries that a writer waits.
fn timed_write_beside_reading() -> impl std::fmt::Debug {
    let reading = |number: &Number| {
        let held = number.read();
        let again = (try_read(number), try_upgradable(number));
        (*held, again, try_write(number))
    };
    two(new(), timed_write, reading, tries)
}

fn timed_write_beside_upgradable() -> impl std::fmt::Debug {
    let reading = |number: &Number| {
        let held = number.upgradable_read();
        let again = (try_read(number), try_upgradable(number), try_write(number));
        (*held, again)
    };
    two(new(), timed_write, reading, tries)
}

fn timed_write_beside_timed_write() -> impl std::fmt::Debug {
    two(new(), timed_write, timed_write, tries)
}

fn timed_upgradable_beside_write() -> impl std::fmt::Debug {
    let timed = |number: &Number| {
        number
            .try_upgradable_read_for(A_WHILE)
            .map(|number| *number)
    };
    two(new(), write, timed, tries)
}

fn zero_and_until(number: &Number) -> [Option<u32>; 4] {
    [
        number.try_read_for(ZERO).map(|number| *number),
        number.try_write_for(ZERO).map(add_one),
        number
            .try_upgradable_read_until(now())
            .map(|number| *number),
        number.try_write_until(now()).map(add_one),
    ]
}

fn zero_and_until_beside_write() -> impl std::fmt::Debug {
    two(new(), write, zero_and_until, tries)
}

fn zero_and_until_beside_read() -> impl std::fmt::Debug {
    two(new(), read, zero_and_until, tries)
}

fn zero_write_beside_reading() -> impl std::fmt::Debug {
    let zero = |number: &Number| number.try_write_for(ZERO).map(add_one);
    let reading = |number: &Number| {
        let held = number.read();
        (*held, try_read(number))
    };
    two(new(), zero, reading, tries)
}

/// A second read fails while a writer waits for the first to end.
fn reads_again_beside_write() -> impl std::fmt::Debug {
    let again = |number: &Number| {
        let held = number.read();
        let again = try_read(number);
        (*held, again, number.is_locked_exclusive())
    };
    two(new(), write, again, tries)
}

/// A recursive one does not.
fn recursive_beside_write() -> impl std::fmt::Debug {
    let again = |number: &Number| {
        let held = number.read();
        let again = number.read_recursive();
        let third = number.try_read_recursive().map(|number| *number);
        let fourth = number.try_read_recursive_for(ZERO).map(|number| *number);
        (*held, *again, third, fourth)
    };
    two(new(), write, again, tries)
}

fn recursive_alone_beside_write() -> impl std::fmt::Debug {
    let alone = |number: &Number| {
        let first = number.try_read_recursive().map(|number| *number);
        let second = number.try_read_recursive_for(A_WHILE).map(|number| *number);
        (first, second, *number.read_recursive())
    };
    two(new(), write, alone, tries)
}

fn timed_again_beside_write() -> impl std::fmt::Debug {
    let again = |number: &Number| {
        let held = number.read();
        let again = number.try_read_for(A_WHILE).map(|number| *number);
        (*held, again)
    };
    two(new(), write, again, tries)
}

/// No writer comes in between.
fn downgrade_beside_write() -> impl std::fmt::Debug {
    let downgrade = |number: &Number| {
        let mut held = number.write();
        *held += 10;
        let before = *held;
        let held = RwLockWriteGuard::downgrade(held);
        let again = try_read(number);
        (before, *held, again)
    };
    two(new(), write, downgrade, tries)
}

/// A thread that waits to read is let in while the downgraded guard still is.
fn downgrade_beside_read() -> impl std::fmt::Debug {
    let number = Arc::new(new());
    let mut held = number.write();
    let shared = number.clone();
    let other = loom::thread::spawn(move || read(&shared));
    *held += 1;
    let held = RwLockWriteGuard::downgrade(held);
    let other = other.join().unwrap();
    (*held, other)
}

fn downgrade_beside_tries() -> impl std::fmt::Debug {
    let downgrade = |number: &Number| {
        let held = RwLockWriteGuard::downgrade(number.write());
        (*held, try_write(number))
    };
    two(new(), tries, downgrade, tries)
}

fn downgrade_to_upgradable_beside_write() -> impl std::fmt::Debug {
    let downgrade = |number: &Number| {
        let mut held = number.write();
        *held += 10;
        let held = RwLockWriteGuard::downgrade_to_upgradable(held);
        let before = (*held, try_read(number));
        let mut held = RwLockUpgradableReadGuard::upgrade(held);
        *held += 10;
        (before, *held)
    };
    two(new(), write, downgrade, tries)
}

fn downgrade_of_upgradable_beside_write() -> impl std::fmt::Debug {
    let downgrade = |number: &Number| {
        let held = number.upgradable_read();
        let before = *held;
        let held = RwLockUpgradableReadGuard::downgrade(held);
        (before, *held, try_upgradable(number))
    };
    two(new(), write, downgrade, tries)
}

fn upgrade(number: &Number) -> (u32, u32) {
    let held = number.upgradable_read();
    let before = *held;
    let mut held = RwLockUpgradableReadGuard::upgrade(held);
    *held += 10;
    (before, *held)
}

fn upgrade_beside_read() -> impl std::fmt::Debug {
    two(new(), upgrade, read, tries)
}

fn upgrade_beside_write() -> impl std::fmt::Debug {
    two(new(), upgrade, write, tries)
}

/// Either way the guard is good.
fn try_upgrade(number: &Number) -> (bool, u32) {
    let held = number.upgradable_read();
    match RwLockUpgradableReadGuard::try_upgrade(held) {
        Ok(mut held) => {
            *held += 10;
            (true, *held)
        }
        Err(held) => (false, *held),
    }
}

fn timed_upgrade(number: &Number) -> (bool, u32) {
    let held = number.upgradable_read();
    match RwLockUpgradableReadGuard::try_upgrade_for(held, A_WHILE) {
        Ok(mut held) => {
            *held += 10;
            (true, *held)
        }
        Err(held) => {
            let held = RwLockUpgradableReadGuard::try_upgrade_until(held, now());
            (held.is_ok(), held.map_or_else(|held| *held, |held| *held))
        }
    }
}

fn try_upgrade_beside_read() -> impl std::fmt::Debug {
    let reads = |number: &Number| {
        let held = number.read();
        (*held, try_read(number))
    };
    two(new(), try_upgrade, reads, tries)
}

fn try_upgrade_beside_try_read() -> impl std::fmt::Debug {
    two(new(), try_upgrade, try_read, tries)
}

fn try_upgrade_beside_try_write() -> impl std::fmt::Debug {
    two(new(), try_upgrade, try_write, tries)
}

fn timed_upgrade_beside_read() -> impl std::fmt::Debug {
    let reads = |number: &Number| {
        let held = number.read();
        (*held, try_read(number))
    };
    two(new(), timed_upgrade, reads, tries)
}

fn timed_upgrade_beside_tries() -> impl std::fmt::Debug {
    two(new(), timed_upgrade, tries, tries)
}

fn with_upgraded_beside_read() -> impl std::fmt::Debug {
    let with = |number: &Number| {
        let mut held = number.upgradable_read();
        let before = RwLockUpgradableReadGuard::with_upgraded(&mut held, |number| {
            *number += 1;
            *number - 1
        });
        (before, *held)
    };
    two(new(), with, read, tries)
}

fn try_with_upgraded_beside_read() -> impl std::fmt::Debug {
    let with = |number: &Number| {
        let mut held = number.upgradable_read();
        let done = RwLockUpgradableReadGuard::try_with_upgraded(&mut held, |number| *number += 1);
        (done, *held)
    };
    two(new(), with, read, tries)
}

fn timed_with_upgraded_beside_read() -> impl std::fmt::Debug {
    let with = |number: &Number| {
        let mut held = number.upgradable_read();
        let add_one = |number: &mut u32| *number += 1;
        let first = RwLockUpgradableReadGuard::try_with_upgraded_for(&mut held, A_WHILE, add_one);
        let second = RwLockUpgradableReadGuard::try_with_upgraded_until(&mut held, now(), add_one);
        (first, second, *held)
    };
    two(new(), with, read, tries)
}

fn fair_unlock_beside_read() -> impl std::fmt::Debug {
    let fair = |number: &Number| {
        let mut held = number.write();
        *held += 1;
        RwLockWriteGuard::unlock_fair(held);
        (try_write(number), try_read(number))
    };
    two(new(), read, fair, tries)
}

fn fair_unlock_beside_write() -> impl std::fmt::Debug {
    let fair = |number: &Number| {
        RwLockWriteGuard::unlock_fair(number.write());
        let seen = number.is_locked();
        RwLockReadGuard::unlock_fair(number.read());
        (seen, try_write(number))
    };
    two(new(), write, fair, tries)
}

fn fair_unlock_of_upgradable_beside_write() -> impl std::fmt::Debug {
    let fair = |number: &Number| {
        RwLockUpgradableReadGuard::unlock_fair(number.upgradable_read());
        try_upgradable(number)
    };
    two(new(), write, fair, tries)
}

fn bump_of_read_beside_write() -> impl std::fmt::Debug {
    let bump = |number: &Number| {
        let mut held = number.read();
        let before = *held;
        RwLockReadGuard::bump(&mut held);
        (before, *held)
    };
    two(new(), write, bump, tries)
}

fn bump_write(number: &Number) -> (u32, u32) {
    let mut held = number.write();
    *held += 10;
    let before = *held;
    RwLockWriteGuard::bump(&mut held);
    (before, *held)
}

fn bump_of_write_beside_write() -> impl std::fmt::Debug {
    two(new(), write, bump_write, tries)
}

fn bump_of_write_beside_read() -> impl std::fmt::Debug {
    two(new(), read, bump_write, tries)
}

fn bump_of_upgradable_beside_write() -> impl std::fmt::Debug {
    let bump = |number: &Number| {
        let mut held = number.upgradable_read();
        let before = *held;
        RwLockUpgradableReadGuard::bump(&mut held);
        (before, *held)
    };
    two(new(), write, bump, tries)
}

fn unlocked_read_beside_write() -> impl std::fmt::Debug {
    let unlocked = |number: &Number| {
        let mut held = number.read();
        let before = *held;
        let inside = RwLockReadGuard::unlocked(&mut held, || try_write(number));
        (before, inside, *held)
    };
    two(new(), write, unlocked, tries)
}

fn unlocked_write_beside_write() -> impl std::fmt::Debug {
    let unlocked = |number: &Number| {
        let mut held = number.write();
        let before = *held;
        let inside = RwLockWriteGuard::unlocked_fair(&mut held, || try_read(number));
        (before, inside, *held)
    };
    two(new(), write, unlocked, tries)
}

fn unlocked_upgradable_beside_write() -> impl std::fmt::Debug {
    let unlocked = |number: &Number| {
        let mut held = number.upgradable_read();
        let before = *held;
        let inside = RwLockUpgradableReadGuard::unlocked(&mut held, || try_upgradable(number));
        (before, inside, *held)
    };
    two(new(), write, unlocked, tries)
}

fn ask(number: &Number) -> (bool, bool) {
    (number.is_locked(), number.is_locked_exclusive())
}

fn is_locked_beside_read() -> impl std::fmt::Debug {
    two(new(), read, ask, ask)
}

fn is_locked_beside_write() -> impl std::fmt::Debug {
    two(new(), write, ask, ask)
}

fn is_locked_beside_upgrade() -> impl std::fmt::Debug {
    two(new(), upgrade, ask, ask)
}

/// The writer that waits holds nothing yet.
fn is_locked_beside_a_waiting_writer() -> impl std::fmt::Debug {
    let reading = |number: &Number| {
        let held = number.read();
        let reading = (*held, ask(number));
        drop(held);
        (reading, ask(number))
    };
    two(new(), write, reading, ask)
}

fn show(number: &Number) -> String {
    format!("{number:?}")
}

fn debug_beside_write() -> impl std::fmt::Debug {
    two(new(), write, show, show)
}

fn debug_beside_read() -> impl std::fmt::Debug {
    two(new(), read, show, show)
}

fn arc_forms_beside_write() -> impl std::fmt::Debug {
    let arc = |number: &Arc<Number>| {
        let tries = (
            number.try_read_arc().map(|number| *number),
            number.try_write_arc_for(A_WHILE).map(|number| *number),
            number.try_upgradable_read_arc().map(|number| *number),
            number.try_read_arc_recursive().map(|number| *number),
        );
        let read = *number.read_arc();
        let written = *number.write_arc();
        (tries, read, written, *number.upgradable_read_arc())
    };
    two(
        Arc::new(new()),
        |number| write(number),
        arc,
        |number| tries(number),
    )
}

fn mapped_beside_write() -> impl std::fmt::Debug {
    let mapped = |number: &Number| {
        let part = RwLockReadGuard::map(number.read(), |number| number);
        let seen = (*part, try_read(number));
        drop(part);
        let mut part = RwLockWriteGuard::map(number.write(), |number| number);
        *part += 10;
        (seen, *part)
    };
    two(new(), write, mapped, tries)
}

fn forced_unlock_beside_write() -> impl std::fmt::Debug {
    let forced = |number: &Number| {
        std::mem::forget(number.read());
        let reading = number.is_locked();
        // SAFETY: this thread's guard was forgotten.
        unsafe { number.force_unlock_read() };
        std::mem::forget(number.write());
        let writing = ask(number);
        // SAFETY: the guard was forgotten.
        unsafe { number.force_unlock_write() };
        (reading, writing)
    };
    two(new(), write, forced, tries)
}

fn alone() -> impl std::fmt::Debug {
    let mut number = new();
    *number.get_mut() += 1;
    let timed = |number: &Number| {
        (
            number.try_read_for(ZERO).is_some(),
            number.try_upgradable_read_for(A_WHILE).is_some(),
            number.try_write_for(A_WHILE).is_some(),
            number.try_write_until(now()).is_some(),
        )
    };
    let free = (tries(&number), timed(&number), ask(&number), show(&number));
    let held = number.read();
    let read = (tries(&number), timed(&number), ask(&number), show(&number));
    drop(held);
    let held = number.upgradable_read();
    let upgradable = (tries(&number), timed(&number), ask(&number), show(&number));
    let held = RwLockUpgradableReadGuard::try_upgrade(held).expect("no reader is inside");
    let written = (tries(&number), timed(&number), ask(&number), show(&number));
    drop(held);
    (free, read, upgradable, written, number.into_inner())
}

fn panics_release() -> impl std::fmt::Debug {
    let number = new();
    let reading = panics(|| {
        let _held = number.read();
        resume_unwind(Box::new(()));
    });
    let writing = panics(|| {
        let _held = number.write();
        resume_unwind(Box::new(()));
    });
    let bumped = panics(|| {
        let mut held = number.write();
        RwLockWriteGuard::unlocked(&mut held, || resume_unwind(Box::new(())));
    });
    let free = ask(&number);
    (
        reading,
        writing,
        bumped,
        free,
        two(number, write, read, tries),
    )
}

fn panics(call: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(call)).is_err()
}
