//! What a hundred threads cost that only wait.

use std::thread;
use std::time::{Duration, Instant};

use crate::common::lock::Lock;
use crate::common::monitor::Monitor;
use crate::common::permits::Permits;
use crate::common::read_write::ReadWrite;
use crate::common::usage;
use crate::harness::row::Question;
use crate::harness::sample::{Aspect, Counts, Sample};
use crate::peers::{monitors, mutexes, rwlocks, semaphores};

/// How many wait.
const WAITERS: usize = 100;
/// How long they have been asleep when it begins.
const SETTLE: Duration = Duration::from_millis(100);
/// About a second.
const SLICES: u32 = 33;

const CPU: Aspect = Aspect {
    name: ": processor time",
    unit: "ms/s",
    more_is_better: false,
    counts: Counts::Nothing,
};

pub fn questions() -> Vec<Question> {
    let primitives = [
        ("mutex", mutexes!(Peer => mutex::<Peer>)),
        ("rwlock", rwlocks!(Peer => rwlock::<Peer>)),
        ("condvar", monitors!(Peer => condvar::<Peer>)),
        ("semaphore", semaphores!(Peer => semaphore::<Peer>)),
    ];
    let question = |(primitive, peers)| {
        let name = format!("{WAITERS} threads waiting, {primitive}");
        Question::new(name, &[CPU], peers).slices(SLICES).rounds(1)
    };
    primitives.into_iter().map(question).collect()
}

fn mutex<L: Lock>(length: Duration) -> Sample {
    let lock = &L::default();
    thread::scope(|scope| {
        lock.with(|_| {
            for _ in 0..WAITERS {
                scope.spawn(|| lock.with(|count| *count += 1));
            }
            cpu(length)
        })
    })
}

/// Half of them want to read, and half to write.
fn rwlock<L: ReadWrite>(length: Duration) -> Sample {
    let lock = &L::default();
    thread::scope(|scope| {
        lock.with_write(|_| {
            for _ in 0..WAITERS / 2 {
                scope.spawn(|| lock.read());
                scope.spawn(|| lock.write());
            }
            cpu(length)
        })
    })
}

fn condvar<M: Monitor>(length: Duration) -> Sample {
    let monitor = &M::default();
    let wait = || {
        let mut count = monitor.lock();
        while *count == 0 {
            count = monitor.wait(count);
        }
    };
    thread::scope(|scope| {
        for _ in 0..WAITERS {
            scope.spawn(wait);
        }
        let sample = cpu(length);
        *monitor.lock() = 1;
        monitor.notify_all();
        sample
    })
}

fn semaphore<S: Permits>(length: Duration) -> Sample {
    let semaphore = &S::new(1);
    thread::scope(|scope| {
        semaphore.with(|| {
            for _ in 0..WAITERS {
                scope.spawn(|| semaphore.with(|| ()));
            }
            cpu(length)
        })
    })
}

/// The processor time that the whole process uses in a second.
fn cpu(length: Duration) -> Sample {
    usage::wait_until_idle();
    thread::sleep(SETTLE);
    let (start, before) = (Instant::now(), usage::cpu());
    thread::sleep(length);
    let used = usage::cpu() - before;
    Sample::figures(vec![used.div_duration_f64(start.elapsed()) * 1e3])
}
