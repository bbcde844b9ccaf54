//! The threads that run the programs: kept from one history to the next, so that a history takes
//! microseconds.

use crate::checker::{History, Specification, THREADS, Taken, is_linearizable, show};
use common::Random;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, RwLock};
use std::thread;
use std::time::Duration;

/// Histories of each primitive, if the environment does not say how many.
const SAMPLE: u64 = 20_000;

/// How long a history may take before it is said to hang: far more than it needs on a loaded
/// machine.
const LIMIT: Duration = Duration::from_secs(300);

/// Calls of a history, of all threads together.
const CALLS: usize = 12;

/// A primitive in use.
pub(crate) trait Subject: Send + Sync + Sized + 'static {
    type Specification: Specification;

    /// A new one, in some state of those in which the specification is `start`.
    fn new(random: &mut Random) -> Self;

    fn start(&self) -> Self::Specification;

    /// What each thread does. It waits for nothing that no other thread's program gives.
    fn play(&self, player: &mut Player<'_, Step<Self>>);

    /// What is to be seen when all are done.
    fn look(&self, player: &mut Player<'_, Step<Self>>);
}

pub(crate) type Step<S> = <<S as Subject>::Specification as Specification>::Step;

/// When a call began and ended.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    begin: u32,
    end: u32,
}

/// A thread's part in a history.
pub(crate) struct Player<'a, S> {
    pub(crate) thread: usize,
    pub(crate) threads: usize,
    pub(crate) random: Random,
    clock: &'a AtomicU32,
    taken: Vec<Taken<S>>,
}

impl<'a, S: Copy> Player<'a, S> {
    fn new(thread: usize, seed: u64, clock: &'a AtomicU32) -> Self {
        Player {
            thread,
            threads: threads(seed),
            random: Random(seed.wrapping_mul(THREADS as u64) + thread as u64),
            clock,
            taken: Vec::new(),
        }
    }

    /// How many calls this thread makes.
    pub(crate) fn calls(&self) -> usize {
        CALLS / self.threads
    }

    /// Makes a call, and says when.
    pub(crate) fn call<R>(&mut self, call: impl FnOnce() -> R) -> (Call, R) {
        let begin = self.clock.fetch_add(1, SeqCst);
        let result = call();
        let end = self.clock.fetch_add(1, SeqCst);
        (Call { begin, end }, result)
    }

    /// Notes the steps in which a call took effect.
    pub(crate) fn took(&mut self, Call { begin, end }: Call, steps: &[S]) {
        let steps = steps.iter();
        self.taken
            .extend(steps.map(|&step| Taken { begin, end, step }));
    }

    /// Stays where it is: mostly not long, but now and then until others sleep, and rarely until
    /// they lose their patience.
    pub(crate) fn stay(&mut self) {
        match self.random.below(2_000) {
            0 => thread::sleep(Duration::from_micros(700)),
            1..60 => thread::sleep(Duration::from_micros(30)),
            60..1_000 => {}
            _ => self.random.pause(30),
        }
    }

    /// A timeout that may be over before, or after, what is waited for has come.
    pub(crate) fn short(&mut self) -> Duration {
        match self.random.below(200) {
            0 => Duration::from_millis(2),
            1..40 => Duration::ZERO,
            _ => Duration::from_nanos(self.random.below(30_000)),
        }
    }
}

/// How many threads the program of this seed has.
fn threads(seed: u64) -> usize {
    2 + (seed % 3) as usize
}

/// Where the threads of a crew meet. They wait awake, for they begin together only if none has to
/// be woken; but they may be more than there are processors.
struct Gate {
    people: usize,
    arrived: AtomicUsize,
}

impl Gate {
    fn wait(&self) {
        let before = self.arrived.fetch_add(1, SeqCst);
        let all = (before / self.people + 1) * self.people;
        while self.arrived.load(SeqCst) < all {
            match (0..100).any(|_| {
                std::hint::spin_loop();
                self.arrived.load(SeqCst) >= all
            }) {
                true => return,
                false => thread::yield_now(),
            }
        }
    }
}

