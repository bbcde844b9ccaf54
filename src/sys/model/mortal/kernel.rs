//! The modelled kernel: threads that sleep on words, and the robust lists of those that ended.

use super::{AtomicU32, AtomicU64, DEAD, Killed, STEPS, fated, my_id, my_list, step};
use crate::sys::Ordering::{self, AcqRel, Relaxed};
use crate::sys::deadline::Deadline;
use crate::sys::engine::sync::{Condvar, Mutex};
use crate::sys::model::{joins_one_by_one, newest_first};
use crate::sys::robust_word::{OWNER, OWNER_DIED, WAITERS};
use std::panic::resume_unwind;
use std::sync::Arc;

loom::lazy_static! {
    static ref SLEEPERS: Mutex<Vec<Sleeper>> = Mutex::new(Vec::new());
}

/// The number of threads that sleep.
pub(crate) fn sleepers() -> usize {
    let sleepers = SLEEPERS.lock().unwrap();
    sleepers.iter().filter(|it| it.is_asleep).count()
}

/// A word of 32 bits on which a thread can sleep.
pub(crate) trait Watched {
    /// Its value as the kernel sees it, under the kernel's lock.
    fn value(&self) -> u32;
}

impl Watched for AtomicU32 {
    fn value(&self) -> u32 {
        // ORDERING: Relaxed; the kernel promises only to look under its lock.
        self.0.load(Relaxed)
    }
}

/// Its low half.
impl Watched for AtomicU64 {
    fn value(&self) -> u32 {
        // ORDERING: Relaxed; see above.
        self.0.load(Relaxed) as u32
    }
}

struct Sleeper {
    thread: u32,
    /// The words in whose queues it is.
    words: Vec<*const ()>,
    /// Whether it is in all of them, and sleeps.
    is_asleep: bool,
    is_woken: bool,
    runs: Arc<Condvar>,
}

// SAFETY: in a model all threads run on one thread of the system.
unsafe impl Send for Sleeper {}

/// Sleeps while all words have these values, until one of them is woken. Returns false if the
/// deadline passed. Looks at the words in their order, each while joining its queue.
pub(crate) fn wait<W: Watched + ?Sized>(words: &[(&W, u32)], deadline: Deadline) -> bool {
    step();
    let mut sleepers = SLEEPERS.lock().unwrap();
    let runs = Arc::new(Condvar::new());
    sleepers.push(Sleeper {
        thread: my_id(),
        words: Vec::new(),
        is_asleep: false,
        is_woken: false,
        runs: runs.clone(),
    });
    for (word, value) in words {
        let mine = place_of_mine(&sleepers);
        if word.value() != *value {
            sleepers.remove(mine);
            return true;
        }
        sleepers[mine].words.push(address(*word));
        if joins_one_by_one() {
            drop(sleepers);
            sleepers = SLEEPERS.lock().unwrap();
        }
    }
    let mine = place_of_mine(&sleepers);
    sleepers[mine].is_asleep = !sleepers[mine].is_woken;
    let killed = fated();
    if killed || deadline.instant().is_some() {
        // Asleep for as long as other threads want to run.
        drop(sleepers);
        sleepers = SLEEPERS.lock().unwrap();
    } else {
        while !sleepers[place_of_mine(&sleepers)].is_woken {
            sleepers = runs.wait(sleepers).unwrap();
        }
    }
    let mine = place_of_mine(&sleepers);
    let is_woken = sleepers.remove(mine).is_woken;
    drop(sleepers);
    if killed {
        STEPS.with(|steps| steps.set(None));
        resume_unwind(Box::new(Killed));
    }
    is_woken
}

fn place_of_mine(sleepers: &[Sleeper]) -> usize {
    let me = my_id();
    let mine = sleepers.iter().position(|it| it.thread == me);
    mine.expect("only its thread takes it out")
}

fn address<W: Watched + ?Sized>(word: &W) -> *const () {
    std::ptr::from_ref(word).cast()
}

/// Whether no thread of this number has been killed and buried.
pub(crate) fn is_alive(id: u32) -> bool {
    step();
    !DEAD.lock().unwrap().contains(&id)
}

/// Wakes at most `count` threads that sleep on the word, and returns their number.
pub(crate) fn wake(word: &AtomicU32, count: usize) -> usize {
    step();
    wake_locked(&mut SLEEPERS.lock().unwrap(), word, count)
}

/// Clears the flag and wakes all threads that sleep on the word, as one step.
pub(crate) fn clear_and_wake_all(flag: &AtomicU32, word: &AtomicU32) {
    step();
    let mut sleepers = SLEEPERS.lock().unwrap();
    // ORDERING: AcqRel, here and below; the kernel's change of a word is a full barrier.
    flag.0.swap(0, AcqRel);
    wake_locked(&mut sleepers, word, usize::MAX);
}

/// Adds one to the word and wakes at most `count` threads that sleep on it, as one step.
pub(crate) fn add_one_and_wake(word: &AtomicU32, count: usize) {
    step();
    let mut sleepers = SLEEPERS.lock().unwrap();
    // ORDERING: AcqRel; see above.
    word.0.fetch_add(1, AcqRel);
    wake_locked(&mut sleepers, word, count);
}

fn wake_locked(sleepers: &mut [Sleeper], word: &AtomicU32, count: usize) -> usize {
    let word = address(word);
    for woken in 0..count {
        let mut those_here = sleepers.iter().map(|it| it.words.contains(&word));
        let chosen = match newest_first() {
            true => those_here.rposition(|is_here| is_here),
            false => those_here.position(|is_here| is_here),
        };
        let Some(chosen) = chosen else {
            return woken;
        };
        let sleeper = &mut sleepers[chosen];
        sleeper.words.retain(|it| *it != word);
        (sleeper.is_asleep, sleeper.is_woken) = (false, true);
        sleeper.runs.notify_one();
    }
    count
}

/// What the kernel does with the robust list of a thread that ended.
pub(super) fn bury() {
    let me = my_id();
    let list = my_list(std::mem::take);
    for word in list.held {
        if list.pending != Some(word) {
            // SAFETY: models keep what they share until all threads have ended.
            release_of_the_dead(me, unsafe { &*word }, false);
        }
    }
    if let Some(word) = list.pending {
        // SAFETY: see above.
        release_of_the_dead(me, unsafe { &*word }, true);
    }
    DEAD.lock().unwrap().push(me);
}

fn release_of_the_dead(dead: u32, word: &AtomicU32, is_pending: bool) {
    loop {
        // ORDERING: Relaxed; only the exchange below orders what the killed thread wrote.
        let value = word.0.load(Relaxed);
        if is_pending && value & OWNER == 0 {
            wake(word, 1);
            return;
        }
        if value & OWNER != dead {
            return;
        }
        let left = (value & WAITERS) | OWNER_DIED;
        // ORDERING: Release; the kernel's is full. Finding the mark shows the dead one's writes.
        let exchanged = word
            .0
            .compare_exchange(value, left, Ordering::Release, Relaxed);
        if exchanged.is_ok() {
            if value & WAITERS != 0 {
                wake(word, 1);
            }
            return;
        }
    }
}
