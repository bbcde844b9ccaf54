//! An operation in whose middle a process is killed: after each of its machine instructions, where
//! it sleeps, and just after it was woken.

use crate::trace::{Pace, State, Traced};
use common::processes::Child;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What processes share: memory with a `T` in it, or a `T` that has its own.
pub(crate) type Common<T> = Box<dyn Deref<Target = T>>;

/// A `T` that shares by itself what is in it.
pub(crate) fn own<T: 'static>(it: T) -> Common<T> {
    struct Own<T>(T);
    impl<T> Deref for Own<T> {
        type Target = T;

        fn deref(&self) -> &T {
            &self.0
        }
    }
    Box::new(Own(it))
}

/// What happens around the operation.
pub(crate) struct Scenario<T: 'static> {
    pub(crate) name: &'static str,
    /// What they share, as it is in the beginning.
    pub(crate) new: fn() -> Common<T>,
    /// What the doomed process does before the operation.
    pub(crate) before: fn(&T),
    /// The operation.
    pub(crate) operation: fn(&T),
    /// What others do at the same time, each a process. They are asleep when the operation begins,
    /// if they ever sleep, and must end, whatever happens to the doomed one.
    pub(crate) others: &'static [fn(&T)],
    /// What the test itself does first, and undoes when the doomed process sleeps, or is dead.
    pub(crate) hold: fn(&T),
    pub(crate) let_go: fn(&T),
    /// What must be true when all have ended.
    pub(crate) check: fn(&T),
}

/// The instruction at an address, when it comes there for the so manieth time.
type Place = (u64, usize);

/// Where the doomed process is killed.
#[derive(Clone, Copy, Debug)]
enum At {
    /// Where it is about to execute an instruction. Where it has to sleep before that, it is woken.
    Visit(Place, Pace),
    /// After the operation.
    End,
    /// At its first sleep.
    Sleep,
    /// When it has been woken from that, and has not run yet.
    Wake,
}

/// The way that it went.
#[derive(Default)]
struct Walk {
    /// How often it came to the instruction at each address.
    visits: BTreeMap<u64, usize>,
    slept: bool,
    killed_in_time: bool,
}

impl<T> Scenario<T> {
    fn kill(&self, at: At) -> Walk {
        let it = (self.new)();
        (self.hold)(&it);
        let doomed = Traced::fork(|| (self.before)(&it), || (self.operation)(&it));
        let mut walk = Walk::default();
        let others;
        match at {
            At::Visit(..) | At::End => {
                others = self.others(&it);
                walk = self.walk(&doomed, at, &it);
                doomed.kill();
                if !walk.slept {
                    (self.let_go)(&it);
                }
            }
            // It is the first that is woken.
            At::Sleep | At::Wake => {
                walk.slept = doomed.run_until_asleep();
                others = self.others(&it);
                if walk.slept && matches!(at, At::Wake) {
                    doomed.kill_woken_by(|| (self.let_go)(&it));
                } else {
                    doomed.kill();
                    (self.let_go)(&it);
                }
            }
        }
        others.into_iter().for_each(Child::succeed);
        // By a process that is seen to hang.
        Child::fork(|| (self.check)(&it)).succeed();
        walk
    }

    fn others(&self, it: &T) -> Vec<Child> {
        let others = self.others.iter().map(|other| Child::fork(|| other(it)));
        let others: Vec<_> = others.collect();
        others.iter().for_each(Child::until_asleep_or_done);
        others
    }

    fn walk(&self, doomed: &Traced, at: At, it: &T) -> Walk {
        let pace = match at {
            At::Visit((address, _), Pace::ToTheBreakpoint) => {
                doomed.break_at(address);
                Pace::ToTheBreakpoint
            }
            _ => Pace::OneInstruction,
        };
        let mut walk = Walk::default();
        loop {
            // At a breakpoint it stops when it comes there, not if it stands there.
            let address = doomed.next_instruction();
            let visits = walk.visits.entry(address).or_default();
            *visits += 1;
            if matches!(at, At::Visit(place, _) if place == (address, *visits)) {
                walk.killed_in_time = true;
                return walk;
            }
            let mut state = doomed.go(pace);
            if state == State::Asleep {
                if !walk.slept {
                    (self.let_go)(it);
                }
                walk.slept = true;
                state = doomed.after_sleeping(pace);
            }
            if state == State::Done {
                return walk;
            }
        }
    }

    /// As `kill`; if that fails, says of what.
    fn try_kill(&self, at: At) -> Walk {
        let walk = catch_unwind(AssertUnwindSafe(|| self.kill(at)));
        walk.unwrap_or_else(|_| panic!("{}, killed at {at:?}", self.name))
    }

    /// Kills it before every instruction, or before some that are drawn. Returns how often.
    pub(crate) fn kill_everywhere(&self, all: bool) -> usize {
        /// How many are drawn.
        const SAMPLE: usize = 12;
        /// It does not always go the same way. Where it comes to in so many walks is found.
        const WALKS: usize = 10;
        /// Nor does it always come to a place again, least of all at another pace.
        const TRIES: [Pace; 6] = {
            use Pace::{OneInstruction as Slow, ToTheBreakpoint as Fast};
            [Fast, Fast, Slow, Slow, Fast, Slow]
        };
        let mut most = BTreeMap::new();
        let mut sleeps = false;
        for _ in 0..if all { WALKS } else { 1 } {
            let walk = self.try_kill(At::End);
            sleeps |= walk.slept;
            for (address, visits) in walk.visits {
                let most = most.entry(address).or_insert(0);
                *most = visits.max(*most);
            }
        }
        let mut places = places(&most);
        let count = places.len();
        if !all {
            fastrand::shuffle(&mut places);
            places.truncate(SAMPLE);
        }
        let try_place = |place: &Place| {
            let mut tries = TRIES.iter();
            tries.any(|pace| self.try_kill(At::Visit(*place, *pace)).killed_in_time)
        };
        let missed = places.iter().filter(|place| !try_place(place)).count();
        let mut kills = places.len();
        if sleeps {
            for _ in 0..if all { 100 } else { 2 } {
                self.try_kill(At::Sleep);
                self.try_kill(At::Wake);
                kills += 2;
            }
        }
        println!(
            "{}: {} instructions, {count} places to be killed at, killed {kills} times, \
             {missed} not reached again",
            self.name,
            most.values().sum::<usize>()
        );
        kills
    }
}

/// Every execution of every instruction; in a long operation the first, the second and the last of
/// each.
fn places(most: &BTreeMap<u64, usize>) -> Vec<Place> {
    const LONG: usize = 1000;
    let is_long = most.values().sum::<usize>() > LONG;
    let nths = |visits| (1..=visits).filter(move |nth| !is_long || *nth <= 2 || *nth == visits);
    let places = most
        .iter()
        .map(|(address, visits)| nths(*visits).map(|nth| (*address, nth)));
    places.flatten().collect()
}
