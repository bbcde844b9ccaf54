//! The mission's example, scaled down to what a model holds: three workers, and a boss who sends the first two that
//! have finished for a beer.

use crate::model::{Common, models};
use anteroom::{Condvar, Mutex};

models! {
    exactly_those_who_finished_first_drink: 2,
}

const ROOMS: usize = 2;

#[derive(Default)]
struct House {
    rooms_done: usize,
    beers: usize,
    closing_time: bool,
}

struct Site {
    house: Mutex<House>,
    room_done: Condvar,
    news: Condvar,
}

/// Decorates a room, then sleeps until the boss says something. Returns the number of the room, and whether it earned
/// a beer.
fn worker(site: &Site) -> (usize, bool) {
    let mut house = site.house.lock();
    house.rooms_done += 1;
    let mine = house.rooms_done;
    site.room_done.notify_one();
    site.news.wait_while(&mut house, |house| {
        mine > house.beers && !house.closing_time
    });
    (mine, mine <= house.beers)
}

fn boss(site: &Site) {
    let mut house = site.house.lock();
    site.room_done
        .wait_while(&mut house, |house| house.rooms_done < ROOMS);
    house.beers = ROOMS;
    house.closing_time = true;
    site.news.notify_all();
}

fn exactly_those_who_finished_first_drink() {
    let site = Common::new(Site {
        house: Mutex::new(House::default()),
        room_done: Condvar::new(),
        news: Condvar::new(),
    });
    let workers: Vec<_> = (0..3).map(|_| site.spawn(worker)).collect();
    boss(&site);
    for worker in workers {
        let (mine, drinks) = worker.join().unwrap();
        assert_eq!(drinks, mine <= ROOMS);
    }
    let mut site = site.into_inner();
    site.house.assert_at_rest();
    site.room_done.assert_at_rest();
    site.news.assert_at_rest();
}
