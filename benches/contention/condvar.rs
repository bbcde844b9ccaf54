//! How fast a condition variable hands a turn to another thread, and wakes a hundred.

use std::sync::OnceLock;
use std::thread::{self, Thread};
use std::time::Duration;

use crossbeam_utils::CachePadded;

use crate::common::monitor::Monitor;
use crate::harness::row::{Primitive, Question};
use crate::harness::sample::{Aspect, CPU, Counts, Sample};
use crate::peers::monitors;
use crate::slice;

/// How many [`Monitor::notify_all`] wakes.
const WAITERS: usize = 100;
/// The waiters, and the thread that wakes them.
const PARTY: u64 = WAITERS as u64 + 1;
/// The count when there is nothing more to wait for.
const OVER: u64 = u64::MAX;

/// The names of the rows.
pub const TURN: &str = "condvar, a turn to and fro";
pub const ALL: &str = "condvar, notify_all of 100: until all have run";

const TURNS: Aspect = Aspect {
    name: "",
    unit: "k/s",
    more_is_better: true,
    counts: Counts::Speed,
};

const UNTIL_ALL_RAN: Aspect = Aspect {
    name: "",
    unit: "µs",
    more_is_better: false,
    counts: Counts::Speed,
};

pub fn questions() -> Vec<Question> {
    let turns = monitors!(Peer => turns::<Peer>);
    let wakes = monitors!(Peer => wakes::<Peer>);
    vec![
        Question::new(TURN, &[TURNS, CPU], turns).of(Primitive::Condvar),
        Question::new(ALL, &[UNTIL_ALL_RAN, CPU], wakes)
            .with_threads(WAITERS)
            .of(Primitive::Condvar),
    ]
}

/// Two threads count up together. The measured one makes odd numbers of even ones; the echo makes
/// them even again.
fn turns<M: Monitor>(length: Duration) -> Sample {
    let monitor = &CachePadded::new(M::default());
    let count_up_from = |parity| {
        let mut turn = monitor.lock();
        while *turn % 2 != parity && *turn != OVER {
            turn = monitor.wait(turn);
        }
        let over = *turn == OVER;
        if !over {
            *turn += 1;
        }
        drop(turn);
        monitor.notify_one();
        !over
    };
    thread::scope(|scope| {
        scope.spawn(|| while count_up_from(1) {});
        let slice = slice::measure(1, length, |_| || assert!(count_up_from(0)));
        let mut turn = monitor.lock();
        while *turn % 2 != 0 {
            turn = monitor.wait(turn);
        }
        assert_eq!(*turn, 2 * slice.total(), "a turn was lost");
        *turn = OVER;
        drop(turn);
        monitor.notify_one();
        Sample::of(&slice, vec![2.0 * slice.rate() * 1e3])
    })
}

/// The count is how often a thread has come to wait, plus one for each time that all were woken. So
/// all wait where it lacks one to a multiple of [`PARTY`].
fn wakes<M: Monitor>(length: Duration) -> Sample {
    let monitor = &CachePadded::new(M::default());
    let notifier = &OnceLock::<Thread>::new();
    let all_wait = |count: u64| count % PARTY == PARTY - 1;
    let wait_until_over = || {
        loop {
            let mut count = monitor.lock();
            *count += 1;
            if all_wait(*count)
                && let Some(notifier) = notifier.get()
            {
                notifier.unpark();
            }
            let round = *count / PARTY;
            while *count / PARTY == round {
                count = monitor.wait(count);
            }
            if *count == OVER {
                return;
            }
        }
    };
    let wake_all = || {
        while !all_wait(*monitor.lock()) {
            thread::park();
        }
        *monitor.lock() += 1;
        monitor.notify_all();
    };
    thread::scope(|scope| {
        for _ in 0..WAITERS {
            scope.spawn(wait_until_over);
        }
        let slice = slice::measure(1, length, |_| {
            notifier.get_or_init(thread::current);
            wake_all
        });
        while !all_wait(*monitor.lock()) {
            thread::sleep(Duration::from_millis(1));
        }
        let woken = std::mem::replace(&mut *monitor.lock(), OVER) / PARTY;
        monitor.notify_all();
        assert_eq!(woken, slice.total(), "a wake-up was lost");
        Sample::of(&slice, vec![slice.nanoseconds() / 1e3])
    })
}
