//! Waiters of a semaphore that are stopped.

use super::*;

#[test]
fn semaphore_waiters_do_not_need_any_number_of_stopped_ones() {
    for is_stopped in MANY_STOPPED {
        static SEMAPHORE: Semaphore = Semaphore::new(0);
        check_that_many_may_be_stopped(
            is_stopped,
            || drop(SEMAPHORE.acquire()),
            || SEMAPHORE.add_permits(1),
        );
        // Those that were stopped have gone on by now.
        assert_eq!(SEMAPHORE.forget_permits(2), 1);
    }
}

/// The one in its turn sleeps in another queue than the others.
#[test]
fn first_semaphore_waiter_needs_no_stopped_ones_around_it() {
    on_stage(|stage| {
        let semaphore: &Semaphore = leaked(Semaphore::new(3));
        let [one, other] = [(); 2].map(|()| semaphore.acquire().unwrap());
        let in_turn = stage.start(|| drop(semaphore.acquire_many(3).unwrap()));
        drop(one);
        until(|| in_turn.sleeps_for_good() && semaphore.try_acquire().is_err());
        let first = stage.waits(|| drop(semaphore.acquire().unwrap()));
        let last = stage.start(|| drop(semaphore.acquire().unwrap()));
        in_turn.stop();
        last.stop();
        drop(other);
        first.join().unwrap();
    });
}

#[test]
fn semaphore_waiters_do_not_need_a_stopped_one() {
    on_stage(|stage| {
        let semaphore = leaked(Semaphore::new(0));
        stage.stopped(|| drop(semaphore.acquire()));
        let others = [(); 3].map(|()| stage.waits(|| drop(semaphore.acquire())));
        semaphore.add_permits(1);
        others.into_iter().for_each(|other| other.join().unwrap());
    });
}

#[test]
fn a_semaphore_waiter_that_comes_later_does_not_need_a_stopped_one() {
    on_stage(|stage| {
        let semaphore = leaked(Semaphore::new(0));
        stage.stopped(|| drop(semaphore.acquire()));
        semaphore.add_permits(1);
        let permit = semaphore.acquire().unwrap();
        let others = [(); 3].map(|()| asleep(stage.scope, || drop(semaphore.acquire())));
        drop(permit);
        others.into_iter().for_each(|other| other.join().unwrap());
    });
}

/// A semaphore with one permit, and two threads on its chair that want so many. (The first was
/// stopped when it was called, so that its turn was ended, and the second was called; then it went
/// on.) `then` gets the second, and how many have been served.
fn with_two_in_turn(wanted: [u32; 2], then: fn(&'static Semaphore, Waiter, &'static AtomicUsize)) {
    on_stage(move |stage| {
        let semaphore = leaked(Semaphore::new(0));
        let served = leaked(AtomicUsize::new(0));
        let start = |permits| {
            stage.start(move || {
                semaphore.acquire_many(permits).unwrap().forget();
                served.fetch_add(1, SeqCst);
            })
        };
        let [first, second] = wanted.map(start);
        first.stop();
        semaphore.add_permits(1);
        // Some time the second is called, sits down, and has reserved.
        until(|| {
            let is_reserved = semaphore.try_acquire().is_err();
            if !is_reserved && semaphore.forget_permits(1) == 1 {
                semaphore.add_permits(1);
            }
            is_reserved && second.sleeps_for_good()
        });
        MAY_GO.store(true, SeqCst);
        until(|| STOPPED.load(SeqCst) == 0 && first.sleeps_for_good());
        MAY_GO.store(false, SeqCst);
        assert_eq!(served.load(SeqCst), 0);
        then(semaphore, second, served);
        until(|| served.load(SeqCst) == 2);
        assert_eq!(semaphore.available_permits(), 0);
    });
}

#[test]
fn permits_do_not_wait_for_a_stopped_thread_beside_another_in_turn() {
    with_two_in_turn([2, 2], |semaphore, second, served| {
        second.stop();
        semaphore.add_permits(1);
        until(|| served.load(SeqCst) == 1);
        semaphore.add_permits(2);
        let newcomer = semaphore.try_acquire_for(Duration::from_secs(50));
        newcomer.expect("it is stopped, and has reserved").forget();
        semaphore.add_permits(1);
        MAY_GO.store(true, SeqCst);
    });
}

#[test]
fn permits_too_few_for_one_thread_in_turn_go_to_another_and_it_stays_in_turn() {
    with_two_in_turn([2, 3], |semaphore, _, served| {
        semaphore.add_permits(1);
        until(|| served.load(SeqCst) == 1);
        semaphore.add_permits(2);
        let newcomer = semaphore.try_acquire();
        assert_eq!(newcomer.map(drop), Err(TryAcquireError::NoPermits));
        semaphore.add_permits(1);
    });
}

#[test]
fn a_timed_waiter_takes_the_permit_that_a_stopped_one_was_called_for() {
    on_stage(|stage| {
        let semaphore = leaked(Semaphore::new(0));
        stage.stopped(|| drop(semaphore.acquire()));
        let timed = stage
            .scope
            .spawn(|| semaphore.try_acquire_for(Duration::from_secs(50)).is_ok());
        semaphore.add_permits(1);
        assert!(timed.join().unwrap());
    });
}
