//! What one measurement of one peer has found, and what its figures mean.

use hdrhistogram::Histogram;

use super::slice::Slice;

/// What one measurement of one peer has found.
pub struct Sample {
    /// One for each [`Aspect`] of the question, and maybe more; NaN where it could not be measured.
    pub figures: Vec<f64>,
    /// How long the timed threads have waited, in nanoseconds.
    pub waits: Option<Histogram<u64>>,
}

impl Sample {
    /// Throughput, and what it costs.
    pub fn rate(slice: &Slice) -> Self {
        Self::of(slice, vec![slice.rate()])
    }

    /// The time that one operation takes, and what it costs.
    pub fn time(slice: &Slice) -> Self {
        Self::of(slice, vec![slice.nanoseconds()])
    }

    /// The processor time that one operation takes, in nanoseconds: of an operation that never
    /// waits, so that what other processes do does not count.
    pub fn cpu(slice: &Slice) -> Self {
        Self::of(slice, vec![slice.cpu() * 1e3])
    }

    /// Figures that were found in a slice, followed by those of [`CPU`] and [`SWITCHES`].
    pub fn of(slice: &Slice, mut figures: Vec<f64>) -> Self {
        figures.push(slice.cpu());
        figures.extend(slice.switches());
        Self::figures(figures)
    }

    /// Figures that were found in another way.
    pub fn figures(figures: Vec<f64>) -> Self {
        let waits = None;
        Self { figures, waits }
    }
}

/// In what an aspect counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Counts {
    /// In the regret.
    Speed,
    /// In the mean of the processor time.
    Cpu,
    /// In nothing: it explains the others.
    Nothing,
}

/// What a figure means.
#[derive(Clone, Copy)]
pub struct Aspect {
    /// Follows the name of the row; empty for the only aspect, or the first.
    pub name: &'static str,
    pub unit: &'static str,
    pub more_is_better: bool,
    pub counts: Counts,
}

/// What all threads together get done.
pub const THROUGHPUT: Aspect = Aspect {
    name: "",
    unit: "M/s",
    more_is_better: true,
    counts: Counts::Speed,
};

/// How long it takes once.
pub const NANOSECONDS: Aspect = Aspect {
    name: "",
    unit: "ns",
    more_is_better: false,
    counts: Counts::Speed,
};

/// The processor time of an operation, of all threads together.
pub const CPU: Aspect = Aspect {
    name: ": CPU",
    unit: "µs",
    more_is_better: false,
    counts: Counts::Cpu,
};

/// How often threads gave up the processor, and how often they lost it, in a thousand operations.
pub const SWITCHES: [Aspect; 2] = [
    Aspect {
        name: ": voluntary switches",
        unit: "/k",
        more_is_better: false,
        counts: Counts::Nothing,
    },
    Aspect {
        name: ": involuntary switches",
        unit: "/k",
        more_is_better: false,
        counts: Counts::Nothing,
    },
];
