//! The mission's example, checked: a hundred workers decorate a room each, and the boss sends
//! exactly the ten that were done first for a beer. Until then they were asleep, none polled, and
//! none is left asleep. What runs here is what `cargo run --example hundred_workers` shows.

#[path = "../../examples/hundred_workers/day.rs"]
mod day;

use anteroom::{Mutex, Semaphore};
use common::{Random, must_end, until};
use day::{Event, Worker, day};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

const WORKERS: usize = 100;
const BEERS: usize = 10;

/// Runs a day and returns the workers, and all that was seen.
fn watched_day(
    workers: usize,
    beers: usize,
    decorate: impl Fn(usize) + Sync,
) -> (Vec<Worker>, Vec<Event>) {
    let mut seen = Vec::new();
    let workers = day(workers, beers, decorate, |event| seen.push(event));
    (workers, seen)
}

/// What must hold of every day.
fn check(beers: usize, workers: &[Worker], seen: &[Event]) {
    // All are back, each with a ticket of its own.
    let mut tickets: Vec<_> = workers.iter().map(|worker| worker.ticket).collect();
    tickets.sort();
    assert!(tickets.into_iter().eq(1..=workers.len()), "{workers:?}");
    for worker in workers {
        assert_eq!(worker.drank, worker.ticket <= beers, "{worker:?}");
        // Once before falling asleep and once on being woken: no worker polls, none is woken for
        // nothing.
        assert_eq!(worker.looks, 2, "{worker:?}");
    }

    // Each thing is seen as often as it should be, and in its place.
    let place = |event: &Event| seen.iter().position(|other| other == event);
    let called = place(&Event::BossCalls).expect("the boss never called");
    let ended = place(&Event::DayEnds).expect("the day never ended");
    assert_eq!(seen.len(), 2 * workers.len() + 2, "{seen:?}");
    for worker in workers {
        let number = worker.number;
        let done = place(&Event::RoomDone { worker: number }).expect("a room is not done");
        let (woken, after) = match worker.drank {
            true => (place(&Event::Drinks { worker: number }), called),
            false => (place(&Event::GoesHome { worker: number }), ended),
        };
        assert!(
            done < after && Some(after) < woken,
            "{worker:?} in {seen:?}"
        );
        assert!(!worker.drank || done < called);
    }
}

#[test]
fn exactly_the_ten_who_finish_first_drink_and_ninety_go_home_sober() {
    must_end(|| {
        for today in 0..20 {
            let (workers, seen) = watched_day(WORKERS, BEERS, |worker| {
                // Some take no time, some spin a little, and some let others run.
                let mut random = Random(today * 1_000 + worker as u64);
                for _ in 0..random.below(20) {
                    random.pause(2_000);
                    thread::yield_now();
                }
            });
            check(BEERS, &workers, &seen);
            assert_eq!(workers.iter().filter(|worker| worker.drank).count(), BEERS);
        }
    });
}

#[test]
fn when_all_finish_at_once_still_exactly_ten_drink() {
    must_end(|| {
        for _ in 0..20 {
            let together = Barrier::new(WORKERS);
            let (workers, seen) = watched_day(WORKERS, BEERS, |_| {
                together.wait();
            });
            check(BEERS, &workers, &seen);
        }
    });
}

#[test]
fn whoever_finishes_first_drinks_whatever_the_number() {
    must_end(|| {
        let mut random = Random(7);
        let mut order: Vec<usize> = (0..WORKERS).collect();
        for place in (1..WORKERS).rev() {
            order.swap(place, random.below(place as u64 + 1) as usize);
        }
        let may_finish = [const { Semaphore::new(0) }; WORKERS];
        let done = AtomicUsize::new(0);
        let seen = Mutex::new(Vec::new());
        let workers = thread::scope(|s| {
            let site = s.spawn(|| {
                let decorate = |worker: usize| may_finish[worker].acquire().unwrap().forget();
                day(WORKERS, BEERS, decorate, |event| {
                    seen.lock().push(event);
                    if let Event::RoomDone { .. } = event {
                        done.fetch_add(1, SeqCst);
                    }
                })
            });
            for (before, worker) in order.iter().enumerate() {
                until(|| done.load(SeqCst) == before);
                may_finish[*worker].add_permits(1);
            }
            site.join().unwrap()
        });
        check(BEERS, &workers, &seen.lock());
        for (place, worker) in order.into_iter().enumerate() {
            assert_eq!(workers[worker].ticket, place + 1);
            assert_eq!(workers[worker].drank, place < BEERS);
        }
    });
}

/// The site stands still with nine rooms done; a worker that polls would be seen to run now.
#[test]
#[cfg(target_os = "linux")]
fn nine_who_are_done_do_nothing_but_sleep_until_the_tenth_is() {
    /// What the kernel says of each thread: whether it sleeps, and how often it has stopped running
    /// so far.
    fn states(threads: &[i32]) -> Vec<String> {
        let state = |thread| {
            let status = std::fs::read_to_string(format!("/proc/self/task/{thread}/status"));
            let status = status.expect("a thread has ended");
            let lines = status.lines();
            let told: Vec<_> = lines
                .filter(|line| line.starts_with("State:") || line.contains("ctxt_switches:"))
                .collect();
            assert_eq!(told.len(), 3);
            told.join(" ")
        };
        threads.iter().copied().map(state).collect()
    }
    must_end(|| {
        let may_finish = [const { Semaphore::new(0) }; WORKERS];
        let threads = Mutex::new([0; WORKERS]);
        let done = AtomicUsize::new(0);
        let drank = AtomicUsize::new(0);
        let workers = thread::scope(|s| {
            let site = s.spawn(|| {
                let decorate = |worker: usize| {
                    // SAFETY: it only asks.
                    threads.lock()[worker] = unsafe { libc::gettid() };
                    may_finish[worker].acquire().unwrap().forget();
                };
                day(WORKERS, BEERS, decorate, |event| {
                    match event {
                        Event::RoomDone { .. } => done.fetch_add(1, SeqCst),
                        Event::Drinks { .. } => drank.fetch_add(1, SeqCst),
                        _ => 0,
                    };
                })
            });
            for (worker, finish) in may_finish[..BEERS - 1].iter().enumerate() {
                finish.add_permits(1);
                until(|| done.load(SeqCst) == worker + 1);
            }
            until(|| !threads.lock().contains(&0));
            let threads = *threads.lock();
            // They are all on their way to sleep, and have got there when they all sleep and
            // nothing changes.
            let mut asleep = states(&threads);
            until(|| {
                thread::sleep(Duration::from_millis(20));
                let before = std::mem::replace(&mut asleep, states(&threads));
                asleep == before && asleep.iter().all(|state| state.contains("S (sleeping)"))
            });
            thread::sleep(Duration::from_millis(100));
            assert_eq!(states(&threads), asleep, "a worker ran to look");
            assert_eq!(drank.load(SeqCst), 0);

            may_finish[BEERS - 1].add_permits(1);
            until(|| drank.load(SeqCst) == BEERS);
            for finish in &may_finish[BEERS..] {
                finish.add_permits(1);
            }
            site.join().unwrap()
        });
        assert!(workers.iter().all(|worker| worker.looks == 2));
        assert!(workers[..BEERS].iter().all(|worker| worker.drank));
    });
}

#[test]
fn days_of_every_size_end_as_they_should() {
    must_end(|| {
        for (workers, beers) in [(1, 0), (1, 1), (2, 1), (7, 3), (10, 10), (30, 0), (30, 29)] {
            let (day, seen) = watched_day(workers, beers, |_| thread::yield_now());
            check(beers, &day, &seen);
        }
    });
}
