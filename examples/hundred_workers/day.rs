//! The choreography, with nothing around it: [`day`] is what the example shows and what the test
//! `tests/condvar/hundred_workers.rs` checks.
//!
//! A hundred workers decorate a room each. A worker that is done takes a ticket and falls asleep on
//! the bench. When ten rooms are done, the boss wakes up and sends exactly the ten workers that
//! finished them for a beer. The other ninety sleep, when they are done, until the day is over, and
//! go home sober. No thread looks twice whether it is time.

use anteroom::{Condvar, Mutex};
use std::thread;

/// What can be seen on the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The worker's room is done. The worker falls asleep.
    RoomDone { worker: usize },
    /// Enough rooms are done: the boss has woken up and calls the workers of these.
    BossCalls,
    /// The worker has woken up, and has a beer.
    Drinks { worker: usize },
    /// All rooms are done: the boss has woken up again, and wakes all workers that still sleep.
    DayEnds,
    /// The worker has woken up, and had no beer.
    GoesHome { worker: usize },
}

/// How the day was for a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Worker {
    pub(crate) number: usize,
    /// How many rooms were done when this one's was: 1 for the first.
    pub(crate) ticket: usize,
    pub(crate) drank: bool,
    /// How often the worker looked whether to sleep on: before falling asleep, and whenever woken.
    pub(crate) looks: usize,
}

/// The board on the wall, which only one person at a time can stand before.
struct Board<W> {
    rooms_done: usize,
    /// Tickets up to this one get a beer.
    invited: usize,
    day_over: bool,
    watch: W,
}

struct Site<W> {
    workers: usize,
    beers: usize,
    board: Mutex<Board<W>>,
    /// Where workers sleep when they are done.
    bench: Condvar,
    /// Where the boss sleeps.
    office: Condvar,
}

/// Runs a day with so many workers and beers, each worker on a thread of its own and the boss on
/// this one.
///
/// `decorate` is how a worker, from 0, does a room. `watch` is told of everything, in the order in
/// which it happens. Returns the workers in the order of their numbers.
pub(crate) fn day(
    workers: usize,
    beers: usize,
    decorate: impl Fn(usize) + Sync,
    watch: impl FnMut(Event) + Send,
) -> Vec<Worker> {
    let site = &Site {
        workers,
        beers,
        board: Mutex::new(Board {
            rooms_done: 0,
            invited: 0,
            day_over: false,
            watch,
        }),
        bench: Condvar::new(),
        office: Condvar::new(),
    };
    let decorate = &decorate;
    thread::scope(|s| {
        let workers: Vec<_> = (0..workers)
            .map(|number| {
                s.spawn(move || {
                    decorate(number);
                    site.rest(number)
                })
            })
            .collect();
        site.oversee();
        let rested = workers.into_iter().map(|worker| worker.join());
        rested.map(|worker| worker.expect("an accident")).collect()
    })
}

impl<W: FnMut(Event)> Site<W> {
    /// What a worker does when its room is done.
    fn rest(&self, number: usize) -> Worker {
        let mut board = self.board.lock();
        board.rooms_done += 1;
        let ticket = board.rooms_done;
        (board.watch)(Event::RoomDone { worker: number });
        // The boss cannot come to the board before we let go of it, which is when we sleep.
        if ticket == self.beers || ticket == self.workers {
            self.office.notify_one();
        }
        let mut looks = 0;
        self.bench.wait_while(&mut board, |board| {
            looks += 1;
            ticket > board.invited && !board.day_over
        });
        let drank = ticket <= board.invited;
        (board.watch)(match drank {
            true => Event::Drinks { worker: number },
            false => Event::GoesHome { worker: number },
        });
        Worker {
            number,
            ticket,
            drank,
            looks,
        }
    }

    /// What the boss does.
    fn oversee(&self) {
        let mut board = self.board.lock();
        self.office
            .wait_while(&mut board, |board| board.rooms_done < self.beers);
        board.invited = self.beers;
        (board.watch)(Event::BossCalls);
        // More may be done by now, but the first have slept longest, and are woken first.
        for _ in 0..self.beers {
            assert!(self.bench.notify_one(), "a worker has left the bench");
        }
        self.office
            .wait_while(&mut board, |board| board.rooms_done < self.workers);
        board.day_over = true;
        (board.watch)(Event::DayEnds);
        let sober = self.bench.notify_all();
        assert_eq!(sober, self.workers - self.beers, "asleep at the day's end");
    }
}
