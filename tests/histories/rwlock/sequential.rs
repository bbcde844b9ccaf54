//! What a reader-writer lock may do.
//!
//! Writing takes two steps: a writer *claims* the lock, and begins to write when the readers have
//! left. A thread that gives up may have claimed it meanwhile. A claim may keep others out, and
//! need not: the lock is kept for a thread that has waited for long, and others come in if that
//! thread does not, so a claim excludes no thread for certain.
//!
//! The crate does not promise that a failing `try_write` or `try_upgrade` has met a thread inside:
//! it may also have met a reader that was trying at the same time, or a writer or reader on its way
//! out. Such a thread is *near*.
//!
//! A fair release *hands* the lock to a thread that waits. While it looks which one that is, it
//! keeps all others out, as if that were a writer.

use crate::checker::{Specification, THREADS};

/// Each writer counts up what the lock protects, just before it leaves.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// Comes near.
    Approach,
    Read {
        found: u8,
        #[allow(
            dead_code,
            reason = "a history that is not linearizable is shown with it"
        )]
        recursive: bool,
    },
    ReadUpgradably {
        found: u8,
    },
    Claim,
    Write {
        found: u8,
    },
    /// Why trying to read fails.
    Refused {
        recursive: bool,
    },
    /// Why trying to read upgradably fails.
    RefusedUpgradable,
    /// Why trying to write, or to upgrade, fails.
    RefusedWrite,
    /// Gives up a claim, if it has one, and is near.
    Unclaim,
    /// Releases what it holds, and is near.
    Unlock,
    /// As `Unlock`, and hands the lock over until it leaves.
    UnlockFairly,
    /// Becomes a reader.
    Downgrade,
    DowngradeToUpgradable,
    /// Is not near any more.
    Leave,
}

impl Step {
    /// Has given up reading.
    pub(crate) const LEFT: [Step; 2] = [Step::Approach, Step::Leave];
    pub(crate) const REFUSED_WRITE: [Step; 4] =
        [Step::Claim, Step::RefusedWrite, Step::Unclaim, Step::Leave];
    pub(crate) const LATE_WRITE: [Step; 4] =
        [Step::Approach, Step::Claim, Step::Unclaim, Step::Leave];

    pub(crate) fn wrote(found: u8) -> [Step; 2] {
        [Step::Claim, Step::Write { found }]
    }

    pub(crate) fn refused(recursive: bool) -> [Step; 3] {
        [Step::Approach, Step::Refused { recursive }, Step::Leave]
    }
}

#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Sequential {
    value: u8,
    /// How often each thread reads.
    readers: [u8; THREADS],
    near: [bool; THREADS],
    hands: [bool; THREADS],
    /// Also while it upgrades.
    upgradable: Option<usize>,
    claims: [bool; THREADS],
    writer: Option<usize>,
}

impl Sequential {
    fn is_read(&self) -> bool {
        self.readers != [0; THREADS]
    }

    /// Whether a writer is inside, or another upgradable reader than this thread.
    fn is_taken(&self, thread: usize) -> bool {
        self.writer.is_some() || self.upgradable.is_some_and(|owner| owner != thread)
    }

    fn others_claim(&self, thread: usize) -> bool {
        (0..THREADS).any(|other| other != thread && self.claims[other])
    }

    fn others_are_near(&self, thread: usize) -> bool {
        (0..THREADS).any(|other| other != thread && self.near[other])
    }

    fn is_handed_over(&self) -> bool {
        self.hands != [false; THREADS]
    }

    /// Whether the step may be taken now.
    fn allows(&self, thread: usize, step: Step) -> bool {
        let is_whole = self.upgradable == Some(thread) || self.writer == Some(thread);
        match step {
            Step::Approach | Step::Leave | Step::Claim | Step::Unclaim => true,
            Step::Read { found, .. } => found == self.value && self.writer.is_none(),
            Step::ReadUpgradably { found } => {
                found == self.value && self.writer.is_none() && self.upgradable.is_none()
            }
            Step::Write { found } => {
                found == self.value && !self.is_taken(thread) && !self.is_read()
            }
            // A recursive reader passes those that wait for others. One that waits for none any
            // more is inside, though it may find that its time is up before it finds that.
            Step::Refused { recursive } => {
                let is_kept = self.others_claim(thread) || self.is_handed_over();
                self.writer.is_some() || (is_kept && !(recursive && self.is_read()))
            }
            // The lock may be kept for a reader that waits.
            Step::RefusedUpgradable => {
                let is_taken = self.writer.is_some() || self.upgradable.is_some();
                is_taken || self.others_claim(thread) || self.others_are_near(thread)
            }
            Step::RefusedWrite => {
                let is_taken = self.is_read() || self.is_taken(thread);
                is_taken || self.others_claim(thread) || self.others_are_near(thread)
            }
            Step::Unlock | Step::UnlockFairly => self.readers[thread] > 0 || is_whole,
            Step::Downgrade => is_whole,
            Step::DowngradeToUpgradable => self.writer == Some(thread),
        }
    }

    fn release(&mut self, thread: usize) {
        if self.writer == Some(thread) {
            self.value += 1;
            self.writer = None;
        } else if self.upgradable == Some(thread) {
            self.upgradable = None;
        } else {
            self.readers[thread] -= 1;
        }
    }
}

impl Specification for Sequential {
    type Step = Step;

    /// A thread that gives up, or finds the lock free, may never have claimed it.
    fn is_optional(step: Step) -> bool {
        matches!(step, Step::Claim)
    }

