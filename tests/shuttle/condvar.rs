//! Programs with a [`Condvar`].

use crate::program::{SOON, THREADS, check, on_threads, one_in};
use anteroom::{Condvar, Mutex};
use std::sync::Arc;

#[derive(Default)]
struct Board {
    text: Mutex<usize>,
    changed: Condvar,
}

/// All wait for their turn, in the order of their numbers.
#[test]
fn a_turn_goes_round() {
    check(|| {
        let board = Arc::new(Board::default());
        on_threads(THREADS, &board, |board, n| {
            for round in 0..2 {
                let mut turn = board.text.lock();
                while *turn != n + round * THREADS {
                    match one_in(2) {
                        true => drop(board.changed.wait_for(&mut turn, SOON)),
                        false => board.changed.wait(&mut turn),
                    }
                }
                *turn += 1;
                if one_in(2) {
                    drop(turn);
                }
                board.changed.notify_all();
            }
        });
    });
}

/// Two in pairs, which need one notification only.
#[test]
fn ping_pong() {
    check(|| {
        let board = Arc::new(Board::default());
        on_threads(2, &board, |board, n| {
            for _ in 0..4 {
                let mut turn = board.text.lock();
                board.changed.wait_while(&mut turn, |turn| *turn % 2 != n);
                *turn += 1;
                board.changed.notify_one();
            }
        });
    });
}

/// Each of the waiters may be the one that is needed.
#[test]
fn each_thing_that_is_brought_wakes_somebody_who_takes_it() {
    check(|| {
        let board = Arc::new(Board::default());
        on_threads(THREADS, &board, |board, n| {
            for _ in 0..3 {
                let mut things = board.text.lock();
                if n % 2 == 0 {
                    *things += 1;
                    board.changed.notify_one();
                } else {
                    board.changed.wait_while(&mut things, |things| *things == 0);
                    *things -= 1;
                }
            }
        });
        let mut board = Arc::into_inner(board).expect("all have ended");
        board.text.assert_at_rest();
        board.changed.assert_at_rest();
    });
}

#[derive(Default)]
struct Site {
    house: Mutex<House>,
    room_done: Condvar,
    news: Condvar,
}

#[derive(Default)]
struct House {
    rooms_done: usize,
    closing_time: bool,
    drinkers: usize,
}

/// The hundred workers, fewer: the first three are sent for a beer.
#[test]
fn those_who_finish_first_drink() {
    const BEERS: usize = 3;
    check(|| {
        let site = Arc::new(Site::default());
        on_threads(1 + THREADS, &site, |site, n| {
            let mut house = site.house.lock();
            if n == 0 {
                let is_early = |house: &mut House| house.rooms_done < BEERS;
                site.room_done.wait_while(&mut house, is_early);
                house.closing_time = true;
                drop(house);
                site.news.notify_all();
                return;
            }
            house.rooms_done += 1;
            let mine = house.rooms_done;
            site.room_done.notify_one();
            site.news
                .wait_while(&mut house, |house| !house.closing_time);
            house.drinkers += usize::from(mine <= BEERS);
        });
        assert_eq!(site.house.lock().drinkers, BEERS);
    });
}
