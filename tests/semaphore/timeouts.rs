//! [`Semaphore`]: zero, the past, and more time than there is.

use super::*;

#[test]
fn timed_forms_give_up_when_their_time_is_up_and_take_nothing() {
    must_end(|| {
        let s = Arc::new(Semaphore::new(1));
        let all = s.acquire().unwrap();
        let gave_up = [
            s.try_acquire_for(A_MOMENT).map(drop),
            s.try_acquire_until(soon()).map(drop),
            s.try_acquire_many_for(2, A_MOMENT).map(drop),
            s.try_acquire_many_until(2, soon()).map(drop),
            s.clone().try_acquire_owned_for(A_MOMENT).map(drop),
            s.clone().try_acquire_owned_until(soon()).map(drop),
            s.clone().try_acquire_many_owned_for(2, A_MOMENT).map(drop),
            s.clone().try_acquire_many_owned_until(2, soon()).map(drop),
        ];
        assert_eq!(gave_up, [Err(TimedOut); 8]);
        drop(all);
        assert_eq!(s.available_permits(), 1);
        assert_eq!(Arc::strong_count(&s), 1);
        assert!(s.try_acquire().is_ok(), "those that gave up still wait");
    });
}

#[test]
fn zero_and_the_past_are_a_try() {
    let semaphore = Semaphore::new(1);
    let past = Instant::now() - Duration::from_millis(1);
    assert!(semaphore.try_acquire_for(Duration::ZERO).is_ok());
    assert!(semaphore.try_acquire_until(past).is_ok());
    let _taken = semaphore.acquire().unwrap();
    let none = semaphore.try_acquire_for(Duration::ZERO);
    assert_eq!(none.map(drop), Err(TimedOut));
    let none = semaphore.try_acquire_until(past);
    assert_eq!(none.map(drop), Err(TimedOut));
}

#[test]
fn timeout_too_long_for_an_instant_is_no_limit() {
    must_end(|| {
        let semaphore = Semaphore::new(0);
        thread::scope(|s| {
            let waiter = asleep(s, || semaphore.try_acquire_for(Duration::MAX).is_ok());
            semaphore.add_permits(1);
            assert!(waiter.join().unwrap());
        });
    });
}
