//! Models of the semaphore: never more permits are out than there are; no waiter sleeps on that
//! could be served; a served waiter sees what was done before the permit was given back.

use crate::model::{Common, Gate, models};
use anteroom::{Permit, Semaphore, TryAcquireError};
use loom::cell::UnsafeCell;
use loom::thread::JoinHandle;
use std::time::Duration;

models! {
    one_permit_excludes: any,
    one_permit_excludes: any bare,
    one_permit_excludes: any weak,
    one_permit_among_three_excludes: 3,
    one_permit_among_three_excludes: 2 impatient,
    one_permit_among_three_excludes: 2 awake,
    what_was_done_before_adding_is_seen: 3,
    what_was_done_before_adding_is_seen: 2 impatient,
    what_was_done_before_adding_is_seen: 1 bare impatient,
    two_permits_let_two_in: 3,
    two_waiters_need_two_releases: 3,
    two_waiters_need_two_releases: 1 bare,
    a_batch_waits_for_all_its_permits: 3,
    a_batch_waits_for_all_its_permits: 3 impatient,
    a_batch_waits_for_all_its_permits: 1 bare,
    a_batch_waits_for_all_its_permits: 2 weak impatient,
    one_release_serves_two: 3,
    one_release_serves_two: 1 bare,
    one_release_serves_two: 2 weak,
    one_release_serves_three: 1,
    a_batch_and_a_small_wish_are_served: 3,
    a_batch_and_a_small_wish_are_served: 3 impatient,
    a_batch_and_a_small_wish_are_served: 2 awake,
    one_is_called_at_a_time: 1,
    a_small_wish_sleeps_behind_one_that_has_reserved: 2 impatient,
    a_timeout_at_the_head_lets_the_next_be_served: 3,
    a_timeout_in_its_turn_lets_the_next_be_served: 3,
    a_timeout_in_its_turn_lets_the_next_be_served: 2 awake,
    a_timeout_leaves_no_trace: any,
    a_timeout_of_one_that_has_reserved_leaves_no_trace: 3 impatient,
    a_timeout_of_one_that_has_reserved_leaves_no_trace: 2 weak impatient,
    closing_refuses_waiters: 3,
    closing_refuses_the_next_in_turn: 3,
    closing_refuses_the_next_in_turn: 3 impatient,
    closing_refuses_the_next_in_turn: 1 bare impatient,
    closing_refuses_the_next_in_turn: 2 awake impatient,
    closing_and_a_timeout_agree: 3,
    forgetting_keeps_closed_and_waiters: 3,
    forgetting_keeps_the_front_waiter_asleep: any,
    adding_keeps_closed: 3,
    adding_keeps_closed: 3 weak,
    forgetting_beside_a_batch_counts_right: 3,
    forgetting_beside_a_batch_counts_right: 2 weak,
    served_waiter_may_free_it: any,
    served_waiter_may_free_it_after_waiting: 3,
    served_waiter_may_free_it_after_waiting: 3 impatient,
    taker_after_a_timeout_may_free_it: 4,
    one_permit_among_three_excludes: 1 stalled,
    a_batch_and_a_small_wish_are_served: 1 stalled,
    one_release_serves_two: 1 stalled,
    closing_refuses_the_next_in_turn: 1 stalled impatient,
    a_timeout_in_its_turn_lets_the_next_be_served: 1 stalled,
    served_waiter_may_free_it_after_waiting: 2 stalled impatient,
    a_called_thread_that_is_stopped_keeps_no_other_out: 1 stalled,
    a_called_thread_that_is_stopped_keeps_no_other_out: 1 stalled impatient,
    a_stopped_batch_keeps_no_other_out: 1 stalled,
    a_stopped_batch_keeps_no_other_out: 1 stalled impatient,
    two_called_threads_that_are_stopped_keep_no_other_out: 0 stalled looking,
    a_stopped_thread_beside_another_in_turn_keeps_it_not_out: 1 stalled impatient,
    waiter_is_not_left_to_a_stopped_thread: 1 lasting,
    waiter_is_not_left_to_a_stopped_front_waiter: 1 lasting impatient,
    permit_reserved_by_a_stopped_thread_is_taken: 1 stalled impatient,
    waiter_is_called_beside_a_late_front_waiter: 0 stalled impatient,
    three_in_the_front_queue_hear_of_the_closing: 0 stalled impatient,
    thread_that_stays_in_the_front_queue_is_woken_later: 0 stalled impatient,
}

