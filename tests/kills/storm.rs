//! Processes that do the same again and again, while one after the other is killed at random times.
//!
//! They come in waves. Of each wave one after the other is killed, until one is left, and that one
//! must go on alone: if a wake-up is lost, there is none that would make up for it by chance. When
//! it is dead too, everything is looked at, with none about.

use crate::scenario::Common;
use anteroom::ipc::Shared;
use common::processes::{Child, is_asleep, shared, until, until_asleep};
use hdrhistogram::Histogram;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

pub(crate) struct Storm<T: 'static> {
    pub(crate) name: &'static str,
    pub(crate) new: fn() -> Common<T>,
    /// What a process does in each round. If there are several roles, they go round.
    pub(crate) roles: &'static [fn(&T)],
    /// The last one, which has this role, sleeps: makes sure that it should, and that it need not
    /// any more.
    pub(crate) help: fn(&T, usize),
    /// What must be true after each wave.
    pub(crate) check: fn(&T, &Toll),
}

/// What a wave has done, and what it may have done.
#[derive(Default)]
pub(crate) struct Toll {
    /// How many rounds were finished, by role.
    pub(crate) rounds: [u64; MOST_ROLES],
    /// How many processes were killed inside of one.
    pub(crate) inside: u64,
}

const MOST_ROLES: usize = 2;
const MOST_PROCESSES: usize = 6;

/// A process, and how often it has begun and ended a round: in the middle of one this is odd.
struct Sufferer<'a> {
    child: Child,
    role: usize,
    halves: &'a AtomicU64,
}

impl Sufferer<'_> {
    /// It is the only one that lives, and must go on.
    fn comes_round<T>(&self, storm: &Storm<T>, it: &T) {
        let before = self.halves.load(SeqCst);
        let mut asleep = 0;
        until("round", || {
            asleep = if is_asleep(self.child.pid()) {
                asleep + 1
            } else {
                0
            };
            if asleep > 50 {
                (storm.help)(it, self.role);
                asleep = 0;
            }
            self.halves.load(SeqCst) > before + 2
        });
    }

    fn kill(self, toll: &mut Toll) {
        random_pause();
        self.child.kill();
        let halves = self.halves.load(SeqCst);
        toll.rounds[self.role] += halves / 2;
        toll.inside += halves % 2;
    }
}

/// Kills so many, or a few more, and returns how many of them were in a round.
pub(crate) fn rage<T>(storm: &Storm<T>, kills: usize) {
    let it = (storm.new)();
    let (mut killed, mut inside) = (0, 0);
    while killed < kills {
        let count = fastrand::usize(storm.roles.len()..=MOST_PROCESSES);
        let halves = shared([const { AtomicU64::new(0) }; MOST_PROCESSES]);
        let toll = wave(storm, &it, &halves, count);
        Child::fork(|| (storm.check)(&it, &toll)).succeed();
        killed += count;
        inside += toll.inside;
    }
    println!(
        "{}: {killed} killed, {inside} of them in the middle",
        storm.name
    );
}

fn wave<T>(
    storm: &Storm<T>,
    it: &T,
    halves: &Shared<[AtomicU64; MOST_PROCESSES]>,
    count: usize,
) -> Toll {
    let fork = |place: usize| {
        let (halves, role) = (&halves[place], place % storm.roles.len());
        let child = Child::fork(|| {
            loop {
                halves.fetch_add(1, SeqCst);
                storm.roles[role](it);
                halves.fetch_add(1, SeqCst);
            }
        });
        Sufferer {
            child,
            role,
            halves,
        }
    };
    let mut living: Vec<_> = (0..count).map(fork).collect();
    let mut toll = Toll::default();
    while living.len() > 1 {
        living
            .swap_remove(fastrand::usize(..living.len()))
            .kill(&mut toll);
    }
    let last = living.pop().expect("there was one");
    last.comes_round(storm, it);
    last.kill(&mut toll);
    toll
}

/// So long that it may end anywhere in what the others do.
fn random_pause() {
    let (start, pause) = (
        Instant::now(),
        Duration::from_nanos(fastrand::u64(..200_000)),
    );
    while start.elapsed() < pause {
        std::hint::spin_loop();
    }
}

/// For a storm in which no process may ever sleep for long.
pub(crate) fn no_help<T>(_: &T, _: usize) {
    panic!("the last one sleeps");
}

/// Measures the time from a kill until a parked waiter has what the dead held.
pub(crate) fn measure_recovery<T>(name: &str, new: fn() -> Common<T>, hold: fn(&T), take: fn(&T)) {
    let (it, taken_at) = (new(), shared(AtomicU64::new(0)));
    let mut times = Histogram::<u64>::new(3).expect("a histogram");
    for _ in 0..if crate::all() { 2000 } else { 20 } {
        let holder = Child::fork(|| {
            hold(&it);
            loop {
                std::thread::park();
            }
        });
        until_asleep(holder.pid());
        let waiter = Child::fork(|| {
            take(&it);
            taken_at.store(now(), SeqCst);
        });
        until_asleep(waiter.pid());
        let killed_at = now();
        holder.kill();
        waiter.succeed();
        times += (taken_at.load(SeqCst) - killed_at) / 1000;
    }
    let (median, longest) = (times.value_at_quantile(0.5), times.max());
    println!(
        "{name}: a sleeping waiter had it {median} µs after the kill (median; longest \
         {longest} µs)"
    );
}

/// Nanoseconds, the same in all processes.
fn now() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}