    fn after(&self, thread: usize, step: Step) -> Option<Self> {
        if !self.allows(thread, step) {
            return None;
        }
        let mut next = self.clone();
        match step {
            Step::Approach => next.near[thread] = true,
            Step::Leave => {
                next.near[thread] = false;
                next.hands[thread] = false;
            }
            Step::Read { .. } => {
                next.near[thread] = false;
                next.readers[thread] += 1;
            }
            Step::ReadUpgradably { .. } => next.upgradable = Some(thread),
            Step::Claim => next.claims[thread] = true,
            Step::Write { .. } => {
                next.claims[thread] = false;
                next.upgradable = None;
                next.writer = Some(thread);
            }
            Step::Unclaim => {
                next.near[thread] = true;
                next.claims[thread] = false;
            }
            Step::Unlock | Step::UnlockFairly => {
                next.near[thread] = true;
                next.hands[thread] = matches!(step, Step::UnlockFairly);
                next.release(thread);
            }
            Step::Downgrade => {
                next.release(thread);
                next.readers[thread] += 1;
            }
            Step::DowngradeToUpgradable => {
                next.release(thread);
                next.upgradable = Some(thread);
            }
            Step::Refused { .. } | Step::RefusedUpgradable | Step::RefusedWrite => {}
        }
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::Sequential;
    use super::Step::{self, *};
    use crate::checker::{self, history};

    const READ: [Step; 2] = [
        Approach,
        Read {
            found: 0,
            recursive: false,
        },
    ];

    fn is_right<const N: usize>(calls: [(usize, u32, u32, &[Step]); N]) -> bool {
        checker::is_linearizable(Sequential::default(), &history(calls))
    }

    #[test]
    fn a_reader_may_be_refused_by_a_writer_that_gives_up() {
        assert!(is_right([
            (0, 0, 1, &READ),
            (1, 2, 5, &Step::LATE_WRITE),
            (2, 3, 4, &Step::refused(false)),
            (0, 6, 7, &[Unlock, Leave]),
        ]));
    }

    #[test]
    fn a_reader_that_is_refused_with_no_writer_about_is_found() {
        assert!(!is_right([
            (0, 0, 1, &READ),
            (1, 2, 3, &Step::LATE_WRITE),
            (2, 4, 5, &Step::refused(false)),
        ]));
    }

    #[test]
    fn a_reader_may_be_refused_while_the_lock_is_handed_over() {
        let upgradable = [ReadUpgradably { found: 0 }];
        assert!(is_right([
            (0, 0, 1, &upgradable),
            (1, 2, 7, &upgradable),
            (0, 3, 6, &[UnlockFairly, Leave]),
            (2, 4, 5, &Step::refused(true)),
        ]));
    }

    #[test]
    fn a_recursive_reader_that_is_refused_while_the_lock_is_handed_over_is_found() {
        let upgradable = [ReadUpgradably { found: 0 }];
        assert!(!is_right([
            (2, 0, 1, &READ),
            (0, 2, 3, &upgradable),
            (1, 4, 9, &upgradable),
            (0, 5, 8, &[UnlockFairly, Leave]),
            (2, 6, 7, &Step::refused(true)),
        ]));
    }

    #[test]
    fn a_writer_may_lose_its_claim_to_another() {
        assert!(is_right([
            (0, 0, 1, &READ),
            (1, 2, 11, &Step::wrote(1)),
            (2, 3, 4, &Step::refused(false)),
            (0, 5, 6, &[Unlock, Leave]),
            (2, 7, 8, &Step::wrote(0)),
            (2, 9, 10, &[Unlock, Leave]),
        ]));
    }

    #[test]
    fn two_writers_inside_are_found() {
        assert!(!is_right([
            (0, 0, 1, &Step::wrote(0)),
            (1, 2, 3, &Step::wrote(0)),
            (0, 4, 5, &[Unlock, Leave]),
        ]));
    }

    #[test]
    fn a_writer_beside_a_reader_is_found() {
        assert!(!is_right([
            (0, 0, 1, &READ),
            (1, 2, 3, &Step::wrote(0)),
            (0, 4, 5, &[Unlock, Leave]),
        ]));
    }

    #[test]
    fn a_writer_between_a_downgrade_and_what_it_reads_is_found() {
        assert!(!is_right([
            (0, 0, 1, &Step::wrote(0)),
            (0, 2, 5, &[DowngradeToUpgradable]),
            (1, 3, 8, &Step::wrote(1)),
            (1, 9, 10, &[Unlock, Leave]),
            (0, 6, 7, &[Step::Claim, Write { found: 2 }]),
        ]));
    }

    #[test]
    fn a_second_upgradable_reader_is_found() {
        let upgradable = [ReadUpgradably { found: 0 }];
        assert!(!is_right([
            (0, 0, 1, &upgradable),
            (1, 2, 3, &upgradable),
            (0, 4, 5, &[Unlock, Leave]),
        ]));
    }

    #[test]
    fn a_recursive_reader_that_is_refused_is_found() {
        assert!(!is_right([
            (0, 0, 1, &READ),
            (1, 2, 5, &Step::LATE_WRITE),
            (0, 3, 4, &Step::refused(true)),
        ]));
    }

    #[test]
    fn a_recursive_reader_may_be_refused_by_a_writer_that_waits_for_nobody_and_gives_up() {
        assert!(is_right([
            (0, 0, 1, &READ),
            (1, 2, 7, &Step::LATE_WRITE),
            (0, 3, 4, &[Unlock, Leave]),
            (2, 5, 6, &Step::refused(true)),
        ]));
    }
}
