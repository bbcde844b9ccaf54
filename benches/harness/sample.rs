//! What one measurement of one peer has found, and what its figures mean.

use hdrhistogram::Histogram;

use super::slice::Slice;

/// What one measurement of one peer has found.
pub struct Sample {
    /// One for each [`Aspect`] of the question; NaN where it could not be measured.
    pub figures: Vec<f64>,
    /// Processor seconds for a million operations.
    pub cpu: Option<f64>,
    /// How long those who were timed have waited, in nanoseconds.
    pub waits: Option<Histogram<u64>>,
}

impl Sample {
    /// Throughput.
    pub fn rate(slice: &Slice) -> Self {
        Self::of(slice, vec![slice.rate()])
    }

    /// The time that one operation takes.
    pub fn time(slice: &Slice) -> Self {
        Self::of(slice, vec![slice.nanoseconds()])
    }

    /// The processor time that one operation takes, in nanoseconds: of one that never waits, so what others do does not
    /// count.
    pub fn cpu(slice: &Slice) -> Self {
        Self::of(slice, vec![slice.cpu() * 1e3])
    }

    /// Figures that were found in a slice.
    pub fn of(slice: &Slice, figures: Vec<f64>) -> Self {
        Self {
            cpu: Some(slice.cpu()),
            ..Self::figures(figures)
        }
    }

    /// Figures that were found in another way.
    pub fn figures(figures: Vec<f64>) -> Self {
        Self {
            figures,
            cpu: None,
            waits: None,
        }
    }
}

/// What a figure means.
pub struct Aspect {
    /// Follows the name of the row; empty for the only aspect, or the first.
    pub name: &'static str,
    pub unit: &'static str,
    pub more_is_better: bool,
}

/// What all threads together get done.
pub const THROUGHPUT: Aspect = Aspect {
    name: "",
    unit: "M/s",
    more_is_better: true,
};

/// How long it takes once.
pub const NANOSECONDS: Aspect = Aspect {
    name: "",
    unit: "ns",
    more_is_better: false,
};