/// Runs the program of each of these seeds, which all ask for so many threads, and counts them.
/// Returns how the first history goes that is not linearizable.
fn play_all<S: Subject>(
    people: usize,
    seeds: impl Iterator<Item = u64>,
    begun: &AtomicU64,
) -> Result<(), String> {
    let (gate, stop) = (
        Gate {
            people,
            arrived: AtomicUsize::new(0),
        },
        AtomicBool::new(false),
    );
    let (stage, clock) = (RwLock::new(None::<(u64, S)>), AtomicU32::new(0));
    let taken: [Mutex<Vec<Taken<Step<S>>>>; THREADS] = Default::default();
    // Each thread's part, from one meeting to the next.
    let play = |thread| {
        let stage = stage.read().unwrap();
        let (seed, subject) = stage.as_ref().expect("the first thread has set the stage");
        let mut player = Player::new(thread, *seed, &clock);
        subject.play(&mut player);
        *taken[thread].lock().unwrap() = player.taken;
    };
    let (play, gate, stop) = (&play, &gate, &stop);
    thread::scope(|s| {
        for thread in 1..people {
            s.spawn(move || {
                loop {
                    gate.wait();
                    if stop.load(SeqCst) {
                        return;
                    }
                    play(thread);
                    gate.wait();
                }
            });
        }
        let mut failed = None;
        for seed in seeds {
            begun.fetch_add(1, SeqCst);
            clock.store(0, SeqCst);
            *stage.write().unwrap() = Some((seed, S::new(&mut Random(seed))));
            gate.wait();
            play(0);
            gate.wait();

            let stage = stage.read().unwrap();
            let (_, subject) = stage.as_ref().expect("as above");
            let mut player = Player::new(0, seed, &clock);
            subject.look(&mut player);
            let mut history: History<Step<S>> =
                std::array::from_fn(|thread| std::mem::take(&mut *taken[thread].lock().unwrap()));
            history[0].append(&mut player.taken);
            if !is_linearizable(subject.start(), &history) {
                let (number, history) = (begun.load(SeqCst), show(&history));
                failed = Some(format!(
                    "ANTEROOM_SEED={seed}: history {number} is not linearizable\n{history}"
                ));
                break;
            }
        }
        stop.store(true, SeqCst);
        gate.wait();
        failed.map_or(Ok(()), Err)
    })
}

fn from_environment(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name}={value}: not a number")),
    )
}

/// Runs programs, as many as the environment says, until one fails.
pub(crate) fn run<S: Subject>() {
    // At the same time they would only take each other's processors.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock();

    let histories = from_environment("ANTEROOM_HISTORIES").unwrap_or(SAMPLE);
    let given = from_environment("ANTEROOM_SEED");
    let first = given.unwrap_or_else(|| RandomState::new().hash_one(0) >> 16);
    let seeds = move |people| {
        let seeds = (0..histories).map(move |n| if given.is_some() { first } else { first + n });
        seeds.filter(move |&seed| threads(seed) == people)
    };

    let begun = Arc::new(AtomicU64::new(0));
    let (say, heard) = mpsc::channel();
    let counter = begun.clone();
    thread::spawn(move || {
        let result =
            (2..=THREADS).try_for_each(|people| play_all::<S>(people, seeds(people), &counter));
        let _ = say.send(result);
    });
    loop {
        let before = begun.load(SeqCst);
        match heard.recv_timeout(LIMIT) {
            Ok(result) => return result.unwrap_or_else(|failure| panic!("{failure}")),
            Err(RecvTimeoutError::Timeout) if begun.load(SeqCst) != before => {
                // For a long run with `--nocapture`.
                eprintln!("{} of {histories} histories", begun.load(SeqCst));
            }
            Err(_) => {
                let mut seeds = (2..=THREADS).flat_map(seeds);
                let seed = seeds.nth(before as usize - 1).expect("it was begun");
                panic!("ANTEROOM_SEED={seed}: it has not ended after {LIMIT:?}");
            }
        }
    }
}
