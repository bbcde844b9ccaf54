//! Bugs that real locks had with memory: a thread that releases, posts or notifies, and touches the
//! primitive again when the one that it let go has already freed it. Asked of [`Semaphore`] and
//! [`Condvar`] (with the mutex or reader-writer lock that it waits with), on memory that is taken
//! away as soon as it may be freed: a thread that touches it then is killed by the system, and with
//! it this test. The numbers are those of `tests/ADVERSARIES.md`.
#![cfg(unix)]

use anteroom::{Condvar, Mutex, RwLock, Semaphore};
use common::page::Page;
use common::{Random, asleep, must_end, until};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

const ROUNDS: usize = 200;

/// Puts a value on the page, which is closed, and opens it. The value is never dropped: what is put
/// there owns nothing.
fn put<T: Sync>(page: &Page, value: T) -> &T {
    page.open();
    let start = page.start().cast::<T>();
    // SAFETY: a page is large and aligned enough for what these tests put there, and no other
    // thread uses it yet.
    unsafe { start.write(value) };
    get(page)
}

/// What was put on the page.
fn get<T: Sync>(page: &Page) -> &T {
    // SAFETY: each test uses it only while its primitive promises that it may; that this is so is
    // what it asks.
    unsafe { &*page.start().cast::<T>() }
}

/// In each round `make` makes a value, one thread does `take` with it, and `givers` others each do
/// `give`. When `take` has returned, the page is closed at once; and it is opened for the next
/// round only when all givers have returned too.
fn close_when_taken<T: Sync>(
    givers: usize,
    make: impl Fn() -> T,
    take: impl Fn(&T),
    give: impl Fn(&T) + Sync,
) {
    let page = Page::new();
    let [round, returned] = [const { AtomicUsize::new(0) }; 2];
    thread::scope(|s| {
        for giver in 0..givers {
            let (page, round, returned, give) = (&page, &round, &returned, &give);
            s.spawn(move || {
                let mut random = Random(giver as u64);
                for this in 1..=ROUNDS {
                    until(|| round.load(SeqCst) == this);
                    // So that the taker is sometimes asleep by then, and sometimes still awake.
                    random.pause(5_000);
                    give(get(page));
                    returned.fetch_add(1, SeqCst);
                }
            });
        }
        for this in 1..=ROUNDS {
            let value = put(&page, make());
            round.store(this, SeqCst);
            take(value);
            page.close();
            until(|| returned.load(SeqCst) == this * givers);
        }
    });
}

// 15: glibc 12674, sem_post looks at the number of waiters after it has posted.
#[test]
fn semaphore_may_be_freed_by_who_acquired_what_another_added() {
    must_end(|| {
        close_when_taken(
            1,
            || Semaphore::new(0),
            |semaphore| semaphore.acquire().unwrap().forget(),
            |semaphore| semaphore.add_permits(1),
        );
    });
}

// 15: as above, by one that never sleeps, and so is gone the sooner.
#[test]
fn semaphore_may_be_freed_by_who_found_what_another_added() {
    must_end(|| {
        close_when_taken(
            1,
            || Semaphore::new(0),
            |semaphore| {
                let permit = std::iter::repeat_with(|| semaphore.try_acquire());
                permit.flatten().next().unwrap().forget();
            },
            |semaphore| semaphore.add_permits(1),
        );
    });
}

// 15: as above, where all but the last giver find a waiter and cannot yet serve it.
#[test]
fn semaphore_may_be_freed_by_who_acquired_what_several_added() {
    must_end(|| {
        close_when_taken(
            3,
            || Semaphore::new(0),
            |semaphore| semaphore.acquire_many(3).unwrap().forget(),
            |semaphore| semaphore.add_permits(1),
        );
    });
}

// 15: as above, by dropping a permit, for which the same thread has waited and given up before.
#[test]
fn semaphore_may_be_freed_by_who_acquired_what_a_dropped_permit_gave_back() {
    must_end(|| {
        close_when_taken(
            1,
            || (Semaphore::new(1), AtomicBool::new(false)),
            |(semaphore, taken)| {
                until(|| taken.load(SeqCst));
                let _ = semaphore.try_acquire_many_for(2, Duration::from_micros(10));
                semaphore.acquire().unwrap().forget();
            },
            |(semaphore, taken)| {
                let permit = semaphore.acquire().unwrap();
                taken.store(true, SeqCst);
                Random(0).pause(5_000);
                drop(permit);
            },
        );
    });
}

/// What one thread waits for and another does, once. Real code frees it as soon as the wait is over
/// (rayon's `LockLatch`).
struct Latch {
    done: Mutex<bool>,
    changed: Condvar,
}

impl Latch {
    fn new() -> Self {
        Latch {
            done: Mutex::new(false),
            changed: Condvar::new(),
        }
    }

    fn wait(&self) {
        let mut done = self.done.lock();
        self.changed.wait_while(&mut done, |done| !*done);
    }
}

