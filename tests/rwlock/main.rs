//! `RwLock` on real threads: every way to acquire it, which modes exclude each other, and how one
//! mode becomes another. The order of its waiters is in [`turns`] and [`fairness`].

// Elsewhere no lock is biased.
#[cfg(all(
    target_pointer_width = "64",
    any(target_os = "linux", target_vendor = "apple", target_os = "freebsd")
))]
mod bias;
mod fairness;
mod model;
mod modes;
mod send;
mod timeouts;
mod turns;

use anteroom::{
    ArcRwLockUpgradableReadGuard, ArcRwLockWriteGuard, RwLock, RwLockReadGuard,
    RwLockUpgradableReadGuard,
};
use common::{asleep, must_end};
use std::mem;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than any test runs: a waiter that has not got in by then has been forgotten.
const LONG: Duration = Duration::from_secs(600);

fn an_hour_ago() -> Instant {
    Instant::now()
        .checked_sub(Duration::from_secs(3600))
        .unwrap_or_else(Instant::now)
}

type Lock = Arc<RwLock<u32>>;

/// The forms that wait, of one mode: each says whether it got in.
struct Forms {
    /// Without a limit.
    endless: [fn(&Lock); 2],
    /// For so long.
    timed: [fn(&Lock, Duration) -> bool; 4],
    /// Not at all.
    tries: [fn(&Lock) -> bool; 6],
}

macro_rules! forms {
    (
        $lock:ident $try:ident $try_for:ident $try_until:ident
        $arc:ident $try_arc:ident $try_arc_for:ident $try_arc_until:ident
    ) => {
        Forms {
            endless: [|lock| drop(lock.$lock()), |lock| drop(lock.$arc())],
            timed: [
                |lock, time| lock.$try_for(time).is_some(),
                |lock, time| lock.$try_until(Instant::now() + time).is_some(),
                |lock, time| lock.$try_arc_for(time).is_some(),
                |lock, time| lock.$try_arc_until(Instant::now() + time).is_some(),
            ],
            tries: [
                |lock| lock.$try().is_some(),
                |lock| lock.$try_for(Duration::ZERO).is_some(),
                |lock| lock.$try_until(an_hour_ago()).is_some(),
                |lock| lock.$try_arc().is_some(),
                |lock| lock.$try_arc_for(Duration::ZERO).is_some(),
                |lock| lock.$try_arc_until(an_hour_ago()).is_some(),
            ],
        }
    };
}

const READ: Forms = forms!(
    read try_read try_read_for try_read_until
    read_arc try_read_arc try_read_arc_for try_read_arc_until
);
const RECURSIVE: Forms = forms!(
    read_recursive try_read_recursive try_read_recursive_for try_read_recursive_until
    read_arc_recursive try_read_arc_recursive
        try_read_arc_recursive_for try_read_arc_recursive_until
);
const UPGRADABLE: Forms = forms!(
    upgradable_read try_upgradable_read try_upgradable_read_for try_upgradable_read_until
    upgradable_read_arc try_upgradable_read_arc
        try_upgradable_read_arc_for try_upgradable_read_arc_until
);
const WRITE: Forms = forms!(
    write try_write try_write_for try_write_until
    write_arc try_write_arc try_write_arc_for try_write_arc_until
);
const MODES: [&Forms; 4] = [&READ, &RECURSIVE, &UPGRADABLE, &WRITE];

/// Checks whether a reader, an upgradable reader and a writer get in now, by every form of theirs.
#[track_caller]
fn check_open(lock: &Lock, readers: bool, upgradable: bool, writers: bool) {
    for (forms, open) in [
        (READ, readers),
        (RECURSIVE, readers),
        (UPGRADABLE, upgradable),
        (WRITE, writers),
    ] {
        let got = forms.tries.map(|try_lock| try_lock(lock));
        assert_eq!(got, [open; 6]);
    }
    assert_eq!(lock.is_locked(), !writers);
    assert_eq!(lock.is_locked_exclusive(), !readers);
}

