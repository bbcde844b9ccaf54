//! Biased readers: what they must not change. A lock is biased after some thousand
//! reads, and asymmetric after some ten thousand more.

use anteroom::{ArcRwLockReadGuard, RwLock, RwLockReadGuard};
use common::{KEPT, asleep, asleep_for_good, must_end, until};
use std::cell::RefCell;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// What a bias of each kind takes.
const READS: [usize; 2] = [8_000, 200_000];

/// More than there are rows for.
const CROWD: usize = 1_100;

/// A lock whose next readers publish themselves.
fn biased(reads: usize) -> Arc<RwLock<usize>> {
    let lock = Arc::new(RwLock::new(0));
    (0..reads).for_each(|_| assert_eq!(*lock.read(), 0));
    lock
}

/// Whether another thread can write.
fn is_writable(lock: &RwLock<usize>) -> bool {
    thread::scope(|s| s.spawn(|| lock.try_write().is_some()).join().unwrap())
}

#[test]
fn a_biased_reader_is_seen() {
    for reads in READS {
        let lock = biased(reads);
        assert!(!lock.is_locked());
        let guard = lock.read();
        assert!(lock.is_locked() && !lock.is_locked_exclusive());
        assert!(!is_writable(&lock));
        assert!(lock.try_read().is_some());
        drop(guard);
        assert!(!lock.is_locked());
        assert!(is_writable(&lock));
    }
}

#[test]
fn a_writer_waits_for_biased_readers() {
    must_end(|| {
        for reads in READS {
            let lock = biased(reads);
            let guard = lock.read();
            thread::scope(|s| {
                let writer = asleep(s, || *lock.write() = 1);
                // It keeps others out, but not for as long as this thread is in its slot.
                until(|| lock.try_read().is_some());
                assert!(lock.try_read_recursive().is_some());
                assert_eq!(*guard, 0);
                drop(guard);
                writer.join().unwrap();
            });
            assert_eq!(*lock.read(), 1);
        }
    });
}

#[test]
fn an_upgrade_waits_for_biased_readers() {
    must_end(|| {
        for reads in READS {
            let lock = biased(reads);
            let guard = lock.read();
            thread::scope(|s| {
                let writer = asleep(s, || {
                    let seen = lock.upgradable_read();
                    *anteroom::RwLockUpgradableReadGuard::upgrade(seen) = 1;
                });
                assert_eq!(*guard, 0);
                drop(guard);
                writer.join().unwrap();
            });
            assert_eq!(*lock.read(), 1);
        }
    });
}

/// The reader stays, and the bias with it: later writers still find it.
#[test]
fn a_writer_that_gives_up_leaves_the_reader_where_it_is() {
    must_end(|| {
        for reads in READS {
            let lock = biased(reads);
            let guard = lock.read();
            for _ in 0..2 {
                thread::scope(|s| {
                    s.spawn(|| assert!(lock.try_write_for(Duration::from_millis(2)).is_none()));
                });
                assert!(!is_writable(&lock));
                assert!(lock.try_read().is_some());
            }
            drop(guard);
            assert!(is_writable(&lock));
        }
    });
}

/// More locks than a row has slots, given back in another order.
#[test]
fn a_thread_reads_many_locks_at_once() {
    let locks: Vec<_> = (0..20).map(|_| biased(READS[0])).collect();
    let mut guards: Vec<_> = locks.iter().map(|lock| Some(lock.read())).collect();
    assert!(locks.iter().all(|lock| !is_writable(lock)));
    for step in [0, 1] {
        for which in (step..locks.len()).step_by(2) {
            guards[which] = None;
            assert!(is_writable(&locks[which]));
        }
    }
}

#[test]
fn more_threads_read_at_once_than_there_are_rows() {
    must_end(|| {
        let lock = biased(READS[0]);
        let (all_in, out) = (Barrier::new(CROWD + 1), Barrier::new(CROWD + 1));
        thread::scope(|s| {
            for _ in 0..CROWD {
                let read = || {
                    let guard = lock.read();
                    all_in.wait();
                    out.wait();
                    drop(guard);
                };
                let small = thread::Builder::new().stack_size(64 * 1024);
                small.spawn_scoped(s, read).unwrap();
            }
            all_in.wait();
            assert!(lock.try_write().is_none());
            let writer = asleep(s, || *lock.write() = 1);
            out.wait();
            writer.join().unwrap();
        });
        assert_eq!(*lock.read(), 1);
    });
}

#[test]
fn a_row_is_used_again_when_its_thread_has_ended() {
    let lock = biased(READS[0]);
    for _ in 0..2 * CROWD {
        thread::scope(|s| {
            s.spawn(|| drop(lock.read()));
        });
    }
    assert!(is_writable(&lock));
}

/// The guard is dropped with the thread's other thread-locals, after or before its row is given
/// back.
#[test]
fn a_read_outlives_its_thread_s_last_function() {
    thread_local! {
        static KEPT: RefCell<Option<ArcRwLockReadGuard<usize>>> = const { RefCell::new(None) };
    }
    must_end(|| {
        for touch_first in [false, true] {
            let lock = biased(READS[0]);
            let reader = lock.clone();
            let keep = move || {
                if touch_first {
                    KEPT.with_borrow(|kept| assert!(kept.is_none()));
                }
                drop(reader.read());
                KEPT.set(Some(reader.read_arc()));
                assert!(!is_writable(&reader));
            };
            thread::spawn(keep).join().unwrap();
            assert!(is_writable(&lock));
        }
    });
}

