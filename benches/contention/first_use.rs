//! What the first uses of a primitive take in a process that has threads already: some locks
//! register with the kernel, count processors, or allocate, when they are first used or first
//! waited for. Each measurement has a process of its own.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use crate::child::{Where, placed};
use crate::common::lock::Lock;
use crate::common::monitor::Monitor;
use crate::common::permits::Permits;
use crate::common::read_write::ReadWrite;
use crate::harness::row::{Primitive, Question};
use crate::harness::sample::{Aspect, Counts, Sample};
use crate::peers::{monitors, mutexes, rwlocks, semaphores};

/// How often the primitive is used, by one thread: enough for what happens after a thousand uses.
const USES: usize = 3_000;
/// How long the first wait lasts: longer than any lock spins.
const WAIT: Duration = Duration::from_millis(2);

/// The count when the waiter has waited for long enough.
const OVER: u64 = u64::MAX;

/// What takes less harms no program: a switch of threads takes as long.
const HARMLESS: Duration = Duration::from_micros(10);

/// The first is one sample of a cold cache, and explains the longest.
const ASPECTS: [Aspect; 3] = [
    aspect(": longest of 3000, at least 10", Counts::Speed),
    aspect(": first", Counts::Nothing),
    aspect(": from a release to its first waiter", Counts::Speed),
];

const fn aspect(name: &'static str, counts: Counts) -> Aspect {
    Aspect {
        name,
        unit: "µs",
        more_is_better: false,
        counts,
    }
}

/// Starts the waiter, and returns when it has waited for long enough.
type Wait<'a> = &'a mut dyn FnMut();

pub fn questions(place: Where) -> Vec<Question> {
    let rows = [
        (Primitive::Mutex, "", mutexes!(Peer => |_| lock::<Peer>())),
        (
            Primitive::RwLock,
            ", read",
            rwlocks!(Peer => |_| read::<Peer>()),
        ),
        (
            Primitive::RwLock,
            ", write",
            rwlocks!(Peer => |_| write::<Peer>()),
        ),
        (
            Primitive::Condvar,
            "",
            monitors!(Peer => |_| notify::<Peer>()),
        ),
        (
            Primitive::Semaphore,
            "",
            semaphores!(Peer => |_| acquire::<Peer>()),
        ),
    ];
    let question = |(primitive, what, peers): (Primitive, _, _)| {
        let name = format!("{}{what}, first use", primitive.name());
        placed(Question::new(name, &ASPECTS, peers).of(primitive), place)
    };
    rows.into_iter().map(question).collect()
}

fn lock<L: Lock>() -> Sample {
    let lock = &L::default();
    let release = |wait: Wait| {
        lock.with(|_| {
            wait();
            Instant::now()
        })
    };
    let acquire = || lock.with(|_| Instant::now());
    first_uses(|| lock.with(|count| *count += 1), release, acquire)
}

fn read<L: ReadWrite>() -> Sample {
    let lock = &L::default();
    let release = |wait: Wait| {
        lock.with_write(|_| {
            wait();
            Instant::now()
        })
    };
    let acquire = || lock.with_read(|_| Instant::now());
    first_uses(|| _ = lock.read(), release, acquire)
}

fn write<L: ReadWrite>() -> Sample {
    let lock = &L::default();
    let release = |wait: Wait| {
        lock.with_read(|_| {
            wait();
            Instant::now()
        })
    };
    let acquire = || lock.with_write(|_| Instant::now());
    first_uses(|| lock.write(), release, acquire)
}

fn notify<M: Monitor>() -> Sample {
    let monitor = &M::default();
    let change = |count| {
        *monitor.lock() = count;
        monitor.notify_one();
    };
    let release = |wait: Wait| {
        wait();
        let released = Instant::now();
        change(OVER);
        released
    };
    let acquire = || {
        let mut count = monitor.lock();
        while *count != OVER {
            count = monitor.wait(count);
        }
        Instant::now()
    };
    first_uses(|| change(1), release, acquire)
}

fn acquire<S: Permits>() -> Sample {
    let semaphore = &S::new(1);
    let release = |wait: Wait| {
        semaphore.with(|| {
            wait();
            Instant::now()
        })
    };
    let acquire = || semaphore.with(Instant::now);
    first_uses(|| semaphore.with(|| ()), release, acquire)
}

/// Uses the primitive, beside two threads that sleep most of the time; then one thread waits until
/// `release` has done what it is given, and returns when it ended the wait. `acquire` waits, and
/// returns when its wait ended.
fn first_uses(
    once: impl Fn(),
    release: impl FnOnce(Wait) -> Instant,
    acquire: impl Fn() -> Instant + Sync,
) -> Sample {
    let over = AtomicBool::new(false);
    // ORDERING: Relaxed, here and below: nothing else depends on it.
    let doze = || {
        while !over.load(Relaxed) {
            sleep(WAIT / 10);
        }
    };
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(doze);
        }
        sleep(WAIT);
        let timed = |_| {
            let start = Instant::now();
            once();
            start.elapsed()
        };
        let times: Vec<_> = (0..USES).map(timed).collect();
        let mut waiter = None;
        let released = release(&mut || {
            waiter = Some(scope.spawn(&acquire));
            sleep(WAIT);
        });
        let waiter = waiter.expect("`release` has done what it was given");
        let woken = waiter.join().expect("the waiter panicked") - released;
        // ORDERING: as above.
        over.store(true, Relaxed);
        let longest = times.iter().copied().fold(HARMLESS, Duration::max);
        let microseconds = |time: Duration| time.as_secs_f64() * 1e6;
        Sample::figures([longest, times[0], woken].map(microseconds).into())
    })
}