#[track_caller]
fn check_free(lock: &Lock) {
    check_open(lock, true, true, true);
}
#[track_caller]
fn check_read(lock: &Lock) {
    check_open(lock, true, true, false);
}
#[track_caller]
fn check_upgradable(lock: &Lock) {
    check_open(lock, true, false, false);
}
#[track_caller]
fn check_written(lock: &Lock) {
    check_open(lock, false, false, false);
}

// ---- Every form of every mode.

#[test]
fn each_mode_lets_in_whom_it_should_until_its_guard_is_dropped() {
    must_end(|| {
        let lock = Arc::new(RwLock::new(0));
        check_free(&lock);
        /// Holds the lock in turn as each of these says.
        macro_rules! hold {
            ($check:ident: $($guard:expr),*) => {
                $({
                    let guard = $guard;
                    $check(&lock);
                    drop(guard);
                    check_free(&lock);
                })*
            };
        }
        hold!(check_read: lock.read(), lock.read_arc(), lock.try_read().unwrap());
        hold!(check_read: lock.read_recursive(), lock.read_arc_recursive());
        hold!(check_upgradable: lock.upgradable_read(), lock.upgradable_read_arc());
        hold!(check_written: lock.write(), lock.write_arc(), lock.try_write_for(LONG).unwrap());
        let (one, two, three) = (lock.read(), lock.upgradable_read(), lock.read_recursive());
        check_upgradable(&lock);
        drop(two);
        check_read(&lock);
        drop(one);
        check_read(&lock);
        drop(three);
        check_free(&lock);
    });
}

#[test]
fn every_form_that_waits_gets_in_when_the_writer_leaves() {
    must_end(|| {
        let lock = Arc::new(RwLock::new(0));
        for forms in MODES {
            thread::scope(|s| {
                let (lock, writer) = (&lock, lock.write());
                for endless in forms.endless {
                    asleep(s, move || endless(lock));
                }
                for timed in forms.timed {
                    asleep(s, move || assert!(timed(lock, LONG)));
                }
                drop(writer);
            });
            check_free(&lock);
        }
    });
}

#[test]
fn every_form_that_writes_gets_in_when_the_readers_leave() {
    must_end(|| {
        let lock = Arc::new(RwLock::new(0));
        thread::scope(|s| {
            let (lock, readers) = (&lock, (lock.read(), lock.upgradable_read(), lock.read()));
            for endless in WRITE.endless {
                asleep(s, move || endless(lock));
            }
            for timed in WRITE.timed {
                asleep(s, move || assert!(timed(lock, LONG)));
            }
            drop(readers);
        });
        check_free(&lock);
    });
}

#[test]
fn readers_are_inside_together() {
    must_end(|| {
        let lock = Arc::new(RwLock::new(5));
        let all = Barrier::new(6);
        thread::scope(|s| {
            s.spawn(|| drop((lock.upgradable_read(), all.wait())));
            for _ in 0..2 {
                s.spawn(|| drop((lock.read(), all.wait())));
                s.spawn(|| drop((lock.read_arc(), all.wait())));
            }
            let guard = lock.read_recursive();
            all.wait();
            assert_eq!(*guard, 5);
        });
        check_free(&lock);
    });
}

#[test]
fn a_static_lock_counts_every_increment() {
    static TOTAL: RwLock<u64> = RwLock::new(0);
    must_end(|| {
        thread::scope(|s| {
            for _ in 0..2 {
                s.spawn(|| (0..5_000).for_each(|_| *TOTAL.write() += 1));
                s.spawn(|| {
                    for _ in 0..5_000 {
                        let guard = TOTAL.upgradable_read();
                        let seen = *guard;
                        *RwLockUpgradableReadGuard::upgrade(guard) = seen + 1;
                    }
                });
                s.spawn(|| (0..5_000).for_each(|_| assert!(*TOTAL.read() <= 20_000)));
            }
        });
        assert_eq!(*TOTAL.read(), 20_000);
    });
}

