//! [`Permit`]: what can be done with permits of a [`Semaphore`] once they are acquired, borrowed or
//! owned; and any sequence of all that, beside a count that is easy to follow.

use anteroom::{OwnedSemaphorePermit, Permit, Semaphore, TryAcquireError};
use common::{asleep, must_end};
use proptest::collection::vec;
use proptest::prelude::*;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

#[test]
fn owned_permit_keeps_the_semaphore_and_may_be_dropped_by_another_thread() {
    must_end(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.clone().acquire_owned().unwrap();
        let other = Arc::downgrade(permit.semaphore());
        drop(semaphore);
        assert_eq!(other.upgrade().unwrap().available_permits(), 0);
        thread::spawn(move || drop(permit)).join().unwrap();
        assert!(other.upgrade().is_none());
    });
}

#[test]
fn borrowed_permit_may_be_given_back_by_another_thread() {
    must_end(|| {
        let semaphore = Semaphore::new(1);
        thread::scope(|s| {
            let permit = semaphore.acquire().unwrap();
            let waiter = asleep(s, || semaphore.acquire().is_ok());
            s.spawn(move || drop(permit));
            assert!(waiter.join().unwrap());
        });
    });
}

#[test]
fn permit_knows_its_semaphore() {
    let semaphore = Arc::new(Semaphore::new(2));
    let borrowed = semaphore.acquire().unwrap();
    let owned = semaphore.clone().acquire_owned().unwrap();
    assert!(std::ptr::eq(*borrowed.semaphore(), &*semaphore));
    assert!(Arc::ptr_eq(owned.semaphore(), &semaphore));
}

#[test]
fn forgotten_permits_never_come_back() {
    let semaphore = Semaphore::new(5);
    semaphore.acquire_many(2).unwrap().forget();
    assert_eq!(semaphore.available_permits(), 3);
    drop(semaphore.acquire_many(3).unwrap());
    assert_eq!(semaphore.available_permits(), 3);
}

#[test]
fn split_parts_with_as_many_as_it_has() {
    let semaphore = Arc::new(Semaphore::new(5));
    let mut rest = semaphore.clone().acquire_many_owned(5).unwrap();
    let two = rest.split(2).unwrap();
    assert_eq!((rest.num_permits(), two.num_permits()), (3, 2));
    assert!(rest.split(4).is_none());
    assert!(rest.split(usize::MAX).is_none());
    assert_eq!(rest.num_permits(), 3, "a refused split took some");
    let all = rest.split(3).unwrap();
    let none = rest.split(0).unwrap();
    drop((rest, none));
    assert_eq!(semaphore.available_permits(), 0);
    drop(two);
    assert_eq!(semaphore.available_permits(), 2);
    drop(all);
    assert_eq!(semaphore.available_permits(), 5);
    assert_eq!(Arc::strong_count(&semaphore), 1);
}

#[test]
fn merge_gives_back_all_at_once() {
    let semaphore = Semaphore::new(5);
    let mut permit = semaphore.acquire_many(2).unwrap();
    permit.merge(semaphore.acquire_many(3).unwrap());
    assert_eq!(permit.num_permits(), 5);
    assert_eq!(semaphore.available_permits(), 0);
    drop(permit);
    assert_eq!(semaphore.available_permits(), 5);
}

#[test]
fn forget_permits_takes_what_is_free_and_says_how_many() {
    let semaphore = Semaphore::new(5);
    let taken = semaphore.acquire_many(2).unwrap();
    assert_eq!(semaphore.forget_permits(1), 1);
    assert_eq!(semaphore.forget_permits(9), 2);
    assert_eq!(semaphore.forget_permits(1), 0);
    drop(taken);
    assert_eq!(semaphore.forget_permits(0), 0);
    assert_eq!(semaphore.available_permits(), 2);
}

#[test]
fn forget_permits_takes_them_from_under_a_waiter_that_wants_more() {
    must_end(|| {
        let semaphore = Semaphore::new(2);
        thread::scope(|s| {
            let waiter = asleep(s, || {
                semaphore.acquire_many(3).map(|permit| permit.forget())
            });
            assert_eq!(semaphore.forget_permits(5), 2);
            semaphore.add_permits(2);
            assert_eq!(semaphore.available_permits(), 2);
            assert!(!waiter.is_finished());
            semaphore.add_permits(1);
            assert!(waiter.join().unwrap().is_ok());
            assert_eq!(semaphore.available_permits(), 0);
        });
    });
}

#[test]
fn a_panic_gives_the_permit_back_once() {
    must_end(|| {
        let semaphore = Arc::new(Semaphore::new(2));
        thread::scope(|s| {
            let all = semaphore.acquire_many(2).unwrap();
            let waiter = asleep(s, || semaphore.acquire().is_ok());
            let panicked = s.spawn(move || {
                let _all = all;
                panic!("with the permits in hand");
            });
            assert!(panicked.join().is_err());
            assert!(waiter.join().unwrap());
        });
        assert_eq!(semaphore.available_permits(), 2);
    });
}

