//! What a reader-writer lock may do.
//!
//! Writing takes two steps: a writer *claims* the lock, which keeps new readers and other writers out, and begins to write
//! when those who read have left. Somebody who gives up may have claimed it meanwhile.
//!
//! The crate does not promise that a failing `try_write` or `try_upgrade` has met somebody inside: it may also have met a
//! reader that was trying at the same time, or a writer or reader on its way out. Such a thread is *near*.

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
    /// Also while it upgrades.
    upgradable: Option<usize>,
    claimed: Option<usize>,
    /// By whom has claimed it.
    written: bool,
}

impl Sequential {
    fn is_read(&self) -> bool {
        self.readers != [0; THREADS]
    }

    /// Whether a reader that comes now may get in: also one that a claim might have kept out, for a
    /// writer claims the lock only once it has waited for long, and may lose that to others.
    fn is_readable(&self) -> bool {
        !self.written
    }

    /// Whether there is a writer, or an upgradable reader, other than this thread.
    fn is_taken(&self, thread: usize) -> bool {
        let other = |owner: Option<usize>| owner.is_some_and(|owner| owner != thread);
        other(self.claimed) || other(self.upgradable)
    }

    fn others_are_near(&self, thread: usize) -> bool {
        (0..THREADS).any(|other| other != thread && self.near[other])
    }

    /// Whether the step may be taken now.
    fn allows(&self, thread: usize, step: Step) -> bool {
        let mine = self.claimed == Some(thread);
        let reads = self.readers[thread] > 0;
        match step {
            Step::Approach | Step::Leave | Step::Unclaim => true,
            Step::Read { found, .. } => found == self.value && self.is_readable(),
            Step::ReadUpgradably { found } => {
                found == self.value && self.claimed.is_none() && self.upgradable.is_none()
            }
            Step::Claim => self.claimed.is_none() && !self.is_taken(thread),
            Step::Write { found } => mine && found == self.value && !self.is_read(),
            // A recursive reader passes those who wait for others. One who waits for nobody any more is inside, though it
            // may find that its time is up before it finds that.
            Step::Refused { recursive } => {
                let waits = !self.written && self.is_read();
                self.claimed.is_some() && !(recursive && waits)
            }
            // The lock may be kept for a reader that waits.
            Step::RefusedUpgradable => {
                let is_taken = self.claimed.is_some() || self.upgradable.is_some();
                is_taken || self.others_are_near(thread)
            }
            Step::RefusedWrite => {
                self.is_read() || self.is_taken(thread) || self.others_are_near(thread)
            }
            Step::Unlock => reads || self.upgradable == Some(thread) || (mine && self.written),
            Step::Downgrade => self.upgradable == Some(thread) || (mine && self.written),
            Step::DowngradeToUpgradable => mine && self.written,
        }
    }

    fn release(&mut self, thread: usize) {
        if self.claimed == Some(thread) {
            self.value += 1;
            self.claimed = None;
            self.written = false;
        } else if self.upgradable == Some(thread) {
            self.upgradable = None;
        } else {
            self.readers[thread] -= 1;
        }
    }
}

impl Specification for Sequential {
    type Step = Step;

    /// Those who give up may never have claimed it. (Nobody writes without a claim.)
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
            Step::Leave => next.near[thread] = false,
            Step::Read { .. } => {
                next.near[thread] = false;
                next.readers[thread] += 1;
            }
            Step::ReadUpgradably { .. } => next.upgradable = Some(thread),
            Step::Claim => next.claimed = Some(thread),
            Step::Write { .. } => {
                next.upgradable = None;
                next.written = true;
            }
            Step::Unclaim => {
                next.near[thread] = true;
                next.claimed = next.claimed.filter(|&owner| owner != thread);
            }
            Step::Unlock => {
                next.near[thread] = true;
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