const A_WHILE: Duration = Duration::from_millis(1);

fn rest(semaphore: Common<Semaphore>, permits: usize) {
    let mut semaphore = semaphore.into_inner();
    semaphore.assert_at_rest();
    assert_eq!(semaphore.available_permits(), permits);
}

/// Data that a semaphore with one permit protects.
struct Protected {
    semaphore: Semaphore,
    data: UnsafeCell<usize>,
}

fn exclude(others: usize) {
    fn add_one(protected: &Protected) {
        let _permit = protected.semaphore.acquire().unwrap();
        // SAFETY: there is one permit. If that does not exclude, loom reports it.
        protected.data.with_mut(|data| unsafe { *data += 1 });
    }
    let protected = Common::new(Protected {
        semaphore: Semaphore::new(1),
        data: UnsafeCell::new(0),
    });
    let others: Vec<_> = (0..others).map(|_| protected.spawn(add_one)).collect();
    add_one(&protected);
    let all = 1 + others.len();
    others.into_iter().for_each(|other| other.join().unwrap());
    let mut protected = protected.into_inner();
    protected.semaphore.assert_at_rest();
    assert_eq!(protected.data.into_inner(), all);
}

fn one_permit_excludes() {
    exclude(1);
}

fn one_permit_among_three_excludes() {
    exclude(2);
}

/// A taker sees it, too, if the permits were meant for a waiter whose time was up.
fn what_was_done_before_adding_is_seen() {
    fn read(protected: &Protected, taken: bool) {
        if taken {
            // SAFETY: the permit was added after the data was written. If that does not order, loom
            // reports it.
            protected.data.with(|data| assert_eq!(unsafe { *data }, 1));
        }
    }
    let protected = Common::new(Protected {
        semaphore: Semaphore::new(0),
        data: UnsafeCell::new(0),
    });
    let giver = protected.spawn(|protected| {
        // SAFETY: no thread looks before there are permits.
        protected.data.with_mut(|data| unsafe { *data = 1 });
        protected.semaphore.add_permits(2);
    });
    let timed = protected.spawn(|protected| {
        let permit = protected.semaphore.try_acquire_for(A_WHILE);
        read(protected, permit.is_ok());
    });
    let permit = protected.semaphore.acquire();
    read(&protected, permit.is_ok());
    giver.join().unwrap();
    timed.join().unwrap();
}

fn take_one(semaphore: &Semaphore) {
    drop(semaphore.acquire().unwrap());
}

fn two_permits_let_two_in() {
    let semaphore = Common::new(Semaphore::new(2));
    let first = semaphore.spawn(take_one);
    let second = semaphore.spawn(take_one);
    take_one(&semaphore);
    first.join().unwrap();
    second.join().unwrap();
    rest(semaphore, 2);
}

/// libc++ 46357: the second release finds the count above zero and wakes no waiter.
fn two_waiters_need_two_releases() {
    let semaphore = Common::new(Semaphore::new(0));
    let first = semaphore.spawn(|semaphore| semaphore.acquire().unwrap().forget());
    let second = semaphore.spawn(|semaphore| semaphore.acquire().unwrap().forget());
    semaphore.add_permits(1);
    semaphore.add_permits(1);
    first.join().unwrap();
    second.join().unwrap();
    rest(semaphore, 0);
}

fn a_batch_waits_for_all_its_permits() {
    let semaphore = Common::new(Semaphore::new(0));
    let batch = semaphore.spawn(|semaphore| semaphore.acquire_many(2).unwrap().forget());
    let giver = semaphore.spawn(|semaphore| semaphore.add_permits(1));
    semaphore.add_permits(1);
    batch.join().unwrap();
    giver.join().unwrap();
    rest(semaphore, 0);
}

fn one_release_serves(waiters: usize) {
    let semaphore = Common::new(Semaphore::new(0));
    let take_for_good = |semaphore: &Semaphore| semaphore.acquire().unwrap().forget();
    let waiting: Vec<_> = (0..waiters)
        .map(|_| semaphore.spawn(take_for_good))
        .collect();
    semaphore.add_permits(waiters + 1);
    waiting
        .into_iter()
        .for_each(|waiter| waiter.join().unwrap());
    rest(semaphore, 1);
}

