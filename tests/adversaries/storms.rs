//! Many threads that do everything that a lock offers, at random, and count the threads inside. The
//! numbers are those of `tests/ADVERSARIES.md`.

use anteroom::{
    ArcMutexGuard, ArcRwLockWriteGuard, Mutex, MutexGuard, RwLock, RwLockReadGuard,
    RwLockUpgradableReadGuard, RwLockWriteGuard,
};
use common::{Random, must_end, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

type Pair = (u64, u64);

/// The threads inside a lock. The counts are relaxed: if the lock does not order those that leave
/// before those that come, then on a weak machine they show it, as the data does.
#[derive(Default)]
struct Inside {
    readers: AtomicUsize,
    upgradable: AtomicUsize,
    writers: AtomicUsize,
    written: AtomicUsize,
}

impl Inside {
    fn reads(&self, data: &Pair) {
        self.readers.fetch_add(1, Relaxed);
        assert_eq!(self.writers.load(Relaxed), 0, "a reader beside a writer");
        assert_eq!(data.0, data.1, "a reader sees half of a write");
        stay(data.0);
        self.readers.fetch_sub(1, Relaxed);
    }

    fn reads_upgradably(&self, data: &Pair) {
        assert_eq!(self.upgradable.load(Relaxed), 0, "two upgradable readers");
        self.upgradable.fetch_add(1, Relaxed);
        self.reads(data);
        self.upgradable.fetch_sub(1, Relaxed);
    }

    fn writes(&self, data: &mut Pair, random: &mut Random) {
        let others = [&self.writers, &self.readers, &self.upgradable].map(|n| n.load(Relaxed));
        assert_eq!(others, [0; 3], "beside a writer");
        self.writers.fetch_add(1, Relaxed);
        data.0 += 1;
        stay(random.below(1 << 20));
        data.1 += 1;
        self.writers.fetch_sub(1, Relaxed);
        self.written.fetch_add(1, Relaxed);
    }
}

/// Stays inside: nearly always not long, at times so long that the waiters park, or give
/// up.
fn stay(number: u64) {
    match number % 64 {
        0 => thread::sleep(Duration::from_micros(200)),
        1..4 => thread::yield_now(),
        spins => (0..spins).for_each(|_| std::hint::spin_loop()),
    }
}

/// Runs `step` in `threads` threads, each `times` times with random numbers of its own.
fn storm(threads: u64, times: usize, step: impl Fn(&mut Random) + Sync) {
    thread::scope(|s| {
        let start = |seed| {
            let step = &step;
            s.spawn(move || {
                let mut random = Random(seed);
                for _ in 0..times {
                    step(&mut random);
                }
            })
        };
        let threads: Vec<_> = (0..threads).map(start).collect();
        // The scope would wait for them, but not so that ThreadSanitizer sees it.
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

/// A millisecond at most, often so little that the time is up before the thread sleeps.
fn short(random: &mut Random) -> Duration {
    let most = 1 << random.below(21);
    Duration::from_nanos(random.below(most))
}

/// Adversaries 1 and 2 (parking_lot 465, 466, 249cb2a, 101): timed-out writers wedged the lock or
/// left others asleep. And 4 (parking_lot 257, 294, 323; std 121626): a missing Acquire where
/// readers drain or an upgrade succeeds.
#[test]
fn a_storm_on_a_rwlock_keeps_everybody_apart_and_ends() {
    fn write_and_leave(
        mut guard: RwLockWriteGuard<'_, Pair>,
        inside: &Inside,
        random: &mut Random,
    ) {
        inside.writes(&mut guard, random);
        match random.below(8) {
            0 => inside.reads(&RwLockWriteGuard::downgrade(guard)),
            1 => {
                let guard = RwLockWriteGuard::downgrade_to_upgradable(guard);
                inside.reads_upgradably(&guard);
            }
            2 => {
                RwLockWriteGuard::bump(&mut guard);
                inside.writes(&mut guard, random);
            }
            3 => {
                RwLockWriteGuard::unlocked(&mut guard, || random.pause(100));
                inside.writes(&mut guard, random);
            }
            4 => RwLockWriteGuard::unlock_fair(guard),
            _ => {}
        }
    }

    fn upgrade(
        mut guard: RwLockUpgradableReadGuard<'_, Pair>,
        inside: &Inside,
        random: &mut Random,
    ) {
        type Upgradable<'a> = RwLockUpgradableReadGuard<'a, Pair>;
        inside.reads_upgradably(&guard);
        match random.below(9) {
            0 => write_and_leave(Upgradable::upgrade(guard), inside, random),
            1 => match Upgradable::try_upgrade(guard) {
                Ok(guard) => write_and_leave(guard, inside, random),
                Err(guard) => inside.reads_upgradably(&guard),
            },
            2 | 3 => match Upgradable::try_upgrade_for(guard, short(random)) {
                Ok(guard) => write_and_leave(guard, inside, random),
                Err(guard) => inside.reads_upgradably(&guard),
            },
            4 => {
                Upgradable::with_upgraded(&mut guard, |data| inside.writes(data, random));
                inside.reads_upgradably(&guard);
            }
            5 => {
                let time = short(random);
                let write = |data: &mut Pair| inside.writes(data, random);
                Upgradable::try_with_upgraded_for(&mut guard, time, write);
                inside.reads_upgradably(&guard);
            }
            6 => inside.reads(&Upgradable::downgrade(guard)),
            7 => {
                Upgradable::bump(&mut guard);
                inside.reads_upgradably(&guard);
            }
            _ => Upgradable::unlock_fair(guard),
        }
    }

    must_end(|| {
        let lock = Arc::new(RwLock::new((0, 0)));
        let inside = Inside::default();
        storm(6, 10_000, |random| match random.below(14) {
            0 => inside.reads(&lock.read()),
            1 => inside.reads(&lock.read_recursive()),
            2 => {
                if let Some(guard) = lock.try_read() {
                    inside.reads(&guard);
                }
            }
            3 | 4 => {
                if let Some(guard) = lock.try_read_for(short(random)) {
                    inside.reads(&guard);
                }
            }
            5 => {
                let mut guard = lock.read();
                inside.reads(&guard);
                RwLockReadGuard::bump(&mut guard);
                inside.reads(&guard);
                RwLockReadGuard::unlocked(&mut guard, || random.pause(100));
                inside.reads(&guard);
            }
            6 => write_and_leave(lock.write(), &inside, random),
            7..10 => {
                if let Some(guard) = lock.try_write_for(Duration::from_millis(1)) {
                    write_and_leave(guard, &inside, random);
                }
            }
            10 => {
                if let Some(mut guard) = lock.try_write_arc_for(short(random)) {
                    inside.writes(&mut guard, random);
                    inside.reads(&ArcRwLockWriteGuard::downgrade(guard));
                }
            }
            11 | 12 => upgrade(lock.upgradable_read(), &inside, random),
            _ => {
                if let Some(guard) = lock.try_upgradable_read_for(short(random)) {
                    upgrade(guard, &inside, random);
                }
            }
        });
        let written = inside.written.into_inner() as u64;
        assert_eq!(
            *lock.try_write().expect("all have left"),
            (written, written)
        );
    });
}

#[test]
fn a_storm_on_a_mutex_keeps_everybody_apart_and_ends() {
    must_end(|| {
        let mutex = Arc::new(Mutex::new((0, 0)));
        let inside = Inside::default();
        storm(6, 10_000, |random| match random.below(10) {
            0 | 1 => inside.writes(&mut mutex.lock(), random),
            2 => {
                if let Some(mut guard) = mutex.try_lock() {
                    inside.writes(&mut guard, random);
                }
            }
            3..6 => {
                if let Some(mut guard) = mutex.try_lock_for(short(random)) {
                    inside.writes(&mut guard, random);
                }
            }
            6 => {
                let mut guard = mutex.lock();
                inside.writes(&mut guard, random);
                MutexGuard::unlock_fair(guard);
            }
            7 => {
                let mut guard = mutex.lock();
                MutexGuard::bump(&mut guard);
                inside.writes(&mut guard, random);
            }
            8 => {
                let mut guard = mutex.lock();
                MutexGuard::unlocked(&mut guard, || random.pause(100));
                inside.writes(&mut guard, random);
            }
            _ => {
                if let Some(mut guard) = mutex.try_lock_arc_for(short(random)) {
                    inside.writes(&mut guard, random);
                    ArcMutexGuard::unlock_fair(guard);
                }
            }
        });
        let written = inside.written.into_inner() as u64;
        assert_eq!(
            *mutex.try_lock().expect("all have left"),
            (written, written)
        );
    });
}

/// A thread's wish for one of two locks.
type Turn = fn(&Mutex<u32>, &RwLock<u32>);

/// Adversary 19 (JDK-8386085, absl aac2279f): waiters that give up early and come again kept all
/// others from it.
#[test]
fn many_short_timeouts_do_not_keep_the_patient_out() {
    must_end(|| {
        let (mutex, lock) = (Mutex::new(0), RwLock::new(0));
        let (patient, attempts) = (AtomicUsize::new(3), AtomicUsize::new(0));
        thread::scope(|s| {
            let turns: [Turn; 3] = [
                |mutex, _| *mutex.lock() += 1,
                |_, lock| *lock.write() += 1,
                |_, lock| drop(lock.read()),
            ];
            for turn in turns {
                let (mutex, lock, patient, attempts) = (&mutex, &lock, &patient, &attempts);
                s.spawn(move || {
                    for _ in 0..1_000 {
                        // The others get in between.
                        let before = attempts.load(SeqCst);
                        until(|| attempts.load(SeqCst) > before + 4);
                        turn(mutex, lock);
                    }
                    patient.fetch_sub(1, SeqCst);
                });
            }
            storm(4, 1, |random| {
                let time = |random: &mut Random| Duration::from_nanos(random.below(200_000));
                while patient.load(SeqCst) != 0 {
                    attempts.fetch_add(1, SeqCst);
                    let guard = mutex.try_lock_for(time(random));
                    stay(random.below(64));
                    drop(guard);
                    let guard = lock.try_write_for(time(random));
                    stay(random.below(64));
                    drop(guard);
                    let guard = lock.try_read_for(time(random));
                    stay(random.below(64));
                    drop(guard);
                    if let Some(guard) = lock.try_upgradable_read_for(time(random)) {
                        let time = time(random);
                        drop(RwLockUpgradableReadGuard::try_upgrade_for(guard, time));
                    }
                }
            });
        });
        assert_eq!((*mutex.lock(), *lock.read()), (1_000, 1_000));
    });
}
