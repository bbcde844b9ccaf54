//! [`Condvar`]: zero, the past, the last moment, and more time than there is.

use super::*;

#[test]
fn timed_wait_while_that_gets_what_it_wants_at_the_last_moment_has_not_timed_out() {
    must_end(|| {
        let mut time = Duration::from_millis(20);
        let mut in_time = false;
        while !in_time {
            let lock = Mutex::new(false);
            let changed = Condvar::new();
            let mut guard = lock.lock();
            let mut asked = 0;
            // The data changes while the waiter sleeps, but no thread notifies it.
            thread::scope(|s| {
                s.spawn(|| *lock.lock() = true);
                let condition = |ready: &mut bool| {
                    asked += 1;
                    !*ready
                };
                let rest = changed.wait_while_for(&mut guard, condition, time);
                in_time = *guard;
                drop(guard);
                assert_eq!(rest.timed_out(), !in_time);
            });
            assert_eq!(asked, 2);
            time *= 2;
        }
    });
}

#[test]
fn zero_and_the_past_time_out_at_once() {
    must_end(|| {
        let lock = Mutex::new(());
        let changed = Condvar::new();
        let mut guard = lock.lock();
        let past = Instant::now() - Duration::from_millis(1);
        assert!(changed.wait_for(&mut guard, Duration::ZERO).timed_out());
        assert!(changed.wait_until(&mut guard, past).timed_out());
        let asked = AtomicUsize::new(0);
        let always = |_: &mut ()| asked.fetch_add(1, SeqCst) < 100;
        let rest = changed.wait_while_for(&mut guard, always, Duration::ZERO);
        assert!(rest.timed_out());
        assert!(
            changed
                .wait_while_until(&mut guard, always, past)
                .timed_out()
        );
        assert_eq!(asked.load(SeqCst), 4, "each asks once more after its time");
        assert!(lock.try_lock().is_none());
        drop(guard);
        assert_eq!(changed.notify_all(), 0);
    });
}

#[test]
fn timeout_too_long_for_an_instant_is_no_limit() {
    must_end(|| {
        let lock = Mutex::new(0);
        let changed = Condvar::new();
        thread::scope(|s| {
            let waiter = asleep(s, || {
                let mut guard = lock.lock();
                let rest = changed.wait_for(&mut guard, Duration::MAX);
                assert!(!rest.timed_out());
                *guard = 1;
                let rest = changed.wait_while_for(&mut guard, |n| *n < 2, Duration::MAX);
                assert!(!rest.timed_out());
            });
            assert!(changed.notify_one());
            until(|| *lock.lock() == 1);
            *lock.lock() = 2;
            assert!(changed.notify_one());
            waiter.join().unwrap();
        });
    });
}