fn one_release_serves_two() {
    one_release_serves(2);
}

/// More than one batch holds.
fn one_release_serves_three() {
    one_release_serves(3);
}

/// Whichever is first: what is left for the other is enough for it only when the first has gone.
fn a_batch_and_a_small_wish_are_served() {
    let semaphore = Common::new(Semaphore::new(1));
    let batch = semaphore.spawn(|semaphore| drop(semaphore.acquire_many(2).unwrap()));
    let small = semaphore.spawn(take_one);
    semaphore.add_permits(1);
    batch.join().unwrap();
    small.join().unwrap();
    rest(semaphore, 2);
}

/// Of two in the front queue, the last release would wake only one, and no thread would know of the
/// other.
fn one_is_called_at_a_time() {
    let take_three = |semaphore: &Semaphore| drop(semaphore.acquire_many(3).unwrap());
    let semaphore = Common::new(Semaphore::new(0));
    let other = semaphore.spawn(take_three);
    let late = semaphore.spawn(|semaphore| semaphore.add_permits(1));
    let giver = semaphore.spawn(move |semaphore| {
        semaphore.add_permits(1);
        late.join().unwrap();
        semaphore.add_permits(1);
    });
    take_three(&semaphore);
    other.join().unwrap();
    giver.join().unwrap();
    rest(semaphore, 3);
}

/// It could have a permit, but for the batch. (If it kept trying, that execution would never end.)
fn a_small_wish_sleeps_behind_one_that_has_reserved() {
    let semaphore = Common::new(Semaphore::new(0));
    let batch = semaphore.spawn(|semaphore| drop(semaphore.acquire_many(2).unwrap()));
    let small = semaphore.spawn(take_one);
    semaphore.add_permits(1);
    semaphore.add_permits(1);
    batch.join().unwrap();
    small.join().unwrap();
    rest(semaphore, 2);
}

/// tokio 904, embassy 6964: no waiter is told that the head has left.
fn a_timeout_at_the_head_lets_the_next_be_served() {
    let semaphore = Common::new(Semaphore::new(1));
    let batch = semaphore.spawn(|semaphore| semaphore.try_acquire_many_for(2, A_WHILE).is_ok());
    let small = semaphore.spawn(take_one);
    small.join().unwrap();
    assert!(!batch.join().unwrap());
    rest(semaphore, 1);
}

/// As above, by one that had been called, with too few permits for it.
fn a_timeout_in_its_turn_lets_the_next_be_served() {
    let semaphore = Common::new(Semaphore::new(0));
    let batch = semaphore.spawn(|semaphore| semaphore.try_acquire_many_for(2, A_WHILE).is_ok());
    let small = semaphore.spawn(take_one);
    semaphore.add_permits(1);
    small.join().unwrap();
    assert!(!batch.join().unwrap());
    rest(semaphore, 1);
}

fn a_timeout_leaves_no_trace() {
    let semaphore = Common::new(Semaphore::new(0));
    let timed = semaphore.spawn(|semaphore| match semaphore.try_acquire_for(A_WHILE) {
        Ok(permit) => {
            permit.forget();
            1
        }
        Err(error) => {
            assert_eq!(error, TryAcquireError::TimedOut);
            0
        }
    });
    semaphore.add_permits(1);
    let taken = timed.join().unwrap();
    rest(semaphore, 1 - taken);
}

/// It is called, woken from the front queue for permits that are gone when it looks, reserves, and
/// has no more time.
fn a_timeout_of_one_that_has_reserved_leaves_no_trace() {
    let semaphore = Common::new(Semaphore::new(0));
    let timed = semaphore.spawn(|semaphore| {
        let permit = semaphore.try_acquire_many_for(2, A_WHILE);
        permit.map_or(0, |permit| {
            permit.forget();
            2
        })
    });
    semaphore.add_permits(1);
    semaphore.add_permits(1);
    let forgotten = semaphore.forget_permits(1);
    let taken = timed.join().unwrap();
    rest(semaphore, 2 - forgotten - taken);
}

