//! Waits on a ledger: until an attempt to change the value succeeds, or the deadline passes.

use super::{ALL_SLOTS, Kind, Ledger, SLOTS};
use crate::policy::awake::stay_awake;
use crate::policy::spin::Spin;
use crate::sys::Ordering::{Acquire, Relaxed};
use crate::sys::deadline::Deadline;
use crate::sys::ipc::kernel::{self, Watched};
use crate::sys::ipc::me::Me;
use crate::sys::robust_word::OWNER_DIED;
use std::ptr;

/// The words that a waiter sleeps on, beside the gate's own.
const WORDS: usize = 3 + SLOTS;
const _: () = assert!(2 + WORDS <= kernel::MOST_WORDS);

/// The words that a waiter has looked at.
struct Sight<'a> {
    words: [(&'a dyn Watched, u32); WORDS],
    /// How many of the words are in use.
    count: usize,
    /// How many slots had been begun.
    used: usize,
}

impl<K: Kind, const GATES: usize> Ledger<K, GATES> {
    /// Attempts until it succeeds; or until the deadline passes, and then once more. It first stays
    /// awake, and then sleeps at the gate as long as the value is the one for which it was refused.
    /// If a thread dies, it first gives back what that one held. After each sleep it calls `woken`.
    ///
    /// The thread is armed, or the ledger pending.
    #[cold]
    pub(crate) fn wait<R>(
        &self,
        me: Me,
        gate: usize,
        deadline: Deadline,
        attempt: impl Fn() -> Result<R, u32>,
        woken: impl Fn(),
    ) -> Option<R> {
        let gate = &self.gates[gate];
        let address = ptr::from_ref(self).addr();
        if let Ok(result) = awake(address, &attempt) {
            return Some(result);
        }
        let (mut in_time, mut has_slept, mut watched) = (true, false, ALL_SLOTS);
        loop {
            let seen = gate.approach();
            if self.used() > watched {
                // The thread that began the slot may have been killed before it woke the other
                // waiters, or have woken only those whose `APPROACHED` bit was there. (Models found
                // both: `latecomer_has_the_slot_that_the_dead_began`,
                // `woken_waiter_tells_of_a_new_slot`.)
                self.open_all(me);
            }
            let mut sight = self.look(me);
            watched = sight.used;
            // A waiter that has slept spins, and always: a value that changes all the time would
            // not let it sleep again. But it approaches first: the opener cleared the bit of those
            // that still sleep, and what this one takes and gives back would wake none of them. And
            // it looks first: if a death woke it, it must wake the others. (Models found both:
            // `a_wish_for_two_lets_another_pass_awake`,
            // `a_killed_writer_lets_two_sleeping_readers_in_mortal_awake`.)
            match attempt_again(has_slept, &attempt) {
                Ok(result) => return Some(result),
                Err(_) if !in_time => return None,
                Err(value) => sight.words[1].1 = value,
            }
            gate.sleep(seen, &sight.words[..sight.count], deadline);
            // Also if it has not slept at all, because a word has changed.
            in_time = !deadline.passed();
            has_slept = in_time;
            woken();
        }
    }

    /// Looks at all words that a waiter watches, and fills in all but the value's.
    fn look(&self, me: Me) -> Sight<'_> {
        // ORDERING: Acquire pairs with the Release in `begin_slot`: retired slots are seen retired.
        let begun = self.used.load(Acquire);
        let used = (begun as usize).min(ALL_SLOTS);
        let mut words: [(&dyn Watched, u32); WORDS] = [self.gates[0].pending_word(); WORDS];
        words[1].0 = &self.state;
        words[2] = (&self.used, begun);
        let mut count = 3;
        for index in (0..used)
            .filter(|index| !self.is_retired(*index))
            .take(SLOTS)
        {
            let word = self.slots[index].word();
            // It never sleeps on a mark of death: the thread that has taken the slot over since may
            // be killed, too, and leave the same mark. (A model found this:
            // `after_a_death_the_recoverer_may_die_too`.)
            let value = loop {
                // ORDERING: Relaxed; if it changes before the thread sleeps, it does not sleep.
                let value = word.load(Relaxed);
                if value & OWNER_DIED == 0 {
                    break value;
                }
                self.recover_slot(me, index);
            };
            words[count] = (word, value);
            count += 1;
        }
        Sight { words, count, used }
    }
}

/// Attempts once, and again as long as it is worth while to stay awake at this address. Returns the
/// last refusal.
fn awake<R>(address: usize, attempt: impl Fn() -> Result<R, u32>) -> Result<R, u32> {
    let mut result = attempt();
    if result.is_err() {
        stay_awake(address, || {
            result = attempt();
            result.is_ok()
        });
    }
    result
}

/// Attempts once; and if the thread `has_slept`, again as long as it is worth while to spin.
/// Returns the last refusal.
fn attempt_again<R>(has_slept: bool, attempt: impl Fn() -> Result<R, u32>) -> Result<R, u32> {
    let mut spin = has_slept.then(Spin::new);
    loop {
        match attempt() {
            Err(_) if spin.as_mut().is_some_and(Spin::again) => {}
            done => return done,
        }
    }
}
