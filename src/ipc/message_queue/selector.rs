//! Selectors: which message a receiver wants, by System V's rules.

use std::ops::RangeInclusive;

/// Which message to receive, of those that are there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Selector {
    /// The first.
    Any,
    /// The first of this type.
    Kind(i64),
    /// The first of any other type.
    Except(i64),
    /// The first of the lowest type, if that is not above this one.
    UpTo(i64),
}

/// Describes a message that was received into a buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message {
    /// Its type.
    pub kind: i64,
    /// Its length, in bytes.
    pub length: usize,
}

/// The types that a message may have.
pub(crate) const KINDS: RangeInclusive<i64> = 1..=i64::MAX;

impl Selector {
    /// Whether a message can ever match.
    pub(crate) fn is_valid(self) -> bool {
        match self {
            Self::Any => true,
            Self::Kind(kind) | Self::Except(kind) | Self::UpTo(kind) => KINDS.contains(&kind),
        }
    }

    /// Whether a message of this type is better than the best one before it.
    #[inline]
    pub(crate) fn prefers(self, kind: i64, best: Option<i64>) -> bool {
        match self {
            Self::Any => best.is_none(),
            Self::Kind(wanted) => best.is_none() && kind == wanted,
            Self::Except(unwanted) => best.is_none() && kind != unwanted,
            Self::UpTo(bound) => kind <= bound && best.is_none_or(|best| kind < best),
        }
    }

    /// Whether no other message can be better than one of this type.
    #[inline]
    pub(crate) fn is_content(self, kind: i64) -> bool {
        !matches!(self, Self::UpTo(_)) || kind == *KINDS.start()
    }
}
