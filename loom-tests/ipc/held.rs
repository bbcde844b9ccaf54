//! Models of what a thread holds: another thread looks for an entry that stays, while others come
//! and go.

use crate::models;
use crate::sys::ipc::held::Held;
use loom::thread;
use std::sync::Arc;

models! {
    a_look_finds_what_stays_the_newest: any,
    a_look_finds_what_stays_below_others: any,
    a_look_finds_what_moves_down: any,
    a_look_finds_what_moves_down_as_the_newest: any,
    a_look_finds_what_moves_down_twice: any,
    a_look_finds_what_moves_down_under_what_goes: any,
}

/// Entries: addresses that nothing is stored to here.
const STAYS: usize = 8;
const OTHERS: [usize; 3] = [16, 24, 32];

fn push(held: &Held, entry: usize) {
    held.push(entry, held.newest());
}

/// Holds these, then does this, after which it holds those, while another thread looks for `STAYS`.
fn look_meanwhile(first: &[usize], life: impl FnOnce(&Held), left: &[usize]) {
    let held = Arc::new(Held::new());
    held.reset();
    let none = held.newest();
    first.iter().for_each(|entry| push(&held, *entry));
    let looked = {
        let held = held.clone();
        thread::spawn(move || finds(&held, STAYS))
    };
    life(&held);
    assert!(looked.join().unwrap(), "it is held all the time");
    for other in OTHERS {
        assert_eq!(finds(&held, other), left.contains(&other));
    }
    assert_eq!(held.newest(), *left.last().unwrap());
    left.iter().for_each(|entry| _ = held.remove(*entry));
    assert!(![STAYS].iter().chain(&OTHERS).any(|it| finds(&held, *it)));
    assert_eq!(held.newest(), none);
    assert_eq!(held.remove(STAYS), None, "it is not there");
    nothing_is_left_behind(&held, none);
}

/// After all has been released, and after a reset.
fn nothing_is_left_behind(held: &Held, none: usize) {
    let [one, two, three] = OTHERS;
    [one, STAYS, two]
        .iter()
        .for_each(|entry| push(held, *entry));
    take_newest(held, two);
    bypass(held, one, STAYS, None);
    take_newest(held, STAYS);
    [one, two].iter().for_each(|entry| push(held, *entry));
    assert!(!finds(held, STAYS) && !finds(held, three));
    push(held, three);
    held.reset();
    for entry in [STAYS, STAYS + 1] {
        push(held, entry);
        assert!(!OTHERS.iter().any(|it| finds(held, *it)));
    }
    take_newest(held, STAYS + 1);
    assert!(!held.pop(one), "it is not there");
    assert!(finds(held, STAYS));
    take_newest(held, STAYS);
    assert_eq!(held.newest(), none);
}

/// As an entry's owner does it.
fn take_newest(held: &Held, entry: usize) {
    if !held.pop(entry) {
        assert_eq!(held.remove(entry), None);
    }
}

fn finds(held: &Held, entry: usize) -> bool {
    held.holds_any_in(&(entry..entry + 1))
}

/// Removes one that is not the newest, between these.
fn bypass(held: &Held, entry: usize, newer: usize, older: Option<usize>) {
    let bypass = held.remove(entry).expect("it is not the newest");
    assert_eq!(bypass.link, newer);
    assert!(older.is_none_or(|older| older == bypass.next));
}

fn a_look_finds_what_stays_the_newest() {
    let [one, ..] = OTHERS;
    look_meanwhile(
        &[one, STAYS],
        |held| bypass(held, one, STAYS, None),
        &[STAYS],
    );
}

/// By turns it is the newest, and not.
fn a_look_finds_what_stays_below_others() {
    let [one, two, three] = OTHERS;
    let life = |held: &Held| {
        push(held, one);
        push(held, two);
        take_newest(held, two);
        take_newest(held, one);
        push(held, three);
    };
    look_meanwhile(&[STAYS], life, &[STAYS, three]);
}

fn a_look_finds_what_moves_down() {
    let [one, two, three] = OTHERS;
    let life = |held: &Held| {
        bypass(held, one, STAYS, None);
        push(held, three);
        bypass(held, two, three, Some(STAYS));
    };
    look_meanwhile(&[one, STAYS, two], life, &[STAYS, three]);
}

fn a_look_finds_what_moves_down_as_the_newest() {
    let [one, two, three] = OTHERS;
    let life = |held: &Held| {
        take_newest(held, two);
        bypass(held, one, STAYS, None);
        push(held, two);
        push(held, three);
    };
    look_meanwhile(&[one, STAYS, two], life, &[STAYS, two, three]);
}

fn a_look_finds_what_moves_down_twice() {
    let [one, two, three] = OTHERS;
    let life = |held: &Held| {
        push(held, three);
        bypass(held, one, two, None);
        bypass(held, two, STAYS, None);
        push(held, one);
    };
    look_meanwhile(&[one, two, STAYS], life, &[STAYS, three, one]);
}

/// Its last place is below the first one, and so is the number of entries.
fn a_look_finds_what_moves_down_under_what_goes() {
    let [one, two, three] = OTHERS;
    let life = |held: &Held| {
        push(held, three);
        bypass(held, one, two, None);
        take_newest(held, three);
        bypass(held, two, STAYS, None);
        push(held, one);
    };
    look_meanwhile(&[one, two, STAYS], life, &[STAYS, one]);
}