fn closing_refuses_waiters() {
    let semaphore = Common::new(Semaphore::new(0));
    let first = semaphore.spawn(|semaphore| semaphore.acquire().is_err());
    let second = semaphore.spawn(|semaphore| semaphore.acquire_many(2).is_err());
    semaphore.close();
    assert!(first.join().unwrap());
    assert!(second.join().unwrap());
    assert!(semaphore.is_closed());
    rest(semaphore, 0);
}

/// It was called by the permit that is added, and needs one more.
fn closing_refuses_the_next_in_turn() {
    let semaphore = Common::new(Semaphore::new(0));
    let batch = semaphore.spawn(|semaphore| semaphore.acquire_many(2).is_err());
    let behind = semaphore.spawn(|semaphore| semaphore.acquire_many(2).is_err());
    semaphore.add_permits(1);
    semaphore.close();
    assert!(batch.join().unwrap());
    assert!(behind.join().unwrap());
    rest(semaphore, 1);
}

fn closing_and_a_timeout_agree() {
    let semaphore = Common::new(Semaphore::new(0));
    let timed = semaphore.spawn(|semaphore| semaphore.try_acquire_for(A_WHILE).is_err());
    let untimed = semaphore.spawn(|semaphore| semaphore.acquire().is_err());
    semaphore.close();
    assert!(timed.join().unwrap());
    assert!(untimed.join().unwrap());
    rest(semaphore, 0);
}

/// tokio 8021: a write of the count loses the closed flag; here, the waiters' flag neither.
fn forgetting_keeps_closed_and_waiters() {
    let semaphore = Common::new(Semaphore::new(1));
    let waiter = semaphore.spawn(|semaphore| semaphore.acquire_many(2).is_err());
    let closer = semaphore.spawn(|semaphore| semaphore.close());
    assert_eq!(semaphore.forget_permits(2), 1);
    closer.join().unwrap();
    assert!(waiter.join().unwrap());
    assert!(semaphore.is_closed());
    rest(semaphore, 0);
}

/// As above, of a front waiter that lacks a second permit.
fn forgetting_keeps_the_front_waiter_asleep() {
    let semaphore = Common::new(Semaphore::new(0));
    let batch = semaphore.spawn(|semaphore| semaphore.acquire_many(2).unwrap().forget());
    semaphore.add_permits(1);
    assert_eq!(semaphore.forget_permits(1), 1);
    semaphore.add_permits(2);
    batch.join().unwrap();
    rest(semaphore, 0);
}

/// What is given to the batch and what is forgotten are never the same permit.
fn forgetting_beside_a_batch_counts_right() {
    let semaphore = Common::new(Semaphore::new(1));
    let batch = semaphore.spawn(|semaphore| semaphore.acquire_many(2).unwrap().forget());
    let giver = semaphore.spawn(|semaphore| semaphore.add_permits(1));
    let forgotten = semaphore.forget_permits(1);
    giver.join().unwrap();
    semaphore.add_permits(forgotten);
    batch.join().unwrap();
    rest(semaphore, 0);
}

fn adding_keeps_closed() {
    let semaphore = Common::new(Semaphore::new(0));
    let waiter = semaphore.spawn(|semaphore| semaphore.acquire().map(Permit::forget).is_ok());
    let closer = semaphore.spawn(|semaphore| semaphore.close());
    semaphore.add_permits(1);
    closer.join().unwrap();
    let taken = waiter.join().unwrap();
    assert!(semaphore.is_closed());
    rest(semaphore, 1 - taken as usize);
}

fn free(semaphore: &Semaphore) {
    let semaphore = (&raw const *semaphore).cast_mut();
    // SAFETY: the giver of the permit must not touch it any more; if it does, loom reports that.
    let semaphore = unsafe { &mut *semaphore };
    semaphore.assert_at_rest();
}

/// glibc 12674: `sem_post` looks at the semaphore after the waiter was let go.
fn served_waiter_may_free_it() {
    let semaphore = Common::new(Semaphore::new(0));
    let giver = semaphore.spawn(|semaphore| semaphore.add_permits(1));
    semaphore.acquire().unwrap().forget();
    free(&semaphore);
    giver.join().unwrap();
}

