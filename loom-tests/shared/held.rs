//! What a thread holds: another thread looks for an entry that stays, while others come and go.

use crate::models;
use crate::shared::held::Held;
use loom::thread;
use std::sync::Arc;

models! {
    a_look_finds_what_stays_the_newest: any,
    a_look_finds_what_stays_below_others: any,
    a_look_finds_what_moves_down: any,
    a_look_finds_what_moves_down_as_the_newest: any,
    a_look_finds_what_moves_down_twice: any,
}

/// Entries: addresses that nothing is stored to here.
const STAYS: usize = 8;
const OTHERS: [usize; 3] = [16, 24, 32];

fn push(held: &Held, entry: usize) {
    held.push(entry, held.newest());
}

/// Holds these, then does this, while another thread looks for `STAYS`.
fn look_meanwhile(first: &[usize], life: impl FnOnce(&Held)) {
    let held = Arc::new(Held::new());
    held.reset();
    first.iter().for_each(|entry| push(&held, *entry));
    let looked = {
        let held = held.clone();
        thread::spawn(move || held.holds_any_in(&(STAYS..STAYS + 1)))
    };
    life(&held);
    assert!(looked.join().unwrap(), "it is held all the time");
}

fn a_look_finds_what_stays_the_newest() {
    look_meanwhile(&[OTHERS[0], STAYS], |held| {
        held.pop(OTHERS[0]);
    });
}

/// By turns it is the newest, and not.
fn a_look_finds_what_stays_below_others() {
    look_meanwhile(&[STAYS], |held| {
        push(held, OTHERS[0]);
        push(held, OTHERS[1]);
        held.pop(OTHERS[1]);
        held.pop(OTHERS[0]);
        push(held, OTHERS[2]);
    });
}

fn a_look_finds_what_moves_down() {
    let [one, two, three] = OTHERS;
    look_meanwhile(&[one, STAYS, two], |held| {
        held.pop(one);
        push(held, three);
    });
}

fn a_look_finds_what_moves_down_as_the_newest() {
    let [one, two, three] = OTHERS;
    look_meanwhile(&[one, STAYS, two], |held| {
        held.pop(two);
        held.pop(one);
        push(held, two);
        push(held, three);
    });
}

fn a_look_finds_what_moves_down_twice() {
    let [one, two, three] = OTHERS;
    look_meanwhile(&[one, two, STAYS], |held| {
        push(held, three);
        held.pop(one);
        held.pop(two);
        push(held, one);
    });
}