/// What a forgotten guard has left must not keep out the writers of the next lock in the same
/// place.
#[test]
fn a_forgotten_reader_leaves_with_its_lock() {
    for reads in READS {
        let mut place = Box::new(RwLock::new(0));
        (0..reads).for_each(|_| assert_eq!(*place.read(), 0));
        mem::forget(place.read());
        assert!(place.try_write().is_none());
        *place = RwLock::new(0);
        assert!(place.try_write().is_some());
    }
}

/// A review found that a recursive reader took what is left at the old address of a lock for a read
/// of the new one.
#[test]
fn what_a_moved_lock_leaves_lets_nobody_pass_a_writer() {
    let mut place = RwLock::new(0);
    (0..READS[0]).for_each(|_| assert_eq!(*place.read(), 0));
    mem::forget(place.read());
    let moved = mem::replace(&mut place, RwLock::new(1));
    let writer = place.write();
    assert!(place.try_read_recursive().is_none());
    drop(writer);
    assert_eq!(*place.read(), 1);
    drop(moved);
}

/// A lock with a bias of its own comes to where a forgotten guard has read another one.
#[test]
fn forgotten_reader_concerns_no_lock_that_is_moved_to_its_place() {
    let biased = || {
        let lock = RwLock::new(0);
        (0..READS[0]).for_each(|_| assert_eq!(*lock.read(), 0));
        lock
    };
    let mut place = biased();
    mem::forget(place.read());
    let other = thread::spawn(biased).join().unwrap();
    let moved = mem::replace(&mut place, other);
    assert!(place.try_write().is_some());
    let other = mem::replace(&mut place, moved);
    assert!(other.try_write().is_some());
}

/// Whether the calling thread reads the lock by bias. Then a writer waits for its slot, and lets
/// new readers in; for one that is counted it keeps them out.
fn reads_by_bias(lock: &RwLock<usize>) -> bool {
    let guard = lock.read();
    thread::scope(|s| {
        let writer = asleep_for_good(s, || drop(lock.write()));
        let is_open = lock.try_read().is_some();
        drop(guard);
        writer.join().unwrap();
        is_open
    })
}

/// It reads for the first time while all rows are taken, and goes on when they are free.
#[test]
fn thread_that_found_no_row_has_one_after_the_crowd() {
    must_end(|| {
        let lock = biased(READS[0]);
        let [all_read, may_go] = [1, 1].map(|one| Barrier::new(CROWD + one));
        thread::scope(|s| {
            for _ in 0..CROWD {
                s.spawn(|| {
                    let guard = lock.read();
                    all_read.wait();
                    may_go.wait();
                    drop(guard);
                });
            }
            all_read.wait();
            let late = s.spawn(|| {
                drop(lock.read());
                may_go.wait();
                let has_row = || {
                    (0..READS[0]).for_each(|_| drop(lock.read()));
                    reads_by_bias(&lock)
                };
                assert!((0..100).any(|_| has_row()));
            });
            late.join().unwrap();
        });
    });
}

#[test]
fn a_reader_that_gives_way_is_a_reader_again() {
    must_end(|| {
        let lock = biased(READS[0]);
        let mut guard = lock.read();
        thread::scope(|s| {
            asleep(s, || *lock.write() = 1);
            let start = Instant::now();
            RwLockReadGuard::bump(&mut guard);
            let is_in_time = start.elapsed() < KEPT;
            assert!(!is_in_time || *guard == 1, "it was passed over");
            // A writer that has no processor may miss what is kept for it.
            while *guard != 1 {
                RwLockReadGuard::bump(&mut guard);
            }
        });
        assert!(!is_writable(&lock));
        RwLockReadGuard::unlocked(&mut guard, || assert!(is_writable(&lock)));
    });
}

#[test]
fn a_bump_beside_an_upgradable_reader_keeps_no_reader_out() {
    must_end(|| {
        let lock = biased(READS[0]);
        let mut guard = lock.read();
        thread::scope(|s| {
            let writer = asleep(s, || *lock.write() = 1);
            let (told, tell) = mpsc::channel();
            let (may_go, go) = mpsc::channel::<()>();
            let upgradable = s.spawn({
                let lock = &lock;
                move || {
                    let _seen = lock.upgradable_read();
                    told.send(()).unwrap();
                    let _ = go.recv();
                }
            });
            tell.recv().unwrap();
            RwLockReadGuard::bump(&mut guard);
            drop(may_go);
            upgradable.join().unwrap();
            drop(guard);
            writer.join().unwrap();
        });
        assert_eq!(*lock.read(), 1);
    });
}

/// Two halves that a writer changes one after the other.
#[test]
fn readers_never_see_half_a_write() {
    must_end(|| {
        let lock = RwLock::new((0_u64, 0_u64));
        let done = AtomicBool::new(false);
        thread::scope(|s| {
            for _ in 0..3 {
                s.spawn(|| {
                    while !done.load(Relaxed) {
                        let data = lock.read();
                        assert_eq!(data.0, data.1);
                    }
                });
            }
            // (A write may take milliseconds here, since readers that are inside have no
            // processor.)
            for (pause, writes) in [(1, 5_000), (100, 500), (10_000, 20), (300_000, 2)] {
                for _ in 0..writes {
                    let mut data = lock.write();
                    data.0 += 1;
                    std::hint::black_box(&mut *data);
                    data.1 += 1;
                    drop(data);
                    (0..pause).for_each(|_| drop(lock.read()));
                }
            }
            done.store(true, Relaxed);
        });
    });
}
