//! A hundred workers decorate a room each; when ten rooms are done, the boss sends exactly these
//! ten workers for a beer. All sleep until it is time, and none polls.
//!
//! `cargo run --release --example hundred_workers`

mod day;

use day::{Event, Worker, day};
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _, stdout};
use std::thread::sleep;
use std::time::{Duration, SystemTime};

const WORKERS: usize = 100;
const BEERS: usize = 10;

fn main() {
    println!("A hundred workers decorate a room each.");
    println!("The first ten that are done will have a beer. Until then they sleep.\n");
    let pace = Pace::of_today();
    let decorate = |worker| sleep(pace.of(worker));
    let workers = if stdout().is_terminal() {
        let mut house = House::new();
        day(WORKERS, BEERS, decorate, |event| house.show(event))
    } else {
        let mut diary = Diary::default();
        day(WORKERS, BEERS, decorate, |event| diary.write(event))
    };
    judge(&workers);
}

/// How long each worker takes for a room: from half a second to four, other workers every day.
struct Pace(u64);

impl Pace {
    fn of_today() -> Self {
        let today = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Pace(today.map_or(0, |time| time.as_nanos() as u64))
    }

    fn of(&self, worker: usize) -> Duration {
        let mixed = (self.0 ^ worker as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        Duration::from_millis(500 + (mixed >> 32) % 3_500)
    }
}

/// Says how the day was, and panics if it was not as it should be.
fn judge(workers: &[Worker]) {
    let mut drinkers: Vec<_> = workers.iter().filter(|worker| worker.drank).collect();
    drinkers.sort_by_key(|worker| worker.ticket);
    let names: Vec<_> = drinkers
        .iter()
        .map(|w| (w.number + 1).to_string())
        .collect();
    println!("\nIn the pub: workers {}.", names.join(", "));

    assert_eq!(drinkers.len(), BEERS, "so many drank");
    let first = drinkers.iter().all(|worker| worker.ticket <= BEERS);
    assert!(first, "a worker drank that was not among the first");
    let once = workers.iter().all(|worker| worker.looks == 2);
    assert!(once, "a worker was woken for nothing, or did not sleep");
    println!(
        "As it should be: {BEERS} drank, the {BEERS} that were done first; {} went home sober; \
         each slept once and was woken once.",
        WORKERS - BEERS
    );
}

/// For a file or a pipe: a line for what matters.
#[derive(Default)]
struct Diary {
    done: usize,
    drinking: usize,
    home: usize,
}

impl Diary {
    fn write(&mut self, event: Event) {
        match event {
            Event::RoomDone { worker } => {
                self.done += 1;
                if self.done <= BEERS {
                    println!("worker {:3} is done, and sleeps", worker + 1);
                } else if self.done.is_multiple_of(10) {
                    println!("{:3} rooms are done", self.done);
                }
            }
            Event::BossCalls => println!("{BEERS} rooms are done: the boss wakes up"),
            Event::Drinks { worker } => {
                self.drinking += 1;
                println!("worker {:3} has beer number {}", worker + 1, self.drinking);
            }
            Event::DayEnds => println!("the day is over: the boss wakes all that still sleep"),
            Event::GoesHome { .. } => {
                self.home += 1;
                if self.home == WORKERS - BEERS {
                    println!("{} workers have gone home", self.home);
                }
            }
        }
    }
}

/// For a terminal: a hundred rooms, drawn anew in their place whenever something happens.
struct House {
    rooms: [Room; WORKERS],
    says: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Room {
    Decorating,
    Asleep,
    InThePub,
    GoneHome,
}

impl Room {
    const ALL: [Room; 4] = [
        Room::Decorating,
        Room::Asleep,
        Room::InThePub,
        Room::GoneHome,
    ];

    /// How it is painted: a colour, two columns, and what that means.
    fn look(self) -> (u8, &'static str, &'static str) {
        match self {
            Room::Decorating => (90, "··", "decorating"),
            Room::Asleep => (36, "zz", "asleep"),
            Room::InThePub => (33, "🍺", "in the pub"),
            Room::GoneHome => (32, "⌂ ", "gone home"),
        }
    }
}

impl House {
    /// Ten storeys, what they mean, and what the boss says.
    const LINES: usize = 13;

    fn new() -> Self {
        let house = House {
            rooms: [Room::Decorating; WORKERS],
            says: "",
        };
        house.draw();
        house
    }

    fn show(&mut self, event: Event) {
        match event {
            Event::RoomDone { worker } => self.rooms[worker] = Room::Asleep,
            Event::BossCalls => self.says = "Ten rooms! You ten that did them, have a beer.",
            Event::Drinks { worker } => self.rooms[worker] = Room::InThePub,
            Event::DayEnds => self.says = "All done. Go home, everybody.",
            Event::GoesHome { worker } => self.rooms[worker] = Room::GoneHome,
        }
        if matches!(event, Event::Drinks { .. } | Event::GoesHome { .. }) {
            // They wake faster than an eye can see. The door is narrow, too.
            sleep(Duration::from_millis(15));
        }
        print!("\x1b[{}A", Self::LINES);
        self.draw();
    }

    fn draw(&self) {
        let mut picture = String::new();
        for storey in self.rooms.chunks(10) {
            for room in storey {
                let (colour, sign, _) = room.look();
                // Writing to a string cannot fail.
                let _ = write!(picture, "  \x1b[{colour}m{sign}\x1b[0m");
            }
            picture.push('\n');
        }
        picture.push('\n');
        for kind in Room::ALL {
            let (colour, sign, meaning) = kind.look();
            let count = self.rooms.iter().filter(|room| **room == kind).count();
            let _ = write!(picture, "  \x1b[{colour}m{sign}\x1b[0m {count:3} {meaning}");
        }
        let _ = write!(picture, "\x1b[K\n  {}\x1b[K\n", self.says);
        print!("{picture}");
        let _ = stdout().flush();
    }
}