fn served_waiter_may_free_it_after_waiting() {
    let semaphore = Common::new(Semaphore::new(0));
    let first = semaphore.spawn(|semaphore| semaphore.add_permits(1));
    let second = semaphore.spawn(|semaphore| semaphore.add_permits(1));
    semaphore.acquire_many(2).unwrap().forget();
    free(&semaphore);
    first.join().unwrap();
    second.join().unwrap();
}

/// The giver goes to serve a queue in which no waiter is left, and must not look at the semaphore
/// for that.
fn taker_after_a_timeout_may_free_it() {
    let semaphore = Common::new(Semaphore::new(1));
    let permit = semaphore.acquire().unwrap();
    let other = semaphore.spawn(|semaphore| {
        match semaphore.try_acquire_for(A_WHILE) {
            Ok(permit) => permit.forget(),
            Err(_) => semaphore.acquire().unwrap().forget(),
        }
        free(semaphore);
    });
    drop(permit);
    other.join().unwrap();
}

/// The first waiter wants so many permits, and is stopped when it has been woken. Another one wants
/// one, which is added. It must not need the first.
fn does_not_need_the_first(wanted: u32) {
    let gate = Gate::default();
    let semaphore = Common::new(Semaphore::new(0));
    let closed = gate.lock().unwrap();
    let take = move |semaphore: &Semaphore| drop(semaphore.acquire_many(wanted).unwrap());
    let stopped = semaphore.spawn_stoppable(&gate, take);
    loom::thread::yield_now();
    let other = semaphore.spawn(take_one);
    loom::thread::yield_now();
    semaphore.add_permits(1);
    other.join().unwrap();
    drop(closed);
    semaphore.add_permits(1);
    stopped.join().unwrap();
    rest(semaphore, 2);
}

fn a_called_thread_that_is_stopped_keeps_no_other_out() {
    does_not_need_the_first(1);
}

/// It is stopped when it is called, or, if it runs before that, while it sleeps in the front queue.
fn a_stopped_batch_keeps_no_other_out() {
    does_not_need_the_first(2);
}

/// The first of three that wait is stopped when it is called, and the last, when it is called to
/// watch.
fn two_called_threads_that_are_stopped_keep_no_other_out() {
    let gate = Gate::default();
    let semaphore = Common::new(Semaphore::new(0));
    let closed = gate.lock().unwrap();
    let first = semaphore.spawn_stoppable(&gate, take_one);
    loom::thread::yield_now();
    let other = semaphore.spawn(take_one);
    loom::thread::yield_now();
    let last = semaphore.spawn_stoppable(&gate, take_one);
    loom::thread::yield_now();
    semaphore.add_permits(1);
    other.join().unwrap();
    drop(closed);
    first.join().unwrap();
    last.join().unwrap();
    rest(semaphore, 1);
}

/// Both may come to the front queue, since the first one's turn may be over when it parks there.
/// The one that is woken first is stopped.
fn a_stopped_thread_beside_another_in_turn_keeps_it_not_out() {
    let gate = Gate::default();
    let semaphore = Common::new(Semaphore::new(0));
    let take_two = |semaphore: &Semaphore| drop(semaphore.acquire_many(2).unwrap());
    let other = semaphore.spawn(take_two);
    loom::thread::yield_now();
    let stopped = semaphore.spawn_stoppable(&gate, take_two);
    loom::thread::yield_now();
    semaphore.add_permits(1);
    loom::thread::yield_now();
    let closed = gate.lock().unwrap();
    semaphore.add_permits(1);
    other.join().unwrap();
    drop(closed);
    stopped.join().unwrap();
    rest(semaphore, 2);
}

/// Starts a thread that takes so many permits for good. It is stopped when it is woken while `gate`
/// is closed.
fn stoppable(semaphore: &Common<Semaphore>, gate: &Gate, wanted: u32) -> JoinHandle<()> {
    let take = move |semaphore: &Semaphore| semaphore.acquire_many(wanted).unwrap().forget();
    semaphore.spawn_stoppable(gate, take)
}

/// The first is called, and stopped. Then there is no permit, so that another one waits; and then
/// there is one.
fn waiter_is_not_left_to_a_stopped_thread() {
    let gate = Gate::default();
    let semaphore = Common::new(Semaphore::new(0));
    let closed = gate.lock().unwrap();
    let stopped = stoppable(&semaphore, &gate, 1);
    loom::thread::yield_now();
    semaphore.add_permits(1);
    semaphore.forget_permits(1);
    let waiter = semaphore.spawn(take_one);
    loom::thread::yield_now();
    semaphore.add_permits(1);
    waiter.join().unwrap();
    drop(closed);
    semaphore.add_permits(1);
    stopped.join().unwrap();
    semaphore.into_inner().assert_at_rest();
}