/// One step of a program that uses a semaphore.
#[derive(Clone, Copy, Debug)]
enum Step {
    TryAcquire(u32),
    /// Parks for no time at all.
    AcquireForNoTime(u32),
    /// Drops, forgets or splits one of the permits that are held: which one, modulo how many there
    /// are.
    Drop(usize),
    Forget(usize),
    Split(usize, usize),
    /// Merges the last of those that are held into another.
    Merge(usize),
    AddPermits(usize),
    ForgetPermits(usize),
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    let few = 0..6_usize;
    prop_oneof![
        4 => (0..6_u32).prop_map(Step::TryAcquire),
        2 => (0..6_u32).prop_map(Step::AcquireForNoTime),
        3 => any::<usize>().prop_map(Step::Drop),
        1 => any::<usize>().prop_map(Step::Forget),
        2 => (any::<usize>(), few.clone()).prop_map(|(which, n)| Step::Split(which, n)),
        2 => any::<usize>().prop_map(Step::Merge),
        2 => few.clone().prop_map(Step::AddPermits),
        1 => few.prop_map(Step::ForgetPermits),
        1 => Just(Step::Close),
    ]
}

/// The semaphore, and beside it what it should be: how many permits are free, how many each holder
/// has, and whether it is closed.
struct Beside {
    semaphore: Arc<Semaphore>,
    held: Vec<OwnedSemaphorePermit>,
    free: usize,
    holds: Vec<usize>,
    closed: bool,
}

impl Beside {
    fn acquired(
        &mut self,
        wanted: u32,
        result: Result<OwnedSemaphorePermit, TryAcquireError>,
        too_few: TryAcquireError,
    ) {
        let wanted = wanted as usize;
        let expected = match (self.closed, wanted <= self.free) {
            (true, _) => Err(TryAcquireError::Closed),
            (false, false) => Err(too_few),
            (false, true) => Ok(wanted),
        };
        assert_eq!(
            result.as_ref().map(Permit::num_permits),
            expected.as_ref().copied()
        );
        if let Ok(permit) = result {
            self.free -= wanted;
            self.held.push(permit);
            self.holds.push(wanted);
        }
    }

    fn run(&mut self, step: Step) {
        let semaphore = &self.semaphore;
        let holders = self.held.len();
        match step {
            Step::TryAcquire(n) => {
                self.acquired(
                    n,
                    semaphore.clone().try_acquire_many_owned(n),
                    TryAcquireError::NoPermits,
                );
            }
            Step::AcquireForNoTime(n) => {
                let result = semaphore
                    .clone()
                    .try_acquire_many_owned_for(n, Duration::ZERO);
                self.acquired(n, result, TryAcquireError::TimedOut);
            }
            Step::Drop(which) if holders > 0 => {
                drop(self.held.remove(which % holders));
                self.free += self.holds.remove(which % holders);
            }
            Step::Forget(which) if holders > 0 => {
                self.held.remove(which % holders).forget();
                self.holds.remove(which % holders);
            }
            Step::Split(which, n) if holders > 0 => {
                let part = self.held[which % holders].split(n);
                assert_eq!(part.is_some(), n <= self.holds[which % holders]);
                if let Some(part) = part {
                    self.held.push(part);
                    self.holds[which % holders] -= n;
                    self.holds.push(n);
                }
            }
            Step::Merge(which) if holders > 1 => {
                let into = which % (holders - 1);
                let last = self.held.remove(holders - 1);
                self.held[into].merge(last);
                self.holds[into] += self.holds.remove(holders - 1);
            }
            Step::AddPermits(n) => {
                semaphore.add_permits(n);
                self.free += n;
            }
            Step::ForgetPermits(n) => {
                assert_eq!(semaphore.forget_permits(n), n.min(self.free));
                self.free -= n.min(self.free);
            }
            Step::Close => {
                semaphore.close();
                self.closed = true;
            }
            // There are too few to do it to.
            Step::Drop(_) | Step::Forget(_) | Step::Split(..) | Step::Merge(_) => {}
        }
        let holds: Vec<_> = self.held.iter().map(Permit::num_permits).collect();
        assert_eq!(holds, self.holds);
        assert_eq!(self.semaphore.available_permits(), self.free);
        assert_eq!(self.semaphore.is_closed(), self.closed);
        assert_eq!(Arc::strong_count(&self.semaphore), 1 + self.held.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_sequence_of_steps_counts_as_a_plain_count_does(
        permits in 0..6_usize,
        steps in vec(step(), 0..60),
    ) {
        let mut beside = Beside {
            semaphore: Arc::new(Semaphore::new(permits)),
            held: Vec::new(),
            free: permits,
            holds: Vec::new(),
            closed: false,
        };
        for step in steps {
            beside.run(step);
        }
    }
}
