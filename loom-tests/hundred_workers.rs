//! The mission's example, scaled down to what a model holds: two or three workers, and a boss that
//! sends the first of them, or the first two, for a beer.

use crate::model::{Common, models};
use anteroom::{Condvar, Mutex};

models! {
    of_two_workers_the_first_drinks: 2,
    of_three_workers_the_first_two_drink: 1,
}

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

/// Decorates a room, then sleeps until the boss says something. Returns the number of the room, and
/// whether it earned a beer.
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

fn boss(site: &Site, beers: usize) {
    let mut house = site.house.lock();
    site.room_done
        .wait_while(&mut house, |house| house.rooms_done < beers);
    house.beers = beers;
    house.closing_time = true;
    site.news.notify_all();
}

fn day(workers: usize, beers: usize) {
    let site = Common::new(Site {
        house: Mutex::new(House::default()),
        room_done: Condvar::new(),
        news: Condvar::new(),
    });
    let workers: Vec<_> = (0..workers).map(|_| site.spawn(worker)).collect();
    boss(&site, beers);
    for worker in workers {
        let (mine, drinks) = worker.join().unwrap();
        assert_eq!(drinks, mine <= beers);
    }
    let mut site = site.into_inner();
    site.house.assert_at_rest();
    site.room_done.assert_at_rest();
    site.news.assert_at_rest();
}

fn of_two_workers_the_first_drinks() {
    day(2, 1);
}

fn of_three_workers_the_first_two_drink() {
    day(3, 2);
}