/// The first sleeps in the front queue, and another one waits behind it, since there is no permit.
/// Then the first is woken, and stopped.
fn waiter_is_not_left_to_a_stopped_front_waiter() {
    let gate = Gate::default();
    let semaphore = Common::new(Semaphore::new(0));
    let stopped = stoppable(&semaphore, &gate, 2);
    loom::thread::yield_now();
    semaphore.add_permits(1);
    loom::thread::yield_now();
    semaphore.forget_permits(1);
    let waiter = semaphore.spawn(take_one);
    loom::thread::yield_now();
    let closed = gate.lock().unwrap();
    semaphore.add_permits(2);
    // (The first may have come before that, and taken both.)
    semaphore.add_permits(1);
    waiter.join().unwrap();
    drop(closed);
    stopped.join().unwrap();
    rest(semaphore, 1);
}

fn permit_reserved_by_a_stopped_thread_is_taken() {
    let gate = Gate::default();
    let semaphore = Common::new(Semaphore::new(0));
    let stopped = stoppable(&semaphore, &gate, 2);
    loom::thread::yield_now();
    semaphore.add_permits(1);
    loom::thread::yield_now();
    let closed = gate.lock().unwrap();
    semaphore.add_permits(1);
    let tried = semaphore.try_acquire();
    assert!(tried.is_ok() || semaphore.available_permits() == 0);
    drop((tried, closed));
    stopped.join().unwrap();
    rest(semaphore, 0);
}

/// Starts threads that take so many permits for good, and calls one after the other to the front
/// queue: no turn lasts until the thread has come. (It comes when the gate opens.)
fn call_all(semaphore: &Common<Semaphore>, wanted: &[u32]) -> Vec<JoinHandle<bool>> {
    let gate = Gate::default();
    let closed = gate.lock().unwrap();
    let start = |&wanted: &u32| {
        let take =
            move |semaphore: &Semaphore| semaphore.acquire_many(wanted).map(Permit::forget).is_ok();
        let thread = semaphore.spawn_stoppable(&gate, take);
        loom::thread::yield_now();
        thread
    };
    let threads = wanted.iter().map(start).collect();
    wanted.iter().for_each(|_| semaphore.add_permits(1));
    drop(closed);
    loom::thread::yield_now();
    threads
}

/// More than one batch holds.
fn three_in_the_front_queue_hear_of_the_closing() {
    let semaphore = Common::new(Semaphore::new(0));
    let threads = call_all(&semaphore, &[4; 3]);
    semaphore.close();
    assert!(!threads.into_iter().any(|thread| thread.join().unwrap()));
    rest(semaphore, 3);
}

fn thread_that_stays_in_the_front_queue_is_woken_later() {
    let semaphore = Common::new(Semaphore::new(0));
    let threads = call_all(&semaphore, &[5, 3]);
    semaphore.add_permits(1);
    loom::thread::yield_now();
    semaphore.add_permits(5);
    assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
    rest(semaphore, 0);
}

/// The turn of the first is over when it comes to the front queue. What is too little for it is
/// enough for another one in the queue.
fn waiter_is_called_beside_a_late_front_waiter() {
    fn take(semaphore: &Semaphore) {
        semaphore.acquire().unwrap().forget();
    }
    let gate = Gate::default();
    let semaphore = Common::new(Semaphore::new(0));
    let closed = gate.lock().unwrap();
    let late = stoppable(&semaphore, &gate, 2);
    loom::thread::yield_now();
    let next = semaphore.spawn(take);
    loom::thread::yield_now();
    semaphore.add_permits(1);
    semaphore.add_permits(0);
    next.join().unwrap();
    drop(closed);
    loom::thread::yield_now();
    let waiter = semaphore.spawn(take);
    loom::thread::yield_now();
    semaphore.add_permits(1);
    waiter.join().unwrap();
    semaphore.add_permits(2);
    late.join().unwrap();
    rest(semaphore, 0);
}
