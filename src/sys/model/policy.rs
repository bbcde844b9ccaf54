//! `src/policy` in a model: what is decided by time or by experience there is a choice here.

use super::{Bias, bias, impatient};
use crate::sys::deadline::Deadline;

pub(crate) struct Starvation;

impl Starvation {
    pub(crate) fn new() -> Self {
        Starvation
    }

    pub(crate) fn is_reached(&mut self) -> bool {
        impatient()
    }

    pub(crate) fn limit(deadline: Deadline) -> Deadline {
        deadline
    }
}

/// `src/policy/spin.rs` in a model. A spinning thread looks again where a parking one would do so
/// later, which mostly explores what parking does. So here it looks only once, and only where the
/// model asks for it ([`Choices::awake`]).
pub(crate) mod spin {
    use std::time::Duration;

    pub(crate) const QUIET: Duration = Duration::ZERO;
    pub(crate) const QUIET_FOR_PERMITS: Duration = Duration::ZERO;

    pub(crate) struct Spin {
        is_over: bool,
    }

    impl Spin {
        pub(crate) fn new() -> Self {
            Spin {
                is_over: !super::super::CHOICES.get().awake,
            }
        }

        pub(crate) fn unyielding() -> Self {
            Spin::new()
        }

        pub(crate) fn hot(_: Duration) -> Self {
            Spin::new()
        }

        pub(crate) fn woken() -> Self {
            Spin::new()
        }

        pub(crate) fn with_yields(self, _: u32) -> Self {
            self
        }

        pub(crate) fn is_rested(&mut self) -> bool {
            false
        }

        pub(crate) fn got_it(self) {}

        pub(crate) fn again(&mut self) -> bool {
            !std::mem::replace(&mut self.is_over, true)
        }
    }

    pub(crate) fn give_way() {}
}

/// `src/policy/handoff.rs` in a model: where waiters starve, every release may be a direct handoff.
pub(crate) mod handoff {
    pub(crate) fn due(_: usize) -> bool {
        super::super::impatient()
    }

    pub(crate) fn is_sampled() -> bool {
        true
    }

    pub(crate) fn record(_: usize) {}
}

/// `src/policy/lease.rs` in a model: a choice ([`Choices::stalled`], [`Choices::lasting`]).
pub(crate) mod lease {
    // A nap ends at once, however long it is. A round comes only with `Choices::looking`.
    pub(crate) const LONGEST: std::time::Duration = std::time::Duration::from_secs(1);
    pub(crate) const ROUND: std::time::Duration = std::time::Duration::from_secs(3600);

    pub(crate) fn begin(_: u32) -> u32 {
        0
    }

    pub(crate) fn is_over(_: u32, _: u32) -> bool {
        let choices = super::super::CHOICES.get();
        choices.stalled || choices.lasting && super::super::lot::has_napped()
    }

    /// Where no lease is ever over, there are no watchers either: that shortens the search.
    pub(crate) fn may_stall() -> bool {
        let choices = super::super::CHOICES.get();
        choices.stalled || choices.lasting
    }
}

/// `src/policy/awake.rs` in a model.
pub(crate) mod awake {
    /// It looks only once, and only where the model asks for it: as [`super::spin`].
    pub(crate) fn stay_awake(_: usize, mut is_woken: impl FnMut() -> bool) -> bool {
        super::super::CHOICES.get().awake && is_woken()
    }

    /// When a thread runs is the model's choice.
    pub(crate) fn let_holder_leave(_: impl Fn() -> bool) {}
}

/// `src/policy/worth.rs` in a model.
pub(crate) mod worth {
    use super::{Bias, bias};

    #[derive(Clone, Copy)]
    pub(crate) enum Earned {
        Alone,
        BesideOthers,
    }

    pub(crate) fn begins(_: usize, _: Earned, _: fn() -> usize) -> bool {
        bias() == Bias::Warming
    }

    pub(crate) fn promotes() -> bool {
        bias() == Bias::Warming
    }
}
