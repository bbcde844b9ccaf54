//! `RwLock`: the past, and more time than there is.

use super::*;

#[test]
fn a_timed_form_gives_up_no_sooner_than_its_time_and_leaves_no_trace() {
    const TIME: Duration = Duration::from_millis(5);
    must_end(|| {
        let lock = Arc::new(RwLock::new(0));
        let give_up = |forms: &Forms| {
            for timed in forms.timed {
                let start = Instant::now();
                assert!(!timed(&lock, TIME));
                assert!(start.elapsed() >= TIME);
            }
        };
        let writer = lock.write();
        MODES.into_iter().for_each(give_up);
        check_written(&lock);
        drop(writer);
        check_free(&lock);

        let upgradable = lock.upgradable_read();
        [UPGRADABLE, WRITE].iter().for_each(give_up);
        check_upgradable(&lock);
        drop(upgradable);
        check_free(&lock);

        let reader = lock.read();
        give_up(&WRITE);
        check_read(&lock);
        drop(reader);
        check_free(&lock);
    });
}

/// Adversary 23 (raw_sync 39): the nanoseconds of a timeout, or of the point in time that it makes,
/// pass 10⁹; or there is no such point in time.
#[test]
fn a_huge_timeout_waits_until_the_lock_is_free() {
    const HUGE: [Duration; 4] = [
        Duration::MAX,
        Duration::from_secs(u64::MAX / 4),
        Duration::from_nanos(u64::MAX),
        Duration::new(3_600, 999_999_999),
    ];
    type Guard<'a> = RwLockUpgradableReadGuard<'a, u32>;
    const KEPT_OUT_BY_A_READER: [fn(&Lock, Duration) -> bool; 3] = [
        |lock, time| lock.try_write_for(time).is_some(),
        |lock, time| Guard::try_upgrade_for(lock.upgradable_read(), time).is_ok(),
        |lock, time| {
            let done = Guard::try_with_upgraded_for(&mut lock.upgradable_read(), time, |_| ());
            done.is_some()
        },
    ];
    const KEPT_OUT_BY_A_WRITER: [fn(&Lock, Duration) -> bool; 4] = [
        |lock, time| lock.try_read_for(time).is_some(),
        |lock, time| lock.try_read_recursive_for(time).is_some(),
        |lock, time| lock.try_upgradable_read_for(time).is_some(),
        |lock, time| lock.try_write_for(time).is_some(),
    ];
    must_end(|| {
        let lock = &Arc::new(RwLock::new(0));
        for time in HUGE {
            for wait in KEPT_OUT_BY_A_READER {
                let reader = lock.read();
                thread::scope(|s| {
                    asleep(s, move || assert!(wait(lock, time)));
                    drop(reader);
                });
            }
            for wait in KEPT_OUT_BY_A_WRITER {
                let writer = lock.write();
                thread::scope(|s| {
                    asleep(s, move || assert!(wait(lock, time)));
                    drop(writer);
                });
            }
        }
        check_free(lock);
    });
}