// 15: glibc 13690 and musl c68de0be, an unlock looks at the mutex after it is free.
#[test]
fn latch_may_be_freed_by_its_waiter_when_it_is_done_with_the_mutex_held() {
    must_end(|| {
        close_when_taken(1, Latch::new, Latch::wait, |latch| {
            let mut done = latch.done.lock();
            *done = true;
            latch.changed.notify_one();
        });
    });
}

#[test]
fn latch_may_be_freed_by_its_waiter_when_notify_all_has_woken_it() {
    must_end(|| {
        close_when_taken(1, Latch::new, Latch::wait, |latch| {
            let mut done = latch.done.lock();
            *done = true;
            latch.changed.notify_all();
        });
    });
}

/// The notifier does not hold the lock, and the waiter asks nothing: it was woken, so it is free to
/// go.
macro_rules! freed_when_woken {
    ($($name:ident: $Lock:ident, $take:ident, $alone:ident, $notify:ident;)*) => {$(
        #[test]
        fn $name() {
            must_end(|| {
                close_when_taken(
                    1,
                    || ($Lock::new(AtomicUsize::new(0)), Condvar::new()),
                    |(waits, changed)| {
                        let mut guard = waits.$take();
                        guard.store(1, SeqCst);
                        changed.wait(&mut guard);
                    },
                    |(waits, changed)| {
                        // Only while the waiter waits can we see that it does.
                        until(|| waits.$alone().load(SeqCst) == 1);
                        let woken = changed.$notify();
                        assert_eq!(u8::try_from(woken), Ok(1));
                    },
                );
            });
        }
    )*};
}

freed_when_woken! {
    condvar_may_be_freed_by_who_was_woken_with_a_mutex_by_notify_all: Mutex, lock, lock, notify_all;
    condvar_may_be_freed_by_who_was_woken_with_a_mutex_by_notify_one: Mutex, lock, lock, notify_one;
    condvar_may_be_freed_by_a_reader_who_was_woken_by_notify_all: RwLock, read, write, notify_all;
    condvar_may_be_freed_by_a_reader_who_was_woken_by_notify_one: RwLock, read, write, notify_one;
    condvar_may_be_freed_by_a_writer_who_was_woken_by_notify_all: RwLock, write, write, notify_all;
}

/// Many are woken at once, and the last of them to leave frees what they waited with.
macro_rules! freed_by_the_last {
    ($($name:ident: $Lock:ident, $take:ident;)*) => {$(
        #[test]
        fn $name() {
            must_end(|| {
                const WAITERS: usize = 4;
                for _ in 0..50 {
                    let page = Page::new();
                    let (lock, changed) = put(&page, ($Lock::new(()), Condvar::new()));
                    let left = AtomicUsize::new(0);
                    thread::scope(|s| {
                        for _ in 0..WAITERS {
                            asleep(s, || {
                                let mut guard = lock.$take();
                                changed.wait(&mut guard);
                                drop(guard);
                                if left.fetch_add(1, SeqCst) == WAITERS - 1 {
                                    page.close();
                                }
                            });
                        }
                        // Without the lock, so that they run while we are still inside.
                        assert_eq!(changed.notify_all(), WAITERS);
                    });
                }
            });
        }
    )*};
}

freed_by_the_last! {
    condvar_may_be_freed_by_the_last_that_was_moved_to_the_mutex: Mutex, lock;
    condvar_may_be_freed_by_the_last_reader_that_was_woken: RwLock, read;
    condvar_may_be_freed_by_the_last_writer_that_was_woken: RwLock, write;
}

// 20: absl, and tokio 2340: a waiter that was moved to the mutex's queue leaves it, and its thread
// ends, before the mutex wakes it.
#[test]
fn waiter_moved_to_the_mutex_may_run_out_of_time_there_and_end() {
    must_end(|| {
        let mut random = Random(1);
        for _ in 0..100 {
            let page = Page::new();
            let (waiting, changed) = put(&page, (Mutex::new(0), Condvar::new()));
            let limits = [(); 4].map(|()| Duration::from_micros(random.below(400)));
            let late = Duration::from_micros(random.below(300));
            let (notified, woken) = thread::scope(|s| {
                let waiters = limits.map(|limit| {
                    s.spawn(move || {
                        let mut waiting = waiting.lock();
                        *waiting += 1;
                        !changed.wait_for(&mut waiting, limit).timed_out()
                    })
                });
                until(|| *waiting.lock() == 4);
                let held = waiting.lock();
                let notified = changed.notify_all();
                thread::sleep(late);
                drop(held);
                let woken = waiters.map(|waiter| waiter.join().unwrap());
                (notified, woken.into_iter().filter(|woken| *woken).count())
            });
            assert_eq!(woken, notified);
            assert_eq!(changed.notify_all(), 0);
            assert!(waiting.try_lock().is_some());
        }
    });
}