// ---- The lock itself.

#[test]
fn force_unlock_gives_back_what_forgotten_guards_held() {
    must_end(|| {
        let lock = Arc::new(RwLock::new(0));
        mem::forget((lock.read(), lock.read()));
        // SAFETY: a read guard was forgotten.
        unsafe { lock.force_unlock_read() };
        check_read(&lock);
        thread::scope(|s| {
            asleep(s, || *lock.write() += 1);
            // SAFETY: as above.
            unsafe { lock.force_unlock_read() };
        });
        check_free(&lock);
        mem::forget(lock.write());
        check_written(&lock);
        thread::scope(|s| {
            asleep(s, || assert_eq!(*lock.read(), 1));
            // SAFETY: the write guard was forgotten.
            unsafe { lock.force_unlock_write() };
        });
        check_free(&lock);
    });
}

#[test]
fn data_is_reached_without_locking_by_whom_owns_or_borrows_the_lock() {
    must_end(|| {
        let mut lock = RwLock::from(String::from("a"));
        lock.get_mut().push('b');
        let data = lock.data_ptr();
        mem::forget(lock.write());
        // SAFETY: we are the writer, whose guard is gone.
        unsafe { &mut *data }.push('c');
        // SAFETY: the guard was forgotten.
        unsafe { lock.force_unlock_write() };
        assert_eq!(*lock.read(), "abc");
        assert_eq!(lock.into_inner(), "abc");
        assert_eq!(*RwLock::<String>::default().read(), "");
    });
}

#[test]
fn arc_guards_keep_the_lock_alive_and_let_it_go() {
    must_end(|| {
        let data = Arc::new(5);
        let lock = Arc::new(RwLock::new(data.clone()));
        let there = Arc::downgrade(&lock);
        let (reader, upgradable) = (lock.read_arc(), lock.upgradable_read_arc());
        drop(lock);
        drop(reader);
        assert_eq!(**upgradable, 5);
        let writer = ArcRwLockUpgradableReadGuard::upgrade(upgradable);
        let reader = ArcRwLockWriteGuard::downgrade(writer);
        assert!(there.upgrade().is_some_and(|lock| lock.is_locked()));
        assert_eq!(Arc::strong_count(&data), 2);
        drop(reader);
        assert!(there.upgrade().is_none());
        assert_eq!(Arc::strong_count(&data), 1);
    });
}

#[test]
fn unsized_and_borrowed_data_are_locked_like_any_other() {
    must_end(|| {
        let slice: &RwLock<[u8]> = &RwLock::new([1, 2, 3]);
        slice.write()[1] = 20;
        let tail = RwLockReadGuard::map(slice.read(), |slice| &slice[1..]);
        assert_eq!(*tail, [20, 3]);

        let shown: Arc<RwLock<dyn std::fmt::Display + Send + Sync>> = Arc::new(RwLock::new("text"));
        assert_eq!(shown.read_arc().to_string(), "text");

        let mut total = 0;
        let lock = RwLock::new(&mut total);
        thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| **lock.write() += 1);
            }
        });
        assert_eq!(**lock.read(), 4);
        assert_eq!(total, 4);
    });
}

#[test]
fn debug_shows_the_data_or_that_it_is_written_and_never_waits() {
    must_end(|| {
        let lock = RwLock::new(5);
        let reader = lock.read();
        assert_eq!(format!("{lock:?}"), "RwLock { data: 5 }");
        drop(reader);
        let writer = lock.write();
        assert_eq!(format!("{lock:?}"), "RwLock { data: <locked> }");
        drop(writer);
        assert_eq!(format!("{lock:?}"), "RwLock { data: 5 }");
    });
}
